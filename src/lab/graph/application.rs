//! Registered applications: made, found, changed, removed.

use super::credential::{self, Holder, KeyCredential};
use super::query::{self, Entity};
use super::{
    Directory, Refusal, detailed, method_not_allowed, no_passwords, no_segment, not_writable,
    optional_text, payload, refusal, resource_not_found, text_of, wrong_type,
};
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::world::{World, guid_of, whole_seconds};
use crate::subject::Plane;
use serde_json::{Map, Value as Json, json};

/// A registered application.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// The object's id.
    pub id: String,
    /// The application's id.
    pub app_id: String,
    /// The name for people.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What administrators noted.
    pub notes: Option<String>,
    /// The keys.
    pub keys: Vec<KeyCredential>,
    /// The permissions that it asks for, as Graph writes them.
    pub required: Vec<Json>,
    /// The ids of its owners.
    pub owners: Vec<String>,
    /// When it was made.
    pub created: String,
}

const APPLICATION: Entity = Entity {
    kind: "microsoft.graph.application",
    set: "applications",
    properties: &[
        "id",
        "appId",
        "createdDateTime",
        "deletedDateTime",
        "description",
        "displayName",
        "identifierUris",
        "notes",
        "publisherDomain",
        "signInAudience",
        "tags",
        "keyCredentials",
        "passwordCredentials",
        "requiredResourceAccess",
        "appRoles",
    ],
    filters: &["appId", "displayName", "id"],
};

fn shown(world: &World, application: &Application, with_key: bool) -> Json {
    json!({
        "id": application.id,
        "deletedDateTime": null,
        "appId": application.app_id,
        "appRoles": [],
        "createdDateTime": application.created,
        "description": application.description,
        "displayName": application.display_name,
        "identifierUris": [],
        "keyCredentials": credential::listed(&application.keys, with_key),
        "notes": application.notes,
        "passwordCredentials": [],
        "publisherDomain": world.names().initial_domain,
        "requiredResourceAccess": application.required,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
    })
}

/// Answers a request about all applications.
pub(super) fn all(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    match request.method.as_str() {
        "GET" => {
            let applications = &world.directory().applications;
            let listed: Vec<Json> = applications
                .iter()
                .map(|application| shown(world, application, false))
                .collect();
            query::list(request, &APPLICATION, &listed)
        }
        "POST" => {
            world.count_write(Plane::Entra);
            create(world, request)
        }
        _ => Err(method_not_allowed()),
    }
}

fn create(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    let body = payload(&request.body)?;
    if body
        .get("displayName")
        .and_then(Json::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(detailed(
            refusal(
                400,
                "Request_BadRequest",
                "One or more properties contains invalid values.",
            ),
            "InvalidValue",
            "displayName",
        ));
    }
    let number = world.count_made();
    let words = format!("application {number} {}", world.now());
    let mut application = Application {
        id: guid_of(&format!("object of {words}")),
        app_id: guid_of(&words),
        display_name: String::new(),
        description: None,
        notes: None,
        keys: Vec::new(),
        required: Vec::new(),
        owners: Vec::new(),
        created: whole_seconds(world.now()),
    };
    change(world, &mut application, &body)?;
    let reply = query::created(request, &APPLICATION, &shown(world, &application, false));
    world.directory_mut().applications.push(application);
    Ok(reply)
}

/// Answers a request about one application, which is named by its id or its application's id.
pub(super) fn one(
    world: &mut World,
    request: &Request,
    id: &str,
    rest: &[&str],
) -> Result<Reply, Refusal> {
    let at = world
        .directory()
        .applications
        .iter()
        .position(|application| application.id.eq_ignore_ascii_case(id))
        .ok_or_else(|| resource_not_found(id))?;
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let selected = query::selected(request, &APPLICATION)?;
            let whole = selected.contains(&"keyCredentials");
            let object = shown(world, &world.directory().applications[at], whole);
            Ok(query::single(request, &APPLICATION, &selected, &object))
        }
        ("PATCH", []) => {
            world.count_write(Plane::Entra);
            let mut changed = world.directory().applications[at].clone();
            change(world, &mut changed, &payload(&request.body)?)?;
            world.directory_mut().applications[at] = changed;
            Ok(Reply::empty(204))
        }
        ("DELETE", []) => {
            world.count_write(Plane::Entra);
            let now = world.now();
            let directory = world.directory_mut();
            let removed = directory.applications.remove(at);
            directory.forget_principal(&removed.app_id, now);
            directory.deleted.keep_application(now, removed);
            Ok(Reply::empty(204))
        }
        (_, []) => Err(method_not_allowed()),
        ("GET", ["owners"]) => {
            let owners = &world.directory().applications[at].owners;
            let listed: Vec<Json> = owners.iter().map(|id| json!({"id": id})).collect();
            query::list(request, &OWNER, &listed)
        }
        ("POST", ["owners", "$ref"]) => {
            world.count_write(Plane::Entra);
            own(world, at, &payload(&request.body)?)
        }
        (_, [first, ..]) => Err(no_segment(first)),
    }
}

