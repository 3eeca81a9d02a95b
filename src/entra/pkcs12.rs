//! Key files: PEM as it is, and PKCS #12 (RFC 7292), the `.pfx` of Windows, turned into PEM.

use super::assertion::refuse;
use super::error::Error;
use crate::certificate::Certificate;
use crate::secret::Secret;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as Problem;
use zeroize::Zeroizing;

/// Gives private key and certificate as PEM, out of the base64 of a file that is PEM or PKCS #12.
///
/// # Errors
///
/// When it is neither, when the password is not that of the file, and when no key in it belongs to a certificate in it.
pub fn key_and_certificate(coded: &Secret, password: Option<&Secret>) -> Result<Secret, Error> {
    let bytes = BASE64_STANDARD.decode(coded.expose()).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| refuse("the file could not be read"))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(Secret::new(text)),
        _ if bytes.first() == Some(&0x30) => from_pkcs12(&bytes, password),
        _ => Err(refuse("it is neither PEM nor PKCS #12")),
    }
}

fn from_pkcs12(bytes: &[u8], password: Option<&Secret>) -> Result<Secret, Error> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.map_or("", Secret::expose));
    let archive = archive.map_err(|problem| refuse(explain(&problem, password.is_some())))?;
    let keys = archive.keys.iter().map(|bag| bag.key.as_der());
    for key in keys {
        let Ok(pair) = KeyPair::from_pkcs8(key) else {
            continue;
        };
        let certificates = archive.certs.iter().map(|bag| bag.cert.as_der());
        for certificate in certificates {
            let read = Certificate::from_der(certificate);
            let belongs = read.is_ok_and(|read| {
                read.public_key()
                    .is_ok_and(|public| public == pair.public_key().as_ref())
            });
            if belongs {
                let key = block("PRIVATE KEY", key);
                let certificate = block("CERTIFICATE", certificate);
                return Ok(Secret::new(format!("{}{}", *key, *certificate)));
            }
        }
    }
    Err(refuse(match archive.keys.is_empty() {
        true => "it holds no private key",
        false => "it holds no RSA key with its certificate",
    }))
}

/// What a file that cannot be read has; a wrong password shows in the integrity code, or in what comes out.
fn explain(problem: &Problem, given: bool) -> String {
    match problem {
        Problem::MacError(_) | Problem::UnpadError if given => {
            "its password is another one".to_owned()
        }
        Problem::MacError(_) | Problem::UnpadError => {
            "it has a password; name it as \"sign_in.certificate_password\"".to_owned()
        }
        Problem::DerError(_) => "it is neither PEM nor PKCS #12".to_owned(),
        other => format!("it is PKCS #12 of a kind that is not known here: {other}"),
    }
}

/// A block of PEM (RFC 7468).
fn block(title: &str, der: &[u8]) -> Zeroizing<String> {
    let coded = Zeroizing::new(BASE64_STANDARD.encode(der));
    let lines = coded.as_bytes().chunks(64);
    let lines: Vec<&str> = lines
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    Zeroizing::new(format!(
        "-----BEGIN {title}-----\n{}\n-----END {title}-----\n",
        lines.join("\n")
    ))
}
