//! What can go wrong in a runspace pool, apart from what the remote cmdlets themselves report.

use crate::remoting::clixml;
use crate::remoting::psrp::message_type::MessageType;
use std::fmt;
use uuid::Uuid;

/// A runspace pool or a pipeline that could not do what was asked, or bytes that do not follow MS-PSRP.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The runspace pool or the pipeline is in a state that does not allow the action.
    State {
        /// What was asked.
        action: &'static str,
        /// The state it is in.
        state: &'static str,
        /// The states that would have been right.
        expected: Vec<&'static str>,
    },
    /// The pipeline is not one of this runspace pool, or not any more.
    UnknownPipeline {
        /// What was asked.
        action: &'static str,
        /// The pipeline that was named.
        pipeline: Uuid,
    },
    /// The identifier belongs to another pipeline already.
    PipelineExists {
        /// The identifier.
        pipeline: Uuid,
    },
    /// The fragments are not as MS-PSRP 2.2.4 has them, or not in order.
    Fragment {
        /// The offset in the bytes of this channel, counted from the first byte that was received.
        offset: u64,
        /// The object the fragment belongs to, if its header could be read.
        object: Option<u64>,
        /// What was expected.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A reassembled message is not as MS-PSRP 2.2.1 has it.
    Message {
        /// The offset in the message.
        offset: usize,
        /// What was expected.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// The data of a message is not CLIXML.
    Clixml {
        /// The type of the message.
        message: MessageType,
        /// What the reader says.
        error: clixml::Error,
    },
    /// The data of a message is not exactly one value.
    OneValue {
        /// The type of the message.
        message: MessageType,
    },
    /// The data of a message lacks a property, or has it with another type.
    Property {
        /// The type of the message.
        message: MessageType,
        /// The name of the property.
        property: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The other side sends more than the limits allow.
    Limit {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What was announced.
        found: u64,
    },
    /// The protocol version of the other side is not one that is understood here (MS-PSRP 2.2.2.1).
    Version {
        /// The version of the other side.
        found: String,
    },
    /// The fragment size leaves no room for data.
    FragmentSize {
        /// The size that was asked for.
        found: usize,
        /// The smallest size that works.
        smallest: usize,
    },
    /// Secure strings need the session key exchange of MS-PSRP 3.1.5.1.1, which is not implemented.
    SecureString {
        /// What holds the secure string.
        place: String,
    },
    /// The host call waits for no answer.
    NoAnswerWanted {
        /// The name of the host method.
        method: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State {
                action,
                state,
                expected,
            } => write!(
                formatter,
                "cannot {action} while the state is {state}, only while it is {}",
                expected.join(" or ")
            ),
            Self::UnknownPipeline { action, pipeline } => write!(
                formatter,
                "cannot {action}: no pipeline {pipeline} is running in this runspace pool"
            ),
            Self::PipelineExists { pipeline } => write!(
                formatter,
                "the identifier {pipeline} belongs to another pipeline of this runspace pool"
            ),
            Self::Fragment {
                offset,
                object,
                expected,
                found,
            } => {
                write!(formatter, "malformed fragment at byte {offset}")?;
                if let Some(object) = object {
                    write!(formatter, " of object {object}")?;
                }
                write!(formatter, ": expected {expected}, found {found}")
            }
            Self::Message {
                offset,
                expected,
                found,
            } => write!(
                formatter,
                "malformed message at byte {offset}: expected {expected}, found {found}"
            ),
            Self::Clixml { message, error } => {
                write!(formatter, "the {message} message is not readable: {error}")
            }
            Self::OneValue { message } => {
                write!(formatter, "the {message} message is not exactly one value")
            }
            Self::Property {
                message,
                property,
                expected,
            } => write!(
                formatter,
                "the {message} message has no property {property} that is {expected}"
            ),
            Self::Limit { what, limit, found } => write!(
                formatter,
                "the other side sends {found} {what}, more than the limit of {limit}"
            ),
            Self::Version { found } => write!(
                formatter,
                "the other side speaks version {found} of the PowerShell remoting protocol, not 2.1 to 2.3"
            ),
            Self::FragmentSize { found, smallest } => write!(
                formatter,
                "a fragment of {found} bytes has no room for data, at least {smallest} are needed"
            ),
            Self::SecureString { place } => write!(
                formatter,
                "{place} is a secure string, and secure strings are not supported on this connection"
            ),
            Self::NoAnswerWanted { method } => {
                write!(formatter, "the host method {method} waits for no answer")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Clixml { error, .. } => Some(error),
            _ => None,
        }
    }
}
