//! Both organizations and their accepted domains.

use super::{ORGANIZATION, object, text, texts};
use crate::lab::world::World;
use crate::subject::Plane;
use crate::value::Value;

/// The accepted domains of both organizations.
pub(super) fn domains(world: &mut World) {
    let names = world.names().clone();
    let domain = |name: &str, kind: &str, flags: [bool; 3]| {
        object([
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
