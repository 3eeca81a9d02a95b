//! [`Receiver`]: listens on the loopback interface for the browser that comes back from the sign-in page.

use crate::secret::Secret;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::Url;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// More than any answer of a sign-in page.
const BODY_LIMIT: usize = 64 * 1024;

/// How long the page that says it is over may take to reach the browser.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the browser brought (RFC 6749 section 4.1.2).
pub(super) enum Answer {
    /// A code.
    Code(Secret),
    /// An error.
    Refused {
        /// The word of the protocol.
        error: String,
        /// The service's words.
        description: String,
    },
}

/// Listens until the browser comes with the state that was given along.
pub(super) struct Receiver {
    listener: TcpListener,
    /// The same port for browsers that prefer it, where the machine has this protocol.
    second: Option<TcpListener>,
    port: u16,
}

impl Receiver {
    pub(super) async fn bind() -> io::Result<Self> {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = listener.local_addr()?.port();
            let second = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                // Another program would be given the browser's answer.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                bound => bound.ok(),
            };
            return Ok(Self {
                listener,
                second,
                port,
            });
        }
    }

    /// Where the browser is sent back to.
    pub(super) fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the browser; whoever comes without the state is turned away, and waiting goes on.
    pub(super) async fn answer(self, state: &Secret) -> Answer {
        let (found, mut finds) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        let answer = loop {
            tokio::select! {
                Some(answer) = finds.recv() => break answer,
                Some(stream) = self.accept() => {
                    connections.spawn(converse(stream, state.clone(), found.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        };
        let ends = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, ends).await.is_err() {
            tracing::debug!("the browser keeps a connection open");
        }
        answer
    }

    async fn accept(&self) -> Option<TcpStream> {
        let accepted = match &self.second {
            Some(second) => tokio::select! {
                accepted = self.listener.accept() => accepted,
                accepted = second.accept() => accepted,
            },
            None => self.listener.accept().await,
        };
        match accepted {
            Ok((stream, _)) => Some(stream),
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }
}

async fn converse(stream: TcpStream, state: Secret, found: mpsc::Sender<Answer>) {
    let service = service_fn(move |request| {
        let (state, found) = (state.clone(), found.clone());
        async move {
            let (answer, page) = read(request, &state).await;
            if let Some(answer) = answer
                && found.send(answer).await.is_err()
            {
                tracing::debug!("the browser came twice");
            }
            Ok::<_, Infallible>(page)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the browser ended");
    }
}

/// Reads an answer out of the query or of a posted form, and makes the page for it.
async fn read(
    request: Request<Incoming>,
    state: &Secret,
) -> (Option<Answer>, Response<Full<Bytes>>) {
    let nothing = || (None, page(StatusCode::NOT_FOUND, "There is nothing here."));
    if request.uri().path() != "/" {
        return nothing();
    }
    let text = match *request.method() {
        Method::GET => request.uri().query().unwrap_or_default().to_owned(),
        Method::POST => match Limited::new(request.into_body(), BODY_LIMIT)
            .collect()
            .await
        {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(_) => return nothing(),
        },
        _ => return nothing(),
    };
    let text = Secret::new(text);
    let field = |name: &str| field(&text, name);
    if field("state").as_ref() != Some(state) {
        return (
            None,
            page(
                StatusCode::BAD_REQUEST,
                "This is not the answer that exoauth waits for. Go back to the page that it opened.",
            ),
        );
    }
    match (field("code"), field("error")) {
        (_, Some(error)) => {
            let description = field("error_description");
            let answer = Answer::Refused {
                error: error.expose().to_owned(),
                description: description.map_or_else(String::new, |text| text.expose().to_owned()),
            };
            let over = "Signing in was refused. exoauth says why; you can close this window.";
            (Some(answer), page(StatusCode::OK, over))
        }
        (Some(code), None) => {
            let over = "Signing in is over. You can close this window and go back to exoauth.";
            (Some(Answer::Code(code)), page(StatusCode::OK, over))
        }
        (None, None) => nothing(),
    }
}

/// A field of an encoded form.
fn field(form: &Secret, name: &str) -> Option<Secret> {
    let mut reader = Url::parse("http://localhost").ok()?;
    reader.set_query(Some(form.expose()));
    let found = reader.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| Secret::new(value))
}

/// A page with nothing in it that came from outside.
fn page(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>exoauth</title></head>\
         <body style=\"font-family: sans-serif; margin: 4em\"><p>{text}</p></body></html>"
    );
    let builder = Response::builder()
        .status(status)
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "no-store")
        .header("referrer-policy", "no-referrer")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'",
        );
    builder
        .body(Full::new(Bytes::from(html)))
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::new())))
}
