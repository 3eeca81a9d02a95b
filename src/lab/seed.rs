//! What a lab starts with: Contoso, its servers, its tenant, its people, and every name and address of its world.
//!
//! The only place of the lab with host names, well-known application identifiers and names of objects.

use super::graph::{Deleted, Directory, KeyCredential};
use super::scenario::{self, SCENARIOS, Scenario, Start};
use super::token::{Signer, self_signed};
use super::world::{World, guid_of};
use super::{Error, Front};
use crate::cloud::{Cell, CloudName};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::{SignedDuration, Timestamp};
use rcgen::KeyPair;
use std::thread::ScopedJoinHandle;

/// Which variants of Contoso a lab starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Whether a server of Exchange 2010 is still there.
    pub old_server: bool,
    /// Whether the Hybrid Configuration Wizard has run before, so that its objects exist under its names.
    pub wizard: bool,
    /// Whether a partner company's objects are there too: another tenant's auth server, a connector for other domains.
    pub neighbors: bool,
    /// How much more of everything there is.
    pub more: More,
}

/// What a lab of a large organization has besides what every lab has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// Key credentials of other products on the principal that Exchange shares.
    pub keys: usize,
    /// Names of other hosts on that principal.
    pub names: usize,
    /// Accepted domains, on both sides.
    pub domains: usize,
    /// Mailbox servers.
    pub servers: usize,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            old_server: true,
            wizard: false,
            neighbors: false,
            more: More::default(),
        }
    }
}

/// The application of Exchange Online, which on-premises Exchange shares.
pub const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
/// The application of Microsoft Graph.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// The tenant.
pub const TENANT: &str = "6f2c1b9e-4d3a-4c57-9a63-1d0c5e8b7f24";
/// The registered client that signs in to the lab.
pub const CLIENT: &str = "3d9f0c51-7a2e-4b68-8f15-c04e2ab96d73";
/// Microsoft's applications that people sign in with, each with the service that it is authorized for.
pub const PUBLIC_CLIENTS: [(&str, &str, Front); 4] = [
    (
        "1950a258-227b-4e31-a9cf-717495945fc2",
        "Microsoft Azure PowerShell",
        Front::Graph,
    ),
    (
        "14d82eec-204b-4c2f-b7e8-296a70dab67e",
        "Microsoft Graph Command Line Tools",
        Front::Graph,
    ),
    (
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "Microsoft Azure CLI",
        Front::Graph,
    ),
    (
        "fb78d390-0c51-40cd-8e17-fdbfab77341b",
        "Microsoft Exchange REST API Based Powershell",
        Front::ExchangeOnline,
    ),
];
/// The name of the one person who signs in to the tenant.
pub const ACCOUNT_TITLE: &str = "Tenant Administrator";
/// The directory role of that person.
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
/// The on-premises administrator.
pub const ADMINISTRATOR: &str = "CONTOSO\\administrator";
/// The same, by the user principal name.
pub const ADMINISTRATOR_PRINCIPAL: &str = "administrator@contoso.com";
/// The on-premises organization, as the wizard puts it into names.
pub const ORGANIZATION: &str = "b1f7e0a4-93c8-4f0e-a6d5-20c94e7718ba";
/// A second on-premises organization of the tenant, where there is one.
pub(super) const SECOND_ORGANIZATION: &str = "4d6c2a90-5e17-4b8f-a3d2-7f10c98e64b5";
/// The tenant of the partner company.
pub const NEIGHBOR_TENANT: &str = "d84a57c2-1f6e-4e0b-b6a7-95b3c7e20d18";

/// The name that the setting override of the dedicated application has in Microsoft's script.
pub(super) const OVERRIDE: &str = "EnableExchangeHybrid3PAppFeature";
/// The name that the setting override of the Graph flow has in Microsoft's script.
pub(super) const GRAPH_OVERRIDE: &str = "EnableRouteThroughMSGraphFeature";
/// A second modern server, where there is one.
pub(super) const OTHER_SERVER: &str = "EX19";
/// A proxy that lets nobody through.
pub(super) const PROXY: &str = "http://10.38.161.34:8080/";
/// Where the Hybrid Agent publishes the servers.
pub(super) const AGENT: &str =
    "https://087f1c2e-8711-4176-ab4f-4b1c1777a350.resource.mailboxmigration.his.msappproxy.net";

