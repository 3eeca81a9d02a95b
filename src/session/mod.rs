//! The gate: every request passes [`Session::perform`], which plans it or sends it, and announces it.

pub mod event;
pub mod operation;
pub mod plan;

pub use operation::{Operation, Origin, Request};

use crate::cloud::Addresses;
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::organization::Organization;
use event::Event;
use serde::Serialize;

/// What a pass does with writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Predicts them.
    Plan,
    /// Sends them.
    Apply,
}

/// One pass over a playbook, or one conversation: its mode, its connections, its plan, its listeners.
pub struct Session {
    organization: Organization,
    mode: Mode,
}

impl Session {
    /// The organization it speaks to.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// What it does with writes.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The addresses of the organization's cloud.
    ///
    /// # Errors
    ///
    /// When the cloud is neither given nor found from the tenant.
    pub fn addresses(&self) -> Result<Addresses, Failure> {
        Err(Failure::new(FailureKind::Internal, "not here yet"))
    }

    /// Plans an operation or sends it, and announces it. Blocks; called on the engine's own thread.
    ///
    /// # Errors
    ///
    /// What the service or the gate refuses; `Interrupted` after Ctrl-C.
    pub fn perform(&self, _operation: Operation) -> Result<Answer, Failure> {
        Err(Failure::new(FailureKind::Internal, "not here yet"))
    }

    /// Announces an event to all listeners.
    ///
    /// # Errors
    ///
    /// When a listener could not record it.
    pub fn announce(&self, _event: Event) -> Result<(), Failure> {
        Err(Failure::new(FailureKind::Internal, "not here yet"))
    }

    /// Whether the user interrupted; the engine's progress hook asks this.
    pub fn interrupted(&self) -> bool {
        false
    }
}
