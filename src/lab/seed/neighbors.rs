//! Other companies, and another organization of the same tenant.

use super::organizations::on_premises_organization;
use super::{NEIGHBOR_TENANT, SECOND_ORGANIZATION, object, text, texts, with};
use crate::lab::rules::{learned_acs, learned_sts};
use crate::lab::world::World;
use crate::subject::Plane;
use crate::value::Value;

/// The organization relationship with a partner company that is in Exchange Online as well.
pub(in crate::lab) fn partner_relationship(world: &mut World) {
    let properties = object([
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

/// A second on-premises organization of the same tenant, as the tenant knows it.
pub(in crate::lab) fn second_organization(world: &mut World) {
    on_premises_organization(world, SECOND_ORGANIZATION, "Litware", &["litwareinc.com"]);
    let connector = object([
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
pub(super) fn neighbors(world: &mut World) {
    let acs = learned_acs(world, NEIGHBOR_TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        "Fabrikam ACS",
        with(acs, "DomainName", texts(&["fabrikam.com"])),
    );
    let sts = learned_sts(world, NEIGHBOR_TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        "Fabrikam EvoSts",
        with(sts, "DomainName", texts(&["fabrikam.com"])),
    );
    for plane in [Plane::OnPremises, Plane::ExchangeOnline] {
        let connector = object([
            ("TargetAddressDomains", texts(&["fabrikam.com"])),
            (
                "DiscoveryEndpoint",
                text("https://autodiscover.fabrikam.com/autodiscover/autodiscover.svc"),
            ),
        ]);
        world.create(plane, "IntraOrganizationConnector", "Fabrikam", connector);
    }
    let space = object([
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