const MICROSOFT_TENANT: &str = "f8cdef31-a31e-4b4a-93e4-5f571e91255a";
/// The subject of the certificate that signs.
pub(super) const AUTH_CERTIFICATE: &str = "Microsoft Exchange Server Auth Certificate";
const DAY: i64 = 86_400;

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
const LOCAL_HOSTS: [&str; 5] = [
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
    pub(super) fn other_token_service(&self) -> &'static str {
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

    /// The issuer that the federation metadata of a tenant names.
    pub fn sts_issuer(&self, tenant: &str) -> String {
        let host = match self.cloud {
            CloudName::Worldwide | CloudName::GccHigh | CloudName::Dod => "sts.windows.net",
            _ => &self.sts_host,
        };
        format!("https://{host}/{tenant}/")
    }

    /// Autodiscover of Exchange Online for federated organizations.
    fn federated_autodiscover(&self) -> String {
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
            Plane::OnPremises => "EX16",
            _ => "AM6PR05MB6182",
        }
    }
}

/// The private keys of the world, each with its certificate.
pub(super) struct Signers {
    /// Those of on-premises Exchange that can sign: the current one, then the next.
    pub(super) exchange: Vec<Signer>,
    pub(super) token_service: Signer,
    pub(super) exchange_online: Signer,
    pub(super) application: Signer,
}

/// The registered client's private key, as PEM.
pub(super) const APPLICATION_KEY: &str = include_str!("keys/application.pem");

impl Signers {
    pub(super) fn new(now: Timestamp) -> Result<Self, Error> {
        let after = |days: i64| now.saturating_add(SignedDuration::from_secs(days * DAY));
        let after = |days| after(days).unwrap_or(now);
        // Reading an RSA key and signing with it takes milliseconds, so each has a thread of its own.
        let make =
            |pem, subject, from, to| move || Signer::new(pem, subject, after(from), after(to));
        std::thread::scope(|scope| {
            let current = scope.spawn(make(
                include_str!("keys/exchange-auth.pem"),
                AUTH_CERTIFICATE,
                -400,
                1425,
            ));
            let next = scope.spawn(make(
                include_str!("keys/exchange-auth-next.pem"),
                AUTH_CERTIFICATE,
                -10,
                1815,
            ));
            let service = scope.spawn(make(
                include_str!("keys/token-service.pem"),
                "accounts.accesscontrol.example",
                -200,
                730,
            ));
            let online = scope.spawn(make(
                include_str!("keys/exchange-online.pem"),
                "exchange-online.example",
                -100,
                365,
            ));
            let application = scope.spawn(make(APPLICATION_KEY, "exoauth", -30, 335));
            Ok(Self {
                exchange: vec![joined(current)?, joined(next)?],
                token_service: joined(service)?,
                exchange_online: joined(online)?,
                application: joined(application)?,
            })
        })
    }
}

fn joined(thread: ScopedJoinHandle<'_, Result<Signer, Error>>) -> Result<Signer, Error> {
    thread.join().unwrap_or_else(|_| {
        Err(Error::Certificate {
            reason: "the thread that made it ended early".to_owned(),
        })
    })
}

/// One who has a mailbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) alias: &'static str,
    pub(super) address: &'static str,
    pub(super) mailbox: Plane,
    /// Whether the other side knows this person as a mail user.
    pub(super) synchronized: bool,
}

const fn person(
    name: &'static str,
    alias: &'static str,
    address: &'static str,
    mailbox: Plane,
    synchronized: bool,
) -> Person {
    Person {
        name,
        alias,
        address,
        mailbox,
        synchronized,
    }
}

/// Everybody.
pub(super) const PEOPLE: [Person; 5] = [
    person(
        "Megan Bowen",
        "megan",
        "megan@contoso.com",
        Plane::OnPremises,
        true,
    ),
    person("Lee Gu", "lee", "lee@contoso.com", Plane::OnPremises, false),
    person(
        "Isaiah Langer",
        "isaiah",
        "isaiah@tailspintoys.com",
        Plane::OnPremises,
        true,
    ),
    person(
        "Alex Wilber",
        "alex",
        "alex@contoso.com",
        Plane::ExchangeOnline,
        true,
    ),
    person(
        "Pradeep Gupta",
        "pradeep",
        "pradeep@contoso.com",
        Plane::ExchangeOnline,
        false,
    ),
];

