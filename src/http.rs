//! HTTP for the cloud roads: `reqwest` wrapped once, for trust, retry and a trace without secrets.
//!
//! [`Client::send`] sends a [`Request`] and repeats it where that is safe; any answer, also one that refuses, comes back
//! as a [`Response`] for the caller to read. It knows nothing of tokens, Graph or Exchange. A request that writes is
//! repeated only when the service cannot have done it; otherwise [`Error::ambiguous`] says that nobody knows.
//! The on-premises road has connections of its own and shares [`tls`] only.

pub mod tls;

mod error;
mod resolver;
mod response;

pub use error::{Error, ErrorKind};
pub use response::{POLICY, Response, challenge, claims, sentence, wants_claims};

use crate::clock::Clock;
use crate::secret::Secret;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url, redirect};
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a [`Client`] behaves.
#[derive(Clone)]
pub struct Options {
    /// Certificate authorities trusted besides the system's, as PEM.
    pub extra_ca: Option<String>,
    /// What it calls itself.
    pub user_agent: String,
    /// How often a request is sent in all, the first time included.
    pub attempts: u32,
    /// How long the first pause is where the service names none; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause; a service that asks for a longer one is given up.
    pub longest_pause: Duration,
    /// What time it is, for dates in `Retry-After`.
    pub clock: Clock,
    /// Waits; tests hand in one that does not.
    pub sleep: Sleep,
    /// Waits as long as an answer may take, after which the attempt is given up; tests hand in one that ends when they
    /// say so.
    pub expire: Sleep,
    /// Hears of each pause before it begins.
    pub on_pause: Option<PauseListener>,
}

/// Waits for a time.
pub type Sleep = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Waits as long as it is told to.
pub fn real_time() -> Sleep {
    Arc::new(|duration| Box::pin(tokio::time::sleep(duration)))
}

/// Does something, and gives up on it when its time is over; absent then.
pub async fn within<T>(
    expire: &Sleep,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = expire(limit) => None,
    }
}

/// Hears of a pause.
pub type PauseListener = Arc<dyn Fn(&Pause) + Send + Sync>;

