//! Exchange's `/PowerShell/` and Windows' own `/wsman` on the on-premises servers: WSMan and PowerShell remoting in front
//! of the world's cmdlets, and of the few scripts that are answered.
//!
//! [`PowerShell::answer`] takes one HTTP request. It behaves as an IIS-hosted endpoint does: Basic over TLS only, sealed
//! bodies over plain HTTP, a cookie that leads back to the back end which has the session, no-language mode, 18 sessions
//! for each account, and requests for data that wait until there is some. It runs one cmdlet at a time in each session,
//! and at once. Windows' endpoint answers the [fixed scripts](crate::remoting::scripts), and refuses every other.

#[cfg(feature = "sspi")]
mod acceptor;
pub(super) mod door;
#[cfg(not(feature = "sspi"))]
mod no_acceptor;
mod shape;

use self::door::{Admission, Door};

use super::certificates;
use super::front::{Reply, Request as HttpRequest};
use super::object;
use super::seed::SERVER;
use super::world::{Answer, Refusal, Shared};
use crate::remoting::clixml;
use crate::remoting::psrp::{
    Command, ErrorCategory, ErrorRecord, Invocation, Server, ServerEvent, ServerOptions,
};
use crate::remoting::scripts::FixedScript;
use crate::remoting::wsman::{
    CONTENT_TYPE, CommandState, Error, Fault, Header, MICROSOFT_EXCHANGE, MICROSOFT_POWERSHELL,
    Request, Response, Shell, Signal, Stream, read_request, response_envelope,
};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// The virtual directory with its sessions.
#[derive(Clone)]
pub struct PowerShell {
    sessions: Arc<Mutex<BTreeMap<String, Session>>>,
    rules: Arc<door::Rules>,
}

/// A session: a shell of WSMan, a runspace pool of PowerShell.
struct Session {
    server: Server,
    endpoint: Endpoint,
    owner: String,
    session_id: Option<String>,
    cookies: BTreeMap<&'static str, String>,
    commands: BTreeSet<Uuid>,
    used: Timestamp,
    changed: Arc<Notify>,
}

/// Which endpoint of which server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Endpoint {
    /// Exchange's.
    Exchange,
    /// Windows' own, on the server of that name.
    Windows(String),
}

impl Endpoint {
    fn resource_uri(&self) -> &'static str {
        match self {
            Self::Exchange => MICROSOFT_EXCHANGE,
            Self::Windows(_) => MICROSOFT_POWERSHELL,
        }
    }

    /// How many sessions one account may have there.
    fn max_sessions(&self) -> usize {
        match self {
            Self::Exchange => MAX_SESSIONS,
            Self::Windows(_) => MAX_SHELLS_PER_USER,
        }
    }
}

/// Who asks, and with what.
struct Visit<'request> {
    endpoint: Endpoint,
    account: String,
    cookies: BTreeMap<String, String>,
    header: &'request Header,
}

impl PowerShell {
    /// Says whether a path leads here; the case does not matter.
    pub fn owns(path: &str) -> bool {
        let path = path.trim_end_matches('/');
        [POWERSHELL, WSMAN]
            .iter()
            .any(|own| path.eq_ignore_ascii_case(own))
    }

    pub(super) fn new(rules: door::Rules) -> Self {
        Self {
            sessions: Arc::default(),
            rules: Arc::new(rules),
        }
    }

    /// The door of a new connection.
    pub(super) fn door(&self, tls: bool) -> Door {
        Door::new(Arc::clone(&self.rules), tls)
    }

