//! Server-to-server OAuth between the two Exchange organizations, as `Test-OAuthConnectivity` tries it out.
//!
//! The asking side ([`ask`]) goes the way of MS-XOAUTH: challenge, assertion signed with its own certificate, actor
//! token, unsigned outer token, call. The answering side ([`answer`]) believes only tokens whose issuer, signature,
//! audience, partner application and user its own objects know. Nothing is shortened: each message is a request to the
//! front that would get it.
//!
//! Where the dedicated application is switched on, on-premises Exchange calls as that (see [`dedicated`]).

mod answer;
mod ask;
mod dedicated;

pub(super) use answer::{challenge, has_mailbox, is_refused, receive};
pub(super) use ask::test_connectivity;

use super::object::{is_true, text};
use super::seed::{self, PEOPLE, Person};
use super::world::World;
use crate::subject::Plane;
use crate::value::Value;

/// Somebody by address, wherever the mailbox is.
fn person_at(address: &str) -> Option<Person> {
    PEOPLE
        .into_iter()
        .find(|person| person.address.eq_ignore_ascii_case(address))
}

/// Where the mailbox of an address is; absent where nobody has it.
pub(super) fn mailbox_of(address: &str) -> Option<Plane> {
    person_at(address).map(|person| person.mailbox)
}

/// The host of an address.
fn host_of(address: &str) -> &str {
    let rest = address.strip_prefix("https://").unwrap_or(address);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

/// An authorization server that issues actor tokens.
#[derive(Clone)]
struct Issuer {
    name: String,
    identifier: String,
    realm: String,
    endpoint: String,
}

/// The authorization servers of a side that can issue actor tokens, with their domains as a text.
fn issuers(world: &World, plane: Plane) -> Vec<(Issuer, String)> {
    world
        .objects(plane, "AuthServer")
        .iter()
        .filter(|object| is_true(object, "Enabled") && text(object, "Type") == Some("MicrosoftACS"))
        .map(|object| {
            let property = |name: &str| text(object, name).unwrap_or_default().to_owned();
            let domains = object
                .get("DomainName")
                .and_then(Value::as_list)
                .unwrap_or_default();
            let domains: Vec<&str> = domains.iter().filter_map(Value::as_text).collect();
            let issuer = Issuer {
                name: property("Name"),
                identifier: property("IssuerIdentifier"),
                realm: property("Realm"),
                endpoint: property("TokenIssuingEndpoint"),
            };
            let issuer = within_tenant(plane, issuer);
            (issuer, domains.join(","))
        })
        .collect()
}

/// Exchange Online's own entry is for all tenants; a tenant's organization uses it for itself.
fn within_tenant(plane: Plane, issuer: Issuer) -> Issuer {
    if plane == Plane::OnPremises || issuer.realm != "*" {
        return issuer;
    }
    Issuer {
        realm: seed::TENANT.to_owned(),
        endpoint: issuer
            .endpoint
            .replace("/tokens/", &format!("/{}/tokens/", seed::TENANT)),
        ..issuer
    }
}
