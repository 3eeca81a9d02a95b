//! TLS for connections that we own, by the system's library, for the cargo feature `native-tls`: unlike rustls it answers
//! a server that asks for a client certificate in the middle of a connection (RFC 5746), as the PowerShell virtual
//! directory of Exchange does. TLS 1.3 has no such thing, so 1.2 is the highest version.

use crate::failure::Failure;
use crate::http;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::io;
use tokio::net::TcpStream;
use tokio_native_tls::native_tls::{Certificate, Protocol, TlsConnector};

/// A connection under TLS.
pub(super) type Stream = tokio_native_tls::TlsStream<TcpStream>;

/// Whom to trust.
#[derive(Clone)]
pub(super) struct Settings(tokio_native_tls::TlsConnector);

impl Settings {
    pub(super) fn new(ca: Option<&str>) -> Result<Self, Failure> {
        // It says what is wrong with the file, in the same words as on the other roads.
        http::tls::client_config(ca)?;
        let mut builder = TlsConnector::builder();
        builder.max_protocol_version(Some(Protocol::Tlsv12));
        for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default().as_bytes()) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|der| Certificate::from_der(&der).map_err(|error| error.to_string()))
                .map_err(unusable)?;
            builder.add_root_certificate(added);
        }
        let connector = builder
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self(connector.into()))
    }
}

fn unusable(reason: String) -> Failure {
    let message = "the system's TLS library cannot be used with these certificate authorities";
    Failure::input(message).with_detail(reason)
}

/// How to begin TLS with one server.
#[derive(Clone)]
pub(super) struct Tls(tokio_native_tls::TlsConnector, String);

impl Tls {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "the other library refuses what is no name"
    )]
    pub(super) fn new(settings: &Settings, host: &str) -> Result<Self, String> {
        Ok(Self(settings.0.clone(), host.to_owned()))
    }

    /// Begins TLS; gives the server's certificate too.
    pub(super) async fn begin(&self, stream: TcpStream) -> io::Result<(Stream, Option<Vec<u8>>)> {
        let stream = self
            .0
            .connect(&self.1, stream)
            .await
            .map_err(io::Error::other)?;
        let certificate = stream.get_ref().peer_certificate().ok().flatten();
        let certificate = certificate.and_then(|certificate| certificate.to_der().ok());
        Ok((stream, certificate))
    }
}