/// Fills a world.
pub(super) fn fill(
    world: &mut World,
    seed: Seed,
    scenarios: &[&'static Scenario],
) -> Result<(), Error> {
    let now = world.now();
    certificates(world, now)?;
    auth_objects(world);
    domains(world);
    servers(world, seed);
    organizations(world);
    people(world);
    let start = scenarios.iter().map(|scenario| scenario.start).max();
    if seed.wizard || start > Some(Start::Bare) {
        wizard(world);
    }
    if start == Some(Start::Complete) {
        scenario::complete(world);
    }
    if seed.neighbors {
        neighbors(world);
    }
    more(world, seed.more)?;
    let asked = |scenario: &&Scenario| scenarios.iter().any(|asked| asked.name == scenario.name);
    SCENARIOS
        .iter()
        .filter(asked)
        .try_for_each(|scenario| scenario.change(world))
}

/// What a large organization has more of.
fn more(world: &mut World, more: More) -> Result<(), Error> {
    for number in 1..=more.domains {
        let name = format!("domain{number}.contoso.com");
        for plane in [Plane::OnPremises, Plane::ExchangeOnline] {
            let domain = object(&[
                ("DomainName", text(&name)),
                ("DomainType", text("Authoritative")),
                ("Default", false.into()),
                ("IsCoexistenceDomain", false.into()),
                ("InitialDomain", false.into()),
            ]);
            world.create(plane, "AcceptedDomain", &name, domain);
        }
    }
    for number in 1..=more.servers {
        let name = format!("EX16-{number}");
        put_server(world, (&name, EX16.1, EX16.2));
        // Exchange copies the authorization certificates to every server.
        let shared: Vec<_> = world
            .signers()
            .exchange
            .iter()
            .map(|signer| signer.certificate.clone())
            .collect();
        for certificate in &shared {
            super::certificates::put(world, &name, certificate);
        }
    }
    let now = world.now();
    let after = |days: i64| {
        now.saturating_add(SignedDuration::from_secs(days * DAY))
            .unwrap_or(now)
    };
    let key = KeyPair::generate()?;
    let mut keys = Vec::new();
    for number in 1..=more.keys {
        let subject = format!("product{number}.contoso.com");
        let certificate = self_signed(&key, &subject, after(-100), after(400))?;
        keys.push(KeyCredential::of(&certificate));
    }
    if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
        let names = (1..=more.names).map(|number| format!("https://host{number}.contoso.com/"));
        principal.names.extend(names);
        principal.keys.extend(keys);
    }
    Ok(())
}

fn text(value: &str) -> Value {
    Value::from(value)
}

fn texts(values: &[&str]) -> Value {
    Value::List(values.iter().map(|value| text(value)).collect())
}