    /// Answers one request of a connection, and waits where the protocol says so.
    pub(super) async fn answer(&self, request: &HttpRequest, world: &Shared, door: &Door) -> Reply {
        let Some(endpoint) = endpoint(request, world) else {
            return Reply::not_found();
        };
        let is_windows = endpoint != Endpoint::Exchange;
        let reply = match door.admit(request, world) {
            Err(refusal) => refusal,
            Ok(admission) => {
                let reply = if request.method != "POST" {
                    Reply::empty(405).header("allow", "POST")
                } else if admission.body.is_empty() {
                    // How a client begins that signs in before it says anything.
                    Reply::empty(200)
                } else {
                    self.answer_envelope(request, endpoint, &admission, world, door.is_tls())
                        .await
                };
                door.dress(reply, &admission)
            }
        };
        if is_windows {
            return reply.header("server", "Microsoft-HTTPAPI/2.0");
        }
        reply
            .header("server", "Microsoft-IIS/10.0")
            .header("x-powered-by", "ASP.NET")
            .header("x-feserver", SERVER)
            .header("request-id", Uuid::new_v4().to_string())
    }

    /// Forgets all sessions, as when the application pool is recycled.
    pub fn recycle(&self) {
        self.with(|sessions| {
            for session in std::mem::take(sessions).into_values() {
                session.changed.notify_waiters();
            }
        });
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.with(|sessions| sessions.len())
    }

    async fn answer_envelope(
        &self,
        http: &HttpRequest,
        endpoint: Endpoint,
        admission: &Admission,
        world: &Shared,
        is_tls: bool,
    ) -> Reply {
        let (header, request) = match read_request(&admission.body) {
            Ok(read) => read,
            Err(error) => return soap(&Response::Fault(schema_fault(&error)), ""),
        };
        let visit = Visit {
            endpoint,
            account: admission.account.clone(),
            cookies: cookies(http),
            header: &header,
        };
        let mut made = Vec::new();
        let response = match request {
            Request::Create { shell_id, creation } => {
                self.create(&visit, shell_id, &creation, world, &mut made)
            }
            Request::Receive {
                shell_id,
                command_id,
            } => self.receive(&visit, &shell_id, command_id, world).await,
            other => self.change(&visit, other, world),
        };
        let response = response.unwrap_or_else(Response::Fault);
        made.into_iter().fold(
            soap(&response, &header.message_id),
            |reply, (name, value)| reply.header("set-cookie", set_cookie(name, &value, is_tls)),
        )
    }

