//! The certificates that Exchange signs with, phase by phase: made, staged, published, cleared, and taken back.

use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::session::Mode;
use exoauth::value::Value;

const MAKE: &str = r#"
    let made = onprem.new_exchange_certificate(#{
        subject_name: "CN=Microsoft Exchange Server Auth Certificate",
        friendly_name: "Exchange Server Auth Certificate",
        private_key_exportable: true,
        services: "SMTP",
        key_size: 2048,
        force: true,
    });
"#;
const STAGE: &str = r#"
    onprem.set_auth_config(#{
        new_certificate_thumbprint: made.thumbprint,
        new_certificate_effective_date: hours_from_now(72),
    });
"#;
const PLACES: &str = r#"
    let config = onprem.get_auth_config();
    [config.current_certificate_thumbprint, config.previous_certificate_thumbprint, config.next_certificate_thumbprint]
"#;

fn thumbprint(contoso: &Contoso, which: &str) -> Value {
    contoso.value(&format!(
        "onprem.get_auth_config().{which}_certificate_thumbprint"
    ))
}

fn places(values: [&Value; 3]) -> Value {
    Value::List(values.into_iter().cloned().collect())
}

#[test]
fn a_certificate_is_made_staged_published_and_the_one_before_is_cleared() {
    let contoso = Contoso::new();
    let (current, nothing) = (thumbprint(&contoso, "current"), Value::from(""));
    let new = contoso.value(&format!(
        "{MAKE} {STAGE} let read = onprem.get_exchange_certificate(made.thumbprint);
         if parse_certificate(read.raw_data).thumbprint == made.thumbprint {{ made.thumbprint }}"
    ));
    assert_eq!(thumbprint(&contoso, "next"), new);
    let published = contoso.value(&format!("onprem.publish_auth_certificate(); {PLACES}"));
    assert_eq!(published, places([&new, &current, &nothing]));
    let cleared = contoso.value(&format!(
        "onprem.clear_previous_auth_certificate(); {PLACES}"
    ));
    assert_eq!(cleared, places([&new, &nothing, &nothing]));
    let (kind, message) = contoso.refusal("onprem.publish_auth_certificate()");
    assert_eq!(kind, FailureKind::NotFound);
    assert_eq!(
        message,
        "Exchange has no next authorization certificate to publish"
    );
}

#[test]
fn all_phases_are_planned_with_a_thumbprint_that_is_not_known_yet() {
    let contoso = Contoso::new();
    let current = thumbprint(&contoso, "current");
    let planned = contoso.eval(
        Mode::Plan,
        &format!(
            "{MAKE} {STAGE} onprem.publish_auth_certificate();
             let config = onprem.get_auth_config();
             [is_unknown(config.current_certificate_thumbprint), config.previous_certificate_thumbprint, config.next_certificate_thumbprint]"
        ),
    );
    assert_eq!(
        planned.map_err(|failed| failed.to_string()),
        Ok(Value::List(vec![true.into(), current, "".into()]))
    );
    assert_eq!(contoso.writes(), 0);
}

#[test]
fn a_certificate_that_would_take_over_too_soon_needs_force() {
    let contoso = Contoso::new();
    let next = thumbprint(&contoso, "next");
    let set = |hours: i64, force: &str| {
        format!(
            "onprem.set_auth_config(#{{ new_certificate_thumbprint: \"{}\", new_certificate_effective_date: hours_from_now({hours}) {force} }})",
            next.as_text().unwrap_or_default()
        )
    };
    contoso.refusal(&set(24, ""));
    contoso.value(&set(24, ", force: true"));
    let (kind, message) = contoso.refusal(
        "onprem.set_auth_config(#{ certificate_thumbprint: \"A\", new_certificate_thumbprint: \"B\" })",
    );
    assert_eq!(kind, FailureKind::Input);
    assert_eq!(
        message,
        "set_auth_config does not take \"certificate_thumbprint\" and \"new_certificate_thumbprint\" together: they are in different parameter sets of Set-AuthConfig"
    );
}

#[test]
fn the_current_and_the_next_certificate_get_their_places_back() {
    let contoso = Contoso::new();
    let (current, next) = (
        thumbprint(&contoso, "current"),
        thumbprint(&contoso, "next"),
    );
    assert_ne!(next, "".into());
    let count = "onprem.get_exchange_certificate().len()";
    let before = contoso.value(count);
    let recorded = contoso.recorded(&format!(
        "{MAKE} {STAGE} onprem.publish_auth_certificate();"
    ));
    assert_ne!(thumbprint(&contoso, "current"), current);
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(thumbprint(&contoso, "current"), current);
    assert_eq!(thumbprint(&contoso, "next"), next);
    assert_eq!(contoso.value(count), before, "the new one is removed");
}

#[test]
fn one_server_is_looked_at_for_one_certificate() {
    let contoso = Contoso::new();
    let found = contoso.value(
        r#"let thumbprint = onprem.get_auth_config().current_certificate_thumbprint;
        let servers = onprem.get_exchange_server().filter(|it| it.admin_display_version.contains("15."));
        let held = onprem.get_exchange_certificate(#{ server: servers[0].name, thumbprint: thumbprint });
        let all = onprem.get_exchange_certificate(#{ server: servers[0].name });
        [parse_certificate(held.raw_data).thumbprint == thumbprint, all.len() > 1]"#,
    );
    assert_eq!(found, Value::List(vec![true.into(), true.into()]));
    let (kind, _) = contoso.refusal(
        r#"onprem.get_exchange_certificate(#{ server: "EX16", thumbprint: "3B1C00000000000000000000000000000000ABCD" })"#,
    );
    assert_eq!(kind, FailureKind::NotFound);
}

#[test]
fn dates_are_counted_by_the_clock_of_the_organization() {
    let contoso = Contoso::new();
    let counted = contoso.value(
        r#"[now(), days_until("2026-11-24"), days_until("2026-11-23T08:59:59Z"), hours_until("2026-11-23T11:00:00Z"), hours_from_now(-1)]"#,
    );
    assert_eq!(
        counted,
        Value::List(vec![
            "2026-11-23T09:00:00Z".into(),
            0.into(),
            (-1).into(),
            2.into(),
            "2026-11-23T08:00:00Z".into(),
        ])
    );
    let (kind, message) = contoso.refusal("days_until(\"soon\")");
    assert_eq!(
        (kind, message.as_str()),
        (FailureKind::Input, "\"soon\" is no date")
    );
    let (_, message) = contoso.refusal("days_until(())");
    assert_eq!(message, "nothing is no date");
}
