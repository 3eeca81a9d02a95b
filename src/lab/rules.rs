//! What the product does that a row of the table of nouns cannot say.
//!
//! [`instead`] answers whole cmdlets; [`learned`] and [`relearned`] give the properties that a server finds out for
//! itself, such as those of an authorization server's metadata document.

use super::certificates;
use super::cmdlet::{Call, exchange_refusal, not_found};
use super::noun::{GET, NEW, REMOVE, SET, Set, TEST};
use super::oauth;
use super::object::{object, text};
use super::overrides;
use super::seed;
use super::world::{Answer, Refusal, World};
use crate::subject::Plane;
use crate::value::{Object, Value};
use serde_json::Value as Json;

/// Answers a cmdlet that the table's engine cannot; absent for all others.
pub(super) fn instead(world: &mut World, call: &Call<'_>) -> Option<Result<Answer, Refusal>> {
    match (call.verb, call.noun.name) {
        (GET, "ExchangeCertificate") => Some(certificates::get(world, call)),
        (NEW, "ExchangeCertificate") => Some(certificates::new(world, call)),
        (REMOVE, "ExchangeCertificate") => Some(certificates::remove(world, call)),
        (SET, "AuthConfig") => certificates::set_auth_config(world, call).transpose(),
        (GET, "ExchangeDiagnosticInfo") => Some(overrides::diagnostics(world, call)),
        (GET, "IntraOrganizationConfiguration") => Some(configuration(world, call)),
        (TEST, "OAuthConnectivity") => Some(oauth::test_connectivity(world, call)),
        _ => None,
    }
}

/// The parameters that exclude one another: of those named here, a call has those of one row.
const PARAMETER_SETS: &[(Set, &str, &[&[&str]])] = &[
    (
        NEW,
        "AuthServer",
        &[
            &["AuthMetadataUrl", "GraphBaseUrl", "TrustAnySSLCertificate"],
            &["AuthMetadataUrl", "Type", "TrustAnySSLCertificate"],
            &["Type", "ApplicationIdentifier"],
        ],
    ),
    (
        SET,
        "AuthServer",
        &[
            &["AuthMetadataUrl", "GraphBaseUrl", "TrustAnySSLCertificate"],
            &[
                "AuthMetadataUrl",
                "IsDefaultAuthorizationEndpoint",
                "TrustAnySSLCertificate",
            ],
            &["RefreshAuthMetadata"],
            &["ApplicationIdentifier"],
        ],
    ),
    (
        SET,
        "AuthConfig",
        &[
            &[
                "CertificateThumbprint",
                "SkipImmediateCertificateDeployment",
            ],
            &["PublishCertificate", "ClearPreviousCertificate"],
            &[
                "NewCertificateThumbprint",
                "NewCertificateEffectiveDate",
                "SkipImmediateCertificateDeployment",
            ],
            &["Realm", "ServiceName"],
        ],
    ),
    (
        SET,
        "PartnerApplication",
        &[
            &["ApplicationIdentifier", "Realm"],
            &["AuthMetadataUrl", "TrustAnySSLCertificate"],
            &["RefreshAuthMetadata"],
        ],
    ),
];

/// Refuses parameters of different sets.
pub(super) fn check_parameter_sets(call: &Call<'_>) -> Result<(), Refusal> {
    let sets = PARAMETER_SETS
        .iter()
        .find(|(verb, noun, _)| *verb == call.verb && *noun == call.noun.name)
        .map_or(&[][..], |(_, _, sets)| sets);
    let concerned: Vec<&str> = call
        .parameters
        .keys()
        .map(String::as_str)
        .filter(|name| sets.iter().any(|set| set.contains(name)))
        .collect();
    let fits = |set: &&&[&str]| concerned.iter().all(|name| set.contains(name));
    (concerned.is_empty() || sets.iter().any(|set| fits(&set)))
        .then_some(())
        .ok_or_else(|| no_parameter_set(call))
}

/// An object as its `Get` cmdlet gives it.
pub(super) fn shown(world: &World, call: &Call<'_>, object: &Object) -> Object {
    let mut object = object.clone();
    if call.noun.name == "SettingOverride" {
        overrides::show(world, &mut object);
    }
    if call.noun.name == "OrganizationConfig"
        && call.plane == Plane::ExchangeOnline
        && !call.is_on("RetrieveEwsOperationAccessPolicy")
    {
        object.insert("EwsAllowedAppIDs".to_owned(), Value::Null);
    }
    object
}

/// The properties of a new object that the server finds out.
pub(super) fn learned(world: &mut World, call: &Call<'_>) -> Result<Object, Refusal> {
    match call.noun.name {
        "AuthServer" => new_auth_server(world, call),
        "PartnerApplication" => {
            let either = ["ApplicationIdentifier", "AuthMetadataUrl"];
            either
                .iter()
                .any(|name| call.parameters.contains_key(*name))
                .then(Object::new)
                .ok_or_else(|| no_parameter_set(call))
        }
        "SettingOverride" => Ok(new_override(call)),
        _ => Ok(Object::new()),
    }
}

