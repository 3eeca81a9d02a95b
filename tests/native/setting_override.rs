//! Setting overrides: made, read, changed, removed, refused, planned, taken back, and read again by the servers.

#![expect(clippy::unwrap_used, reason = "in the helpers of these tests")]

use crate::matrix::state::{difference, exactly};
use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::session::Mode;
use exoauth::session::event::{Event, Listener};
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::sync::{Arc, Mutex};

const NEW: &str = r#"
    let made = onprem.new_setting_override("Example", #{
        component: "Global",
        section: "ExchangeOnpremAsThirdPartyAppId",
        parameters: ["Enabled=true"],
        reason: "A test",
        server: ["EX16"],
    });
"#;

fn list(values: &[&str]) -> Value {
    values.to_vec().into()
}

#[test]
fn one_is_made_read_changed_and_removed() {
    let contoso = Contoso::new();
    let value = contoso.value(&format!(
        r#"{NEW}
        onprem.set_setting_override("Example", #{{ parameters: ["Enabled=false"], reason: "Another" }});
        let read = onprem.get_setting_override("Example");
        let count = onprem.get_setting_override().len();
        onprem.remove_setting_override("Example");
        let gone = attempt(|| onprem.get_setting_override("Example")).error.kind;
        [made.component_name, made.section_name, made.server, read.parameters, read.reason, count, gone]"#
    ));
    assert_eq!(
        value,
        Value::List(vec![
            "Global".into(),
            "ExchangeOnpremAsThirdPartyAppId".into(),
            list(&["EX16"]),
            list(&["Enabled=false"]),
            "Another".into(),
            1.into(),
            "not_found".into(),
        ])
    );
}

#[test]
fn a_planned_one_is_seen_by_later_lines_and_nothing_is_sent() {
    let contoso = Contoso::new();
    let value = contoso
        .eval(
            Mode::Plan,
            &format!(
                r#"{NEW}
                onprem.refresh_setting_overrides();
                let all = onprem.get_setting_override();
                [all[0].section_name, is_unknown(made.guid)]"#
            ),
        )
        .unwrap();
    assert_eq!(
        value,
        Value::List(vec!["ExchangeOnpremAsThirdPartyAppId".into(), true.into()])
    );
    assert_eq!(contoso.writes(), 0);
    assert_eq!(
        contoso.world(|world| world.objects(Plane::OnPremises, "SettingOverride").len()),
        0
    );
}

#[test]
fn a_name_that_is_taken_and_options_that_are_wrong_are_refused() {
    let contoso = Contoso::new();
    contoso.value(NEW);
    let (kind, message) = contoso.refusal(NEW);
    assert_eq!(kind, FailureKind::AlreadyExists);
    assert_eq!(
        message,
        "on-premises SettingOverride \"Example\" already exists"
    );
    let (kind, message) =
        contoso.refusal("onprem.new_setting_override(\"Other\", #{ section: \"X\" })");
    assert_eq!(kind, FailureKind::Input);
    assert_eq!(
        message,
        "new_setting_override needs the option \"component\", \"parameters\" and \"reason\""
    );
    let (kind, message) = contoso.refusal("online.get_setting_override()");
    assert_eq!(kind, FailureKind::Input);
    assert_eq!(
        message,
        "Get-SettingOverride exists on-premises and not in Exchange Online"
    );
}

#[test]
fn what_was_made_changed_and_removed_is_taken_back() {
    let contoso = Contoso::new();
    let state = |contoso: &Contoso| contoso.world(|world| exactly(world));
    let before = state(&contoso);
    contoso.value(NEW);
    let after = state(&contoso);
    let changed = contoso.recorded(
        r#"onprem.set_setting_override("Example", #{ parameters: ["Enabled=false"], server: [] })"#,
    );
    assert_eq!(contoso.take_back(&changed), [""; 0]);
    assert_eq!(difference(&after, &state(&contoso)), None);

    let removed = contoso.recorded("onprem.remove_setting_override(\"Example\")");
    assert_eq!(contoso.take_back(&removed), [""; 0]);
    let again = contoso.value(
        r#"let it = onprem.get_setting_override("Example");
           [it.component_name, it.section_name, it.parameters, it.reason, it.server]"#,
    );
    assert_eq!(
        again,
        Value::List(vec![
            "Global".into(),
            "ExchangeOnpremAsThirdPartyAppId".into(),
            list(&["Enabled=true"]),
            "A test".into(),
            list(&["EX16"]),
        ])
    );
    contoso.value("onprem.remove_setting_override(\"Example\")");
    let made_again = contoso.recorded(NEW);
    assert_eq!(contoso.take_back(&made_again), [""; 0]);
    assert_eq!(difference(&before, &state(&contoso)), None);
}

#[derive(Clone, Default)]
struct Refreshed(Arc<Mutex<Vec<String>>>);

impl Listener for Refreshed {
    fn hear(&mut self, event: &Event) -> Result<(), exoauth::failure::Failure> {
        if let Event::Refreshing { subject, call, .. } = event {
            self.0.lock().unwrap().push(format!("{subject}: {call}"));
        }
        Ok(())
    }
}

#[test]
fn the_servers_are_made_to_read_again_when_it_is_applied_and_not_before() {
    let contoso = Contoso::new();
    let requests =
        |contoso: &Contoso| contoso.world(|world| world.requests(exoauth::lab::Front::OnPremises));
    let heard = Refreshed::default();
    let planned = contoso.eval_heard_by(
        heard.clone(),
        Mode::Plan,
        "onprem.refresh_setting_overrides()",
    );
    assert_eq!(planned.unwrap(), Value::Null);
    assert_eq!(requests(&contoso), 0);
    contoso
        .eval_heard_by(
            heard.clone(),
            Mode::Apply,
            "onprem.refresh_setting_overrides()",
        )
        .unwrap();
    assert!(requests(&contoso) > 0);
    let call = "on-premises ExchangeDiagnosticInfo: Get-ExchangeDiagnosticInfo -Process 'Microsoft.Exchange.Directory.TopologyService' -Component 'VariantConfiguration' -Argument 'Refresh'";
    assert_eq!(*heard.0.lock().unwrap(), [call, call]);
    assert_eq!(contoso.writes(), 0);
}
