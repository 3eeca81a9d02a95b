//! Application roles, and who was granted which: what consent leaves in the directory.

use super::query::{self, Entity};
use super::{Directory, Refusal, detailed, no_segment, payload, refusal, resource_not_found};
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::world::{World, guid_of, whole_seconds};
use crate::subject::Plane;
use serde_json::{Value as Json, json};

/// A role that somebody may be granted on a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    pub(super) id: &'static str,
    pub(super) value: &'static str,
    title: &'static str,
}

const fn role(id: &'static str, value: &'static str, title: &'static str) -> Role {
    Role { id, value, title }
}

const EXCHANGE_ROLES: [Role; 3] = [
    role(
        "dc890d15-9560-4a4c-9b7f-a736ec74ec40",
        "full_access_as_app",
        "Use Exchange Web Services with full access to all mailboxes",
    ),
    role(
        "dc50a0fb-09a3-484d-be87-e023b12c6440",
        "Exchange.ManageAsApp",
        "Manage Exchange As Application",
    ),
    role(
        "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
        "Calendars.ReadWrite.All",
        "Read and write calendars in all mailboxes",
    ),
];

/// The identifiers of the roles for MailTips and photos are the lab's own; clients look them up by their values.
const GRAPH_ROLES: [Role; 13] = [
    role(
        "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        "Application.Read.All",
        "Read all applications",
    ),
    role(
        "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
        "Application.ReadWrite.All",
        "Read and write all applications",
    ),
    role(
        "06b708a9-e830-4db3-a914-8e69da51d44f",
        "AppRoleAssignment.ReadWrite.All",
        "Manage app permission grants and app role assignments",
    ),
    role(
        "498476ce-e0fe-48b0-b801-37ba7e2685c6",
        "Organization.Read.All",
        "Read organization information",
    ),
    role(
        "246dd0d5-5bd0-4def-940b-0421030a5b68",
        "Policy.Read.All",
        "Read your organization's policies",
    ),
    role(
        "798ee544-9d2d-430c-a058-570e29e34338",
        "Calendars.Read",
        "Read calendars in all mailboxes",
    ),
    role(
        "40f97065-369a-49f4-947c-6a255697ae91",
        "MailboxSettings.Read",
        "Read all user mailbox settings",
    ),
    role(
        "5a1f2ec4-7b0d-4d7e-9c36-2f0a91d8b6e3",
        "MailTips.ReadBasic.All",
        "Read basic MailTips of all users",
    ),
    role(
        "c7e0b9d2-51a8-4f63-8e4d-93b6f2a70c15",
        "ProfilePhoto.Read.All",
        "Read all profile photos",
    ),
    role(
        "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        "Directory.Read.All",
        "Read directory data",
    ),
    role(
        "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
        "Directory.ReadWrite.All",
        "Read and write directory data",
    ),
    role(
        "292d869f-3427-49a8-9dab-8c70152b74e9",
        "Organization.ReadWrite.All",
        "Read and write organization information",
    ),
    role(
        "dbb9058a-0e50-45d7-ae91-66909b5d4664",
        "Domain.Read.All",
        "Read domains",
    ),
];

/// The roles that an application offers.
pub(super) fn offered(app_id: &str) -> &'static [Role] {
    match app_id {
        seed::EXCHANGE => &EXCHANGE_ROLES,
        seed::GRAPH => &GRAPH_ROLES,
        _ => &[],
    }
}

/// The roles of an application as its service principal lists them.
pub(super) fn listed(app_id: &str) -> Json {
    offered(app_id)
        .iter()
        .map(|role| {
            json!({
                "id": role.id,
                "value": role.value,
                "displayName": role.title,
                "description": role.title,
                "allowedMemberTypes": ["Application"],
                "isEnabled": true,
                "origin": "Application",
            })
        })
        .collect()
}

/// A role that a service principal was granted on another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignment {
    /// The id.
    pub id: String,
    /// Who was granted it: the service principal's id.
    pub principal: String,
    /// On which resource: the service principal's id.
    pub resource: String,
    /// The role's id.
    pub role: String,
    /// When.
    pub created: String,
}

impl Directory {
    /// Grants a role of a resource, both named by application and role value; nothing happens when one is not there.
    pub fn grant(&mut self, app_id: &str, resource: &str, value: &str) {
        let ids = [app_id, resource]
            .map(|app_id| self.principal(app_id).map(|principal| principal.id.clone()));
        let role = offered(resource).iter().find(|role| role.value == value);
        if let ([Some(principal), Some(resource)], Some(role)) = (ids, role) {
            self.assignments.push(RoleAssignment {
                id: assignment_id(&principal, &resource, role.id),
                principal,
                resource,
                role: role.id.to_owned(),
                created: "2026-01-15T08:30:00Z".to_owned(),
            });
        }
    }

    /// Has an application ask for roles of a resource, besides what it asks for already.
    pub fn ask(&mut self, app_id: &str, resource: &str, values: &[&str]) {
        let access: Vec<Json> = offered(resource)
            .iter()
            .filter(|role| values.contains(&role.value))
            .map(|role| json!({"id": role.id, "type": "Role"}))
            .collect();
        if let Some(application) = self.application_mut(app_id) {
            application
                .required
                .push(json!({"resourceAppId": resource, "resourceAccess": access}));
        }
    }