/// The properties of an existing object that the server finds out again.
pub(super) fn relearned(world: &mut World, call: &Call<'_>, at: usize) -> Result<Object, Refusal> {
    if call.noun.name != "AuthServer" {
        return Ok(Object::new());
    }
    let server = world.objects(call.plane, "AuthServer")[at].clone();
    let present = |name: &str| text(&server, name).unwrap_or_default();
    if call.is_on("IsDefaultAuthorizationEndpoint") {
        for other in world.objects_mut(call.plane, "AuthServer") {
            other.insert("IsDefaultAuthorizationEndpoint".to_owned(), false.into());
        }
    }
    let refreshed = || {
        call.is_on("RefreshAuthMetadata")
            .then(|| present("AuthMetadataUrl"))
    };
    match call.text("AuthMetadataUrl").or_else(refreshed) {
        Some(url) => auth_metadata(world, call, url, present("Type")),
        None => Ok(Object::new()),
    }
}

fn no_parameter_set(call: &Call<'_>) -> Refusal {
    Refusal {
        exception: "System.Management.Automation.ParameterBindingException".to_owned(),
        category: "InvalidArgument".to_owned(),
        identifier: format!("AmbiguousParameterSet,{}", call.cmdlet),
        target: String::new(),
        message: "Parameter set cannot be resolved using the specified named parameters."
            .to_owned(),
    }
}

fn new_override(call: &Call<'_>) -> Object {
    let given = |name: &str| Value::from(call.text(name).unwrap_or_default());
    object([
        ("ComponentName", given("Component")),
        ("SectionName", given("Section")),
        ("ModifiedBy", seed::ADMINISTRATOR_OBJECT.into()),
    ])
}

fn new_auth_server(world: &mut World, call: &Call<'_>) -> Result<Object, Refusal> {
    let kind = call.text("Type");
    match (call.text("AuthMetadataUrl"), kind) {
        (Some(url), kind) => auth_metadata(world, call, url, kind.unwrap_or("MicrosoftACS")),
        (None, Some(_)) if call.parameters.contains_key("ApplicationIdentifier") => {
            Ok(Object::new())
        }
        (None, _) => Err(no_parameter_set(call)),
    }
}

/// Fetches a metadata document and reads what an auth server learns from it.
fn auth_metadata(
    world: &mut World,
    call: &Call<'_>,
    url: &str,
    kind: &str,
) -> Result<Object, Refusal> {
    fetched(world, url, kind).map_err(|reason| {
        exchange_refusal(
            world,
            call,
            "Microsoft.Exchange.Security.OAuth.AuthMetadataClientException",
            "ResourceUnavailable",
            "",
            format!("Cannot acquire auth metadata document from '{url}'. Error: {reason}"),
        )
    })
}

fn fetched(world: &mut World, url: &str, kind: &str) -> Result<Object, String> {
    let reply = world
        .fetch_from(Plane::OnPremises, "GET", url, &[], &[])
        .map_err(|reason| format!("{}.", reason.trim_end_matches('.')))?;
    if reply.status != 200 {
        return Err(reply.as_web_exception());
    }
    let mut learned = match kind {
        "AzureAD" | "ADFS" => from_federation_metadata(url, &reply.text()),
        _ => from_realm_metadata(&reply.body),
    }
    .ok_or("The document is not in a format that was expected.")?;
    learned.insert("AuthMetadataUrl".to_owned(), url.into());
    learned.insert("Type".to_owned(), kind.into());
    Ok(learned)
}

fn from_realm_metadata(body: &[u8]) -> Option<Object> {
    let document: Json = serde_json::from_slice(body).ok()?;
    let text = |name: &str| document.get(name).and_then(Json::as_str);
    let (issuer, realm) = text("issuer")?.split_once('@')?;
    let endpoint = document
        .get("endpoints")?
        .as_array()?
        .iter()
        .find(|endpoint| {
            endpoint.get("protocol").and_then(Json::as_str) == Some("OAuth2")
                && endpoint.get("usage").and_then(Json::as_str) == Some("issuance")
        })?;
    let certificates: Option<Vec<&str>> = document
        .get("keys")?
        .as_array()?
        .iter()
        .map(|key| key.get("keyValue")?.get("value")?.as_str())
        .collect();
    (text("realm")? == realm).then_some(())?;
    Some(object([
        ("IssuerIdentifier", issuer.into()),
        ("Realm", realm.into()),
        (
            "TokenIssuingEndpoint",
            endpoint.get("location")?.as_str()?.into(),
        ),
        ("CertificateStrings", certificates?.into()),
    ]))
}

