//! Signing in for its own sake: who one is on each road, which cloud has the tenant, and what an unknown cloud says of
//! itself. None of it reads or writes anything of an organization, so it does not pass the gate.

use crate::clock::Clock;
use crate::cloud::{CLOUDS, Cell, CloudName};
pub use crate::entra::{Ask, Memory, Outside, Prompt};
use crate::entra::{Found, Token, find_clouds};
use crate::failure::{Failure, FailureKind};
use crate::http;
use crate::organization::Organization;
use crate::session::connections::{Connections, Patience};
use crate::session::event::{Audience, Listener};
use crate::session::{ReadSecret, located};
use crate::subject::Plane;
use reqwest::Method;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Who is to sign in, and how.
pub struct Who {
    /// Where.
    pub organization: Organization,
    /// Reads secrets when they are needed.
    pub read_secret: ReadSecret,
    /// What signing in may ask of the world outside.
    pub outside: Outside,
    /// The time.
    pub clock: Clock,
    /// How long services are waited for.
    pub patience: Patience,
    /// Who hears of pauses.
    pub listeners: Vec<Box<dyn Listener>>,
}

/// Who one is for a service, as the service's token says; the token itself is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The address of the service.
    pub service: String,
    /// The tenant's identifier.
    pub tenant: Option<String>,
    /// The person; absent for an application.
    pub account: Option<String>,
    /// The application's identifier.
    pub application: Option<String>,
    /// The application's name.
    pub application_name: Option<String>,
    /// The application roles.
    pub roles: Vec<String>,
    /// What a person lets the application do.
    pub scopes: Vec<String>,
    /// The person's directory roles: their names where they are known here, otherwise their template identifiers.
    pub directory_roles: Vec<String>,
    /// When it ends.
    pub expires: Option<String>,
}

/// Signs in for each service of the cloud, which is known by now, one after the other.
pub async fn identities(who: Who) -> Vec<(Plane, Result<Identity, Failure>)> {
    let addresses = located(&who.organization);
    let connections = Connections::new(
        who.organization,
        addresses,
        who.read_secret,
        who.outside,
        who.clock,
        who.patience,
        Audience::new(who.listeners),
    );
    let mut found = Vec::new();
    for (plane, cell) in [
        (Plane::Entra, Cell::Graph),
        (Plane::ExchangeOnline, Cell::ExchangeOnline),
    ] {
        found.push((plane, identity(&connections, cell).await));
    }
    found
}

async fn identity(connections: &Connections, cell: Cell) -> Result<Identity, Failure> {
    let service = connections.address(cell)?;
    let token = connections.sign_in()?.token(&service).await?;
    Ok(describe(service, token))
}

fn describe(service: String, token: Token) -> Identity {
    let directory_roles = token.directory_roles.into_iter();
    Identity {
        service,
        tenant: token.tenant_id,
        account: token.account,
        application: token.app_id,
        application_name: token.app_name,
        roles: token.roles,
        scopes: token.scopes,
        directory_roles: directory_roles.filter_map(role_name).collect(),
        expires: token.expires.map(|at| at.to_string()),
    }
}

/// The roles that these tasks are about; the name of any other stays its template identifier.
const DIRECTORY_ROLES: [(&str, &str); 7] = [
    (
        "29232cdf-9323-42fd-ade2-1d097af3e4de",
        "Exchange Administrator",
    ),
    (
        "62e90394-69f5-4237-9190-012177145e10",
        "Global Administrator",
    ),
    (
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
        "Application Administrator",
    ),
    (
        "158c047a-c907-4556-b7ef-446551a6b5f7",
        "Cloud Application Administrator",
    ),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    (
        "e8611ab8-c189-46e8-94e1-60213ab1f814",
        "Privileged Role Administrator",
    ),
    // Every account has this one: it says that there may be no other.
    ("b79fbf4d-3ef9-4689-8143-76b194e85509", ""),
];

fn role_name(identifier: String) -> Option<String> {
    let known = DIRECTORY_ROLES.iter().find(|(id, _)| *id == identifier);
    match known {
        Some((_, "")) => None,
        Some((_, name)) => Some((*name).to_owned()),
        None => Some(identifier),
    }
}

/// The cloud of a tenant, and what should be said of how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCloud {
    /// The cloud.
    pub cloud: CloudName,
    /// What could not be asked or told, each a clause.
    pub notes: Vec<String>,
}

impl FoundCloud {
    /// Where a tenant was found, for people.
    pub fn said(&self, tenant: &str) -> String {
        format!(
            "cloud: {}, where the tenant {tenant} was found",
            self.cloud.word()
        )
    }
}

/// Finds the cloud of an organization from its tenant.
///
/// # Errors
///
/// When no cloud knows the tenant, or several do.
pub async fn find_cloud(organization: &Organization, clock: Clock) -> Result<FoundCloud, Failure> {
    let http = anonymous(organization.ca.clone(), clock)?;
    let services = match organization.endpoints.get(&Cell::Login) {
        Some(login) => vec![login.clone()],
        None => sign_in_services(),
    };
    let tenant = &organization.tenant;
    only_cloud(&find_clouds(&http, &services, tenant).await, tenant)
}

