//! The Microsoft Graph front: service principals, the organization and its domains, as version 1.0 answers them.
//!
//! The state is [`Directory`]. `keyCredentials` and `servicePrincipalNames` are replaced whole, with the refusals that
//! the service is known for.

use super::entra;
use super::front::{Front, Reply, Request};
use super::seed;
use super::token::Certificate;
use super::world::{World, guid_of, whole_seconds};
use crate::subject::Plane;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value as Json, json};

/// The directory of the tenant.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The name of the organization.
    pub title: String,
    /// The service principals.
    pub principals: Vec<ServicePrincipal>,
    pub(super) applications: Vec<Application>,
}

/// A service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// The object's id.
    pub id: String,
    /// The application's id.
    pub app_id: String,
    /// The name for people.
    pub display_name: String,
    /// The tenant that owns the application.
    pub owner: String,
    /// The service principal names.
    pub names: Vec<String>,
    /// The keys.
    pub keys: Vec<KeyCredential>,
}

/// A key credential of a service principal, as the service keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCredential {
    /// The id.
    pub id: String,
    /// The certificate.
    pub certificate: Certificate,
}

impl KeyCredential {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self {
            id: guid_of(&format!("key credential {}", certificate.thumbprint)),
            certificate: certificate.clone(),
        }
    }

    fn json(&self, with_key: bool) -> Json {
        json!({
            "customKeyIdentifier": self.certificate.thumbprint,
            "displayName": self.certificate.subject,
            "endDateTime": whole_seconds(self.certificate.not_after),
            "key": with_key.then(|| self.certificate.base64()),
            "keyId": self.id,
            "startDateTime": whole_seconds(self.certificate.not_before),
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
        })
    }
}

/// A registered application that can sign in.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) app_id: String,
    pub(super) title: String,
    pub(super) keys: Vec<Certificate>,
}

impl Directory {
    /// The service principal of an application.
    pub fn principal(&self, app_id: &str) -> Option<&ServicePrincipal> {
        self.principals
            .iter()
            .find(|principal| principal.app_id.eq_ignore_ascii_case(app_id))
    }

    /// The service principal of an application, to be changed.
    pub fn principal_mut(&mut self, app_id: &str) -> Option<&mut ServicePrincipal> {
        self.principals
            .iter_mut()
            .find(|principal| principal.app_id.eq_ignore_ascii_case(app_id))
    }
}

/// What Graph refuses.
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    target: Option<&'static str>,
}

fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
        target: None,
    }
}

/// Answers a request to Graph.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let request_id = guid_of(&format!(
        "{} {} {}",
        request.path,
        world.now(),
        world.requests(Front::Graph)
    ));
    let client = request
        .header("client-request-id")
        .unwrap_or(&request_id)
        .to_owned();
    let reply = match allowed(world, request).and_then(|()| dispatch(world, request)) {
        Ok(reply) => reply,
        Err(refusal) => {
            let mut error = json!({"code": refusal.code, "message": refusal.message});
            if let Some(target) = refusal.target {
                error["details"] = json!([{"code": "PropertyConflict", "message": refusal.message, "target": target}]);
            }
            error["innerError"] = json!({
                "date": whole_seconds(world.now()).trim_end_matches('Z'),
                "request-id": request_id,
                "client-request-id": client,
            });
            Reply::json(refusal.status, &json!({"error": error}))
        }
    };
    reply
        .header("request-id", request_id)
        .header("client-request-id", client)
}

fn allowed(world: &World, request: &Request) -> Result<(), Refusal> {
    let token = request
        .bearer()
        .filter(|token| !token.is_empty())
        .ok_or_else(|| refusal(401, "InvalidAuthenticationToken", "Access token is empty."))?;
    entra::check(world, token, Front::Graph)
        .map_err(|reason| refusal(401, "InvalidAuthenticationToken", reason))
}

fn dispatch(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    let segments = request.segments();
    let mut path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if path.is_empty() || !matches!(path.remove(0), "v1.0" | "beta") {
        return Err(refusal(400, "BadRequest", "Invalid version."));
    }
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["servicePrincipals"]) => list(world, request),
        ("GET", ["organization"]) => Ok(organization(world, request)),
        ("GET", ["domains"]) => Ok(domains(world, request)),
        (method, ["servicePrincipals", id]) => one(
            world,
            request,
            method,
            |principal| principal.id.eq_ignore_ascii_case(id),
            id,
        ),
        (method, [one_of]) if one_of.starts_with("servicePrincipals(") => {
            let app_id = one_of
                .strip_prefix("servicePrincipals(appId='")
                .and_then(|rest| rest.strip_suffix("')"))
                .ok_or_else(|| no_segment(one_of))?;
            one(
                world,
                request,
                method,
                |principal| principal.app_id.eq_ignore_ascii_case(app_id),
                app_id,
            )
        }
        (_, [first, ..]) => Err(no_segment(first)),
        (_, []) => Err(refusal(404, "ResourceNotFound", "Invalid version.")),
    }
}

