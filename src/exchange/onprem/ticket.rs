//! [`Ticket`]: a security context of the system's Kerberos library, made with the ticket that is held already: by `kinit`, by
//! signing in to a computer of the domain, or by Windows.
//!
//! The library writes wrap tokens as RFC 4121 has them; here they are turned into the two parts that WinRM sends.

use super::kdc::service_error_code;
use super::problem::Problem;
use super::security::Scheme;
use crate::remoting::wsman::SealedPart;
use cross_krb5::{ClientCtx, InitiateFlags, K5Ctx as _, PendingClientCtx, Step};
use std::time::Duration;

/// A security context of the system's library.
pub(super) enum Ticket {
    /// The server has not proved itself yet.
    Pending(PendingClientCtx),
    Complete(ClientCtx),
    /// A step failed.
    Spent,
}

impl Ticket {
    /// Asks the domain for a ticket to the service, which the library does by itself, and makes the first token, bound to
    /// a TLS connection where there is one.
    pub(super) async fn begin(
        service: String,
        scheme: Scheme,
        bound_to: Option<Vec<u8>>,
        time_limit: Duration,
    ) -> Result<(Self, Vec<u8>), Problem> {
        let flags = match scheme {
            // On Windows only; elsewhere bare Kerberos tokens are what servers take under this scheme as well.
            Scheme::Negotiate => InitiateFlags::NEGOTIATE_TOKEN,
            Scheme::Kerberos | Scheme::Ntlm => InitiateFlags::empty(),
        };
        let wanted = service.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let begun = ClientCtx::new(flags, None, &wanted, bound_to.as_deref());
            begun
                .map(|(pending, token)| (Self::Pending(pending), token.to_vec()))
                .map_err(|error| format!("{error:#}"))
        });
        let reason = match tokio::time::timeout(time_limit, asking).await {
            Ok(Ok(Ok(begun))) => return Ok(begun),
            Ok(Ok(Err(reason))) => reason,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", time_limit.as_secs()),
        };
        Err(Problem::Ticket { service, reason })
    }

    /// Reads a token of the server and makes the next one, which is empty when there is nothing more to say.
    pub(super) fn step(&mut self, token: &[u8], service: &str) -> Result<Vec<u8>, Problem> {
        let reason = match std::mem::replace(self, Self::Spent) {
            Self::Pending(pending) => match pending.step(token) {
                Ok(Step::Finished((context, token))) => {
                    *self = Self::Complete(context);
                    return Ok(token.map(|token| token.to_vec()).unwrap_or_default());
                }
                Ok(Step::Continue((pending, token))) => {
                    let token = token.to_vec();
                    *self = Self::Pending(pending);
                    return Ok(token);
                }
                Err(error) => format!("{error:#}"),
            },
            Self::Complete(_) | Self::Spent => "the sign-in is over already".to_owned(),
        };
        let service = service.to_owned();
        Err(match service_error_code(token) {
            Some(code) => Problem::Kerberos { code, service },
            None => Problem::Ticket { service, reason },
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(_))
    }

    /// Seals one envelope.
    pub(super) fn seal(&mut self, plain: &[u8], service: &str) -> Result<SealedPart, Problem> {
        let fail = |reason: String| Problem::Ticket {
            service: service.to_owned(),
            reason,
        };
        let context = self.context().map_err(fail)?;
        let token = context
            .wrap(true, plain)
            .map_err(|error| fail(format!("{error:#}")))?;
        let (signature, data) = cut(token.to_vec(), plain.len()).ok_or_else(|| {
            fail("its session key is not of AES, the only one that is sealed with".to_owned())
        })?;
        Ok(SealedPart {
            length: plain.len(),
            signature,
            data,
        })
    }

    /// Opens what the server sealed.
    pub(super) fn unseal(&mut self, part: SealedPart, service: &str) -> Result<Vec<u8>, Problem> {
        let fail = |reason: String| Problem::Ticket {
            service: service.to_owned(),
            reason,
        };
        let context = self.context().map_err(fail)?;
        let token = [part.signature, part.data].concat();
        let plain = context
            .unwrap(&token)
            .map_err(|error| fail(format!("{error:#}")))?;
        Ok(plain.get(..part.length).unwrap_or(&plain).to_vec())
    }

    fn context(&mut self) -> Result<&mut ClientCtx, String> {
        match self {
            Self::Complete(context) => Ok(context),
            Self::Pending(_) | Self::Spent => Err("the sign-in is not complete".to_owned()),
        }
    }
}

/// Cuts a wrap token (RFC 4121 4.2.4) into what is more than the message and what is as long as it, with the encrypted bytes
/// turned so that header, trailer and confounder come first, as Windows does (MS-KILE 3.4.5.4.1).
fn cut(mut token: Vec<u8>, length: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let extra = token.len().checked_sub(length)?;
    let wanted = extra.checked_sub(2 * WRAP_HEADER)?;
    let &[5, 4, _, 0xff, _, _, high, low, ..] = token.as_slice() else {
        return None;
    };
    let turned = usize::from(u16::from_be_bytes([high, low]));
    let (header, encrypted) = token.split_at_mut(WRAP_HEADER);
    encrypted.rotate_left(turned % encrypted.len());
    encrypted.rotate_right(wanted);
    header[6..8].copy_from_slice(&u16::try_from(wanted).ok()?.to_be_bytes());
    let data = token.split_off(extra);
    Some((token, data))
}

/// The header of a wrap token (RFC 4121 4.2.6.2), and as long a confounder.
const WRAP_HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, a confounder (1), five bytes of a message (2), the encrypted header (3) and a checksum (4), turned.
    fn token(turned: usize) -> Vec<u8> {
        let header = [5, 4, 6, 0xff, 0, 0, 0, turned as u8, 0, 0, 0, 0, 0, 0, 0, 9];
        let mut encrypted = [[1; 16].as_slice(), &[2; 5], &[3; 16], &[4; 12]].concat();
        encrypted.rotate_right(turned);
        [header.to_vec(), encrypted].concat()
    }

    #[test]
    fn wrap_tokens_are_cut_as_windows_has_them_however_they_were_turned() {
        for turned in [0, 28, 13] {
            let expected = [
                [5, 4, 6, 0xff, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 9].as_slice(),
                &[3; 16],
                &[4; 12],
                &[1; 16],
            ];
            assert_eq!(cut(token(turned), 5), Some((expected.concat(), vec![2; 5])));
        }
    }

    #[test]
    fn what_is_no_wrap_token_is_not_cut() {
        let mut other = token(0);
        other[0] = 0x60;
        assert_eq!(cut(other, 5), None);
        assert_eq!(cut(token(0), 40), None);
        assert_eq!(cut(Vec::new(), 0), None);
    }
}
