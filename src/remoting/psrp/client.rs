//! The client's face of a runspace pool: it opens the pool, runs cmdlets and tells what comes back.
//!
//! It sends nothing itself. [`Client::open`] and [`Client::invoke`] give the bytes to send, [`Client::receive`] takes
//! the bytes that came, [`Client::next_event`] says what they meant. Look at [`Client`] first, then at [`Event`].

use crate::remoting::clixml::{Names, Value};
use crate::remoting::psrp::codec::{ObjectIds, read_value};
use crate::remoting::psrp::data::Data;
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::fragment::{Limits, Outgoing, Reassembler, SMALLEST};
use crate::remoting::psrp::host::{HostCall, HostInfo, HostResponse};
use crate::remoting::psrp::message::{Destination, Message};
use crate::remoting::psrp::message_type::MessageType;
use crate::remoting::psrp::pipeline::{
    Command, PipelineState, create_pipeline, read_error, read_state, refuse_secure_strings,
};
use crate::remoting::psrp::pool::{
    Capability, Opening, PoolState, ProtocolVersion, primitive_dictionary,
};
use crate::remoting::psrp::record::{ErrorRecord, Record};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// How a client opens its runspace pool.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientOptions {
    /// The size of a fragment with its header; what one envelope can carry.
    pub max_fragment: usize,
    /// How much is held of what the server sends.
    pub limits: Limits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            max_fragment: 32 << 10,
            limits: Limits::default(),
        }
    }
}

/// What happened in the runspace pool.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The pool can run pipelines.
    PoolOpened,
    /// The pool is closed or broken, by the server's own account.
    PoolEnded {
        /// `Closed` or `Broken`.
        state: PoolState,
        /// Why.
        error: Option<Box<ErrorRecord>>,
    },
    /// A pipeline gave an object.
    Output {
        /// The pipeline.
        pipeline: Uuid,
        /// The object.
        value: Value,
    },
    /// A pipeline said something besides its output.
    Record {
        /// The pipeline.
        pipeline: Uuid,
        /// What it said.
        record: Record,
    },
    /// A pipeline has ended.
    PipelineEnded {
        /// The pipeline.
        pipeline: Uuid,
        /// `Completed`, `Failed` or `Stopped`.
        state: PipelineState,
        /// The error that ended it, if one did.
        error: Option<Box<ErrorRecord>>,
    },
    /// The server calls the client's host; see [`HostCall::wants_an_answer`].
    HostCall(HostCall),
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

/// One runspace pool, seen from the client.
#[derive(Debug)]
pub struct Client {
    pool: Uuid,
    options: ClientOptions,
    state: PoolState,
    server: Option<Capability>,
    private_data: Option<Value>,
    pipelines: BTreeMap<Uuid, PipelineState>,
    objects: ObjectIds,
    reassembler: Reassembler,
    names: Names,
    events: VecDeque<Event>,
}

impl Client {
    /// A pool with this identifier, which is not open yet.
    pub fn new(pool: Uuid, options: ClientOptions) -> Self {
        Self {
            pool,
            state: PoolState::BeforeOpen,
            server: None,
            private_data: None,
            pipelines: BTreeMap::new(),
            objects: ObjectIds::default(),
            reassembler: Reassembler::new(options.limits),
            names: Names::default(),
            events: VecDeque::new(),
            options,
        }
    }

    /// The state of the pool.
    pub fn state(&self) -> PoolState {
        self.state
    }

    /// The state of a pipeline that was invoked here.
    pub fn pipeline_state(&self, pipeline: Uuid) -> Option<PipelineState> {
        self.pipelines.get(&pipeline).copied()
    }

    /// What the server can do, once it has said so.
    pub fn server_capability(&self) -> Option<&Capability> {
        self.server.as_ref()
    }

    /// What the server's application told, once it has (MS-PSRP 2.2.2.13); a dictionary.
    pub fn private_data(&self) -> Option<&Value> {
        self.private_data.as_ref()
    }

    /// Begins to open the pool: gives the fragments for `creationXml` (MS-PSRP 3.1.5.3.1).
    ///
    /// # Errors
    /// The pool was opened before, or the fragment size leaves no room for data.
    pub fn open(&mut self) -> Result<Vec<u8>, Error> {
        self.require("open the runspace pool", &[PoolState::BeforeOpen])?;
        self.require_fragment_size()?;
        let capability = Capability::ours(ProtocolVersion::V2_3).to_value();
        let opening = Opening {
            min_runspaces: 1,
            max_runspaces: 1,
            host: HostInfo::default(),
            application_arguments: primitive_dictionary(Vec::new()),
        };
        let first = self.outgoing(MessageType::SessionCapability, None, &capability);
        let second = self.outgoing(MessageType::InitRunspacePool, None, &opening.to_value());
        let limit = self.options.max_fragment;
        self.state = PoolState::Opening;
        Ok([first.into_chunks(limit), second.into_chunks(limit)]
            .concat()
            .concat())
    }

