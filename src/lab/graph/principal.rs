//! Service principals: made for an application, found, changed, removed.

use super::credential::{self, Holder, KeyCredential};
use super::query::{self, Entity};
use super::role;
use super::{
    Directory, Refusal, denied, detailed, method_not_allowed, no_passwords, no_segment,
    not_writable, optional_text, payload, refusal, resource_not_found, text_of, wrong_type,
};
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::world::{World, guid_of};
use crate::subject::Plane;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

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
    /// The tags, which say how portals show it.
    pub tags: Vec<String>,
    /// What administrators noted.
    pub notes: Option<String>,
    /// Whether it may sign in.
    pub enabled: bool,
}

const PRINCIPAL: Entity = Entity {
    kind: "microsoft.graph.servicePrincipal",
    set: "servicePrincipals",
    properties: &[
        "id",
        "accountEnabled",
        "appId",
        "appDisplayName",
        "appOwnerOrganizationId",
        "appRoles",
        "displayName",
        "keyCredentials",
        "notes",
        "servicePrincipalNames",
        "servicePrincipalType",
        "signInAudience",
        "tags",
    ],
    filters: &["appId", "displayName", "id"],
};

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

    /// Adds a service principal for an application.
    pub(in crate::lab) fn add_principal(
        &mut self,
        app_id: &str,
        title: &str,
        owner: &str,
        names: Vec<String>,
    ) {
        self.principals.push(ServicePrincipal {
            id: guid_of(&format!("service principal {app_id}")),
            app_id: app_id.to_owned(),
            display_name: title.to_owned(),
            owner: owner.to_owned(),
            names,
            keys: Vec::new(),
            tags: Vec::new(),
            notes: None,
            enabled: true,
        });
    }

    /// Removes the service principal of an application, with what it was granted and what was granted on it.
    pub(super) fn forget_principal(&mut self, app_id: &str, now: Timestamp) {
        let Some(principal) = self.principal(app_id).cloned() else {
            return;
        };
        let id = principal.id.clone();
        self.principals.retain(|principal| principal.id != id);
        let (gone, kept) = std::mem::take(&mut self.assignments)
            .into_iter()
            .partition(|assignment| assignment.principal == id || assignment.resource == id);
        self.assignments = kept;
        self.deleted.keep_principal(now, principal, gone);
    }
}

/// A service principal as JSON. Keys are whole only for one object whose keys are selected.
fn shown(principal: &ServicePrincipal, with_key: bool) -> Json {
    json!({
        "id": principal.id,
        "accountEnabled": principal.enabled,
        "appDisplayName": principal.display_name,
        "appId": principal.app_id,
        "appOwnerOrganizationId": principal.owner,
        "appRoles": role::listed(&principal.app_id),
        "displayName": principal.display_name,
        "notes": principal.notes,
        "servicePrincipalNames": principal.names,
        "servicePrincipalType": "Application",
        "signInAudience": if principal.owner == seed::TENANT { "AzureADMyOrg" } else { "AzureADMultipleOrgs" },
        "tags": principal.tags,
        "keyCredentials": credential::listed(&principal.keys, with_key),
    })
}

