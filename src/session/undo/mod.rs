//! Taking a run back: its journal becomes the inverse of every write, in reverse order, through the gate.
//!
//! [`writes`] reads what a journal says was written; [`take_back`] does the inverse. What was made is removed, what was
//! changed gets its former values, what was removed is made again. Of a list only what the run added is removed, and
//! only what it removed is added, so what others added since stays. A subject that is no longer as the run left it is
//! refused, with the difference, and the others go on.

mod auth_config;
mod difference;
mod lists;
mod made_again;
mod parameters;
mod set_back;
mod write;

pub use write::{Write, writes};

use super::event::{Event, Level};
use super::{Operation, Request, Session, interrupted};
use crate::exchange::Invocation;
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::Holder;
use crate::graph::{Method, Request as GraphRequest};
use crate::subject::Effect;
use crate::value::{Object, Value};
use auth_config::{AUTH_CONFIG, certificates_restored};
use difference::difference;
use made_again::{creation, warn_of_difference};
use set_back::restoration;

/// Says of writes whose outcome nobody saw whether they happened.
///
/// # Errors
///
/// When a subject cannot be read.
pub fn settle(session: &Session, open: &[Write]) -> Result<(), Failure> {
    for write in open {
        let words = match write.settle(session)? {
            Some(true) => "it was done",
            Some(false) => "it was not done",
            None => "whether it was done cannot be read",
        };
        let text = format!("nobody saw the answer to {}: {words}", write.call);
        say(session, Level::Info, text)?;
    }
    Ok(())
}

/// Does the inverse of every write, the last one first; gives what was refused, subject by subject.
///
/// # Errors
///
/// What is not about one subject alone, such as a service that cannot be reached or Ctrl-C.
pub fn take_back(session: &Session, writes: &[Write]) -> Result<Vec<Failure>, Failure> {
    let mut refused = Vec::new();
    for write in writes.iter().rev() {
        if session.interrupted() {
            return Err(interrupted());
        }
        if write.settle(session)? == Some(false) {
            continue;
        }
        let outcome = inverse(session, write, writes).and_then(|operations| {
            if operations.is_empty() {
                let text = format!("{} is as it was before already", write.subject);
                return say(session, Level::Info, text);
            }
            for operation in operations {
                let answer = session.perform(&operation)?;
                if let (Effect::Create, Some(before), Some(Value::Object(made))) =
                    (operation.effect, &write.before, answer.output.first())
                {
                    warn_of_difference(session, &operation.subject, before, made)?;
                }
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(failure) if is_about_one(failure.kind) => {
                let detail = failure.detail.as_deref();
                let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
                say(session, Level::Warning, format!("{failure}{detail}"))?;
                refused.push(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(refused)
}

/// Whether a failure says something of its subject, and nothing of the others.
fn is_about_one(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Conflict
            | FailureKind::NotFound
            | FailureKind::AlreadyExists
            | FailureKind::Invalid
            | FailureKind::Denied
    )
}

/// The operations that take a write back; none when its subject is as it was before.
fn inverse(session: &Session, write: &Write, all: &[Write]) -> Result<Vec<Operation>, Failure> {
    if write.observe.is_none() {
        return Err(write.refuse("its object cannot be read by name"));
    }
    let present = write.present(session)?;
    match write.effect {
        Effect::Create => match present {
            Some(present) => removal(write, &present).map(|removal| vec![removal]),
            None => Ok(Vec::new()),
        },
        Effect::Delete => match (&write.before, present) {
            (Some(before), None) => creation(write, before).map(|creation| vec![creation]),
            (Some(before), Some(present)) => match difference(before, &present) {
                None => Ok(Vec::new()),
                Some(difference) => Err(write
                    .refuse("someone made it again, and otherwise")
                    .with_detail(difference)),
            },
            (None, _) => Err(write.refuse("the journal does not have what it was")),
        },
        _ => match present {
            Some(present) if write.subject.noun == AUTH_CONFIG => match &write.before {
                Some(before) => certificates_restored(session, write, before, &present),
                None => Err(write.refuse("the journal does not have what it was")),
            },
            Some(present) => {
                let operation = restoration(session, write, &present)?;
                Ok(operation.into_iter().collect())
            }
            // What the run made and changed is gone once its creation was taken back.
            None if all.iter().any(|made| made.made(write)) => Ok(Vec::new()),
            None => Err(write.refuse("it does not exist any more")),
        },
    }
}

/// Removes what the run made, if it still is what the run made.
fn removal(write: &Write, present: &Object) -> Result<Operation, Failure> {
    let made = write.after.as_ref().unwrap_or(&write.asked);
    if let Some(difference) = difference(made, present) {
        return Err(write
            .refuse("it is no longer what the run made")
            .with_detail(difference)
            .with_hint("remove it by hand if it is not used"));
    }
    let name = write.subject.name.clone().unwrap_or_default();
    match &write.request {
        Request::Cmdlet(invocation) => {
            let remove = Invocation::new(format!("Remove-{}", invocation.noun()));
            // A certificate is read, and removed, by its thumbprint on its server.
            let remove = match (invocation.noun(), write.now_known_as().1) {
                ("ExchangeCertificate", Some(Request::Cmdlet(get))) => Invocation {
                    parameters: get.parameters,
                    ..remove
                },
                _ => remove.with("Identity", name),
            };
            let request = Request::Cmdlet(remove.with("Confirm", false));
            Ok(write.operation(Effect::Delete, request, Object::new()))
        }
        Request::Graph(post) => {
            let id = present
                .get("id")
                .and_then(Value::as_text)
                .ok_or_else(|| write.refuse("the directory did not give its id"))?;
            let collection = match Holder::of_noun(&write.subject.noun) {
                Some(holder) => holder.collection(),
                None => post.path.as_str(),
            };
            let request = GraphRequest::new(Method::Delete, format!("{collection}/{id}"));
            Ok(write.operation(Effect::Delete, Request::Graph(request), Object::new()))
        }
        Request::Script(_) | Request::Discovery(_) => {
            Err(write.refuse("how to remove it is not known here"))
        }
    }
}

fn say(session: &Session, level: Level, text: String) -> Result<(), Failure> {
    session.announce(&Event::Said { level, text })
}
