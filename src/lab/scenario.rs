//! The failures that administrators ask about, each as an organization that has it.
//!
//! [`SCENARIOS`] is the table: where an organization starts from, and what is wrong with it. Several may be combined: the
//! start that is furthest along counts, and every change is made, in the order of the table.

use super::certificates;
use super::graph::KeyCredential;
use super::object::{object, text};
use super::overrides::{DEDICATED_APPLICATION, Feature, GRAPH_FLOW};
use super::seed::{self, EXCHANGE, GRAPH, days_after};
use super::token::{Signer, self_signed};
use super::world::{Trouble, World};
use super::{Error, rules};
use crate::subject::Plane;
use crate::value::{Object, Value};

/// How far an organization has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// Nothing was done.
    Bare,
    /// The Hybrid Configuration Wizard ran, of before the dedicated application.
    Wizard,
    /// Everything is in place: both directions, the dedicated application, the list of allowed applications.
    Complete,
}

/// A failure as an organization that has it.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name.
    pub name: &'static str,
    /// What is the matter, in a sentence.
    pub sentence: &'static str,
    /// What it starts from.
    pub start: Start,
    change: fn(&mut World) -> Result<(), Error>,
}

/// The dedicated application of a complete organization.
pub const APPLICATION: &str = "8c1d0f5e-27ab-4d36-9e0b-5f4a7c3b2d19";

impl Scenario {
    /// The scenario of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Makes an organization have it, which has come at least as far as it starts from.
    pub(super) fn change(&self, world: &mut World) -> Result<(), Error> {
        (self.change)(world)
    }
}

const fn scenario(
    name: &'static str,
    start: Start,
    sentence: &'static str,
    change: fn(&mut World) -> Result<(), Error>,
) -> Scenario {
    Scenario {
        name,
        sentence,
        start,
        change,
    }
}