fn no_segment(name: &str) -> Refusal {
    refusal(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{name}'."),
    )
}

fn one(
    world: &mut World,
    request: &Request,
    method: &str,
    is: impl Fn(&ServicePrincipal) -> bool,
    id: &str,
) -> Result<Reply, Refusal> {
    let at = world.directory().principals.iter().position(is).ok_or_else(|| {
        refusal(
            404,
            "Request_ResourceNotFound",
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present."),
        )
    })?;
    match method {
        "GET" => {
            let selected = selected(request)?;
            let mut body = shown(&world.directory().principals[at], &selected, true);
            prepend(
                &mut body,
                "@odata.context",
                context(request, &selected, "/$entity").into(),
            );
            Ok(Reply::json(200, &body).header("odata-version", "4.0"))
        }
        "PATCH" => {
            world.count_write(Plane::Entra);
            patch(world, at, &request.body)?;
            Ok(Reply::empty(204))
        }
        _ => Err(refusal(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )),
    }
}

fn list(world: &World, request: &Request) -> Result<Reply, Refusal> {
    let selected = selected(request)?;
    let filter = request
        .parameter("$filter")
        .map(|filter| parse_filter(&filter))
        .transpose()?;
    let fits = |principal: &&ServicePrincipal| {
        filter
            .as_ref()
            .is_none_or(|(property, value)| match property.as_str() {
                "appid" => principal.app_id.eq_ignore_ascii_case(value),
                "displayname" => principal.display_name.eq_ignore_ascii_case(value),
                _ => principal
                    .names
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(value)),
            })
    };
    let all: Vec<&ServicePrincipal> = world.directory().principals.iter().filter(fits).collect();
    let top = match request.parameter("$top") {
        Some(top) => top
            .parse()
            .ok()
            .filter(|top| (1..=999).contains(top))
            .ok_or_else(|| {
                refusal(
                    400,
                    "Request_BadRequest",
                    format!(
                        "Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
                    ),
                )
            })?,
        None => 100,
    };
    let from: usize = request
        .parameter("$skiptoken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let page: Vec<Json> = all
        .iter()
        .skip(from)
        .take(top)
        .map(|principal| shown(principal, &selected, false))
        .collect();
    let mut body = json!({"@odata.context": context(request, &selected, "")});
    if from + page.len() < all.len() {
        let kept: Vec<&str> = request
            .query
            .split('&')
            .filter(|pair| !pair.contains("skiptoken") && !pair.is_empty())
            .collect();
        body["@odata.nextLink"] = format!(
            "{}{}?{}&$skiptoken={}",
            request.base(),
            request.path,
            kept.join("&"),
            from + page.len()
        )
        .into();
    }
    body["value"] = page.into();
    Ok(Reply::json(200, &body).header("odata-version", "4.0"))
}

/// Reads `property eq 'value'`, the one form that is answered here.
fn parse_filter(filter: &str) -> Result<(String, String), Refusal> {
    let bad = || {
        refusal(
            400,
            "Request_UnsupportedQuery",
            format!("Unsupported or invalid query filter clause specified: {filter}"),
        )
    };
    let mut words = filter.trim().splitn(3, ' ');
    let property = words.next().unwrap_or_default().to_lowercase();
    let operator = words.next().unwrap_or_default();
    let value = words.next().unwrap_or_default().trim();
    let value = value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .ok_or_else(bad)?;
    let known = ["appid", "displayname"].contains(&property.as_str());
    (known && operator == "eq")
        .then(|| (property, value.replace("''", "'")))
        .ok_or_else(bad)
}

const PROPERTIES: [&str; 9] = [
    "id",
    "accountEnabled",
    "appId",
    "appDisplayName",
    "appOwnerOrganizationId",
    "displayName",
    "keyCredentials",
    "servicePrincipalNames",
    "signInAudience",
];

fn selected(request: &Request) -> Result<Vec<&'static str>, Refusal> {
    let Some(select) = request.parameter("$select") else {
        return Ok(Vec::new());
    };
    select
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            PROPERTIES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
                refusal(400, "BadRequest", format!("Could not find a property named '{name}' on type 'microsoft.graph.servicePrincipal'."))
            })
        })
        .collect()
}

fn context(request: &Request, selected: &[&str], end: &str) -> String {
    let list = if selected.is_empty() {
        String::new()
    } else {
        format!("({})", selected.join(","))
    };
    format!(
        "{}/v1.0/$metadata#servicePrincipals{list}{end}",
        request.base()
    )
}

