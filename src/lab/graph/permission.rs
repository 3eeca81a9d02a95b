//! Which calls a token may make: by the application roles or the delegated scopes in it, and where a person changes
//! something, by a directory role besides.
//!
//! Follows the sections "Permissions" of the pages of these calls (Microsoft Graph v1.0). `Application.ReadWrite.OwnedBy`
//! is not among the roles that can be granted here.

use super::{Directory, Refusal, denied};
use crate::lab::entra::Bearer;
use crate::lab::front::Request;
use crate::lab::seed;
use crate::lab::world::World;
use serde_json::Value as Json;

/// What lets a person do everything that directory roles allow.
const AS_USER: &str = "Directory.AccessAsUser.All";

const READ_APPLICATIONS: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const CHANGE_APPLICATIONS: &[&str] = &["Application.ReadWrite.All"];
const CHANGE_PRINCIPALS: &[&str] = &["Application.ReadWrite.All", "Directory.ReadWrite.All"];
const GRANT: &[&str] = &["AppRoleAssignment.ReadWrite.All"];
const READ_ORGANIZATION: &[&str] = &[
    "Organization.Read.All",
    "Organization.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const READ_DOMAINS: &[&str] = &[
    "Domain.Read.All",
    "Domain.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const READ_POLICIES: &[&str] = &["Policy.Read.All"];

/// A person reads the own organization with less than an application.
const READ_OWN_ORGANIZATION: &str = "User.Read";

/// The directory roles that may change applications and service principals, and grant what is not Microsoft Graph's own.
const APPLICATION_ROLES: [&str; 4] = [
    seed::GLOBAL_ADMINISTRATOR,
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", // Application Administrator
    "158c047a-c907-4556-b7ef-446551a6b5f7", // Cloud Application Administrator
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2", // Hybrid Identity Administrator
];

/// The directory roles that may grant roles of Microsoft Graph.
const GRANTING_ROLES: [&str; 2] = [
    seed::GLOBAL_ADMINISTRATOR,
    "e8611ab8-c189-46e8-94e1-60213ab1f814", // Privileged Role Administrator
];

/// Refuses what the bearer of a token may not do.
pub(super) fn check(
    world: &World,
    request: &Request,
    path: &[&str],
    bearer: &Bearer,
) -> Result<(), Refusal> {
    let reads = request.method == "GET";
    let first = path.first().copied().unwrap_or_default();
    let resource = first.split('(').next().unwrap_or_default();
    let grants = !reads && path.iter().any(|part| part.starts_with("appRoleAssign"));
    // Of each list one.
    let needed: &[&[&str]] = match (resource, reads) {
        ("servicePrincipals", false) if grants => &[GRANT, READ_APPLICATIONS],
        ("servicePrincipals" | "applications", true) => &[READ_APPLICATIONS],
        ("servicePrincipals", false) => &[CHANGE_PRINCIPALS],
        ("applications" | "directory", false) => &[CHANGE_APPLICATIONS],
        ("organization", _) => &[READ_ORGANIZATION],
        ("domains", _) => &[READ_DOMAINS],
        ("policies", _) => &[READ_POLICIES],
        // What is not there is said to be so.
        _ => return Ok(()),
    };
    let permitted = needed.iter().all(|any| bearer.has_any(any));
    let allowed = if bearer.is_person {
        let own = resource == "organization" && bearer.has_any(&[READ_OWN_ORGANIZATION]);
        let of_graph = grants && is_on_graph(world.directory(), request, path);
        let role = reads
            || !of_graph && bearer.has_role(&APPLICATION_ROLES)
            || grants && bearer.has_role(&GRANTING_ROLES);
        (permitted || own || bearer.has_any(&[AS_USER])) && role
    } else {
        permitted
    };
    allowed.then_some(()).ok_or_else(denied)
}

/// Whether a grant that is made or taken back is one on Microsoft Graph.
fn is_on_graph(directory: &Directory, request: &Request, path: &[&str]) -> bool {
    let Some(graph) = directory.principal(seed::GRAPH) else {
        return false;
    };
    let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
    let taken_back = path.last().and_then(|id| {
        let mut assignments = directory.assignments.iter();
        assignments.find(|assignment| assignment.id == *id)
    });
    let resource = match taken_back {
        Some(assignment) => assignment.resource.as_str(),
        None => body["resourceId"].as_str().unwrap_or_default(),
    };
    resource.eq_ignore_ascii_case(&graph.id)
}