    /// Runs a command as a pipeline of this identifier: the first chunk travels with the command, the rest is sent.
    ///
    /// Each chunk is one fragment of at most [`ClientOptions::max_fragment`] bytes.
    ///
    /// # Errors
    /// The pool is not open, the identifier is taken, or a parameter is a secure string.
    pub fn invoke(&mut self, pipeline: Uuid, command: &Command) -> Result<Vec<Vec<u8>>, Error> {
        self.require("run a pipeline", &[PoolState::Opened])?;
        if self.pipelines.contains_key(&pipeline) {
            return Err(Error::PipelineExists { pipeline });
        }
        refuse_secure_strings(command)?;
        let protocol = self
            .server
            .as_ref()
            .map_or(ProtocolVersion::V2_1, |server| server.protocol);
        let value = create_pipeline(command, protocol);
        let message = self.outgoing(MessageType::CreatePipeline, Some(pipeline), &value);
        self.pipelines.insert(pipeline, PipelineState::Running);
        Ok(message.into_chunks(self.options.max_fragment))
    }

    /// Takes bytes that the server sent for a pipeline, or for the pool (`None`); they may be cut anywhere.
    ///
    /// # Errors
    /// The bytes are not fragments, are out of order or exceed the limits: then the pool is broken. Or one message is
    /// not readable: the others are read nevertheless, and the first error is given.
    pub fn receive(&mut self, pipeline: Option<Uuid>, bytes: &[u8]) -> Result<(), Error> {
        self.require("receive", &RECEIVING)?;
        let mut state = None;
        if let Some(pipeline) = pipeline {
            let action = "receive for a pipeline";
            let known = self.pipeline_state(pipeline);
            state = Some(known.ok_or(Error::UnknownPipeline { action, pipeline })?);
        }
        if state.is_some_and(PipelineState::is_final) {
            return Ok(());
        }
        let complete = self.reassembler.push(pipeline, bytes);
        let complete = complete.inspect_err(|_| self.state = PoolState::Broken)?;
        let mut result = Ok(());
        for bytes in complete {
            let handled = self.handle(pipeline, &bytes);
            result = result.and(handled);
        }
        result
    }

    /// What happened next, as long as there is something.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Refuses a host call, because nobody can be asked; gives the chunks to send for its pipeline, on the stream `pr`
    /// (MS-PSRP 3.1.5.3.5).
    ///
    /// # Errors
    /// The call waits for no answer, or the pool is not open.
    pub fn refuse(&mut self, call: &HostCall) -> Result<Vec<Vec<u8>>, Error> {
        self.require("answer a host call", &ANSWERING)?;
        if !call.wants_an_answer() {
            return Err(Error::NoAnswerWanted {
                method: call.method.to_string(),
            });
        }
        let kind = match call.pipeline {
            Some(_) => MessageType::PipelineHostResponse,
            None => MessageType::RunspacePoolHostResponse,
        };
        let response = HostResponse {
            pipeline: call.pipeline,
            call: call.call,
            method: call.method,
            result: Err(Box::new(call.refusal())),
        };
        let message = self.outgoing(kind, call.pipeline, &response.to_value());
        Ok(message.into_chunks(self.options.max_fragment))
    }

    /// Notes that the pool is being closed; the layer below deletes the shell (MS-PSRP 3.1.4.2).
    pub fn closing(&mut self) {
        if !matches!(self.state, PoolState::Closed | PoolState::Broken) {
            self.state = PoolState::Closing;
        }
    }

