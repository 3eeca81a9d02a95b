//! Serving HTTPS on the loopback interface: one listener per [`Front`], each request answered from the world. The
//! on-premises servers listen for plain HTTP as well, where PowerShell remoting is sealed.
//!
//! A front's own answer is a plain function from [`Request`] and world to [`Reply`], because inside the world the
//! simulated servers call one another by the same functions.

use super::fault::Kind;
use super::onprem::door::Door;
use super::onprem::{self, PowerShell};
use super::world::{Shared, World};
use super::{challenge, entra, exchange_web, graph, online};
use http_body_util::combinators::MapErr;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::{body::Bytes, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{error, fmt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::{net::TcpListener, net::TcpStream, task::JoinSet};
use tokio_rustls::TlsAcceptor;

/// A simulated service with an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Front {
    /// Sign-in, the Access Control Service and the metadata documents of the tenant.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Exchange Online.
    ExchangeOnline,
    /// The organization's own Exchange servers.
    OnPremises,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Login,
        Self::Graph,
        Self::ExchangeOnline,
        Self::OnPremises,
    ];
}

/// A request, as it came over the loopback interface or from another server of the world.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The host that was asked, with its port where one was named.
    pub authority: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// The headers: names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it came over the loopback interface, where no host name of the world is in use.
    pub loopback: bool,
}

impl Request {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// What follows `Bearer` in the authorization header; an empty text when nothing does, absent without the scheme.
    pub fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?.trim();
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decoded(part, false))
            .collect()
    }

    /// A parameter of the query, decoded; names are compared without case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        pairs(&self.query)
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The parameters of the query, decoded.
    pub fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The fields of a form body, decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// Whether it is about the administration of Exchange Online.
    pub(super) fn is_administration(&self) -> bool {
        self.path.to_ascii_lowercase().starts_with("/adminapi/")
    }

    /// The address that documents should name their own endpoints under.
    pub fn base(&self) -> String {
        format!("https://{}", self.authority)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection is cut in the middle of the body.
    pub cut: bool,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: false,
        }
    }

    /// An answer with a body of a type.
    pub fn with(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            cut: false,
        }
    }

    /// An answer of JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::with(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The first header of that name.
    pub fn find_header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What .NET's `WebException` says of such an answer.
    pub(super) fn as_web_exception(&self) -> String {
        let phrase = match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            500 => "Internal Server Error",
            503 => "Server Unavailable",
            _ => "Unexpected",
        };
        format!(
            "The remote server returned an error: ({}) {phrase}.",
            self.status
        )
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The page that the web server gives for a path that is not there.
    pub fn not_found() -> Self {
        Self::with(
            404,
            "text/html; charset=us-ascii",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
             <HTML><HEAD><TITLE>Not Found</TITLE></HEAD>\r\n\
             <BODY><h2>Not Found</h2><hr><p>HTTP Error 404. The requested resource is not found.</p></BODY></HTML>\r\n",
        )
    }
}

/// Answers a request from the world, without waiting for anything.
pub(super) fn answer(world: &mut World, front: Front, request: &Request) -> Reply {
    if let Some(reply) = challenge::repeated(world, front, request) {
        return reply;
    }
    match front {
        Front::Login => entra::answer(world, request),
        Front::Graph if request.method == "GET" => {
            world.as_shown(|world| graph::answer(world, request))
        }
        Front::Graph => graph::answer(world, request),
        Front::ExchangeOnline if request.is_administration() => online::answer(world, request),
        Front::ExchangeOnline | Front::OnPremises => exchange_web::answer(world, front, request),
    }
}

/// What the servers share: the world, and the sessions of PowerShell, which are no part of it.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) world: Shared,
    pub(super) powershell: PowerShell,
}

impl Services {
    /// Handles requests whose answers nobody waits for any more.
    /// They come without their connections: what was sealed there is refused.
    pub(super) async fn handle_late(&self, requests: Vec<(Front, Request)>) {
        for (front, request) in requests {
            let door = self.powershell.door(true);
            if front == Front::OnPremises && PowerShell::owns(&request.path) {
                // Some of these wait for something to say, and nobody waits for them.
                let services = self.clone();
                tokio::spawn(
                    async move { answer_counted(front, &request, &services, &door).await },
                );
            } else {
                answer_counted(front, &request, self, &door).await;
            }
        }
    }
}

