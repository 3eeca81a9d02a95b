//! [`Shell`]: the runspace pool that the server holds for us, and the pipelines in it.

use super::connection::Unanswered;
use super::problem::{Problem, Wants};
use super::{Answer, OnPremises, State, Trouble, value};
use crate::exchange::{ErrorRecord, Progress, Remark};
use crate::remoting::psrp::{
    self, Client, ClientOptions, Command, Event, HostCall, HostMethod, PipelineState, Record,
};
use crate::remoting::wsman::{CommandState, FaultKind, Request, Response, Session, Signal, Stream};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// A runspace pool on the server.
pub(super) struct Shell {
    shell_id: String,
    session: Session,
    client: Client,
    /// True while a cmdlet runs; it stays so when the cmdlet was given up, and then the pool is not used again.
    busy: bool,
}

impl Shell {
    pub(super) fn is_unusable(&self) -> bool {
        self.busy || self.client.state() != psrp::PoolState::Opened
    }
}

/// What a pipeline has given so far.
#[derive(Default)]
struct Gathered {
    answer: Answer,
    errors: Vec<ErrorRecord>,
    question: Option<(String, Wants)>,
    /// What it has said and nobody was told yet.
    remarks: Vec<Remark>,
    end: Option<End>,
}

struct End {
    state: PipelineState,
    error: Option<ErrorRecord>,
}

impl State {
    fn held_shell(&mut self) -> Result<&mut Shell, Problem> {
        self.shell.as_mut().ok_or(Problem::Unexpected {
            expected: "an open session",
            found: "none",
        })
    }
}

impl OnPremises {
    pub(super) async fn open_shell(&self, state: &mut State) -> Result<(), Problem> {
        let pool = Uuid::new_v4();
        let session = Session {
            to: state.line.endpoint().url.clone(),
            resource_uri: self.service.resource_uri().to_owned(),
            session_id: Uuid::new_v4(),
            max_envelope_size: FIRST_ENVELOPE_SIZE,
            operation_timeout: self.times.operation,
            locale: "en-US".to_owned(),
        };
        let options = ClientOptions {
            max_fragment: session.data_limit(),
            ..ClientOptions::default()
        };
        let mut client = Client::new(pool, options);
        let creation = client.open().map_err(Problem::Remoting)?;
        // It is ours to delete from the moment it is asked for.
        state.shell = Some(Shell {
            shell_id: pool.hyphenated().to_string().to_uppercase(),
            session: session.clone(),
            client,
            busy: false,
        });
        let request = Request::Create {
            shell_id: pool,
            creation,
        };
        match self.ask(state, &session, &request).await {
            Ok(Response::Created(created)) => state.held_shell()?.shell_id = created.shell_id,
            Ok(refusal) => {
                state.shell = None;
                return Err(unexpected("an opened session", refusal));
            }
            Err(Unanswered {
                problem,
                may_have_arrived,
            }) => {
                // Nobody knows whether the server holds it where the answer was lost; elsewhere it does not.
                if !may_have_arrived || !problem.is_broken_connection() {
                    state.shell = None;
                }
                return Err(problem);
            }
        }
        self.wait_until_open(state).await?;
        state.held_shell()?.session.max_envelope_size = ENVELOPE_SIZE;
        Ok(())
    }

    async fn wait_until_open(&self, state: &mut State) -> Result<(), Problem> {
        let opening = async {
            while state.held_shell()?.client.state() != psrp::PoolState::Opened {
                let (streams, _) = self.receive(state, None).await?;
                let shell = state.held_shell()?;
                feed(&mut shell.client, &streams)?;
                while let Some(event) = shell.client.next_event() {
                    if let Event::PoolEnded { state, error } = event {
                        return Err(pool_broken(state, error.as_deref()));
                    }
                }
            }
            Ok(())
        };
        timeout(self.times.cmdlet, opening)
            .await
            .map_err(|_| self.still_running())?
    }

