//! `exoauth run --step`: asks before each step that has something to do.

use crate::cli::Env;
use crate::failure::{Failure, FailureKind};
use crate::report::clean;
use crate::script::AskStep;
use crate::session::event::{Event, Listener, StepOutcome};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hears while planning which steps change something; clones hear for the same question.
#[derive(Clone, Default)]
pub(super) struct Steps(Arc<Mutex<BTreeSet<String>>>);

impl Steps {
    fn changing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The question before each of them.
    pub(super) fn question(&self, env: &Env) -> AskStep {
        let (steps, env) = (self.clone(), env.clone());
        Arc::new(move |id, title| {
            if !steps.changing().contains(id) {
                return Ok(true);
            }
            let question = format!("{}: {}?", clean(id), clean(title));
            match env.choose(&question, &["yes", "no", "quit"])? {
                Some("yes") => Ok(true),
                Some("no") => Ok(false),
                None => Err(Failure::input(format!(
                    "there is nobody to ask whether to do the step \"{id}\""
                ))
                .with_hint("--step needs a terminal")),
                Some(_) => Err(Failure::new(
                    FailureKind::Interrupted,
                    format!("stopped before the step \"{id}\""),
                )),
            }
        })
    }
}

impl Listener for Steps {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        if let Event::StepFinished {
            id,
            outcome: StepOutcome::Changed,
        } = event
        {
            self.changing().insert(id.clone());
        }
        Ok(())
    }
}
