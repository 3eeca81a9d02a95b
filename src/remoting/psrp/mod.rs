//! The PowerShell remoting protocol (MS-PSRP): runspace pools, pipelines, and the messages between them.
//!
//! It is not a transport: the bytes go through WSMan, which is the business of the layer below, and nothing here sends,
//! waits or asks for an identifier. Look at [`Client`] first; [`Server`] is its mirror image. A [`Command`] is what is
//! run, an [`Event`] is what comes of it.
//!
//! Secure strings need the session key exchange of MS-PSRP 3.1.5.4.3, which is not here: an attempt is an error.
//!
//! ```
//! use exoauth::remoting::psrp::{Client, ClientOptions, Command, Error, Event, Server, ServerEvent, ServerOptions};
//! use uuid::Uuid;
//!
//! let pipeline = Uuid::from_u128(2);
//! let mut client = Client::new(Uuid::from_u128(1), ClientOptions::default());
//! let mut server = Server::new(ServerOptions::default());
//!
//! server.receive(None, &client.open()?)?;
//! client.receive(None, &server.data_to_send(None, 65536))?;
//! assert_eq!(client.next_event(), Some(Event::PoolOpened));
//!
//! let command = Command::new("Get-AuthServer").parameter("Identity", "evoSTS");
//! for chunk in client.invoke(pipeline, &command)? {
//!     server.receive(Some(pipeline), &chunk)?;
//! }
//! while let Some(event) = server.next_event() {
//!     if let ServerEvent::Invoke { invocation, .. } = event {
//!         assert_eq!(invocation.only_command(), Some(&command));
//!     }
//! }
//!
//! server.output(pipeline, &"evoSTS".into())?;
//! server.finish(pipeline)?;
//! client.receive(Some(pipeline), &server.data_to_send(Some(pipeline), 65536))?;
//! let value = "evoSTS".into();
//! assert_eq!(client.next_event(), Some(Event::Output { pipeline, value }));
//! assert!(matches!(client.next_event(), Some(Event::PipelineEnded { .. })));
//! # Ok::<(), Error>(())
//! ```

mod client;
mod code;
mod codec;
mod data;
mod error;
mod fragment;
mod host;
mod message;
mod message_type;
mod pipeline;
mod pool;
mod record;
mod server;

pub use client::{Client, ClientOptions, Event};
pub use error::Error;
pub use fragment::Limits;
pub use host::{HostCall, HostInfo, HostMethod, HostResponse};
pub use message::{Destination, Message};
pub use message_type::MessageType;
pub use pipeline::{Command, Invocation, Parameter, PipelineState};
pub use pool::{Capability, Opening, PoolState, ProtocolVersion};
pub use record::{ErrorCategory, ErrorRecord, InformationRecord, ProgressRecord, Record};
pub use server::{Server, ServerEvent, ServerOptions};
