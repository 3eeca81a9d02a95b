//! The Microsoft Graph front: applications, service principals and what they were granted, the organization and its
//! domains, as version 1.0 answers them.
//!
//! The state is [`Directory`]. `keyCredentials` and `servicePrincipalNames` are replaced whole, with the refusals that
//! the service is known for.

mod application;
mod credential;
mod deleted;
mod permission;
mod principal;
mod query;
mod role;

pub use application::Application;
pub use credential::KeyCredential;
pub use deleted::Deleted;
pub use principal::ServicePrincipal;
pub use role::RoleAssignment;

use super::entra;
use super::front::{Front, Reply, Request};
use super::seed;
use super::world::{World, guid_of, whole_seconds};
use query::Entity;
use serde_json::{Map, Value as Json, json};

/// The directory of the tenant.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The name of the organization.
    pub title: String,
    /// The service principals.
    pub principals: Vec<ServicePrincipal>,
    /// The registered applications.
    pub applications: Vec<Application>,
    /// The roles that were granted.
    pub assignments: Vec<RoleAssignment>,
    /// For how many days a new certificate may be valid, where the tenant's policy says so.
    pub certificate_days: Option<i64>,
    /// Whether the keys of Microsoft's own service principals are refused to who signs in here.
    pub locked: bool,
    /// What was deleted and can be restored.
    pub deleted: Deleted,
}

/// What Graph refuses.
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    detail: Option<(&'static str, &'static str)>,
}

fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
        detail: None,
    }
}