    pub(super) async fn run_pipeline(
        &self,
        state: &mut State,
        name: &str,
        command: &Command,
    ) -> Result<Answer, Trouble> {
        let pipeline = Uuid::new_v4();
        self.start(state, pipeline, command).await?;
        let gathering = self.gather(state, name, pipeline);
        let Ok(gathered) = timeout(self.times.cmdlet, gathering).await else {
            if let Err(problem) = self.signal(state, pipeline, Signal::Stop).await {
                tracing::debug!(%problem, "a cmdlet that takes too long could not be stopped");
            }
            return Err(Trouble::Unsettled(self.still_running()));
        };
        let (gathered, end) = gathered.map_err(Trouble::Unsettled)?;
        // The cmdlet has ended; what goes wrong from here on only costs the runspace pool.
        self.release(state, pipeline).await;
        gathered.conclude(end)
    }

    /// Tells the server that it may forget an ended pipeline.
    async fn release(&self, state: &mut State, pipeline: Uuid) {
        if self.one_at_a_time
            && let Err(problem) = self.signal(state, pipeline, Signal::Terminate).await
        {
            tracing::debug!(%problem, "an ended pipeline could not be released");
            return;
        }
        let Some(shell) = &mut state.shell else {
            return;
        };
        shell.busy = false;
        if !self.one_at_a_time {
            let session = shell.session.clone();
            let request = signal(pipeline, Signal::Terminate)(shell.shell_id.clone());
            self.mention(state, session, request);
        }
    }

    async fn start(
        &self,
        state: &mut State,
        pipeline: Uuid,
        command: &Command,
    ) -> Result<(), Trouble> {
        let shell = state.held_shell()?;
        let chunks = shell
            .client
            .invoke(pipeline, command)
            .map_err(Problem::Remoting)?;
        shell.busy = true;
        let mut chunks = chunks.into_iter();
        let arguments = chunks.next().unwrap_or_default();
        let request = |shell_id| Request::Command {
            shell_id,
            command_id: pipeline,
            arguments,
        };
        let response = self.ask_shell(state, request).await;
        match response.map_err(|unanswered| match unanswered.may_have_arrived {
            true => Trouble::Unsettled(unanswered.problem),
            false => Trouble::Problem(unanswered.problem),
        })? {
            Response::Started { .. } => {}
            Response::Fault(fault) => {
                return Err(match fault.kind() {
                    FaultKind::InvalidSelectors => Trouble::Forgotten(Problem::Fault(fault)),
                    // It was begun, and the server gave it up.
                    FaultKind::TimedOut | FaultKind::Aborted => {
                        Trouble::Unsettled(Problem::Fault(fault))
                    }
                    _ => Trouble::Problem(Problem::Fault(fault)),
                });
            }
            other => return Err(Trouble::Unsettled(unexpected("a started command", other))),
        }
        for data in chunks {
            let sent = self.send(state, pipeline, data).await;
            sent.map_err(Trouble::Unsettled)?;
        }
        Ok(())
    }

    async fn gather(
        &self,
        state: &mut State,
        name: &str,
        pipeline: Uuid,
    ) -> Result<(Gathered, End), Problem> {
        let mut gathered = Gathered::default();
        loop {
            let (streams, done) = self.receive(state, Some(pipeline)).await?;
            let shell = state.held_shell()?;
            feed(&mut shell.client, &streams)?;
            let mut refusals = Vec::new();
            while let Some(event) = shell.client.next_event() {
                if let Event::HostCall(call) = &event
                    && call.wants_an_answer()
                {
                    refusals.extend(shell.client.refuse(call).map_err(Problem::Remoting)?);
                }
                gathered.take(event)?;
            }
            for remark in gathered.remarks.drain(..) {
                self.tell(name, &remark);
            }
            for data in refusals {
                self.send(state, pipeline, data).await?;
            }
            match gathered.end.take() {
                Some(end) => return Ok((gathered, end)),
                None if done => {
                    return Err(Problem::Unexpected {
                        expected: "the end of the pipeline",
                        found: "the end of the command",
                    });
                }
                None => {}
            }
        }
    }

    /// Sends a request about the open shell.
    async fn ask_shell(
        &self,
        state: &mut State,
        request: impl FnOnce(String) -> Request,
    ) -> Result<Response, Unanswered> {
        let shell = state.held_shell().map_err(Unanswered::unsent)?;
        let (session, request) = (shell.session.clone(), request(shell.shell_id.clone()));
        self.ask(state, &session, &request).await
    }

