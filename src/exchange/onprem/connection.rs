//! [`Connection`]: one HTTP/1.1 connection that we own, because authentication and sealing belong to a connection.
//!
//! [`Endpoint`] is where it leads; [`Cookies`] outlive it. Basic needs no state; a sealing authentication will keep its
//! security context here, beside the sender, and seal in [`Connection::post`].

use super::problem::Problem;
use crate::secret::Secret;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST, HeaderMap,
    HeaderValue, LOCATION, SET_COOKIE, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Where the connection leads.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) url: String,
    host: String,
    port: u16,
    authority: String,
    target: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Endpoint {
    /// Reads an address; the TLS settings are for `https`.
    pub(super) fn new(url: &str, tls: &Arc<ClientConfig>) -> Result<Self, Problem> {
        let wrong = |reason: String| Problem::Address {
            url: url.to_owned(),
            reason,
        };
        let uri: Uri = url
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| wrong(error.to_string()))?;
        let authority = uri
            .authority()
            .ok_or_else(|| wrong("it names no host".to_owned()))?;
        if let Some((before, _)) = authority.as_str().split_once('@') {
            return Err(Problem::Address {
                // It may hold a password.
                url: url.replacen(&format!("{before}@"), "", 1),
                reason: "a user name does not belong in it".to_owned(),
            });
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("https") => {
                let name =
                    ServerName::try_from(host.clone()).map_err(|error| wrong(error.to_string()))?;
                (Some((Arc::clone(tls), name)), 443)
            }
            Some("http") => (None, 80),
            _ => {
                return Err(wrong(
                    "it begins with neither http:// nor https://".to_owned(),
                ));
            }
        };
        Ok(Self {
            url: url.to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: authority.as_str().to_owned(),
            target: uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
            host,
            tls,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// How requests prove who sends them.
pub(super) enum Security {
    /// Basic, which shows the password to whoever reads the connection.
    Basic {
        /// The whole `Authorization` header.
        header: Secret,
    },
}

impl Security {
    pub(super) fn basic(username: &str, password: &Secret) -> Self {
        let pair = Secret::new(format!("{username}:{}", password.expose()));
        let coded = Secret::new(BASE64_STANDARD.encode(pair.expose()));
        Self::Basic {
            header: Secret::new(format!("Basic {}", coded.expose())),
        }
    }

    fn authorize(&self, headers: &mut HeaderMap) -> Result<(), Problem> {
        let Self::Basic { header } = self;
        let mut value = HeaderValue::from_str(header.expose()).map_err(|_| Problem::Credentials)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}

/// How long to wait, and how much to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// For the connection and the TLS handshake, each.
    pub(super) connect: Duration,
    /// For an answer.
    pub(super) read: Duration,
    /// For the body of an answer, in bytes.
    pub(super) body: usize,
}

/// What the server wants to see again: without its cookies a request reaches another back end, where the shell is
/// unknown.
#[derive(Default)]
pub(super) struct Cookies(BTreeMap<String, Secret>);

impl Cookies {
    fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={}", value.expose()))
            .collect();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        (!pairs.is_empty()).then_some(value)
    }

    fn learn(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let Ok(text) = cookie.to_str() else { continue };
            let pair = text.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                let (name, value) = (name.trim(), value.trim());
                if value.is_empty() {
                    self.0.remove(name);
                } else {
                    self.0.insert(name.to_owned(), Secret::new(value));
                }
            }
        }
    }
}

/// The parts of an answer that matter here.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    pub(super) offers: Vec<String>,
    pub(super) body: Bytes,
}

/// One connection, and the task that moves its bytes.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
    tls: bool,
    answered: bool,
}

