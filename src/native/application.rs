//! Registered applications: what a tenant says of an application of its own, its certificates and what it asks for.
//!
//! Requests follow the reference of Microsoft Graph v1.0 for the resource type `application`, and the order in which
//! CSS-Exchange `ConfigureExchangeHybridApplication.ps1` sends them.

use super::app_role_assignment::role_id;
use super::directory::{DirectoryObject, Id, get};
use super::options::{self, Entry};
use super::{Entra, Thrown, auth_certificate, convert, origin, service_principal, throw};
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::Holder;
use crate::graph::permission::{Permission, REQUIRED, permissions, required};
use crate::graph::{Method, Request as GraphRequest};
use crate::session::{Operation, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::Deserialize;

const NOUN: &str = "Application";
const PATCH: &str = "PATCH /applications/{id}";
const GET: &str = "GET /applications(appId='{appId}')";

/// The properties that are read of one; `keyCredentials` comes with its keys only when it is named.
const SELECT: &str =
    "id,appId,displayName,description,notes,signInAudience,requiredResourceAccess,keyCredentials";
/// The properties that are read where it is looked for.
const LISTED: &str = "id,appId,displayName,description,notes,signInAudience,createdDateTime";

/// What a new application may have besides its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApplication {
    description: Option<String>,
    notes: Option<String>,
}

/// What can be changed of an application.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetApplication {
    description: Option<String>,
    notes: Option<String>,
    required_resource_access: Option<Vec<Access>>,
    remove_required_resource_access: Option<Vec<Access>>,
}

/// Roles of one resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    resource_app_id: String,
    roles: Vec<String>,
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::graph("get_application", GET, Effect::Read),
    Entry::graph("find_applications", "GET /applications", Effect::Read),
    Entry::graph("new_application", "POST /applications", Effect::Create)
        .with_options::<NewApplication>(),
    Entry::graph("set_application", PATCH, Effect::Update).with_options::<SetApplication>(),
    Entry::graph(
        "remove_application",
        "DELETE /applications/{id}",
        Effect::Delete,
    ),
    Entry::graph("has_application_key_credential", GET, Effect::Read),
    Entry::graph("upload_application_key_credential", PATCH, Effect::Update),
    Entry::graph("remove_application_key_credential", PATCH, Effect::Update),
];

