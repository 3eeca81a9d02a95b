//! The roles that an application offers to other applications: what a grant names by an identifier, by its value.

use super::options::Entry;
use super::{Entra, Thrown, convert, throw};
use crate::failure::{Failure, FailureKind};
use crate::graph::{Method, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::Value;
use rhai::Array;
use rhai::plugin::*;

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::graph(
    "get_app_roles",
    "GET /servicePrincipals(appId='...')",
    Effect::Read,
)];

#[export_module]
pub(super) mod functions {
    /// Gives the roles that the service principal of an application id offers.
    ///
    /// Of each it gives the `id` and the `value`, such as `full_access_as_app`.
    ///
    /// ```rhai
    /// let roles = entra.get_app_roles("00000002-0000-0ff1-ce00-000000000000");
    /// say(`${roles.len()} roles`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_app_roles(
        call: NativeCallContext,
        entra: &mut Entra,
        application_id: &str,
    ) -> Thrown<Array> {
        let subject = Subject::one(Plane::Entra, "ServicePrincipal", application_id);
        let path = format!("/servicePrincipals(appId='{application_id}')");
        let request = Request::new(Method::Get, path).with("$select", "id,appId,appRoles");
        let answer = entra.read(&call, subject.clone(), request)?;
        match answer
            .output
            .first()
            .and_then(|found| found.get("appRoles"))
        {
            Some(Value::List(roles)) => Ok(roles.iter().map(convert::to_dynamic).collect()),
            _ => Err(throw(
                Failure::new(
                    FailureKind::Protocol,
                    "Microsoft Graph gave a service principal without appRoles",
                )
                .about(subject),
            )),
        }
    }
}
