//! One pass of an engine over a session, on the engine's own thread; the session is finished whatever happens.

use crate::failure::Failure;
use crate::script::{Bundle, Host, HostOptions, ScriptFailure, on_engine_thread};
use crate::session::event::Event;
use crate::session::{self, Outcome, Session};
use std::sync::Arc;

/// What a pass came to.
pub(super) struct Pass<T> {
    /// What the script gave, or why it stopped.
    pub(super) result: Result<T, ScriptFailure>,
    /// What the session leaves.
    pub(super) outcome: Outcome,
}

impl<T> Pass<T> {
    /// How many writes went out, known to have happened or not.
    pub(super) fn writes(&self) -> usize {
        self.outcome.written + self.outcome.unsettled
    }
}

/// Starts a session, does the work in an engine for it, and finishes the session.
///
/// # Errors
///
/// When the session or its thread could not be started; what the work itself came to is in the [`Pass`].
pub(super) fn pass<T: Send + 'static>(
    session: session::Options,
    bundle: Bundle,
    options: HostOptions,
    work: impl FnOnce(&Host) -> Result<T, ScriptFailure> + Send + 'static,
) -> Result<Pass<T>, Failure> {
    pass_without_engine(session, move |session| {
        let host = Host::new(session.clone(), bundle, options)?;
        work(&host)
    })
}

/// Starts a session, does the work with it, and finishes the session.
///
/// # Errors
///
/// As [`pass`].
pub(super) fn pass_without_engine<T: Send + 'static>(
    session: session::Options,
    work: impl FnOnce(&Arc<Session>) -> Result<T, ScriptFailure> + Send + 'static,
) -> Result<Pass<T>, Failure> {
    let session = Session::start(session)?;
    on_engine_thread(move || {
        let result = work(&session);
        if let Err(stopped) = &result {
            let failed = Event::Failed {
                failure: stopped.failure.clone(),
            };
            if let Err(deaf) = session.announce(&failed) {
                tracing::warn!(%deaf, "the failure could not be announced");
            }
        }
        Pass {
            result,
            outcome: session.finish(),
        }
    })
}