fn object(properties: &[(&str, Value)]) -> Object {
    properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Five certificates: the current and the next, an expired one of the same subject, and two that serve the web sites.
fn certificates(world: &mut World, now: Timestamp) -> Result<(), Error> {
    let after = |days: i64| {
        now.saturating_add(SignedDuration::from_secs(days * DAY))
            .unwrap_or(now)
    };
    let key = KeyPair::generate()?;
    let all = [
        world.signers().exchange[0].certificate.clone(),
        world.signers().exchange[1].certificate.clone(),
        self_signed(&key, AUTH_CERTIFICATE, after(-2200), after(-400))?,
        self_signed(&key, "EX16", after(-500), after(1325))?,
        self_signed(&key, "mail.contoso.com", after(-100), after(265))?,
    ];
    for certificate in all {
        super::certificates::put(world, EX16.0, &certificate);
    }
    Ok(())
}

fn auth_objects(world: &mut World) {
    let thumbprints: Vec<String> = world
        .signers()
        .exchange
        .iter()
        .map(|signer| signer.certificate.thumbprint.clone())
        .collect();
    let at = world
        .now()
        .saturating_add(SignedDuration::from_hours(24 * 30));
    let config = object(&[
        ("CurrentCertificateThumbprint", text(&thumbprints[0])),
        ("NextCertificateThumbprint", text(&thumbprints[1])),
        (
            "NextCertificateEffectiveDate",
            at.map_or(Value::Null, |at| Value::from(at.to_string())),
        ),
        ("ServiceName", text(EXCHANGE)),
    ]);
    world.create(
        Plane::OnPremises,
        "AuthConfig",
        "Auth Configuration",
        config,
    );
    let linked = |name: &str| text(&format!("contoso.com/Users/{name}-ApplicationAccount"));
    let applications = [
        (
            "Exchange Online",
            EXCHANGE,
            false,
            linked("Exchange Online"),
        ),
        ("Microsoft Graph", GRAPH, true, Value::Null),
        (
            "TeamsScheduler",
            "7557eb47-c689-4224-abcf-aef9bd7573df",
            true,
            Value::Null,
        ),
        (
            "CloudVoicemail",
            "db7de2b5-2149-435e-8043-e080dd50afae",
            false,
            Value::Null,
        ),
    ];
    for (name, identifier, enabled, account) in applications {
        let properties = object(&[
            ("Enabled", enabled.into()),
            ("ApplicationIdentifier", text(identifier)),
            (
                "AcceptSecurityIdentifierInformation",
                (identifier == GRAPH).into(),
            ),
            ("LinkedAccount", account),
        ]);
        world.create(Plane::OnPremises, "PartnerApplication", name, properties);
    }
    let online = object(&[("ApplicationIdentifier", text(EXCHANGE))]);
    world.create(
        Plane::ExchangeOnline,
        "PartnerApplication",
        "Exchange Online",
        online,
    );
    let names = world.names().clone();
    let service = object(&[
        ("IssuerIdentifier", text(&names.token_service)),
        (
            "TokenIssuingEndpoint",
            text(&format!("https://{}/tokens/OAuth/2", names.acs_host)),
        ),
        (
            "CertificateStrings",
            texts(&[&world.signers().token_service.certificate.base64()]),
        ),
        ("Realm", text("*")),
        ("Type", text("MicrosoftACS")),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "AuthServer",
        &names.token_service,
        service,
    );
}

fn domains(world: &mut World) {
    let names = world.names().clone();
    let domain = |name: &str, kind: &str, flags: [bool; 3]| {
        object(&[
            ("DomainName", text(name)),
            ("DomainType", text(kind)),
            ("Default", flags[0].into()),
            ("IsCoexistenceDomain", flags[1].into()),
            ("InitialDomain", flags[2].into()),
        ])
    };
    let routing = names.routing_domain.as_str();
    let initial = names.initial_domain.as_str();
    let local = [
        ("contoso.com", "Authoritative", [true, false, false]),
        ("tailspintoys.com", "Authoritative", [false, false, false]),
        (routing, "InternalRelay", [false, true, false]),
    ];
    for (name, kind, flags) in local {
        world.create(
            Plane::OnPremises,
            "AcceptedDomain",
            name,
            domain(name, kind, flags),
        );
    }
    let online = [
        ("contoso.com", "Authoritative", [true, false, false]),
        ("tailspintoys.com", "Authoritative", [false, false, false]),
        (routing, "Authoritative", [false, true, false]),
        (initial, "Authoritative", [false, false, true]),
    ];
    for (name, kind, flags) in online {
        world.create(
            Plane::ExchangeOnline,
            "AcceptedDomain",
            name,
            domain(name, kind, flags),
        );
    }
}

/// A server of the organization: name, version, roles.
type Server<'name> = (&'name str, &'name str, &'name str);

const EX16: Server<'static> = ("EX16", "Version 15.1 (Build 2507.59)", "Mailbox");
/// The build of the modern server with its last hotfix update, which its version does not show.
const BUILD: &str = "15.1.2507.61";

const EX19: Server<'static> = (OTHER_SERVER, "Version 15.2 (Build 1748.24)", "Mailbox");
const BUILD_19: &str = "15.2.1748.26";

const EX10: Server<'static> = (
    "EX10",
    "Version 14.3 (Build 123.4)",
    "ClientAccess, Mailbox",
);

fn servers(world: &mut World, seed: Seed) {
    let servers: &[Server<'_>] = if seed.old_server {
        &[EX16, EX10]
    } else {
        &[EX16]
    };
    for server in servers {
        put_server(world, *server);
    }
}

/// Adds a second modern server.
pub(super) fn other_server(world: &mut World) {
    put_server(world, EX19);
}

