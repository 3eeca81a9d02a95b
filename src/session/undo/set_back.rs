//! What the run changed: its former values.

use super::auth_config::warn_of_forgotten;
use super::lists::{have_same_members, members, merged};
use super::parameters::parameter_of;
use super::{Write, say};
use crate::exchange::Invocation;
use crate::failure::Failure;
use crate::graph::credential::{CREDENTIALS, Credential, Holder};
use crate::graph::permission::{Permission, REQUIRED, permissions, required};
use crate::graph::{Method, Request as GraphRequest};
use crate::session::event::Level;
use crate::session::plan::equal;
use crate::session::{Operation, Request, Session};
use crate::subject::Effect;
use crate::value::{Object, Value};

const ALLOWED: &str = "EwsAllowedAppIDs";

/// Gives the properties that the run set their former values again.
pub(super) fn restoration(
    session: &Session,
    write: &Write,
    present: &Object,
    made_by_run: bool,
) -> Result<Option<Operation>, Failure> {
    let Some(before) = &write.before else {
        return Err(write.refuse("the journal does not have what it was"));
    };
    if write.asked.is_empty() {
        return Err(write
            .refuse("it set no property that can be set back")
            .with_detail(write.call.clone()));
    }
    let nothing = Value::Null;
    let mut asked = Object::new();
    for property in write.asked.keys() {
        let former = before.get(property).unwrap_or(&nothing);
        let now = present.get(property).unwrap_or(&nothing);
        let value = match property.as_str() {
            CREDENTIALS => credentials(session, write, former, now)?,
            REQUIRED => required_access(write, former, now)?,
            ALLOWED => allowed_applications(write, former, now),
            _ => former_value(write, property, former, now)?,
        };
        if !equal(now, &value) {
            asked.insert(property.clone(), value);
        }
    }
    if asked.is_empty() {
        return Ok(None);
    }
    if !made_by_run && Holder::of_noun(&write.subject.noun) == Some(Holder::Application) {
        for thumbprint in forgotten(present, &asked) {
            warn_of_forgotten(session, write, &thumbprint)?;
        }
    }
    let request = match &write.request {
        Request::Cmdlet(set) => {
            let (subject, _) = write.now_known_as();
            let mut again = Invocation::new(set.cmdlet.clone());
            if set.parameters.contains_key("Identity") {
                again = again.with("Identity", subject.name.unwrap_or_default());
            }
            for (property, value) in &asked {
                let parameter = parameter_of(&write.subject.noun, property);
                if !set.parameters.contains_key(parameter) {
                    return Err(write.refuse(&format!(
                        "which parameter sets {property} is not known here"
                    )));
                }
                again = again.with(parameter, value.clone());
            }
            Request::Cmdlet(again.with("Confirm", false))
        }
        Request::Graph(patch) if patch.method == Method::Patch => Request::Graph(GraphRequest {
            body: Some(asked.clone().into()),
            ..patch.clone()
        }),
        Request::Graph(_) | Request::Script(_) | Request::Discovery(_) => {
            return Err(write.refuse("how to take it back is not known here"));
        }
    };
    Ok(Some(write.operation(Effect::Update, request, asked)))
}

/// The thumbprints of the certificates that are in a list now and are not to be.
fn forgotten(present: &Object, asked: &Object) -> Vec<String> {
    let thumbprints = |object: &Object| -> Option<Vec<String>> {
        let list = members(object.get(CREDENTIALS)?);
        let entries = list.iter().filter_map(Value::as_object).map(Credential);
        Some(entries.filter_map(|entry| entry.thumbprint()).collect())
    };
    let (Some(now), Some(then)) = (thumbprints(present), thumbprints(asked)) else {
        return Vec::new();
    };
    now.into_iter()
        .filter(|thumbprint| !then.contains(thumbprint))
        .collect()
}

/// The value that a property had, if nobody has changed it since; a list is merged.
fn former_value(
    write: &Write,
    property: &str,
    former: &Value,
    now: &Value,
) -> Result<Value, Failure> {
    let left = write.left(property);
    if let (Value::List(_), _) | (_, Value::List(_)) = (former, &left) {
        let (former, left, now) = (members(former), members(&left), members(now));
        return Ok(Value::List(merged(&former, &left, &now)));
    }
    if equal(now, &left) || equal(now, former) {
        return Ok(former.clone());
    }
    Err(write
        .refuse(&format!("someone changed {property} since"))
        .with_detail(format!(
            "the run left {}, now {}",
            left.to_json(),
            now.to_json()
        )))
}

/// The list of keys as it is to be written: as its holder takes it, none without its key, and none that has expired,
/// since the directory takes neither.
fn credentials(
    session: &Session,
    write: &Write,
    former: &Value,
    now: &Value,
) -> Result<Value, Failure> {
    let (former, now) = (members(former), members(now));
    let left = members(&write.left(CREDENTIALS));
    let list = merged(&former, &left, &now);
    if have_same_members(&now, &list) {
        return Ok(Value::List(now));
    }
    let holder = Holder::of_noun(&write.subject.noun)
        .ok_or_else(|| write.refuse("whose keys they are is not known here"))?;
    let mut again = Vec::new();
    for entry in list.iter().filter_map(Value::as_object).map(Credential) {
        if entry.expired(session.now()) {
            let name = entry.called();
            let text = format!(
                "the certificate {name} of {} has expired: the directory does not take it again",
                write.subject
            );
            say(session, Level::Warning, text)?;
            continue;
        }
        again.push(entry.again(holder).ok_or_else(|| {
            write.refuse("the directory did not give the content of a certificate that is to stay")
        })?);
    }
    let same = have_same_members(&now, &again);
    Ok(Value::List(if same { now } else { again }))
}

/// The permissions that an application is to ask for: those that the run added are taken away one by one.
fn required_access(write: &Write, former: &Value, now: &Value) -> Result<Value, Failure> {
    let taken_apart = |value: &Value| {
        permissions(&members(value))
            .ok_or_else(|| write.refuse("a permission is of a form that is not known here"))
    };
    let left = taken_apart(&write.left(REQUIRED))?;
    let (before, present) = (taken_apart(former)?, taken_apart(now)?);
    let mut list: Vec<Permission> = present
        .iter()
        .filter(|one| one.is_in(&before) || !one.is_in(&left))
        .cloned()
        .collect();
    let removed = before
        .iter()
        .filter(|one| !one.is_in(&left) && !one.is_in(&present));
    list.extend(removed.cloned());
    Ok(if list == before {
        former.clone()
    } else {
        Value::List(required(&list))
    })
}

/// The list of applications that Exchange Online keeps in one text.
fn allowed_applications(write: &Write, former: &Value, now: &Value) -> Value {
    let apart = |value: &Value| {
        let text = value.as_text().unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|id| !id.is_empty());
        parts.map(Value::from).collect::<Vec<_>>()
    };
    let (before, present) = (apart(former), apart(now));
    let list = merged(&before, &apart(&write.left(ALLOWED)), &present);
    if list == before {
        return former.clone();
    }
    match list.as_slice() {
        [] => Value::Null,
        list => {
            let ids: Vec<&str> = list.iter().filter_map(Value::as_text).collect();
            ids.join(",").into()
        }
    }
}
