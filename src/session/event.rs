//! [`Event`]: what happens in a run, announced once; and [`Listener`]: who hears it.
//!
//! The human report, the JSON report and the journal are listeners, so what is on the screen is what is in the journal.

pub use crate::exchange::Progress;

use crate::failure::Failure;
use crate::session::{Mode, Origin, Request, plan::Change};
use crate::subject::{Plane, Subject};
use crate::value::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A pass over a playbook begins; always the first event of a pass.
    RunStarted {
        /// The name of this run, unique on this machine.
        run: String,
        /// The organization by name.
        organization: String,
        /// The cloud's word and the tenant, for people.
        description: String,
        /// The playbook or what stands for it.
        playbook: String,
        /// What this pass does.
        mode: Mode,
    },
    /// A playbook that another one includes begins.
    PlaybookStarted {
        /// Its name.
        name: String,
        /// Its title.
        title: String,
    },
    /// A step begins.
    StepStarted {
        /// Its id.
        id: String,
        /// Its title.
        title: String,
    },
    /// A step ended.
    StepFinished {
        /// Its id.
        id: String,
        /// How.
        outcome: StepOutcome,
    },
    /// A script, or the program, says something to the person.
    Said {
        /// How much it matters.
        level: Level,
        /// The text.
        text: String,
    },
    /// Something is read.
    Reading {
        /// What.
        subject: Subject,
        /// By which line.
        origin: Origin,
    },
    /// A write was planned; in an apply pass this is announced before it is sent.
    Planned {
        /// The change.
        change: Change,
    },
    /// A write is about to be sent; recorded before it is.
    Writing {
        /// The change.
        change: Change,
    },
    /// A write was sent and answered.
    Written {
        /// The change.
        change: Change,
        /// What the subject is afterwards, as read back.
        after: Option<Value>,
    },
    /// A write failed, or its answer never came.
    WriteFailed {
        /// The change.
        change: Change,
        /// Why.
        failure: Failure,
    },
    /// A service is asked to try something out, or would be while planning.
    Testing {
        /// What.
        subject: Subject,
        /// The call as a person writes it.
        call: String,
        /// What is sent; not part of reports and journals, which have the call.
        #[serde(skip)]
        request: Request,
    },
    /// A service is made to read again what it was told, or would be while planning.
    Refreshing {
        /// What.
        subject: Subject,
        /// The call as a person writes it.
        call: String,
        /// What is sent; not part of reports and journals, which have the call.
        #[serde(skip)]
        request: Request,
    },
    /// What a verification found.
    Verdict(Verdict),
    /// A service warned.
    ServiceWarning {
        /// Which.
        plane: Plane,
        /// In its words.
        text: String,
    },
    /// A cmdlet says how far it is.
    Progress {
        /// Where.
        plane: Plane,
        /// Which cmdlet.
        cmdlet: String,
        /// How far.
        #[serde(flatten)]
        progress: Progress,
    },
    /// A cmdlet says something besides its objects and warnings.
    ServiceSaid {
        /// Where.
        plane: Plane,
        /// Whether it is one of the details that a server tells when it is asked for them.
        verbose: bool,
        /// In its words.
        text: String,
    },
    /// The program waits for a service.
    Waiting {
        /// For what.
        reason: String,
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// The run failed.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The pass is over; always the last event of a pass.
    RunFinished(Summary),
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// Something was, or is to be, changed.
    Changed,
    /// Everything is as it should be.
    Same,
    /// Not asked for.
    Skipped,
    /// The run is limited to one side, and this is for the other half to do, or to be done after it.
    Left,
    /// It failed.
    Failed,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For information.
    Info,
    /// To be read.
    Warning,
}

/// What a verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// What was verified.
    pub title: String,
    /// What came of it.
    pub outcome: VerdictOutcome,
    /// The evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What came of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictOutcome {
    /// As it should be.
    Passed,
    /// Not as it should be: exit code 4.
    Failed,
    /// The question could not be asked.
    NotAsked,
}

impl VerdictOutcome {
    /// The word that scripts and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotAsked => "not_asked",
        }
    }
}

/// What a pass did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Changes by effect word: `create`, `update`, `delete`, `same`.
    pub changes: BTreeMap<String, usize>,
    /// Verdicts by outcome word.
    pub verdicts: BTreeMap<String, usize>,
    /// Requests sent, by plane.
    pub requests: BTreeMap<String, u64>,
    /// Whether a decision depended on something that only the service will know.
    pub partial: bool,
    /// How long it took.
    pub milliseconds: u64,
}

/// Someone who hears events.
pub trait Listener: Send {
    /// Hears an event. A failure before a write stops the write; otherwise it is shown as a warning.
    ///
    /// # Errors
    ///
    /// When the event could not be recorded.
    fn hear(&mut self, event: &Event) -> Result<(), Failure>;
}

/// All listeners of a session; shared with the roads, which announce their pauses.
#[derive(Clone)]
pub(super) struct Audience(Arc<Mutex<Vec<Box<dyn Listener>>>>);

impl Audience {
    pub(super) fn new(listeners: Vec<Box<dyn Listener>>) -> Self {
        Self(Arc::new(Mutex::new(listeners)))
    }

    /// Lets every listener hear an event, see [`Session::announce`](super::Session::announce).
    pub(super) fn hear(&self, event: &Event) -> Result<(), Failure> {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let deaf: Vec<(usize, Failure)> = listeners
            .iter_mut()
            .enumerate()
            .filter_map(|(at, listener)| listener.hear(event).err().map(|failure| (at, failure)))
            .collect();
        for (at, failure) in deaf {
            if matches!(event, Event::RunStarted { .. } | Event::Writing { .. }) {
                return Err(failure);
            }
            let warning = Event::Said {
                level: Level::Warning,
                text: failure.to_string(),
            };
            for (other, listener) in listeners.iter_mut().enumerate() {
                if other != at
                    && let Err(also_deaf) = listener.hear(&warning)
                {
                    tracing::warn!(%also_deaf, "a listener is deaf");
                }
            }
        }
        Ok(())
    }
}