/// A request that was not answered.
pub(super) struct Unanswered {
    pub(super) problem: Problem,
    /// Whether the server may have seen it.
    pub(super) sent: bool,
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint, limits: Limits) -> Result<Self, Problem> {
        let address = (endpoint.host.as_str(), endpoint.port);
        let stream = timeout(limits.connect, TcpStream::connect(address))
            .await
            .map_err(|_| Problem::ConnectTimedOut {
                authority: endpoint.authority.clone(),
                seconds: limits.connect.as_secs(),
            })?
            .map_err(|error| Problem::connect(&endpoint.authority, &error))?;
        // Each request is one small write whose answer is waited for: never hold it back.
        stream
            .set_nodelay(true)
            .map_err(|error| Problem::connect(&endpoint.authority, &error))?;
        let Some((config, name)) = &endpoint.tls else {
            return Self::start(stream, false).await;
        };
        let stream = timeout(
            limits.connect,
            TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream),
        )
        .await
        .map_err(|_| Problem::ConnectTimedOut {
            authority: endpoint.authority.clone(),
            seconds: limits.connect.as_secs(),
        })?
        .map_err(|error| Problem::handshake(&endpoint.authority, &error))?;
        Self::start(stream, true).await
    }

    async fn start<S>(stream: S, tls: bool) -> Result<Self, Problem>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| Problem::Interrupted {
                    reason: error.to_string(),
                })?;
        let driver = tokio::spawn(async move {
            // Its errors also reach the request that waits.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the on-premises connection ended");
            }
        });
        Ok(Self {
            sender,
            driver,
            tls,
            answered: false,
        })
    }

    /// Says whether the server has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends one envelope and waits for the answer.
    pub(super) async fn post(
        &mut self,
        endpoint: &Endpoint,
        security: &Security,
        cookies: &mut Cookies,
        body: Bytes,
        limits: Limits,
    ) -> Result<Reply, Unanswered> {
        let unsent = |problem| Unanswered {
            problem,
            sent: false,
        };
        let request = request(endpoint, security, cookies, body).map_err(unsent)?;
        if let Err(error) = self.sender.ready().await {
            return Err(unsent(self.broken(&error)));
        }
        let exchange = async {
            let response = match self.sender.try_send_request(request).await {
                Ok(response) => response,
                Err(mut error) => {
                    let sent = error.take_message().is_none();
                    return Err((error.into_error(), sent));
                }
            };
            Ok(response)
        };
        let response = match timeout(limits.read, exchange).await {
            Ok(Ok(response)) => response,
            Ok(Err((error, sent))) => {
                return Err(Unanswered {
                    problem: self.broken(&error),
                    sent,
                });
            }
            Err(_) => return Err(timed_out(limits)),
        };
        cookies.learn(response.headers());
        let reply = timeout(limits.read, read(response, limits.body));
        match reply.await {
            Ok(Ok(reply)) => {
                self.answered = true;
                Ok(reply)
            }
            Ok(Err(problem)) => Err(Unanswered {
                problem,
                sent: true,
            }),
            Err(_) => Err(timed_out(limits)),
        }
    }

    fn broken(&self, error: &hyper::Error) -> Problem {
        Problem::interrupted(error, self.tls && !self.answered)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn timed_out(limits: Limits) -> Unanswered {
    Unanswered {
        problem: Problem::ReadTimedOut {
            seconds: limits.read.as_secs(),
        },
        sent: true,
    }
}

fn request(
    endpoint: &Endpoint,
    security: &Security,
    cookies: &Cookies,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Problem> {
    let wrong = |error: hyper::http::Error| Problem::Address {
        url: endpoint.url.clone(),
        reason: error.to_string(),
    };
    let mut request = Request::post(&endpoint.target)
        .header(HOST, &endpoint.authority)
        .header(CONTENT_TYPE, crate::remoting::wsman::CONTENT_TYPE)
        .header(USER_AGENT, AGENT)
        // The web server may compress whatever it is not told to leave alone.
        .header(ACCEPT_ENCODING, "identity")
        .body(Full::new(body))
        .map_err(wrong)?;
    security.authorize(request.headers_mut())?;
    if let Some(cookies) = cookies.header() {
        request.headers_mut().insert(COOKIE, cookies);
    }
    Ok(request)
}

async fn read(
    response: hyper::Response<hyper::body::Incoming>,
    limit: usize,
) -> Result<Reply, Problem> {
    let (parts, body) = response.into_parts();
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .map(str::to_owned)
    };
    if let Some(encoding) = text(CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
        return Err(Problem::Compressed { encoding });
    }
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Problem::TooLarge { limit },
            None => Problem::Interrupted {
                reason: error.to_string(),
            },
        })?
        .to_bytes();
    Ok(Reply {
        status: parts.status,
        content_type: text(CONTENT_TYPE).unwrap_or_default(),
        location: text(LOCATION),
        offers: parts
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|offer| offer.to_str().ok())
            .map(str::to_owned)
            .collect(),
        body,
    })
}

const AGENT: &str = concat!("exoauth/", env!("CARGO_PKG_VERSION"));