/// Answers a request about all service principals.
pub(super) fn all(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    match request.method.as_str() {
        "GET" => {
            let principals = &world.directory().principals;
            let listed: Vec<Json> = principals
                .iter()
                .map(|principal| shown(principal, false))
                .collect();
            query::list(request, &PRINCIPAL, &listed)
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
    let app_id = text_of(&body, "appId")?.to_owned();
    let Some(application) = world.directory().application(&app_id) else {
        let message = format!(
            "The appId '{app_id}' of the service principal does not reference a valid application object."
        );
        return Err(detailed(
            refusal(400, "Request_BadRequest", message),
            "NoBackingApplicationObject",
            "appId",
        ));
    };
    let (app_id, title) = (application.app_id.clone(), application.display_name.clone());
    if world.directory().principal(&app_id).is_some() {
        let message = format!(
            "The service principal cannot be created, updated, or restored because the service principal name {app_id} is already in use."
        );
        return Err(detailed(
            refusal(409, "Request_MultipleObjectsWithSameKeyValue", message),
            "ObjectConflict",
            "servicePrincipalNames",
        ));
    }
    let directory = world.directory_mut();
    directory.add_principal(&app_id, &title, seed::TENANT, vec![app_id.clone()]);
    let at = directory.principals.len() - 1;
    let mut rest = body;
    rest.remove("appId");
    match change(world, at, &rest) {
        Ok(changed) => {
            let reply = query::created(request, &PRINCIPAL, &shown(&changed, false));
            world.directory_mut().principals[at] = changed;
            Ok(reply)
        }
        Err(refusal) => {
            world.directory_mut().principals.remove(at);
            Err(refusal)
        }
    }
}

/// Answers a request about one service principal.
pub(super) fn one(
    world: &mut World,
    request: &Request,
    is: impl Fn(&ServicePrincipal) -> bool,
    id: &str,
    rest: &[&str],
) -> Result<Reply, Refusal> {
    let principals = &world.directory().principals;
    let at = principals
        .iter()
        .position(is)
        .ok_or_else(|| resource_not_found(id))?;
    let principal = &principals[at];
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let selected = query::selected(request, &PRINCIPAL)?;
            let object = shown(principal, selected.contains(&"keyCredentials"));
            Ok(query::single(request, &PRINCIPAL, &selected, &object))
        }
        ("PATCH", []) => {
            world.count_write(Plane::Entra);
            let changed = change(world, at, &payload(&request.body)?)?;
            world.directory_mut().principals[at] = changed;
            Ok(Reply::empty(204))
        }
        // Those of Microsoft come with the tenant and stay.
        ("DELETE", []) if principal.owner == seed::TENANT => {
            let app_id = principal.app_id.clone();
            world.count_write(Plane::Entra);
            let now = world.now();
            world.directory_mut().forget_principal(&app_id, now);
            Ok(Reply::empty(204))
        }
        (_, []) => Err(method_not_allowed()),
        (_, ["appRoleAssignments", rest @ ..]) => {
            let id = principal.id.clone();
            role::answer(world, request, &id, false, rest)
        }
        (_, ["appRoleAssignedTo", rest @ ..]) => {
            let id = principal.id.clone();
            role::answer(world, request, &id, true, rest)
        }
        (_, [first, ..]) => Err(no_segment(first)),
    }
}

fn change(world: &World, at: usize, body: &Map<String, Json>) -> Result<ServicePrincipal, Refusal> {
    let mut changed = world.directory().principals[at].clone();
    for (property, value) in body {
        match property.as_str() {
            "keyCredentials" => {
                if world.directory().locked && changed.owner != seed::TENANT {
                    return Err(denied());
                }
                changed.keys = credential::replaced(
                    world.directory(),
                    Holder::ServicePrincipal,
                    &changed.keys,
                    value,
                )?;
            }
            "servicePrincipalNames" => changed.names = names(world, at, value)?,
            "displayName" => changed.display_name = text_of(body, property)?.to_owned(),
            "notes" => changed.notes = optional_text(property, value)?,
            "accountEnabled" => {
                changed.enabled = value.as_bool().ok_or_else(|| wrong_type(property))?;
            }
            "tags" => changed.tags = tags(value)?,
            "passwordCredentials" => return Err(no_passwords()),
            // An annotation says what is said anyway.
            "@odata.type" => {}
            other => return Err(not_writable(&PRINCIPAL, other)),
        }
    }
    Ok(changed)
}

fn tags(given: &Json) -> Result<Vec<String>, Refusal> {
    let wrong = || wrong_type("tags");
    let given = given.as_array().ok_or_else(wrong)?;
    given
        .iter()
        .map(|tag| tag.as_str().map(str::to_owned).ok_or_else(wrong))
        .collect()
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
            return Err(detailed(
                refusal(
                    409,
                    "Request_MultipleObjectsWithSameKeyValue",
                    format!(
                        "Another object with the same value for property servicePrincipalNames already exists. The service principal name {name} is already in use."
                    ),
                ),
                "PropertyConflict",
                "servicePrincipalNames",
            ));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
