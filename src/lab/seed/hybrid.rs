//! What is there once the Hybrid Configuration Wizard has run.

use super::names::LOCAL_HOSTS;
use super::{EXCHANGE, ORGANIZATION, SERVER, TENANT, object, text, texts, with};
use crate::lab::rules::{learned_acs, learned_sts};
use crate::lab::world::{World, guid_of};
use crate::subject::Plane;
use crate::value::Value;

/// What the wizard leaves: the same objects as the page's, under its own names.
pub(super) fn wizard(world: &mut World) {
    let names = world.names().clone();
    let acs = learned_acs(world, TENANT);
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
    let sts = learned_sts(world, TENANT);
    world.create(
        Plane::OnPremises,
        "AuthServer",
        &format!("EvoSts - {ORGANIZATION}"),
        with(sts, "DomainName", texts(&[&names.routing_domain])),
    );
    let connector = |endpoint: String, domains: &[&str]| {
        object([
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
    let hybrid = object([
        ("ReceivingTransportServers", texts(&[SERVER])),
        ("SendingTransportServers", texts(&[SERVER])),
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
pub(in crate::lab) fn relationships(world: &mut World) {
    let names = world.names().clone();
    let relationship = |domains: &[&str], application: &str, endpoint: String| {
        object([
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

/// What of the page's steps the wizard does besides its own objects: the host names of the servers in the directory,
/// and the availability address space where a server is old.
pub(in crate::lab) fn published_names(world: &mut World) {
    let names = LOCAL_HOSTS.map(|host| format!("https://{host}/"));
    if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
        principal.names.extend(names);
    }
    let old = world.objects(Plane::OnPremises, "ExchangeServer").len() > 1;
    let routing = world.names().routing_domain.clone();
    if old {
        let space = object([
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
