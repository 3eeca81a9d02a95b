//! What applications and service principals have in common: how they are named, found, read and changed.
//!
//! Lists that the directory replaces whole are read, merged and written here and in `graph/credential.rs`, and nowhere
//! else, so that no script can lose an entry.

use super::{Entra, convert, origin};
use crate::certificate::Certificate;
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::{CREDENTIALS, Credential, Credentials, Holder, Merge};
use crate::graph::{Method, Request as GraphRequest};
use crate::session::event::{Event, Level};
use crate::session::{Operation, Request, unknown_text};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use rhai::{Dynamic, NativeCallContext};

/// An application id or the id of an object, as a script gives it.
pub(super) enum Id {
    /// One that is known.
    Known(String),
    /// One that only the service will know: what it is.
    Planned(String),
}

impl Id {
    /// Reads an id.
    pub(super) fn of(id: &Dynamic) -> Result<Self, Failure> {
        match convert::to_value(id)? {
            Value::Unknown(what) => Ok(Self::Planned(what)),
            Value::Text(id) if is_guid(&id) => Ok(Self::Known(id)),
            Value::Text(id) => Err(Failure::input(format!(
                "\"{id}\" is neither an application id nor the id of an object"
            ))
            .with_hint("an id looks like 3f2504e0-4f89-11d3-9a0c-0305e82c3301")),
            _ => Err(Failure::input(format!(
                "an id is a text, not {}",
                convert::type_word(id)
            ))),
        }
    }

    /// The value, as it is sent.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Known(id) => id.as_str().into(),
            Self::Planned(what) => Value::Unknown(what.clone()),
        }
    }

    /// The text, as it is in a path or in the name of a subject.
    pub(super) fn text(&self) -> String {
        value_text(&self.value())
    }
}

/// An application or a service principal, as it was read.
pub(super) struct DirectoryObject {
    holder: Holder,
    /// By application id, whatever it was asked for by; by its display name where it is only planned.
    pub(super) subject: Subject,
    pub(super) object: Object,
    select: &'static str,
}

impl DirectoryObject {
    /// Reads one by either of its ids, with the properties that are named.
    pub(super) fn read(
        call: &NativeCallContext,
        entra: &Entra,
        holder: Holder,
        id: &Id,
        select: &'static str,
    ) -> Result<Self, Failure> {
        let noun = holder.noun();
        let asked = match id {
            Id::Known(id) => Subject::one(Plane::Entra, noun, id),
            Id::Planned(what) => entra
                .session()
                .planned_with(what, noun)
                .unwrap_or_else(|| Subject::one(Plane::Entra, noun, unknown_text(what))),
        };
        let read = |path: String| {
            entra.session().perform(&Operation {
                subject: asked.clone(),
                effect: Effect::Read,
                request: Request::Graph(get(path, select)),
                observe: None,
                asked: Object::new(),
                learned: Vec::new(),
                origin: origin(call),
            })
        };
        let answer =
            match read(by_application_id(holder, &id.text())) {
                Err(first) if first.kind == FailureKind::NotFound => match id {
                    Id::Planned(_) => return Err(first),
                    Id::Known(id) => read(format!("{}/{id}", holder.collection())).map_err(
                        |second| match second.kind {
                            FailureKind::NotFound => first.with_hint(not_there(holder)),
                            _ => second,
                        },
                    )?,
                },
                answer => answer?,
            };
        let Some(Value::Object(mut object)) = answer.output.into_iter().next() else {
            return Err(Failure::new(
                FailureKind::Protocol,
                format!("Microsoft Graph gave no {}", holder.word()),
            )
            .about(asked));
        };
        let subject = match object.get("appId") {
            Some(Value::Text(id)) => Subject::one(Plane::Entra, noun, id),
            Some(Value::Unknown(_)) => asked,
            _ => return Err(lacks(holder, "appId", &asked)),
        };
        if object.get("id").is_some_and(Value::has_unknown) {
            // One that is planned to be made has nothing in the lists that were not asked for.
            for list in select.split(',').filter(|name| LISTS.contains(name)) {
                let empty = || Value::List(Vec::new());
                object.entry(list.to_owned()).or_insert_with(empty);
            }
        }
        Ok(Self {
            holder,
            subject,
            object,
            select,
        })
    }

    /// Its own id, as it is sent.
    pub(super) fn id(&self) -> Result<Value, Failure> {
        self.property("id")
    }

    /// The id of its application, as it is sent.
    pub(super) fn application_id(&self) -> Result<Value, Failure> {
        self.property("appId")
    }

    fn property(&self, name: &str) -> Result<Value, Failure> {
        match self.object.get(name) {
            Some(value @ (Value::Text(_) | Value::Unknown(_))) => Ok(value.clone()),
            _ => Err(lacks(self.holder, name, &self.subject)),
        }
    }

    /// Its own path, or that of something under it.
    pub(super) fn path(&self, under: &str) -> Result<String, Failure> {
        let id = value_text(&self.id()?);
        Ok(format!("{}/{id}{under}", self.holder.collection()))
    }