fn put_server(world: &mut World, server: Server<'_>) {
    {
        let (name, version, roles) = server;
        let fqdn = format!("{}.contoso.com", name.to_lowercase());
        let modern = name != EX10.0;
        let properties = object(&[
            ("Domain", text("contoso.com")),
            ("Edition", text("Standard")),
            ("Fqdn", text(&fqdn)),
            ("InternetWebProxy", Value::Null),
            ("IsHubTransportServer", modern.into()),
            ("IsClientAccessServer", true.into()),
            ("IsEdgeServer", false.into()),
            ("IsMailboxServer", true.into()),
            ("IsE14OrLater", true.into()),
            ("IsE15OrLater", modern.into()),
            ("AdminDisplayVersion", text(version)),
            (
                "Site",
                text("contoso.com/Configuration/Sites/Default-First-Site-Name"),
            ),
            ("ServerRole", text(roles)),
        ]);
        world.create(Plane::OnPremises, "ExchangeServer", name, properties);
        if modern {
            world.set_exchange_build(name, if name == EX19.0 { BUILD_19 } else { BUILD });
        }
        let public = if modern {
            "autodiscover.contoso.com"
        } else {
            fqdn.as_str()
        };
        let uri = format!("https://{public}/Autodiscover/Autodiscover.xml");
        for noun in ["ClientAccessServer", "ClientAccessService"] {
            let properties = object(&[
                ("Fqdn", text(&fqdn)),
                ("AutoDiscoverServiceInternalUri", text(&uri)),
                ("AutoDiscoverSiteScope", texts(&["Default-First-Site-Name"])),
            ]);
            world.create(Plane::OnPremises, noun, name, properties);
        }
        virtual_directories(world, server, &fqdn);
    }
}

fn virtual_directories(world: &mut World, server: Server<'_>, fqdn: &str) {
    let modern = server.0 != EX10.0;
    // The noun, the directory's name, its path, and whether it has an external address.
    let directories = [
        (
            "WebServicesVirtualDirectory",
            "EWS",
            "/EWS/Exchange.asmx",
            true,
        ),
        ("AutodiscoverVirtualDirectory", "Autodiscover", "", false),
        ("MapiVirtualDirectory", "mapi", "/mapi", true),
        ("OabVirtualDirectory", "OAB", "/OAB", true),
        (
            "ActiveSyncVirtualDirectory",
            "Microsoft-Server-ActiveSync",
            "/Microsoft-Server-ActiveSync",
            true,
        ),
        ("OwaVirtualDirectory", "owa", "/owa", true),
        ("EcpVirtualDirectory", "ecp", "/ecp", true),
    ];
    for (noun, directory, path, external) in directories {
        if !modern && noun == "MapiVirtualDirectory" {
            continue;
        }
        let address = |host: &str| text(&format!("https://{host}{path}"));
        let outside = external && modern;
        let oauth = modern && !["OwaVirtualDirectory", "EcpVirtualDirectory"].contains(&noun);
        let methods: &[&str] = match (noun, modern) {
            ("MapiVirtualDirectory", _) => &["Ntlm", "OAuth", "Negotiate"],
            (_, true) if oauth => &["Ntlm", "WindowsIntegrated", "WSSecurity", "OAuth"],
            _ => &["Ntlm", "WindowsIntegrated"],
        };
        let mut properties = object(&[
            ("Server", text(server.0)),
            (
                "InternalUrl",
                if path.is_empty() {
                    Value::Null
                } else {
                    address(fqdn)
                },
            ),
            (
                "ExternalUrl",
                if outside {
                    address("mail.contoso.com")
                } else {
                    Value::Null
                },
            ),
            ("InternalAuthenticationMethods", texts(methods)),
            ("ExternalAuthenticationMethods", texts(methods)),
            ("AdminDisplayVersion", text(server.1)),
            ("ExtendedProtectionTokenChecking", text("None")),
        ]);
        if noun == "MapiVirtualDirectory" {
            properties.insert("IISAuthenticationMethods".to_owned(), texts(methods));
        } else {
            properties.insert("WSSecurityAuthentication".to_owned(), oauth.into());
            properties.insert("BasicAuthentication".to_owned(), false.into());
            properties.insert("WindowsAuthentication".to_owned(), true.into());
            properties.insert("OAuthAuthentication".to_owned(), oauth.into());
        }
        if noun == "WebServicesVirtualDirectory" {
            properties.insert("MRSProxyEnabled".to_owned(), modern.into());
        }
        let name = format!("{directory} (Default Web Site)");
        world.create(Plane::OnPremises, noun, &name, properties);
    }
    let outside = if modern {
        text("mail.contoso.com")
    } else {
        Value::Null
    };
    let properties = object(&[
        ("Server", text(server.0)),
        ("InternalHostname", text(fqdn)),
        ("ExternalHostname", outside),
        ("InternalClientsRequireSsl", true.into()),
        ("ExternalClientsRequireSsl", modern.into()),
        ("IISAuthenticationMethods", texts(&["Ntlm", "Negotiate"])),
        ("AdminDisplayVersion", text(server.1)),
    ]);
    world.create(
        Plane::OnPremises,
        "OutlookAnywhere",
        "Rpc (Default Web Site)",
        properties,
    );
}