    /// Asks for data until there is some; that nothing came within the operation time-out is not an error.
    async fn receive(
        &self,
        state: &mut State,
        command_id: Option<Uuid>,
    ) -> Result<(Vec<Stream>, bool), Problem> {
        loop {
            let request = |shell_id| Request::Receive {
                shell_id,
                command_id,
            };
            match self.ask_shell(state, request).await? {
                Response::Received { streams, state, .. } => {
                    return Ok((streams, state == Some(CommandState::Done)));
                }
                Response::Fault(fault) if fault.kind() == FaultKind::TimedOut => {}
                other => return Err(unexpected("data", other)),
            }
        }
    }

    async fn send(&self, state: &mut State, pipeline: Uuid, data: Vec<u8>) -> Result<(), Problem> {
        let request = |shell_id| Request::Send {
            shell_id,
            command_id: Some(pipeline),
            data,
        };
        match self.ask_shell(state, request).await? {
            Response::Sent => Ok(()),
            other => Err(unexpected("accepted data", other)),
        }
    }

    /// A server that has forgotten the command already has nothing to be told.
    async fn signal(&self, state: &mut State, pipeline: Uuid, code: Signal) -> Result<(), Problem> {
        match self.ask_shell(state, signal(pipeline, code)).await? {
            Response::Signaled => Ok(()),
            Response::Fault(fault) if fault.kind() == FaultKind::InvalidSelectors => Ok(()),
            other => Err(unexpected("an accepted signal", other)),
        }
    }

    /// Closes the runspace pool, if there is one.
    pub(super) async fn close_shell(&self, state: &mut State) -> Result<(), Problem> {
        let Some(mut shell) = state.shell.take() else {
            return Ok(());
        };
        // What was said in passing comes before the end.
        if let Some(aside) = state.aside.take() {
            aside.finish(self.times.grace).await;
        }
        shell.client.closing();
        let request = Request::Delete {
            shell_id: shell.shell_id,
        };
        let mut answer = self.ask(state, &shell.session, &request).await;
        // A session that is closed already is closed: asking twice does no harm.
        if matches!(&answer, Err(unanswered) if unanswered.problem.is_broken_connection()) {
            answer = self.ask(state, &shell.session, &request).await;
        }
        match answer? {
            Response::Deleted => Ok(()),
            Response::Fault(fault) if fault.kind() == FaultKind::InvalidSelectors => Ok(()),
            other => Err(unexpected("a closed session", other)),
        }
    }

    /// Closes a runspace pool that is of no use any more; that it cannot be closed is no reason to stop.
    pub(super) async fn discard_shell(&self, state: &mut State) {
        if let Err(problem) = self.close_shell(state).await {
            tracing::warn!(%problem, "an abandoned on-premises session could not be closed");
        }
    }

    fn still_running(&self) -> Problem {
        Problem::StillRunning {
            minutes: self.times.cmdlet.as_secs() / MINUTE.as_secs(),
        }
    }
}

impl Gathered {
    fn take(&mut self, event: Event) -> Result<(), Problem> {
        match event {
            Event::Output { value, .. } => {
                let value = value::neutral(&value).map_err(Problem::Value)?;
                self.answer.output.push(value);
            }
            Event::Record { record, .. } => self.take_record(record),
            Event::PipelineEnded { state, error, .. } => {
                let error = error.as_deref().map(error_record);
                self.end = Some(End { state, error });
            }
            Event::PoolEnded { state, error } => return Err(pool_broken(state, error.as_deref())),
            Event::HostCall(call) => {
                if call.wants_an_answer() {
                    let question = || (call.question(), wants(&call));
                    self.question.get_or_insert_with(question);
                } else {
                    tracing::debug!(method = %call.method, "the server called the host");
                }
            }
            Event::PoolOpened => {}
            Event::Ignored {
                message, reason, ..
            } => tracing::debug!(%message, reason, "a message was skipped"),
        }
        Ok(())
    }

