//! PKCS #12 files that OpenSSL wrote, read for signing in.
//!
//! OpenSSL 3.0.19 wrote them (they are kept as base64), with a key and certificate made for this (`openssl req -x509 -newkey rsa:2048 -nodes -subj
//! "/CN=exoauth test"`):
//!
//! | file | `openssl pkcs12 -export ...` |
//! |---|---|
//! | `modern.pfx` | `-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256` |
//! | `legacy.pfx` | `-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40 -macalg sha1` |
//! | `nopass.pfx` | `-passout pass:` |
//! | `chain.pfx` | a certificate that an authority issued, with that authority's |

use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::certificate::Certificate;
use exoauth::entra::key_and_certificate;
use exoauth::secret::Secret;
use std::error::Error;
use std::fs;

type Outcome = Result<(), Box<dyn Error>>;

const PASSWORD: &str = "Pfx-Passw0rd";

/// What `openssl x509 -fingerprint -sha1` says of the two certificates.
const OWN: &str = "40509E64E39D6B827F49BFE2A2449FB7078E36B1";
const LEAF: &str = "77737A66F6EC27C5E5D1773C23B359E519939CA5";

fn file(name: &str) -> Result<Secret, Box<dyn Error>> {
    let text = fs::read_to_string(format!("tests/wire/fixtures/pkcs12/{name}.base64"))?;
    Ok(Secret::new(text.split_whitespace().collect::<String>()))
}

#[test]
fn every_kind_of_file_gives_its_key_and_the_certificate_of_the_key() -> Outcome {
    for (name, password, thumbprint) in [
        ("modern.pfx", Some(PASSWORD), OWN),
        ("legacy.pfx", Some(PASSWORD), OWN),
        ("nopass.pfx", None, OWN),
        ("chain.pfx", Some(PASSWORD), LEAF),
    ] {
        let password = password.map(Secret::new);
        let pem = key_and_certificate(&file(name)?, password.as_ref())?;
        let certificate = Certificate::from_pem(pem.expose())?;
        assert_eq!(certificate.thumbprint(), thumbprint, "{name}");
        let key = "-----BEGIN PRIVATE KEY-----\n";
        assert_eq!(pem.expose().matches(key).count(), 1, "{name}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_read_says_why_and_no_secret() -> Outcome {
    let wrong = Secret::new("Wr0ng-Passw0rd");
    let sentence = "the certificate to sign in with cannot be used: ";
    let other = |text: &str| Secret::new(BASE64_STANDARD.encode(text));
    for (file, password, reason) in [
        (
            file("modern.pfx")?,
            Some(&wrong),
            "its password is another one",
        ),
        (
            file("legacy.pfx")?,
            Some(&wrong),
            "its password is another one",
        ),
        (
            file("modern.pfx")?,
            None,
            "it has a password; name it as \"sign_in.certificate_password\"",
        ),
        (other("0123"), None, "it is neither PEM nor PKCS #12"),
        (other("hello"), None, "it is neither PEM nor PKCS #12"),
    ] {
        let error = key_and_certificate(&file, password)
            .err()
            .ok_or("no error")?;
        assert_eq!(error.to_string(), format!("{sentence}{reason}"));
        let printed = format!(
            "{error:?} {:?}",
            exoauth::failure::Failure::from(error.clone())
        );
        assert!(!printed.contains("Passw0rd"), "{printed}");
    }
    Ok(())
}

#[test]
fn pem_stays_as_it_is() -> Outcome {
    let text = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let coded = Secret::new(BASE64_STANDARD.encode(text));
    assert_eq!(key_and_certificate(&coded, None)?.expose(), text);
    Ok(())
}