    fn handle(&mut self, channel: Option<Uuid>, bytes: &[u8]) -> Result<(), Error> {
        let message = Message::read(bytes)?;
        let pipeline = message.pipeline.or(channel);
        if message.destination != Destination::Client {
            self.ignore(&message, "it is meant for a server");
            return Ok(());
        }
        // The server's first message does not know the identifier of the pool yet.
        if !message.pool.is_nil() && message.pool != self.pool {
            self.ignore(&message, "it belongs to another runspace pool");
            return Ok(());
        }
        match (message.kind, pipeline) {
            (MessageType::SessionCapability, _) => self.handle_capability(&message),
            (MessageType::ApplicationPrivateData, _) => self.handle_private_data(&message),
            (MessageType::RunspacePoolState, _) => self.handle_pool_state(&message),
            (MessageType::RunspacePoolHostCall, _) => self.handle_host_call(None, &message),
            (kind, Some(pipeline)) if is_for_a_pipeline(kind) => {
                self.handle_for_pipeline(pipeline, &message)
            }
            (kind, None) if is_for_a_pipeline(kind) => {
                self.ignore(&message, "it names no pipeline");
                Ok(())
            }
            (MessageType::PublicKeyRequest, _) => {
                self.ignore(&message, "no session key is needed without secure strings");
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

    fn handle_capability(&mut self, message: &Message<'_>) -> Result<(), Error> {
        self.require("negotiate", &[PoolState::Opening])?;
        let value = self.value(message)?;
        let capability = Capability::read(Data::new(message.kind, &value));
        let capability = capability.inspect_err(|_| self.state = PoolState::Broken)?;
        let range = ProtocolVersion::V2_1..=ProtocolVersion::V2_3;
        if !range.contains(&capability.protocol) {
            self.state = PoolState::Broken;
            return Err(Error::Version {
                found: capability.protocol.to_string(),
            });
        }
        self.server = Some(capability);
        self.state = PoolState::NegotiationSucceeded;
        Ok(())
    }

    fn handle_private_data(&mut self, message: &Message<'_>) -> Result<(), Error> {
        let value = self.value(message)?;
        let data = Data::new(message.kind, &value);
        self.private_data = data.optional("ApplicationPrivateData").cloned();
        Ok(())
    }

    fn handle_pool_state(&mut self, message: &Message<'_>) -> Result<(), Error> {
        let value = self.value(message)?;
        let data = Data::new(message.kind, &value);
        match PoolState::from_code(data.small_number("RunspaceState")?) {
            PoolState::Opened => {
                let expected = [PoolState::NegotiationSucceeded, PoolState::Opened];
                self.require("take the runspace pool for opened", &expected)?;
                if self.state != PoolState::Opened {
                    self.state = PoolState::Opened;
                    self.events.push_back(Event::PoolOpened);
                }
            }
            state @ (PoolState::Closed | PoolState::Broken) => {
                self.state = state;
                let error = read_error(data);
                self.events.push_back(Event::PoolEnded { state, error });
            }
            PoolState::Unknown(_) => self.ignore(message, "the state is not known"),
            _ => self.ignore(message, "the state changes nothing"),
        }
        Ok(())
    }

    fn handle_for_pipeline(&mut self, pipeline: Uuid, message: &Message<'_>) -> Result<(), Error> {
        match self.pipeline_state(pipeline) {
            None => {
                self.ignore(message, "the pipeline is not known");
                return Ok(());
            }
            Some(state) if state.is_final() => {
                self.ignore(message, "the pipeline has ended");
                return Ok(());
            }
            Some(_) => {}
        }
        match message.kind {
            MessageType::PipelineOutput => {
                let value = self.value(message)?;
                self.events.push_back(Event::Output { pipeline, value });
            }
            MessageType::PipelineState => self.handle_pipeline_state(pipeline, message)?,
            MessageType::PipelineHostCall => self.handle_host_call(Some(pipeline), message)?,
            _ => {
                let value = self.value(message)?;
                match Record::read(Data::new(message.kind, &value)) {
                    Some(record) => self.events.push_back(Event::Record { pipeline, record }),
                    None => self.ignore(message, "it has nothing to say"),
                }
            }
        }
        Ok(())
    }

    fn handle_pipeline_state(
        &mut self,
        pipeline: Uuid,
        message: &Message<'_>,
    ) -> Result<(), Error> {
        let value = self.value(message)?;
        let (state, error) = read_state(Data::new(message.kind, &value))?;
        if let PipelineState::Unknown(_) = state {
            self.ignore(message, "the state is not known");
            return Ok(());
        }
        if !state.is_final() {
            return Ok(());
        }
        self.pipelines.insert(pipeline, state);
        self.reassembler.forget(Some(pipeline));
        self.events.push_back(Event::PipelineEnded {
            pipeline,
            state,
            error,
        });
        Ok(())
    }

    fn handle_host_call(
        &mut self,
        pipeline: Option<Uuid>,
        message: &Message<'_>,
    ) -> Result<(), Error> {
        let value = self.value(message)?;
        let call = HostCall::read(pipeline, Data::new(message.kind, &value))?;
        self.events.push_back(Event::HostCall(call));
        Ok(())
    }

    fn value(&mut self, message: &Message<'_>) -> Result<Value, Error> {
        read_value(message, self.options.limits, &mut self.names)
    }

    fn ignore(&mut self, message: &Message<'_>, reason: &'static str) {
        self.events.push_back(Event::Ignored {
            pipeline: message.pipeline,
            message: message.kind,
            reason,
        });
    }

    fn outgoing(&mut self, kind: MessageType, pipeline: Option<Uuid>, value: &Value) -> Outgoing {
        self.objects
            .outgoing(Destination::Server, kind, self.pool, pipeline, value)
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

    fn require_fragment_size(&self) -> Result<(), Error> {
        if self.options.max_fragment >= SMALLEST {
            return Ok(());
        }
        Err(Error::FragmentSize {
            found: self.options.max_fragment,
            smallest: SMALLEST,
        })
    }
}

/// The states in which the server may send something.
const RECEIVING: [PoolState; 4] = [
    PoolState::Opening,
    PoolState::NegotiationSucceeded,
    PoolState::Opened,
    PoolState::Closing,
];

/// The states in which the client may answer a host call (MS-PSRP 3.1.5.4.16).
const ANSWERING: [PoolState; 2] = [PoolState::NegotiationSucceeded, PoolState::Opened];

fn is_for_a_pipeline(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::PipelineOutput
            | MessageType::PipelineState
            | MessageType::PipelineHostCall
            | MessageType::ErrorRecord
            | MessageType::WarningRecord
            | MessageType::VerboseRecord
            | MessageType::DebugRecord
            | MessageType::InformationRecord
            | MessageType::ProgressRecord
    )
}
