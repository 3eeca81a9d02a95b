//! The names and addresses of the world that a lab speaks with.

use super::{NEIGHBOR_TENANT, SERVER, TENANT};
use crate::cloud::{Cell, CloudName};
use crate::lab::Front;
use crate::subject::Plane;

/// The names and addresses of the world that a lab speaks with.
#[derive(Clone, Debug)]
pub struct Names {
    /// The initial domain of the tenant.
    pub initial_domain: String,
    /// The hybrid routing domain.
    pub routing_domain: String,
    /// The application identifier of the token service.
    pub token_service: String,
    /// The host of the Access Control Service.
    pub acs_host: String,
    /// The host of the security token service, which the federation metadata document comes from.
    pub sts_host: String,
    /// The sign-in host.
    pub login_host: String,
    /// The Graph host.
    pub graph_host: String,
    /// The host of Exchange Online.
    pub exchange_host: String,
    /// The Autodiscover host of Exchange Online.
    pub autodiscover_host: String,
    /// The tenant's accepted and verified domains, the on-premises default first.
    pub domains: Vec<String>,
    /// The cloud.
    pub cloud: CloudName,
}

/// The hosts of the organization's own servers.
pub(super) const LOCAL_HOSTS: [&str; 5] = [
    "mail.contoso.com",
    "autodiscover.contoso.com",
    "ex16.contoso.com",
    "ex10.contoso.com",
    "ex19.contoso.com",
];

impl Names {
    /// The names that a world of this cloud has.
    pub fn new(cloud: CloudName) -> Self {
        let entry = cloud.entry();
        let host = |cell: Cell, other: &str| {
            entry
                .cell(cell)
                .and_then(|address| address.strip_prefix("https://"))
                .and_then(|address| address.split('/').next())
                .map_or_else(|| format!("{other}.{}.example", entry.word), str::to_owned)
        };
        let suffix = entry
            .cell(Cell::InitialDomainSuffix)
            .map_or_else(|| format!("{}.example", entry.word), str::to_owned);
        Self {
            initial_domain: format!("contoso.{suffix}"),
            routing_domain: match cloud {
                CloudName::China => "contoso.partner.mail.onmschina.cn".to_owned(),
                _ => format!("contoso.mail.{suffix}"),
            },
            token_service: entry
                .cell(Cell::TokenService)
                .unwrap_or("00000001-0000-0000-c000-000000000000")
                .to_owned(),
            acs_host: host(Cell::AcsMetadata, "acs"),
            sts_host: host(Cell::StsMetadata, "sts"),
            login_host: host(Cell::Login, "login"),
            graph_host: host(Cell::Graph, "graph"),
            exchange_host: host(Cell::ExchangeOnline, "outlook"),
            autodiscover_host: match cloud {
                CloudName::Worldwide => "autodiscover-s.outlook.com".to_owned(),
                _ => host(Cell::Autodiscover, "autodiscover"),
            },
            domains: vec!["contoso.com".to_owned(), "tailspintoys.com".to_owned()],
            cloud,
        }
    }