/// Accepts connections until it is dropped; the connections end with it.
pub(super) async fn serve(
    listener: TcpListener,
    front: Front,
    tls: Option<TlsAcceptor>,
    services: Services,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, front, tls.clone(), services.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The longest body that is read: what a WSMan envelope or a key list can reach, and some more.
const BODY_LIMIT: usize = 16 << 20;

async fn converse(stream: TcpStream, front: Front, tls: Option<TlsAcceptor>, services: Services) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let door = services.powershell.door(tls.is_some());
    match tls {
        None => speak(stream, front, services, door).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                speak(stream, front, services, door).await;
            }
        }
    }
}

async fn speak<S>(stream: S, front: Front, services: Services, door: Door)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(move |request| {
        let (services, door) = (services.clone(), door.clone());
        async move { respond(front, request, &services, &door).await }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    if let Err(error) = connection
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(?front, %error, "a connection ended");
    }
}

async fn respond(
    front: Front,
    request: hyper::Request<Incoming>,
    services: &Services,
    door: &Door,
) -> Result<hyper::Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let reply = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => {
            let request = Request {
                method: parts.method.as_str().to_owned(),
                authority: authority(&parts),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: headers(&parts.headers),
                body: body.to_bytes().to_vec(),
                loopback: true,
            };
            let fault = services.world.with(|world| {
                let writes = world.all_writes();
                world.faults().take(front, &request, writes)
            });
            let reply = match fault {
                None => answer_counted(front, &request, services, door).await,
                Some(kind) => answer_badly(front, request, services, door, kind).await?,
            };
            let due = services.world.with(|world| world.faults().due());
            services.handle_late(due).await;
            reply
        }
        Err(_) => Reply::empty(413),
    };
    Ok(response(reply))
}

/// Why a request gets no answer: the connection is cut.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is cut on purpose")
    }
}

impl error::Error for Cut {}

/// Answers a request with which something goes wrong.
async fn answer_badly(
    front: Front,
    request: Request,
    services: &Services,
    door: &Door,
    kind: Kind,
) -> Result<Reply, Cut> {
    match kind {
        Kind::CutBefore => Err(Cut),
        Kind::CutAfter => {
            answer_counted(front, &request, services, door).await;
            Err(Cut)
        }
        Kind::ErrorDone => {
            answer_counted(front, &request, services, door).await;
            Ok(out_of_order(503))
        }
        Kind::ErrorNotDone => Ok(out_of_order(503)),
        Kind::Throttle { seconds } if front == Front::OnPremises => {
            Ok(onprem::throttled(&request, seconds, &services.world, door))
        }
        Kind::Throttle { seconds } => Ok(too_many(&seconds.to_string())),
        Kind::ThrottleUntil { seconds } => Ok(too_many(&services.world.with(|world| {
            let until = world.now() + SignedDuration::from_secs(seconds.cast_signed());
            http_date(until)
        }))),
        Kind::Burst { times } => Ok(out_of_order([502, 503, 500][times as usize % 3])),
        Kind::CutWithin => Ok(Reply {
            cut: true,
            ..answer_counted(front, &request, services, door).await
        }),
        Kind::Truncate => {
            let mut reply = answer_counted(front, &request, services, door).await;
            reply.body.truncate(reply.body.len() / 2);
            Ok(reply)
        }
        Kind::Page => Ok(page()),
        Kind::PageDone => {
            answer_counted(front, &request, services, door).await;
            Ok(page())
        }
        Kind::Challenge => Ok(services.world.with(|world| challenge::begin(world, front))),
        Kind::Forbid => Ok(online::forbidden()),
        Kind::Region => Ok(sent_on(&request, |port| format!("eur01.localhost:{port}"))),
        Kind::Elsewhere => Ok(sent_on(&request, |port| format!("127.0.0.1:{port}"))),
        Kind::Replicate { seconds } => {
            let before = services.world.with(|world| world.directory().clone());
            let reply = answer_counted(front, &request, services, door).await;
            services.world.with(|world| {
                let until = world.now() + SignedDuration::from_secs(seconds.cast_signed());
                world.show_instead(before, until);
            });
            Ok(reply)
        }
        Kind::Delay(time) => {
            let (services, door) = (services.clone(), door.clone());
            // A task of its own: the request is handled even if nobody waits for the answer any more.
            let late = tokio::spawn(async move {
                tokio::time::sleep(time).await;
                answer_counted(front, &request, &services, &door).await
            });
            late.await.map_err(|_| Cut)
        }
        Kind::Overtaken { by } => {
            match by {
                0 => services.handle_late(vec![(front, request)]).await,
                by => services
                    .world
                    .with(|world| world.faults().hold(front, request, by)),
            }
            std::future::pending().await
        }
    }
}

