//! [`Connection`]: one HTTP/1.1 connection that we own, because authentication and sealing belong to a connection.
//!
//! [`Endpoint`] is where it leads; [`Cookies`] outlive it. Basic needs no state; the other ways to sign in keep their
//! security context here, beside the sender, and [`Connection::post`] seals with it on plain HTTP.

use super::context::Context;
use super::line::Place;
use super::problem::Problem;
use super::security::{Account, Security, Way};
use super::tls::{Settings, Tls};
use crate::http::{Sleep, within};
use crate::remoting::wsman;
use crate::secret::Secret;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST,
    HeaderMap, HeaderValue, LOCATION, SET_COOKIE, USER_AGENT, WWW_AUTHENTICATE,
};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where the connection leads.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) url: String,
    host: String,
    port: u16,
    authority: String,
    target: String,
    tls: Option<Tls>,
}

impl Endpoint {
    /// Reads an address; the TLS settings are for `https`.
    pub(super) fn new(url: &str, tls: &Settings) -> Result<Self, Problem> {
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
            Some("https") => (Some(Tls::new(tls, &host).map_err(wrong)?), 443),
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

    /// Where the server sends on to, if that is allowed: to one of these hosts, and never out of TLS.
    pub(super) fn moved(&self, location: &str, hosts: &[String], tls: &Settings) -> Option<Self> {
        let moved = Self::new(location, tls).ok()?;
        let allowed = hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(&moved.host));
        (allowed && (moved.is_tls() || !self.is_tls())).then_some(moved)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn host(&self) -> &str {
        &self.host
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
#[derive(Clone, Default)]
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

impl Reply {
    /// Says whether it is an envelope that is not sealed, whatever its status.
    pub(super) fn is_soap(&self) -> bool {
        self.is_a("application/soap+xml") && !self.body.is_empty()
    }

    pub(super) fn is_html(&self) -> bool {
        self.is_a("text/html")
    }

    fn is_a(&self, media_type: &str) -> bool {
        let content_type = self.content_type.to_ascii_lowercase();
        content_type.starts_with(media_type)
    }

    /// What an answer that is no SOAP means.
    pub(super) fn refusal(&self) -> Problem {
        let status = self.status.as_u16();
        match &self.location {
            Some(location) if self.status.is_redirection() => Problem::Redirected {
                status,
                location: location.clone(),
            },
            _ => Problem::Status {
                status,
                html: self.is_html(),
                empty: self.body.is_empty(),
                offers: self.offers.clone(),
            },
        }
    }
}

/// One connection, and the task that moves its bytes.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
    tls: bool,
    answered: bool,
    /// The server's certificate, which a sign-in is bound to.
    certificate: Option<Vec<u8>>,
    /// The security context that was made on it.
    context: Option<Context>,
    expire: Sleep,
}

/// A request that PowerShell did not answer.
pub(super) struct Unanswered {
    pub(super) problem: Problem,
    /// Whether PowerShell may have seen it.
    pub(super) may_have_arrived: bool,
}

impl Unanswered {
    /// It never left, or the web server did nothing with it.
    pub(super) fn unsent(problem: Problem) -> Self {
        Self {
            problem,
            may_have_arrived: false,
        }
    }

    /// It left.
    pub(super) fn sent(problem: Problem) -> Self {
        Self {
            problem,
            may_have_arrived: true,
        }
    }
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.problem
    }
}

/// A way to sign in that did not work.
enum NotSignedIn {
    /// The server does not take it; what it takes instead.
    NotOffered(Vec<String>),
    Problem(Problem),
}

impl From<Problem> for NotSignedIn {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Connection {
    /// Opens a connection and signs in on it, in the first way that the server takes; counts the requests.
    pub(super) async fn open(
        place: &Place,
        expire: &Sleep,
        cookies: &mut Cookies,
        limits: Limits,
        requests: &AtomicU64,
    ) -> Result<Self, Problem> {
        let Place { endpoint, security } = place;
        let Security::Account(account) = security else {
            return Self::connect(endpoint, expire, limits).await;
        };
        let mut offers = None;
        for way in account.ways() {
            if offers
                .as_deref()
                .is_some_and(|offers| !way.scheme.is_among(offers))
            {
                continue;
            }
            // A refused sign-in may leave the server waiting for its continuation.
            let mut connection = Self::connect(endpoint, expire, limits).await?;
            let signing_in = connection.sign_in(endpoint, account, *way, cookies, limits, requests);
            match signing_in.await {
                Ok(()) => {
                    account.choose(*way);
                    return Ok(connection);
                }
                Err(NotSignedIn::NotOffered(offered)) => offers = Some(offered),
                Err(NotSignedIn::Problem(problem)) => return Err(problem),
            }
        }
        Err(Problem::NotOffered {
            authentication: account.authentication,
            offers: offers.unwrap_or_default(),
        })
    }

