//! [`EngineThread`]: the thread with the large stack that scripts need, kept for a conversation.

use super::STACK;
use crate::failure::{Failure, FailureKind};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one thing after the other, and ends when this is dropped.
#[derive(Debug)]
pub struct EngineThread {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl EngineThread {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// Kind `Internal`, when the thread could not be started.
    pub fn start() -> Result<Self, Failure> {
        let (jobs, waiting) = channel::<Job>();
        let thread = Builder::new()
            .name("scripts".to_owned())
            .stack_size(STACK)
            .spawn(move || waiting.into_iter().for_each(|job| job()))
            .map_err(|error| super::not_started(&error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Does something on the thread, and waits for it.
    ///
    /// # Errors
    ///
    /// Kind `Internal`, when it panicked; the thread goes on.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (done, wait) = channel();
        let job: Job = Box::new(move || {
            // Who waits for it is gone only when the program ends.
            let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        match wait.recv() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(super::defect(&*panic)),
            Err(_) => Err(
                Failure::new(FailureKind::Internal, "the thread for scripts has ended")
                    .with_detail(if sent { "while it worked" } else { "before" }),
            ),
        }
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Panics are caught in the jobs.
            let _ = thread.join();
        }
    }
}

/// The text of a panic.
pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_reported_and_the_thread_goes_on() {
        let thread = EngineThread::start().unwrap();
        let defect = thread.run(|| panic!("no such luck")).unwrap_err();
        let expected = (FailureKind::Internal, Some("no such luck".to_owned()));
        assert_eq!((defect.kind, defect.detail), expected);
        assert_eq!(thread.run(|| 42).unwrap(), 42);
    }
}