/// A service principal as JSON. Keys are listed only when they are selected, and whole only for one object.
fn shown(principal: &ServicePrincipal, selected: &[&str], single: bool) -> Json {
    let keys = |with_key: bool| -> Json {
        principal
            .keys
            .iter()
            .map(|key| key.json(with_key))
            .collect()
    };
    let whole = single && selected.contains(&"keyCredentials");
    let all = json!({
        "id": principal.id,
        "accountEnabled": true,
        "appDisplayName": principal.display_name,
        "appId": principal.app_id,
        "appOwnerOrganizationId": principal.owner,
        "displayName": principal.display_name,
        "servicePrincipalNames": principal.names,
        "signInAudience": if principal.owner == seed::TENANT { "AzureADMyOrg" } else { "AzureADMultipleOrgs" },
        "keyCredentials": keys(whole),
    });
    match all {
        Json::Object(all) => all
            .into_iter()
            .filter(|(name, _)| selected.is_empty() || selected.contains(&name.as_str()))
            .collect(),
        other => other,
    }
}

fn prepend(body: &mut Json, name: &str, value: Json) {
    if let Json::Object(object) = body {
        let rest = std::mem::take(object);
        object.insert(name.to_owned(), value);
        object.extend(rest);
    }
}

fn patch(world: &mut World, at: usize, body: &[u8]) -> Result<(), Refusal> {
    let body: Json = serde_json::from_slice(body).map_err(|_| refusal(400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."))?;
    let Json::Object(changes) = body else {
        return Err(refusal(
            400,
            "BadRequest",
            "Empty Payload. JSON content expected.",
        ));
    };
    let mut changed = world.directory().principals[at].clone();
    for (property, value) in &changes {
        match property.as_str() {
            "keyCredentials" => changed.keys = keys(&changed, value)?,
            "servicePrincipalNames" => changed.names = names(world, at, value)?,
            "displayName" => {
                changed.display_name = value
                    .as_str()
                    .ok_or_else(|| wrong_type(property))?
                    .to_owned();
            }
            "passwordCredentials" => {
                return Err(refusal(
                    400,
                    "Request_BadRequest",
                    "Updates to passwordCredentials are not allowed.",
                ));
            }
            // An annotation says what is said anyway.
            "@odata.type" => {}
            other if PROPERTIES.contains(&other) => {
                return Err(refusal(
                    400,
                    "Request_BadRequest",
                    format!("Property '{other}' is read-only and cannot be set."),
                ));
            }
            other => {
                return Err(refusal(
                    400,
                    "Request_BadRequest",
                    format!(
                        "One or more property values specified are invalid. Unknown property '{other}'."
                    ),
                ));
            }
        }
    }
    world.directory_mut().principals[at] = changed;
    Ok(())
}

fn wrong_type(property: &str) -> Refusal {
    refusal(
        400,
        "Request_BadRequest",
        format!(
            "Invalid value specified for property '{property}' of resource 'ServicePrincipal'."
        ),
    )
}

/// The whole new collection of keys, from what a PATCH gives.
fn keys(principal: &ServicePrincipal, given: &Json) -> Result<Vec<KeyCredential>, Refusal> {
    let given = given
        .as_array()
        .ok_or_else(|| wrong_type("keyCredentials"))?;
    given.iter().map(|entry| key(principal, entry)).collect()
}

fn key(principal: &ServicePrincipal, entry: &Json) -> Result<KeyCredential, Refusal> {
    let entry = entry
        .as_object()
        .ok_or_else(|| wrong_type("keyCredentials"))?;
    if let Some(id) = entry.get("keyId").and_then(Json::as_str)
        && principal
            .keys
            .iter()
            .any(|key| key.id.eq_ignore_ascii_case(id))
    {
        return Err(refusal(
            400,
            "KeyNotUpdatable",
            format!("Update to existing credential with KeyId '{id}' is not allowed."),
        ));
    }
    let text = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
    let Some(given) = entry
        .get("key")
        .and_then(Json::as_str)
        .filter(|key| !key.is_empty())
    else {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidValue",
            "KeyValue cannot be null or empty. Key credential value is invalid.",
        ));
    };
    let (kind, usage) = (text("type"), text("usage"));
    if kind != "AsymmetricX509Cert" {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidType",
            format!("Key credential type '{kind}' is invalid."),
        ));
    }
    if usage != "Verify" {
        return Err(refusal(
            400,
            "KeyCredentialsInvalidUsage",
            format!("Key credential usage '{usage}' is invalid for the type 'AsymmetricX509Cert'."),
        ));
    }
    let bytes = decoded(given).ok_or_else(|| {
        let start: String = given.chars().take(60).collect();
        refusal(
            400,
            "Request_BadRequest",
            format!("Cannot convert the literal '{start}' to the expected type 'Edm.Binary'."),
        )
    })?;
    let certificate = certificate(&bytes).ok_or_else(|| {
        refusal(
            400,
            "KeyCredentialsInvalidValue",
            "Key credential value is not a valid X509 certificate.",
        )
    })?;
    check_dates(entry, &certificate)?;
    Ok(KeyCredential::of(&certificate))
}

