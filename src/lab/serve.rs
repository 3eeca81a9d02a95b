//! Serving the fronts on the loopback interface: one listener for HTTPS each. The on-premises servers listen for plain
//! HTTP as well, where PowerShell remoting is sealed.
//!
//! Every request is answered from the world, or badly where a fault is meant for it.

use super::fault::Kind;
use super::front::{Front, Reply, Request, answer};
use super::onprem::door::Door;
use super::onprem::{self, PowerShell};
use super::world::Shared;
use super::{challenge, online};
use http_body_util::combinators::MapErr;
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::{body::Bytes, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{error, fmt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::{net::TcpListener, net::TcpStream, task::JoinSet};
use tokio_rustls::TlsAcceptor;

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