    /// The application identifier of the token service of another cloud.
    pub(in crate::lab) fn other_token_service(&self) -> &'static str {
        match self.cloud {
            CloudName::China => "00000001-0000-0000-c000-000000000000",
            _ => "00000001-0002-0000-c000-000000000000",
        }
    }

    /// The one person who signs in to the tenant.
    pub fn account(&self) -> String {
        format!("admin@{}", self.initial_domain)
    }

    /// The front that answers under a host name of the world; absent when no such name is known.
    pub fn front_of(&self, host: &str) -> Option<Front> {
        let is = |name: &str| name.eq_ignore_ascii_case(host);
        if [&self.acs_host, &self.sts_host, &self.login_host]
            .iter()
            .any(|name| is(name))
        {
            Some(Front::Login)
        } else if is(&self.graph_host) {
            Some(Front::Graph)
        } else if is(&self.exchange_host)
            || is(&self.autodiscover_host)
            || (self.cloud == CloudName::Worldwide && is("outlook.office.com"))
        {
            Some(Front::ExchangeOnline)
        } else {
            LOCAL_HOSTS
                .iter()
                .any(|name| is(name))
                .then_some(Front::OnPremises)
        }
    }

    /// The main host name of a front.
    pub fn host_of(&self, front: Front) -> &str {
        match front {
            Front::Login => &self.login_host,
            Front::Graph => &self.graph_host,
            Front::ExchangeOnline => &self.exchange_host,
            Front::OnPremises => LOCAL_HOSTS[0],
        }
    }

    /// The tenant id that a domain or id belongs to; absent for a tenant that does not exist.
    pub fn tenant_of(&self, name: &str) -> Option<&'static str> {
        let is = |domain: &String| domain.eq_ignore_ascii_case(name);
        if name.eq_ignore_ascii_case(TENANT)
            || self.domains.iter().any(is)
            || is(&self.initial_domain)
            || is(&self.routing_domain)
        {
            Some(TENANT)
        } else if name.eq_ignore_ascii_case(NEIGHBOR_TENANT)
            || name.eq_ignore_ascii_case("fabrikam.com")
        {
            Some(NEIGHBOR_TENANT)
        } else {
            None
        }
    }

    /// The metadata document of the Access Control Service for a tenant.
    pub(in crate::lab) fn acs_metadata(&self, tenant: &str) -> String {
        format!("https://{}/{tenant}/metadata/json/1", self.acs_host)
    }

    /// The federation metadata document of the security token service for a tenant.
    pub(in crate::lab) fn sts_metadata(&self, tenant: &str) -> String {
        format!(
            "https://{}/{tenant}/federationmetadata/2007-06/federationmetadata.xml",
            self.sts_host
        )
    }

    /// What nobody documents of this cloud, as this world has it.
    pub(in crate::lab) fn undocumented(&self) -> Vec<(Cell, String)> {
        let (_, suffix) = self.initial_domain.split_once('.').unwrap_or_default();
        let own = [
            (Cell::AcsMetadata, self.acs_metadata("{tenant}")),
            (Cell::StsMetadata, self.sts_metadata("{tenant}")),
            (Cell::TokenService, self.token_service.clone()),
            (Cell::InitialDomainSuffix, suffix.to_owned()),
        ];
        let entry = self.cloud.entry();
        own.into_iter()
            .filter(|(cell, _)| entry.cell(*cell).is_none())
            .collect()
    }

    /// The issuer that the federation metadata of a tenant names.
    pub fn sts_issuer(&self, tenant: &str) -> String {
        let host = match self.cloud {
            CloudName::Worldwide | CloudName::GccHigh | CloudName::Dod => "sts.windows.net",
            _ => &self.sts_host,
        };
        format!("https://{host}/{tenant}/")
    }

    /// Autodiscover of Exchange Online for federated organizations.
    pub(super) fn federated_autodiscover(&self) -> String {
        format!(
            "https://{}/autodiscover/autodiscover.svc/WSSecurity",
            self.autodiscover_host
        )
    }

    /// The server whose directory the cmdlets of a plane speak to.
    pub fn domain_controller(&self, plane: Plane) -> &'static str {
        match plane {
            Plane::OnPremises => "DC01.contoso.com",
            _ => "AM6PR05A10DC001.EURPR05A010.PROD.OUTLOOK.COM",
        }
    }

    /// Where the configuration objects of a plane are in its directory.
    pub fn configuration(&self, plane: Plane) -> String {
        match plane {
            Plane::OnPremises => {
                "CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"
                    .to_owned()
            }
            _ => format!(
                "CN=Configuration,CN={},CN=ConfigurationUnits,DC=EURPR05A010,DC=PROD,DC=OUTLOOK,DC=COM",
                self.initial_domain
            ),
        }
    }

    /// The organization that an object of a plane belongs to, as its `OrganizationId` says it.
    pub fn organization_id(&self, plane: Plane) -> String {
        match plane {
            Plane::OnPremises => String::new(),
            _ => format!(
                "EURPR05A010.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/{0} - EURPR05A010.PROD.OUTLOOK.COM/ConfigurationUnits/{0}/Configuration",
                self.initial_domain
            ),
        }
    }

    /// The schema that the classes of a plane's objects come from.
    pub fn schema(&self, plane: Plane) -> &'static str {
        match plane {
            Plane::OnPremises => "contoso.com/Configuration/Schema",
            _ => "EURPR05A010.PROD.OUTLOOK.COM/Configuration/Schema",
        }
    }

    /// The server that a plane's cmdlets run on.
    pub fn server(&self, plane: Plane) -> &'static str {
        match plane {
            Plane::OnPremises => SERVER,
            _ => "AM6PR05MB6182",
        }
    }
}
