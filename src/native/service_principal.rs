//! Service principals: what the directory knows of an application in this tenant, its certificates and its names.
//!
//! `servicePrincipalNames` and `tags` are lists that the service replaces whole. Reading, merging and writing them is done
//! here, and `keyCredentials` where applications have theirs done, so that no script can lose an entry.

use super::directory::{DirectoryObject, Id, by_application_id, get};
use super::options::{self, Entry};
use super::{Entra, Thrown, auth_certificate, convert, origin, throw};
use crate::failure::Failure;
use crate::graph::credential::Holder;
use crate::graph::{Method, Request as GraphRequest};
use crate::session::{Operation, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use crate::words::quoted;
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::Deserialize;

const HOLDER: Holder = Holder::ServicePrincipal;
const NAMES: &str = "servicePrincipalNames";
const TAGS: &str = "tags";
const PATCH: &str = "PATCH /servicePrincipals/{id}";

/// The properties that are read; `keyCredentials` comes with its keys only when it is named and one object is asked for.
pub(super) const SELECT: &str =
    "id,appId,displayName,accountEnabled,servicePrincipalNames,keyCredentials";
/// The properties that are read of one that was just made.
const NEW: &str = "id,appId,displayName,accountEnabled,notes,tags";

/// What a new service principal may have besides its application.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPrincipal {
    tags: Option<Vec<String>>,
    notes: Option<String>,
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::graph(
        "get_service_principal",
        "GET /servicePrincipals(appId='{appId}')",
        Effect::Read,
    ),
    Entry::graph(
        "has_key_credential",
        "GET /servicePrincipals(appId='{appId}')",
        Effect::Read,
    ),
    Entry::graph("upload_key_credential", PATCH, Effect::Update),
    Entry::graph("remove_key_credential", PATCH, Effect::Update),
    Entry::graph("add_spn", PATCH, Effect::Update),
    Entry::graph("remove_spn", PATCH, Effect::Update),
    Entry::graph(
        "new_service_principal",
        "POST /servicePrincipals",
        Effect::Create,
    )
    .with_options::<NewPrincipal>(),
    Entry::graph("set_service_principal_tags", PATCH, Effect::Update),
];

