//! Writes at the gate: what is planned or sent of one, what became of one that was sent, and whether it shows.

use super::{Mode, Session};
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::session::event::Event;
use crate::session::operation::Operation;
use crate::session::plan::{Change, Learned, agrees};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use std::time::Duration;

/// How long to wait before looking again whether the directory shows a write, and for how long in all.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_LOOK: Duration = Duration::from_secs(300);

impl Session {
    /// Plans a write or sends it, and announces it.
    pub(super) fn write(&self, operation: &Operation) -> Result<Answer, Failure> {
        let present = self.observe(operation)?;
        let change = Change::of(operation, present.as_ref(), operation.request.call());
        let change = change.map_err(|refusal| {
            let state = self.state();
            let expected = state.expected.as_ref();
            expected
                .and_then(|expected| {
                    expected.overtaken(operation, present.as_ref(), &state.learned)
                })
                .unwrap_or(refusal)
        })?;
        if self.mode() == Mode::Apply {
            let state = self.state();
            state.observations.hold(operation, present.as_ref())?;
            if let Some(expected) = &state.expected {
                expected.hold(&change, &state.learned)?;
            }
        }
        let (plans, same) = (self.mode() == Mode::Plan, change.same);
        self.state().plan.record(change.clone());
        if plans || same {
            self.announce(&Event::Planned { change })?;
            let predicted = match same {
                true => present,
                false => self
                    .state()
                    .prediction
                    .remember(operation, present.as_ref()),
            };
            return Ok(Answer {
                output: predicted.into_iter().map(Value::Object).collect(),
                warnings: Vec::new(),
            });
        }
        self.announce(&Event::Writing {
            change: change.clone(),
        })?;
        if let Some(half) = self.half.get() {
            half.written(&operation.subject);
        }
        self.send_write(operation, change)
    }

    /// Sends a write that was recorded, and records what became of it.
    fn send_write(&self, operation: &Operation, change: Change) -> Result<Answer, Failure> {
        match self.send_until_known(operation, &change) {
            Sent::Done { answer, after } => self.written(operation, change, answer, after),
            Sent::NeverShown => self.never_shown(change),
            Sent::Failed { failure, unsettled } => self.write_failed(change, failure, unsettled),
        }
    }

    /// Sends a write, and looks until it is known what became of it, where that can be known.
    ///
    /// A write is never cut by Ctrl-C. When its answer did not come, the subject is read to see whether it happened; if
    /// it did not, it is sent once more, since every write here does the same when it is done twice: a second creation
    /// is refused, a second update sets the same values.
    fn send_until_known(&self, operation: &Operation, change: &Change) -> Sent {
        let send = || self.send(operation.subject.plane, &operation.request);
        // What is read by something that only the answer tells cannot be read without an answer.
        let blind = operation.observe.is_none() || operation.observes_what_it_learns();
        let mut sent = send();
        let mut repeated = false;
        loop {
            let failure = match sent {
                Ok(answer) => return self.accepted(operation, change, answer),
                Err(failure) => failure,
            };
            if blind {
                let unsettled = failure.ambiguous;
                return Sent::Failed { failure, unsettled };
            }
            if !failure.ambiguous && !repeated {
                return Sent::failed(failure);
            }
            // A creation that is done twice may make two objects, so one that is not shown yet is waited for.
            let after = match operation.effect {
                Effect::Create => self.settle_shown(operation, change),
                _ => self.settle(operation),
            };
            match after {
                Ok(after) if happened(operation, after.as_ref()) => {
                    return Sent::Done {
                        answer: Answer::default(),
                        after: Ok(after),
                    };
                }
                Ok(after)
                    if !repeated && !self.interrupted() && untouched(change, after.as_ref()) =>
                {
                    repeated = true;
                    sent = send();
                }
                Ok(_) => return Sent::failed(failure),
                Err(_) => {
                    let unsettled = true;
                    return Sent::Failed { failure, unsettled };
                }
            }
        }
    }

    /// What became of a write that the service accepted.
    fn accepted(&self, operation: &Operation, change: &Change, answer: Answer) -> Sent {
        let answered = operation.answered(&answer);
        match self.settle_shown(&answered, change) {
            Ok(after) if unshown(&answered, change, after.as_ref()) => Sent::NeverShown,
            after => Sent::Done { answer, after },
        }
    }

    /// Records a write that happened, and answers with the subject as it is afterwards.
    fn written(
        &self,
        operation: &Operation,
        change: Change,
        mut answer: Answer,
        after: Result<Option<Object>, Failure>,
    ) -> Result<Answer, Failure> {
        let subject = &operation.subject;
        self.warn_of(subject.plane, &answer);
        self.state().written += 1;
        let after = after.unwrap_or_else(|failure| {
            self.warn(format!(
                "{subject} was written, but reading it back failed: {failure}"
            ));
            None
        });
        if operation.observe.is_some() && !happened(operation, after.as_ref()) {
            self.warn(format!(
                "{subject} was written, but the service does not show it yet"
            ));
        }
        if let Some(after) = &after {
            let seen = [Value::Object(after.clone())];
            self.state().observations.remember(subject, &seen);
            answer.output = seen.into();
        }
        self.learn(operation, answer.output.first());
        self.announce(&Event::Written {
            change,
            after: after.map(Value::Object),
        })?;
        Ok(answer)
    }

