//! [`CLOUDS`]: one entry per Microsoft cloud, and [`Addresses`]: those of an organization.
//!
//! A cell that nobody documents is `None` and stays unknown: asking for it is an [`UnknownCell`] that names the key of
//! the organization file that fills it. Nothing is guessed. Sources: the how-to page (S), the cloud table of
//! CSS-Exchange `Get-CloudServiceEndpoint.ps1` (C), live answers of each host (M), a recorded `Test-OAuthConnectivity`
//! of 21Vianet (Q).

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, error::Error, fmt};

/// The name of a Microsoft cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloudName {
    /// The public cloud, and GCC.
    Worldwide,
    /// US government, L4.
    GccHigh,
    /// US Department of Defense, L5.
    Dod,
    /// Operated by 21Vianet.
    China,
    /// France, operated by Bleu.
    Bleu,
    /// Germany, operated by Delos.
    Delos,
}

impl CloudName {
    /// The word of the organization file and the command line.
    pub fn word(self) -> &'static str {
        self.entry().word
    }

    /// The entry of the table.
    pub fn entry(self) -> &'static Cloud {
        &CLOUDS[self as usize]
    }

    /// Finds a cloud by its word.
    pub fn from_word(word: &str) -> Option<Self> {
        CLOUDS
            .iter()
            .find(|cloud| cloud.word == word)
            .map(|cloud| cloud.name)
    }
}

impl fmt::Display for CloudName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.entry().title)
    }
}

/// A column of the table: an address or value that differs between clouds.
///
/// Metadata addresses hold `{tenant}` where the initial domain or tenant id goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The sign-in service, `https://host`.
    Login,
    /// Microsoft Graph, `https://host`.
    Graph,
    /// Exchange Online's REST admin API and EWS, `https://host`.
    ExchangeOnline,
    /// Autodiscover of Exchange Online for intra-organization connectors, `https://host`.
    Autodiscover,
    /// The metadata document of the Access Control Service.
    AcsMetadata,
    /// The federation metadata document of the security token service.
    StsMetadata,
    /// The application identifier of the token service in Exchange Online's challenge.
    TokenService,
    /// The suffix of initial domains.
    InitialDomainSuffix,
}

impl Cell {
    /// All columns, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::Graph,
        Self::ExchangeOnline,
        Self::Autodiscover,
        Self::AcsMetadata,
        Self::StsMetadata,
        Self::TokenService,
        Self::InitialDomainSuffix,
    ];

    /// The key of `[endpoints]` in the organization file, which is also the property of `cloud` in scripts.
    pub fn key(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Graph => "graph",
            Self::ExchangeOnline => "exchange_online",
            Self::Autodiscover => "autodiscover",
            Self::AcsMetadata => "acs_metadata",
            Self::StsMetadata => "sts_metadata",
            Self::TokenService => "token_service",
            Self::InitialDomainSuffix => "initial_domain_suffix",
        }
    }

    /// Finds a column by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cell| cell.key() == key)
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Cloud {
    /// The name.
    pub name: CloudName,
    /// The word of the organization file and the command line.
    pub word: &'static str,
    /// The title for people.
    pub title: &'static str,
    /// Whether on-premises Exchange may ask Microsoft Graph there instead of Exchange Web Services.
    pub graph_flow: bool,
    cells: [Option<&'static str>; 8],
}

impl Cloud {
    /// The value of a column; `None` where nobody documents it.
    pub fn cell(&self, cell: Cell) -> Option<&'static str> {
        self.cells[cell as usize]
    }
}

/// Where a virtual machine of Azure asks for its own identity, in every cloud.
pub const INSTANCE_METADATA: &str = "http://169.254.169.254";

/// Domains of Exchange Online in all clouds, by which a relationship with it is told from one with somebody else
/// (CSS-Exchange `ConfigureExchangeHybridApplication.ps1`).
const MICROSOFT_DOMAINS: [&str; 8] = [
    "office365.com",
    "office365.us",
    "office365-net.us",
    "office.com",
    "cloud.microsoft",
    "outlook.com",
    "outlook.cn",
    "apps.mil",
];

