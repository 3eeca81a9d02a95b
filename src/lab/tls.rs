//! The certificate authority of the simulated organization, and the TLS side of its servers.
//!
//! Both keys are made fresh at each start, so trusting the authority trusts this one process only. These certificates
//! protect the loopback connections; those that Exchange and the token service sign with are made by `token`.

use super::Error;
use crate::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{sync::Arc, time::Duration};
use tokio_rustls::TlsAcceptor;

/// What the servers need for TLS, and what a client needs to trust them.
pub(super) struct Tls {
    /// The authority's certificate, as PEM.
    pub(super) authority: String,
    /// The server side.
    pub(super) acceptor: TlsAcceptor,
    /// The servers' certificate, as DER.
    pub(super) certificate: Vec<u8>,
}

const DAY: i64 = 86_400;

/// Makes an authority, a certificate for the loopback names, and the server side of TLS.
pub(super) fn start() -> Result<Tls, Error> {
    let authority_key = KeyPair::generate()?;
    let authority = authority_parameters();
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let leaf = leaf_parameters()?.signed_by(&key, &issuer)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls {
        authority: authority_pem,
        acceptor: TlsAcceptor::from(Arc::new(config)),
        certificate: leaf.der().to_vec(),
    })
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = dated(CertificateParams::default());
    parameters
        .distinguished_name
        .push(DnType::CommonName, "exoauth lab authority");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn leaf_parameters() -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "eur01.localhost", "127.0.0.1", "::1"].map(String::from);
    let mut parameters = dated(CertificateParams::new(names)?);
    parameters
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

/// The connections are real even when the organization's clock is not, so their certificates follow the system's.
fn dated(mut parameters: CertificateParams) -> CertificateParams {
    let now = Clock::system().now().as_second();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + Duration::from_secs((now - DAY).unsigned_abs());
    parameters.not_after = epoch + Duration::from_secs((now + 365 * DAY).unsigned_abs());
    parameters
}