    /// Remembers what was unknown while planning a creation.
    fn learn(&self, operation: &Operation, made: Option<&Value>) {
        let made = made.filter(|_| operation.effect == Effect::Create);
        let learned = operation.learned.iter().filter_map(|property| {
            Some(Learned {
                property: property.clone(),
                subject: operation.subject.clone(),
                value: made?.text(property)?.to_owned(),
            })
        });
        self.state().learned.extend(learned);
    }

    /// Records a write that failed; with `unsettled`, one of which nobody knows whether it happened.
    fn write_failed(
        &self,
        change: Change,
        failure: Failure,
        unsettled: bool,
    ) -> Result<Answer, Failure> {
        self.state().unsettled += usize::from(unsettled);
        let failure = Failure {
            ambiguous: unsettled,
            ..failure
        };
        let failure = match unsettled {
            true => failure.with_hint(
                "whether it happened is not known: run the playbook again, it starts by reading",
            ),
            false => failure,
        };
        self.announce(&Event::WriteFailed {
            change,
            failure: failure.clone(),
        })?;
        Err(failure)
    }

    /// The subject of a write as it is now; `None` when it does not exist or cannot be observed.
    fn observe(&self, operation: &Operation) -> Result<Option<Object>, Failure> {
        let subject = &operation.subject;
        let Some(request) = &operation.observe else {
            return Ok(None);
        };
        let output = match self.mode() {
            Mode::Plan if self.state().prediction.creates(subject) => Vec::new(),
            _ if request.has_unknown() => Vec::new(),
            _ => found(self.ask(subject.plane, request))?,
        };
        only(subject, self.predicted(subject, output))
    }

    /// The subject of a write as the service shows it afterwards.
    fn settle(&self, operation: &Operation) -> Result<Option<Object>, Failure> {
        let Some(request) = &operation.observe else {
            return Ok(None);
        };
        let subject = &operation.subject;
        only(subject, found(self.send(subject.plane, request))?)
    }

    /// The subject of a write as the service shows it, once it shows anything new: the directory answers reads from
    /// copies that take minutes to follow.
    fn settle_shown(
        &self,
        operation: &Operation,
        change: &Change,
    ) -> Result<Option<Object>, Failure> {
        let mut after = self.settle(operation)?;
        let (mut waited, mut pause) = (Duration::ZERO, FIRST_LOOK);
        while unshown(operation, change, after.as_ref())
            && waited < LONGEST_LOOK
            && !self.interrupted()
        {
            pause = pause.min(LONGEST_LOOK - waited);
            self.tell(&Event::Waiting {
                reason: format!(
                    "{} was written, and {} does not show it yet",
                    operation.subject, operation.subject.plane
                ),
                milliseconds: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            });
            self.pause(pause);
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
            after = self.settle(operation)?;
        }
        Ok(after)
    }

    /// Stops after a write that was accepted and is not shown: what comes next would start from the state before it,
    /// and could take it back.
    fn never_shown(&self, change: Change) -> Result<Answer, Failure> {
        let subject = change.subject.clone();
        self.state().written += 1;
        self.announce(&Event::Written {
            change,
            after: None,
        })?;
        let minutes = LONGEST_LOOK.as_secs() / 60;
        Err(Failure::new(
            FailureKind::Unreachable,
            format!(
                "{subject} was written, but {} did not show it within {minutes} minutes",
                subject.plane
            ),
        )
        .with_hint("go on later: a run starts by reading what is there"))
    }
}

/// What became of a write that was sent.
enum Sent {
    /// It happened; with the subject as it was read afterwards.
    Done {
        answer: Answer,
        after: Result<Option<Object>, Failure>,
    },
    /// It was accepted, and the directory does not show it.
    NeverShown,
    /// It failed, or nobody knows.
    Failed { failure: Failure, unsettled: bool },
}

impl Sent {
    fn failed(failure: Failure) -> Self {
        Self::Failed {
            failure,
            unsettled: false,
        }
    }
}

/// An answer's objects, none where the service says that the object does not exist.
fn found(answer: Result<Answer, Failure>) -> Result<Vec<Value>, Failure> {
    match answer {
        Ok(answer) => Ok(answer.output),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

/// The one object that a subject stands for, if there is one.
pub(super) fn only(subject: &Subject, output: Vec<Value>) -> Result<Option<Object>, Failure> {
    let count = output.len();
    let mut objects = output.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    });
    match count {
        0 | 1 => Ok(objects.next()),
        _ => Err(Failure::new(
            FailureKind::Conflict,
            format!("{subject} stands for {count} objects"),
        )
        .with_detail(
            Value::List(objects.map(Value::Object).collect())
                .to_json()
                .to_string(),
        )
        .with_hint("name one of them by its Identity or Guid")),
    }
}

/// Whether a write shows in what was read after it.
fn happened(operation: &Operation, after: Option<&Object>) -> bool {
    match (operation.effect, after) {
        (Effect::Delete, after) => after.is_none(),
        (_, Some(after)) => agrees(after, &operation.asked),
        (_, None) => false,
    }
}

/// Whether the subject of a write is as it was right before it.
fn untouched(change: &Change, now: Option<&Object>) -> bool {
    match (&change.before, now) {
        (Some(before), Some(now)) => agrees(now, before),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a write of the directory does not show in what was read after it.
fn unshown(operation: &Operation, change: &Change, after: Option<&Object>) -> bool {
    operation.subject.plane == Plane::Entra
        && operation.observe.is_some()
        && !happened(operation, after)
        && untouched(change, after)
}