    /// Sends empty requests with tokens until both sides are satisfied (MS-WSMV 3.1.4.1, RFC 4559 5).
    async fn sign_in(
        &mut self,
        endpoint: &Endpoint,
        account: &Account,
        way: Way,
        cookies: &mut Cookies,
        limits: Limits,
        requests: &AtomicU64,
    ) -> Result<(), NotSignedIn> {
        let certificate = self.certificate.as_deref();
        let (mut context, mut token) =
            Context::begin(account, way, certificate, limits.connect).await?;
        let refused = || Problem::Refused {
            scheme: way.scheme.name(),
        };
        for leg in 0..MOST_LEGS {
            let coded = BASE64_STANDARD.encode(&token);
            let credentials = Secret::new(format!("{} {coded}", way.scheme.name()));
            let request = request(endpoint, cookies, Some(&credentials), None, Bytes::new())?;
            requests.fetch_add(1, Ordering::Relaxed);
            let exchange = self.exchange(request, cookies, limits).await;
            let reply = exchange.map_err(Problem::from)?;
            let answer = way.scheme.token(&reply.offers);
            if reply.status == StatusCode::UNAUTHORIZED {
                token = match answer {
                    Some(answer) if !context.is_complete() => match context.step(&answer).await {
                        Ok(token) => token,
                        // NTLM refuses at its second leg, and has no words for it.
                        Err(Problem::Security { .. }) if leg > 0 => return Err(refused().into()),
                        Err(problem) => return Err(problem.into()),
                    },
                    None if leg == 0 && !way.scheme.is_among(&reply.offers) => {
                        return Err(NotSignedIn::NotOffered(reply.offers));
                    }
                    _ => return Err(refused().into()),
                };
                continue;
            }
            if !reply.status.is_success() {
                return Err(reply.refusal().into());
            }
            if let Some(answer) = answer.filter(|_| !context.is_complete()) {
                context.step(&answer).await?;
            }
            if !context.is_complete() {
                return Err(Problem::Unproven.into());
            }
            self.context = Some(context);
            return Ok(());
        }
        Err(refused().into())
    }

    async fn connect(endpoint: &Endpoint, expire: &Sleep, limits: Limits) -> Result<Self, Problem> {
        let authority = &endpoint.authority;
        let too_late = |_| Problem::ConnectTimedOut {
            authority: authority.clone(),
            seconds: limits.connect.as_secs(),
        };
        let no_connection = |error: io::Error| Problem::connect(authority, &error);
        let connecting = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let connected = timeout(limits.connect, connecting).await;
        let stream = connected.map_err(too_late)?.map_err(no_connection)?;
        // Each request is one small write whose answer is waited for: never hold it back.
        stream.set_nodelay(true).map_err(no_connection)?;
        let Some(tls) = &endpoint.tls else {
            return Self::start(stream, false, expire).await;
        };
        let shaken = timeout(limits.connect, tls.begin(stream)).await;
        let (stream, certificate) = shaken
            .map_err(too_late)?
            .map_err(|error| Problem::handshake(authority, &error))?;
        let mut connection = Self::start(stream, true, expire).await?;
        connection.certificate = certificate;
        Ok(connection)
    }