/// A pause before a request is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Why, as a clause: `graph.example asked to wait`.
    pub reason: String,
    /// How long.
    pub duration: Duration,
    /// Which attempt comes next, from 2.
    pub attempt: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            extra_ca: None,
            user_agent: concat!("exoauth/", env!("CARGO_PKG_VERSION")).to_owned(),
            attempts: 5,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(120),
            clock: Clock::system(),
            sleep: real_time(),
            expire: real_time(),
            on_pause: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("user_agent", &self.user_agent)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: Url,
    headers: Vec<(&'static str, String)>,
    secret_headers: Vec<(&'static str, Secret)>,
    bearer: Option<Secret>,
    body: Option<Body>,
    repeatable: bool,
    time_limit: Duration,
    transient: Option<fn(&Response) -> bool>,
}

#[derive(Clone)]
enum Body {
    Json(Vec<u8>),
    Form(Vec<(&'static str, Secret)>),
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(bytes) => write!(formatter, "{} bytes of JSON", bytes.len()),
            Self::Form(fields) => write!(formatter, "a form of {} fields", fields.len()),
        }
    }
}

impl Request {
    /// A request that reads; it is repeated after every failure that may pass.
    pub fn read(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            secret_headers: Vec::new(),
            bearer: None,
            body: None,
            repeatable: true,
            time_limit: Duration::from_secs(100),
            transient: None,
        }
    }

    /// A request that writes; it is repeated only when the service cannot have done it.
    pub fn write(method: Method, url: Url) -> Self {
        Self {
            repeatable: false,
            ..Self::read(method, url)
        }
    }

    /// Adds a header without a secret.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a header that is a secret.
    #[must_use]
    pub fn secret_header(mut self, name: &'static str, value: Secret) -> Self {
        self.secret_headers.push((name, value));
        self
    }

    /// Adds the access token.
    #[must_use]
    pub fn bearer(mut self, token: &Secret) -> Self {
        self.bearer = Some(token.clone());
        self
    }

    /// Gives it a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(Body::Json(body.to_string().into_bytes()));
        self
    }

    /// Gives it a form as body.
    #[must_use]
    pub fn form(mut self, fields: Vec<(&'static str, Secret)>) -> Self {
        self.body = Some(Body::Form(fields));
        self
    }

    /// Says how long one attempt may take.
    #[must_use]
    pub fn within(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Names further answers that may pass; without effect on a request that writes.
    #[must_use]
    pub fn transient(mut self, transient: fn(&Response) -> bool) -> Self {
        self.transient = Some(transient);
        self
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// Sends requests. A clone shares connections and counts.
#[derive(Clone)]
pub struct Client {
    outward: reqwest::Client,
    direct: reqwest::Client,
    options: Arc<Options>,
    total: Arc<AtomicU64>,
    own: Arc<AtomicU64>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// When [`Options::extra_ca`] cannot be used.
    pub fn new(options: Options) -> Result<Self, Error> {
        let config = tls::client_config(options.extra_ca.as_deref())?;
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(config.as_ref().clone())
                .user_agent(&options.user_agent)
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .dns_resolver(resolver::Resolver)
                .connect_timeout(Duration::from_secs(15))
        };
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| Error::setup(error.to_string()))
        };
        let total = Arc::new(AtomicU64::new(0));
        Ok(Self {
            outward: build(builder())?,
            direct: build(builder().no_proxy())?,
            options: Arc::new(options),
            own: Arc::clone(&total),
            total,
        })
    }

    /// A client with the same connections that counts its requests for itself, besides the common count.
    #[must_use]
    pub fn with_own_count(&self) -> Self {
        Self {
            own: Arc::new(AtomicU64::new(0)),
            ..self.clone()
        }
    }

    /// How many requests this client sent.
    pub fn requests(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    /// Waits between two questions, where a protocol asks for it.
    pub async fn wait(&self, duration: Duration) {
        (self.options.sleep)(duration).await;
    }

    /// Sends a request, and again where that is safe and may help.
    ///
    /// # Errors
    ///
    /// When no answer came, or none that could be read; an answer that refuses is a [`Response`].
    pub async fn send(&self, request: &Request) -> Result<Response, Error> {
        let mut attempt = 1;
        loop {
            let outcome = self.send_once(request, attempt).await;
            let Some(pause) = self.pause_after(request, &outcome, attempt) else {
                return outcome;
            };
            tracing::warn!(
                reason = pause.reason,
                milliseconds = pause.duration.as_millis(),
                attempt = pause.attempt,
                "waiting"
            );
            if let Some(listener) = &self.options.on_pause {
                listener(&pause);
            }
            (self.options.sleep)(pause.duration).await;
            attempt += 1;
        }
    }

    async fn send_once(&self, request: &Request, attempt: u32) -> Result<Response, Error> {
        self.total.fetch_add(1, Ordering::Relaxed);
        if !Arc::ptr_eq(&self.total, &self.own) {
            self.own.fetch_add(1, Ordering::Relaxed);
        }
        let started = tokio::time::Instant::now();
        let limit = request.time_limit;
        let exchange = async {
            match self.prepare(request).send().await {
                Ok(answer) => Response::read(answer, limit).await,
                Err(error) => Err(Error::from_reqwest(&request.url, &error, limit)),
            }
        };
        let outcome = within(&self.options.expire, limit, exchange)
            .await
            .unwrap_or_else(|| Err(Error::timed_out(&request.url, limit)))
            .map_err(|error| error.of_request(request.repeatable));
        let answer = outcome.as_ref().ok();
        tracing::debug!(
            method = %request.method,
            host = request.url.host_str(),
            path = request.url.path(),
            status = answer.map(Response::status),
            request_id = answer.and_then(Response::request_id),
            milliseconds = started.elapsed().as_millis(),
            attempt,
            error = outcome.as_ref().err().map(tracing::field::display),
            "request"
        );
        outcome
    }

    fn prepare(&self, request: &Request) -> reqwest::RequestBuilder {
        let client = if is_near(&request.url) {
            &self.direct
        } else {
            &self.outward
        };
        let mut builder = client.request(request.method.clone(), request.url.clone());
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        for (name, value) in &request.secret_headers {
            let value = HeaderValue::from_str(value.expose()).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            // One that cannot be a header is left out, and the service refuses the request.
            builder = match value {
                Ok(value) => builder.header(*name, value),
                Err(_) => builder,
            };
        }
        if let Some(token) = &request.bearer {
            builder = builder.bearer_auth(token.expose());
        }
        match &request.body {
            None => builder,
            Some(Body::Json(bytes)) => builder
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(bytes.clone()),
            Some(Body::Form(fields)) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| (name, value.expose()))
                    .collect();
                builder.form(&fields)
            }
        }
    }

    /// Decides whether to send again: only where the service did not do it, or where doing it twice does no harm.
    fn pause_after(
        &self,
        request: &Request,
        outcome: &Result<Response, Error>,
        attempt: u32,
    ) -> Option<Pause> {
        if attempt >= self.options.attempts {
            return None;
        }
        let host = request.url.host_str().unwrap_or_default();
        let growth = 2_u32.saturating_pow(attempt - 1);
        let pause = self.options.first_pause.saturating_mul(growth);
        let (reason, duration) = match outcome {
            Ok(answer) if answer.status() == 429 => (
                format!("{host} asked to slow down"),
                self.asked_pause(answer).unwrap_or(pause),
            ),
            Ok(answer) if request.repeatable && is_transient(request, answer) => (
                format!("{host} is not available ({})", answer.status()),
                self.asked_pause(answer).unwrap_or(pause),
            ),
            Ok(_) => return None,
            // Nothing was sent yet; short pauses, since a wrong address is the usual cause.
            Err(error) if matches!(error.kind, ErrorKind::Connect { .. }) => {
                (error.to_string(), pause / 8)
            }
            Err(error) if request.repeatable && error.may_pass(attempt) => {
                (error.to_string(), pause)
            }
            Err(_) => return None,
        };
        (duration <= self.options.longest_pause).then_some(Pause {
            reason,
            duration,
            attempt: attempt + 1,
        })
    }

    fn asked_pause(&self, answer: &Response) -> Option<Duration> {
        let asked = answer.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = asked.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(asked)
            .ok()?;
        let wait = until.duration_since(self.options.clock.now());
        Some(wait.try_into().unwrap_or_default())
    }
}

/// Reads an absolute address.
///
/// # Errors
///
/// When it is none.
pub fn parse_url(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| {
        let reason = error.to_string();
        Error::new(text, ErrorKind::Address { reason })
    })
}

fn is_transient(request: &Request, answer: &Response) -> bool {
    matches!(answer.status(), 502..=504)
        // One with a reason in it is the service's own, and says so again.
        || (answer.status() == 500 && answer.json().is_err())
        || request.transient.is_some_and(|transient| transient(answer))
}

/// A proxy has no business between this machine and itself, or the metadata service of its own host.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
            IpAddr::V6(address) => address.is_loopback(),
        })
}
