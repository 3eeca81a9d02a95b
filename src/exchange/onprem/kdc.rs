//! [`Courier`]: carries Kerberos messages to the key distribution center over TCP (RFC 4120 7.2.2), with a time-out, and
//! keeps what was refused.

use super::problem::Problem;
use sspi::{NetworkProtocol, NetworkRequest};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Carries messages to the key distribution center, and knows afterwards why it went wrong.
pub(super) struct Courier {
    time_limit: Duration,
    /// The last error code of the key distribution center (RFC 4120 7.5.9).
    pub(super) refusal: Option<u32>,
    /// Why it could not be reached.
    pub(super) unreachable: Option<Problem>,
}

impl Courier {
    pub(super) fn new(time_limit: Duration) -> Self {
        Self {
            time_limit,
            refusal: None,
            unreachable: None,
        }
    }

    /// Sends one message and waits for the answer; both begin with their length.
    pub(super) async fn carry(&mut self, request: &NetworkRequest) -> sspi::Result<Vec<u8>> {
        let host = request.url.host_str().unwrap_or_default();
        let port = request.url.port().unwrap_or(KERBEROS_PORT);
        let authority = format!("{host}:{port}");
        let exchange = exchange((host.trim_matches(['[', ']']), port), &request.data);
        let reason = if request.protocol == NetworkProtocol::Tcp {
            match timeout(self.time_limit, exchange).await {
                Ok(Ok(answer)) => {
                    self.refusal = answer.get(4..).and_then(error_code);
                    return Ok(answer);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", self.time_limit.as_secs()),
            }
        } else {
            "it can be reached over TCP only".to_owned()
        };
        let problem = Problem::KdcUnreachable { authority, reason };
        let error = sspi::Error::new(
            sspi::ErrorKind::NoAuthenticatingAuthority,
            problem.to_string(),
        );
        self.unreachable = Some(problem);
        Err(error)
    }
}

async fn exchange(address: (&str, u16), message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(message).await?;
    let length = stream.read_u32().await?;
    if length as usize > LARGEST_ANSWER {
        return Err(std::io::Error::other(format!(
            "its answer is larger than {LARGEST_ANSWER} bytes"
        )));
    }
    let mut answer = length.to_be_bytes().to_vec();
    answer.resize(4 + length as usize, 0);
    stream.read_exact(&mut answer[4..]).await?;
    Ok(answer)
}

/// The error code of a `KRB-ERROR` (RFC 4120 5.9.1); nothing for any other message.
pub(super) fn error_code(message: &[u8]) -> Option<u32> {
    let (KRB_ERROR, sequence, _) = element(message)? else {
        return None;
    };
    let (SEQUENCE, mut fields, _) = element(sequence)? else {
        return None;
    };
    while let Some((tag, field, rest)) = element(fields) {
        if tag == ERROR_CODE {
            let (INTEGER, digits, _) = element(field)? else {
                return None;
            };
            let number = digits.iter().take(5);
            let number = number.fold(0_u64, |number, digit| number << 8 | u64::from(*digit));
            return u32::try_from(number).ok();
        }
        fields = rest;
    }
    None
}

/// The error code of a service that answers with an error instead of proving itself (RFC 4121 4.1).
pub(super) fn service_error_code(token: &[u8]) -> Option<u32> {
    let mark = [3, 0, KRB_ERROR];
    let at = token.windows(mark.len()).position(|bytes| bytes == mark)?;
    error_code(&token[at + 2..])
}

/// The first DER element: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

const KERBEROS_PORT: u16 = 88;

/// Tickets of accounts in very many groups are some ten thousand bytes.
const LARGEST_ANSWER: usize = 1 << 20;

// Tags of RFC 4120 5.9.1.
const KRB_ERROR: u8 = 0x7e;
const SEQUENCE: u8 = 0x30;
const ERROR_CODE: u8 = 0xa6;
const INTEGER: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;

    /// What MIT's server says of an unknown account, with the names shortened.
    const UNKNOWN_CLIENT: &[u8] = &[
        0x7e, 0x2d, 0x30, 0x2b, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa4, 0x11, 0x18, 0x0f, b'2',
        b'0', b'2', b'6', b'1', b'1', b'2', b'3', b'0', b'4', b'0', b'0', b'0', b'0', b'Z', 0xa5,
        3, 2, 1, 0, 0xa6, 3, 2, 1, 6, 0xa9, 2, 0x1b, 0,
    ];

    #[test]
    fn the_code_of_an_error_is_read_and_of_nothing_else() {
        assert_eq!(error_code(UNKNOWN_CLIENT), Some(6));
        let mut answer = UNKNOWN_CLIENT.to_vec();
        answer[0] = 0x6b;
        assert_eq!(error_code(&answer), None);
        let token = [&[0x60, 0x3b, 6, 9, 1, 2, 3, 3, 0], UNKNOWN_CLIENT].concat();
        assert_eq!(service_error_code(&token), Some(6));
        assert_eq!(service_error_code(&UNKNOWN_CLIENT[1..]), None);
    }

    #[test]
    fn cut_and_changed_errors_are_no_panic() {
        for end in 0..UNKNOWN_CLIENT.len() {
            assert_eq!(error_code(&UNKNOWN_CLIENT[..end]), None);
        }
        for at in 0..UNKNOWN_CLIENT.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = UNKNOWN_CLIENT.to_vec();
                changed[at] = byte;
                let code = error_code(&changed);
                assert!(code.is_none_or(|code| code <= 0xff), "{code:?}");
            }
        }
    }
}
