//! Both organizations and their accepted domains.

use super::{ORGANIZATION, object, text, texts};
use crate::lab::world::World;
use crate::subject::Plane;
use crate::value::Value;

/// The accepted domains of both organizations.
pub(super) fn domains(world: &mut World) {
    let names = world.names().clone();
    let routing = names.routing_domain.as_str();
    let initial = names.initial_domain.as_str();
    // What each is besides, as the property that says so.
    let local = [
        ("contoso.com", "Authoritative", Some("Default")),
        ("tailspintoys.com", "Authoritative", None),
        (routing, "InternalRelay", Some("IsCoexistenceDomain")),
    ];
    let online = [
        ("contoso.com", "Authoritative", Some("Default")),
        ("tailspintoys.com", "Authoritative", None),
        (routing, "Authoritative", Some("IsCoexistenceDomain")),
        (initial, "Authoritative", Some("InitialDomain")),
    ];
    for (plane, domains) in [
        (Plane::OnPremises, &local[..]),
        (Plane::ExchangeOnline, &online[..]),
    ] {
        for (name, kind, mark) in domains {
            let mut domain = object([("DomainName", text(name)), ("DomainType", text(kind))]);
            domain.extend(mark.map(|mark| (mark.to_owned(), Value::from(true))));
            world.create(plane, "AcceptedDomain", name, domain);
        }
    }
}

/// What each organization says of itself, and the tenant of the on-premises one.
pub(super) fn organizations(world: &mut World) {
    let names = world.names().clone();
    let local = object([
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
    let online = object([
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
    on_premises_organization(
        world,
        ORGANIZATION,
        "Contoso",
        &["contoso.com", "tailspintoys.com"],
    );
}

/// An on-premises organization, as the tenant knows it.
pub(super) fn on_premises_organization(
    world: &mut World,
    guid: &str,
    name: &str,
    domains: &[&str],
) {
    let properties = object([
        ("OrganizationGuid", text(guid)),
        ("OrganizationName", text(name)),
        ("HybridDomains", texts(domains)),
        ("InboundConnector", Value::Null),
        ("OutboundConnector", Value::Null),
        ("OrganizationRelationship", Value::Null),
    ]);
    world.create(
        Plane::ExchangeOnline,
        "OnPremisesOrganization",
        guid,
        properties,
    );
}
