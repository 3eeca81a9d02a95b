//! The service principal of Exchange Online: certificates and names are merged, and nothing that is there is lost.

#![expect(clippy::unwrap_used, reason = "in the helpers of these tests")]

use crate::support::contoso::Contoso;
use exoauth::failure::{Failure, FailureKind};
use exoauth::lab::Shared;
use exoauth::session::Mode;
use exoauth::session::event::{Event, Listener};
use exoauth::subject::Plane;
use exoauth::value::Value;

const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
const UPLOAD: &str = r#"
    let exchange = "00000002-0000-0ff1-ce00-000000000000";
    entra.upload_key_credential(exchange, onprem.export_auth_certificate("next"));
"#;

fn thumbprints(contoso: &Contoso) -> Vec<String> {
    contoso.world(|world| {
        let principal = world.directory().principal(EXCHANGE).unwrap();
        let keys = principal.keys.iter();
        keys.map(|key| key.certificate.thumbprint.clone()).collect()
    })
}

fn names(contoso: &Contoso) -> Vec<String> {
    contoso.world(|world| world.directory().principal(EXCHANGE).unwrap().names.clone())
}

fn directory_writes(contoso: &Contoso) -> u64 {
    contoso.world(|world| world.writes(Plane::Entra))
}

#[test]
fn a_certificate_is_uploaded_once() {
    let contoso = Contoso::new();
    let [expired, other] = <[String; 2]>::try_from(thumbprints(&contoso)).unwrap();
    let next = contoso.value("onprem.get_auth_config().next_certificate_thumbprint");
    contoso.value(UPLOAD);
    contoso.value(UPLOAD);
    let held = thumbprints(&contoso);
    assert_eq!(held, [other, next.as_text().unwrap().to_owned()]);
    assert!(!held.contains(&expired));
    assert_eq!(directory_writes(&contoso), 1);
}

#[test]
fn planning_an_upload_shows_it_and_sends_nothing() {
    let contoso = Contoso::new();
    let before = thumbprints(&contoso);
    let script = format!(
        "{UPLOAD} entra.has_key_credential(exchange, onprem.export_auth_certificate(\"next\"))"
    );
    assert_eq!(contoso.eval(Mode::Plan, &script).unwrap(), true.into());
    assert_eq!(thumbprints(&contoso), before);
    assert_eq!(directory_writes(&contoso), 0);
}

#[test]
fn an_uploaded_certificate_can_be_removed_again() {
    let contoso = Contoso::new();
    let other = thumbprints(&contoso)[1].clone();
    contoso.value(UPLOAD);
    contoso.value(&format!(
        "entra.remove_key_credential(\"{EXCHANGE}\", onprem.get_auth_config().next_certificate_thumbprint)"
    ));
    assert_eq!(thumbprints(&contoso), [other]);
    let (kind, message) = contoso.refusal(&format!(
        "entra.remove_key_credential(\"{EXCHANGE}\", \"ABCD\")"
    ));
    assert_eq!(kind, FailureKind::NotFound);
    assert!(message.ends_with("has no certificate ABCD"), "{message}");
}

/// Somebody who adds a certificate while another one is being added: right after the list was read.
struct Meanwhile(Shared);

impl Listener for Meanwhile {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        if let Event::Said { text, .. } = event
            && text.contains("is dropped")
        {
            self.0.with(|world| {
                let certificate = world.directory().principal(EXCHANGE).unwrap().keys[1].clone();
                let mut twin = certificate;
                twin.id = "11111111-2222-3333-4444-555555555555".to_owned();
                world
                    .directory_mut()
                    .principal_mut(EXCHANGE)
                    .unwrap()
                    .keys
                    .push(twin);
            });
        }
        Ok(())
    }
}