#[export_module]
pub(super) mod functions {
    /// Gives the registered application of an application id; `not_found` where the tenant has none.
    ///
    /// Each entry of `key_credentials` has its `thumbprint` besides what the directory says of it.
    /// `required_resource_access` says what it asks for; what it was granted, `get_app_role_assignments` says.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// say(entra.get_application(application.app_id).display_name);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_application(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
    ) -> Thrown<Map> {
        let application = read(&call, entra, &app_id).map_err(throw)?;
        Ok(convert::to_map(&application.shown()))
    }

    /// Gives the registered applications of a display name, of which there may be several, or none.
    ///
    /// ```rhai
    /// say(`${entra.find_applications("Example").len()} applications are called so`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn find_applications(
        call: NativeCallContext,
        entra: &mut Entra,
        display_name: &str,
    ) -> Thrown<Array> {
        let found = find(&call, entra, display_name)?;
        Ok(found.iter().map(convert::to_dynamic).collect())
    }

    /// Registers an application that belongs to this tenant alone.
    ///
    /// The directory gives it its `app_id`, which is unknown while planning. Fails if one of that name exists, although
    /// the directory would make another: two of one name are not told apart by people.
    ///
    /// * `description`: what it is for, as people read it.
    /// * `notes`: what administrators are to know of it.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example", #{ description: "An example" });
    /// say(`${application.display_name} is ${application.app_id}`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_application(
        call: NativeCallContext,
        entra: &mut Entra,
        display_name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let new = options::read::<NewApplication>(&call, options)?;
        create(&call, entra, display_name, new)
    }

    #[rhai_fn(global, name = "new_application", pure, return_raw, volatile)]
    pub fn new_bare_application(
        call: NativeCallContext,
        entra: &mut Entra,
        display_name: &str,
    ) -> Thrown<Map> {
        let new = NewApplication {
            description: None,
            notes: None,
        };
        create(&call, entra, display_name, new)
    }

    /// Changes properties of a registered application; those that are left out stay.
    ///
    /// Asking for a permission grants nothing: `add_app_role_assignment` does.
    ///
    /// * `description`: what it is for, as people read it.
    /// * `notes`: what administrators are to know of it.
    /// * `required_resource_access`: permissions that it asks for besides those that it asks for already: of each
    ///   resource its application id and the roles by their values, such as `full_access_as_app`.
    /// * `remove_required_resource_access`: permissions that it asks for no longer, in the same form.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.set_application(application.app_id, #{
    ///     required_resource_access: [#{
    ///         resource_app_id: "00000002-0000-0ff1-ce00-000000000000",
    ///         roles: ["full_access_as_app"],
    ///     }],
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_application(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetApplication>(&call, options)?;
        change(&call, entra, &app_id, changes).map_err(throw)
    }

    /// Removes a registered application, and before it its service principal with all that it was granted.
    ///
    /// The directory keeps both for 30 days, in which `exoauth undo` brings them back under the same ids.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.remove_application(application.app_id);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_application(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
    ) -> Thrown<()> {
        remove(&call, entra, &app_id).map_err(throw)
    }

    /// Says whether a registered application has a certificate that has not expired.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(entra.has_application_key_credential(application.app_id, certificate));
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn has_application_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
        certificate: Dynamic,
    ) -> Thrown<bool> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        let application = read(&call, entra, &app_id).map_err(throw)?;
        application
            .has_certificate(entra, &certificate)
            .map_err(throw)
    }

    /// Adds a certificate to those that a registered application signs in with.
    ///
    /// All others stay as they are, except expired ones, which are dropped. A certificate that is there already is not
    /// written again; then expired ones stay too, and this says so. Fails when the certificate has expired, and when the
    /// directory did not give the content of one that is to stay, because writing the list would lose it.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_application_key_credential(application.app_id, certificate);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn upload_application_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
        certificate: Dynamic,
    ) -> Thrown<()> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        let application = read(&call, entra, &app_id).map_err(throw)?;
        application
            .add_certificate(&call, entra, &certificate)
            .map_err(throw)
    }

    /// Removes the certificate of a thumbprint from those that a registered application signs in with.
    ///
    /// All others stay, except expired ones. `not_found` where there is none of that thumbprint.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_application_key_credential(application.app_id, certificate);
    /// entra.remove_application_key_credential(application.app_id, certificate.thumbprint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_application_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
        thumbprint: &str,
    ) -> Thrown<()> {
        let application = read(&call, entra, &app_id).map_err(throw)?;
        application
            .remove_certificate(&call, entra, thumbprint)
            .map_err(throw)
    }
}

fn read(
    call: &NativeCallContext,
    entra: &Entra,
    app_id: &Dynamic,
) -> Result<DirectoryObject, Failure> {
    DirectoryObject::read(call, entra, Holder::Application, &Id::of(app_id)?, SELECT)
}

/// The request that finds applications by their display name; a quote is doubled in a text of OData.
fn by_name(display_name: &str) -> GraphRequest {
    let name = display_name.replace('\'', "''");
    get("/applications".to_owned(), LISTED).with("$filter", format!("displayName eq '{name}'"))
}

fn find(call: &NativeCallContext, entra: &Entra, display_name: &str) -> Thrown<Vec<Value>> {
    let subject = Subject::all(Plane::Entra, NOUN);
    let mut found = entra.read(call, subject, by_name(display_name))?.output;
    // What is planned to be made comes with every list of applications.
    found.retain(|one| {
        let name = one.text("displayName");
        name.is_some_and(|name| name.eq_ignore_ascii_case(display_name))
    });
    Ok(found)
}

