//! [`Signer`]: client assertions, signed with the private key of a certificate.

use super::error::{Error, ErrorKind, Flow};
use crate::certificate::{Certificate, KeyKind};
use crate::organization::Algorithm;
use crate::secret::Secret;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

/// How long an assertion is valid, in seconds.
const LIFETIME: i64 = 600;

/// A private key with its certificate, ready to sign.
#[derive(Debug)]
pub(super) struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Signer {
    /// Reads key and certificate from one PEM text, in any order.
    pub(super) fn new(pem: &Secret, algorithm: Algorithm) -> Result<Self, Error> {
        let certificate =
            Certificate::from_pem(pem.expose()).map_err(|error| refuse(error.to_string()))?;
        if certificate.key_kind() != KeyKind::Rsa {
            return Err(refuse("the key is not an RSA key"));
        }
        let key = read_key(pem.expose(), &certificate)?;
        let header = match algorithm {
            Algorithm::Ps256 => Header {
                x5t_s256: Some(BASE64_URL_SAFE_NO_PAD.encode(certificate.sha256())),
                ..Header::new(jsonwebtoken::Algorithm::PS256)
            },
            Algorithm::Rs256 => Header {
                x5t: Some(BASE64_URL_SAFE_NO_PAD.encode(certificate.sha1())),
                ..Header::new(jsonwebtoken::Algorithm::RS256)
            },
        };
        Ok(Self { key, header })
    }

    /// Signs an assertion for one request; `identifier` must never occur twice.
    pub(super) fn sign(
        &self,
        client_id: &str,
        audience: &str,
        identifier: &str,
        now: Timestamp,
    ) -> Result<Secret, Error> {
        let now = now.as_second();
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": identifier,
            "nbf": now,
            "iat": now,
            "exp": now + LIFETIME,
        });
        jsonwebtoken::encode(&self.header, &claims, &self.key)
            .map(Secret::new)
            .map_err(|error| refuse(format!("signing failed: {error}")))
    }
}

fn read_key(pem: &str, certificate: &Certificate) -> Result<EncodingKey, Error> {
    if pem.contains("ENCRYPTED") {
        return Err(refuse(
            "the private key is encrypted; only a key without a passphrase can be used",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| refuse("it holds no private key"))?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(refuse("the private key is not an RSA key")),
    }
    .map_err(|error| refuse(format!("the private key cannot be used: {error}")))?;
    let public_key = certificate
        .public_key()
        .map_err(|error| refuse(error.to_string()))?;
    if pair.public_key().as_ref() != public_key {
        return Err(refuse("the private key does not belong to the certificate"));
    }
    match &key {
        PrivateKeyDer::Pkcs1(der) => Ok(EncodingKey::from_rsa_der(der.secret_pkcs1_der())),
        _ => EncodingKey::from_rsa_pem(key_block(pem).as_bytes())
            .map_err(|error| refuse(format!("the private key cannot be used: {error}"))),
    }
}

/// The block of the private key alone, since the signing crate reads the first block whatever it is.
fn key_block(pem: &str) -> &str {
    let end = "-----END PRIVATE KEY-----";
    let start = pem.find("-----BEGIN PRIVATE KEY-----").unwrap_or_default();
    let block = &pem[start..];
    block
        .find(end)
        .map_or(block, |length| &block[..length + end.len()])
}

pub(super) fn refuse(reason: impl Into<String>) -> Error {
    let reason = reason.into();
    Error::new(Flow::Certificate, ErrorKind::Certificate { reason })
}
