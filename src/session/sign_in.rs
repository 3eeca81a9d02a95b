//! Signing in for its own sake: who one is on each road, and which cloud has the tenant. Neither reads or writes anything
//! of an organization, so it does not pass the gate.

use crate::clock::Clock;
use crate::cloud::{CLOUDS, Cell, CloudName};
pub use crate::entra::{Ask, Memory, Outside, Prompt};
use crate::entra::{Found, Token, find_clouds};
use crate::failure::Failure;
use crate::http;
use crate::organization::Organization;
use crate::session::connections::{Connections, Patience};
use crate::session::event::{Audience, Listener};
use crate::session::{ReadSecret, located};
use crate::subject::Plane;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
        expires: token.expires.map(in_seconds),
    }
}

/// A time without the parts of a second, which no token means.
fn in_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
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
    let failure = Failure::input(message)
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

/// A client for what everybody may read.
pub(super) fn anonymous(extra_ca: Option<String>, clock: Clock) -> Result<http::Client, Failure> {
    Ok(http::Client::new(http::Options {
        extra_ca,
        clock,
        attempts: 2,
        ..http::Options::default()
    })?)
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
