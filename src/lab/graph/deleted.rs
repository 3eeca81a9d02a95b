//! What was deleted and can be restored: applications and service principals, each by itself.
//!
//! Follows `POST /directory/deletedItems/{id}/restore` of Microsoft Graph v1.0: an item stays for 30 days, and restoring
//! an application does not restore its service principal.

use super::application::Application;
use super::principal::ServicePrincipal;
use super::role::RoleAssignment;
use super::{Directory, Refusal, resource_not_found};
use crate::lab::front::Reply;
use crate::lab::world::World;
use crate::subject::Plane;
use jiff::Timestamp;
use serde_json::json;

/// Seconds for which a deleted item stays.
const KEPT: i64 = 30 * 24 * 60 * 60;

/// The deleted items.
#[derive(Clone, Debug, Default)]
pub struct Deleted {
    applications: Vec<(Timestamp, Application)>,
    principals: Vec<(Timestamp, ServicePrincipal, Vec<RoleAssignment>)>,
}

impl Deleted {
    pub(super) fn keep_application(&mut self, at: Timestamp, application: Application) {
        self.applications.push((at, application));
    }

    pub(super) fn keep_principal(
        &mut self,
        at: Timestamp,
        principal: ServicePrincipal,
        granted: Vec<RoleAssignment>,
    ) {
        self.principals.push((at, principal, granted));
    }

    fn forget_old(&mut self, now: Timestamp) {
        let stays = |at: &Timestamp| now.as_second() - at.as_second() < KEPT;
        self.applications.retain(|(at, _)| stays(at));
        self.principals.retain(|(at, ..)| stays(at));
    }
}

/// Restores a deleted item.
pub(super) fn restore(world: &mut World, id: &str) -> Result<Reply, Refusal> {
    world.count_write(Plane::Entra);
    let now = world.now();
    let directory: &mut Directory = world.directory_mut();
    directory.deleted.forget_old(now);
    let deleted = &mut directory.deleted;
    let of_application = deleted
        .applications
        .iter()
        .position(|(_, application)| application.id.eq_ignore_ascii_case(id));
    if let Some(at) = of_application {
        let (_, application) = deleted.applications.remove(at);
        let body = json!({
            "@odata.type": "#microsoft.graph.application",
            "id": application.id,
            "appId": application.app_id,
            "displayName": application.display_name,
        });
        directory.applications.push(application);
        return Ok(Reply::json(200, &body));
    }
    let of_principal = deleted
        .principals
        .iter()
        .position(|(_, principal, _)| principal.id.eq_ignore_ascii_case(id))
        .ok_or_else(|| resource_not_found(id))?;
    let (_, principal, granted) = deleted.principals.remove(of_principal);
    let body = json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": principal.id,
        "appId": principal.app_id,
        "displayName": principal.display_name,
    });
    directory.principals.push(principal);
    directory.assignments.extend(granted);
    Ok(Reply::json(200, &body))
}
