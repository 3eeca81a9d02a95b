//! [`Security`]: how requests prove who sends them. Basic shows the password each time; every other [`Way`] makes a
//! security context with the connection, which also seals what is said over plain HTTP.

use super::problem::Problem;
use crate::organization::{Authentication, OnPremisesExchange};
use crate::remoting::wsman::Protection;
use crate::secret::Secret;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::sync::OnceLock;

/// How requests prove who sends them.
pub(super) enum Security {
    /// Basic, which shows the password to whoever reads the connection.
    Basic {
        /// The whole `Authorization` header.
        header: Secret,
    },
    /// A security context per connection.
    Account(Account),
}

impl Security {
    pub(super) fn new(
        exchange: &OnPremisesExchange,
        password: Option<&Secret>,
        host: &str,
        is_tls: bool,
    ) -> Result<Self, Problem> {
        if exchange.auth == Authentication::Basic && !is_tls {
            return Err(Problem::BasicInClear {
                url: exchange.url.clone(),
            });
        }
        let person = exchange.account.as_ref().zip(password);
        let ways: &[Way] = match (exchange.auth, person) {
            (Authentication::Basic, Some((account, password))) => {
                return Ok(Self::basic(&account.username, password));
            }
            (Authentication::Kerberos, _) => &[Way::KERBEROS, Way::NEGOTIATE_KERBEROS],
            (Authentication::Negotiate, Some(_)) => &[Way::NEGOTIATE, Way::KERBEROS, Way::NTLM],
            (Authentication::Ntlm, Some(_)) => &[Way::NEGOTIATE_NTLM, Way::NTLM],
            (auth, None) => {
                return Err(Problem::NoAccount {
                    authentication: name(auth),
                });
            }
        };
        if !cfg!(feature = "sspi") {
            return Err(Problem::Unspoken {
                authentication: name(exchange.auth),
            });
        }
        if person.is_none() && !cfg!(feature = "single-sign-on") {
            return Err(Problem::NoTickets);
        }
        let is_address = host.parse::<std::net::IpAddr>().is_ok();
        if exchange.auth == Authentication::Kerberos && is_address {
            return Err(Problem::KerberosToAddress {
                host: host.to_owned(),
            });
        }
        Ok(Self::Account(Account {
            authentication: name(exchange.auth),
            person: person.map(|(account, password)| Person {
                username: account.username.clone(),
                password: password.clone(),
                kdc: exchange.kdc.clone(),
            }),
            host: host.to_owned(),
            ways,
            chosen: OnceLock::new(),
        }))
    }

    fn basic(username: &str, password: &Secret) -> Self {
        let pair = Secret::new(format!("{username}:{}", password.expose()));
        let coded = Secret::new(BASE64_STANDARD.encode(pair.expose()));
        Self::Basic {
            header: Secret::new(format!("Basic {}", coded.expose())),
        }
    }
}

/// Who signs in where, and in which ways it may be tried.
#[cfg_attr(not(feature = "sspi"), expect(dead_code, reason = "read by sspi only"))]
pub(super) struct Account {
    /// The authentication that was asked for, as users call it.
    pub(super) authentication: &'static str,
    /// Nobody where it is the ticket that is held already which says who signs in.
    pub(super) person: Option<Person>,
    /// The host of the Exchange server; its service is `HTTP/<host>`.
    pub(super) host: String,
    ways: &'static [Way],
    chosen: OnceLock<Way>,
}

/// Who signs in by what they know.
#[cfg_attr(not(feature = "sspi"), expect(dead_code, reason = "read by sspi only"))]
pub(super) struct Person {
    pub(super) username: String,
    pub(super) password: Secret,
    /// The key distribution center that the organization file names.
    pub(super) kdc: Option<String>,
}

#[cfg_attr(not(feature = "sspi"), expect(dead_code, reason = "read by sspi only"))]
impl Account {
    /// The ways to try, in order; only the one that worked before, if there is one.
    pub(super) fn ways(&self) -> &[Way] {
        self.chosen.get().map_or(self.ways, std::slice::from_ref)
    }

    /// Keeps the way that worked for the next connections.
    pub(super) fn choose(&self, way: Way) {
        self.chosen.get_or_init(|| way);
    }

    /// The name of the service (RFC 4559 4).
    pub(super) fn service(&self) -> String {
        format!("HTTP/{}", self.host)
    }
}

/// A scheme of HTTP, and what is said in its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) scheme: Scheme,
    pub(super) kerberos: bool,
    pub(super) ntlm: bool,
}

impl Way {
    const KERBEROS: Self = Self::new(Scheme::Kerberos, true, false);
    const NEGOTIATE: Self = Self::new(Scheme::Negotiate, true, true);
    const NEGOTIATE_KERBEROS: Self = Self::new(Scheme::Negotiate, true, false);
    const NEGOTIATE_NTLM: Self = Self::new(Scheme::Negotiate, false, true);
    const NTLM: Self = Self::new(Scheme::Ntlm, false, true);

    const fn new(scheme: Scheme, kerberos: bool, ntlm: bool) -> Self {
        Self {
            scheme,
            kerberos,
            ntlm,
        }
    }
}

/// An authentication scheme of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Bare Kerberos tokens: what Exchange's front end offers.
    Kerberos,
    /// SPNEGO (RFC 4559).
    Negotiate,
    /// Bare NTLM tokens (MS-NTHT).
    Ntlm,
}

#[cfg_attr(not(feature = "sspi"), expect(dead_code, reason = "read by sspi only"))]
impl Scheme {
    /// The name in `Authorization` and `WWW-Authenticate`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kerberos => "Kerberos",
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
        }
    }

    pub(super) fn protection(self) -> Protection {
        match self {
            Self::Kerberos => Protection::Kerberos,
            Self::Negotiate | Self::Ntlm => Protection::Spnego,
        }
    }

    /// Whether the server offers it, with or without a token.
    pub(super) fn is_among(self, offers: &[String]) -> bool {
        offers.iter().any(|offer| self.parameter(offer).is_some())
    }

    /// The server's token, if it gave one.
    pub(super) fn token(self, offers: &[String]) -> Option<Vec<u8>> {
        let coded = offers.iter().find_map(|offer| self.parameter(offer))?;
        let token = BASE64_STANDARD.decode(coded).ok()?;
        (!token.is_empty()).then_some(token)
    }

    fn parameter(self, offer: &str) -> Option<&str> {
        let (scheme, parameter) = offer.split_once(' ').unwrap_or((offer, ""));
        scheme
            .trim()
            .eq_ignore_ascii_case(self.name())
            .then_some(parameter.trim())
    }
}

fn name(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::Kerberos => "Kerberos",
        Authentication::Negotiate => "Negotiate",
        Authentication::Ntlm => "NTLM",
        Authentication::Basic => "Basic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_recognized_with_and_without_a_token() {
        let offers = ["kerberos", "Negotiate dG9rZW4=", "Basic realm=\"x\""].map(str::to_owned);
        assert!(Scheme::Kerberos.is_among(&offers) && Scheme::Negotiate.is_among(&offers));
        assert!(!Scheme::Ntlm.is_among(&offers));
        assert_eq!(Scheme::Negotiate.token(&offers), Some(b"token".to_vec()));
        assert_eq!(Scheme::Kerberos.token(&offers), None);
        assert_eq!(Scheme::Ntlm.token(&["NTLM %%%".to_owned()]), None);
    }
}