/// A refusal that also names a code of its own and the property that it is about.
fn detailed(refusal: Refusal, code: &'static str, target: &'static str) -> Refusal {
    Refusal {
        detail: Some((code, target)),
        ..refusal
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
    let reply = match dispatch(world, request) {
        Ok(reply) => reply,
        Err(refusal) => {
            let mut error = json!({"code": refusal.code, "message": refusal.message});
            if let Some((code, target)) = refusal.detail {
                error["details"] =
                    json!([{"code": code, "message": refusal.message, "target": target}]);
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

/// Whose request it is.
fn authenticate(world: &World, request: &Request) -> Result<entra::Bearer, Refusal> {
    let token = request
        .bearer()
        .filter(|token| !token.is_empty())
        .ok_or_else(|| refusal(401, "InvalidAuthenticationToken", "Access token is empty."))?;
    entra::check(world, token, Front::Graph)
        .map_err(|reason| refusal(401, "InvalidAuthenticationToken", reason))
}

fn dispatch(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    let bearer = authenticate(world, request)?;
    let segments = request.segments();
    let mut path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if path.is_empty() || !matches!(path.remove(0), "v1.0" | "beta") {
        return Err(refusal(400, "BadRequest", "Invalid version."));
    }
    permission::check(world, request, &path, &bearer)?;
    match (request.method.as_str(), path.as_slice()) {
        (_, ["servicePrincipals"]) => principal::all(world, request),
        (_, ["servicePrincipals", id, rest @ ..]) => {
            let is = |principal: &ServicePrincipal| principal.id.eq_ignore_ascii_case(id);
            principal::one(world, request, is, id, rest)
        }
        (_, [one, rest @ ..]) if one.starts_with("servicePrincipals(") => {
            let app_id = key_of(one, "servicePrincipals").ok_or_else(|| no_segment(one))?;
            let is = |principal: &ServicePrincipal| principal.app_id.eq_ignore_ascii_case(app_id);
            principal::one(world, request, is, app_id, rest)
        }
        (_, ["applications"]) => application::all(world, request),
        (_, ["applications", id, rest @ ..]) => application::one(world, request, id, rest),
        (_, [one, rest @ ..]) if one.starts_with("applications(") => {
            let app_id = key_of(one, "applications").ok_or_else(|| no_segment(one))?;
            let found = world.directory().application(app_id);
            let id = found.map(|application| application.id.clone());
            let id = id.ok_or_else(|| resource_not_found(app_id))?;
            application::one(world, request, &id, rest)
        }
        ("POST", ["directory", "deletedItems", id, "restore"]) => deleted::restore(world, id),
        ("GET", ["policies", "defaultAppManagementPolicy"]) => {
            let body = credential::policy(world.directory());
            Ok(query::single(request, &POLICY, &[], &body))
        }
        ("GET", ["organization"]) => Ok(organization(world, request)),
        ("GET", ["domains"]) => Ok(domains(world, request)),
        (_, [first, ..]) => Err(no_segment(first)),
        (_, []) => Err(refusal(404, "ResourceNotFound", "Invalid version.")),
    }
}

const POLICY: Entity = Entity {
    kind: "microsoft.graph.tenantAppManagementPolicy",
    set: "policies/defaultAppManagementPolicy",
    properties: &[],
    filters: &[],
};

/// The key in `set(appId='key')`.
fn key_of<'a>(segment: &'a str, set: &str) -> Option<&'a str> {
    segment
        .strip_prefix(set)?
        .strip_prefix("(appId='")?
        .strip_suffix("')")
}

fn no_segment(name: &str) -> Refusal {
    refusal(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{name}'."),
    )
}

fn resource_not_found(id: &str) -> Refusal {
    refusal(
        404,
        "Request_ResourceNotFound",
        format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

/// What is said to who may not do it.
fn denied() -> Refusal {
    refusal(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )
}

/// What is said of the one collection that has calls of its own.
fn no_passwords() -> Refusal {
    refusal(
        400,
        "Request_BadRequest",
        "Updates to passwordCredentials are not allowed.",
    )
}

fn method_not_allowed() -> Refusal {
    refusal(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}

/// The JSON object that a request carries.
fn payload(body: &[u8]) -> Result<Map<String, Json>, Refusal> {
    let body: Json = serde_json::from_slice(body).map_err(|_| refusal(400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."))?;
    match body {
        Json::Object(object) => Ok(object),
        _ => Err(refusal(
            400,
            "BadRequest",
            "Empty Payload. JSON content expected.",
        )),
    }
}

fn text_of<'a>(body: &'a Map<String, Json>, property: &str) -> Result<&'a str, Refusal> {
    body.get(property)
        .and_then(Json::as_str)
        .ok_or_else(|| wrong_type(property))
}

fn optional_text(property: &str, value: &Json) -> Result<Option<String>, Refusal> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text.clone())),
        _ => Err(wrong_type(property)),
    }
}

/// What is said of a property that a request may not set.
fn not_writable(entity: &Entity, property: &str) -> Refusal {
    let message = if entity.properties.contains(&property) {
        format!("Property '{property}' is read-only and cannot be set.")
    } else {
        format!("One or more property values specified are invalid. Unknown property '{property}'.")
    };
    refusal(400, "Request_BadRequest", message)
}

fn wrong_type(property: &str) -> Refusal {
    refusal(
        400,
        "Request_BadRequest",
        format!("Invalid value specified for property '{property}' of resource."),
    )
}

fn organization(world: &World, request: &Request) -> Reply {
    let names = world.names();
    let domain = |name: &String| json!({"capabilities": "Email", "isDefault": *name == names.domains[0], "isInitial": *name == names.initial_domain, "name": name, "type": "Managed"});
    let domains: Vec<Json> = verified(world).iter().map(domain).collect();
    let own = json!({
        "id": seed::TENANT,
        "displayName": world.directory().title,
        "tenantType": "AAD",
        "verifiedDomains": domains,
    });
    whole(request, "organization", &[own])
}

fn domains(world: &World, request: &Request) -> Reply {
    let names = world.names();
    let domains: Vec<Json> = verified(world)
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
    whole(request, "domains", &domains)
}

/// A whole set as an answer; nothing of it is selected, filtered or paged.
fn whole(request: &Request, set: &str, value: &[Json]) -> Reply {
    let body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{set}", request.base()),
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
