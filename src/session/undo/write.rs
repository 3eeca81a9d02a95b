//! [`Write`]: a write of a run, as its journal has it, and the object that it was about, as it is now.

use crate::failure::{Failure, FailureKind};
use crate::session::journal::Recording;
use crate::session::plan::equal;
use crate::session::{Operation, Origin, Request, Session};
use crate::subject::{Effect, Subject};
use crate::value::{Object, Value};
use serde::Deserialize;
use serde_json::Value as Json;

/// One write of a run, as its journal has it.
#[derive(Clone, Debug)]
pub struct Write {
    /// The object.
    pub subject: Subject,
    /// What was done to it.
    pub effect: Effect,
    /// Whether it was done; absent when the journal does not say.
    pub done: Option<bool>,
    /// The call as a person writes it.
    pub call: String,
    pub(super) asked: Object,
    pub(super) request: Request,
    pub(super) observe: Option<Request>,
    pub(super) before: Option<Object>,
    pub(super) after: Option<Object>,
}

#[derive(Deserialize)]
struct Intent {
    change: Intended,
    request: Request,
    #[serde(default)]
    observe: Option<Request>,
    #[serde(default)]
    present: Option<Object>,
}

#[derive(Deserialize)]
struct Intended {
    subject: Subject,
    effect: Effect,
    #[serde(default)]
    after: Option<Object>,
    call: String,
}

/// The writes of a run, in order.
///
/// # Errors
///
/// When a record of a write cannot be read; those of an older version of this program have no request.
pub fn writes(recording: &Recording) -> Result<Vec<Write>, Failure> {
    let mut writes: Vec<Write> = Vec::new();
    for record in &recording.records {
        match record["type"].as_str() {
            Some("writing") => writes.push(intent(record)?),
            Some("written") => {
                if let Some(write) = writes.last_mut() {
                    write.done = Some(true);
                    write.after = match Value::from(record["after"].clone()) {
                        Value::Object(after) => Some(after),
                        _ => None,
                    };
                }
            }
            Some("write_failed") if record["failure"]["ambiguous"] != Json::Bool(true) => {
                if let Some(write) = writes.last_mut() {
                    write.done = Some(false);
                }
            }
            _ => {}
        }
    }
    Ok(writes)
}

fn intent(record: &Json) -> Result<Write, Failure> {
    let intent: Intent = serde_json::from_value(record.clone()).map_err(|error| {
        Failure::input("the journal has a write that this version cannot read")
            .with_detail(error.to_string())
    })?;
    Ok(Write {
        subject: intent.change.subject,
        effect: intent.change.effect,
        done: None,
        call: intent.change.call,
        asked: intent.change.after.unwrap_or_default(),
        request: intent.request,
        observe: intent.observe,
        before: intent.present,
        after: None,
    })
}

impl Write {
    /// Reads the subject and says whether a write happened whose outcome the journal does not have.
    ///
    /// # Errors
    ///
    /// When the subject cannot be read.
    pub fn settle(&self, session: &Session) -> Result<Option<bool>, Failure> {
        if self.done.is_some() || self.observe.is_none() {
            return Ok(self.done);
        }
        let present = self.present(session)?;
        Ok(match (self.effect, present) {
            (Effect::Delete, present) => Some(present.is_none()),
            (_, None) => Some(false),
            (_, Some(present)) => Some(
                self.asked
                    .iter()
                    .all(|(name, asked)| present.get(name).is_some_and(|now| equal(now, asked))),
            ),
        })
    }

    /// The subject as it is now.
    pub(super) fn present(&self, session: &Session) -> Result<Option<Object>, Failure> {
        let (subject, observe) = self.now_known_as();
        let Some(observe) = observe else {
            return Ok(None);
        };
        read(session, subject, observe)
    }

    /// The subject under the name that the write gave it, and how it is read by that name.
    pub(super) fn now_known_as(&self) -> (Subject, Option<Request>) {
        let renamed = match self.effect {
            Effect::Update => self.asked.get("Name").and_then(Value::as_text),
            _ => None,
        };
        let (mut subject, mut observe) = (self.subject.clone(), self.observe.clone());
        if let (Some(name), Some(Request::Cmdlet(invocation))) = (renamed, &mut observe) {
            subject.name = Some(name.to_owned());
            invocation
                .parameters
                .insert("Identity".to_owned(), name.into());
        }
        // What was made under a name that the service gave it is read by that.
        if let (Effect::Create, Some(after)) = (self.effect, &self.after) {
            observe = observe.and_then(|observe| match observe {
                Request::Cmdlet(_) => observe.filled(after, &subject),
                observe => Some(observe),
            });
        }
        (subject, observe)
    }

    /// Whether this write made the subject of another one.
    pub(super) fn made(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.subject, &other.subject);
        let same = mine == theirs
            || self.after.as_ref().is_some_and(|after| {
                let name = theirs.name.as_deref();
                after
                    .values()
                    .any(|value| name.is_some() && value.as_text() == name)
            });
        self.effect == Effect::Create
            && mine.plane == theirs.plane
            && mine.noun == theirs.noun
            && same
    }

    /// What the write left of a property, as far as that was seen.
    pub(super) fn left(&self, property: &str) -> Value {
        let seen = self.after.as_ref().and_then(|after| after.get(property));
        seen.or_else(|| self.asked.get(property))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn refuse(&self, why: &str) -> Failure {
        Failure::new(
            FailureKind::Conflict,
            format!("{} is not taken back: {why}", self.subject),
        )
        .about(self.subject.clone())
    }

    pub(super) fn operation(&self, effect: Effect, request: Request, asked: Object) -> Operation {
        let (subject, observe) = self.now_known_as();
        Operation {
            subject,
            effect,
            request,
            observe,
            asked,
            learned: Vec::new(),
            origin: origin(),
        }
    }
}

/// Reads an object; absent where there is none.
pub(super) fn read(
    session: &Session,
    subject: Subject,
    request: Request,
) -> Result<Option<Object>, Failure> {
    let answer = match all(session, subject, request) {
        Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
        answer => answer?,
    };
    Ok(answer.into_iter().next())
}

/// Reads objects.
pub(super) fn all(
    session: &Session,
    subject: Subject,
    request: Request,
) -> Result<Vec<Object>, Failure> {
    let answer = session.perform(&Operation {
        subject,
        effect: Effect::Read,
        request,
        observe: None,
        asked: Object::new(),
        learned: Vec::new(),
        origin: origin(),
    })?;
    let objects = answer.output.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    });
    Ok(objects.collect())
}

pub(super) fn origin() -> Origin {
    Origin {
        function: "undo".to_owned(),
        ..Origin::default()
    }
}
