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
    /// The federated token of a workload.
    WorkloadIdentity,
    /// The identity of a machine in Azure.
    ManagedIdentity,
    /// The Azure CLI's own sign-in.
    AzureCli,
    /// A browser on this machine.
    Browser,
    /// A code that is typed elsewhere.
    DeviceCode,
    /// What was kept of an earlier sign-in.
    Kept,
}

impl fmt::Display for Flow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClientSecret => "client secret",
            Self::Certificate => "certificate",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "managed identity",
            Self::AzureCli => "the Azure CLI",
            Self::Browser => "browser",
            Self::DeviceCode => "device code",
            Self::Kept => "what was kept",
        })
    }
}

/// What happened to a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Entra ID refused, with its error body (RFC 6749 section 5.2 and Microsoft's additions).
    Refused {
        /// The status; absent where the browser brought the refusal.
        status: Option<u16>,
        /// The word of the protocol, such as `invalid_client`; empty when it was not said.
        error: String,
        /// The number after `AADSTS`.
        code: Option<u64>,
        /// The description without its trailing identifiers; empty when there was none.
        description: String,
        /// What to tell Microsoft's support.
        correlation_id: Option<String>,
        /// The claims that the next sign-in of a person must ask for (OpenID Connect Core section 5.5), as JSON.
        claims: Option<String>,
    },
    /// The request itself failed.
    Road(http::Error),
    /// The file with key and certificate cannot be used.
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
    /// A person has to sign in, and there is nobody to ask.
    NobodyToAsk,
    /// The person could not be told what to do.
    Unasked {
        /// Why.
        failure: String,
    },
    /// No port of the loopback interface could be had for the browser to come back to.
    NoPort {
        /// What the system says.
        reason: String,
    },
    /// The system gives no random bytes.
    NoRandom,
    /// The person did not sign in in time.
    TooLate {
        /// How long it was waited.
        minutes: u64,
    },
    /// The answer is not the answer to this sign-in.
    Foreign {
        /// What shows it.
        what: &'static str,
    },
    /// There is no such identity on this machine.
    NoIdentity {
        /// Why.
        reason: String,
    },
    /// What was kept of an earlier sign-in cannot be used.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The sign-in could not be kept.
    NotKept {
        /// Why.
        reason: String,
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
                status: Some(status),
                error: text("error").unwrap_or_default(),
                code,
                description: without_tokens(first_line.trim()),
                correlation_id: text("correlation_id"),
                claims: text("claims").filter(|claims| !claims.is_empty()),
            },
        )
    }

    /// Makes the refusal that a browser brought back (RFC 6749 section 4.1.2.1).
    pub(super) fn brought(flow: Flow, error: &str, description: &str) -> Self {
        let first_line = description.lines().next().unwrap_or_default();
        Self::new(
            flow,
            ErrorKind::Refused {
                status: None,
                error: without_tokens(error),
                code: code_in(first_line),
                description: without_tokens(first_line.trim()),
                correlation_id: None,
                claims: None,
            },
        )
    }

    /// The word of the protocol, where the service refused.
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The claims that the next sign-in of a person must ask for.
    pub(super) fn claims(&self) -> Option<&str> {
        match &self.kind {
            ErrorKind::Refused { claims, .. } => claims.as_deref(),
            _ => None,
        }
    }

    /// Whether a refresh token was refused for a reason that a person can remove by signing in.
    pub(super) fn asks_for_the_person(&self) -> bool {
        // Microsoft authorized this application for other services only, and nobody can change that.
        let hopeless = matches!(
            self.kind,
            ErrorKind::Refused {
                code: Some(65002),
                ..
            }
        );
        let words = [
            "invalid_grant",
            "interaction_required",
            "consent_required",
            "login_required",
        ];
        !hopeless && self.word().is_some_and(|word| words.contains(&word))
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
                match (advice(*code, error), status) {
                    (Some(advice), _) => write!(formatter, ": {}", advice.meaning),
                    (None, Some(status)) if error.is_empty() => {
                        write!(formatter, " with status {status}")
                    }
                    (None, _) => write!(formatter, ": {error}"),
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
            ErrorKind::NobodyToAsk => write!(
                formatter,
                "signing in by {flow} needs a person, and there is nobody to ask"
            ),
            ErrorKind::Unasked { failure } => write!(
                formatter,
                "signing in by {flow} was not possible: {failure}"
            ),
            ErrorKind::NoPort { reason } => write!(
                formatter,
                "signing in by {flow} needs a port of the loopback interface: {reason}"
            ),
            ErrorKind::NoRandom => formatter.write_str("the system gives no random bytes"),
            ErrorKind::TooLate { minutes } => write!(
                formatter,
                "signing in by {flow} took longer than {minutes} minutes"
            ),
            ErrorKind::Foreign { what } => write!(
                formatter,
                "the sign-in service answered something else than this sign-in: {what}"
            ),
            ErrorKind::NoIdentity { reason } => write!(
                formatter,
                "signing in by {flow} is not possible here: {reason}"
            ),
            ErrorKind::Unreadable { reason } => write!(
                formatter,
                "what was kept of the earlier sign-in cannot be used: {reason}"
            ),
            ErrorKind::NotKept { reason } => {
                write!(formatter, "the sign-in could not be kept: {reason}")
            }
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
                ..
            } => {
                let kind = match status {
                    Some(429) => FailureKind::Throttled,
                    Some(500..) => FailureKind::Unreachable,
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
                    hint: advice(*code, word).map(|advice| advice.hint.to_owned()),
                    ..Self::new(kind, message)
                }
            }
            ErrorKind::Road(road) => Self {
                message,
                ..Self::from(road.clone())
            },
            ErrorKind::Certificate { .. } => Self::input(message).with_hint(
                "\"sign_in.certificate\" is a file with an RSA private key and its certificate, PEM or PKCS #12 (.pfx)",
            ),
            ErrorKind::Missing { .. } => Self::input(message),
            ErrorKind::NobodyToAsk => Self::new(FailureKind::SignIn, message).with_hint(
                "run `exoauth login` at a terminal once, or use a method for machines: client-secret, certificate, managed-identity, workload-identity or azure-cli",
            ),
            ErrorKind::Unasked { .. } => Self::new(FailureKind::SignIn, message),
            ErrorKind::NoPort { .. } => Self::new(FailureKind::SignIn, message)
                .with_hint("device-code needs no port"),
            ErrorKind::NoRandom => Self::new(FailureKind::Internal, message),
            ErrorKind::TooLate { .. } => {
                Self::new(FailureKind::SignIn, message).with_hint("start it again")
            }
            ErrorKind::Foreign { .. } => Self::new(FailureKind::Protocol, message),
            ErrorKind::NoIdentity { .. } => {
                let failure = Self::new(FailureKind::SignIn, message);
                match error.flow {
                    Flow::AzureCli => failure.with_hint("run `az login` with the tenant first"),
                    _ => failure.with_hint("another method is set as \"sign_in.method\""),
                }
            }
            ErrorKind::Unreadable { .. } => Self::input(message)
                .with_hint("`exoauth logout` removes it"),
            ErrorKind::NotKept { .. } => Self::input(message),
        };
        failure.caused_by(error)
    }
}
