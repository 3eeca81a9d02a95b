//! The authorization certificate: the one that Exchange names, checked before anyone trusts it.

use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::lab::Trouble;
use exoauth::subject::Plane;
use exoauth::value::Value;

#[test]
fn the_current_and_the_next_one_are_read() {
    let contoso = Contoso::new();
    for which in ["current", "next"] {
        let lines = format!(
            "let certificate = onprem.export_auth_certificate(\"{which}\");
             [certificate.thumbprint == onprem.get_auth_config().{which}_certificate_thumbprint,
              certificate.subject, certificate.key_bits, certificate.days_left > 365, \"private\" in certificate,
              parse_certificate(certificate.der).thumbprint == certificate.thumbprint]"
        );
        assert_eq!(
            contoso.value(&lines),
            Value::List(vec![
                true.into(),
                "CN=Microsoft Exchange Server Auth Certificate".into(),
                2048.into(),
                true.into(),
                false.into(),
                true.into(),
            ])
        );
    }
}

fn configure(contoso: &Contoso, property: &str, thumbprint: &str) {
    contoso.world(|world| {
        world.set(
            Plane::OnPremises,
            "AuthConfig",
            "Auth Configuration",
            property,
            &thumbprint.into(),
        );
    });
}

/// The thumbprint of a certificate that has expired.
fn expired(contoso: &Contoso) -> String {
    let thumbprint = contoso.value(
        "onprem.get_exchange_certificate().map(|one| parse_certificate(one.raw_data)).filter(|one| one.not_after < \"2026-11-23\")[0].thumbprint",
    );
    thumbprint.as_text().unwrap_or_default().to_owned()
}

#[test]
fn one_that_is_not_set_is_named() {
    let contoso = Contoso::new();
    configure(&contoso, "NextCertificateThumbprint", "");
    assert_eq!(
        contoso.refusal("onprem.export_auth_certificate(\"next\")"),
        (
            FailureKind::NotFound,
            "Exchange has no next authorization certificate".to_owned()
        )
    );
    assert_eq!(
        contoso
            .refusal("onprem.export_auth_certificate(\"last\")")
            .0,
        FailureKind::Input
    );
}

#[test]
fn one_that_has_expired_is_refused() {
    let contoso = Contoso::new();
    let old = expired(&contoso);
    configure(&contoso, "CurrentCertificateThumbprint", &old);
    let (kind, message) = contoso.refusal("onprem.export_auth_certificate()");
    assert_eq!(kind, FailureKind::Invalid);
    assert!(
        message.starts_with(&format!("the authorization certificate {old} expired on ")),
        "{message}"
    );
}

#[test]
fn one_that_the_server_does_not_hold_is_the_servers_refusal() {
    let contoso = Contoso::new();
    configure(
        &contoso,
        "CurrentCertificateThumbprint",
        "0000000000000000000000000000000000000000",
    );
    let failed = contoso
        .eval(
            exoauth::session::Mode::Apply,
            "onprem.export_auth_certificate()",
        )
        .unwrap_err();
    let all = format!("{} {:?}", failed.failure, failed.failure.detail);
    assert!(
        all.contains("0000000000000000000000000000000000000000 was not found"),
        "{all}"
    );
}

/// A server that signs what it serializes cannot do so then, and sends the bytes all the same: CSS-Exchange recorded it in
/// `GetExchangeCertificateBroken.xml`.
#[test]
fn certificates_are_given_out_with_their_bytes_while_the_one_that_signs_has_expired() {
    let contoso = Contoso::new();
    let thumbprints =
        "onprem.get_exchange_certificate().map(|one| parse_certificate(one.raw_data).thumbprint)";
    let before = contoso.value(thumbprints);
    assert_eq!(before.as_list().map(<[_]>::len), Some(5));
    configure(&contoso, "CurrentCertificateThumbprint", &expired(&contoso));
    assert_eq!(contoso.value(thumbprints), before);
}

#[test]
fn where_exchange_gives_no_bytes_the_server_itself_is_asked() {
    let contoso = Contoso::new();
    contoso.world(|world| world.trouble(Trouble::NoCertificateBytes));
    assert_eq!(
        contoso.value("onprem.get_exchange_certificate().map(|one| one.raw_data)"),
        Value::List(vec![Value::Null; 5])
    );
    let lines = "let next = onprem.get_auth_config().next_certificate_thumbprint;
                 let certificate = onprem.export_auth_certificate(\"next\");
                 [certificate.thumbprint == next, parse_certificate(certificate.der).thumbprint == next]";
    assert_eq!(
        contoso.value(lines),
        Value::List(vec![true.into(), true.into()])
    );
}

#[test]
fn a_server_that_cannot_be_asked_is_a_named_failure() {
    let mut contoso = Contoso::new();
    contoso.winrm = Some("https://localhost:1/wsman".to_owned());
    contoso.world(|world| world.trouble(Trouble::NoCertificateBytes));
    let current = contoso.value("onprem.get_auth_config().current_certificate_thumbprint");
    let current = current.as_text().unwrap();
    let failed = contoso
        .eval(
            exoauth::session::Mode::Apply,
            "onprem.export_auth_certificate()",
        )
        .unwrap_err();
    assert_eq!(
        (failed.failure.kind, failed.failure.message),
        (
            FailureKind::Unreachable,
            format!(
                "Get-ExchangeCertificate gives no bytes of the certificate {current}, and the server itself could not be asked: localhost:1 refused the connection"
            )
        )
    );
    let hint = failed.failure.hint.unwrap();
    assert!(
        hint.starts_with("PowerShell remoting must be on there (Enable-PSRemoting -Force)")
            && hint.contains("exchange.winrm"),
        "{hint}"
    );
}
