//! The server's face of a runspace pool: it is opened by a client, is told what to run, and gives what came of it.
//!
//! It runs nothing itself. [`Server::receive`] takes the client's bytes, [`Server::next_event`] says what is wanted,
//! [`Server::output`] and its like queue what is to be said, [`Server::data_to_send`] gives it in pieces that fit an
//! envelope. Look at [`Server`] first, then at [`ServerEvent`].

use crate::remoting::clixml::{Names, Object, Value};
use crate::remoting::psrp::codec::{ObjectIds, read_value};
use crate::remoting::psrp::data::Data;
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::fragment::{Limits, Outgoing, Reassembler};
use crate::remoting::psrp::host::{HostCall, HostMethod, HostResponse};
use crate::remoting::psrp::message::{Destination, Message};
use crate::remoting::psrp::message_type::MessageType;
use crate::remoting::psrp::pipeline::{Invocation, PipelineState, state_value};
use crate::remoting::psrp::pool::{
    Capability, Opening, PoolState, ProtocolVersion, primitive_dictionary,
};
use crate::remoting::psrp::record::{ErrorCategory, ErrorRecord, Record};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// How a server behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerOptions {
    /// The newest version of the protocol that it speaks; the client may speak an older one.
    pub protocol: ProtocolVersion,
    /// What its application tells the client's (MS-PSRP 2.2.2.13), besides the table of versions.
    pub private_data: Vec<(Value, Value)>,
    /// How much is held of what the client sends.
    pub limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            protocol: ProtocolVersion::V2_3,
            private_data: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A client has opened the pool; the answer is queued for the pool already.
    Opened {
        /// The identifier the client gave the pool.
        pool: Uuid,
        /// What the client can do.
        capability: Capability,
        /// How it wants the pool.
        opening: Opening,
    },
    /// A pipeline is to be run; its output, and at last its end, are to be given.
    Invoke {
        /// The identifier of the pipeline: the channel it came by.
        pipeline: Uuid,
        /// What to run.
        invocation: Invocation,
    },
    /// The client gives an object to a running pipeline.
    Input {
        /// The pipeline.
        pipeline: Uuid,
        /// The object.
        value: Value,
    },
    /// The client gives no more objects to a running pipeline.
    InputEnded {
        /// The pipeline.
        pipeline: Uuid,
    },
    /// The client answers a host call.
    HostResponse(HostResponse),
    /// A message was skipped.
    Ignored {
        /// The pipeline it was about.
        pipeline: Option<Uuid>,
        /// Its type.
        message: MessageType,
        /// Why.
        reason: &'static str,
    },
}

/// One runspace pool, seen from the server.
///
/// A pipeline is known here by its channel, which is the command identifier of the layer below. Most clients give the
/// pipeline the same identifier; those that do not get their own back in the messages.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    state: PoolState,
    pool: Uuid,
    client: Option<Capability>,
    pipelines: BTreeMap<Uuid, Pipeline>,
    objects: ObjectIds,
    next_call: i64,
    reassembler: Reassembler,
    names: Names,
    queues: BTreeMap<Option<Uuid>, VecDeque<Outgoing>>,
    events: VecDeque<ServerEvent>,
}

#[derive(Clone, Copy, Debug)]
struct Pipeline {
    /// The identifier in the messages (PID).
    id: Uuid,
    state: PipelineState,
}

