//! What the product does that a row of the table of nouns cannot say.
//!
//! [`instead`] answers whole cmdlets; [`learned`] and [`relearned`] give the properties that a server finds out for
//! itself, such as those of an authorization server's metadata document.

use super::cmdlet::{Call, cannot_prompt, exchange_refusal, not_found};
use super::noun::{GET, REMOVE, SET, TEST};
use super::oauth;
use super::seed;
use super::token::Certificate;
use super::world::{Answer, Refusal, World};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::Timestamp;
use serde_json::Value as Json;

/// Answers a cmdlet that the table's engine cannot; absent for all others.
pub(super) fn instead(world: &mut World, call: &Call<'_>) -> Option<Result<Answer, Refusal>> {
    match (call.verb, call.noun.name) {
        (GET, "ExchangeCertificate") => Some(get_certificates(world, call)),
        (REMOVE, "ExchangeCertificate") => Some(remove_certificate(world, call)),
        (SET, "AuthConfig") => set_auth_config(world, call).transpose(),
        (GET, "IntraOrganizationConfiguration") => Some(configuration(world, call)),
        (TEST, "OAuthConnectivity") => Some(oauth::test_connectivity(world, call)),
        _ => None,
    }
}

/// An object as its `Get` cmdlet gives it.
pub(super) fn shown(call: &Call<'_>, object: &Object) -> Object {
    let mut object = object.clone();
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
    let object = world.objects(call.plane, "AuthServer")[at].clone();
    let text = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_text)
            .unwrap_or_default()
            .to_owned()
    };
    if call.is_on("IsDefaultAuthorizationEndpoint") {
        for other in world.objects_mut(call.plane, "AuthServer") {
            other.insert("IsDefaultAuthorizationEndpoint".to_owned(), false.into());
        }
    }
    let url = call.text("AuthMetadataUrl").map(str::to_owned);
    match url.or_else(|| {
        call.is_on("RefreshAuthMetadata")
            .then(|| text("AuthMetadataUrl"))
    }) {
        Some(url) => auth_metadata(world, call, &url, &text("Type")),
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
    let text = |name: &str| call.text(name).unwrap_or_default().to_owned();
    let (component, section) = (text("Component"), text("Section"));
    Object::from_iter([
        ("ComponentName".to_owned(), component.into()),
        ("SectionName".to_owned(), section.into()),
        (
            "ModifiedBy".to_owned(),
            "contoso.com/Users/Administrator".into(),
        ),
    ])
}

