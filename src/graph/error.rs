//! [`Error`]: a request to Graph that was refused or could not be made.

use super::{Method, Request};
use crate::failure::{Failure, FailureKind};
use crate::secret::without_tokens;
use crate::{entra, http};
use serde_json::Value as Json;
use std::{error, fmt};

/// A request to Graph that was refused or could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The method.
    pub method: Method,
    /// The path under `/v1.0`.
    pub path: String,
    /// What happened.
    pub kind: ErrorKind,
}

/// What happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Graph refused.
    Refused {
        /// The status.
        status: u16,
        /// The code, such as `Request_ResourceNotFound`; empty when it was not said.
        code: String,
        /// The message; empty when it was not said.
        message: String,
        /// The property that it is about.
        target: Option<String>,
        /// Why a token was not accepted, from the challenge (RFC 6750 section 3).
        challenge: Option<String>,
        /// What to tell Microsoft's support.
        request_id: Option<String>,
    },
    /// Signing in failed.
    SignIn(entra::Error),
    /// The request itself failed.
    Road(http::Error),
    /// A list could not be read to its end.
    Incomplete {
        /// Why.
        reason: &'static str,
    },
    /// The body holds something that only the service will know.
    Unknown,
}

impl Error {
    pub(super) fn new(request: &Request, kind: ErrorKind) -> Self {
        Self {
            method: request.method,
            path: request.path.clone(),
            kind,
        }
    }

    /// Reads a refusal.
    pub(super) fn refused(request: &Request, answer: &http::Response) -> Self {
        let json = match answer.json() {
            Ok(json) => json,
            Err(error) if matches!(error.kind, http::ErrorKind::NotJson { html: true, .. }) => {
                let reading = request.method == Method::Get || answer.status() < 500;
                return Self::new(request, ErrorKind::Road(error.of_request(reading)));
            }
            Err(_) => Json::String(answer.text()),
        };
        let body = &json["error"];
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let inner_request_id = text(&body["innerError"]["request-id"]);
        Self::new(
            request,
            ErrorKind::Refused {
                status: answer.status(),
                // The sign-in service's form of an error has the code in its place.
                code: text(&body["code"])
                    .or_else(|| text(body))
                    .unwrap_or_default(),
                message: text(&body["message"])
                    .or_else(|| text(&json["error_description"]))
                    .or_else(|| text(&json))
                    .map(|message| without_tokens(&message))
                    .unwrap_or_default(),
                target: body["details"]
                    .as_array()
                    .and_then(|details| text(&details.first()?["target"])),
                challenge: answer.header("www-authenticate").and_then(http::challenge),
                request_id: answer.request_id().map(str::to_owned).or(inner_request_id),
            },
        )
    }

    /// Says whether a request that writes may have been done although it failed.
    pub fn is_ambiguous(&self) -> bool {
        match &self.kind {
            ErrorKind::Refused { status, .. } => self.method != Method::Get && *status >= 500,
            ErrorKind::Road(error) => error.ambiguous,
            ErrorKind::SignIn(_) | ErrorKind::Incomplete { .. } | ErrorKind::Unknown => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, kind } = self;
        match kind {
            ErrorKind::Refused {
                status,
                code,
                message,
                challenge,
                ..
            } => {
                if let Some(challenge) = challenge
                    && http::wants_claims(challenge)
                {
                    return write!(
                        formatter,
                        "Microsoft Graph refused {method} {path}: a policy of the tenant is not satisfied, also after a new sign-in"
                    );
                }
                let words = [message, code].into_iter().find(|words| !words.is_empty());
                write!(formatter, "Microsoft Graph refused {method} {path}: ")?;
                match words {
                    Some(words) => formatter.write_str(http::sentence(words)),
                    None => write!(formatter, "status {status}"),
                }
            }
            ErrorKind::SignIn(error) => error.fmt(formatter),
            ErrorKind::Road(error) => error.fmt(formatter),
            ErrorKind::Incomplete { reason } => {
                write!(
                    formatter,
                    "the answer to {method} {path} is incomplete: {reason}"
                )
            }
            ErrorKind::Unknown => write!(
                formatter,
                "{method} {path} would send a value that only the service will know"
            ),
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = match &error.kind {
            ErrorKind::Refused {
                status,
                code,
                message,
                target,
                challenge,
                request_id,
            } => {
                let detail = [
                    Some(format!("{status} {code}").trim_end().to_owned()),
                    target.as_ref().map(|target| format!("property {target}")),
                    challenge.clone(),
                    request_id.as_ref().map(|id| format!("request id {id}")),
                ];
                let detail: Vec<String> = detail.into_iter().flatten().collect();
                Self {
                    hint: missing_grant(*status, &error.path)
                        .map(str::to_owned)
                        .or_else(|| hint(*status, code, message, challenge.as_deref())),
                    ..Self::new(kind(*status, code, message), error.to_string())
                }
                .with_detail(detail.join("; "))
            }
            ErrorKind::SignIn(below) => below.clone().into(),
            ErrorKind::Road(below) => below.clone().into(),
            ErrorKind::Incomplete { .. } => Self::new(FailureKind::Protocol, error.to_string()),
            ErrorKind::Unknown => Self::new(FailureKind::Internal, error.to_string()),
        };
        Self {
            ambiguous: error.is_ambiguous(),
            ..failure.caused_by(error)
        }
    }
}

fn kind(status: u16, code: &str, message: &str) -> FailureKind {
    let taken = code == "Request_MultipleObjectsWithSameKeyValue"
        || message.contains("Another object with the same value");
    match status {
        _ if taken => FailureKind::AlreadyExists,
        _ if code == "Directory_ConcurrencyViolation" => FailureKind::Conflict,
        401 => FailureKind::SignIn,
        403 => FailureKind::Denied,
        404 => FailureKind::NotFound,
        409 | 412 => FailureKind::Conflict,
        429 => FailureKind::Throttled,
        400..500 => FailureKind::Invalid,
        500.. => FailureKind::Unreachable,
        _ => FailureKind::Protocol,
    }
}

/// The permission that a refused request needs besides those of applications (the pages of `appRoleAssignment` and
/// `tenantAppManagementPolicy` of Microsoft Graph v1.0).
fn missing_grant(status: u16, path: &str) -> Option<&'static str> {
    match status {
        403 if path.contains("/appRoleAssignments") => Some(
            "to grant a role, the application needs AppRoleAssignment.ReadWrite.All with admin consent, and a person the role Privileged Role Administrator or Global Administrator",
        ),
        403 if path.starts_with("/policies/") => {
            Some("to read policies, the application needs Policy.Read.All with admin consent")
        }
        _ => None,
    }
}

fn hint(status: u16, code: &str, message: &str, challenge: Option<&str>) -> Option<String> {
    let hint = match status {
        _ if message.contains("InvalidCloudInstance") => {
            "the token is from another cloud: \"cloud\" and [endpoints] in the organization file must agree"
        }
        401 if challenge.is_some_and(http::wants_claims) => http::POLICY,
        401 => "check that [endpoints] names the Graph of the cloud that issued the token",
        403 if code == "Authorization_RequestDenied" => {
            "to read, the application needs Application.Read.All; to write, Application.ReadWrite.All, with admin consent"
        }
        _ if code == "Directory_ConcurrencyViolation" => "somebody else changed it: run again",
        _ => return None,
    };
    Some(hint.to_owned())
}
