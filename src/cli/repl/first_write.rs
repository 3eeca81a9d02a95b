//! [`FirstWrite`]: the journal and the lock of a conversation, from its first write on.

use super::locked;
use crate::cli::place::Place;
use crate::cli::{Env, journal, run};
use crate::failure::Failure;
use crate::session::event::{Event, Listener};
use crate::session::journal::Journal;
use crate::session::lock::Lock;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Keeps a journal from the first write on: what is only read at a prompt leaves nothing behind.
pub(super) struct FirstWrite {
    /// Keeps other runs from writing to the same organization, from the first write of a pass to its end.
    lock: Box<dyn Fn() -> Result<Option<Lock>, Failure> + Send>,
    held: Option<Lock>,
    start: Box<dyn FnMut() -> Result<Option<Journal>, Failure> + Send>,
    journal: Option<Journal>,
    path: Arc<Mutex<Option<PathBuf>>>,
    /// The start of the pass, until it is recorded.
    pass: Option<Event>,
    /// Whether the pass has written.
    writes: bool,
}

impl FirstWrite {
    pub(super) fn new(
        env: Env,
        place: Arc<Place>,
        run: &str,
        path: &Arc<Mutex<Option<PathBuf>>>,
    ) -> Self {
        let run = run.to_owned();
        let (locking, locked, holder) = (env.clone(), Arc::clone(&place), run.clone());
        Self {
            lock: Box::new(move || run::lock(&locking, &locked, &holder)),
            held: None,
            start: Box::new(move || {
                let about = journal::About {
                    run: &run,
                    playbook: "the prompt",
                    text: "",
                    ..journal::About::default()
                };
                journal::start(&env, &place, &about)
            }),
            journal: None,
            path: Arc::clone(path),
            pass: None,
            writes: false,
        }
    }

    fn record(&mut self, event: &Event) -> Result<(), Failure> {
        match &mut self.journal {
            Some(journal) => journal.hear(event),
            None => Ok(()),
        }
    }
}

impl Listener for FirstWrite {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::RunStarted { .. } => {
                self.pass = Some(event.clone());
                self.writes = false;
                return Ok(());
            }
            Event::Writing { .. } => {
                if self.held.is_none() {
                    self.held = (self.lock)()?;
                }
                if self.journal.is_none() {
                    self.journal = (self.start)()?;
                    let path = self
                        .journal
                        .as_ref()
                        .map(|journal| journal.path().to_owned());
                    *locked(&self.path) = path;
                }
                self.writes = true;
                if let Some(start) = self.pass.take() {
                    self.record(&start)?;
                }
            }
            _ => {}
        }
        if !self.writes {
            return Ok(());
        }
        if matches!(event, Event::RunFinished(_)) {
            self.writes = false;
            self.held = None;
        }
        self.record(event)
    }
}
