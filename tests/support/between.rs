//! [`Between`]: someone on the way to a server of plain HTTP, who reads every message and may change it; and one who
//! ends TLS on the way, as a machine in the middle does.

use crate::support::service::Outcome;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    Request,
    /// Back to the client.
    Response,
}

/// An HTTP message with a length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Request or status line and headers, without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// Writes another value into a header.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        let lines = self.head.lines().map(|line| match line.split_once(':') {
            Some((header, _)) if header.eq_ignore_ascii_case(name) => format!("{header}: {value}"),
            _ => line.to_owned(),
        });
        self.head = lines.collect::<Vec<_>>().join("\r\n");
    }

    /// Says whether the body is a sealed envelope.
    pub(crate) fn is_sealed(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.starts_with("multipart/encrypted"))
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let end = loop {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
        };
        let mut message = Self {
            head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
            body: bytes.split_off(end + 4),
        };
        let length = message.header("content-length");
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while message.body.len() < length {
            if stream.read_buf(&mut message.body).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(message))
    }

    async fn write(mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = self.body.len().to_string();
        self.set_header("content-length", &length);
        let head = format!("{}\r\n\r\n", self.head);
        stream
            .write_all(&[head.as_bytes(), &self.body].concat())
            .await
    }
}

type Change = Arc<dyn Fn(Way, &mut Message) + Send + Sync>;

/// Someone on the way to a server.
pub(crate) struct Between {
    /// Where clients find it.
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<(Way, Message)>>>,
    task: JoinHandle<()>,
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Between {
    /// Listens, and passes every message on after it was changed so.
    pub(crate) async fn start(
        address: &str,
        change: impl Fn(Way, &mut Message) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let server = port_of(address)?;
        let seen: Arc<Mutex<Vec<(Way, Message)>>> = Arc::default();
        let (change, noted): (Change, _) = (Arc::new(change), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (change, noted) = (Arc::clone(&change), Arc::clone(&noted));
                tokio::spawn(async move { carry(client, server, &change, &noted).await });
            }
        });
        Ok(Self { port, seen, task })
    }

    /// The messages as they went on, in order.
    pub(crate) fn seen(&self) -> Vec<(Way, Message)> {
        lock(&self.seen).clone()
    }
}

async fn carry(
    mut client: TcpStream,
    server: u16,
    change: &Change,
    seen: &Mutex<Vec<(Way, Message)>>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    while let Some(mut request) = Message::read(&mut client).await? {
        change(Way::Request, &mut request);
        lock(seen).push((Way::Request, request.clone()));
        request.write(&mut server).await?;
        let Some(mut response) = Message::read(&mut server).await? else {
            break;
        };
        change(Way::Response, &mut response);
        lock(seen).push((Way::Response, response.clone()));
        response.write(&mut client).await?;
    }
    Ok(())
}

/// Ends TLS with one certificate and begins it again towards the server, byte for byte; gives its port.
pub(crate) async fn in_the_middle(
    address: &str,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
) -> io::Result<(u16, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let server = port_of(address)?;
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let server = TcpStream::connect(("127.0.0.1", server)).await?;
                let name = "localhost".try_into().map_err(io::Error::other)?;
                let mut server = connector.connect(name, server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Ok((port, task))
}

/// Ends TLS on the way too, and answers the requests itself for which it has an answer; gives its port.
pub(crate) async fn answering(
    address: &str,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    answer: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static,
) -> io::Result<(u16, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let server = port_of(address)?;
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let server = TcpStream::connect(("127.0.0.1", server)).await?;
                let name = "localhost".try_into().map_err(io::Error::other)?;
                let mut server = connector.connect(name, server).await?;
                while let Some(request) = Message::read(&mut client).await? {
                    let response = match answer(&request) {
                        Some(response) => Some(response),
                        None => {
                            request.write(&mut server).await?;
                            Message::read(&mut server).await?
                        }
                    };
                    let Some(response) = response else { break };
                    response.write(&mut client).await?;
                }
                Ok::<_, io::Error>(())
            });
        }
    });
    Ok((port, task))
}

/// Begins TLS with servers whose certificates this authority issued.
pub(crate) fn trusting(authority: &str) -> Outcome<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn port_of(address: &str) -> io::Result<u16> {
    let port = address.rsplit(':').next().unwrap_or_default();
    port.parse().map_err(io::Error::other)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