const OWNER: Entity = Entity {
    kind: "microsoft.graph.directoryObject",
    set: "directoryObjects",
    properties: &["id"],
    filters: &["id"],
};

fn own(world: &mut World, at: usize, body: &Map<String, Json>) -> Result<Reply, Refusal> {
    let reference = text_of(body, "@odata.id")?;
    let id = reference.rsplit('/').next().unwrap_or_default().to_owned();
    let owners = &mut world.directory_mut().applications[at].owners;
    if owners.contains(&id) {
        return Err(refusal(
            400,
            "Request_BadRequest",
            "One or more added object references already exist for the following modified properties: 'owners'.",
        ));
    }
    owners.push(id);
    Ok(Reply::empty(204))
}

fn change(
    world: &World,
    application: &mut Application,
    body: &Map<String, Json>,
) -> Result<(), Refusal> {
    for (property, value) in body {
        match property.as_str() {
            "displayName" => application.display_name = text_of(body, property)?.to_owned(),
            "description" => application.description = optional_text(property, value)?,
            "notes" => application.notes = optional_text(property, value)?,
            "signInAudience" if value == "AzureADMyOrg" => {}
            "signInAudience" => return Err(wrong_type(property)),
            "requiredResourceAccess" => application.required = required(world.directory(), value)?,
            "keyCredentials" => {
                application.keys = credential::replaced(
                    world.directory(),
                    Holder::Application,
                    &application.keys,
                    value,
                )?;
            }
            "passwordCredentials" => return Err(no_passwords()),
            "@odata.type" => {}
            other => return Err(not_writable(&APPLICATION, other)),
        }
    }
    Ok(())
}

/// The permissions that an application asks for: of a resource that is here, by a role that it offers.
fn required(directory: &Directory, given: &Json) -> Result<Vec<Json>, Refusal> {
    let wrong = || wrong_type("requiredResourceAccess");
    let list = given.as_array().ok_or_else(wrong)?;
    for entry in list {
        let resource = entry.get("resourceAppId").and_then(Json::as_str);
        let access = entry.get("resourceAccess").and_then(Json::as_array);
        let (resource, access) = resource.zip(access).ok_or_else(wrong)?;
        let known = directory.principal(resource).is_some();
        let whole = access.iter().all(|access| {
            let text = |name: &str| access.get(name).and_then(Json::as_str);
            text("id").is_some_and(|id| uuid::Uuid::try_parse(id).is_ok())
                && matches!(text("type"), Some("Role" | "Scope"))
        });
        if !known || !whole {
            return Err(wrong());
        }
    }
    Ok(list.clone())
}

impl Directory {
    /// The registered application of an id.
    pub fn application(&self, app_id: &str) -> Option<&Application> {
        self.applications
            .iter()
            .find(|application| application.app_id.eq_ignore_ascii_case(app_id))
    }

    /// The registered application of an id, to be changed.
    pub fn application_mut(&mut self, app_id: &str) -> Option<&mut Application> {
        self.applications
            .iter_mut()
            .find(|application| application.app_id.eq_ignore_ascii_case(app_id))
    }

    /// Registers an application with its service principal, as an administrator would by hand.
    pub fn register(&mut self, app_id: &str, title: &str, keys: Vec<KeyCredential>) {
        self.applications.push(Application {
            id: guid_of(&format!("application {app_id}")),
            app_id: app_id.to_owned(),
            display_name: title.to_owned(),
            description: None,
            notes: None,
            keys,
            required: Vec::new(),
            owners: Vec::new(),
            created: "2026-01-15T08:30:00Z".to_owned(),
        });
        self.add_principal(app_id, title, seed::TENANT, vec![app_id.to_owned()]);
    }
}
