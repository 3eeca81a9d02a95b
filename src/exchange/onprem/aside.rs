//! [`Aside`]: a second connection for what need not be waited for, which is that an ended pipeline may be forgotten.
//!
//! HTTP/1.1 has one request at a time on a connection. On the first one the next cmdlet would wait for an answer that
//! nobody reads; here it does not.

use super::connection::{Cookies, Limits};
use super::line::Line;
use crate::remoting::wsman::{Request, Session};
use hyper::body::Bytes;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// What is said, with what a request carries along.
pub(super) struct Notice {
    pub(super) session: Session,
    pub(super) request: Request,
    pub(super) cookies: Cookies,
}

/// The queue, and the task that empties it.
pub(super) struct Aside {
    queue: UnboundedSender<Notice>,
    task: JoinHandle<()>,
}

impl Aside {
    /// Starts with a line of its own; the first notice connects it.
    pub(super) fn start(line: Line, limits: Limits) -> Self {
        let (queue, notices) = unbounded_channel();
        let task = tokio::spawn(say_all(line, limits, notices));
        Self { queue, task }
    }

    /// Queues a notice. One that cannot be said is lost: the server finds out when the session is closed.
    pub(super) fn say(&self, notice: Notice) {
        if self.queue.send(notice).is_err() {
            tracing::debug!("an ended pipeline could not be released");
        }
    }

    /// Waits until everything is said, but not for ever.
    pub(super) async fn finish(self, patience: Duration) {
        drop(self.queue);
        let stop = self.task.abort_handle();
        if timeout(patience, self.task).await.is_err() {
            stop.abort();
        }
    }
}

async fn say_all(mut line: Line, limits: Limits, mut notices: UnboundedReceiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        let Notice {
            session,
            request,
            mut cookies,
        } = notice;
        for _ in 0..2 {
            // The server may have seen it the first time, and no two messages have the same identifier.
            let envelope = Bytes::from(session.envelope(&request, Uuid::new_v4()));
            match line.post(&mut cookies, &envelope, limits).await {
                // A server that has forgotten the command already has nothing to be told.
                Ok(_) => break,
                Err(unanswered) => {
                    tracing::debug!(problem = %unanswered.problem, "an ended pipeline could not be released");
                }
            }
        }
    }
}
