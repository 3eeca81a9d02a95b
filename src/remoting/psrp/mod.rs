//! The PowerShell remoting protocol (MS-PSRP): runspace pools, pipelines, and the messages between them.
//!
//! It is not a transport: the bytes go through WSMan, which is the business of the layer below, and nothing here sends,
//! waits or asks for an identifier. Look at [`Client`] first; [`Server`] is its mirror image. A [`Command`] is what is
//! run, an [`Event`] is what comes of it.
//!
//! Secure strings need the session key exchange of MS-PSRP 3.1.5.4.3, which is not here: an attempt is an error.

mod client;
mod code;
mod codec;
mod error;
mod fragment;
mod host;
mod message;
mod pipeline;
mod pool;
mod read;
mod record;
mod server;

pub use client::{Client, ClientOptions, Event};
pub use error::Error;
pub use fragment::Limits;
pub use host::{HostCall, HostInfo, HostMethod, HostResponse};
pub use message::{Destination, Message, MessageType};
pub use pipeline::{Command, Invocation, Parameter, PipelineState, text_array};
pub use pool::{Capability, Opening, PoolState, ProtocolVersion};
pub use record::{ErrorCategory, ErrorRecord, InformationRecord, ProgressRecord, Record};
pub use server::{Server, ServerEvent, ServerOptions};