/// Says whether an address is one of Exchange Online, in any cloud.
///
/// ```
/// use exoauth::cloud::is_microsoft_address;
///
/// assert!(is_microsoft_address("https://Autodiscover-s.outlook.com/autodiscover/autodiscover.svc"));
/// assert!(is_microsoft_address("https://outlook.sovcloud.fr/"));
/// assert!(!is_microsoft_address("https://outlook.com.example/"));
/// assert!(!is_microsoft_address("outlook.com"));
/// ```
pub fn is_microsoft_address(address: &str) -> bool {
    let host = |address: &str| {
        let (_, rest) = address.split_once("://")?;
        let host = rest.split(['/', ':', '?', '#']).next()?;
        Some(host.to_ascii_lowercase())
    };
    let Some(asked) = host(address) else {
        return false;
    };
    let below = |domain: &&str| {
        asked
            .strip_suffix(*domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let own = |cloud: &Cloud| {
        [Cell::ExchangeOnline, Cell::Autodiscover]
            .into_iter()
            .filter_map(|cell| host(cloud.cell(cell)?))
            .any(|host| host == asked)
    };
    MICROSOFT_DOMAINS.iter().any(below) || CLOUDS.iter().any(own)
}

/// The table of clouds; the order of the rows is that of [`CloudName`], of the cells that of [`Cell::ALL`].
pub const CLOUDS: [Cloud; 6] = [
    Cloud {
        name: CloudName::Worldwide,
        word: "worldwide",
        title: "Worldwide (and GCC)",
        graph_flow: true,
        cells: [
            Some("https://login.microsoftonline.com"), // C
            Some("https://graph.microsoft.com"),       // C
            Some("https://outlook.office365.com"),     // S, M
            Some("https://outlook.office365.com"),     // S
            Some("https://accounts.accesscontrol.windows.net/{tenant}/metadata/json/1"), // S
            Some(
                "https://login.windows.net/{tenant}/federationmetadata/2007-06/federationmetadata.xml",
            ), // S
            Some("00000001-0000-0000-c000-000000000000"), // M
            Some("onmicrosoft.com"),                   // C
        ],
    },
    Cloud {
        name: CloudName::GccHigh,
        word: "gcc-high",
        title: "US government, GCC High",
        graph_flow: false,
        cells: [
            Some("https://login.microsoftonline.us"),    // C
            Some("https://graph.microsoft.us"),          // C
            Some("https://outlook.office365.us"),        // C, M
            Some("https://autodiscover-s.office365.us"), // C
            Some("https://login.microsoftonline.us/{tenant}/metadata/json/1"), // S
            Some(
                "https://login.microsoftonline.us/{tenant}/federationmetadata/2007-06/federationmetadata.xml",
            ), // S
            None,
            Some("onmicrosoft.us"), // C
        ],
    },
    Cloud {
        name: CloudName::Dod,
        word: "dod",
        title: "US Department of Defense",
        graph_flow: false,
        cells: [
            Some("https://login.microsoftonline.us"),        // C
            Some("https://dod-graph.microsoft.us"),          // C
            Some("https://outlook-dod.office365.us"),        // C, M
            Some("https://autodiscover-s-dod.office365.us"), // C
            Some("https://login.microsoftonline.us/{tenant}/metadata/json/1"), // S
            Some(
                "https://login.microsoftonline.us/{tenant}/federationmetadata/2007-06/federationmetadata.xml",
            ), // S
            None,
            Some("onmicrosoft.us"), // C
        ],
    },
    Cloud {
        name: CloudName::China,
        word: "china",
        title: "China, operated by 21Vianet",
        graph_flow: false,
        cells: [
            Some("https://login.partner.microsoftonline.cn"), // C
            Some("https://microsoftgraph.chinacloudapi.cn"),  // C
            Some("https://partner.outlook.cn"),               // C, M
            Some("https://autodiscover-s.partner.outlook.cn"), // C
            None,
            None,
            Some("00000001-0002-0000-c000-000000000000"), // Q
            Some("partner.onmschina.cn"),                 // C
        ],
    },
    Cloud {
        name: CloudName::Bleu,
        word: "bleu",
        title: "France, operated by Bleu",
        graph_flow: false,
        cells: [
            Some("https://login.sovcloud-identity.fr"),         // C
            Some("https://graph.svc.sovcloud.fr"),              // C
            Some("https://outlook.sovcloud.fr"),                // C
            Some("https://autodiscover-s.outlook.sovcloud.fr"), // C
            None,
            None,
            None,
            None,
        ],
    },
    Cloud {
        name: CloudName::Delos,
        word: "delos",
        title: "Germany, operated by Delos",
        graph_flow: false,
        cells: [
            Some("https://login.sovcloud-identity.de"),         // C
            Some("https://graph.svc.sovcloud.de"),              // C
            Some("https://outlook.sovcloud.de"),                // C
            Some("https://autodiscover-s.outlook.sovcloud.de"), // C
            None,
            None,
            None,
            None,
        ],
    },
];

/// The addresses of an organization: the table's, with the organization file's `[endpoints]` laid over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    cloud: CloudName,
    replaced: BTreeMap<Cell, String>,
}

impl Addresses {
    /// The addresses of a cloud with replacements.
    pub fn new(cloud: CloudName, replaced: BTreeMap<Cell, String>) -> Self {
        Self { cloud, replaced }
    }

    /// The cloud that they started from.
    pub fn cloud(&self) -> CloudName {
        self.cloud
    }

    /// The value of a cell.
    ///
    /// # Errors
    ///
    /// [`UnknownCell`] where the cloud's value is not documented and the organization file does not give it.
    pub fn get(&self, cell: Cell) -> Result<&str, UnknownCell> {
        self.replaced
            .get(&cell)
            .map(String::as_str)
            .or_else(|| self.cloud.entry().cell(cell))
            .ok_or(UnknownCell {
                cloud: self.cloud,
                cell,
            })
    }

    /// The value of a metadata cell with the tenant put in.
    ///
    /// # Errors
    ///
    /// As [`Addresses::get`].
    pub fn for_tenant(&self, cell: Cell, tenant: &str) -> Result<String, UnknownCell> {
        self.get(cell)
            .map(|address| address.replace("{tenant}", tenant))
    }
}

/// A cell that nobody documents and the organization file does not fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCell {
    /// The cloud asked.
    pub cloud: CloudName,
    /// The column asked.
    pub cell: Cell,
}

