//! The on-premises road: cmdlets through PowerShell remoting, over one connection to Exchange's `/PowerShell/`.
//!
//! [`OnPremises`] keeps one connection and one runspace pool for the whole run, opened when the first cmdlet needs them
//! and deleted by [`Road::close`], because an account may have 18 in all. What is said is the business of
//! [`remoting`](crate::remoting); here it is carried, waited for, counted and translated.
//!
//! The same road leads to Windows' own PowerShell endpoint, `/wsman`, see [`OnPremises::windows`]: what Exchange's endpoint
//! cannot tell is asked there, by the [fixed scripts](crate::remoting::scripts) and by nothing else.

mod aside;
mod connection;
#[cfg(feature = "sspi")]
mod context;
#[cfg(feature = "sspi")]
mod kdc;
mod kerberos;
#[cfg(feature = "sspi")]
pub mod locate;
#[cfg(feature = "native-tls")]
mod native_tls;
#[cfg(not(feature = "sspi"))]
mod no_context;
mod problem;
mod security;
mod shell;
#[cfg(feature = "single-sign-on")]
mod ticket;
#[cfg(not(feature = "native-tls"))]
mod tls;
mod value;

#[cfg(feature = "native-tls")]
use self::native_tls as tls;
#[cfg(not(feature = "sspi"))]
use self::no_context as context;

use self::aside::{Aside, Notice};
use self::connection::{Connection, Cookies, Endpoint, Limits, Reply};
use self::problem::{Problem, Service};
use self::security::Security;
use self::shell::Shell;
use super::{
    Answer, Error, ErrorKind, ErrorRecord, Invocation, Journey, Remark, RemarkListener, Road,
    ScriptCall,
};
use crate::failure::Failure;
use crate::http;
use crate::organization::OnPremisesExchange;
use crate::remoting::psrp::Command;
use crate::remoting::wsman;
use crate::secret::Secret;
use crate::subject::Plane;
use crate::value::Object;
use hyper::StatusCode;
use hyper::body::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use uuid::Uuid;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// For the connection and for the TLS handshake, each.
    pub connect: Duration,
    /// How long the server may keep a request before it says that nothing happened; it is asked again then.
    pub operation: Duration,
    /// How much longer than that an answer may take: the way there and back, and a busy server.
    pub grace: Duration,
    /// For one cmdlet in all.
    pub cmdlet: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            // Short enough that proxies and load balancers do not take the connection for idle.
            operation: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            // The slowest one here, a test that calls another organization, takes two.
            cmdlet: Duration::from_secs(15 * 60),
        }
    }
}

/// The road to the Exchange servers of the organization itself.
pub struct OnPremises {
    service: Service,
    exchange: OnPremisesExchange,
    password: Option<Secret>,
    tls: tls::Settings,
    place: Arc<Place>,
    times: Times,
    listener: Option<RemarkListener>,
    one_at_a_time: bool,
    requests: Arc<AtomicU64>,
    state: Mutex<State>,
}

/// Where it leads, and how requests there prove who sends them.
struct Place {
    endpoint: Endpoint,
    security: Security,
}

/// What is held of the server, and by it.
#[derive(Default)]
struct State {
    /// Where the server has sent on to.
    moved: Option<Arc<Place>>,
    connection: Option<Connection>,
    cookies: Cookies,
    shell: Option<Shell>,
    aside: Option<Aside>,
}

