//! [`Half`]: the part of a run that speaks to one side only.
//!
//! A server that may not reach the internet and a computer that cannot reach the servers do one playbook between them.
//! What either half reads of its own side is kept for the other in a [`HandOver`]. A request to the side that is away is
//! answered from there or fails with [`FailureKind::OtherHalf`], which ends the step and not the run.

use super::hand_over::{Done, HandOver, Kept, Refused, carried, members, reduced};
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::graph;
use crate::session::event::{Event, Level};
use crate::session::{Operation, Origin, Request, Session};
use crate::subject::{Effect, Plane, Subject};
use crate::value::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One of the two sides that a run can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The Exchange organization on the customer's own servers.
    Onprem,
    /// Exchange Online and the directory of the tenant.
    Cloud,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Onprem, Self::Cloud];

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Onprem => "onprem",
            Self::Cloud => "cloud",
        }
    }

    /// The side of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.word() == word)
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Onprem => Self::Cloud,
            Self::Cloud => Self::Onprem,
        }
    }

    /// Whether a plane belongs to it.
    pub fn has(self, plane: Plane) -> bool {
        (plane == Plane::OnPremises) == (self == Self::Onprem)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Onprem => "on-premises half",
            Self::Cloud => "cloud half",
        })
    }
}

/// The part of a run that speaks to one side only.
#[derive(Clone)]
pub struct Half {
    side: Side,
    hand_over: Arc<Mutex<HandOver>>,
    /// What is run.
    playbook: String,
    /// The command that runs the other half.
    other: String,
    /// The steps that were left to the other half, in their order.
    left: Arc<Mutex<Vec<String>>>,
}

impl Half {
    /// A half of a run of a playbook, with what is known of the other side, and the command that runs the other half.
    pub fn new(side: Side, hand_over: HandOver, playbook: String, other: String) -> Self {
        Self {
            side,
            hand_over: Arc::new(Mutex::new(hand_over)),
            playbook,
            other,
            left: Arc::default(),
        }
    }

    /// What stands for a step of this playbook.
    pub fn step(&self, id: &str) -> Done {
        Done {
            playbook: self.playbook.clone(),
            step: id.to_owned(),
        }
    }

    /// Says that a step is left to the other half.
    pub fn leave(&self, step: &str) {
        locked(&self.left).push(step.to_owned());
    }

    /// The steps of this pass so far that are left, and that the other half has not done.
    pub fn open(&self) -> Vec<String> {
        let known = self.known();
        let left = locked(&self.left);
        let open = left
            .iter()
            .filter(|step| !known.done.contains(&self.step(step)));
        open.cloned().collect()
    }

    /// Whether a step was done before this pass, by the other half as far as the hand-over goes.
    pub fn has_done(&self, step: &str) -> bool {
        self.known().done.contains(&self.step(step))
    }

    /// The side that it speaks to.
    pub fn side(&self) -> Side {
        self.side
    }

    /// What is known of both sides by now.
    pub fn hand_over(&self) -> HandOver {
        self.known().clone()
    }