/// The dates are the certificate's own; a request may repeat them, but not say something else.
fn check_dates(
    entry: &serde_json::Map<String, Json>,
    certificate: &Certificate,
) -> Result<(), Refusal> {
    let moment = |name: &str| {
        entry
            .get(name)
            .and_then(Json::as_str)
            .map(str::parse::<jiff::Timestamp>)
    };
    match moment("endDateTime") {
        Some(Err(_)) => return Err(wrong_type("keyCredentials")),
        Some(Ok(end)) if end > certificate.not_after => {
            return Err(refusal(
                400,
                "KeyCredentialsInvalidEndDate",
                "Key credential end date is invalid.",
            ));
        }
        _ => {}
    }
    match moment("startDateTime") {
        Some(Err(_)) => Err(wrong_type("keyCredentials")),
        Some(Ok(start)) if start < certificate.not_before => Err(refusal(
            400,
            "KeyCredentialsInvalidStartDate",
            "Key credential start date is invalid.",
        )),
        _ => Ok(()),
    }
}

/// Base64 in either alphabet, padded or not.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    let text = text.as_bytes();
    BASE64_STANDARD
        .decode(text)
        .or_else(|_| BASE64_STANDARD_NO_PAD.decode(text))
        .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(text))
        .or_else(|_| BASE64_URL_SAFE.decode(text))
        .ok()
}

/// A certificate from DER, from PEM, or from base64 text of DER.
fn certificate(bytes: &[u8]) -> Option<Certificate> {
    if bytes.first() == Some(&0x30) {
        return Certificate::read(bytes);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    Certificate::read(&decoded(&body)?)
}

/// The whole new list of names, from what a PATCH gives.
fn names(world: &World, at: usize, given: &Json) -> Result<Vec<String>, Refusal> {
    let given = given
        .as_array()
        .ok_or_else(|| wrong_type("servicePrincipalNames"))?;
    let mut names: Vec<String> = Vec::with_capacity(given.len());
    for name in given {
        let name = name
            .as_str()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| wrong_type("servicePrincipalNames"))?;
        let is = |other: &String| other.eq_ignore_ascii_case(name);
        let elsewhere = world
            .directory()
            .principals
            .iter()
            .enumerate()
            .any(|(other, principal)| other != at && principal.names.iter().any(is));
        if elsewhere || names.iter().any(is) {
            return Err(Refusal {
                target: Some("servicePrincipalNames"),
                ..refusal(
                    409,
                    "Request_MultipleObjectsWithSameKeyValue",
                    format!(
                        "Another object with the same value for property servicePrincipalNames already exists. The service principal name {name} is already in use."
                    ),
                )
            });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn organization(world: &World, request: &Request) -> Reply {
    let names = world.names();
    let domain = |name: &String| json!({"capabilities": "Email", "isDefault": *name == names.domains[0], "isInitial": *name == names.initial_domain, "name": name, "type": "Managed"});
    let domains: Vec<Json> = verified(world).iter().map(domain).collect();
    let body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#organization", request.base()),
        "value": [{
            "id": seed::TENANT,
            "displayName": world.directory().title,
            "tenantType": "AAD",
            "verifiedDomains": domains,
        }],
    });
    Reply::json(200, &body).header("odata-version", "4.0")
}

fn domains(world: &World, request: &Request) -> Reply {
    let names = world.names();
    let value: Vec<Json> = verified(world)
        .iter()
        .map(|name| {
            json!({
                "id": name,
                "authenticationType": "Managed",
                "isAdminManaged": true,
                "isDefault": *name == names.domains[0],
                "isInitial": *name == names.initial_domain,
                "isRoot": true,
                "isVerified": true,
                "supportedServices": ["Email"],
            })
        })
        .collect();
    let body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#domains", request.base()),
        "value": value,
    });
    Reply::json(200, &body).header("odata-version", "4.0")
}

fn verified(world: &World) -> Vec<String> {
    let names = world.names();
    let mut all = names.domains.clone();
    all.push(names.initial_domain.clone());
    all.push(names.routing_domain.clone());
    all
}
