//! TLS for connections that we own, by rustls.

use crate::failure::Failure;
use crate::http;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::{io, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection under TLS.
pub(super) type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom to trust.
#[derive(Clone)]
pub(super) struct Settings(Arc<ClientConfig>);

impl Settings {
    pub(super) fn new(ca: Option<&str>) -> Result<Self, Failure> {
        Ok(Self(http::tls::client_config(ca)?))
    }
}

/// How to begin TLS with one server.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector, ServerName<'static>);

impl Tls {
    pub(super) fn new(settings: &Settings, host: &str) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        Ok(Self(TlsConnector::from(Arc::clone(&settings.0)), name))
    }

    /// Begins TLS; gives the server's certificate too.
    pub(super) async fn begin(&self, stream: TcpStream) -> io::Result<(Stream, Option<Vec<u8>>)> {
        let stream = self.0.connect(self.1.clone(), stream).await?;
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.map(|certificate| certificate.to_vec());
        Ok((stream, certificate))
    }
}