#[export_module]
pub(super) mod functions {
    /// Gives the service principal of an application id, or of its own id; `not_found` where the tenant has none.
    ///
    /// Each entry of `key_credentials` has its `thumbprint` besides what the directory says of it.
    ///
    /// ```rhai
    /// let principal = entra.get_service_principal("00000002-0000-0ff1-ce00-000000000000");
    /// say(`${principal.display_name} has ${principal.key_credentials.len()} certificates`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_service_principal(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
    ) -> Thrown<Map> {
        let principal = read(&call, entra, &id).map_err(throw)?;
        Ok(convert::to_map(&principal.shown()))
    }

    /// Says whether a service principal has a certificate that has not expired.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// say(entra.has_key_credential("00000002-0000-0ff1-ce00-000000000000", certificate));
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn has_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        certificate: Dynamic,
    ) -> Thrown<bool> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        let principal = read(&call, entra, &id).map_err(throw)?;
        principal
            .has_certificate(entra, &certificate)
            .map_err(throw)
    }

    /// Adds a certificate to those that a service principal trusts.
    ///
    /// All others stay, except expired ones, which are dropped because the directory refuses to write them again. A
    /// certificate that is there already is not written again; then expired ones stay too, and this says so. Fails when
    /// the certificate has expired, and when the directory did not give the content of one that is to stay, because
    /// writing the list would lose it.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_key_credential("00000002-0000-0ff1-ce00-000000000000", certificate);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn upload_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        certificate: Dynamic,
    ) -> Thrown<()> {
        let certificate = auth_certificate::given(&certificate).map_err(throw)?;
        let principal = read(&call, entra, &id).map_err(throw)?;
        principal
            .add_certificate(&call, entra, &certificate)
            .map_err(throw)
    }

    /// Removes the certificate of a thumbprint from those that a service principal trusts.
    ///
    /// All others stay, except expired ones, as `upload_key_credential` does. `not_found` where there is none of that
    /// thumbprint.
    ///
    /// ```rhai
    /// let application = "00000002-0000-0ff1-ce00-000000000000";
    /// let certificate = onprem.export_auth_certificate("current");
    /// entra.upload_key_credential(application, certificate);
    /// entra.remove_key_credential(application, certificate.thumbprint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_key_credential(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        thumbprint: &str,
    ) -> Thrown<()> {
        let principal = read(&call, entra, &id).map_err(throw)?;
        principal
            .remove_certificate(&call, entra, thumbprint)
            .map_err(throw)
    }

    /// Adds names such as `https://mail.contoso.com/` to a service principal.
    ///
    /// All names that are there stay. One that is there, with or without the slash at the end and in whatever case, is
    /// not added again. A name is the https address of a host and nothing else: paths, ports and other schemes are
    /// refused.
    ///
    /// ```rhai
    /// entra.add_spn("00000002-0000-0ff1-ce00-000000000000", ["https://mail.contoso.com/"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        names: Array,
    ) -> Thrown<()> {
        let wanted = host_names(&names).map_err(throw)?;
        change_names(&call, entra, &id, &wanted, &[]).map_err(throw)
    }

    #[rhai_fn(global, name = "add_spn", pure, return_raw, volatile)]
    pub fn add_one_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        name: &str,
    ) -> Thrown<()> {
        let wanted = host_names(&[name.into()]).map_err(throw)?;
        change_names(&call, entra, &id, &wanted, &[]).map_err(throw)
    }

    /// Removes names such as `https://mail.contoso.com/` from a service principal; all others stay.
    ///
    /// A name that is not there is no error.
    ///
    /// ```rhai
    /// let application = "00000002-0000-0ff1-ce00-000000000000";
    /// entra.add_spn(application, ["https://mail.example.com/"]);
    /// entra.remove_spn(application, ["https://mail.example.com/"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_spn(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        names: Array,
    ) -> Thrown<()> {
        let unwanted = host_names(&names).map_err(throw)?;
        change_names(&call, entra, &id, &[], &unwanted).map_err(throw)
    }

    /// Makes the service principal of a registered application, which is what is granted permissions in this tenant.
    ///
    /// Fails if the application has one. The application may be one that is only planned.
    ///
    /// * `tags`: how portals show it: `"WindowsAzureActiveDirectoryIntegratedApp"` among the enterprise applications,
    ///   `"HideApp"` not among those of people.
    /// * `notes`: what administrators are to know of it.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.new_service_principal(application.app_id, #{ tags: ["HideApp"] });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_service_principal(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
        options: Map,
    ) -> Thrown<Map> {
        let new = options::read::<NewPrincipal>(&call, options)?;
        create(&call, entra, &app_id, new)
    }

    #[rhai_fn(global, name = "new_service_principal", pure, return_raw, volatile)]
    pub fn new_bare_principal(
        call: NativeCallContext,
        entra: &mut Entra,
        app_id: Dynamic,
    ) -> Thrown<Map> {
        create(&call, entra, &app_id, NewPrincipal::default())
    }

    /// Adds tags to a service principal; those that are there stay.
    ///
    /// ```rhai
    /// let application = entra.new_application("Example");
    /// entra.new_service_principal(application.app_id);
    /// entra.set_service_principal_tags(application.app_id, ["HideApp"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_service_principal_tags(
        call: NativeCallContext,
        entra: &mut Entra,
        id: Dynamic,
        tags: Array,
    ) -> Thrown<()> {
        add_tags(&call, entra, &id, &tags).map_err(throw)
    }
}

fn read(call: &NativeCallContext, entra: &Entra, id: &Dynamic) -> Result<DirectoryObject, Failure> {
    DirectoryObject::read(call, entra, HOLDER, &Id::of(id)?, SELECT)
}

/// Adds what is not in a list of names yet, and takes away what is not to be in it.
fn change_names(
    call: &NativeCallContext,
    entra: &Entra,
    id: &Dynamic,
    wanted: &[String],
    unwanted: &[String],
) -> Result<(), Failure> {
    let principal = read(call, entra, id)?;
    let mut names = principal.list(NAMES)?.to_vec();
    names.retain(|held| !unwanted.iter().any(|name| same_name(held, name)));
    for name in wanted {
        if !names.iter().any(|held| same_name(held, name)) {
            names.push(name.as_str().into());
        }
    }
    principal.write(call, entra, NAMES, Value::List(names))
}