    fn take_record(&mut self, record: Record) {
        match record {
            Record::Error(error) => self.errors.push(error_record(&error)),
            Record::Warning(text) => self.answer.warnings.push(text),
            Record::Verbose(text) => self.remarks.push(Remark::Verbose(text)),
            Record::Debug(text) => tracing::trace!(text, "debug"),
            Record::Information(information) => {
                self.remarks.push(Remark::Information(information.text()));
            }
            Record::Progress(progress) => {
                self.remarks.push(Remark::Progress(Progress {
                    activity: progress.activity,
                    status: progress.status.filter(|status| !status.is_empty()),
                    percent: progress.percent,
                    completed: progress.completed,
                }));
            }
        }
    }

    fn conclude(self, end: End) -> Result<Answer, Trouble> {
        let End { state, error } = end;
        let refused = || {
            let question = error.as_ref().and_then(refused_question)?;
            Some((question, Wants::Confirmation))
        };
        if let Some((question, wants)) = self.question.or_else(refused) {
            return Err(Problem::Prompted { question, wants }.into());
        }
        // What ended the pipeline comes first; what it said before on the error stream explains it.
        let mut errors = error.into_iter().chain(self.errors);
        if let Some(mut first) = errors.next() {
            for other in errors {
                if !first.message.contains(&other.message) {
                    first.message = format!("{}; also: {}", first.message, other.message);
                }
            }
            return Err(Trouble::Record(first));
        }
        match state {
            PipelineState::Completed => Ok(self.answer),
            _ => Err(Trouble::Unsettled(Problem::Stopped)),
        }
    }
}

/// What a command is told by a signal, for the shell that it is in.
fn signal(command_id: Uuid, signal: Signal) -> impl FnOnce(String) -> Request {
    move |shell_id| Request::Signal {
        shell_id,
        command_id,
        signal,
    }
}

fn wants(call: &HostCall) -> Wants {
    match call.method {
        HostMethod::PromptForChoice | HostMethod::PromptForChoiceMultipleSelection => {
            Wants::Confirmation
        }
        HostMethod::Prompt => Wants::Parameters(call.choices()),
        _ => Wants::Person,
    }
}

/// What was asked, when the server itself noticed that nobody can answer.
fn refused_question(error: &ErrorRecord) -> Option<String> {
    let host = error
        .exception
        .ends_with("System.Management.Automation.Host.HostException");
    let question = error
        .message
        .split_once("with the following message: ")
        .map_or(error.message.as_str(), |(_, question)| question);
    host.then(|| question.to_owned())
}

fn feed(client: &mut Client, streams: &[Stream]) -> Result<(), Problem> {
    for stream in streams {
        client
            .receive(stream.command_id, &stream.data)
            .map_err(Problem::Remoting)?;
    }
    Ok(())
}

fn error_record(record: &psrp::ErrorRecord) -> ErrorRecord {
    ErrorRecord {
        message: record.text().to_owned(),
        exception: record.exception.clone().unwrap_or_default(),
        category: record.category.to_string(),
        identifier: record.identifier.clone().unwrap_or_default(),
        target: record
            .target_name
            .clone()
            .or_else(|| record.target.to_text())
            .unwrap_or_default(),
    }
}

fn pool_broken(state: psrp::PoolState, error: Option<&psrp::ErrorRecord>) -> Problem {
    Problem::PoolBroken {
        reason: error.map_or_else(|| state.to_string(), |error| error.text().to_owned()),
    }
}

fn unexpected(expected: &'static str, response: Response) -> Problem {
    let found = match response {
        Response::Fault(fault) => return Problem::Fault(fault),
        Response::Created(_) => "an opened session",
        Response::Started { .. } => "a started command",
        Response::Sent => "accepted data",
        Response::Received { .. } => "data",
        Response::Signaled => "an accepted signal",
        Response::Deleted => "a closed session",
    };
    Problem::Unexpected { expected, found }
}

/// What every version of Windows takes before it has said what it is.
const FIRST_ENVELOPE_SIZE: u32 = 153_600;

/// What Windows takes since protocol version 2.2, which is every one that Exchange runs on.
const ENVELOPE_SIZE: u32 = 512_000;

const MINUTE: Duration = Duration::from_secs(60);
