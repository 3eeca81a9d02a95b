//! [`Aside`]: a second connection for what need not be waited for, which is that an ended pipeline may be forgotten.
//!
//! HTTP/1.1 has one request at a time on a connection. On the first one the next cmdlet would wait for an answer that
//! nobody reads; here it does not.

use super::Place;
use super::connection::{Connection, Cookies, Limits};
use crate::remoting::wsman::{Request, Session};
use hyper::body::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Starts without a connection; the first notice opens it.
    pub(super) fn start(place: Arc<Place>, limits: Limits, requests: Arc<AtomicU64>) -> Self {
        let (queue, notices) = unbounded_channel();
        let task = tokio::spawn(say_all(place, limits, requests, notices));
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

async fn say_all(
    place: Arc<Place>,
    limits: Limits,
    requests: Arc<AtomicU64>,
    mut notices: UnboundedReceiver<Notice>,
) {
    let Place { endpoint, security } = place.as_ref();
    let mut kept: Option<Connection> = None;
    while let Some(Notice {
        session,
        request,
        mut cookies,
    }) = notices.recv().await
    {
        // Once more where the connection was closed in between, or forgotten.
        for _ in 0..2 {
            let open = match kept.take().filter(|connection| !connection.is_closed()) {
                Some(connection) => Ok(connection),
                None => Connection::open(endpoint, security, &mut cookies, limits, &requests).await,
            };
            let mut connection = match open {
                Ok(connection) => connection,
                Err(problem) => {
                    tracing::debug!(%problem, "an ended pipeline could not be released");
                    continue;
                }
            };
            requests.fetch_add(1, Ordering::Relaxed);
            // The server may have seen it the first time, and no two messages have the same identifier.
            let envelope = Bytes::from(session.envelope(&request, Uuid::new_v4()));
            let sending = connection.post(endpoint, security, &mut cookies, &envelope, limits);
            match sending.await {
                Ok(reply) if connection.is_forgotten(&reply) => {}
                // A server that has forgotten the command already has nothing to be told.
                Ok(_) => {
                    kept = Some(connection);
                    break;
                }
                Err(unanswered) => {
                    tracing::debug!(problem = %unanswered.problem, "an ended pipeline could not be released");
                }
            }
        }
    }
}
