//! Certificates in every form in which services and files hold them, against what OpenSSL says of one.

use crate::support::service::Outcome;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::certificate::{Certificate, Error, KeyKind};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};

const PEM: &str = include_str!("fixtures/certificate/auth.pem");

#[test]
fn what_openssl_says_of_it_is_read() -> Outcome {
    let certificate = Certificate::from_pem(PEM)?;
    assert_eq!(
        certificate.thumbprint(),
        "0996FD84C515840520B997EEA094CB97DF4E36D5"
    );
    let sha256: String = certificate
        .sha256()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    assert_eq!(
        sha256,
        "2C8E6F46A0B29339B453DB611E55BBBB87FE4BE8856C8BD7665525169BEFEF1A"
    );
    let name = "CN=Microsoft Exchange Server Auth Certificate";
    assert_eq!((certificate.subject(), certificate.issuer()), (name, name));
    assert_eq!(
        certificate.not_before(),
        "2026-11-23T03:30:40Z".parse::<Timestamp>()?
    );
    assert_eq!(
        certificate.not_after(),
        "2031-11-22T03:30:40Z".parse::<Timestamp>()?
    );
    assert_eq!(
        (certificate.key_kind(), certificate.key_bits()),
        (KeyKind::Rsa, 2048)
    );
    Ok(())
}

#[test]
fn it_expires_after_its_last_second() -> Outcome {
    let certificate = Certificate::from_pem(PEM)?;
    assert!(!certificate.is_expired("2031-11-22T03:30:40Z".parse()?));
    assert!(certificate.is_expired("2031-11-22T03:30:41Z".parse()?));
    Ok(())
}

#[test]
fn every_form_holds_the_same_certificate() -> Outcome {
    let expected = Certificate::from_pem(PEM)?;
    let der = expected.der().to_vec();
    let once = BASE64_STANDARD.encode(&der);
    let lines: Vec<&str> = PEM.lines().filter(|line| line.len() == 64).collect();
    assert!(once.starts_with(&lines.concat()));
    let forms = [
        ("DER", der),
        ("PEM", PEM.as_bytes().to_vec()),
        (
            "PEM with a mark in front",
            format!("\u{feff}{PEM}").into_bytes(),
        ),
        ("PEM of Windows", PEM.replace('\n', "\r\n").into_bytes()),
        ("base64", once.clone().into_bytes()),
        (
            "base64 in lines",
            format!(" {}\r\n{}\r\n", &once[..64], &once[64..]).into_bytes(),
        ),
        (
            "base64 of base64, as the how-to uploads it",
            BASE64_STANDARD.encode(&once).into_bytes(),
        ),
        ("base64 of PEM", BASE64_STANDARD.encode(PEM).into_bytes()),
    ];
    for (form, bytes) in forms {
        let read = Certificate::from_any(&bytes).map_err(|error| format!("{form}: {error}"))?;
        assert_eq!(read, expected, "{form}");
    }
    assert_eq!(expected.base64(), once);
    Ok(())
}

#[test]
fn the_certificate_is_found_beside_a_key() -> Outcome {
    let key = KeyPair::generate()?.serialize_pem();
    assert_eq!(
        Certificate::from_any(format!("{key}{PEM}").as_bytes())?,
        Certificate::from_pem(PEM)?
    );
    Ok(())
}

#[test]
fn a_curve_is_not_rsa() -> Outcome {
    let certificate = CertificateParams::new([])?.self_signed(&KeyPair::generate()?)?;
    let read = Certificate::from_der(certificate.der())?;
    assert_eq!((read.key_kind(), read.key_bits()), (KeyKind::Ec, 256));
    Ok(())
}

#[test]
fn what_is_not_a_certificate_is_refused_by_name() -> Outcome {
    let der = Certificate::from_pem(PEM)?.der().to_vec();
    let key = KeyPair::generate()?;
    let cases = [
        (Vec::new(), "this is not a certificate: it is empty"),
        (
            b"hello".to_vec(),
            "this is not a certificate: it is neither DER, PEM nor base64 of them",
        ),
        (
            vec![0xff; 40],
            "this is not a certificate: it is neither DER, PEM nor base64 of them",
        ),
        (
            key.serialize_pem().into_bytes(),
            "this is not a certificate in PEM: it holds no CERTIFICATE block",
        ),
        (
            [der.as_slice(), &[0, 1]].concat(),
            "this is not a certificate: 2 bytes follow its end",
        ),
        (der[..der.len() - 1].to_vec(), "this is not a certificate: "),
        (key.serialize_der(), "this is not a certificate: "),
    ];
    for (bytes, expected) in cases {
        let message = Certificate::from_any(&bytes)
            .err()
            .map(|error| error.to_string());
        assert!(
            message
                .as_deref()
                .is_some_and(|message| message.starts_with(expected)),
            "{message:?}"
        );
    }
    Ok(())
}

#[test]
fn no_part_of_a_certificate_makes_it_panic() -> Outcome {
    let der = Certificate::from_pem(PEM)?.der().to_vec();
    for length in 0..der.len() {
        assert!(
            matches!(
                Certificate::from_der(&der[..length]),
                Err(Error::Der { .. })
            ),
            "{length}"
        );
        let mut bent = der.clone();
        bent[length] ^= 0xff;
        let _ = Certificate::from_any(&bent);
    }
    Ok(())
}
