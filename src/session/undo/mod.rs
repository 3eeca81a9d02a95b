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
mod removed;
mod set_back;
mod write;

pub use write::{Write, writes};

use super::event::{Event, Level};
use super::{Operation, Request, Session, interrupted};
use crate::exchange::Invocation;
use crate::failure::{Failure, FailureKind};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use auth_config::{AUTH_CONFIG, certificates_restored};
use difference::difference;
use made_again::{creation, warn_of_difference};
use removed::removal;
use set_back::restoration;
use write::origin;

/// What takes a write back.
#[derive(Default)]
struct Inverse {
    operations: Vec<Operation>,
    /// What of it stays, each with the reason.
    left: Vec<Failure>,
}

impl From<Vec<Operation>> for Inverse {
    fn from(operations: Vec<Operation>) -> Self {
        Self {
            operations,
            left: Vec::new(),
        }
    }
}

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
    let mut overrides = false;
    for write in writes.iter().rev() {
        if session.interrupted() {
            return Err(interrupted());
        }
        if write.settle(session)? == Some(false) {
            continue;
        }
        let outcome = inverse(session, write, writes).and_then(|Inverse { operations, left }| {
            if operations.is_empty() && left.is_empty() {
                let text = format!("{} is as it was before already", write.subject);
                say(session, Level::Info, text)?;
            }
            for operation in operations {
                let answer = session.perform(&operation)?;
                overrides |= operation.subject.noun == SETTING_OVERRIDE;
                if let (Effect::Create, Some(before), Some(Value::Object(made))) =
                    (operation.effect, &write.before, answer.output.first())
                {
                    warn_of_difference(session, &operation.subject, before, made)?;
                }
            }
            Ok(left)
        });
        let left = match outcome {
            Ok(left) => left,
            Err(failure) if is_about_one(failure.kind) => vec![failure],
            Err(failure) => return Err(failure),
        };
        for failure in left {
            let detail = failure.detail.as_deref();
            let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
            say(session, Level::Warning, format!("{failure}{detail}"))?;
            refused.push(failure);
        }
    }
    if overrides {
        refresh_overrides(session)?;
    }
    Ok(refused)
}

const SETTING_OVERRIDE: &str = "SettingOverride";

/// Has the servers read their setting overrides again, which they do within an hour only by themselves.
fn refresh_overrides(session: &Session) -> Result<(), Failure> {
    let refresh = Invocation::new("Get-ExchangeDiagnosticInfo")
        .with("Process", "Microsoft.Exchange.Directory.TopologyService")
        .with("Component", "VariantConfiguration")
        .with("Argument", "Refresh");
    let refreshed = session.perform(&Operation {
        subject: Subject::all(Plane::OnPremises, refresh.noun()),
        effect: Effect::Refresh,
        request: Request::Cmdlet(refresh),
        observe: None,
        asked: Object::new(),
        learned: Vec::new(),
        origin: origin(),
    });
    match refreshed {
        Err(failure) if is_about_one(failure.kind) => say(
            session,
            Level::Warning,
            format!("the servers follow the setting overrides within an hour: {failure}"),
        ),
        refreshed => refreshed.map(drop),
    }
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
fn inverse(session: &Session, write: &Write, all: &[Write]) -> Result<Inverse, Failure> {
    if write.observe.is_none() {
        return Err(write.refuse("its object cannot be read by name"));
    }
    let present = write.present(session)?;
    match write.effect {
        Effect::Create => match present {
            Some(present) => removal(session, write, &present).map(Inverse::from),
            None => Ok(Inverse::default()),
        },
        Effect::Delete => match (&write.before, present) {
            (Some(before), None) => creation(write, before).map(|creation| vec![creation].into()),
            (Some(before), Some(present)) => match difference(before, &present) {
                None => Ok(Inverse::default()),
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
                let made_by_run = all.iter().any(|made| made.made(write));
                let operation = restoration(session, write, &present, made_by_run)?;
                Ok(operation.into_iter().collect::<Vec<_>>().into())
            }
            // What the run made and changed is gone once its creation was taken back.
            None if all.iter().any(|made| made.made(write)) => Ok(Inverse::default()),
            None => Err(write.refuse("it does not exist any more")),
        },
    }
}

fn say(session: &Session, level: Level, text: String) -> Result<(), Failure> {
    session.announce(&Event::Said { level, text })
}
