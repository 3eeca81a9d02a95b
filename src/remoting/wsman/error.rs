//! [`Error`]: an envelope that could not be read. What a service refuses is a [`Fault`](super::Fault) instead.

use std::fmt;

/// An envelope that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It is not well-formed XML.
    NotXml {
        /// Where, in bytes.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// It holds something that an envelope must not hold.
    Forbidden {
        /// What.
        what: &'static str,
    },
    /// Its elements nest too deep.
    TooDeep {
        /// How deep they may.
        limit: usize,
    },
    /// Its root is not a SOAP 1.2 envelope.
    NotAnEnvelope {
        /// The root element.
        root: String,
    },
    /// An element is missing.
    Missing {
        /// Which one.
        element: &'static str,
    },
    /// A text is not what its place asks for.
    Unreadable {
        /// The element or attribute.
        element: &'static str,
        /// The text.
        text: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// The action is none of those that are spoken here.
    UnknownAction {
        /// The action.
        action: String,
    },
    /// The answer belongs to another request.
    Unrelated {
        /// The request that was sent.
        expected: String,
        /// The request that was answered.
        found: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotXml { at, reason } => {
                write!(formatter, "the envelope is not XML, at byte {at}: {reason}")
            }
            Self::Forbidden { what } => write!(formatter, "the envelope holds {what}"),
            Self::TooDeep { limit } => {
                write!(formatter, "the envelope nests more than {limit} deep")
            }
            Self::NotAnEnvelope { root } => {
                write!(formatter, "expected a SOAP 1.2 envelope, found <{root}>")
            }
            Self::Missing { element } => write!(formatter, "the envelope has no {element}"),
            Self::Unreadable {
                element,
                text,
                expected,
            } => write!(
                formatter,
                "{element} in the envelope is \"{text}\", expected {expected}"
            ),
            Self::UnknownAction { action } => {
                write!(
                    formatter,
                    "the envelope has the unknown action \"{action}\""
                )
            }
            Self::Unrelated { expected, found } => write!(
                formatter,
                "the answer is to {found}, but {expected} was asked"
            ),
        }
    }
}

impl std::error::Error for Error {}