    fn create(
        &self,
        visit: &Visit<'_>,
        shell_id: Uuid,
        creation: &[u8],
        world: &Shared,
        made: &mut Vec<(&'static str, String)>,
    ) -> Result<Response, Fault> {
        let uri = &visit.header.resource_uri;
        let own = visit.endpoint.resource_uri();
        if !uri.eq_ignore_ascii_case(own) {
            return Err(Fault::resource_unknown(uri));
        }
        let now = world.with(|world| world.now());
        let mut server = Server::new(ServerOptions::default());
        server
            .receive(None, creation)
            .map_err(|error| Fault::invalid(&error.to_string()))?;
        while server.next_event().is_some() {}
        let name = shell_id.hyphenated().to_string().to_uppercase();
        self.with(|sessions| {
            sessions.retain(|_, session| now.duration_since(session.used) < IDLE);
            // Each endpoint of each server counts by itself.
            let mine = sessions
                .values()
                .filter(|session| session.owner == visit.account)
                .filter(|session| session.endpoint == visit.endpoint)
                .count();
            let most = visit.endpoint.max_sessions();
            if mine >= most {
                return Err(Fault::too_many_shells(most));
            }
            let cookies = match visit.endpoint {
                Endpoint::Exchange => BTreeMap::from([
                    (AFFINITY, Uuid::new_v4().simple().to_string()),
                    (
                        BACK_END,
                        format!("{BACK_END_SID}={}", Uuid::new_v4().simple()),
                    ),
                ]),
                Endpoint::Windows(_) => BTreeMap::new(),
            };
            made.extend(cookies.iter().map(|(name, value)| (*name, value.clone())));
            let session = Session {
                server,
                endpoint: visit.endpoint.clone(),
                owner: visit.account.clone(),
                session_id: visit.header.session_id.clone(),
                cookies,
                commands: BTreeSet::new(),
                used: now,
                changed: Arc::default(),
            };
            sessions.insert(name.clone(), session);
            Ok(Response::Created(Shell {
                shell_id: name,
                resource_uri: own.to_owned(),
                owner: visit.account.clone(),
                idle_timeout: Some(IDLE.unsigned_abs()),
            }))
        })
    }

    /// Requests that are answered at once.
    fn change(
        &self,
        visit: &Visit<'_>,
        request: Request,
        world: &Shared,
    ) -> Result<Response, Fault> {
        let shell_id = request.shell_id().unwrap_or_default().to_uppercase();
        if let Request::Delete { .. } = request {
            self.look(visit, &shell_id, world, |_| Ok(()))?;
            if let Some(session) = self.with(|sessions| sessions.remove(&shell_id)) {
                session.changed.notify_waiters();
            }
            return Ok(Response::Deleted);
        }
        self.look(visit, &shell_id, world, |session| {
            let response = session.take(request, world);
            session.changed.notify_waiters();
            response
        })
    }

    async fn receive(
        &self,
        visit: &Visit<'_>,
        shell_id: &str,
        command_id: Option<Uuid>,
        world: &Shared,
    ) -> Result<Response, Fault> {
        let shell_id = shell_id.to_uppercase();
        let patience = visit.header.operation_timeout.unwrap_or(OPERATION_TIMEOUT);
        let deadline = Instant::now() + patience.min(OPERATION_TIMEOUT);
        let changed = self.look(visit, &shell_id, world, |session| {
            Ok(Arc::clone(&session.changed))
        })?;
        loop {
            let mut change = pin!(changed.notified());
            // From here on no change is missed.
            change.as_mut().enable();
            let size = visit.header.max_envelope_size;
            let ready = self.look(visit, &shell_id, world, |session| {
                session.give(command_id, size)
            })?;
            if let Some(response) = ready {
                return Ok(response);
            }
            if timeout_at(deadline, change).await.is_err() {
                return Err(Fault::timed_out());
            }
            if self.with(|sessions| !sessions.contains_key(&shell_id)) {
                return Err(Fault::aborted());
            }
        }
    }

    /// Looks at the session that is meant.
    fn look<T>(
        &self,
        visit: &Visit<'_>,
        shell_id: &str,
        world: &Shared,
        look: impl FnOnce(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let now = world.with(|world| world.now());
        self.with(|sessions| look(find(sessions, visit, shell_id, now)?))
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Session>) -> T) -> T {
        look(&mut self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The session that is meant, if it is the visitor's and the cookies lead to it.
fn find<'sessions>(
    sessions: &'sessions mut BTreeMap<String, Session>,
    visit: &Visit<'_>,
    shell_id: &str,
    now: Timestamp,
) -> Result<&'sessions mut Session, Fault> {
    let session = sessions
        .get_mut(shell_id)
        .filter(|session| now.duration_since(session.used) < IDLE)
        .filter(|session| session.owner == visit.account)
        .filter(|session| {
            let sent = |name: &str| visit.cookies.get(name);
            session
                .cookies
                .iter()
                .all(|(name, value)| sent(name) == Some(value))
        })
        .filter(|session| session.session_id == visit.header.session_id)
        .filter(|session| {
            let uri = &visit.header.resource_uri;
            session.endpoint == visit.endpoint
                && uri.eq_ignore_ascii_case(session.endpoint.resource_uri())
        })
        .ok_or_else(Fault::shell_unknown)?;
    session.used = now;
    Ok(session)
}

impl Session {
    fn take(&mut self, request: Request, world: &Shared) -> Result<Response, Fault> {
        match request {
            Request::Command {
                command_id,
                arguments,
                ..
            } => {
                if !self.commands.insert(command_id) {
                    return Err(Fault::invalid("The command identifier is in use."));
                }
                self.feed(Some(command_id), &arguments, world)?;
                Ok(Response::Started { command_id })
            }
            Request::Send {
                command_id, data, ..
            } => {
                self.know(command_id)?;
                self.feed(command_id, &data, world)?;
                Ok(Response::Sent)
            }
            Request::Signal {
                command_id, signal, ..
            } => {
                self.know(Some(command_id))?;
                self.signal(command_id, &signal)?;
                Ok(Response::Signaled)
            }
            Request::Create { .. } | Request::Receive { .. } | Request::Delete { .. } => {
                Err(Fault::invalid("The request is not about a session."))
            }
        }
    }

    fn know(&self, command_id: Option<Uuid>) -> Result<(), Fault> {
        match command_id {
            Some(command_id) if !self.commands.contains(&command_id) => {
                Err(Fault::command_unknown())
            }
            _ => Ok(()),
        }
    }

    fn feed(&mut self, command_id: Option<Uuid>, data: &[u8], world: &Shared) -> Result<(), Fault> {
        let broken = |error: crate::remoting::psrp::Error| Fault::invalid(&error.to_string());
        self.server.receive(command_id, data).map_err(broken)?;
        while let Some(event) = self.server.next_event() {
            if let ServerEvent::Invoke {
                pipeline,
                invocation,
            } = event
            {
                self.run(pipeline, &invocation, world).map_err(broken)?;
            }
        }
        Ok(())
    }

    fn run(
        &mut self,
        pipeline: Uuid,
        invocation: &Invocation,
        world: &Shared,
    ) -> Result<(), crate::remoting::psrp::Error> {
        if let Endpoint::Windows(server) = &self.endpoint {
            return match script(invocation, server, world) {
                Ok(output) => {
                    if let Some(object) = output {
                        self.server.output(pipeline, &object)?;
                    }
                    self.server.finish(pipeline)
                }
                Err(record) => self.server.fail(pipeline, &record),
            };
        }
        let (command, parameters) = match command(invocation) {
            Ok(bound) => bound,
            Err(record) => return self.server.fail(pipeline, &record),
        };
        let outcome =
            world.with(|world| world.invoke(Plane::OnPremises, &command.name, &parameters));
        match outcome {
            Ok(Answer { output, warnings }) => {
                for warning in warnings {
                    self.server.warning(pipeline, warning)?;
                }
                for object in &output {
                    let shaped = shape::object(&command.name, object);
                    self.server.output(pipeline, &shaped)?;
                }
                self.server.finish(pipeline)
            }
            Err(refusal) => {
                let record = record(&command.name, &refusal);
                // What PowerShell refuses ends the pipeline; what a task of Exchange refuses is written and it ends.
                if refusal
                    .exception
                    .starts_with("System.Management.Automation.")
                {
                    return self.server.fail(pipeline, &record);
                }
                self.server.error(pipeline, &record)?;
                self.server.finish(pipeline)
            }
        }
    }

    fn signal(&mut self, command_id: Uuid, signal: &Signal) -> Result<(), Fault> {
        let running = self.server.running().any(|running| running == command_id);
        if *signal == Signal::Stop {
            if running {
                self.server
                    .stopped(command_id)
                    .map_err(|error| Fault::invalid(&error.to_string()))?;
            }
        } else {
            self.server.forget(command_id);
            self.commands.remove(&command_id);
        }
        Ok(())
    }

    /// The data that waits, if there is some.
    fn give(
        &mut self,
        command_id: Option<Uuid>,
        envelope: Option<u32>,
    ) -> Result<Option<Response>, Fault> {
        self.know(command_id)?;
        let envelope = envelope.unwrap_or(SMALLEST_ENVELOPE).max(SMALLEST_ENVELOPE) as usize;
        let room = (envelope - ENVELOPE_ROOM) / 4 * 3;
        let data = self.server.data_to_send(command_id, room);
        let ended = command_id.is_some_and(|command_id| {
            self.server
                .pipeline_state(command_id)
                .is_some_and(|state| state.is_final())
                && !self.server.has_data(Some(command_id))
        });
        if data.is_empty() && !ended {
            return Ok(None);
        }
        let streams = (!data.is_empty()).then(|| Stream {
            name: "stdout".to_owned(),
            command_id,
            data,
        });
        Ok(Some(Response::Received {
            command_id,
            streams: streams.into_iter().collect(),
            state: command_id.map(|_| {
                if ended {
                    CommandState::Done
                } else {
                    CommandState::Running
                }
            }),
        }))
    }
}

/// The one cmdlet of an invocation with its bound parameters, as no-language mode allows it.
fn command(invocation: &Invocation) -> Result<(&Command, Object), Box<ErrorRecord>> {
    let all = || invocation.statements.iter().flatten();
    if all().any(|command| command.is_script) {
        return Err(Box::new(ErrorRecord::new(
            "The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.",
            ErrorCategory::ParserError,
            "ScriptsNotAllowed",
        )
        .with_exception("System.Management.Automation.ParseException")));
    }
    let Some(command) = invocation.only_command() else {
        return Err(Box::new(ErrorRecord::new(
            "This endpoint of the lab runs one cmdlet at a time.",
            ErrorCategory::NotImplemented,
            "PipelineNotSupported",
        )));
    };
    let mut parameters = Object::new();
    for parameter in &command.parameters {
        let value = shape::neutral(&parameter.value);
        let name = match &parameter.name {
            Some(name) => name.clone(),
            None if parameters.is_empty() => first_position(&command.name).to_owned(),
            None => return Err(Box::new(unplaced(&command.name, &value))),
        };
        parameters.insert(name, value);
    }
    Ok((command, parameters))
}

/// What a script gives on Windows' own endpoint of a server.
fn script(
    invocation: &Invocation,
    server: &str,
    world: &Shared,
) -> Result<Option<clixml::Value>, Box<ErrorRecord>> {
    let script = invocation
        .only_command()
        .filter(|command| command.is_script)
        .and_then(|command| Some((FixedScript::of(&command.name)?, command)));
    let Some((script, command)) = script else {
        return Err(Box::new(ErrorRecord::new(
            "This endpoint of the lab runs the scripts export-certificate and exchange-build of exoauth, and no others.",
            ErrorCategory::NotImplemented,
            "ScriptNotSupported",
        )));
    };
    let (property, value) = match script {
        FixedScript::ExportCertificate => {
            let thumbprint = command
                .value_of("Thumbprint")
                .and_then(clixml::Value::to_text);
            let held = thumbprint.and_then(|thumbprint| {
                world.with(|world| certificates::held(world, server, &thumbprint))
            });
            let Some(held) = held else {
                return Ok(None);
            };
            ("RawData", clixml::Value::Bytes(held.der))
        }
        FixedScript::ExchangeBuild => match world.with(|world| world.exchange_build(server)) {
            Some(build) => ("Build", build.into()),
            None => return Ok(None),
        },
    };
    let object = clixml::Object::new()
        .with_type_names([
            "System.Management.Automation.PSCustomObject",
            "System.Object",
        ])
        .with_extended("Server", server)
        .with_extended(property, value);
    Ok(Some(object.into()))
}

/// The endpoint that is meant: behind one port, the query says which server.
fn endpoint(request: &HttpRequest, world: &Shared) -> Option<Endpoint> {
    let path = request.path.trim_end_matches('/');
    if path.eq_ignore_ascii_case(POWERSHELL) {
        return Some(Endpoint::Exchange);
    }
    let named = request.parameter("TargetServer");
    // The address of the lab itself stands for the server that answers cmdlets.
    let named = named.filter(|name| !name.eq_ignore_ascii_case("localhost"));
    world.with(|world| {
        let server = world.server(named.as_deref().unwrap_or(SERVER))?;
        let name = object::text(server, "Name")?;
        Some(Endpoint::Windows(name.to_owned()))
    })
}

fn first_position(cmdlet: &str) -> &'static str {
    let makes = cmdlet
        .get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case("New-"));
    if makes { "Name" } else { "Identity" }
}