fn create(
    call: &NativeCallContext,
    entra: &Entra,
    display_name: &str,
    new: NewApplication,
) -> Thrown<Map> {
    if display_name.trim().is_empty() {
        return Err(throw(Failure::input("an application needs a display name")));
    }
    let mut asked = Object::from_iter([
        ("displayName".to_owned(), display_name.into()),
        ("signInAudience".to_owned(), "AzureADMyOrg".into()),
    ]);
    let texts = [("description", new.description), ("notes", new.notes)];
    for (name, text) in texts {
        if let Some(text) = text {
            asked.insert(name.to_owned(), text.into());
        }
    }
    let subject = Subject::one(Plane::Entra, NOUN, display_name);
    let answer = entra.perform(&Operation {
        subject: subject.clone(),
        effect: Effect::Create,
        request: Request::Graph(
            GraphRequest::new(Method::Post, "/applications").with_body(asked.clone()),
        ),
        observe: Some(Request::Graph(by_name(display_name))),
        asked,
        learned: vec!["id".to_owned(), "appId".to_owned()],
        origin: origin(call),
    })?;
    super::only(answer, "POST /applications", subject).map_err(throw)
}

fn change(
    call: &NativeCallContext,
    entra: &Entra,
    app_id: &Dynamic,
    changes: SetApplication,
) -> Result<(), Failure> {
    let wanted = roles(call, entra, changes.required_resource_access)?;
    let unwanted = roles(call, entra, changes.remove_required_resource_access)?;
    if let Some(both) = wanted.iter().find(|one| one.is_in(&unwanted)) {
        return Err(Failure::input(format!(
            "set_application is to add and to remove the same role of {}",
            both.resource
        )));
    }
    let application = read(call, entra, app_id)?;
    let mut asked = Object::new();
    let texts = [
        ("description", changes.description),
        ("notes", changes.notes),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            asked.insert(name.to_owned(), text.into());
        }
    }
    if !(wanted.is_empty() && unwanted.is_empty()) {
        let held = application.list(REQUIRED)?;
        let before = permissions(held).ok_or_else(|| {
            let message = format!(
                "an entry of {REQUIRED} of {} is of a form that is not known here",
                application.subject
            );
            Failure::new(FailureKind::Protocol, message).about(application.subject.clone())
        })?;
        let mut after = before.clone();
        after.retain(|one| !one.is_in(&unwanted));
        for one in wanted {
            if !one.is_in(&after) {
                after.push(one);
            }
        }
        // As it was read where nothing is to be changed, so that nothing is.
        let list = match after == before {
            true => held.to_vec(),
            false => required(&after),
        };
        asked.insert(REQUIRED.to_owned(), Value::List(list));
    }
    if asked.is_empty() {
        return Err(Failure::input(
            "set_application was given nothing to change",
        ));
    }
    application.change(call, entra, asked)
}

/// The permissions that roles are, by what their resources offer.
fn roles(
    call: &NativeCallContext,
    entra: &Entra,
    access: Option<Vec<Access>>,
) -> Result<Vec<Permission>, Failure> {
    let mut all = Vec::new();
    for access in access.unwrap_or_default() {
        let resource = Id::of(&access.resource_app_id.clone().into())?;
        for role in &access.roles {
            let id = role_id(call, entra, &resource, role)?;
            all.push(Permission::role(&access.resource_app_id, &id));
        }
    }
    Ok(all)
}

fn remove(call: &NativeCallContext, entra: &Entra, app_id: &Dynamic) -> Result<(), Failure> {
    // All of it, so that what others did to it meanwhile is seen before it goes.
    let application = read(call, entra, app_id)?;
    let own_id = Id::of(&convert::to_dynamic(&application.application_id()?))?;
    let holder = Holder::ServicePrincipal;
    match DirectoryObject::read(call, entra, holder, &own_id, service_principal::SELECT) {
        // The directory removes it with the application, and brings it back only by itself.
        Ok(principal) => principal.remove(call, entra)?,
        Err(failure) if failure.kind == FailureKind::NotFound => {}
        Err(failure) => return Err(failure),
    }
    application.remove(call, entra)
}
