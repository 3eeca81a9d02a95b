//! Whom to trust: the system's roots, and the certificate authorities that the organization file adds.
//!
//! [`client_config`] is the one place where trust is decided; the cloud roads and the on-premises road both use it.
//! The system's store is only read when a certificate was not issued by one of the added authorities, since reading it
//! takes longer than everything else before the first request.

use super::{Error, ErrorKind};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use std::sync::{Arc, OnceLock};

/// Makes the TLS settings of a client that trusts the system's roots and those in `extra_ca`, a PEM text.
///
/// # Errors
///
/// When `extra_ca` holds no certificate, or one that cannot be a root.
pub fn client_config(extra_ca: Option<&str>) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let trust = Trust {
        added: extra_ca
            .map(|pem| verifier_for(pem, &provider))
            .transpose()?,
        system: OnceLock::new(),
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Does now what the first handshake would wait for: the cryptography library gathers entropy for some 20 ms before its
/// first random number. Meant for a thread of its own, beside what comes before the first request.
pub fn warm_up() {
    if aws_lc_rs::rand::fill(&mut [0; 1]).is_err() {
        // The handshake will fail in the same way and say so to whoever waits for it.
        tracing::warn!("the system gives no random bytes");
    }
}

fn verifier_for(
    pem: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let refuse = |reason: String| Error::new("", ErrorKind::CaFile { reason });
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| refuse(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse("it holds no certificate".to_owned()));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| refuse(error.to_string()))
}

/// Asks the added authorities first, the system's only about issuers that those do not know.
#[derive(Debug)]
struct Trust {
    added: Option<Arc<WebPkiServerVerifier>>,
    system: OnceLock<Result<Verifier, rustls::Error>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    fn system(&self) -> Result<&Verifier, rustls::Error> {
        self.system
            .get_or_init(|| Verifier::new(Arc::clone(&self.provider)))
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_added = self.added.as_ref().map(|added| {
            added.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        let not_theirs = match by_added {
            Some(Err(error)) if is_of_another_issuer(&error) => Some(error),
            Some(verdict) => return verdict,
            None => None,
        };
        let by_system = self.system().and_then(|system| {
            system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        match (by_system, not_theirs) {
            // The added authorities say more, and a machine may have none of its own.
            (Err(error), Some(not_theirs))
                if is_of_another_issuer(&error)
                    || !matches!(error, rustls::Error::InvalidCertificate(_)) =>
            {
                Err(not_theirs)
            }
            (verdict, _) => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// An authority of the same name with another key is another one: the file may be older than the authority.
fn is_of_another_issuer(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_is_refused() {
        let error = client_config(Some("not a certificate")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the certificate authorities in ca_file cannot be used: it holds no certificate"
        );
    }

    #[test]
    fn the_system_store_is_not_read_before_it_is_needed() {
        let started = std::time::Instant::now();
        client_config(None).unwrap();
        assert!(started.elapsed().as_millis() < 20);
    }
}