fn unplaced(cmdlet: &str, value: &Value) -> ErrorRecord {
    ErrorRecord::new(
        format!(
            "A positional parameter cannot be found that accepts argument '{}'.",
            value.as_text().unwrap_or_default()
        ),
        ErrorCategory::InvalidArgument,
        format!("PositionalParameterNotFound,{cmdlet}"),
    )
    .with_exception("System.Management.Automation.ParameterBindingException")
    .with_activity(cmdlet)
}

fn record(cmdlet: &str, refusal: &Refusal) -> ErrorRecord {
    let category = (0..=31)
        .map(ErrorCategory::from_code)
        .find(|category| category.name() == refusal.category)
        .unwrap_or(ErrorCategory::NotSpecified);
    let record = ErrorRecord::new(
        refusal.message.as_str(),
        category,
        refusal.identifier.as_str(),
    )
    .with_exception(refusal.exception.as_str())
    .with_activity(cmdlet);
    if refusal.target.is_empty() {
        record
    } else {
        record.with_target(refusal.target.as_str())
    }
}

fn cookies(request: &HttpRequest) -> BTreeMap<String, String> {
    request
        .headers
        .iter()
        .filter(|(name, _)| name == "cookie")
        .flat_map(|(_, value)| value.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

fn set_cookie(name: &str, value: &str, is_tls: bool) -> String {
    let secure = if is_tls { "; secure" } else { "" };
    match name {
        BACK_END => format!(
            "{name}={value}; expires=Fri, 31-Dec-2100 00:00:00 GMT; path=/PowerShell{secure}; HttpOnly"
        ),
        _ => format!("{name}={value}; path=/PowerShell"),
    }
}

fn soap(response: &Response, relates_to: &str) -> Reply {
    let status = match response {
        Response::Fault(_) => 500,
        _ => 200,
    };
    let envelope = response_envelope(response, relates_to, Uuid::new_v4(), SERVER);
    Reply::with(status, CONTENT_TYPE, envelope)
}

/// The refusal of a request because its user has asked too often.
pub(super) fn throttled(request: &HttpRequest, seconds: u64, world: &Shared, door: &Door) -> Reply {
    let admission = match door.admit(request, world) {
        Ok(admission) => admission,
        Err(refusal) => return refusal,
    };
    let relates_to = read_request(&admission.body).map(|(header, _)| header.message_id);
    let reply = soap(
        &Response::Fault(Fault::load_quota(seconds * 1000)),
        &relates_to.unwrap_or_default(),
    );
    door.dress(reply, &admission)
}

fn schema_fault(error: &Error) -> Fault {
    Fault::invalid(&format!(
        "The SOAP XML in the message does not match the corresponding XML schema definition. Change the XML and retry. ({error})"
    ))
}

/// The paths of the two endpoints.
const POWERSHELL: &str = "/powershell";
const WSMAN: &str = "/wsman";

/// `PowerShellMaxConcurrency` of the default throttling policy.
const MAX_SESSIONS: usize = 18;

/// `MaxShellsPerUser` of Windows Remote Management, which counts on one system; 25 or 30 by the version of Windows.
const MAX_SHELLS_PER_USER: usize = 25;

/// `IdleTimeOut` of Exchange's endpoint.
const IDLE: SignedDuration = SignedDuration::from_mins(15);

const OPERATION_TIMEOUT: Duration = Duration::from_secs(180);

/// The smallest envelope a client may ask for (MS-WSMV 3.1.4.1.13), and what its headers may take of it.
const SMALLEST_ENVELOPE: u32 = 32 * 1024;
const ENVELOPE_ROOM: usize = 4 * 1024;

/// The cookies of WSMan and of Exchange's front end; without them a request reaches another back end.
const AFFINITY: &str = "MS-WSMAN";
const BACK_END: &str = "X-BackEndCookie";
const BACK_END_SID: &str = "S-1-5-21-1004336348-1177238915-682003330-500";