fn new_auth_server(world: &mut World, call: &Call<'_>) -> Result<Object, Refusal> {
    let kind = call.text("Type");
    match (call.text("AuthMetadataUrl"), kind) {
        (Some(url), kind) => {
            let url = url.to_owned();
            let kind = kind.unwrap_or("MicrosoftACS").to_owned();
            auth_metadata(world, call, &url, &kind)
        }
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
        .fetch("GET", url, &[], &[])
        .map_err(|reason| format!("{reason}."))?;
    if reply.status != 200 {
        let phrase = phrase(reply.status);
        return Err(format!(
            "The remote server returned an error: ({}) {phrase}.",
            reply.status
        ));
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

/// The phrase of a status code.
pub(super) fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        503 => "Server Unavailable",
        _ => "Unexpected",
    }
}

fn properties<const N: usize>(pairs: [(&str, Value); N]) -> Object {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
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
    Some(properties([
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
    Some(properties([
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
    let url = format!(
        "https://{}/{tenant}/metadata/json/1",
        world.names().acs_host
    );
    fetched(world, &url, "MicrosoftACS").unwrap_or_default()
}

/// What an auth server of the security token service learns of a tenant; for the seed.
pub(super) fn learned_sts(world: &mut World, tenant: &str) -> Object {
    let url = format!(
        "https://{}/{tenant}/federationmetadata/2007-06/federationmetadata.xml",
        world.names().sts_host
    );
    fetched(world, &url, "AzureAD").unwrap_or_default()
}

/// The thumbprint of a certificate object.
fn thumbprint(object: &Object) -> Option<String> {
    match object.get("RawData") {
        Some(Value::Bytes(der)) => Certificate::read(der).map(|certificate| certificate.thumbprint),
        _ => None,
    }
}

/// The thumbprint that a cmdlet of certificates names, from its own parameter or from `SERVER\thumbprint`.
fn named_thumbprint(call: &Call<'_>) -> Option<String> {
    let identity = call
        .text("Identity")
        .map(|identity| identity.rsplit('\\').next().unwrap_or(identity));
    call.text("Thumbprint").or(identity).map(str::to_uppercase)
}

fn get_certificates(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    check_server(world, call)?;
    let named = named_thumbprint(call);
    let output: Vec<Value> = world
        .objects(call.plane, "ExchangeCertificate")
        .iter()
        .filter(|object| named.is_none() || thumbprint(object) == named)
        .map(|object| Value::from(object.clone()))
        .collect();
    match named {
        Some(named) if output.is_empty() => Err(no_certificate(world, call, &named)),
        _ => Ok(Answer {
            output,
            warnings: Vec::new(),
        }),
    }
}

fn check_server(world: &World, call: &Call<'_>) -> Result<(), Refusal> {
    let Some(server) = call.text("Server") else {
        return Ok(());
    };
    let name = server.split('.').next().unwrap_or(server);
    let servers = world.objects(call.plane, "ExchangeServer");
    servers
        .iter()
        .any(|object| {
            object
                .get("Name")
                .and_then(Value::as_text)
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        })
        .then_some(())
        .ok_or_else(|| not_found(world, call, server))
}

fn no_certificate(world: &World, call: &Call<'_>, thumbprint: &str) -> Refusal {
    exchange_refusal(
        world,
        call,
        "System.InvalidOperationException",
        "InvalidOperation",
        "",
        format!("The certificate with thumbprint {thumbprint} was not found."),
    )
}

fn remove_certificate(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    check_server(world, call)?;
    let named = named_thumbprint(call).unwrap_or_default();
    let objects = world.objects_mut(call.plane, "ExchangeCertificate");
    match objects
        .iter()
        .position(|object| thumbprint(object).as_deref() == Some(&named))
    {
        Some(at) => {
            objects.remove(at);
            Ok(Answer::default())
        }
        None => Err(no_certificate(world, call, &named)),
    }
}

/// The parameters of `Set-AuthConfig` about certificates; absent when there are none, so that the table's engine goes on.
fn set_auth_config(world: &mut World, call: &Call<'_>) -> Result<Option<Answer>, Refusal> {
    let names = ["CertificateThumbprint", "NewCertificateThumbprint"];
    for name in names {
        let Some(given) = call.text(name).map(str::to_uppercase) else {
            continue;
        };
        let held = world.objects(call.plane, "ExchangeCertificate");
        if !held
            .iter()
            .any(|object| thumbprint(object).as_deref() == Some(&given))
        {
            return Err(no_certificate(world, call, &given));
        }
    }
    let current = call.text("CertificateThumbprint").map(str::to_uppercase);
    let next = call.text("NewCertificateThumbprint").map(str::to_uppercase);
    let date = call.parameters.get("NewCertificateEffectiveDate").cloned();
    if soon(world, date.as_ref()) && !call.is_on("Force") && !call.confirmed {
        return Err(cannot_prompt(call));
    }
    let (publish, clear) = (
        call.is_on("PublishCertificate"),
        call.is_on("ClearPreviousCertificate"),
    );
    let Some(config) = world.objects_mut(call.plane, "AuthConfig").first_mut() else {
        return Ok(None);
    };
    let text = |config: &Object, name: &str| config.get(name).cloned().unwrap_or_else(|| "".into());
    let mut put = |name: &str, value: Value| config.insert(name.to_owned(), value);
    match (current, next) {
        (Some(current), _) => {
            put("CurrentCertificateThumbprint", current.into());
        }
        (None, Some(next)) => {
            put("NextCertificateThumbprint", next.into());
            put("NextCertificateEffectiveDate", date.unwrap_or_default());
        }
        (None, None) if publish => {
            let former = text(config, "CurrentCertificateThumbprint");
            let next = text(config, "NextCertificateThumbprint");
            if next.as_text().is_some_and(|next| !next.is_empty()) {
                config.insert("PreviousCertificateThumbprint".to_owned(), former);
                config.insert("CurrentCertificateThumbprint".to_owned(), next);
                config.insert("NextCertificateThumbprint".to_owned(), "".into());
                config.insert("NextCertificateEffectiveDate".to_owned(), Value::Null);
            }
        }
        (None, None) if clear => {
            put("PreviousCertificateThumbprint", "".into());
        }
        (None, None) => return Ok(None),
    }
    Ok(Some(Answer::default()))
}

/// Whether a certificate would take effect within 48 hours, which is too soon for it to have reached every server.
fn soon(world: &World, date: Option<&Value>) -> bool {
    let date = date
        .and_then(Value::as_text)
        .and_then(|text| text.parse::<Timestamp>().ok());
    date.is_some_and(|date| date.as_second() - world.now().as_second() < 48 * 3600)
}

/// `Get-IntraOrganizationConfiguration`, which each side computes for itself.
fn configuration(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let names = world.names();
    let base = match call.plane {
        Plane::OnPremises => local_configuration(world),
        _ => {
            if let Some(wanted) = call.text("OrganizationGuid")
                && !wanted.eq_ignore_ascii_case(seed::ORGANIZATION)
            {
                return Err(not_found(world, call, wanted));
            }
            properties([
                (
                    "OnlineDiscoveryEndpoint",
                    format!(
                        "https://{}/autodiscover/autodiscover.svc",
                        names.autodiscover_host
                    )
                    .into(),
                ),
                ("OnlineTargetAddress", names.routing_domain.as_str().into()),
                ("OnPremiseTargetAddresses", names.domains.clone().into()),
                ("OnPremiseDiscoveryEndpoint", Value::Null),
                ("OnPremiseWebServiceEndpoint", Value::Null),
                ("DeploymentIsCompleteIOCReady", Value::Null),
                ("HasNonIOCReadyExchangeCASServerVersions", Value::Null),
                ("HasNonIOCReadyExchangeMailboxServerVersions", Value::Null),
            ])
        }
    };
    let mut object = base;
    object.extend(properties([
        ("Identity", "".into()),
        ("IsValid", true.into()),
        ("ObjectState", "New".into()),
    ]));
    Ok(Answer {
        output: vec![object.into()],
        warnings: Vec::new(),
    })
}

fn local_configuration(world: &World) -> Object {
    let directories = world.objects(Plane::OnPremises, "WebServicesVirtualDirectory");
    let external = directories
        .iter()
        .find_map(|object| object.get("ExternalUrl").and_then(Value::as_text));
    let host = external
        .and_then(|url| url.strip_prefix("https://"))
        .and_then(|rest| rest.split('/').next());
    let servers = world.objects(Plane::OnPremises, "ExchangeServer");
    let old = |role: &str| {
        servers.iter().any(|server| {
            server.get("IsE15OrLater").and_then(Value::as_bool) == Some(false)
                && server
                    .get("ServerRole")
                    .and_then(Value::as_text)
                    .is_some_and(|roles| roles.contains(role))
        })
    };
    properties([
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
