//! [`Problem`]: what can go wrong on the way to an Exchange server, and what a person should know about it.

use super::kerberos;
use super::value::Mismatch;
use crate::failure::{Failure, FailureKind};
use crate::remoting::{psrp, wsman};
use std::{error::Error, fmt, io};

/// Which endpoint of a server is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Exchange's, `/PowerShell/`.
    Exchange,
    /// Windows' own, `/wsman`.
    Windows,
}

impl Service {
    pub(super) fn resource_uri(self) -> &'static str {
        match self {
            Self::Exchange => wsman::MICROSOFT_EXCHANGE,
            Self::Windows => wsman::MICROSOFT_POWERSHELL,
        }
    }
}

/// What a cmdlet asks its user for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Yes or no.
    Confirmation,
    /// The values of these parameters.
    Parameters(Vec<String>),
    /// Something that only a person can give.
    Person,
}

/// What went wrong on the way.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "single-sign-on"),
    expect(dead_code, reason = "some problems are those of tickets, and of sspi")
)]
pub(super) enum Problem {
    /// The address cannot be used.
    Address { url: String, reason: String },
    /// Basic over plain HTTP would show the password.
    BasicInClear { url: String },
    /// An authentication that is not spoken here.
    Unspoken { authentication: &'static str },
    /// The user name or password cannot be sent.
    Credentials,
    /// Only Kerberos does without a user name and a password.
    NoAccount { authentication: &'static str },
    /// Tickets that are held already are not used by this build.
    NoTickets,
    /// The ticket that is held already does not sign in; the reason is in the words of the system.
    Ticket { service: String, reason: String },
    /// Kerberos needs the domain of the account.
    NoDomain { username: String },
    /// Kerberos knows servers by name only.
    KerberosToAddress { host: String },
    /// The address of the key distribution center is none.
    WrongKdc { kdc: String },
    /// Nothing says where the key distribution center is.
    NoKdc { realm: String },
    /// The key distribution center does not answer.
    KdcUnreachable { authority: String, reason: String },
    /// Kerberos refused, by RFC 4120 7.5.9.
    Kerberos { code: u32, service: String },
    /// The server takes other authentications.
    NotOffered {
        authentication: &'static str,
        offers: Vec<String>,
    },
    /// The server refused what was proved to it.
    Refused { scheme: &'static str },
    /// The server did not prove who it is.
    Unproven,
    /// The server does not know the account any more that signed in on this connection.
    Forgotten,
    /// A token or a sealed message is not what it should be.
    Security {
        scheme: &'static str,
        reason: String,
    },
    /// A sealed answer is damaged.
    Sealing(wsman::SealingError),
    /// An answer is not sealed although it has to be.
    Unsealed,
    /// The host name is not known.
    UnknownHost { authority: String, reason: String },
    /// Nothing listens there.
    NotListening { authority: String },
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
    /// The answer is compressed in a way that is not read here, and was not asked for.
    Compressed { encoding: String },
    /// The answer is compressed and damaged.
    Unzipped { reason: String },
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
    Prompted { question: String, wants: Wants },
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
            io::ErrorKind::ConnectionRefused => Self::NotListening { authority },
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
            // The system's library has no kinds of errors.
            None if error.to_string().contains("certificate verify failed") => Self::Untrusted {
                authority,
                reason: error.to_string(),
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

    pub(super) fn into_failure(self, service: Service, url: &str) -> Failure {
        let mut failure = Failure::new(self.kind(), self.to_string());
        if let Some(detail) = self.detail() {
            failure = failure.with_detail(detail);
        }
        let hint = match service {
            Service::Exchange => self.hint(url),
            Service::Windows => self.windows_hint(url).or_else(|| self.hint(url)),
        };
        if service == Service::Windows && self.is_another_service() {
            failure.kind = FailureKind::NotFound;
            failure.message =
                "there is no PowerShell endpoint of Windows at this address".to_owned();
        }
        if let Some(hint) = hint {
            failure = failure.with_hint(hint);
        }
        failure.caused_by(self)
    }

    /// What to do where Windows' own endpoint is meant and that makes a difference.
    fn windows_hint(&self, url: &str) -> Option<String> {
        use wsman::FaultKind;
        let fixed = match self {
            Self::UnknownHost { .. }
            | Self::NotListening { .. }
            | Self::Connect { .. }
            | Self::ConnectTimedOut { .. } => {
                "PowerShell remoting must be on there (Enable-PSRemoting -Force) and its port be open from here: 5985, or 5986 with TLS; exchange.winrm in the organization file names another address"
            }
            Self::BasicInClear { .. } => {
                "write exchange.winrm with https:// and the port 5986, or use another exchange.auth"
            }
            Self::KerberosToAddress { .. }
            | Self::Kerberos {
                code: kerberos::KDC_ERR_S_PRINCIPAL_UNKNOWN,
                ..
            } => {
                "write exchange.winrm with the server's full name, such as http://ex01.contoso.com:5985/wsman; the name of a load balancer is not one"
            }
            Self::NotOffered { .. } | Self::Status { status: 401, .. } => {
                "the account must be allowed to sign in to Windows on that server, in a way that its WinRM service takes (winrm get winrm/config/service/auth)"
            }
            Self::Status { status: 403, .. } => WINDOWS_RIGHTS,
            Self::Status {
                status: 500,
                empty: true,
                ..
            } => {
                "the WinRM service refuses requests that are not encrypted; use an https:// address"
            }
            Self::Fault(fault) => match fault.kind() {
                FaultKind::AccessDenied => WINDOWS_RIGHTS,
                FaultKind::TooManyShells => {
                    "close other PowerShell sessions of this account on that server, or wait until the abandoned ones are closed"
                }
                _ if self.is_another_service() => return Some(windows_path(url)),
                _ => return None,
            },
            _ if self.is_another_service() => return Some(windows_path(url)),
            _ => return None,
        };
        Some(fixed.to_owned())
    }

    /// Says whether something answers at the address, and is not what was meant.
    fn is_another_service(&self) -> bool {
        match self {
            Self::Status { status: 404, .. } | Self::NotSoap { .. } => true,
            Self::Fault(fault) => fault.kind() == wsman::FaultKind::ResourceUnknown,
            _ => false,
        }
    }

    fn kind(&self) -> FailureKind {
        use wsman::FaultKind;
        match self {
            Self::Address { .. }
            | Self::BasicInClear { .. }
            | Self::Unspoken { .. }
            | Self::Credentials
            | Self::NoAccount { .. }
            | Self::NoTickets
            | Self::NoDomain { .. }
            | Self::KerberosToAddress { .. }
            | Self::WrongKdc { .. }
            | Self::NoKdc { .. }
            | Self::Prompted { .. }
            | Self::Value(Mismatch::Unknown { .. }) => FailureKind::Input,
            Self::Kerberos { .. }
            | Self::Ticket { .. }
            | Self::NotOffered { .. }
            | Self::Refused { .. } => FailureKind::SignIn,
            Self::UnknownHost { .. }
            | Self::NotListening { .. }
            | Self::KdcUnreachable { .. }
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
            Self::Unproven
            | Self::Forgotten
            | Self::Security { .. }
            | Self::Sealing(_)
            | Self::Unsealed
            | Self::TooLarge { .. }
            | Self::Compressed { .. }
            | Self::Unzipped { .. }
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
            | Self::Unzipped { reason }
            | Self::Interrupted { reason } => Some(reason.clone()),
            Self::KdcUnreachable { reason, .. } => Some(reason.clone()),
            Self::Kerberos { code, service } => {
                Some(format!("Kerberos error {code} for {service}"))
            }
            Self::Status { offers, .. } | Self::NotOffered { offers, .. } if !offers.is_empty() => {
                Some(format!("the server offers {}", offers.join(", ")))
            }
            _ => None,
        }
    }

    fn hint(&self, url: &str) -> Option<String> {
        use wsman::FaultKind;
        let fixed = match self {
            Self::Unspoken { .. } => {
                "this build was made without the cargo feature sspi; build it with default features"
            }
            Self::NoAccount { .. } => {
                "set exchange.username and exchange.password; only auth = \"kerberos\" does without both, with the ticket that is held already"
            }
            Self::NoTickets => {
                "set exchange.username and exchange.password, or build with the cargo feature single-sign-on, which takes the system's Kerberos library"
            }
            Self::Ticket { .. } => {
                "klist shows the tickets that are held, kinit gets one; or set exchange.username and exchange.password"
            }
            Self::NoDomain { .. } => {
                "write exchange.username as DOMAIN\\user or as a user principal name"
            }
            Self::KerberosToAddress { .. } => {
                "write the server's full name in exchange.url, such as http://ex01.contoso.com/PowerShell/"
            }
            Self::WrongKdc { .. } => {
                "set exchange.kdc to the name of a domain controller, such as dc01.contoso.com, with a port where it is not 88"
            }
            Self::NoKdc { .. } | Self::KdcUnreachable { .. } => {
                "set exchange.kdc in the organization file to a domain controller that is reachable from here at port 88 over TCP"
            }
            Self::Kerberos { code, service } => return Some(kerberos::remedy(*code, service)),
            Self::NotOffered { offers, .. } => return Some(offered_instead(offers)),
            Self::Refused { scheme: "Kerberos" } => {
                "the server could not read the ticket, or its clock is more than five minutes wrong: the service name may belong to another account (setspn -Q)"
            }
            Self::Refused { .. } => {
                "check exchange.username and exchange.password; a policy may also forbid NTLM to this account or server"
            }
            Self::Forgotten => {
                "something between here and the server opens connections of its own, such as a proxy; go to the server itself"
            }
            Self::Unsealed | Self::Sealing(_) | Self::Unproven | Self::Security { .. } => {
                "something between here and the server may change what is sent, such as a proxy; go to the server itself"
            }
            Self::BasicInClear { .. } => {
                "use auth = \"basic\" with an https:// address, after Basic authentication was enabled on the PowerShell virtual directory (Set-PowerShellVirtualDirectory -BasicAuthentication $true)"
            }
            Self::UnknownHost { .. } | Self::NotListening { .. } | Self::ConnectTimedOut { .. } => {
                "check exchange.url in the organization file; the server must be reachable from here"
            }
            Self::Untrusted { .. } => {
                "name the issuing authority in exchange.ca_file of the organization file, as PEM"
            }
            Self::Renegotiation { .. } => {
                "the PowerShell virtual directory asks for a client certificate after the request was sent, which this TLS implementation does not do; let IIS ask at the handshake (netsh http add sslcert ... clientcertnegotiation=enable on the binding), set \"ignore client certificates\" on the virtual directory, or build this program with the cargo feature native-tls"
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
                "redirects are followed only to hosts that exchange.redirect_hosts of the organization file names, since they carry the sign-in along, and never from https:// to http://; set exchange.url to the address of the server itself"
            }
            Self::Compressed { .. } | Self::Unzipped { .. } => {
                "turn off dynamic compression on the PowerShell virtual directory, or a proxy in between"
            }
            Self::Prompted { wants, .. } => match wants {
                Wants::Confirmation => "pass confirm: false to run it without the question",
                Wants::Parameters(names) if !names.is_empty() => {
                    let keys: Vec<String> = names.iter().map(|name| key_of(name)).collect();
                    return Some(format!("pass {}", keys.join(" and ")));
                }
                Wants::Parameters(_) => "pass the parameters that it asks for",
                Wants::Person => {
                    "nobody can answer it from here: run it in the Exchange Management Shell"
                }
            },
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

fn offered_instead(offers: &[String]) -> String {
    let word = |offer: &String| match offer.split(' ').next().unwrap_or_default() {
        "Kerberos" => Some("\"kerberos\""),
        "Negotiate" => Some("\"negotiate\""),
        "NTLM" => Some("\"ntlm\""),
        "Basic" => Some("\"basic\", over https:// only"),
        _ => None,
    };
    let words: Vec<&str> = offers.iter().filter_map(word).collect();
    if words.is_empty() {
        "enable an authentication on the PowerShell virtual directory (Set-PowerShellVirtualDirectory)".to_owned()
    } else {
        format!("set exchange.auth to {}", words.join(" or "))
    }
}

/// The key of a parameter, as scripts write it: `target_uri` for `TargetUri`.
fn key_of(parameter: &str) -> String {
    let mut key = String::new();
    let mut before = false;
    for letter in parameter.chars() {
        if letter.is_uppercase() && before {
            key.push('_');
        }
        before = letter.is_lowercase() || letter.is_ascii_digit();
        key.extend(letter.to_lowercase());
    }
    key
}

fn wrong_path(url: &str) -> String {
    format!("{url} is not Exchange's PowerShell endpoint; its path is /PowerShell/")
}

fn windows_path(url: &str) -> String {
    format!(
        "{url} is not Windows' PowerShell endpoint; its path is /wsman, and exchange.winrm in the organization file names the address"
    )
}

const WINDOWS_RIGHTS: &str = "the account must be a local administrator of that server, as the members of Organization Management usually are, or be in its group Remote Management Users";

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
                "this build does not speak {authentication} authentication"
            ),
            Self::NoAccount { authentication } => write!(
                formatter,
                "{authentication} authentication needs a user name and a password"
            ),
            Self::NoTickets => formatter
                .write_str("this build does not use a Kerberos ticket that is held already"),
            Self::Ticket { service, reason } => write!(
                formatter,
                "the Kerberos ticket that is held does not sign in to {service}: {reason}"
            ),
            Self::NoDomain { username } => {
                write!(formatter, "the user name \"{username}\" names no domain")
            }
            Self::KerberosToAddress { host } => write!(
                formatter,
                "Kerberos knows servers by name, and {host} is an address"
            ),
            Self::WrongKdc { kdc } => {
                write!(formatter, "\"{kdc}\" is no key distribution center")
            }
            Self::NoKdc { realm } => write!(
                formatter,
                "nothing says where the key distribution center of \"{realm}\" is"
            ),
            Self::KdcUnreachable { authority, .. } => write!(
                formatter,
                "the key distribution center {authority} does not answer"
            ),
            Self::Kerberos { code, .. } => {
                write!(
                    formatter,
                    "Kerberos sign-in failed: {}",
                    kerberos::words(*code)
                )
            }
            Self::NotOffered { authentication, .. } => write!(
                formatter,
                "the server does not take {authentication} authentication"
            ),
            Self::Refused { scheme } => {
                write!(formatter, "the server refused the account ({scheme})")
            }
            Self::Unproven => {
                formatter.write_str("the server let the account in without proving who it is")
            }
            Self::Forgotten => formatter
                .write_str("the server wants the account again on a connection that it let in"),
            Self::Security { scheme, reason } => {
                write!(formatter, "{scheme} authentication failed: {reason}")
            }
            Self::Sealing(error) => error.fmt(formatter),
            Self::Unsealed => {
                formatter.write_str("the answer is not encrypted, although the request was")
            }
            Self::Credentials => formatter
                .write_str("the user name or the password holds a character that cannot be sent"),
            Self::UnknownHost { authority, .. } => {
                write!(formatter, "the host of {authority} is not known")
            }
            Self::NotListening { authority } => {
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
            Self::Unzipped { .. } => formatter.write_str("the answer is compressed, and damaged"),
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
            Self::Prompted {
                question,
                wants: Wants::Confirmation,
            } => write!(formatter, "the cmdlet asks for confirmation: {question}"),
            Self::Prompted { question, .. } => {
                write!(formatter, "the cmdlet asks its user: {question}")
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
            Self::Sealing(error) => Some(error),
            Self::Remoting(error) => Some(error),
            Self::Value(mismatch) => Some(mismatch),
            _ => None,
        }
    }
}
