//! Waiting for a task of the runtime from the front door's own thread, without blocking on the runtime itself.

use crate::cli::Env;
use crate::failure::{Failure, FailureKind};
use std::future::Future;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::runtime::Handle;

/// Waits until the work is done, or until Ctrl-C, which ends it.
pub(super) fn wait<T: Send + 'static>(
    env: &Env,
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failure> {
    let (ready, waiting) = mpsc::channel();
    let task = runtime.spawn(async move { ready.send(work.await) });
    loop {
        match waiting.recv_timeout(Duration::from_millis(50)) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) if env.interrupt.raised() => {
                task.abort();
                return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let message = "a task of this program ended early";
                return Err(Failure::new(FailureKind::Internal, message));
            }
        }
    }
}
