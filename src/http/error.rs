//! [`Error`]: no answer, or none that can be read; and what a person learns of it.

use crate::failure::{Failure, FailureKind};
use reqwest::Url;
use rustls::CertificateError::{self, BadSignature, UnknownIssuer};
use std::{error, fmt, io, time::Duration};

/// No answer came, or none that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Scheme, host and path of the request, without query; empty when it is not about a request.
    pub url: String,
    /// What happened.
    pub kind: ErrorKind,
    /// Whether the service may have done what was asked.
    pub ambiguous: bool,
}

/// What happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address is not one.
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The added certificate authorities cannot be used.
    CaFile {
        /// Why.
        reason: String,
    },
    /// The client could not be made.
    Setup {
        /// Why.
        reason: String,
    },
    /// No connection was made; nothing was sent.
    Connect {
        /// What the system says.
        reason: String,
    },
    /// The server's certificate is not trusted; nothing was sent.
    Untrusted {
        /// Why.
        reason: String,
        /// Whether nobody knows its issuer.
        unknown_issuer: bool,
    },
    /// TLS could not be agreed on; nothing was sent.
    Tls {
        /// Why.
        reason: String,
    },
    /// No answer in time.
    TimedOut {
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// The connection ended before the answer did.
    Interrupted {
        /// What the connection says.
        reason: String,
    },
    /// The answer is larger than any that is expected.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is JSON that ends too early.
    Truncated {
        /// Its status.
        status: u16,
        /// Its length.
        bytes: usize,
    },
    /// The answer is not JSON.
    NotJson {
        /// Its status.
        status: u16,
        /// What it says it is; empty when it does not say.
        content_type: String,
        /// Whether it has no body.
        empty: bool,
        /// Whether it is HTML.
        html: bool,
    },
    /// The answer is JSON of another shape.
    Shape {
        /// What was expected.
        expected: &'static str,
    },
}

impl Error {
    pub(crate) fn new(url: impl Location, kind: ErrorKind) -> Self {
        Self {
            url: url.location(),
            kind,
            ambiguous: false,
        }
    }

    pub(super) fn setup(reason: String) -> Self {
        Self::new("", ErrorKind::Setup { reason })
    }

    /// Says that the answer to this request has another shape.
    pub fn shape(url: &Url, expected: &'static str) -> Self {
        Self::new(url, ErrorKind::Shape { expected })
    }

    /// Says that no answer came in time.
    pub(super) fn timed_out(url: &Url, limit: Duration) -> Self {
        Self::new(
            url,
            ErrorKind::TimedOut {
                seconds: limit.as_secs(),
            },
        )
    }

    pub(super) fn from_reqwest(url: &Url, error: &reqwest::Error, time_limit: Duration) -> Self {
        let reason = root_cause(error);
        let kind = match find_tls_error(error) {
            Some(rustls::Error::InvalidCertificate(problem)) => ErrorKind::Untrusted {
                reason: certificate_problem(problem),
                unknown_issuer: matches!(problem, UnknownIssuer | BadSignature),
            },
            Some(other) if error.is_connect() => ErrorKind::Tls {
                reason: other.to_string(),
            },
            _ if error.is_connect() => ErrorKind::Connect { reason },
            _ if error.is_timeout() => ErrorKind::TimedOut {
                seconds: time_limit.as_secs(),
            },
            _ if error.is_builder() => ErrorKind::Address { reason },
            _ => ErrorKind::Interrupted { reason },
        };
        Self::new(url, kind)
    }

    /// Marks a failure of a request that writes as ambiguous, unless nothing was sent.
    pub(crate) fn of_request(mut self, repeatable: bool) -> Self {
        self.ambiguous = !repeatable
            && !matches!(
                self.kind,
                ErrorKind::Address { .. }
                    | ErrorKind::CaFile { .. }
                    | ErrorKind::Setup { .. }
                    | ErrorKind::Connect { .. }
                    | ErrorKind::Untrusted { .. }
                    | ErrorKind::Tls { .. }
            );
        self
    }

    /// Says whether sending again may help; a request that took all its time is given one more chance.
    pub(super) fn may_pass(&self, attempt: u32) -> bool {
        match self.kind {
            ErrorKind::Interrupted { .. } => true,
            ErrorKind::TimedOut { .. } => attempt < 2,
            _ => false,
        }
    }

    fn host(&self) -> &str {
        let after_scheme = self.url.split_once("://").map_or("", |(_, rest)| rest);
        after_scheme.split('/').next().unwrap_or_default()
    }
}

/// Something that names an address in an error.
pub(crate) trait Location {
    /// Scheme, host and path.
    fn location(self) -> String;
}

impl Location for &str {
    fn location(self) -> String {
        self.to_owned()
    }
}