    fn known(&self) -> MutexGuard<'_, HandOver> {
        locked(&self.hand_over)
    }

    /// Asks the side that is here who it is, and refuses what was handed over by another one.
    ///
    /// # Errors
    ///
    /// Kind `Input` where the two differ; whatever asking fails with.
    pub fn meet(&self, session: &Session) -> Result<(), Failure> {
        locked(&self.left).clear();
        let (plane, noun, property, request) = match self.side {
            Side::Onprem => (
                Plane::OnPremises,
                "OrganizationConfig",
                "Guid",
                Request::cmdlet("Get-OrganizationConfig", Object::new()),
            ),
            Side::Cloud => (
                Plane::Entra,
                "Organization",
                "id",
                Request::Graph(
                    graph::Request::new(graph::Method::Get, "/organization")
                        .with("$select", "id,displayName,verifiedDomains"),
                ),
            ),
        };
        let asked = session.perform(&Operation {
            subject: Subject::all(plane, noun),
            effect: Effect::Read,
            request,
            observe: None,
            asked: Object::new(),
            learned: Vec::new(),
            origin: Origin::default(),
        });
        let answer = match asked {
            Err(failure) if self.can_do_without(&failure) => {
                let text = format!(
                    "{noun} cannot be read, so the hand-over does not say whose it is: {failure}"
                );
                return session.announce(&Event::Said {
                    level: Level::Warning,
                    text,
                });
            }
            asked => asked?,
        };
        let object = answer
            .output
            .first()
            .and_then(|first| members(first).into_iter().next());
        let id = object
            .and_then(|object| object.text(property))
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::Protocol,
                    format!("the answer about {noun} lacks {property}"),
                )
            })?;
        let mut known = self.known();
        let (expected, what) = match self.side {
            Side::Onprem => (&mut known.exchange_organization, "Exchange organization"),
            Side::Cloud => (&mut known.tenant_id, "tenant"),
        };
        match expected {
            Some(other) if !other.eq_ignore_ascii_case(id) => Err(Failure::input(format!(
                "the hand-over file is about the {what} {other}, and this is {id}"
            ))
            .with_hint("use the file of this organization, or a new one")),
            _ => {
                *expected = Some(id.to_owned());
                Ok(())
            }
        }
    }

    /// Whether it does not matter that the side that is here does not say who it is: nobody said who it is to be.
    fn can_do_without(&self, failure: &Failure) -> bool {
        let known = self.known();
        let expected = match self.side {
            Side::Onprem => &known.exchange_organization,
            Side::Cloud => &known.tenant_id,
        };
        expected.is_none()
            && matches!(
                failure.kind,
                FailureKind::Denied | FailureKind::Invalid | FailureKind::NotFound
            )
    }

    /// Answers for the side that is away.
    pub(super) fn answer(&self, operation: &Operation) -> Result<Answer, Failure> {
        let (plane, call) = (operation.subject.plane, operation.request.call());
        let other = self.side.other();
        if operation.effect != Effect::Read {
            return Err(self.away(format!("this is for the {other} of the playbook to do")));
        }
        let known = self.known();
        let kept = known
            .answers
            .iter()
            .find(|kept| kept.plane == plane && kept.call == call);
        match kept {
            Some(Kept {
                refused: Some(refused),
                ..
            }) => Err(Failure::new(refused.kind, refused.message.clone())),
            Some(kept) => Ok(Answer {
                output: kept.objects.clone().unwrap_or_default(),
                ..Answer::default()
            }),
            None => Err(self.away(format!(
                "this needs {}, which the {other} of the playbook has not handed over",
                operation.subject
            ))),
        }
    }

    fn away(&self, message: String) -> Failure {
        Failure::new(FailureKind::OtherHalf, message)
            .with_hint(format!("run it there first: {}", self.other))
    }

    /// Keeps what the side that is here answered, as far as it is handed over.
    pub(super) fn hear(
        &self,
        operation: &Operation,
        answer: &Result<Answer, Failure>,
        now: Timestamp,
    ) {
        let subject = &operation.subject;
        let Some(properties) = carried(&subject.noun) else {
            return;
        };
        let (objects, refused) = match answer {
            Ok(answer) => {
                let reduced = answer.output.iter().map(|value| reduced(value, properties));
                (Some(reduced.collect()), None)
            }
            Err(failure)
                if matches!(failure.kind, FailureKind::NotFound | FailureKind::Invalid) =>
            {
                let refused = Refused {
                    kind: failure.kind,
                    message: failure.message.clone(),
                };
                (None, Some(refused))
            }
            Err(_) => return,
        };
        self.known().keep(Kept {
            plane: subject.plane,
            noun: subject.noun.clone(),
            call: operation.request.call(),
            at: now,
            objects,
            refused,
        });
    }

    /// Forgets what was said about a noun that is written to.
    pub(super) fn written(&self, subject: &Subject) {
        self.known()
            .forget(|kept| kept.plane == subject.plane && kept.noun == subject.noun);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
