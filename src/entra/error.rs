//! [`Error`]: signing in was refused or was not possible.

use super::advice::advice;
use crate::failure::{Failure, FailureKind};
use crate::http;
use crate::organization::SignInMethod;
use crate::secret::{Secret, without_tokens};
use serde_json::Value as Json;
use std::{error, fmt};

/// Signing in was refused or was not possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which flow.
    pub flow: Flow,
    /// What happened.
    pub kind: ErrorKind,
}

/// A way of signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// An application with a client secret.
    ClientSecret,
    /// An application with a certificate.
    Certificate,
    /// One that is not available yet.
    Other,
}

impl fmt::Display for Flow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientSecret => "client secret",
            Self::Certificate => "certificate",
            Self::Other => "another method",
        })
    }
}

/// What happened to a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Entra ID refused, with its error body (RFC 6749 section 5.2 and Microsoft's additions).
    Refused {
        /// The status.
        status: u16,
        /// The word of the protocol, such as `invalid_client`; empty when it was not said.
        error: String,
        /// The number after `AADSTS`.
        code: Option<u64>,
        /// The description without its trailing identifiers; empty when there was none.
        description: String,
        /// What to tell Microsoft's support.
        correlation_id: Option<String>,
    },
    /// The request itself failed.
    Road(http::Error),
    /// The PEM file with key and certificate cannot be used.
    Certificate {
        /// Why.
        reason: String,
    },
    /// The organization file lacks a key.
    Missing {
        /// The method that needs it.
        method: SignInMethod,
        /// The key.
        key: &'static str,
    },
    /// The method is known, but not available yet.
    NotAvailable {
        /// The method.
        method: SignInMethod,
    },
}

impl Error {
    pub(super) fn new(flow: Flow, kind: ErrorKind) -> Self {
        Self { flow, kind }
    }

    /// Reads the error body of a token endpoint; what it does not say stays empty.
    pub(super) fn refused(flow: Flow, status: u16, json: &Json) -> Self {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let description = text("error_description").unwrap_or_default();
        let first_line = description.lines().next().unwrap_or_default();
        let code = json["error_codes"][0]
            .as_u64()
            .or_else(|| code_in(first_line));
        Self::new(
            flow,
            ErrorKind::Refused {
                status,
                error: text("error").unwrap_or_default(),
                code,
                description: without_tokens(first_line.trim()),
                correlation_id: text("correlation_id"),
            },
        )
    }

    /// Takes a secret out of the service's words, should it repeat it.
    pub(super) fn without(mut self, secret: &Secret) -> Self {
        if let ErrorKind::Refused { description, .. } = &mut self.kind
            && !secret.expose().is_empty()
        {
            *description = description.replace(secret.expose(), "[secret]");
        }
        self
    }
}

/// The number in `AADSTS7000215: Invalid client secret provided.`
fn code_in(description: &str) -> Option<u64> {
    let (_, after) = description.split_once("AADSTS")?;
    let length = after
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(after.len());
    after[..length].parse().ok()
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = self.flow;
        match &self.kind {
            ErrorKind::Refused {
                code,
                error,
                status,
                ..
            } => {
                write!(formatter, "signing in by {flow} was refused")?;
                match code.and_then(advice) {
                    Some(advice) => write!(formatter, ": {}", advice.meaning),
                    None if error.is_empty() => write!(formatter, " with status {status}"),
                    None => write!(formatter, ": {error}"),
                }
            }
            ErrorKind::Road(error) => write!(formatter, "signing in was not possible: {error}"),
            ErrorKind::Certificate { reason } => write!(
                formatter,
                "the certificate to sign in with cannot be used: {reason}"
            ),
            ErrorKind::Missing { method, key } => write!(
                formatter,
                "signing in by {} needs \"{key}\" in the organization file",
                method.word()
            ),
            ErrorKind::NotAvailable { method } => write!(
                formatter,
                "signing in by {} is not available yet",
                method.word()
            ),
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let failure = match &error.kind {
            ErrorKind::Refused {
                status,
                error: word,
                code,
                description,
                correlation_id,
            } => {
                let kind = match status {
                    429 => FailureKind::Throttled,
                    500.. => FailureKind::Unreachable,
                    _ => FailureKind::SignIn,
                };
                let words = [description, word]
                    .into_iter()
                    .find(|text| !text.is_empty());
                let correlation = correlation_id
                    .as_ref()
                    .map(|id| format!("correlation id {id}"));
                let detail: Vec<String> = words.cloned().into_iter().chain(correlation).collect();
                Self {
                    detail: (!detail.is_empty()).then(|| detail.join("; ")),
                    hint: code.and_then(advice).map(|advice| advice.hint.to_owned()),
                    ..Self::new(kind, message)
                }
            }
            ErrorKind::Road(road) => Self {
                message,
                ..Self::from(road.clone())
            },
            ErrorKind::Certificate { .. } => Self::new(FailureKind::Input, message).with_hint(
                "\"sign_in.certificate\" is a PEM file with an RSA private key and its certificate",
            ),
            ErrorKind::Missing { .. } => Self::new(FailureKind::Input, message),
            ErrorKind::NotAvailable { .. } => Self::new(FailureKind::Input, message)
                .with_hint("client-secret and certificate are available"),
        };
        failure.caused_by(error)
    }
}
