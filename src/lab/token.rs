//! Keys, certificates and JSON Web Tokens of the simulated services.
//!
//! A [`Signer`] is a private key with its certificate; a [`Certificate`] is what others know of it. Signatures are
//! real; whether the claims are acceptable is for the fronts to say.

use super::Error;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SerialNumber};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// An X.509 certificate as the simulated services look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The DER bytes.
    pub der: Vec<u8>,
    /// SHA-1 of the bytes, in upper-case hexadecimal digits.
    pub thumbprint: String,
    /// The subject.
    pub subject: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    public_key: Vec<u8>,
}

impl Certificate {
    /// Reads DER bytes; absent when they are no certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        rest.is_empty().then_some(())?;
        Some(Self {
            thumbprint: hexadecimal(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            subject: certificate.subject().to_string(),
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
            der: der.to_vec(),
        })
    }

    /// The SHA-1 thumbprint as the `x5t` header of a token has it.
    pub fn x5t(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der))
    }

    /// The SHA-256 thumbprint as the `x5t#S256` header of a token has it.
    pub fn x5t_s256(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.der))
    }

    /// The bytes as base64.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.der)
    }

    /// Says whether this certificate's key made the signature of a token, with one of the algorithms of RSA.
    ///
    /// Some clients leave the padding of base64 in the parts that they sign, so what was sent is what is verified.
    pub(super) fn verifies(&self, token: &str) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match Token::read(token) {
            Some(read) if read.header("alg") == Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            Some(read) if read.header("alg") == Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            _ => return false,
        };
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return false;
        };
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature.trim_end_matches('='));
        signature.is_ok_and(|signature| {
            UnparsedPublicKey::new(algorithm, &self.public_key)
                .verify(signed.as_bytes(), &signature)
                .is_ok()
        })
    }

    /// Modulus and exponent, for a key set document.
    pub(super) fn rsa_components(&self) -> Option<(String, String)> {
        use x509_parser::public_key::PublicKey;
        let (_, certificate) = x509_parser::parse_x509_certificate(&self.der).ok()?;
        match certificate.public_key().parsed().ok()? {
            PublicKey::RSA(key) => {
                let modulus = key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus);
                Some((
                    BASE64_URL_SAFE_NO_PAD.encode(modulus),
                    BASE64_URL_SAFE_NO_PAD.encode(key.exponent),
                ))
            }
            _ => None,
        }
    }
}

/// A private key with its certificate.
pub(super) struct Signer {
    pub(super) certificate: Certificate,
    key: EncodingKey,
}

impl Signer {
    /// Takes an RSA key and makes a certificate for it.
    pub(super) fn new(
        pem: &str,
        subject: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, Error> {
        let pair = KeyPair::from_pem(pem)?;
        Ok(Self {
            certificate: self_signed(&pair, subject, from, to)?,
            key: EncodingKey::from_rsa_pem(pem.as_bytes())?,
        })
    }

    /// Makes an RSA key of so many bits and a certificate for it.
    pub(super) fn generate(
        bits: u16,
        subject: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, Error> {
        let size = match bits {
            2048 => RsaKeySize::_2048,
            _ => RsaKeySize::_4096,
        };
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size)?;
        Self::new(&pair.serialize_pem(), subject, from, to)
    }

    /// Signs claims by RS256, with the certificate's `x5t` in the header.
    pub(super) fn sign(&self, claims: &Json, with_key_id: bool) -> Option<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(self.certificate.x5t());
        header.kid = with_key_id.then(|| self.certificate.x5t());
        jsonwebtoken::encode(&header, claims, &self.key).ok()
    }
}

/// Makes a certificate that its own key signed; the same arguments give the same bytes where the key is RSA.
pub(super) fn self_signed(
    pair: &KeyPair,
    subject: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Certificate, Error> {
    let mut parameters = CertificateParams::default();
    let serial = digest(
        &SHA256,
        format!("{subject} {} {}", from.as_second(), to.as_second()).as_bytes(),
    );
    let mut serial: Vec<u8> = serial.as_ref().iter().take(16).copied().collect();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, subject);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let after = |at: Timestamp| Duration::from_secs(at.as_second().unsigned_abs());
    parameters.not_before = epoch + after(from);
    parameters.not_after = epoch + after(to);
    let made = parameters.self_signed(pair)?;
    Certificate::read(made.der()).ok_or(Error::Certificate {
        reason: "a certificate just made cannot be read".to_owned(),
    })
}

/// How many seconds clocks may differ.
const SKEW: f64 = 300.0;

/// A token taken apart, its signature not looked at.
pub(super) struct Token {
    pub(super) header: Json,
    pub(super) claims: Json,
    pub(super) signed: bool,
}

impl Token {
    /// Takes a token apart; absent when it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(())?;
        let part = |text: &str| -> Option<Json> {
            let bytes = BASE64_URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .ok()?;
            serde_json::from_slice(&bytes).ok().filter(Json::is_object)
        };
        Some(Self {
            header: part(header)?,
            claims: part(claims)?,
            signed: !signature.is_empty(),
        })
    }

    /// A claim that is a text, or nothing.
    pub(super) fn claim(&self, name: &str) -> &str {
        self.claims
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// From when on it is valid: since it was issued, where it does not say.
    pub(super) fn valid_from(&self) -> Option<f64> {
        self.seconds("nbf").or_else(|| self.seconds("iat"))
    }

    /// Whether it is valid at a moment, by clocks that differ as much as they may; never without an end.
    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        let now = f64::from(u32::try_from(now.as_second()).unwrap_or(u32::MAX));
        let begun = self.valid_from().is_none_or(|from| from - SKEW <= now);
        begun && self.seconds("exp").is_some_and(|to| now < to + SKEW)
    }

    /// A claim that is a number of seconds; older clients write it as a text, newer ones with a fraction.
    pub(super) fn seconds(&self, name: &str) -> Option<f64> {
        match self.claims.get(name)? {
            Json::String(text) => text.parse().ok(),
            number => number.as_f64(),
        }
    }

    /// A header that is a text, without padding.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let text = self.header.get(name)?.as_str()?;
        Some(text.trim_end_matches('='))
    }
}

/// Puts an unsigned token together, as MS-XOAUTH 4.4 shows it: the last part is empty.
pub(super) fn unsigned(claims: &Json) -> String {
    let header = json!({"typ": "JWT", "alg": "none"});
    format!(
        "{}.{}.",
        BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

/// The SHA-256 digest of bytes.
pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// Bytes as upper-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