/// The one cloud that has a tenant.
fn only_cloud(found: &Found, tenant: &str) -> Result<FoundCloud, Failure> {
    let notes = notes(found);
    let clouds: BTreeMap<CloudName, &str> = found
        .clouds
        .iter()
        .map(|(cloud, id)| (*cloud, id.as_str()))
        .collect();
    let there = clouds
        .iter()
        .map(|(cloud, id)| format!("{}: tenant {id}", cloud.word()));
    let message = match (clouds.len(), clouds.keys().next()) {
        (1, Some(cloud)) => {
            return Ok(FoundCloud {
                cloud: *cloud,
                notes,
            });
        }
        (0, _) => format!("no cloud is known to have the tenant {tenant}"),
        _ => format!("several clouds have a tenant {tenant}"),
    };
    let detail: Vec<String> = there.chain(notes).collect();
    let failure = Failure::new(FailureKind::Input, message)
        .with_hint("add the key cloud to the organization file, or give --cloud");
    Err(match detail.is_empty() {
        true => failure,
        false => failure.with_detail(detail.join("; ")),
    })
}

/// The sign-in services of the table, each once.
fn sign_in_services() -> Vec<String> {
    let services: BTreeSet<&str> = CLOUDS
        .iter()
        .filter_map(|cloud| cloud.cell(Cell::Login))
        .collect();
    services.into_iter().map(str::to_owned).collect()
}

fn notes(found: &Found) -> Vec<String> {
    let silent = found
        .silent
        .iter()
        .map(|(_, reason)| format!("not asked: {reason}"));
    let unclear = found.unclear.iter().map(|(service, issuer)| {
        format!("{service} knows the tenant as {issuer}, which is of no cloud of the table")
    });
    silent.chain(unclear).collect()
}

fn anonymous(extra_ca: Option<String>, clock: Clock) -> Result<http::Client, Failure> {
    Ok(http::Client::new(http::Options {
        extra_ca,
        clock,
        attempts: 2,
        ..http::Options::default()
    })?)
}

/// What a cloud says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// The cells that were found, with their values.
    pub cells: Vec<(Cell, String)>,
    /// What was not found, and why, each a clause.
    pub notes: Vec<String>,
}

/// Asks a service of a cloud, and the sign-in service that it names, for what everybody may read.
///
/// `address` is that of Exchange Online, or of the sign-in service; the metadata documents are looked for when a tenant
/// is given.
///
/// # Errors
///
/// When `address` cannot be reached, or is neither.
pub async fn probe(
    address: &str,
    tenant: Option<&str>,
    extra_ca: Option<String>,
    clock: Clock,
) -> Result<Probed, Failure> {
    let http = anonymous(extra_ca, clock)?;
    let address = http::parse_url(address)?;
    let origin = address.origin().ascii_serialization();
    if address.scheme() != "https" {
        let message = format!("{origin} is not an address that starts with https://");
        return Err(Failure::new(FailureKind::Input, message));
    }
    let mut probed = Probed::default();
    let login = match challenge_of(&http, &format!("{origin}/EWS/Exchange.asmx")).await? {
        Some(challenge) => probed.read_challenge(&origin, &challenge),
        None => Some(origin.clone()),
    };
    if probed.found(Cell::ExchangeOnline) {
        let place = format!("{origin}/autodiscover/autodiscover.svc");
        match challenge_of(&http, &place).await {
            Ok(Some(_)) => probed.cells.push((Cell::Autodiscover, origin)),
            Ok(None) => probed.note(Cell::Autodiscover, "it is not there"),
            Err(error) => probed.note(Cell::Autodiscover, error.to_string()),
        }
    }
    if let Some(login) = login {
        probed.read_documents(&http, &login, tenant).await;
    }
    if !probed.found(Cell::Login) && !probed.found(Cell::ExchangeOnline) {
        let message = format!("{address} is neither Exchange Online nor a sign-in service");
        return Err(
            Failure::new(FailureKind::Protocol, message).with_detail(probed.notes.join("; "))
        );
    }
    Ok(probed)
}

/// The challenge of Exchange to who names the scheme and shows no token (MS-XOAUTH 3.2.5).
async fn challenge_of(http: &http::Client, address: &str) -> Result<Option<String>, http::Error> {
    let request = http::Request::read(Method::GET, http::parse_url(address)?)
        .header("Authorization", "Bearer")
        .within(Duration::from_secs(15));
    let answer = http.send(&request).await?;
    let challenge = answer
        .headers("www-authenticate")
        .find(|challenge| challenge.contains("trusted_issuers="));
    Ok(challenge.map(str::to_owned))
}

impl Probed {
    fn found(&self, cell: Cell) -> bool {
        self.cells.iter().any(|(found, _)| *found == cell)
    }