/// The scenarios.
pub const SCENARIOS: &[Scenario] = &[
    scenario(
        "configured",
        Start::Complete,
        "Nothing is wrong: both directions work under the dedicated application",
        |_| Ok(()),
    ),
    scenario(
        "wizard-names",
        Start::Wizard,
        "The Hybrid Configuration Wizard ran, so that all objects exist under names of its own",
        |_| Ok(()),
    ),
    scenario(
        "shared-principal",
        Start::Complete,
        "The eight steps are done and the dedicated application is not, so that the shared principal is refused",
        |world| {
            forget_application(world);
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "override-missing",
        Start::Complete,
        "The application is made and consented to, and no setting override tells the servers to use it",
        |world| {
            remove_overrides(world, DEDICATED_APPLICATION);
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "override-disabled",
        Start::Complete,
        "The setting override for the dedicated application says Enabled=false",
        |world| {
            for object in world.objects_mut(Plane::OnPremises, "SettingOverride") {
                object.insert("Parameters".to_owned(), vec!["Enabled=false"].into());
            }
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "override-doubled",
        Start::Complete,
        "Two setting overrides are for the same feature, so that the servers silently use its default",
        |world| {
            add_override(
                world,
                "ExchangeHybridApplication",
                DEDICATED_APPLICATION,
                None,
            );
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "override-elsewhere",
        Start::Complete,
        "The only setting override for the dedicated application is scoped to another server",
        |world| {
            remove_overrides(world, DEDICATED_APPLICATION);
            add_server(world);
            add_override(
                world,
                seed::OVERRIDE,
                DEDICATED_APPLICATION,
                Some(seed::OTHER_SERVER),
            );
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "override-server-mismatch",
        Start::Complete,
        "Two setting overrides are for the same feature, and that does no harm: each is scoped to a server of its own",
        |world| {
            remove_overrides(world, DEDICATED_APPLICATION);
            add_server(world);
            let here = world.names().server(Plane::OnPremises);
            add_override(world, seed::OVERRIDE, DEDICATED_APPLICATION, Some(here));
            add_override(
                world,
                "Pilot",
                DEDICATED_APPLICATION,
                Some(seed::OTHER_SERVER),
            );
            Ok(())
        },
    ),
    scenario(
        "application-renamed",
        Start::Complete,
        "Somebody renamed the dedicated application, which works as before and is not found by its usual name",
        |world| {
            let directory = world.directory_mut();
            if let Some(application) = directory.application_mut(APPLICATION) {
                application.display_name = "Hybrid free/busy (do not delete)".to_owned();
            }
            Ok(())
        },
    ),
    scenario(
        "consent-missing",
        Start::Complete,
        "The dedicated application was not granted the permission that it asks for",
        |world| {
            let directory = world.directory_mut();
            let id = directory
                .principal(APPLICATION)
                .map(|principal| principal.id.clone());
            directory
                .assignments
                .retain(|assignment| Some(&assignment.principal) != id.as_ref());
            Ok(())
        },
    ),
    scenario(
        "allow-list-missing",
        Start::Complete,
        "The dedicated application is not on the list that Exchange Online enforces since 2026-10-10",
        |world| {
            set_online(world, "EwsAllowedAppIDs", Value::Null);
            Ok(())
        },
    ),
    scenario(
        "web-services-disabled",
        Start::Complete,
        "Exchange Web Services are switched off for the whole tenant",
        |world| {
            set_online(world, "EwsEnabled", false);
            Ok(())
        },
    ),
    scenario(
        "partner-relationship",
        Start::Complete,
        "A partner company in Exchange Online has an organization relationship too, which must stay as it is",
        |world| {
            seed::partner_relationship(world);
            for object in world.objects_mut(Plane::OnPremises, "OrganizationRelationship") {
                object.insert("TargetSharingEpr".to_owned(), Value::Null);
            }
            Ok(())
        },
    ),
    scenario(
        "other-tenant-trust",
        Start::Complete,
        "The authorization server was overwritten with that of another tenant",
        |world| {
            let other = rules::learned_acs(world, seed::NEIGHBOR_TENANT);
            change_auth_server(world, "MicrosoftACS", |object| object.extend(other.clone()));
            Ok(())
        },
    ),
    scenario(
        "dauth-only",
        Start::Bare,
        "Free/busy goes by organization relationships and federation (DAuth), and no connector is enabled",
        |world| {
            seed::relationships(world);
            Ok(())
        },
    ),
    scenario(
        "clean-up-refused",
        Start::Complete,
        "The certificate is still on the shared principal, and its removal needs a Global Administrator",
        |world| {
            upload_to_shared(world);
            world.directory_mut().locked = true;
            Ok(())
        },
    ),
    scenario(
        "shared-principal-leftovers",
        Start::Complete,
        "The certificate is still on the shared principal, though the dedicated application is in use",
        |world| {
            upload_to_shared(world);
            Ok(())
        },
    ),
    scenario(
        "lifetime-capped",
        Start::Wizard,
        "The tenant's policy refuses certificates that are valid for more than 365 days",
        |world| {
            world.directory_mut().certificate_days = Some(365);
            Ok(())
        },
    ),
    scenario(
        "certificate-not-uploaded",
        Start::Complete,
        "The certificate was renewed on the servers and not uploaded to Entra ID",
        |world| {
            if let Some(application) = world.directory_mut().application_mut(APPLICATION) {
                application.keys.clear();
            }
            Ok(())
        },
    ),
    scenario(
        "certificate-missing-on-servers",
        Start::Complete,
        "One of two servers does not hold the certificate that signs",
        |world| {
            add_server(world);
            let thumbprint = current(world);
            world
                .objects_mut(Plane::OnPremises, "ExchangeCertificate")
                .retain(|object| {
                    let of = certificates::certificate(object);
                    text(object, "Server") != Some(seed::OTHER_SERVER)
                        || of.is_none_or(|of| of.thumbprint != thumbprint)
                });
            Ok(())
        },
    ),
    scenario(
        "certificate-missing",
        Start::Complete,
        "The authorization configuration names a certificate that no server holds",
        |world| {
            let thumbprint = current(world);
            world
                .objects_mut(Plane::OnPremises, "ExchangeCertificate")
                .retain(|object| {
                    certificates::certificate(object).is_none_or(|of| of.thumbprint != thumbprint)
                });
            Ok(())
        },
    ),
    scenario(
        "expired-certificate",
        Start::Complete,
        "The certificate that signs has expired, and none is staged to follow it",
        |world| replace_certificate(world, -1830, -5, false),
    ),
    scenario(
        "certificate-expires-in-60-days",
        Start::Complete,
        "The certificate that signs expires within 60 days, and none is staged to follow it",
        |world| replace_certificate(world, -1770, 55, false),
    ),
    scenario(
        "next-certificate-expires-in-120-days",
        Start::Complete,
        "The certificate that is staged to follow expires within 120 days",
        |world| replace_certificate(world, -1710, 115, true),
    ),
    scenario(
        "next-certificate-overdue",
        Start::Complete,
        "The day of the next certificate has come, and Exchange does not begin to sign with it",
        |world| {
            world.trouble(Trouble::NoTakeover);
            let day = days_after(world.now(), -2).to_string();
            for config in world.objects_mut(Plane::OnPremises, "AuthConfig") {
                config.insert(
                    "NextCertificateEffectiveDate".to_owned(),
                    day.as_str().into(),
                );
            }
            Ok(())
        },
    ),
    scenario(
        "stale-metadata",
        Start::Complete,
        "The on-premises servers hold former keys of the token service",
        |world| {
            let key = rcgen::KeyPair::generate()?;
            let after = |days| days_after(world.now(), days);
            let (from, to) = (after(-900), after(165));
            let former = self_signed(&key, seed::TOKEN_SERVICE_CERTIFICATE, from, to)?;
            change_auth_server(world, "MicrosoftACS", |object| {
                let list = vec![former.base64()];
                object.insert("CertificateStrings".to_owned(), list.into());
            });
            Ok(())
        },
    ),
    scenario(
        "linked-account",
        Start::Complete,
        "The partner application of Exchange Online has no linked account to act as",
        |world| {
            for object in world.objects_mut(Plane::OnPremises, "PartnerApplication") {
                object.insert("LinkedAccount".to_owned(), Value::Null);
            }
            Ok(())
        },
    ),
    scenario(
        "unsynchronized-mailbox",
        Start::Complete,
        "The mailboxes to test with are not synchronized to the other side",
        |world| {
            world.trouble(Trouble::Unsynchronized);
            Ok(())
        },
    ),
    scenario(
        "ambiguous-mailbox",
        Start::Complete,
        "The other side knows two people by the address of the mailbox to test with",
        |world| {
            world.trouble(Trouble::Ambiguous);
            Ok(())
        },
    ),
    scenario(
        "ssl-offloading",
        Start::Complete,
        "A device in front of Exchange ends TLS, so that the servers see http where the token says https",
        |world| {
            world.trouble(Trouble::SslOffloading);
            Ok(())
        },
    ),
    scenario(
        "wrong-issuer",
        Start::Complete,
        "The authorization server is that of another cloud's token service",
        |world| {
            let other = world.names().other_token_service();
            change_auth_server(world, "MicrosoftACS", |object| {
                object.insert("IssuerIdentifier".to_owned(), other.into());
            });
            Ok(())
        },
    ),
    scenario(
        "proxy",
        Start::Complete,
        "The servers go through a proxy that asks for a sign-in and refuses them",
        |world| {
            for object in world.objects_mut(Plane::OnPremises, "ExchangeServer") {
                object.insert("InternetWebProxy".to_owned(), seed::PROXY.into());
            }
            Ok(())
        },
    ),
    scenario(
        "tls-disabled",
        Start::Bare,
        "The servers have TLS 1.2 switched off, so that no metadata document can be had",
        |world| {
            world.trouble(Trouble::NoTls);
            Ok(())
        },
    ),
    scenario(
        "disabled-connector",
        Start::Wizard,
        "The wizard ended with HCW8064: its connectors are there, disabled",
        |world| {
            for plane in [Plane::OnPremises, Plane::ExchangeOnline] {
                for object in world.objects_mut(plane, "IntraOrganizationConnector") {
                    object.insert("Enabled".to_owned(), false.into());
                }
            }
            Ok(())
        },
    ),
    scenario(
        "graph-flow-fails",
        Start::Complete,
        "Free/busy goes by Microsoft Graph, with the known issue of September 2026",
        |world| {
            graph_flow(world);
            world.trouble(Trouble::GraphFlow);
            Ok(())
        },
    ),
    scenario(
        "graph-flow",
        Start::Complete,
        "Free/busy goes by Microsoft Graph, as Exchange Server SE can since May 2026",
        |world| {
            graph_flow(world);
            Ok(())
        },
    ),
    scenario(
        "hybrid-agent",
        Start::Complete,
        "Exchange Online reaches the servers through the Hybrid Agent, whose address must stay",
        |world| {
            let agent = seed::AGENT;
            for object in world.objects_mut(Plane::ExchangeOnline, "IntraOrganizationConnector") {
                let endpoint = format!("{agent}/autodiscover/autodiscover.svc");
                object.insert("DiscoveryEndpoint".to_owned(), endpoint.into());
                let epr = format!("{agent}/EWS/Exchange.asmx");
                object.insert("TargetSharingEpr".to_owned(), epr.into());
            }
            Ok(())
        },
    ),
    scenario(
        "two-forests",
        Start::Complete,
        "Two on-premises organizations share the tenant",
        |world| {
            seed::second_organization(world);
            Ok(())
        },
    ),
    scenario(
        "permission-missing",
        Start::Wizard,
        "The application that signs in may read the directory and change nothing in it",
        |world| {
            let directory = world.directory_mut();
            let own = directory.principal(seed::CLIENT).map(|own| own.id.clone());
            let graph = directory.principal(GRAPH).map(|graph| graph.id.clone());
            directory.assignments.retain(|assignment| {
                Some(&assignment.principal) != own.as_ref()
                    || Some(&assignment.resource) != graph.as_ref()
            });
            for role in ["Application.Read.All", "Organization.Read.All"] {
                directory.grant(seed::CLIENT, GRAPH, role);
            }
            Ok(())
        },
    ),
    scenario(
        "directory-role-missing",
        Start::Wizard,
        "The person who signs in with a browser or a device code has no directory role",
        |world| {
            world.trouble(Trouble::NoDirectoryRole);
            Ok(())
        },
    ),
    scenario(
        "build-too-old",
        Start::Wizard,
        "A server has a build from before the dedicated application",
        |world| {
            let here = world.names().server(Plane::OnPremises);
            world.set_exchange_build(here, "15.1.2507.39");
            Ok(())
        },
    ),
];

fn set_online(world: &mut World, property: &str, value: impl Into<Value>) {
    let value: Value = value.into();
    for config in world.objects_mut(Plane::ExchangeOnline, "OrganizationConfig") {
        config.insert(property.to_owned(), value.clone());
    }
}

/// Changes the authorization servers of the tenant that are of a type.
fn change_auth_server(world: &mut World, kind: &str, mut change: impl FnMut(&mut Object)) {
    for object in world.objects_mut(Plane::OnPremises, "AuthServer") {
        if text(object, "Type") == Some(kind) && text(object, "Realm") == Some(seed::TENANT) {
            change(object);
        }
    }
}

fn add_override(world: &mut World, name: &str, feature: Feature, server: Option<&str>) {
    let properties = object([
        ("ComponentName", feature.0.into()),
        ("SectionName", feature.1.into()),
        ("Parameters", vec!["Enabled=true"].into()),
        ("Reason", "Dedicated hybrid application".into()),
        ("ModifiedBy", seed::ADMINISTRATOR_OBJECT.into()),
        (
            "Server",
            server.map_or(Value::Null, |server| vec![server].into()),
        ),
    ]);
    world.create(Plane::OnPremises, "SettingOverride", name, properties);
}

fn remove_overrides(world: &mut World, feature: Feature) {
    world
        .objects_mut(Plane::OnPremises, "SettingOverride")
        .retain(|object| text(object, "SectionName") != Some(feature.1));
}

/// The thumbprint of the certificate that signs.
fn current(world: &World) -> String {
    let current = world.auth_config("CurrentCertificateThumbprint");
    current.unwrap_or_default().to_owned()
}

/// Makes an organization complete that the wizard has been at.
pub(super) fn complete(world: &mut World) {
    seed::relationships(world);
    let address = format!("https://{}/EWS/Exchange.asmx", world.names().exchange_host);
    for object in world.objects_mut(Plane::OnPremises, "OrganizationRelationship") {
        object.insert("TargetSharingEpr".to_owned(), address.as_str().into());
    }
    seed::published_names(world);
    let keys: Vec<KeyCredential> = world
        .signers()
        .exchange
        .iter()
        .map(|signer| KeyCredential::of(&signer.certificate))
        .collect();
    let title = format!("ExchangeServerApp-{}", seed::ORGANIZATION);
    let directory = world.directory_mut();
    directory.register(APPLICATION, &title, keys);
    directory.ask(APPLICATION, EXCHANGE, &["full_access_as_app"]);
    directory.grant(APPLICATION, EXCHANGE, "full_access_as_app");
    if let Some(principal) = directory.principal_mut(APPLICATION) {
        let tags = ["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"];
        principal.tags = tags.map(str::to_owned).to_vec();
    }
    // Clean-up has been done: of the shared principal's keys, those that are no certificate of this organization stay.
    change_auth_server(world, "AzureAD", |object| {
        object.insert("ApplicationIdentifier".to_owned(), APPLICATION.into());
    });
    let domains = world
        .objects(Plane::OnPremises, "AuthServer")
        .iter()
        .find(|object| text(object, "Type") == Some("MicrosoftACS"))
        .and_then(|object| object.get("DomainName").cloned());
    if let Some(domains) = domains {
        change_auth_server(world, "AzureAD", |object| {
            object.insert("DomainName".to_owned(), domains.clone());
        });
    }
    add_override(world, seed::OVERRIDE, DEDICATED_APPLICATION, None);
    set_online(world, "EwsAllowedAppIDs", APPLICATION);
}

fn forget_application(world: &mut World) {
    remove_overrides(world, DEDICATED_APPLICATION);
    set_online(world, "EwsAllowedAppIDs", Value::Null);
    change_auth_server(world, "AzureAD", |object| {
        object.insert("ApplicationIdentifier".to_owned(), "".into());
    });
    let directory = world.directory_mut();
    directory
        .applications
        .retain(|application| application.app_id != APPLICATION);
    let principal = directory
        .principal(APPLICATION)
        .map(|principal| principal.id.clone());
    directory
        .principals
        .retain(|principal| principal.app_id != APPLICATION);
    directory
        .assignments
        .retain(|assignment| Some(&assignment.principal) != principal.as_ref());
}

fn upload_to_shared(world: &mut World) {
    let thumbprint = current(world);
    let signers = &world.signers().exchange;
    let key = signers
        .iter()
        .find(|signer| signer.certificate.thumbprint == thumbprint)
        .map(|signer| KeyCredential::of(&signer.certificate));
    if let (Some(principal), Some(key)) = (world.directory_mut().principal_mut(EXCHANGE), key) {
        principal.keys.push(key);
    }
}

/// A second modern server, with the certificates of the first.
fn add_server(world: &mut World) {
    let here = world.names().server(Plane::OnPremises);
    if world.server(seed::OTHER_SERVER).is_some() {
        return;
    }
    seed::other_server(world);
    let signers = world.signers().exchange.iter();
    let held: Vec<_> = signers
        .filter_map(|signer| certificates::held(world, here, &signer.certificate.thumbprint))
        .collect();
    for certificate in held {
        certificates::put(world, seed::OTHER_SERVER, &certificate);
    }
}

/// Puts a certificate of these days in the place of the one that signs, or of the next; whatever follows it goes.
fn replace_certificate(world: &mut World, from: i64, to: i64, next: bool) -> Result<(), Error> {
    let at = usize::from(next);
    let now = world.now();
    let (from, to) = (days_after(now, from), days_after(now, to));
    let signer = Signer::generate(2048, seed::AUTH_CERTIFICATE, from, to)?;
    let certificate = signer.certificate.clone();
    for server in world.modern_servers() {
        certificates::put(world, &server, &certificate);
    }
    let former: Vec<String> = world
        .signers_mut()
        .exchange
        .drain(at..)
        .map(|signer| signer.certificate.thumbprint)
        .collect();
    world.signers_mut().exchange.push(signer);
    world
        .objects_mut(Plane::OnPremises, "ExchangeCertificate")
        .retain(|object| {
            certificates::certificate(object).is_none_or(|of| !former.contains(&of.thumbprint))
        });
    for config in world.objects_mut(Plane::OnPremises, "AuthConfig") {
        let mut put = |name: &str, value: Value| config.insert(name.to_owned(), value);
        let thumbprint = certificate.thumbprint.as_str();
        if next {
            put("NextCertificateThumbprint", thumbprint.into());
        } else {
            put("CurrentCertificateThumbprint", thumbprint.into());
            put("NextCertificateThumbprint", "".into());
            put("NextCertificateEffectiveDate", Value::Null);
        }
    }
    if let Some(application) = world.directory_mut().application_mut(APPLICATION) {
        application
            .keys
            .retain(|key| !former.contains(&key.certificate.thumbprint));
        application.keys.push(KeyCredential::of(&certificate));
    }
    Ok(())
}

/// Free/busy by Microsoft Graph, which takes a server of Exchange Server SE.
fn graph_flow(world: &mut World) {
    let here = world.names().server(Plane::OnPremises);
    world.set_exchange_build(here, "15.2.2562.49");
    let version = "Version 15.2 (Build 2562.17)";
    world.set(
        Plane::OnPremises,
        "ExchangeServer",
        here,
        "AdminDisplayVersion",
        &version.into(),
    );
    let graph = format!("https://{}", world.names().graph_host);
    change_auth_server(world, "AzureAD", |object| {
        object.insert("GraphBaseUrl".to_owned(), graph.as_str().into());
    });
    let roles = [
        "Calendars.Read",
        "MailboxSettings.Read",
        "MailTips.ReadBasic.All",
        "ProfilePhoto.Read.All",
    ];
    let directory = world.directory_mut();
    directory.ask(APPLICATION, GRAPH, &roles);
    for role in roles {
        directory.grant(APPLICATION, GRAPH, role);
    }
    add_override(world, seed::GRAPH_OVERRIDE, GRAPH_FLOW, None);
}