impl Server {
    /// A pool that waits for a client to open it.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            state: PoolState::BeforeOpen,
            pool: Uuid::nil(),
            client: None,
            pipelines: BTreeMap::new(),
            objects: ObjectIds::default(),
            next_call: 0,
            reassembler: Reassembler::new(options.limits),
            names: Names::default(),
            queues: BTreeMap::new(),
            events: VecDeque::new(),
            options,
        }
    }

    /// The identifier of the pool; nil until a client has given it.
    pub fn pool(&self) -> Uuid {
        self.pool
    }

    /// The state of the pool.
    pub fn state(&self) -> PoolState {
        self.state
    }

    /// The state of a pipeline.
    pub fn pipeline_state(&self, pipeline: Uuid) -> Option<PipelineState> {
        self.pipelines.get(&pipeline).map(|pipeline| pipeline.state)
    }

    /// Takes bytes that the client sent with a command or to it, or for the pool (`None`); they may be cut anywhere.
    ///
    /// # Errors
    /// The bytes are not fragments, are out of order or exceed the limits: then the pool is broken. Or one message is
    /// not readable: the others are read nevertheless, and the first error is given.
    pub fn receive(&mut self, pipeline: Option<Uuid>, bytes: &[u8]) -> Result<(), Error> {
        self.require("receive", &RECEIVING)?;
        let complete = self.reassembler.push(pipeline, bytes);
        let complete = complete.inspect_err(|_| self.state = PoolState::Broken)?;
        let mut result = Ok(());
        for bytes in complete {
            let handled = self.handle(pipeline, &bytes);
            result = result.and(handled);
        }
        result
    }

    /// What the client wants next, as long as there is something.
    pub fn next_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Gives an object of a running pipeline.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn output(&mut self, pipeline: Uuid, value: &Value) -> Result<(), Error> {
        self.require_running("give output", pipeline)?;
        self.queue(MessageType::PipelineOutput, Some(pipeline), value);
        Ok(())
    }

    /// Says something besides output; an information is left out if the client is too old for it (before 2.3).
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn record(&mut self, pipeline: Uuid, record: &Record) -> Result<(), Error> {
        self.require_running("write a record", pipeline)?;
        let too_new =
            matches!(record, Record::Information(_)) && self.protocol() < ProtocolVersion::V2_3;
        if !too_new {
            self.queue(record.message_type(), Some(pipeline), &record.to_value());
        }
        Ok(())
    }

    /// Writes an error that does not end the pipeline.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn error(&mut self, pipeline: Uuid, record: &ErrorRecord) -> Result<(), Error> {
        self.record(pipeline, &Record::Error(Box::new(record.clone())))
    }

    /// Writes a warning.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn warning(&mut self, pipeline: Uuid, text: impl Into<String>) -> Result<(), Error> {
        self.record(pipeline, &Record::Warning(text.into()))
    }

    /// Calls a method of the client's host; gives the identifier that the answer will repeat.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn host_call(
        &mut self,
        pipeline: Uuid,
        method: HostMethod,
        parameters: Vec<Value>,
    ) -> Result<i64, Error> {
        self.require_running("call the host", pipeline)?;
        self.next_call += 1;
        let call = HostCall {
            pipeline: Some(pipeline),
            call: self.next_call,
            method,
            parameters,
        };
        self.queue(
            MessageType::PipelineHostCall,
            Some(pipeline),
            &call.to_value(),
        );
        Ok(call.call)
    }

    /// Ends a pipeline that did its work.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn finish(&mut self, pipeline: Uuid) -> Result<(), Error> {
        self.end(pipeline, PipelineState::Completed, None)
    }

    /// Ends a pipeline with a terminating error.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn fail(&mut self, pipeline: Uuid, record: &ErrorRecord) -> Result<(), Error> {
        self.end(pipeline, PipelineState::Failed, Some(record))
    }

    /// Ends a pipeline that the client has asked to stop, by a signal of the layer below.
    ///
    /// # Errors
    /// The pipeline is not running.
    pub fn stopped(&mut self, pipeline: Uuid) -> Result<(), Error> {
        let record = ErrorRecord::stopped();
        self.end(pipeline, PipelineState::Stopped, Some(&record))
    }

    /// Breaks the pool: its pipelines end, and the client is told why.
    ///
    /// # Errors
    /// The pool is not open.
    pub fn break_pool(&mut self, record: &ErrorRecord) -> Result<(), Error> {
        self.require("break the runspace pool", &[PoolState::Opened])?;
        let running: Vec<Uuid> = self.running().collect();
        for pipeline in running {
            self.stopped(pipeline)?;
        }
        self.state = PoolState::Broken;
        let value = state_value("RunspaceState", PoolState::Broken.code(), Some(record));
        self.queue(MessageType::RunspacePoolState, None, &value);
        Ok(())
    }

    /// Drops what is left of a pipeline, which the client does not ask for any more.
    pub fn forget(&mut self, pipeline: Uuid) {
        self.pipelines.remove(&pipeline);
        self.queues.remove(&Some(pipeline));
        self.reassembler.forget(Some(pipeline));
    }

    /// The pipelines that have not ended.
    pub fn running(&self) -> impl Iterator<Item = Uuid> {
        self.pipelines
            .iter()
            .filter(|(_, pipeline)| !pipeline.state.is_final())
            .map(|(&channel, _)| channel)
    }

    /// Says whether something waits to be sent for a pipeline, or for the pool (`None`).
    pub fn has_data(&self, pipeline: Option<Uuid>) -> bool {
        self.queues
            .get(&pipeline)
            .is_some_and(|queue| !queue.is_empty())
    }

    /// Whole fragments of together at most `limit` bytes, for a pipeline or for the pool (`None`).
    ///
    /// It is empty when nothing waits, or when the limit is below the 22 bytes of the smallest fragment.
    pub fn data_to_send(&mut self, pipeline: Option<Uuid>, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(queue) = self.queues.get_mut(&pipeline) else {
            return bytes;
        };
        while let Some(message) = queue.front_mut() {
            let room = limit.saturating_sub(bytes.len());
            if !message.write_fragment(room, &mut bytes) {
                break;
            }
            if message.is_done() {
                queue.pop_front();
            }
        }
        if queue.is_empty() {
            self.queues.remove(&pipeline);
        }
        bytes
    }

    fn end(
        &mut self,
        pipeline: Uuid,
        state: PipelineState,
        record: Option<&ErrorRecord>,
    ) -> Result<(), Error> {
        self.require_running("end a pipeline", pipeline)?;
        if let Some(pipeline) = self.pipelines.get_mut(&pipeline) {
            pipeline.state = state;
        }
        let value = state_value("PipelineState", state.code(), record);
        self.queue(MessageType::PipelineState, Some(pipeline), &value);
        Ok(())
    }

    fn handle(&mut self, channel: Option<Uuid>, bytes: &[u8]) -> Result<(), Error> {
        let message = Message::read(bytes)?;
        if message.destination != Destination::Server {
            self.ignore(&message, "it is meant for a client");
            return Ok(());
        }
        if self.client.is_some() && message.pool != self.pool {
            self.ignore(&message, "it belongs to another runspace pool");
            return Ok(());
        }
        match (message.kind, self.channel_of(channel, &message)) {
            (MessageType::SessionCapability, _) => self.handle_capability(&message),
            (MessageType::InitRunspacePool, _) => self.handle_opening(&message),
            (MessageType::CreatePipeline, Some(pipeline)) => {
                self.handle_invocation(pipeline, &message)
            }
            (MessageType::GetCommandMetadata, Some(pipeline)) => {
                self.refuse_metadata(pipeline, &message)
            }
            (MessageType::PipelineInput, Some(pipeline)) => self.handle_input(pipeline, &message),
            (MessageType::EndOfPipelineInput, Some(pipeline)) => {
                self.events.push_back(ServerEvent::InputEnded { pipeline });
                Ok(())
            }
            (MessageType::PipelineHostResponse, Some(pipeline)) => {
                self.handle_host_response(Some(pipeline), &message)
            }
            (MessageType::RunspacePoolHostResponse, _) => self.handle_host_response(None, &message),
            (
                MessageType::GetAvailableRunspaces
                | MessageType::SetMaxRunspaces
                | MessageType::SetMinRunspaces
                | MessageType::ResetRunspaceState,
                _,
            ) => self.handle_runspaces(&message),
            (MessageType::PublicKey, _) => {
                self.ignore(&message, "there is no session key here");
                Ok(())
            }
            (MessageType::Unknown(_), _) => {
                self.ignore(&message, "its type is not known");
                Ok(())
            }
            _ => {
                self.ignore(&message, "it is of no use here");
                Ok(())
            }
        }
    }

    /// The channel that a message is about, for some answers come by the channel of the pool.
    fn channel_of(&self, channel: Option<Uuid>, message: &Message<'_>) -> Option<Uuid> {
        let known = |id| {
            let mut pipelines = self.pipelines.iter();
            let found = pipelines.find(|(_, pipeline)| pipeline.id == id);
            found.map(|(&channel, _)| channel)
        };
        channel.or_else(|| message.pipeline.map(|id| known(id).unwrap_or(id)))
    }

    fn handle_capability(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.require("negotiate", &[PoolState::BeforeOpen])?;
        let value = self.value(message)?;
        let capability = Capability::read(Data::new(message.kind, &value))?;
        // A newer client adapts itself to the server's answer (MS-PSRP 3.2.5.4.1).
        if capability.protocol.major != 2 || capability.protocol < ProtocolVersion::V2_1 {
            self.state = PoolState::Broken;
            return Err(Error::Version {
                found: capability.protocol.to_string(),
            });
        }
        self.pool = message.pool;
        self.client = Some(capability);
        self.state = PoolState::NegotiationSucceeded;
        let ours = Capability::ours(self.protocol()).to_value();
        self.queue(MessageType::SessionCapability, None, &ours);
        Ok(())
    }

    fn handle_opening(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.require("open the runspace pool", &[PoolState::NegotiationSucceeded])?;
        let value = self.value(message)?;
        let opening = Opening::read(Data::new(message.kind, &value))?;
        let private_data =
            Object::new().with_extended("ApplicationPrivateData", self.private_data());
        self.queue(
            MessageType::ApplicationPrivateData,
            None,
            &private_data.into(),
        );
        self.state = PoolState::Opened;
        let opened = state_value("RunspaceState", PoolState::Opened.code(), None);
        self.queue(MessageType::RunspacePoolState, None, &opened);
        if let Some(capability) = self.client.clone() {
            self.events.push_back(ServerEvent::Opened {
                pool: self.pool,
                capability,
                opening,
            });
        }
        Ok(())
    }

    fn private_data(&self) -> Value {
        let version = |text: String| Value::Version(text);
        let table = Value::dictionary([
            (
                "PSRemotingProtocolVersion".into(),
                version(self.protocol().to_string()),
            ),
            ("SerializationVersion".into(), version("1.1.0.1".to_owned())),
        ]);
        let mut entries = self.options.private_data.clone();
        entries.push(("PSVersionTable".into(), table));
        primitive_dictionary(entries)
    }

    fn handle_invocation(&mut self, pipeline: Uuid, message: &Message<'_>) -> Result<(), Error> {
        self.require_new(pipeline)?;
        let value = self.value(message)?;
        let invocation = Invocation::read(Data::new(message.kind, &value))?;
        self.begin(pipeline, message);
        self.events.push_back(ServerEvent::Invoke {
            pipeline,
            invocation,
        });
        Ok(())
    }

    fn refuse_metadata(&mut self, pipeline: Uuid, message: &Message<'_>) -> Result<(), Error> {
        self.require_new(pipeline)?;
        self.begin(pipeline, message);
        let record = ErrorRecord::new(
            "Command metadata is not available from this server.",
            ErrorCategory::NotImplemented,
            "CommandMetadataNotAvailable",
        );
        self.ignore(message, "there is no command metadata here");
        self.fail(pipeline, &record)
    }

    fn begin(&mut self, pipeline: Uuid, message: &Message<'_>) {
        let begun = Pipeline {
            id: message.pipeline.unwrap_or(pipeline),
            state: PipelineState::Running,
        };
        self.pipelines.insert(pipeline, begun);
    }

    fn require_new(&self, pipeline: Uuid) -> Result<(), Error> {
        self.require("run a pipeline", &[PoolState::Opened])?;
        if self.pipelines.contains_key(&pipeline) {
            return Err(Error::PipelineExists { pipeline });
        }
        Ok(())
    }

    fn handle_input(&mut self, pipeline: Uuid, message: &Message<'_>) -> Result<(), Error> {
        let value = self.value(message)?;
        self.events
            .push_back(ServerEvent::Input { pipeline, value });
        Ok(())
    }

    fn handle_host_response(
        &mut self,
        pipeline: Option<Uuid>,
        message: &Message<'_>,
    ) -> Result<(), Error> {
        let value = self.value(message)?;
        let response = HostResponse::read(pipeline, Data::new(message.kind, &value))?;
        self.events.push_back(ServerEvent::HostResponse(response));
        Ok(())
    }

    /// Answers what is asked about the number of runspaces (MS-PSRP 2.2.2.8): there is always room.
    fn handle_runspaces(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.require("manage runspaces", &[PoolState::Opened])?;
        let value = self.value(message)?;
        let call = Data::new(message.kind, &value).number("ci")?;
        let answer = match message.kind {
            MessageType::GetAvailableRunspaces => Value::Int64(1),
            _ => Value::Bool(true),
        };
        let availability = Object::new()
            .with_extended("SetMinMaxRunspacesResponse", answer)
            .with_extended("ci", call);
        self.queue(
            MessageType::RunspaceAvailability,
            None,
            &availability.into(),
        );
        Ok(())
    }

    /// The version both sides speak: the older of the two.
    fn protocol(&self) -> ProtocolVersion {
        let client = self.client.as_ref().map(|client| client.protocol);
        client.map_or(self.options.protocol, |client| {
            client.min(self.options.protocol)
        })
    }

    fn value(&mut self, message: &Message<'_>) -> Result<Value, Error> {
        read_value(message, self.options.limits, &mut self.names)
    }

    fn ignore(&mut self, message: &Message<'_>, reason: &'static str) {
        self.events.push_back(ServerEvent::Ignored {
            pipeline: message.pipeline,
            message: message.kind,
            reason,
        });
    }

    fn queue(&mut self, kind: MessageType, pipeline: Option<Uuid>, value: &Value) {
        let id = pipeline.map(|channel| {
            let known = self.pipelines.get(&channel);
            known.map_or(channel, |pipeline| pipeline.id)
        });
        let message = self
            .objects
            .outgoing(Destination::Client, kind, self.pool, id, value);
        self.queues.entry(pipeline).or_default().push_back(message);
    }

    fn require(&self, action: &'static str, expected: &[PoolState]) -> Result<(), Error> {
        if expected.contains(&self.state) {
            return Ok(());
        }
        Err(Error::State {
            action,
            state: self.state.name(),
            expected: expected.iter().map(|state| state.name()).collect(),
        })
    }

    fn require_running(&self, action: &'static str, pipeline: Uuid) -> Result<(), Error> {
        match self.pipeline_state(pipeline) {
            None => Err(Error::UnknownPipeline { action, pipeline }),
            Some(state) if state.is_final() => Err(Error::State {
                action,
                state: state.name(),
                expected: vec!["Running"],
            }),
            Some(_) => Ok(()),
        }
    }
}

/// The states in which the client may send something.
const RECEIVING: [PoolState; 3] = [
    PoolState::BeforeOpen,
    PoolState::NegotiationSucceeded,
    PoolState::Opened,
];
