//! [`Problem`]: what can go wrong on the way to an Exchange server, and what a person should know about it.

use super::value::Mismatch;
use crate::failure::{Failure, FailureKind};
use crate::remoting::{psrp, wsman};
use std::{error::Error, fmt, io};

/// What went wrong on the way.
#[derive(Debug)]
pub(super) enum Problem {
    /// The address cannot be used.
    Address { url: String, reason: String },
    /// Basic over plain HTTP would show the password.
    BasicInClear { url: String },
    /// An authentication that is not spoken here.
    Unspoken { authentication: &'static str },
    /// The user name or password cannot be sent.
    Credentials,
    /// The host name is not known.
    UnknownHost { authority: String, reason: String },
    /// Nothing listens there.
    Refused { authority: String },
    /// No connection for another reason.
    Connect { authority: String, reason: String },
    /// No connection in time.
    ConnectTimedOut { authority: String, seconds: u64 },
    /// The certificate is not trusted.
    Untrusted { authority: String, reason: String },
    /// TLS could not be agreed on.
    Handshake { authority: String, reason: String },
    /// The server wants a client certificate in the middle of the connection.
    Renegotiation { reason: String },
    /// The connection broke.
    Interrupted { reason: String },
    /// No answer in time.
    ReadTimedOut { seconds: u64 },
    /// The answer is larger than any that was asked for.
    TooLarge { limit: usize },
    /// The answer is compressed although that was not asked for.
    Compressed { encoding: String },
    /// The web server refused before PowerShell saw the request.
    Status {
        status: u16,
        html: bool,
        empty: bool,
        offers: Vec<String>,
    },
    /// The web server sends elsewhere.
    Redirected { status: u16, location: String },
    /// The answer is not SOAP.
    NotSoap { content_type: String, html: bool },
    /// The answer is SOAP that cannot be read.
    Envelope(wsman::Error),
    /// The service refused.
    Fault(wsman::Fault),
    /// The answer is to something else.
    Unexpected {
        expected: &'static str,
        found: &'static str,
    },
    /// The data inside breaks the protocol.
    Remoting(psrp::Error),
    /// The runspace pool broke; the words are the server's.
    PoolBroken { reason: String },
    /// The cmdlet asked its user something.
    Prompted { question: String },
    /// A value cannot travel.
    Value(Mismatch),
    /// The cmdlet runs longer than anybody waits.
    StillRunning { minutes: u64 },
    /// The pipeline was stopped from the other side.
    Stopped,
}

impl Problem {
    pub(super) fn connect(authority: &str, error: &io::Error) -> Self {
        let authority = authority.to_owned();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { authority },
            // The resolver's errors have no kind of their own.
            _ if error.to_string().starts_with("failed to lookup address") => Self::UnknownHost {
                authority,
                reason: error.to_string(),
            },
            _ => Self::Connect {
                authority,
                reason: error.to_string(),
            },
        }
    }