/// A cmdlet that did not end well.
enum Trouble {
    /// The cmdlet itself failed.
    Record(ErrorRecord),
    /// It was not run.
    Problem(Problem),
    /// The server was given it, and nobody knows how it ended.
    Unsettled(Problem),
    /// The server does not know the runspace pool any more, so the cmdlet was not run.
    Forgotten(Problem),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Place {
    fn new(
        endpoint: Endpoint,
        exchange: &OnPremisesExchange,
        password: Option<&Secret>,
    ) -> Result<Self, Problem> {
        let security = Security::new(exchange, password, endpoint.host(), endpoint.is_tls())?;
        Ok(Self { endpoint, security })
    }
}

impl OnPremises {
    /// Prepares the road; nothing is sent before the first cmdlet. Without a password it is the Kerberos ticket that signs
    /// in, which this computer holds already.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the address, the authentication or the certificate authorities cannot be used.
    pub fn new<'secret>(
        exchange: &OnPremisesExchange,
        password: impl Into<Option<&'secret Secret>>,
        times: Times,
    ) -> Result<Self, Failure> {
        Self::to(Service::Exchange, exchange, password.into(), times)
    }

    /// Prepares the road to Windows' own PowerShell endpoint on a server; nothing is sent before the first script.
    ///
    /// # Errors
    ///
    /// As [`OnPremises::new`].
    pub fn windows<'secret>(
        server: &str,
        exchange: &OnPremisesExchange,
        password: impl Into<Option<&'secret Secret>>,
        times: Times,
    ) -> Result<Self, Failure> {
        let windows = OnPremisesExchange {
            url: exchange.winrm_url(server),
            ..exchange.clone()
        };
        Self::to(Service::Windows, &windows, password.into(), times)
    }

    fn to(
        service: Service,
        exchange: &OnPremisesExchange,
        password: Option<&Secret>,
        times: Times,
    ) -> Result<Self, Failure> {
        let tls = tls::Settings::new(exchange.ca.as_deref())?;
        let refuse = |problem: Problem| problem.into_failure(service, &exchange.url);
        let endpoint = Endpoint::new(&exchange.url, &tls).map_err(refuse)?;
        let place = Place::new(endpoint, exchange, password).map_err(refuse)?;
        Ok(Self {
            service,
            exchange: exchange.clone(),
            password: password.cloned(),
            tls,
            place: Arc::new(place),
            times,
            listener: None,
            one_at_a_time: false,
            requests: Arc::default(),
            state: Mutex::new(State::default()),
        })
    }

    /// Has somebody else say when the time of an answer is over.
    #[must_use]
    pub fn expiring_by(mut self, expire: http::Sleep) -> Self {
        if let Some(place) = Arc::get_mut(&mut self.place) {
            place.endpoint.expire = expire;
        }
        self
    }

    /// Sends a request only when the one before is answered, also where nobody waits for the answer.
    #[must_use]
    pub fn one_at_a_time(mut self, wanted: bool) -> Self {
        self.one_at_a_time = wanted;
        self
    }

    /// Lets somebody hear what cmdlets say while they run.
    #[must_use]
    pub fn heard_by(mut self, listener: RemarkListener) -> Self {
        self.listener = Some(listener);
        self
    }

    fn tell(&self, cmdlet: &str, remark: &Remark) {
        tracing::debug!(cmdlet, ?remark, "remark");
        if let Some(listener) = &self.listener {
            listener(cmdlet, remark);
        }
    }

    fn place(&self, state: &State) -> Arc<Place> {
        Arc::clone(state.moved.as_ref().unwrap_or(&self.place))
    }

    /// Runs one of the fixed scripts and waits for its end; only on a road to [Windows' endpoint](Self::windows).
    ///
    /// # Errors
    ///
    /// [`Error`] when the script could not be run, or failed.
    pub async fn run_script(&self, call: &ScriptCall) -> Result<Answer, Error> {
        let mut command = Command::new(call.script.text());
        command.is_script = true;
        let command = with_parameters(command, &call.parameters);
        // All of them only read.
        self.carry(call.script.name(), &call.parameters, command, true)
            .await
    }

    /// Runs a command, and tells the log about it.
    async fn carry(
        &self,
        name: &str,
        parameters: &Object,
        command: Result<Command, Problem>,
        repeatable: bool,
    ) -> Result<Answer, Error> {
        let started = tokio::time::Instant::now();
        let running = async { self.run(name, &command?, repeatable).await };
        let answer = running.await.map_err(|trouble| self.failed(name, trouble));
        // The names only: any cmdlet can be run by its name, and a value may be a password.
        let parameters: Vec<&str> = parameters.keys().map(String::as_str).collect();
        tracing::debug!(
            cmdlet = name,
            parameters = parameters.join(" "),
            objects = answer.as_ref().ok().map(|answer| answer.output.len()),
            milliseconds = started.elapsed().as_millis(),
            error = answer.as_ref().err().map(tracing::field::display),
            "cmdlet"
        );
        answer
    }

    async fn run(
        &self,
        name: &str,
        command: &Command,
        repeatable: bool,
    ) -> Result<Answer, Trouble> {
        let mut state = self.state.lock().await;
        let first = self.attempt(&mut state, name, command).await;
        let again = match &first {
            Err(Trouble::Forgotten(_)) => true,
            Err(Trouble::Problem(problem) | Trouble::Unsettled(problem)) => {
                repeatable && problem.is_broken_connection()
            }
            _ => false,
        };
        if !again {
            return first;
        }
        tracing::info!(
            cmdlet = name,
            "the session was lost; running the cmdlet in a new one"
        );
        self.discard_shell(&mut state).await;
        self.attempt(&mut state, name, command).await
    }

    async fn attempt(
        &self,
        state: &mut State,
        name: &str,
        command: &Command,
    ) -> Result<Answer, Trouble> {
        if state.shell.as_ref().is_some_and(Shell::is_unusable) {
            self.discard_shell(state).await;
        }
        if state.shell.is_none() {
            self.open_somewhere(state).await?;
        }
        self.run_pipeline(state, name, command).await
    }

    /// Opens a runspace pool, where the server sends to if that is allowed.
    async fn open_somewhere(&self, state: &mut State) -> Result<(), Problem> {
        for _ in 0..MOST_REDIRECTS {
            match self.open_shell(state).await {
                Err(Problem::Redirected { status, location }) => {
                    let hosts = &self.exchange.redirect_hosts;
                    let here = self.place(state);
                    let Some(moved) = here.endpoint.moved(&location, hosts, &self.tls) else {
                        return Err(Problem::Redirected { status, location });
                    };
                    tracing::info!(%location, "the server sends on");
                    let exchange = OnPremisesExchange {
                        url: location,
                        ..self.exchange.clone()
                    };
                    let place = Place::new(moved, &exchange, self.password.as_ref())?;
                    *state = State {
                        moved: Some(Arc::new(place)),
                        ..State::default()
                    };
                }
                opened => return opened,
            }
        }
        self.open_shell(state).await
    }

    /// Sends a request of the shell, over a new connection where the old one was closed in between.
    async fn ask(
        &self,
        state: &mut State,
        session: &wsman::Session,
        request: &wsman::Request,
    ) -> Result<wsman::Response, Problem> {
        let message_id = Uuid::new_v4();
        let envelope = Bytes::from(session.envelope(request, message_id));
        let limits = self.limits(session);
        let place = self.place(state);
        let mut reused = true;
        loop {
            // It is put back when the answer is here: a request that was given up leaves the connection useless.
            let mut connection = match state.connection.take().filter(|old| !old.is_closed()) {
                Some(connection) => connection,
                None => {
                    reused = false;
                    self.connect(&place, &mut state.cookies, limits).await?
                }
            };
            self.requests.fetch_add(1, Ordering::Relaxed);
            let sending = connection.post(
                &place.endpoint,
                &place.security,
                &mut state.cookies,
                &envelope,
                limits,
            );
            match sending.await {
                // The server has forgotten who this connection belongs to, and did nothing.
                Ok(reply) if connection.is_forgotten(&reply) => {
                    if !reused {
                        return Err(Problem::Forgotten);
                    }
                }
                Ok(reply) => {
                    state.connection = Some(connection);
                    return understand(&reply, message_id);
                }
                Err(unanswered) if reused && !unanswered.sent => {}
                Err(unanswered) => return Err(unanswered.problem),
            }
        }
    }

    fn limits(&self, session: &wsman::Session) -> Limits {
        Limits {
            connect: self.times.connect,
            read: self.times.operation + self.times.grace,
            body: session.answer_limit(),
        }
    }

    /// Sends a request of the shell over a connection of its own, without waiting for the answer.
    fn mention(&self, state: &mut State, session: wsman::Session, request: wsman::Request) {
        let (place, limits) = (self.place(state), self.limits(&session));
        let notice = Notice {
            session,
            request,
            cookies: state.cookies.clone(),
        };
        let aside = state
            .aside
            .get_or_insert_with(|| Aside::start(place, limits, Arc::clone(&self.requests)));
        aside.say(notice);
    }

    /// Opens a connection and signs in on it. One that breaks meanwhile is tried again, since nothing was asked yet.
    async fn connect(
        &self,
        place: &Place,
        cookies: &mut Cookies,
        limits: Limits,
    ) -> Result<Connection, Problem> {
        let Place { endpoint, security } = place;
        match Connection::open(endpoint, security, cookies, limits, &self.requests).await {
            Err(problem) if problem.is_broken_connection() => {
                tracing::debug!(%problem, "signing in again");
                Connection::open(endpoint, security, cookies, limits, &self.requests).await
            }
            opened => opened,
        }
    }

    fn failed(&self, cmdlet: &str, trouble: Trouble) -> Error {
        let kind = match trouble {
            Trouble::Record(record) => ErrorKind::Record(record),
            Trouble::Problem(problem) | Trouble::Forgotten(problem) => {
                ErrorKind::Road(problem.into_failure(self.service, &self.exchange.url))
            }
            Trouble::Unsettled(problem) => ErrorKind::Road(Failure {
                ambiguous: true,
                ..problem.into_failure(self.service, &self.exchange.url)
            }),
        };
        Error {
            plane: Plane::OnPremises,
            cmdlet: cmdlet.to_owned(),
            kind,
        }
    }
}

