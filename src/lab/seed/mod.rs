//! What a lab starts with: Contoso, its servers, its tenant, its people, and every name and address of its world.
//!
//! The only place of the lab with host names, well-known application identifiers and names of objects.

mod authorization;
mod directory;
mod hybrid;
mod names;
mod neighbors;
mod organizations;
mod people;
mod servers;
mod signers;

pub(super) use directory::directory;
pub(super) use hybrid::{published_names, relationships};
pub use names::Names;
pub(super) use neighbors::{partner_relationship, second_organization};
pub(super) use people::{PEOPLE, Person};
pub(super) use servers::other_server;
pub(super) use signers::{APPLICATION_KEY, Signers};

use super::graph::KeyCredential;
use super::object::object;
use super::scenario::{self, SCENARIOS, Scenario, Start};
use super::token::self_signed;
use super::world::World;
use super::{Error, Front};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::{SignedDuration, Timestamp};
use rcgen::KeyPair;
use servers::{EX16, put_server};

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
/// The on-premises administrator as an object of its directory.
pub(super) const ADMINISTRATOR_OBJECT: &str = "contoso.com/Users/Administrator";
/// The server that runs on-premises cmdlets.
pub(super) const SERVER: &str = "EX16";
/// The subject of the certificates of the token service.
pub(super) const TOKEN_SERVICE_CERTIFICATE: &str = "accounts.accesscontrol.example";

/// A moment so many days after another, before it where they are negative.
pub(super) fn days_after(now: Timestamp, days: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(now)
}

/// Fills a world.
pub(super) fn fill(
    world: &mut World,
    seed: Seed,
    scenarios: &[&'static Scenario],
) -> Result<(), Error> {
    let now = world.now();
    authorization::certificates(world, now)?;
    authorization::auth_objects(world);
    organizations::domains(world);
    servers::servers(world, seed);
    organizations::organizations(world);
    people::people(world);
    let start = scenarios.iter().map(|scenario| scenario.start).max();
    if seed.wizard || start > Some(Start::Bare) {
        hybrid::wizard(world);
    }
    if start == Some(Start::Complete) {
        scenario::complete(world);
    }
    if seed.neighbors {
        neighbors::neighbors(world);
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
            let domain = object([("DomainName", text(&name))]);
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
    let key = KeyPair::generate()?;
    let mut keys = Vec::new();
    for number in 1..=more.keys {
        let subject = format!("product{number}.contoso.com");
        let certificate = self_signed(&key, &subject, days_after(now, -100), days_after(now, 400))?;
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

fn with(mut object: Object, name: &str, value: Value) -> Object {
    object.insert(name.to_owned(), value);
    object
}
