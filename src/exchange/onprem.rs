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
mod line;
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
use self::connection::{Cookies, Endpoint, Limits, Reply, Unanswered};
use self::line::{Line, Place};
use self::problem::{Problem, Service};
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
    times: Times,
    listener: Option<RemarkListener>,
    one_at_a_time: bool,
    requests: Arc<AtomicU64>,
    state: Mutex<State>,
}

/// What is held of the server, and by it.
struct State {
    /// To where the server has sent on, if it has.
    line: Line,
    cookies: Cookies,
    shell: Option<Shell>,
    aside: Option<Aside>,
}

impl State {
    fn at(line: Line) -> Self {
        Self {
            line,
            cookies: Cookies::default(),
            shell: None,
            aside: None,
        }
    }
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
        let line = Line::new(place);
        Ok(Self {
            service,
            exchange: exchange.clone(),
            password: password.cloned(),
            tls,
            times,
            listener: None,
            one_at_a_time: false,
            requests: line.counter(),
            state: Mutex::new(State::at(line)),
        })
    }

    /// Has somebody else say when the time of an answer is over.
    #[must_use]
    pub fn expiring_by(mut self, expire: http::Sleep) -> Self {
        self.state.get_mut().line.expire = expire;
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
            Err(Trouble::Problem(problem)) => problem.is_broken_connection(),
            Err(Trouble::Unsettled(problem)) => repeatable && problem.is_broken_connection(),
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
                    let here = state.line.endpoint();
                    let Some(moved) = here.moved(&location, hosts, &self.tls) else {
                        return Err(Problem::Redirected { status, location });
                    };
                    tracing::info!(%location, "the server sends on");
                    let exchange = OnPremisesExchange {
                        url: location,
                        ..self.exchange.clone()
                    };
                    let place = Place::new(moved, &exchange, self.password.as_ref())?;
                    *state = State::at(state.line.to(place));
                }
                opened => return opened,
            }
        }
        self.open_shell(state).await
    }

    /// Sends a request of the shell, and reads the answer.
    async fn ask(
        &self,
        state: &mut State,
        session: &wsman::Session,
        request: &wsman::Request,
    ) -> Result<wsman::Response, Unanswered> {
        let message_id = Uuid::new_v4();
        let envelope = Bytes::from(session.envelope(request, message_id));
        let State { line, cookies, .. } = state;
        let reply = line.post(cookies, &envelope, self.limits(session)).await?;
        understand(&reply, message_id)
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
        let limits = self.limits(&session);
        let State {
            line,
            cookies,
            aside,
            ..
        } = state;
        let aside = aside.get_or_insert_with(|| Aside::start(line.beside(), limits));
        aside.say(Notice {
            session,
            request,
            cookies: cookies.clone(),
        });
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
            state.line.hang_up();
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
fn understand(reply: &Reply, message_id: Uuid) -> Result<wsman::Response, Unanswered> {
    if reply.is_soap() {
        let response = wsman::read_response(&reply.body, message_id);
        return response.map_err(|error| Unanswered::sent(Problem::Envelope(error)));
    }
    if reply.status == StatusCode::OK && !reply.body.is_empty() {
        return Err(Unanswered::sent(Problem::NotSoap {
            content_type: reply.content_type.clone(),
            html: reply.is_html(),
        }));
    }
    Err(Unanswered {
        problem: reply.refusal(),
        // A refusal of the web server itself comes before PowerShell sees anything; a fault of its own says nothing.
        may_have_arrived: reply.status.is_server_error() || reply.status.is_success(),
    })
}