impl Road for OnPremises {
    fn invoke<'road>(&'road self, invocation: &'road Invocation) -> Journey<'road, Answer> {
        let Invocation { cmdlet, parameters } = invocation;
        let command = with_parameters(Command::new(cmdlet.as_str()), parameters);
        Box::pin(self.carry(cmdlet, parameters, command, reads(invocation)))
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn close(&self) -> Journey<'_, ()> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            let closed = self.close_shell(&mut state).await;
            state.connection = None;
            closed.map_err(|problem| self.failed(CLOSING, problem.into()))
        })
    }
}

/// How often a server may send on.
const MOST_REDIRECTS: usize = 3;

/// What PowerShell calls the end of a session; it stands in errors where a cmdlet stands.
const CLOSING: &str = "Remove-PSSession";

/// Reads can be run twice without harm.
fn reads(invocation: &Invocation) -> bool {
    invocation
        .cmdlet
        .get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case("Get-"))
}

fn with_parameters(mut command: Command, parameters: &Object) -> Result<Command, Problem> {
    for (name, given) in parameters {
        let typed = value::typed(name, given).map_err(Problem::Value)?;
        command = command.parameter(name.as_str(), typed);
    }
    Ok(command)
}

/// What an HTTP answer says: SOAP whatever its status, or else what the web server means by it.
fn understand(reply: &Reply, message_id: Uuid) -> Result<wsman::Response, Problem> {
    let content_type = reply.content_type.to_ascii_lowercase();
    if content_type.starts_with("application/soap+xml") && !reply.body.is_empty() {
        return wsman::read_response(&reply.body, message_id).map_err(Problem::Envelope);
    }
    if reply.status == StatusCode::OK && !reply.body.is_empty() {
        return Err(Problem::NotSoap {
            content_type: reply.content_type.clone(),
            html: content_type.starts_with("text/html"),
        });
    }
    Err(reply.refusal())
}