    pub(super) fn handshake(authority: &str, error: &io::Error) -> Self {
        let authority = authority.to_owned();
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(reason)) => Self::Untrusted {
                authority,
                reason: reason.to_string(),
            },
            Some(other) => Self::Handshake {
                authority,
                reason: other.to_string(),
            },
            None => Self::Handshake {
                authority,
                reason: error.to_string(),
            },
        }
    }

    /// `first` says that this TLS connection broke before it gave any answer.
    pub(super) fn interrupted(error: &hyper::Error, first: bool) -> Self {
        let reason = root_cause(error);
        let alert = matches!(
            tls_error(error),
            Some(rustls::Error::AlertReceived(_) | rustls::Error::PeerMisbehaved(_))
        );
        if first && (alert || is_reset(error)) {
            Self::Renegotiation { reason }
        } else {
            Self::Interrupted { reason }
        }
    }

    /// Says whether another try could find the service in a better state.
    pub(super) fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// Says whether the server may have seen the request that met this.
    pub(super) fn may_have_arrived(&self) -> bool {
        match self {
            Self::Address { .. }
            | Self::BasicInClear { .. }
            | Self::Unspoken { .. }
            | Self::Credentials
            | Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Connect { .. }
            | Self::ConnectTimedOut { .. }
            | Self::Untrusted { .. }
            | Self::Handshake { .. }
            | Self::Redirected { .. }
            | Self::Remoting(_)
            | Self::Value(_) => false,
            Self::Status { status, .. } => *status >= 500,
            _ => true,
        }
    }

    pub(super) fn into_failure(self, url: &str) -> Failure {
        let mut failure = Failure::new(self.kind(), self.to_string());
        if let Some(detail) = self.detail() {
            failure = failure.with_detail(detail);
        }
        if let Some(hint) = self.hint(url) {
            failure = failure.with_hint(hint);
        }
        failure.caused_by(self)
    }

    fn kind(&self) -> FailureKind {
        use wsman::FaultKind;
        match self {
            Self::Address { .. }
            | Self::BasicInClear { .. }
            | Self::Unspoken { .. }
            | Self::Credentials
            | Self::Prompted { .. }
            | Self::Value(Mismatch::Unknown { .. }) => FailureKind::Input,
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Connect { .. }
            | Self::ConnectTimedOut { .. }
            | Self::Untrusted { .. }
            | Self::Handshake { .. }
            | Self::Renegotiation { .. }
            | Self::Interrupted { .. }
            | Self::ReadTimedOut { .. }
            | Self::StillRunning { .. }
            | Self::Stopped
            | Self::PoolBroken { .. } => FailureKind::Unreachable,
            Self::Status { status, .. } => match status {
                401 => FailureKind::SignIn,
                403 => FailureKind::Denied,
                503 => FailureKind::Unreachable,
                _ => FailureKind::Protocol,
            },
            Self::Fault(fault) => match fault.kind() {
                FaultKind::AccessDenied => FailureKind::Denied,
                FaultKind::TooManyShells | FaultKind::Quota => FailureKind::Throttled,
                FaultKind::TimedOut | FaultKind::Aborted => FailureKind::Unreachable,
                FaultKind::ResourceUnknown => FailureKind::Input,
                FaultKind::InvalidSelectors | FaultKind::Other => FailureKind::Protocol,
            },
            Self::TooLarge { .. }
            | Self::Compressed { .. }
            | Self::Redirected { .. }
            | Self::NotSoap { .. }
            | Self::Envelope(_)
            | Self::Unexpected { .. }
            | Self::Remoting(_)
            | Self::Value(Mismatch::TooLarge { .. }) => FailureKind::Protocol,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Fault(fault) => Some(fault.to_string()),
            Self::Renegotiation { reason }
            | Self::UnknownHost { reason, .. }
            | Self::Untrusted { reason, .. }
            | Self::Interrupted { reason } => Some(reason.clone()),
            Self::Status { offers, .. } if !offers.is_empty() => {
                Some(format!("the server offers {}", offers.join(", ")))
            }
            _ => None,
        }
    }

    fn hint(&self, url: &str) -> Option<String> {
        use wsman::FaultKind;
        let fixed = match self {
            Self::BasicInClear { .. } | Self::Unspoken { .. } => {
                "use auth = \"basic\" with an https:// address, after Basic authentication was enabled on the PowerShell virtual directory (Set-PowerShellVirtualDirectory -BasicAuthentication $true)"
            }
            Self::UnknownHost { .. } | Self::Refused { .. } | Self::ConnectTimedOut { .. } => {
                "check exchange.url in the organization file; the server must be reachable from here"
            }
            Self::Untrusted { .. } => {
                "name the issuing authority in exchange.ca_file of the organization file, as PEM"
            }
            Self::Renegotiation { .. } => {
                "the PowerShell virtual directory asks for a client certificate after the request was sent, which this TLS implementation does not do; let IIS ask at the handshake (netsh http add sslcert ... clientcertnegotiation=enable on the binding), or set \"ignore client certificates\" on the virtual directory"
            }
            Self::Status {
                status: 401,
                offers,
                ..
            } if takes_basic(offers) => {
                "check exchange.username and exchange.password; the name is DOMAIN\\user or a user principal name"
            }
            Self::Status { status: 401, .. } => {
                "enable it on the PowerShell virtual directory (Set-PowerShellVirtualDirectory -BasicAuthentication $true)"
            }
            Self::Status { status: 503, .. } => {
                "the application pool of the PowerShell virtual directory is not running"
            }
            Self::Status { status: 403, .. } => {
                "the account may need remote PowerShell (Set-User NAME -RemotePowerShellEnabled $true), or the virtual directory may require a client certificate"
            }
            Self::Status { status: 404, .. } | Self::NotSoap { .. } => {
                return Some(wrong_path(url));
            }
            Self::Status {
                status: 500,
                empty: true,
                ..
            } => {
                "the server refuses requests that are not encrypted, or cannot reach its back end; use an https:// address"
            }
            Self::Redirected { .. } => {
                "redirects are not followed, since they would carry the password along; set exchange.url to the address of the server itself"
            }
            Self::Compressed { .. } => {
                "turn off dynamic compression on the PowerShell virtual directory, or a proxy in between"
            }
            Self::Prompted { .. } => "pass confirm: false to run it without the question",
            Self::Fault(fault) => match fault.kind() {
                FaultKind::ResourceUnknown => return Some(wrong_path(url)),
                FaultKind::AccessDenied => {
                    "the account needs remote PowerShell (Set-User NAME -RemotePowerShellEnabled $true) and a management role"
                }
                FaultKind::TooManyShells => {
                    "close other Exchange Management Shell sessions of this account, or wait: an abandoned one is closed after 15 minutes"
                }
                FaultKind::Quota => return Some(wait(fault)),
                FaultKind::InvalidSelectors => {
                    "the server forgot the session: a load balancer that drops cookies or a recycled application pool does that; run it again"
                }
                FaultKind::Aborted => "the application pool was recycled; run it again",
                FaultKind::TimedOut | FaultKind::Other => return None,
            },
            Self::StillRunning { .. } => {
                "the cmdlet may still have its effect; look before running it again"
            }
            Self::Interrupted { .. } | Self::ReadTimedOut { .. } => {
                "if the cmdlet changes something, look whether it did before running it again"
            }
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

/// A server that offers nothing at all leaves only the password to doubt.
fn takes_basic(offers: &[String]) -> bool {
    let is_basic = |offer: &String| offer.to_ascii_lowercase().starts_with("basic");
    offers.is_empty() || offers.iter().any(is_basic)
}

fn wrong_path(url: &str) -> String {
    format!("{url} is not Exchange's PowerShell endpoint; its path is /PowerShell/")
}

fn wait(fault: &wsman::Fault) -> String {
    match fault.wait_milliseconds() {
        Some(milliseconds) => format!(
            "wait {} seconds, then run it again",
            milliseconds.div_ceil(1000)
        ),
        None => "wait a minute, then run it again".to_owned(),
    }
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

fn causes<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// An I/O error hides what it wraps one level deeper than its source.
fn cause<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn tls_error<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn is_reset(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { url, reason } => {
                write!(formatter, "the address \"{url}\" cannot be used: {reason}")
            }
            Self::BasicInClear { url } => write!(
                formatter,
                "Basic authentication would show the password on the way to {url}"
            ),
            Self::Unspoken { authentication } => write!(
                formatter,
                "this build does not speak {authentication} authentication yet"
            ),
            Self::Credentials => formatter
                .write_str("the user name or the password holds a character that cannot be sent"),
            Self::UnknownHost { authority, .. } => {
                write!(formatter, "the host of {authority} is not known")
            }
            Self::Refused { authority } => {
                write!(formatter, "{authority} refused the connection")
            }
            Self::Connect { authority, reason } => {
                write!(formatter, "no connection to {authority}: {reason}")
            }
            Self::ConnectTimedOut { authority, seconds } => {
                write!(formatter, "no connection to {authority} within {seconds} s")
            }
            Self::Untrusted { authority, .. } => {
                write!(formatter, "the certificate of {authority} is not trusted")
            }
            Self::Handshake { authority, reason } => {
                write!(formatter, "no TLS connection to {authority}: {reason}")
            }
            Self::Renegotiation { .. } => formatter
                .write_str("the server broke the TLS connection when it saw the first request"),
            Self::Interrupted { .. } => {
                formatter.write_str("the connection broke before the answer came")
            }
            Self::ReadTimedOut { seconds } => {
                write!(formatter, "the server gave no answer within {seconds} s")
            }
            Self::TooLarge { limit } => {
                write!(formatter, "an answer is larger than {limit} bytes")
            }
            Self::Compressed { encoding } => {
                write!(formatter, "the answer is compressed as {encoding}")
            }
            Self::Status {
                status: 401,
                offers,
                ..
            } => formatter.write_str(if takes_basic(offers) {
                "the server refused the user name or the password"
            } else {
                "the server does not take Basic authentication"
            }),
            Self::Status { status: 403, .. } => {
                formatter.write_str("the account may not use this endpoint")
            }
            Self::Status {
                status,
                html,
                empty,
                ..
            } => {
                let body = match (html, empty) {
                    (true, _) => " and a web page",
                    (_, true) => " and nothing else",
                    _ => "",
                };
                write!(formatter, "the web server answered {status}{body}")
            }
            Self::Redirected { status, location } => {
                write!(
                    formatter,
                    "the web server answered {status}: go to {location}"
                )
            }
            Self::NotSoap { content_type, html } => {
                let what = if *html {
                    "a web page".to_owned()
                } else {
                    format!("\"{content_type}\"")
                };
                write!(formatter, "the answer is {what} instead of SOAP")
            }
            Self::Envelope(error) => write!(formatter, "the answer cannot be read: {error}"),
            Self::Fault(fault) => write!(formatter, "the server refused: {}", words(fault)),
            Self::Unexpected { expected, found } => {
                write!(formatter, "expected {expected}, the answer is {found}")
            }
            Self::Remoting(error) => {
                write!(formatter, "PowerShell remoting failed: {error}")
            }
            Self::PoolBroken { reason } => {
                write!(formatter, "the runspace pool broke: {reason}")
            }
            Self::Prompted { question } => {
                write!(formatter, "the cmdlet asks for confirmation: {question}")
            }
            Self::Value(mismatch) => mismatch.fmt(formatter),
            Self::StillRunning { minutes } => {
                write!(
                    formatter,
                    "the cmdlet is still running after {minutes} minutes"
                )
            }
            Self::Stopped => formatter.write_str("the cmdlet was stopped by the server"),
        }
    }
}

fn words(fault: &wsman::Fault) -> String {
    use wsman::FaultKind;
    match fault.kind() {
        FaultKind::ResourceUnknown => "it knows no Exchange at this address".to_owned(),
        FaultKind::AccessDenied => "access is denied".to_owned(),
        FaultKind::TooManyShells => "the account has too many open sessions".to_owned(),
        FaultKind::Quota => "the account sends too many requests".to_owned(),
        FaultKind::InvalidSelectors => "it does not know the session any more".to_owned(),
        FaultKind::Aborted => "it ended the session".to_owned(),
        FaultKind::TimedOut => "it did not finish in time".to_owned(),
        FaultKind::Other => fault.words().trim_end_matches('.').to_owned(),
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Envelope(error) => Some(error),
            Self::Fault(fault) => Some(fault),
            Self::Remoting(error) => Some(error),
            Self::Value(mismatch) => Some(mismatch),
            _ => None,
        }
    }
}
