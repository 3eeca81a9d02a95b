//! [`Line`]: the way to one [`Place`], over a connection that is made again where it has ended.

use super::connection::{Connection, Cookies, Endpoint, Limits, Reply, Unanswered};
use super::problem::Problem;
use super::security::Security;
use crate::http::{Sleep, real_time};
use crate::organization::OnPremisesExchange;
use crate::secret::Secret;
use hyper::body::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where it leads, and how requests there prove who sends them.
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    pub(super) security: Security,
}

impl Place {
    pub(super) fn new(
        endpoint: Endpoint,
        exchange: &OnPremisesExchange,
        password: Option<&Secret>,
    ) -> Result<Self, Problem> {
        let security = Security::new(exchange, password, endpoint.host(), endpoint.is_tls())?;
        Ok(Self { endpoint, security })
    }
}

/// At most one connection to a place, and what it takes to make one.
pub(super) struct Line {
    place: Arc<Place>,
    connection: Option<Connection>,
    /// Says when the time of an answer is over.
    pub(super) expire: Sleep,
    /// How many requests were sent, on this line and on those that came of it.
    requests: Arc<AtomicU64>,
}

impl Line {
    /// A line that is not connected yet.
    pub(super) fn new(place: Place) -> Self {
        Self {
            place: Arc::new(place),
            connection: None,
            expire: real_time(),
            requests: Arc::default(),
        }
    }

    /// A second line to the same place.
    pub(super) fn beside(&self) -> Self {
        Self {
            place: Arc::clone(&self.place),
            connection: None,
            expire: Arc::clone(&self.expire),
            requests: Arc::clone(&self.requests),
        }
    }

    /// A line to another place.
    pub(super) fn to(&self, place: Place) -> Self {
        Self {
            place: Arc::new(place),
            ..self.beside()
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.place.endpoint
    }

    /// Counts the requests of all lines.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.requests)
    }

    /// Ends the connection.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Sends one envelope and waits for the answer, over a new connection where the old one was closed in between.
    pub(super) async fn post(
        &mut self,
        cookies: &mut Cookies,
        envelope: &Bytes,
        limits: Limits,
    ) -> Result<Reply, Unanswered> {
        let mut reused = true;
        loop {
            // It is put back when the answer is here: a request that was given up leaves the connection useless.
            let mut connection = match self.connection.take().filter(|old| !old.is_closed()) {
                Some(connection) => connection,
                None => {
                    reused = false;
                    let connecting = self.connect(cookies, limits);
                    connecting.await.map_err(Unanswered::unsent)?
                }
            };
            self.requests.fetch_add(1, Ordering::Relaxed);
            match connection
                .post(&self.place, cookies, envelope, limits)
                .await
            {
                // The server has forgotten who this connection belongs to, and did nothing.
                Ok(reply) if connection.is_forgotten(&reply) => {
                    if !reused {
                        return Err(Unanswered::unsent(Problem::Forgotten));
                    }
                }
                Ok(reply) => {
                    self.connection = Some(connection);
                    return Ok(reply);
                }
                Err(unanswered) if reused && !unanswered.may_have_arrived => {}
                Err(unanswered) => return Err(unanswered),
            }
        }
    }

    /// Opens a connection and signs in on it. One that breaks meanwhile is tried again, since nothing was asked yet.
    async fn connect(&self, cookies: &mut Cookies, limits: Limits) -> Result<Connection, Problem> {
        let Self {
            place,
            expire,
            requests,
            ..
        } = self;
        match Connection::open(place, expire, cookies, limits, requests).await {
            Err(problem) if problem.is_broken_connection() => {
                tracing::debug!(%problem, "signing in again");
                Connection::open(place, expire, cookies, limits, requests).await
            }
            opened => opened,
        }
    }
}