    /// The values of the roles that an application was granted on a resource.
    pub fn granted(&self, app_id: &str, resource: &str) -> Vec<&'static str> {
        let id = |app_id: &str| {
            self.principal(app_id)
                .map(|principal| principal.id.as_str())
        };
        let (principal, of) = (id(app_id), id(resource));
        offered(resource)
            .iter()
            .filter(|role| {
                self.assignments.iter().any(|assignment| {
                    Some(assignment.principal.as_str()) == principal
                        && Some(assignment.resource.as_str()) == of
                        && assignment.role == role.id
                })
            })
            .map(|role| role.value)
            .collect()
    }
}

/// An id as the service makes it, which is no GUID.
fn assignment_id(principal: &str, resource: &str, role: &str) -> String {
    let digits = guid_of(&format!("assignment {principal} {resource} {role}")).replace('-', "");
    format!("{digits}{}", digits.get(..11).unwrap_or_default())
}

/// Answers a request about the assignments of a service principal: those that it has, or those on it.
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    principal: &str,
    on_it: bool,
    rest: &[&str],
) -> Result<Reply, Refusal> {
    let mine = |assignment: &RoleAssignment| {
        let side = if on_it {
            &assignment.resource
        } else {
            &assignment.principal
        };
        side.eq_ignore_ascii_case(principal)
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let assignments = &world.directory().assignments;
            let listed: Vec<Json> = assignments
                .iter()
                .filter(|assignment| mine(assignment))
                .map(|assignment| shown(world.directory(), assignment))
                .collect();
            query::list(request, &ASSIGNMENT, &listed)
        }
        ("POST", []) => {
            world.count_write(Plane::Entra);
            assign(world, request, principal, on_it)
        }
        ("DELETE", [id]) => {
            world.count_write(Plane::Entra);
            let assignments = &mut world.directory_mut().assignments;
            let at = assignments
                .iter()
                .position(|assignment| mine(assignment) && assignment.id == *id)
                .ok_or_else(|| resource_not_found(id))?;
            assignments.remove(at);
            Ok(Reply::empty(204))
        }
        _ => Err(no_segment(if on_it {
            "appRoleAssignedTo"
        } else {
            "appRoleAssignments"
        })),
    }
}

const ASSIGNMENT: Entity = Entity {
    kind: "microsoft.graph.appRoleAssignment",
    set: "appRoleAssignments",
    properties: &[
        "id",
        "deletedDateTime",
        "appRoleId",
        "createdDateTime",
        "principalDisplayName",
        "principalId",
        "principalType",
        "resourceDisplayName",
        "resourceId",
    ],
    filters: &["appRoleId", "resourceId", "principalId"],
};

fn shown(directory: &Directory, assignment: &RoleAssignment) -> Json {
    let title = |id: &str| {
        directory
            .principals
            .iter()
            .find(|principal| principal.id == id)
            .map(|principal| principal.display_name.clone())
    };
    json!({
        "id": assignment.id,
        "deletedDateTime": null,
        "appRoleId": assignment.role,
        "createdDateTime": assignment.created,
        "principalDisplayName": title(&assignment.principal),
        "principalId": assignment.principal,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": title(&assignment.resource),
        "resourceId": assignment.resource,
    })
}

fn assign(world: &mut World, request: &Request, of: &str, on_it: bool) -> Result<Reply, Refusal> {
    let body = payload(&request.body)?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    let (principal, resource, role) = (text("principalId"), text("resourceId"), text("appRoleId"));
    let named = if on_it { resource } else { principal };
    if !named.eq_ignore_ascii_case(of) {
        return Err(refusal(
            400,
            "Request_BadRequest",
            format!("The id '{named}' in the body is not that of the address, '{of}'."),
        ));
    }
    let directory = world.directory();
    let find = |id: &str| {
        directory
            .principals
            .iter()
            .find(|principal| principal.id.eq_ignore_ascii_case(id))
            .ok_or_else(|| resource_not_found(id))
    };
    let (principal, resource) = (find(principal)?, find(resource)?);
    let Some(role) = offered(&resource.app_id)
        .iter()
        .find(|offered| offered.id.eq_ignore_ascii_case(role))
    else {
        return Err(detailed(
            refusal(
                400,
                "Request_BadRequest",
                "Permission being assigned was not found on application",
            ),
            "InvalidUpdate",
            "appRoleId",
        ));
    };
    let assignment = RoleAssignment {
        id: assignment_id(&principal.id, &resource.id, role.id),
        principal: principal.id.clone(),
        resource: resource.id.clone(),
        role: role.id.to_owned(),
        created: whole_seconds(world.now()),
    };
    if directory
        .assignments
        .iter()
        .any(|other| other.id == assignment.id)
    {
        return Err(detailed(
            refusal(
                400,
                "Request_BadRequest",
                "Permission being assigned already exists on the object",
            ),
            "InvalidUpdate",
            "appRoleId",
        ));
    }
    let body = shown(directory, &assignment);
    world.directory_mut().assignments.push(assignment);
    Ok(query::created(request, &ASSIGNMENT, &body))
}