impl fmt::Display for UnknownCell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "nobody documents \"{}\" of the cloud \"{}\"",
            self.cell.key(),
            self.cloud.word()
        )
    }
}

impl Error for UnknownCell {}

impl From<UnknownCell> for Failure {
    fn from(unknown: UnknownCell) -> Self {
        let hint = format!(
            "set \"{}\" under [endpoints] in the organization file",
            unknown.cell.key()
        );
        Self::input(unknown.to_string())
            .with_hint(hint)
            .caused_by(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_cells_are_in_the_order_of_their_names() {
        for (at, cloud) in CLOUDS.iter().enumerate() {
            assert_eq!(cloud.name as usize, at);
            assert_eq!(CloudName::from_word(cloud.word), Some(cloud.name));
        }
        for (at, cell) in Cell::ALL.into_iter().enumerate() {
            assert_eq!(cell as usize, at);
            assert_eq!(Cell::from_key(cell.key()), Some(cell));
        }
    }

    #[test]
    fn an_unknown_cell_names_its_key_and_a_replacement_fills_it() {
        let bare = Addresses::new(CloudName::China, BTreeMap::new());
        assert_eq!(
            bare.get(Cell::AcsMetadata)
                .map_err(|error| error.to_string()),
            Err("nobody documents \"acs_metadata\" of the cloud \"china\"".to_owned())
        );
        let filled = Addresses::new(
            CloudName::China,
            BTreeMap::from([(
                Cell::AcsMetadata,
                "https://acs.example/{tenant}/metadata/json/1".to_owned(),
            )]),
        );
        assert_eq!(
            filled
                .for_tenant(Cell::AcsMetadata, "contoso.partner.onmschina.cn")
                .as_deref(),
            Ok("https://acs.example/contoso.partner.onmschina.cn/metadata/json/1")
        );
    }
}