impl Location for &Url {
    fn location(self) -> String {
        format!(
            "{}{}",
            self.origin().ascii_serialization(),
            self.path().trim_end_matches('/')
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host();
        match &self.kind {
            ErrorKind::Address { reason } => {
                write!(formatter, "\"{}\" is not an address: {reason}", self.url)
            }
            ErrorKind::CaFile { reason } => write!(
                formatter,
                "the certificate authorities in ca_file cannot be used: {reason}"
            ),
            ErrorKind::Setup { reason } => {
                write!(formatter, "HTTP cannot be set up: {reason}")
            }
            ErrorKind::Connect { reason } => {
                write!(formatter, "cannot connect to {host}: {reason}")
            }
            ErrorKind::Untrusted { reason, .. } => {
                write!(
                    formatter,
                    "the certificate of {host} is not trusted: {reason}"
                )
            }
            ErrorKind::Tls { reason } => {
                write!(formatter, "TLS with {host} failed: {reason}")
            }
            ErrorKind::TimedOut { seconds } => {
                write!(formatter, "{host} did not answer within {seconds} seconds")
            }
            ErrorKind::Interrupted { reason } => {
                write!(formatter, "the connection to {host} ended early: {reason}")
            }
            ErrorKind::TooLarge { limit } => {
                write!(formatter, "{host} answered with more than {limit} bytes")
            }
            ErrorKind::Truncated { status, bytes } => write!(
                formatter,
                "{host} answered {status} with JSON that ends early, after {bytes} bytes"
            ),
            ErrorKind::NotJson {
                status,
                empty: true,
                ..
            } => write!(
                formatter,
                "{host} answered {status} with nothing where JSON was expected"
            ),
            ErrorKind::NotJson {
                status, html: true, ..
            } => write!(
                formatter,
                "{host} answered {status} with HTML where JSON was expected"
            ),
            ErrorKind::NotJson {
                status,
                content_type,
                ..
            } if content_type.is_empty() => write!(
                formatter,
                "{host} answered {status} with something that is not JSON"
            ),
            ErrorKind::NotJson {
                status,
                content_type,
                ..
            } => write!(
                formatter,
                "{host} answered {status} with {content_type} that is not JSON"
            ),
            ErrorKind::Shape { expected } => {
                write!(formatter, "{host} answered without {expected}")
            }
        }
    }
}

impl error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, hint) = match &error.kind {
            ErrorKind::Address { .. } => (FailureKind::Input, None),
            ErrorKind::CaFile { .. } => (
                FailureKind::Input,
                Some("ca_file is a PEM file with one or more certificates"),
            ),
            ErrorKind::Setup { .. } => (FailureKind::Internal, None),
            ErrorKind::Untrusted {
                unknown_issuer: true,
                ..
            } => (
                FailureKind::Unreachable,
                Some(
                    "if a certificate authority of your own issued it, name its PEM file in ca_file of the organization file",
                ),
            ),
            ErrorKind::Connect { .. } => (
                FailureKind::Unreachable,
                Some("check the address, the network and the proxy settings"),
            ),
            ErrorKind::Untrusted { .. }
            | ErrorKind::Tls { .. }
            | ErrorKind::TimedOut { .. }
            | ErrorKind::Interrupted { .. } => (FailureKind::Unreachable, None),
            ErrorKind::NotJson { html: true, .. } => (
                FailureKind::Protocol,
                Some(
                    "a proxy may have answered in its place, or the address is not that of the service",
                ),
            ),
            ErrorKind::TooLarge { .. }
            | ErrorKind::Truncated { .. }
            | ErrorKind::NotJson { .. }
            | ErrorKind::Shape { .. } => (FailureKind::Protocol, None),
        };
        let mut failure = Self::new(kind, error.to_string());
        failure.ambiguous = error.ambiguous;
        failure.hint = hint.map(str::to_owned);
        if !error.url.is_empty() {
            failure.detail = Some(error.url.clone());
        }
        failure.caused_by(error)
    }
}

/// The innermost words, where the layers above only repeat that something failed.
pub(super) fn root_cause(error: &(dyn error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = below(cause) {
        cause = below;
    }
    cause.to_string()
}

fn find_tls_error<'error>(
    error: &'error (dyn error::Error + 'static),
) -> Option<&'error rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        cause = below(error);
    }
    None
}

/// The error below; an `io::Error` hides the one that it wraps from `source`.
fn below<'error>(
    error: &'error (dyn error::Error + 'static),
) -> Option<&'error (dyn error::Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn certificate_problem(problem: &CertificateError) -> String {
    match problem {
        UnknownIssuer => "nobody trusted here issued it".to_owned(),
        BadSignature => {
            "an authority with the name of a trusted one, but another key, issued it".to_owned()
        }
        other => other.to_string(),
    }
}