    async fn start<S>(stream: S, tls: bool, expire: &Sleep) -> Result<Self, Problem>
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
            certificate: None,
            context: None,
            expire: Arc::clone(expire),
        })
    }

    /// Says whether the server has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Says whether this answer means that the server does not know any more who signed in on this connection.
    pub(super) fn is_forgotten(&self, reply: &Reply) -> bool {
        self.context.is_some() && reply.status == StatusCode::UNAUTHORIZED
    }

    /// Sends one envelope, sealed where nothing else protects it, and waits for the answer.
    pub(super) async fn post(
        &mut self,
        place: &Place,
        cookies: &mut Cookies,
        envelope: &Bytes,
        mut limits: Limits,
    ) -> Result<Reply, Unanswered> {
        let mut content_type = None;
        let mut body = envelope.clone();
        if let Some(context) = self.sealer() {
            let part = context.seal(envelope).map_err(Unanswered::unsent)?;
            content_type = Some(context.protection().content_type());
            body = Bytes::from(wsman::frame(context.protection(), &part));
            limits.body += SEALING_ROOM;
        }
        let credentials = match &place.security {
            Security::Basic { header } => Some(header),
            Security::Account(_) => None,
        };
        let content_type = content_type.as_deref().or(Some(wsman::CONTENT_TYPE));
        let request = request(&place.endpoint, cookies, credentials, content_type, body)
            .map_err(Unanswered::unsent)?;
        let reply = self.exchange(request, cookies, limits).await?;
        self.open_reply(reply).map_err(Unanswered::sent)
    }

    fn sealer(&mut self) -> Option<&mut Context> {
        if self.tls {
            None
        } else {
            self.context.as_mut()
        }
    }

    /// Unseals an answer. One that says something without being sealed may be anybody's.
    fn open_reply(&mut self, mut reply: Reply) -> Result<Reply, Problem> {
        let Some(context) = self.sealer() else {
            return Ok(reply);
        };
        if wsman::is_sealed(&reply.content_type) {
            let parts =
                wsman::unframe(&reply.content_type, &reply.body).map_err(Problem::Sealing)?;
            let mut plain = Vec::with_capacity(reply.body.len());
            for part in parts {
                plain.extend(context.unseal(part)?);
            }
            reply.body = Bytes::from(plain);
            wsman::CONTENT_TYPE.clone_into(&mut reply.content_type);
            return Ok(reply);
        }
        if reply.is_soap() {
            return Err(Problem::Unsealed);
        }
        Ok(reply)
    }

    /// Sends one request and waits for the answer.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        cookies: &mut Cookies,
        limits: Limits,
    ) -> Result<Reply, Unanswered> {
        if let Err(error) = self.sender.ready().await {
            return Err(Unanswered::unsent(self.broken(&error)));
        }
        let expire = Arc::clone(&self.expire);
        let too_late = || {
            Unanswered::sent(Problem::ReadTimedOut {
                seconds: limits.read.as_secs(),
            })
        };
        let sending = self.sender.try_send_request(request);
        let response = match within(&expire, limits.read, sending).await {
            Some(Ok(response)) => response,
            Some(Err(mut error)) => {
                return Err(Unanswered {
                    // A request that is given back was not sent.
                    may_have_arrived: error.take_message().is_none(),
                    problem: self.broken(&error.into_error()),
                });
            }
            None => return Err(too_late()),
        };
        cookies.learn(response.headers());
        let reply = within(&expire, limits.read, read(response, limits.body));
        match reply.await {
            Some(Ok(reply)) => {
                self.answered = true;
                Ok(reply)
            }
            Some(Err(problem)) => Err(Unanswered::sent(problem)),
            None => Err(too_late()),
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

fn request(
    endpoint: &Endpoint,
    cookies: &Cookies,
    credentials: Option<&Secret>,
    content_type: Option<&str>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Problem> {
    let wrong = |error: hyper::http::Error| Problem::Address {
        url: endpoint.url.clone(),
        reason: error.to_string(),
    };
    let mut request = Request::post(&endpoint.target)
        .header(HOST, &endpoint.authority)
        .header(CONTENT_LENGTH, body.len())
        .header(USER_AGENT, AGENT)
        // The web server may compress whatever it is not told to leave alone.
        .header(ACCEPT_ENCODING, "identity");
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    if let Some(credentials) = credentials {
        let mut value =
            HeaderValue::from_str(credentials.expose()).map_err(|_| Problem::Credentials)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(cookies) = cookies.header() {
        request = request.header(COOKIE, cookies);
    }
    request.body(Full::new(body)).map_err(wrong)
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
    let encoding = text(CONTENT_ENCODING).unwrap_or_default();
    let encoding = encoding.trim();
    let is = |known: &str| encoding.eq_ignore_ascii_case(known);
    let (plain, zipped) = (is("") || is("identity"), is("gzip") || is("x-gzip"));
    if !plain && !zipped {
        return Err(Problem::Compressed {
            encoding: encoding.to_owned(),
        });
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
    let body = if zipped { unzip(&body, limit)? } else { body };
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

/// Unpacks what a web server compressed although it was asked not to; the limit is that of the unpacked body.
fn unzip(body: &[u8], limit: usize) -> Result<Bytes, Problem> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| Problem::Unzipped {
            reason: error.to_string(),
        })?;
    if plain.len() > limit {
        return Err(Problem::TooLarge { limit });
    }
    Ok(Bytes::from(plain))
}

/// Windows needs two legs for NTLM, one for Kerberos, and one more for SPNEGO's own signatures.
const MOST_LEGS: usize = 6;

/// What the sealing adds to the body of an answer.
const SEALING_ROOM: usize = 16 << 10;

const AGENT: &str = concat!("exoauth/", env!("CARGO_PKG_VERSION"));
