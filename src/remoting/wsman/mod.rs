//! WS-Management as Windows remote shells use it: SOAP envelopes without I/O, for both sides.
//!
//! A client writes a [`Request`] through its [`Session`] and reads the answer with [`read_response`]; a service reads
//! with [`read_request`] and writes with [`response_envelope`]. A refusal is a [`Fault`]; bytes that are no envelope are
//! an [`Error`]. Identifiers and time-outs are arguments. What travels inside is not looked at here.

mod envelope;
mod error;
mod fault;
mod form;
mod namespace;
mod sealing;
mod shell;
mod xml;

pub use envelope::{
    CONTENT_TYPE, Header, MICROSOFT_EXCHANGE, MICROSOFT_POWERSHELL, Session, read_request,
    read_response, response_envelope,
};
pub use error::Error;
pub use fault::{Fault, FaultKind};
pub use sealing::{Protection, SealedPart, SealingError, frame, is_sealed, protection, unframe};
pub use shell::{CommandState, Request, Response, Shell, Signal, Stream};
