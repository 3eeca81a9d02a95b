//! App role assignments: which permissions of which resources an application was granted, without a person.
//!
//! Requests follow the reference of Microsoft Graph v1.0 for `appRoleAssignment`: the list of a service principal, its
//! `POST` and its `DELETE`.

use super::directory::{DirectoryObject, Id, value_text};
use super::options::Entry;
use super::{Entra, Thrown, convert, origin, throw};
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::Holder;
use crate::graph::{Method, Request as GraphRequest};
use crate::session::{Operation, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use crate::words::{did_you_mean, quoted};
use rhai::plugin::*;
use rhai::{Array, Map};

const NOUN: &str = "AppRoleAssignment";
const LIST: &str = "/appRoleAssignments";

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::graph(
        "get_app_role_assignments",
        "GET /servicePrincipals/{id}/appRoleAssignments",
        Effect::Read,
    ),
    Entry::graph(
        "add_app_role_assignment",
        "POST /servicePrincipals/{id}/appRoleAssignments",
        Effect::Create,
    ),
    Entry::graph(
        "remove_app_role_assignment",
        "DELETE /servicePrincipals/{id}/appRoleAssignments/{id}",
        Effect::Delete,
    ),
];

#[export_module]
pub(super) mod functions {
    /// Gives what the service principal of an application was granted.
    ///
    /// Each grant has `id`, `resource_id`, `resource_display_name` and `app_role_id`.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.new_service_principal(application.app_id);
    /// say(`${entra.get_app_role_assignments(application.app_id).len()} roles are granted`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_app_role_assignments(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
    ) -> Thrown<Array> {
        let principal = principal(&call, entra, &id).map_err(throw)?;
        let granted = granted(&call, entra, &principal).map_err(throw)?;
        Ok(granted.iter().map(convert::to_dynamic).collect())
    }

    /// Grants the service principal of an application a role of a resource, as admin consent does.
    ///
    /// The role is named by its value, such as `full_access_as_app`, and looked up among those that the resource offers.
    /// Gives the grant. One that is there is given as it is, and nothing is sent.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.new_service_principal(application.app_id);
    /// let exchange = "00000002-0000-0ff1-ce00-000000000000";
    /// entra.add_app_role_assignment(application.app_id, exchange, "full_access_as_app");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_app_role_assignment(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        resource_id: Dynamic,
        role: &str,
    ) -> Thrown<Map> {
        grant(&call, entra, &id, &resource_id, role)
    }

    /// Takes back a grant, by its own `id`, from the service principal of an application.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.new_service_principal(application.app_id);
    /// let exchange = "00000002-0000-0ff1-ce00-000000000000";
    /// let grant = entra.add_app_role_assignment(application.app_id, exchange, "full_access_as_app");
    /// entra.remove_app_role_assignment(application.app_id, grant.id);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_app_role_assignment(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        assignment_id: &str,
    ) -> Thrown<()> {
        revoke(&call, entra, &id, assignment_id).map_err(throw)
    }
}

/// The id of the role that a resource offers to applications under a value.
pub(super) fn role_id(
    call: &NativeCallContext,
    entra: &Entra,
    resource: &Id,
    role: &str,
) -> Result<String, Failure> {
    role_of(&offering(call, entra, resource)?, role)
}

/// A resource with the roles that it offers.
fn offering(
    call: &NativeCallContext,
    entra: &Entra,
    resource: &Id,
) -> Result<DirectoryObject, Failure> {
    let select = "id,appId,displayName,appRoles";
    DirectoryObject::read(call, entra, Holder::ServicePrincipal, resource, select)
}

fn role_of(resource: &DirectoryObject, role: &str) -> Result<String, Failure> {
    let offered: Vec<&Value> = resource
        .list("appRoles")?
        .iter()
        .filter(|offered| offered.get("isEnabled").and_then(Value::as_bool) != Some(false))
        .filter(|offered| {
            let members = offered.get("allowedMemberTypes").and_then(Value::as_list);
            let application = |member: &Value| member.as_text() == Some("Application");
            members.is_some_and(|members| members.iter().any(application))
        })
        .collect();
    let named = |one: &&&Value| one.text("value") == Some(role);
    if let Some(id) = offered.iter().find(named).and_then(|one| one.text("id")) {
        return Ok(id.to_owned());
    }
    let known: Vec<&str> = offered.iter().filter_map(|one| one.text("value")).collect();
    let failure = Failure::new(
        FailureKind::NotFound,
        format!(
            "{} offers no role \"{role}\" to applications",
            resource.subject
        ),
    )
    .about(resource.subject.clone());
    let all = || (!known.is_empty()).then(|| format!("it offers {}", quoted(&known)));
    Err(failure.with_hint_if_any(did_you_mean(role, known.iter().copied()).or_else(all)))
}