    /// One of its lists.
    pub(super) fn list(&self, property: &str) -> Result<&[Value], Failure> {
        self.object
            .get(property)
            .and_then(Value::as_list)
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::Protocol,
                    format!("{} came without {property}", self.subject),
                )
                .about(self.subject.clone())
            })
    }

    fn credentials(&self, entra: &Entra) -> Result<Credentials<'_>, Failure> {
        Ok(Credentials {
            holder: self.holder,
            subject: &self.subject,
            list: self.list(CREDENTIALS)?,
            now: entra.session().now(),
        })
    }

    /// Whether it has a certificate that has not expired.
    pub(super) fn has_certificate(
        &self,
        entra: &Entra,
        certificate: &Certificate,
    ) -> Result<bool, Failure> {
        self.credentials(entra)?.have(certificate)
    }

    /// Adds a certificate to those that it trusts.
    pub(super) fn add_certificate(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        certificate: &Certificate,
    ) -> Result<(), Failure> {
        if certificate.is_expired(entra.session().now()) {
            return Err(Failure::new(
                FailureKind::Invalid,
                format!(
                    "the certificate {} expired on {}",
                    certificate.thumbprint(),
                    certificate.not_after()
                ),
            )
            .with_hint(
                "nobody would accept it: renew the authorization certificate of Exchange first",
            ));
        }
        let merge = self.credentials(entra)?.with(certificate)?;
        self.write_credentials(call, entra, merge)
    }

    /// Removes the certificate of a thumbprint from those that it trusts.
    pub(super) fn remove_certificate(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        thumbprint: &str,
    ) -> Result<(), Failure> {
        let merge = self.credentials(entra)?.without(thumbprint)?;
        self.write_credentials(call, entra, merge)
    }

    fn write_credentials(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        merge: Merge,
    ) -> Result<(), Failure> {
        let say = |text: String| {
            let level = Level::Info;
            entra.session().announce(&Event::Said { level, text })
        };
        for name in &merge.dropped {
            say(format!(
                "the certificate {name} of {} has expired and is dropped",
                self.subject
            ))?;
        }
        if merge.stale > 0 {
            say(format!(
                "{} expired certificates of {} stay until its list is written again",
                merge.stale, self.subject
            ))?;
        }
        self.write(call, entra, CREDENTIALS, Value::List(merge.list))
    }

    /// Writes one property.
    pub(super) fn write(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        property: &str,
        value: Value,
    ) -> Result<(), Failure> {
        let asked = Object::from_iter([(property.to_owned(), value)]);
        self.change(call, entra, asked)
    }

    /// Writes properties. The gate reads the object again right before, refuses if one of them has changed since it was
    /// read here, and sends nothing if all are as they are to be.
    pub(super) fn change(
        &self,
        call: &NativeCallContext,
        entra: &Entra,
        asked: Object,
    ) -> Result<(), Failure> {
        let operation = Operation {
            subject: self.subject.clone(),
            effect: Effect::Update,
            request: Request::Graph(
                GraphRequest::new(Method::Patch, self.path("")?).with_body(asked.clone()),
            ),
            observe: Some(self.observation()?),
            asked,
            learned: Vec::new(),
            origin: origin(call),
        };
        entra.session().perform(&operation).map(drop)
    }

    /// Removes it; the directory keeps it for 30 days.
    pub(super) fn remove(&self, call: &NativeCallContext, entra: &Entra) -> Result<(), Failure> {
        let operation = Operation {
            subject: self.subject.clone(),
            effect: Effect::Delete,
            request: Request::Graph(GraphRequest::new(Method::Delete, self.path("")?)),
            observe: Some(self.observation()?),
            asked: Object::new(),
            learned: Vec::new(),
            origin: origin(call),
        };
        entra.session().perform(&operation).map(drop)
    }

    /// The read that shows it: by the id of its application, which proves that it is the right one.
    fn observation(&self) -> Result<Request, Failure> {
        let id = value_text(&self.application_id()?);
        let path = by_application_id(self.holder, &id);
        Ok(Request::Graph(get(path, self.select)))
    }

    /// The object for a script: each certificate with its thumbprint.
    pub(super) fn shown(&self) -> Object {
        let mut object = self.object.clone();
        if let Some(Value::List(list)) = object.get_mut(CREDENTIALS) {
            for value in list {
                let Value::Object(credential) = value else {
                    continue;
                };
                let thumbprint = Credential(credential).thumbprint();
                credential.insert("thumbprint".to_owned(), thumbprint.into());
            }
        }
        object
    }
}

/// The lists of applications and service principals.
const LISTS: [&str; 5] = [
    CREDENTIALS,
    "servicePrincipalNames",
    "requiredResourceAccess",
    "tags",
    "appRoles",
];

fn not_there(holder: Holder) -> &'static str {
    match holder {
        Holder::Application => "the tenant has no such application registered",
        Holder::ServicePrincipal => {
            "the tenant has no such application; that of Exchange Online comes with its first subscription"
        }
    }
}

fn lacks(holder: Holder, property: &str, subject: &Subject) -> Failure {
    let what = match holder {
        Holder::Application => "an application",
        Holder::ServicePrincipal => "a service principal",
    };
    Failure::new(
        FailureKind::Protocol,
        format!("Microsoft Graph gave {what} without {property}"),
    )
    .about(subject.clone())
}

pub(super) fn get(path: String, select: &str) -> GraphRequest {
    GraphRequest::new(Method::Get, path).with("$select", select)
}

pub(super) fn by_application_id(holder: Holder, id: &str) -> String {
    format!("{}(appId='{id}')", holder.collection())
}

/// An id in a path or in the name of a subject.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::Unknown(what) => unknown_text(what),
        Value::Text(text) => text.clone(),
        _ => String::new(),
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.chars().enumerate().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}