fn create(
    call: &NativeCallContext,
    entra: &Entra,
    app_id: &Dynamic,
    new: NewPrincipal,
) -> Thrown<Map> {
    let id = Id::of(app_id).map_err(throw)?;
    let mut asked = Object::from_iter([
        ("appId".to_owned(), id.value()),
        ("accountEnabled".to_owned(), true.into()),
    ]);
    if let Some(notes) = new.notes {
        asked.insert("notes".to_owned(), notes.into());
    }
    if let Some(tags) = new.tags {
        asked.insert("tags".to_owned(), tags.into());
    }
    let subject = Subject::one(Plane::Entra, HOLDER.noun(), id.text());
    let observe = get(by_application_id(HOLDER, &id.text()), NEW);
    let answer = entra.perform(&Operation {
        subject: subject.clone(),
        effect: Effect::Create,
        request: Request::Graph(
            GraphRequest::new(Method::Post, HOLDER.collection()).with_body(asked.clone()),
        ),
        observe: Some(Request::Graph(observe)),
        asked,
        learned: vec!["id".to_owned(), "displayName".to_owned()],
        origin: origin(call),
    })?;
    super::only(answer, "POST /servicePrincipals", subject).map_err(throw)
}

fn add_tags(
    call: &NativeCallContext,
    entra: &Entra,
    id: &Dynamic,
    tags: &[Dynamic],
) -> Result<(), Failure> {
    let select = "id,appId,displayName,tags";
    let principal = DirectoryObject::read(call, entra, HOLDER, &Id::of(id)?, select)?;
    let mut all = principal.list(TAGS)?.to_vec();
    for tag in tags {
        let name = tag.as_immutable_string_ref().map_err(|_| {
            let found = convert::type_word(tag);
            Failure::input(format!("a tag is a text, not {found}"))
        })?;
        // The directory tells tags apart by case.
        let tag = Value::from(name.as_str());
        if !all.contains(&tag) {
            all.push(tag);
        }
    }
    principal.write(call, entra, TAGS, Value::List(all))
}

/// Names in the one form that is written, `https://host/`, each once.
fn host_names(names: &[Dynamic]) -> Result<Vec<String>, Failure> {
    let mut all: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for name in names {
        let Ok(name) = name.as_immutable_string_ref() else {
            return Err(Failure::input(format!(
                "a name is a text, not {}",
                convert::type_word(name)
            )));
        };
        match host_of(&name) {
            Some(host) => {
                let name = format!("https://{host}/");
                if !all.contains(&name) {
                    all.push(name);
                }
            }
            None => wrong.push(name.to_string()),
        }
    }
    if wrong.is_empty() {
        return Ok(all);
    }
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    Err(Failure::input(format!(
        "no https address of a host alone: {}",
        quoted(&wrong)
    ))
    .with_hint("write https://mail.contoso.com/, without a path and without a port"))
}

fn host_of(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let host = name.strip_prefix("https://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    (!host.is_empty() && host.chars().all(good) && !host.starts_with('.') && !host.ends_with('.'))
        .then(|| host.to_owned())
}

/// Whether a name that is there is the wanted one, with or without the slash at its end.
fn same_name(held: &Value, wanted: &str) -> bool {
    held.as_text().is_some_and(|held| {
        held.trim_end_matches('/')
            .eq_ignore_ascii_case(wanted.trim_end_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::{host_names, same_name};

    #[test]
    fn names_are_hosts_and_nothing_else() {
        let good = ["https://Mail.contoso.com", "HTTPS://mail.contoso.com/"].map(Into::into);
        assert_eq!(host_names(&good).unwrap(), ["https://mail.contoso.com/"]);
        for wrong in [
            "mail.contoso.com",
            "http://mail.contoso.com/",
            "https://mail.contoso.com/ews",
            "https://mail.contoso.com:444/",
            "https://user@mail.contoso.com/",
            "https://*.contoso.com/",
            "https:///",
            "",
        ] {
            assert!(host_names(&[wrong.into()]).is_err(), "{wrong}");
        }
        assert!(host_names(&[7_i64.into()]).is_err());
    }

    #[test]
    fn a_slash_and_the_case_make_no_other_name() {
        for there in ["https://mail.contoso.com", "HTTPS://MAIL.contoso.com/"] {
            assert!(same_name(&there.into(), "https://mail.contoso.com/"));
        }
        assert!(!same_name(
            &"https://mail.contoso.com:443/".into(),
            "https://mail.contoso.com/"
        ));
    }
}