fn principal(
    call: &NativeCallContext,
    entra: &Entra,
    id: &Dynamic,
) -> Result<DirectoryObject, Failure> {
    let select = "id,appId,displayName";
    DirectoryObject::read(call, entra, Holder::ServicePrincipal, &Id::of(id)?, select)
}

fn listing(principal: &DirectoryObject) -> Result<GraphRequest, Failure> {
    Ok(GraphRequest::new(Method::Get, principal.path(LIST)?))
}

fn granted(
    call: &NativeCallContext,
    entra: &Entra,
    principal: &DirectoryObject,
) -> Result<Vec<Value>, Failure> {
    let id = principal.id()?;
    let answer = entra.session().perform(&Operation {
        subject: Subject::all(Plane::Entra, NOUN),
        effect: Effect::Read,
        request: Request::Graph(listing(principal)?),
        observe: None,
        asked: Object::new(),
        learned: Vec::new(),
        origin: origin(call),
    })?;
    let mut granted = answer.output;
    // What is planned to be granted comes with every list.
    granted.retain(|grant| grant.get("principalId") == Some(&id));
    Ok(granted)
}

fn grant(
    call: &NativeCallContext,
    entra: &Entra,
    id: &Dynamic,
    resource: &Dynamic,
    role: &str,
) -> Thrown<Map> {
    let resource = Id::of(resource).map_err(throw)?;
    let resource = offering(call, entra, &resource).map_err(throw)?;
    let role_id = role_of(&resource, role).map_err(throw)?;
    let principal = principal(call, entra, id).map_err(throw)?;
    let what = Object::from_iter([
        ("principalId".to_owned(), principal.id().map_err(throw)?),
        ("resourceId".to_owned(), resource.id().map_err(throw)?),
        ("appRoleId".to_owned(), role_id.into()),
    ]);
    let same = |grant: &&Value| {
        what.iter()
            .all(|(name, value)| grant.get(name) == Some(value))
    };
    let there = granted(call, entra, &principal).map_err(throw)?;
    if let Some(Value::Object(grant)) = there.iter().find(same) {
        return Ok(convert::to_map(grant));
    }
    let to_whom = value_text(&principal.application_id().map_err(throw)?);
    let of_what = value_text(&resource.application_id().map_err(throw)?);
    let subject = Subject::one(
        Plane::Entra,
        NOUN,
        format!("{role} of {of_what} for {to_whom}"),
    );
    let path = principal.path(LIST).map_err(throw)?;
    let answer = entra.perform(&Operation {
        subject: subject.clone(),
        effect: Effect::Create,
        request: Request::Graph(GraphRequest::new(Method::Post, path).with_body(what.clone())),
        observe: Some(Request::Graph(
            listing(&principal).map_err(throw)?.matching(what.clone()),
        )),
        asked: what,
        learned: vec!["id".to_owned()],
        origin: origin(call),
    })?;
    super::only(
        answer,
        "POST /servicePrincipals/{id}/appRoleAssignments",
        subject,
    )
    .map_err(throw)
}

fn revoke(
    call: &NativeCallContext,
    entra: &Entra,
    id: &Dynamic,
    assignment_id: &str,
) -> Result<(), Failure> {
    let wrong = assignment_id.is_empty()
        || assignment_id.contains(['/', '?', '#', '%', ' '])
        || assignment_id == "..";
    if wrong {
        let message = format!("\"{assignment_id}\" is not the id of a grant");
        return Err(Failure::input(message)
            .with_hint("get_app_role_assignments gives each grant with its id"));
    }
    let principal = principal(call, entra, id)?;
    let it = Object::from_iter([("id".to_owned(), assignment_id.into())]);
    let path = principal.path(&format!("{LIST}/{assignment_id}"))?;
    let operation = Operation {
        subject: Subject::one(Plane::Entra, NOUN, assignment_id),
        effect: Effect::Delete,
        request: Request::Graph(GraphRequest::new(Method::Delete, path)),
        observe: Some(Request::Graph(listing(&principal)?.matching(it))),
        asked: Object::new(),
        learned: Vec::new(),
        origin: origin(call),
    };
    entra.session().perform(&operation).map(drop)
}