/// Asks to come back later: after seconds, or at a date (RFC 9110 section 10.2.3).
fn too_many(retry_after: &str) -> Reply {
    let body = json!({"error": {"code": "TooManyRequests", "message": "Too many requests"}});
    Reply::json(429, &body).header("retry-after", retry_after)
}

fn http_date(at: Timestamp) -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer
        .timestamp_to_rfc9110_string(&at)
        .unwrap_or_else(|_| at.to_string())
}

fn out_of_order(status: u16) -> Reply {
    let title = match status {
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        _ => "Service Unavailable",
    };
    Reply::with(
        status,
        "text/html; charset=us-ascii",
        format!(
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
             <HTML><HEAD><TITLE>{title}</TITLE></HEAD>\r\n\
             <BODY><h2>{title}</h2><hr><p>HTTP Error {status}. {title}.</p></BODY></HTML>\r\n"
        ),
    )
}

/// What a proxy or a portal in front of the network answers in place of a service.
fn page() -> Reply {
    Reply::with(
        200,
        "text/html; charset=utf-8",
        "<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Accept the terms of this network to go on.</p></body></html>",
    )
}

/// Sends a request on to the same port of another host.
fn sent_on(request: &Request, host: impl Fn(&str) -> String) -> Reply {
    let (_, port) = request.authority.rsplit_once(':').unwrap_or_default();
    let query = match request.query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let place = format!("https://{}{}{query}", host(port), request.path);
    Reply::empty(302).header("location", place)
}

/// The one place where a front may wait: PowerShell remoting answers some requests only when there is something to say.
async fn answer_counted(
    front: Front,
    request: &Request,
    services: &Services,
    door: &Door,
) -> Reply {
    let Services { world, powershell } = services;
    if front == Front::OnPremises && PowerShell::owns(&request.path) {
        world.with(|world| world.count(front));
        return powershell.answer(request, world, door).await;
    }
    world.with(|world| {
        world.count(front);
        answer(world, front, request)
    })
}

fn authority(parts: &hyper::http::request::Parts) -> String {
    let host = parts
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok());
    host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
        .unwrap_or("localhost")
        .to_owned()
}

fn headers(headers: &hyper::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn response(reply: Reply) -> hyper::Response<Body> {
    let mut builder = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    let mut bytes = Bytes::from(reply.body);
    let body = if reply.cut {
        builder = builder.header("content-length", bytes.len());
        Either::Right(Half {
            first: Some(bytes.split_to(bytes.len() / 2)),
            rests: 3,
        })
    } else {
        Either::Left(Full::new(bytes).map_err(never as fn(Infallible) -> Cut))
    };
    builder
        .body(body)
        .unwrap_or_else(|_| hyper::Response::new(Either::Right(Half::default())))
}

type Body = Either<MapErr<Full<Bytes>, fn(Infallible) -> Cut>, Half>;

fn never(never: Infallible) -> Cut {
    match never {}
}

/// The first half of a body; where the other one should come, the connection is cut.
#[derive(Default)]
struct Half {
    first: Option<Bytes>,
    /// How often it is not ready yet, so that what was sent before reaches the client.
    rests: u8,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.rests == 0 {
            return Poll::Ready(Some(Err(Cut)));
        }
        self.rests -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name, true), percent_decoded(value, true))
        })
        .collect()
}

/// The fields of a form, or the parameters of a query.
pub(super) fn form_encoded(fields: &[(&str, &str)]) -> String {
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", percent_encoded(value));
    fields.iter().map(encoded).collect::<Vec<_>>().join("&")
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn percent_decoded(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let coded = after
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match (
            byte,
            coded.and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        ) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) if plus_is_space => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_in_any_encoding() {
        let expected = vec![("$filter".to_owned(), "appId eq 'a b'".to_owned())];
        for query in [
            "$filter=appId eq 'a b'",
            "%24filter=appId+eq+%27a+b%27",
            "$filter=appId%20eq%20'a%20b'&",
        ] {
            assert_eq!(pairs(query), expected, "{query}");
        }
        assert_eq!(percent_decoded("100%&%zz+", false), "100%&%zz+");
        assert_eq!(
            pairs(&form_encoded(&[("$filter", "appId eq 'a b'")])),
            expected
        );
    }
}