    fn note(&mut self, cell: Cell, why: impl AsRef<str>) {
        self.notes.push(format!("{}: {}", cell.key(), why.as_ref()));
    }

    /// Reads what Exchange Online says of itself; gives the sign-in service that it names.
    fn read_challenge(&mut self, origin: &str, challenge: &str) -> Option<String> {
        let value = |name: &str| {
            let (_, after) = challenge.split_once(&format!("{name}=\""))?;
            after.split_once('"').map(|(value, _)| value)
        };
        self.cells.push((Cell::ExchangeOnline, origin.to_owned()));
        let issuer = value("trusted_issuers").and_then(|all| all.split(',').next());
        match issuer.and_then(|issuer| issuer.split('@').next()) {
            Some(issuer) if !issuer.is_empty() => {
                self.cells.push((Cell::TokenService, issuer.to_owned()));
            }
            _ => self.note(Cell::TokenService, "the challenge names no issuer"),
        }
        let page = value("authorization_uri").and_then(|page| http::parse_url(page).ok());
        let login = page
            .filter(|page| page.scheme() == "https")
            .map(|page| page.origin().ascii_serialization());
        if login.is_none() {
            self.note(Cell::Login, "the challenge names no sign-in service");
        }
        login
    }

    /// Reads the documents of a sign-in service.
    async fn read_documents(&mut self, http: &http::Client, login: &str, tenant: Option<&str>) {
        let place = tenant.unwrap_or("common");
        let configuration = format!("{login}/{place}/v2.0/.well-known/openid-configuration");
        match document(http, &configuration).await {
            Ok(answer) => {
                let json = answer.json().unwrap_or_default();
                if json["issuer"].is_string() {
                    self.cells.push((Cell::Login, login.to_owned()));
                }
                match json["msgraph_host"].as_str() {
                    Some(host) => self.cells.push((Cell::Graph, format!("https://{host}"))),
                    None => self.note(Cell::Graph, "the sign-in service does not name it"),
                }
            }
            Err(why) => self.note(Cell::Login, why),
        }
        let documents = [
            (Cell::AcsMetadata, "metadata/json/1", "allowedAudiences"),
            (
                Cell::StsMetadata,
                "federationmetadata/2007-06/federationmetadata.xml",
                "EntityDescriptor",
            ),
        ];
        for (cell, path, mark) in documents {
            let Some(tenant) = tenant else {
                self.note(cell, "give --tenant to look for it");
                continue;
            };
            match document(http, &format!("{login}/{tenant}/{path}")).await {
                Ok(answer) if String::from_utf8_lossy(answer.body()).contains(mark) => {
                    self.cells
                        .push((cell, format!("{login}/{{tenant}}/{path}")));
                }
                Ok(_) => self.note(cell, "what is there is another document"),
                Err(why) => self.note(cell, why),
            }
        }
    }
}

/// A document that everybody may read, or why there is none.
async fn document(http: &http::Client, address: &str) -> Result<http::Response, String> {
    let address = http::parse_url(address).map_err(|error| error.to_string())?;
    let request = http::Request::read(Method::GET, address).within(Duration::from_secs(15));
    let answer = http.send(&request).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.is_success() {
        true => Ok(answer),
        false => Err(format!(
            "{} answered {}",
            answer.url().host_str().unwrap_or_default(),
            answer.status()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(clouds: &[(CloudName, &str)]) -> Found {
        Found {
            clouds: clouds
                .iter()
                .map(|(cloud, id)| (*cloud, (*id).to_owned()))
                .collect(),
            silent: vec![(
                "https://login.partner.microsoftonline.cn".to_owned(),
                "cannot connect to it".to_owned(),
            )],
            unclear: Vec::new(),
        }
    }

    #[test]
    fn a_name_that_is_a_tenant_in_two_clouds_is_not_guessed_about() {
        let two = found(&[(CloudName::Worldwide, "1111"), (CloudName::China, "2222")]);
        let failure = only_cloud(&two, "contoso.com").unwrap_err();
        assert_eq!(failure.message, "several clouds have a tenant contoso.com");
        assert_eq!(
            failure.detail.as_deref(),
            Some("worldwide: tenant 1111; china: tenant 2222; not asked: cannot connect to it")
        );
        assert!(failure.hint.is_some_and(|hint| hint.contains("--cloud")));
    }

    #[test]
    fn one_that_could_not_be_asked_is_said_and_decides_nothing() {
        let one = found(&[(CloudName::GccHigh, "1111")]);
        let only = only_cloud(&one, "contoso.us").unwrap();
        assert_eq!(only.cloud, CloudName::GccHigh);
        assert_eq!(only.notes, ["not asked: cannot connect to it"]);
        let failure = only_cloud(&found(&[]), "contoso.us").unwrap_err();
        assert_eq!(
            failure.message,
            "no cloud is known to have the tenant contoso.us"
        );
    }
}