fn from_federation_metadata(url: &str, text: &str) -> Option<Object> {
    let issuer = text.split_once("entityID=\"")?.1.split_once('"')?.0;
    let realm = issuer.trim_end_matches('/').rsplit('/').next()?;
    let mut certificates: Vec<&str> = text
        .split("<X509Certificate>")
        .skip(1)
        .filter_map(|rest| rest.split_once('<').map(|(certificate, _)| certificate))
        .collect();
    certificates.dedup();
    uuid::Uuid::try_parse(realm).ok()?;
    let host = url.strip_prefix("https://")?.split('/').next()?;
    Some(object([
        ("IssuerIdentifier", issuer.into()),
        ("Realm", realm.into()),
        (
            "TokenIssuingEndpoint",
            format!("https://{host}/common/oauth2/token").into(),
        ),
        (
            "AuthorizationEndpoint",
            format!("https://{host}/common/oauth2/authorize").into(),
        ),
        ("CertificateStrings", certificates.into()),
    ]))
}

/// What an auth server of the Access Control Service learns of a tenant; for the seed.
pub(super) fn learned_acs(world: &mut World, tenant: &str) -> Object {
    let url = world.names().acs_metadata(tenant);
    fetched(world, &url, "MicrosoftACS").unwrap_or_default()
}

/// What an auth server of the security token service learns of a tenant; for the seed.
pub(super) fn learned_sts(world: &mut World, tenant: &str) -> Object {
    let url = world.names().sts_metadata(tenant);
    fetched(world, &url, "AzureAD").unwrap_or_default()
}

/// `Get-IntraOrganizationConfiguration`, which each side computes for itself.
fn configuration(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let names = world.names();
    let mut configuration = match call.plane {
        Plane::OnPremises => local_configuration(world),
        _ => {
            let domains = hybrid_domains(world, call)?;
            object([
                (
                    "OnlineDiscoveryEndpoint",
                    format!(
                        "https://{}/autodiscover/autodiscover.svc",
                        names.autodiscover_host
                    )
                    .into(),
                ),
                ("OnlineTargetAddress", names.routing_domain.as_str().into()),
                ("OnPremiseTargetAddresses", domains),
                ("OnPremiseDiscoveryEndpoint", Value::Null),
                ("OnPremiseWebServiceEndpoint", Value::Null),
                ("DeploymentIsCompleteIOCReady", Value::Null),
                ("HasNonIOCReadyExchangeCASServerVersions", Value::Null),
                ("HasNonIOCReadyExchangeMailboxServerVersions", Value::Null),
            ])
        }
    };
    configuration.extend(object([
        ("Identity", "".into()),
        ("IsValid", true.into()),
        ("ObjectState", "New".into()),
    ]));
    Ok(Answer::of(vec![configuration.into()]))
}

/// The domains of the on-premises organization that is meant, which must be named where there are several.
fn hybrid_domains(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let organizations = world.objects(Plane::ExchangeOnline, "OnPremisesOrganization");
    let wanted = call.text("OrganizationGuid");
    let meant: Vec<&Object> = organizations
        .iter()
        .filter(|object| {
            wanted.is_none_or(|wanted| {
                text(object, "OrganizationGuid")
                    .is_some_and(|guid| guid.eq_ignore_ascii_case(wanted))
            })
        })
        .collect();
    match (meant.as_slice(), wanted) {
        ([one], _) => Ok(one.get("HybridDomains").cloned().unwrap_or_default()),
        ([], Some(wanted)) => Err(not_found(world, call, wanted)),
        // That it is an error is documented; its words are inferred.
        _ => Err(exchange_refusal(
            world,
            call,
            "System.InvalidOperationException",
            "InvalidOperation",
            "",
            format!(
                "There are {} on-premises organizations. Use the OrganizationGuid parameter to specify one of them.",
                organizations.len()
            ),
        )),
    }
}

fn local_configuration(world: &World) -> Object {
    let directories = world.objects(Plane::OnPremises, "WebServicesVirtualDirectory");
    let external = directories
        .iter()
        .find_map(|directory| text(directory, "ExternalUrl"));
    let host = external
        .and_then(|url| url.strip_prefix("https://"))
        .and_then(|rest| rest.split('/').next());
    let servers = world.objects(Plane::OnPremises, "ExchangeServer");
    let old = |role: &str| {
        servers.iter().any(|server| {
            server.get("IsE15OrLater").and_then(Value::as_bool) == Some(false)
                && text(server, "ServerRole").is_some_and(|roles| roles.contains(role))
        })
    };
    object([
        ("OnlineDiscoveryEndpoint", Value::Null),
        ("OnlineTargetAddress", Value::Null),
        ("OnPremiseTargetAddresses", Value::List(Vec::new())),
        (
            "OnPremiseDiscoveryEndpoint",
            host.map(|host| format!("https://{host}/autodiscover/autodiscover.svc"))
                .into(),
        ),
        (
            "OnPremiseWebServiceEndpoint",
            host.map(|host| format!("https://{host}/ews/exchange.asmx"))
                .into(),
        ),
        (
            "DeploymentIsCompleteIOCReady",
            (!old("ClientAccess") && !old("Mailbox")).into(),
        ),
        (
            "HasNonIOCReadyExchangeCASServerVersions",
            old("ClientAccess").into(),
        ),
        (
            "HasNonIOCReadyExchangeMailboxServerVersions",
            old("Mailbox").into(),
        ),
    ])
}
