//! [`Certificate`]: an X.509 certificate as this field needs it: thumbprint, subject, dates, bytes.
//!
//! It reads the forms in which services and files hold certificates. It never handles a private key and judges no trust.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use std::{error, fmt};
use x509_parser::error::X509Error;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// An X.509 certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    subject: String,
    issuer: String,
    not_before: Timestamp,
    not_after: Timestamp,
    key: KeyKind,
    key_bits: usize,
}

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, which Exchange and Entra sign tokens with.
    Rsa,
    /// An elliptic curve.
    Ec,
    /// Something else.
    Other,
}

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    ///
    /// When the bytes are not one certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Der { reason };
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|error| refuse(plain(&error)))?;
        if !rest.is_empty() {
            return Err(refuse(format!("{} bytes follow its end", rest.len())));
        }
        let time = |name: &'static str, seconds: i64| {
            Timestamp::from_second(seconds).map_err(|_| Error::Date { name, seconds })
        };
        let validity = parsed.validity();
        let (key, key_bits) = match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => (KeyKind::Rsa, key.key_size()),
            Ok(PublicKey::EC(point)) => (KeyKind::Ec, point.key_size()),
            _ => (
                KeyKind::Other,
                parsed.public_key().subject_public_key.data.len() * 8,
            ),
        };
        Ok(Self {
            der: der.to_vec(),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            not_before: time("not before", validity.not_before.timestamp())?,
            not_after: time("not after", validity.not_after.timestamp())?,
            key,
            key_bits,
        })
    }

    /// Reads the first certificate of a PEM text; keys in it are passed over.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not one.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        for block in Pem::iter_from_buffer(pem.as_bytes()) {
            let block = block.map_err(|error| Error::Pem {
                reason: error.to_string(),
            })?;
            if matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
                return Self::from_der(&block.contents);
            }
        }
        Err(Error::Pem {
            reason: "it holds no CERTIFICATE block".to_owned(),
        })
    }

    /// Reads DER, PEM, or the base64 text of either, also when that was encoded a second time, as the how-to does.
    ///
    /// # Errors
    ///
    /// When it is none of these.
    pub fn from_any(bytes: &[u8]) -> Result<Self, Error> {
        let mut bytes = bytes.to_vec();
        for _ in 0..3 {
            if bytes.first() == Some(&0x30) && !bytes.is_ascii() {
                return Self::from_der(&bytes);
            }
            let Ok(text) = std::str::from_utf8(&bytes) else {
                break;
            };
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.contains("-----BEGIN") {
                return Self::from_pem(text);
            }
            let compact: String = text.split_ascii_whitespace().collect();
            match BASE64_STANDARD.decode(compact) {
                Ok(decoded) if !decoded.is_empty() => bytes = decoded,
                _ => break,
            }
        }
        Err(Error::Form { bytes: bytes.len() })
    }

    /// The DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The standard base64 of the DER bytes, as key credentials hold it.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.der)
    }

    /// The thumbprint: the SHA-1 digest of the DER bytes in 40 upper-case hexadecimal digits.
    pub fn thumbprint(&self) -> String {
        self.sha1()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect()
    }

    /// The SHA-1 digest of the DER bytes, of which `x5t` is made.
    pub fn sha1(&self) -> [u8; 20] {
        let mut sum = [0; 20];
        sum.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref());
        sum
    }

    /// The SHA-256 digest of the DER bytes, of which `x5t#S256` is made.
    pub fn sha256(&self) -> [u8; 32] {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, &self.der).as_ref());
        sum
    }

    /// Whom it is for, such as `CN=Microsoft Exchange Server Auth Certificate`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When it becomes valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// When it ceases to be valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Says whether it has ceased to be valid.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now > self.not_after
    }

    /// The kind of its public key.
    pub fn key_kind(&self) -> KeyKind {
        self.key
    }

    /// The size of its public key in bits.
    pub fn key_bits(&self) -> usize {
        self.key_bits
    }

    /// The public key as it stands in the certificate: for RSA, the PKCS #1 `RSAPublicKey`.
    ///
    /// # Errors
    ///
    /// Never for a certificate that was read.
    pub fn public_key(&self) -> Result<Vec<u8>, Error> {
        let (_, parsed) = X509Certificate::from_der(&self.der).map_err(|error| Error::Der {
            reason: error.to_string(),
        })?;
        Ok(parsed.public_key().subject_public_key.data.to_vec())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificate")
            .field("thumbprint", &self.thumbprint())
            .field("subject", &self.subject)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The parser's errors name its own types.
fn plain(error: &x509_parser::nom::Err<X509Error>) -> String {
    match error {
        x509_parser::nom::Err::Incomplete(_) => "it ends too early".to_owned(),
        x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => {
            format!("it is not well-formed DER ({error})")
        }
    }
}

/// What was given is not a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes are not DER of one certificate.
    Der {
        /// What the reader says.
        reason: String,
    },
    /// The text is not PEM of one.
    Pem {
        /// What the reader says.
        reason: String,
    },
    /// It is neither DER, PEM nor base64 of them.
    Form {
        /// How many bytes were given, or came out of the last decoding.
        bytes: usize,
    },
    /// A date is outside what dates can be.
    Date {
        /// Which.
        name: &'static str,
        /// Its seconds since 1970.
        seconds: i64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Der { reason } => write!(formatter, "this is not a certificate: {reason}"),
            Self::Pem { reason } => {
                write!(formatter, "this is not a certificate in PEM: {reason}")
            }
            Self::Form { bytes: 0 } => {
                formatter.write_str("this is not a certificate: it is empty")
            }
            Self::Form { .. } => formatter
                .write_str("this is not a certificate: it is neither DER, PEM nor base64 of them"),
            Self::Date { name, seconds } => write!(
                formatter,
                "this is not a certificate: its \"{name}\" date, {seconds} seconds from 1970, is out of range"
            ),
        }
    }
}

impl error::Error for Error {}

/// A new certificate, signed by itself, for unit tests anywhere in the crate.
#[cfg(test)]
pub(crate) fn made_for_a_test() -> Certificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
    let made = parameters.self_signed(&key).unwrap();
    Certificate::from_der(made.der()).unwrap()
}