fn organizations(world: &mut World) {
    let names = world.names().clone();
    let local = object(&[
        ("OAuth2ClientProfileEnabled", false.into()),
        ("EwsEnabled", Value::Null),
        ("HybridConfigurationStatus", text("Unknown")),
    ]);
    world.create(Plane::OnPremises, "OrganizationConfig", "Contoso", local);
    world.set(
        Plane::OnPremises,
        "OrganizationConfig",
        "Contoso",
        "Guid",
        &text(ORGANIZATION),
    );
    let online = object(&[
        ("OAuth2ClientProfileEnabled", true.into()),
        ("EwsEnabled", true.into()),
        ("EwsAllowedAppIDs", Value::Null),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "OrganizationConfig",
        &names.initial_domain,
        online,
    );
    let organization = object(&[
        ("OrganizationGuid", text(ORGANIZATION)),
        ("OrganizationName", text("Contoso")),
        ("HybridDomains", texts(&["contoso.com", "tailspintoys.com"])),
        ("InboundConnector", Value::Null),
        ("OutboundConnector", Value::Null),
        ("OrganizationRelationship", Value::Null),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "OnPremisesOrganization",
        ORGANIZATION,
        organization,
    );
}

fn people(world: &mut World) {
    for person in PEOPLE {
        let properties = object(&[
            ("Alias", text(person.alias)),
            ("DisplayName", text(person.name)),
            ("PrimarySmtpAddress", text(person.address)),
            ("UserPrincipalName", text(person.address)),
            ("RecipientTypeDetails", text("UserMailbox")),
        ]);
        world.create(person.mailbox, "Mailbox", person.name, properties);
    }
}

/// What the wizard leaves: the same objects as the page's, under its own names.
fn wizard(world: &mut World) {
    let names = world.names().clone();
    let acs = super::rules::learned_acs(world, TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        &format!("ACS - {ORGANIZATION}"),
        with(
            acs,
            "DomainName",
            texts(&["contoso.com", &names.routing_domain]),
        ),
    );
    let sts = super::rules::learned_sts(world, TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        &format!("EvoSts - {ORGANIZATION}"),
        with(sts, "DomainName", texts(&[&names.routing_domain])),
    );
    let connector = |endpoint: String, domains: &[&str]| {
        object(&[
            ("TargetAddressDomains", texts(domains)),
            ("DiscoveryEndpoint", Value::from(endpoint)),
        ])
    };
    world.create(
        Plane::OnPremises,
        "IntraOrganizationConnector",
        &format!("HybridIOC - {ORGANIZATION}"),
        connector(
            format!(
                "https://{}/autodiscover/autodiscover.svc",
                names.autodiscover_host
            ),
            &[&names.routing_domain],
        ),
    );
    world.create(
        Plane::ExchangeOnline,
        "IntraOrganizationConnector",
        &format!("HybridIOC - {}", guid_of("the wizard's other connector")),
        connector(
            "https://autodiscover.contoso.com/autodiscover/autodiscover.svc".to_owned(),
            &["contoso.com", "tailspintoys.com"],
        ),
    );
    world.set(
        Plane::OnPremises,
        "PartnerApplication",
        "Exchange Online",
        "Enabled",
        &true.into(),
    );
    let hybrid = object(&[
        ("ReceivingTransportServers", texts(&["EX16"])),
        ("SendingTransportServers", texts(&["EX16"])),
        ("OnPremisesSmartHost", text("mail.contoso.com")),
        ("Domains", texts(&["contoso.com", "tailspintoys.com"])),
        (
            "Features",
            texts(&[
                "FreeBusy",
                "MoveMailbox",
                "Mailtips",
                "MessageTracking",
                "OwaRedirection",
                "OnlineArchive",
                "SecureMail",
                "Photos",
            ]),
        ),
    ]);
    world.create(
        Plane::OnPremises,
        "HybridConfiguration",
        "Hybrid Configuration",
        hybrid,
    );
}

/// The organization relationships that the wizard makes, one on each plane.
pub(super) fn relationships(world: &mut World) {
    let names = world.names().clone();
    let relationship = |domains: &[&str], application: &str, endpoint: String| {
        object(&[
            ("DomainNames", texts(domains)),
            ("FreeBusyAccessEnabled", true.into()),
            ("FreeBusyAccessLevel", text("LimitedDetails")),
            ("MailTipsAccessEnabled", true.into()),
            ("MailTipsAccessLevel", text("All")),
            ("DeliveryReportEnabled", true.into()),
            ("PhotosEnabled", true.into()),
            ("TargetApplicationUri", text(application)),
            ("TargetAutodiscoverEpr", Value::from(endpoint)),
        ])
    };
    let to_cloud = relationship(
        &[&names.routing_domain],
        "outlook.com",
        names.federated_autodiscover(),
    );
    world.create(
        Plane::OnPremises,
        "OrganizationRelationship",
        &format!("On-premises to O365 - {ORGANIZATION}"),
        to_cloud,
    );
    let to_servers = relationship(
        &["contoso.com", "tailspintoys.com"],
        "FYDIBOHF25SPDLT.contoso.com",
        "https://autodiscover.contoso.com/autodiscover/autodiscover.svc/WSSecurity".to_owned(),
    );
    world.create(
        Plane::ExchangeOnline,
        "OrganizationRelationship",
        &format!("O365 to On-premises - {ORGANIZATION}"),
        to_servers,
    );
}

/// The organization relationship with a partner company that is in Exchange Online as well.
pub(super) fn partner_relationship(world: &mut World) {
    let properties = object(&[
        ("DomainNames", texts(&["fabrikam.com"])),
        ("FreeBusyAccessEnabled", true.into()),
        ("FreeBusyAccessLevel", text("AvailabilityOnly")),
        ("TargetApplicationUri", text("outlook.com")),
        (
            "TargetAutodiscoverEpr",
            Value::from(world.names().federated_autodiscover()),
        ),
    ]);
    world.create(
        Plane::OnPremises,
        "OrganizationRelationship",
        "PartnerOrgOnMS",
        properties,
    );
}

/// What of the page's steps the wizard does besides its own objects: the host names of the servers in the directory,
/// and the availability address space where a server is old.
pub(super) fn published_names(world: &mut World) {
    let names = LOCAL_HOSTS.map(|host| format!("https://{host}/"));
    if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
        principal.names.extend(names);
    }
    let old = world.objects(Plane::OnPremises, "ExchangeServer").len() > 1;
    let routing = world.names().routing_domain.clone();
    if old {
        let space = object(&[
            ("ForestName", text(&routing)),
            ("AccessMethod", text("InternalProxy")),
            ("UseServiceAccount", true.into()),
            (
                "ProxyUrl",
                text("https://mail.contoso.com/EWS/Exchange.asmx"),
            ),
        ]);
        world.create(
            Plane::OnPremises,
            "AvailabilityAddressSpace",
            &routing,
            space,
        );
    }
}

/// A second on-premises organization of the same tenant, as the tenant knows it.
pub(super) fn second_organization(world: &mut World) {
    let properties = object(&[
        ("OrganizationGuid", text(SECOND_ORGANIZATION)),
        ("OrganizationName", text("Litware")),
        ("HybridDomains", texts(&["litwareinc.com"])),
        ("InboundConnector", Value::Null),
        ("OutboundConnector", Value::Null),
        ("OrganizationRelationship", Value::Null),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "OnPremisesOrganization",
        SECOND_ORGANIZATION,
        properties,
    );
    let connector = object(&[
        ("TargetAddressDomains", texts(&["litwareinc.com"])),
        (
            "DiscoveryEndpoint",
            text("https://autodiscover.litwareinc.com/autodiscover/autodiscover.svc"),
        ),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "IntraOrganizationConnector",
        &format!("HybridIOC - {SECOND_ORGANIZATION}"),
        connector,
    );
}

/// What belongs to a partner company and must stay as it is.
fn neighbors(world: &mut World) {
    let acs = super::rules::learned_acs(world, NEIGHBOR_TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        "Fabrikam ACS",
        with(acs, "DomainName", texts(&["fabrikam.com"])),
    );
    let sts = super::rules::learned_sts(world, NEIGHBOR_TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        "Fabrikam EvoSts",
        with(sts, "DomainName", texts(&["fabrikam.com"])),
    );
    for plane in [Plane::OnPremises, Plane::ExchangeOnline] {
        let connector = object(&[
            ("TargetAddressDomains", texts(&["fabrikam.com"])),
            (
                "DiscoveryEndpoint",
                text("https://autodiscover.fabrikam.com/autodiscover/autodiscover.svc"),
            ),
        ]);
        world.create(plane, "IntraOrganizationConnector", "Fabrikam", connector);
    }
    let space = object(&[
        ("ForestName", text("fabrikam.com")),
        ("AccessMethod", text("OrgWideFB")),
        ("UserName", text("FABRIKAM\\freebusy")),
    ]);
    world.create(
        Plane::OnPremises,
        "AvailabilityAddressSpace",
        "fabrikam.com",
        space,
    );
}

fn with(mut object: Object, name: &str, value: Value) -> Object {
    object.insert(name.to_owned(), value);
    object
}

/// The directory of the tenant.
pub(super) fn directory(
    names: &Names,
    signers: &Signers,
    now: Timestamp,
) -> Result<Directory, Error> {
    let after = |days: i64| {
        now.saturating_add(SignedDuration::from_secs(days * DAY))
            .unwrap_or(now)
    };
    let foreign = KeyPair::generate()?;
    let expired = self_signed(&foreign, AUTH_CERTIFICATE, after(-2000), after(-200))?;
    let other = self_signed(&foreign, "archive.fabrikam.com", after(-300), after(430))?;
    let mut directory = Directory {
        title: "Contoso".to_owned(),
        principals: Vec::new(),
        applications: Vec::new(),
        assignments: Vec::new(),
        certificate_days: None,
        locked: false,
        deleted: Deleted::default(),
    };
    directory.add_principal(
        EXCHANGE,
        "Office 365 Exchange Online",
        MICROSOFT_TENANT,
        exchange_names(names),
    );
    if let Some(principal) = directory.principal_mut(EXCHANGE) {
        principal.keys = [expired, other].iter().map(KeyCredential::of).collect();
    }
    directory.add_principal(
        GRAPH,
        "Microsoft Graph",
        MICROSOFT_TENANT,
        vec![GRAPH.to_owned(), format!("https://{}", names.graph_host)],
    );
    let own = KeyCredential::of(&signers.application.certificate);
    directory.register(CLIENT, "exoauth", vec![own]);
    for role in [
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "Organization.Read.All",
        "Policy.Read.All",
    ] {
        directory.grant(CLIENT, GRAPH, role);
    }
    directory.grant(CLIENT, EXCHANGE, "Exchange.ManageAsApp");
    let intranet = "5f8e2a70-30bb-4f0f-9d52-6c1e77a8d0b4";
    directory.register(intranet, "Contoso Intranet", Vec::new());
    if let Some(principal) = directory.principal_mut(intranet) {
        let name = "https://intranet.contoso.com/".to_owned();
        principal.names.push(name);
    }
    Ok(directory)
}

/// The service principal names that the first-party principal comes with.
fn exchange_names(names: &Names) -> Vec<String> {
    let host = &names.exchange_host;
    let mut all = vec![
        EXCHANGE.to_owned(),
        format!("{EXCHANGE}/{host}"),
        format!("https://{host}/"),
        format!("https://{host}:443/"),
        format!("{EXCHANGE}/{}", names.autodiscover_host),
        format!("https://{}/", names.autodiscover_host),
    ];
    if names.cloud == CloudName::Worldwide {
        let more = [
            "mail.office365.com",
            "outlook.com",
            "*.outlook.com",
            "outlook.office.com",
        ];
        all.extend(more.map(|host| format!("{EXCHANGE}/{host}")));
        let more = [
            "https://outlook.office.com",
            "https://outlook.office.com/",
            "https://ps.outlook.com",
            "https://outlook.com/",
        ];
        all.extend(more.map(str::to_owned));
    }
    all
}
