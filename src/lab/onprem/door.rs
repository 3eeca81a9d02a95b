//! [`Door`]: who comes in over one connection, and how what is said there is sealed.
//!
//! Basic shows the password with each request, so it is taken over TLS only. The other schemes make a security context
//! with the connection (RFC 4559, MS-NTHT), and over plain HTTP that context seals every body (MS-WSMV 2.2.9.1).

#[cfg(feature = "sspi")]
use super::acceptor::{Acceptor, Step};
#[cfg(not(feature = "sspi"))]
use super::no_acceptor::{Acceptor, Step};
use crate::lab::front::{Reply, Request};
use crate::lab::seed::SERVER;
use crate::lab::world::Shared;
use crate::remoting::wsman::{
    CONTENT_TYPE, Protection, frame, is_sealed, protection as protection_of, unframe,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::sync::{Arc, Mutex, PoisonError};

/// What every door of the virtual directory goes by.
#[derive(Clone, Debug, Default)]
pub(in crate::lab) struct Rules {
    /// The certificate that its TLS connections begin with, as DER.
    pub(in crate::lab) certificate: Vec<u8>,
    /// Whether a sign-in over TLS must be bound to that certificate, as `ExtendedProtectionTokenChecking` = `Require`.
    pub(in crate::lab) extended_protection: bool,
}

/// The door of one connection.
#[derive(Clone)]
pub(in crate::lab) struct Door(Arc<Mutex<State>>);

struct State {
    rules: Arc<Rules>,
    tls: bool,
    context: Option<(Scheme, Acceptor)>,
    /// Who the context was made with, once it is complete.
    visitor: Option<String>,
}

/// A request that was let in.
pub(super) struct Admission {
    /// Who sent it.
    pub(super) account: String,
    /// What it says, unsealed.
    pub(super) body: Vec<u8>,
    /// What proves the server, for the answer.
    proof: Option<String>,
    is_sealed: bool,
}

impl Door {
    pub(in crate::lab) fn new(rules: Arc<Rules>, tls: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            rules,
            tls,
            context: None,
            visitor: None,
        })))
    }

    /// Whether the connection is protected by TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.with(|state| state.tls)
    }

    /// Lets a request in, or says what to answer instead.
    pub(super) fn admit(&self, request: &Request, world: &Shared) -> Result<Admission, Reply> {
        self.with(|state| state.admit(request, world))
    }

    /// Seals the answer to a request where it has to be sealed, and proves the server where that is due.
    pub(super) fn dress(&self, mut reply: Reply, admission: &Admission) -> Reply {
        if admission.is_sealed && !reply.body.is_empty() {
            reply = self.with(|state| state.seal(reply));
        }
        match &admission.proof {
            Some(proof) => reply.header("www-authenticate", proof.as_str()),
            None => reply,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn admit(&mut self, request: &Request, world: &Shared) -> Result<Admission, Reply> {
        let Some(credentials) = request.header("authorization") else {
            let visitor = self.visitor.clone();
            return self.enter(request, visitor, None);
        };
        let (scheme, parameter) = credentials.split_once(' ').unwrap_or((credentials, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let visitor = basic(parameter, world).filter(|_| self.tls);
            return self.enter(request, visitor, None);
        }
        let token = BASE64_STANDARD.decode(parameter.trim()).ok();
        let (Some(scheme), Some(token)) = (Scheme::find(scheme), token) else {
            return Err(self.challenge());
        };
        match self.step(scheme, &token, world) {
            Some(Step::Continue(token)) => {
                Err(Reply::empty(401).header("www-authenticate", scheme.credentials(&token)))
            }
            Some(Step::Done { account, token }) => {
                self.visitor = Some(account.clone());
                let proof = (!token.is_empty()).then(|| scheme.credentials(&token));
                self.enter(request, Some(account), proof)
            }
            None => {
                self.context = None;
                Err(self.challenge())
            }
        }
    }

    /// Goes on with the sign-in, or begins another one.
    fn step(&mut self, scheme: Scheme, token: &[u8], world: &Shared) -> Option<Step> {
        let under_way = self
            .context
            .take()
            .filter(|(begun, _)| *begun == scheme && self.visitor.is_none());
        self.visitor = None;
        let (_, acceptor) = match under_way {
            Some(context) => self.context.insert(context),
            None => {
                let acceptor = Acceptor::new(scheme, token, world)
                    .inspect_err(|reason| tracing::debug!(%reason, "no context"))
                    .ok()?;
                self.context.insert((scheme, acceptor))
            }
        };
        let certificate = self.tls.then_some(self.rules.certificate.as_slice());
        acceptor
            .step(
                token,
                certificate.filter(|_| self.rules.extended_protection),
                world,
            )
            .inspect_err(|reason| tracing::debug!(%reason, "refused"))
            .ok()
    }

    /// Reads the body of a request of that visitor.
    fn enter(
        &mut self,
        request: &Request,
        visitor: Option<String>,
        proof: Option<String>,
    ) -> Result<Admission, Reply> {
        let account = visitor.ok_or_else(|| self.challenge())?;
        let content_type = request.header("content-type").unwrap_or_default();
        let is_sealed = is_sealed(content_type);
        let body = if is_sealed {
            self.unseal(content_type, &request.body)?
        } else if self.tls || request.body.is_empty() {
            request.body.clone()
        } else {
            // `AllowUnencrypted` is off.
            return Err(Reply::empty(500));
        };
        Ok(Admission {
            account,
            body,
            proof,
            is_sealed,
        })
    }

    fn unseal(&mut self, content_type: &str, body: &[u8]) -> Result<Vec<u8>, Reply> {
        let (scheme, acceptor) = self.context.as_mut().ok_or_else(|| Reply::empty(400))?;
        if protection_of(content_type) != Some(scheme.protection()) {
            return Err(Reply::empty(500));
        }
        let damaged = |reason: String| {
            tracing::debug!(%reason, "a sealed body");
            Reply::empty(400)
        };
        let parts = unframe(content_type, body).map_err(|error| damaged(error.to_string()))?;
        let mut plain = Vec::with_capacity(body.len());
        for part in parts {
            plain.extend(acceptor.unseal(part).map_err(damaged)?);
        }
        Ok(plain)
    }

    fn seal(&mut self, mut reply: Reply) -> Reply {
        let Some((scheme, acceptor)) = &mut self.context else {
            return Reply::empty(500);
        };
        match acceptor.seal(&reply.body) {
            Ok(part) => {
                let protection = scheme.protection();
                reply.body = frame(protection, &part);
                for (name, value) in &mut reply.headers {
                    if name.eq_ignore_ascii_case("content-type") {
                        debug_assert_eq!(value, CONTENT_TYPE);
                        *value = protection.content_type();
                    }
                }
                reply
            }
            Err(reason) => {
                tracing::debug!(%reason, "an answer cannot be sealed");
                Reply::empty(500)
            }
        }
    }

    fn challenge(&self) -> Reply {
        let mut reply = Reply::empty(401);
        for scheme in Acceptor::SCHEMES {
            reply = reply.header("www-authenticate", scheme.name());
        }
        if self.tls {
            reply = reply.header("www-authenticate", format!("Basic realm=\"{SERVER}\""));
        }
        reply
    }
}

/// A scheme that makes a security context with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "sspi"),
    expect(dead_code, reason = "spoken by sspi only")
)]
pub(super) enum Scheme {
    Negotiate,
    Ntlm,
}

impl Scheme {
    fn find(name: &str) -> Option<Self> {
        Acceptor::SCHEMES
            .iter()
            .copied()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
        }
    }

    fn protection(self) -> Protection {
        match self {
            Self::Negotiate | Self::Ntlm => Protection::Spnego,
        }
    }

    fn credentials(self, token: &[u8]) -> String {
        format!("{} {}", self.name(), BASE64_STANDARD.encode(token))
    }
}

/// The account of a Basic sign-in, if the password is right.
fn basic(credentials: &str, world: &Shared) -> Option<String> {
    let pair = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (name, password) = pair.split_once(':')?;
    world
        .with(|world| world.is_administrator(name, password))
        .then(|| name.to_lowercase())
}