#[test]
fn a_list_that_changed_in_between_is_not_written() {
    let contoso = Contoso::new();
    let before = thumbprints(&contoso).len();
    let listener = Meanwhile(contoso.shared());
    let failed = contoso
        .eval_heard_by(listener, Mode::Apply, UPLOAD)
        .unwrap_err();
    assert_eq!(failed.failure.kind, FailureKind::Conflict);
    assert_eq!(directory_writes(&contoso), 0);
    assert_eq!(thumbprints(&contoso).len(), before + 1);
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    let contoso = Contoso::new();
    let (kind, message) = contoso.refusal(&format!(
        "let old = onprem.get_exchange_certificate().filter(|one| parse_certificate(one.raw_data).not_after < \"2026-11-23\")[0];
         entra.upload_key_credential(\"{EXCHANGE}\", parse_certificate(old.raw_data))"
    ));
    assert_eq!(kind, FailureKind::Invalid);
    assert!(message.contains(" expired on "), "{message}");
    assert_eq!(directory_writes(&contoso), 0);
}

#[test]
fn names_join_those_that_are_there() {
    let contoso = Contoso::new();
    let before = names(&contoso);
    let add = format!(
        "entra.add_spn(\"{EXCHANGE}\", [\"https://Mail.contoso.com\", \"https://mail.contoso.com/\", \"https://OUTLOOK.office365.com\"])"
    );
    contoso.value(&add);
    contoso.value(&add);
    let mut expected = before.clone();
    expected.push("https://mail.contoso.com/".to_owned());
    assert_eq!(names(&contoso), expected);
    assert_eq!(directory_writes(&contoso), 1);

    contoso.value(&format!(
        "entra.remove_spn(\"{EXCHANGE}\", [\"https://mail.contoso.com\"])"
    ));
    assert_eq!(names(&contoso), before);
}

#[test]
fn names_that_are_no_hosts_are_refused() {
    let (kind, message) = Contoso::new().refusal(&format!(
        "entra.add_spn(\"{EXCHANGE}\", [\"https://mail.contoso.com/ews\", \"http://mail.contoso.com\", \"https://ok.contoso.com\"])"
    ));
    assert_eq!(kind, FailureKind::Input);
    assert_eq!(
        message,
        "no https address of a host alone: \"https://mail.contoso.com/ews\" and \"http://mail.contoso.com\""
    );
}

#[test]
fn a_name_of_another_application_is_the_services_refusal() {
    let (kind, _) = Contoso::new().refusal(&format!(
        "entra.add_spn(\"{EXCHANGE}\", \"https://intranet.contoso.com/\")"
    ));
    assert_eq!(kind, FailureKind::AlreadyExists);
}

#[test]
fn it_is_found_by_either_of_its_ids() {
    let contoso = Contoso::new();
    let by_application = contoso.value(&format!("entra.get_service_principal(\"{EXCHANGE}\")"));
    let id = by_application.text("id").unwrap();
    let by_itself = contoso.value(&format!("entra.get_service_principal(\"{id}\")"));
    assert_eq!(by_itself, by_application);
    let keys = by_application
        .get("key_credentials")
        .and_then(Value::as_list)
        .unwrap();
    assert_eq!(keys[0].text("thumbprint").map(str::len), Some(40));
}

#[test]
fn one_that_is_not_there_is_named() {
    let contoso = Contoso::new();
    let (kind, _) =
        contoso.refusal("entra.get_service_principal(\"9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1\")");
    assert_eq!(kind, FailureKind::NotFound);
    let (kind, message) = contoso.refusal("entra.get_service_principal(\"Exchange')/x\")");
    assert_eq!(kind, FailureKind::Input);
    assert!(
        message.contains("is neither an application id nor"),
        "{message}"
    );
}

#[test]
fn what_is_no_certificate_is_refused() {
    let contoso = Contoso::new();
    for wrong in ["7", "#{}", "\"no certificate\"", "[]"] {
        let (kind, message) = contoso.refusal(&format!(
            "entra.upload_key_credential(\"{EXCHANGE}\", {wrong})"
        ));
        assert_eq!(kind, FailureKind::Input, "{wrong}");
        assert!(message.contains("not a certificate"), "{message}");
    }
}
