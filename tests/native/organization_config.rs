//! The list of applications that may call Exchange Web Services: it is merged, and what others put there stays.

#![expect(clippy::unwrap_used, reason = "in the helpers of these tests")]

use crate::support::contoso::Contoso;
use exoauth::failure::{Failure, FailureKind};
use exoauth::session::Mode;
use exoauth::session::event::{Event, Level, Listener};
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::sync::{Arc, Mutex};

const THEIRS: &str = "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1";
const OURS: &str = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";

fn put(contoso: &Contoso, value: &Value) {
    contoso.world(|world| {
        let config = &mut world.objects_mut(Plane::ExchangeOnline, "OrganizationConfig")[0];
        config.insert("EwsAllowedAppIDs".to_owned(), value.clone());
    });
}

fn allowed(contoso: &Contoso) -> Value {
    contoso.value("online.get_organization_config().ews_allowed_app_ids")
}

#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Listener for Warnings {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        if let Event::Said {
            level: Level::Warning,
            text,
        } = event
        {
            self.0.lock().unwrap().push(text.clone());
        }
        Ok(())
    }
}

#[test]
fn an_application_joins_those_that_are_there_once() {
    let contoso = Contoso::new();
    put(&contoso, &THEIRS.into());
    let add = format!("online.add_ews_allowed_app_ids([\"{OURS}\"])");
    contoso.value(&add);
    let both: Value = format!("{THEIRS},{OURS}").into();
    assert_eq!(allowed(&contoso), both);
    let writes = contoso.writes();
    contoso.value(&add.to_uppercase().replace(
        "ONLINE.ADD_EWS_ALLOWED_APP_IDS",
        "online.add_ews_allowed_app_ids",
    ));
    assert_eq!(contoso.writes(), writes);
    contoso.value(&format!(
        "online.remove_ews_allowed_app_ids([\"{THEIRS}\"])"
    ));
    assert_eq!(allowed(&contoso), OURS.into());
}

#[test]
fn what_others_added_since_stays_when_a_run_is_taken_back() {
    let contoso = Contoso::new();
    put(&contoso, &THEIRS.into());
    let recorded = contoso.recorded(&format!("online.add_ews_allowed_app_ids([\"{OURS}\"])"));
    let third = "11111111-2222-3333-4444-555555555555";
    put(&contoso, &format!("{THEIRS},{OURS},{third}").into());
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(allowed(&contoso), format!("{THEIRS},{third}").into());
}

#[test]
fn the_first_entry_and_the_last_one_are_warned_of() {
    let contoso = Contoso::new();
    let heard = Warnings::default();
    for line in ["add", "remove"] {
        let script = format!("online.{line}_ews_allowed_app_ids([\"{OURS}\"])");
        contoso
            .eval_heard_by(heard.clone(), Mode::Apply, &script)
            .unwrap();
    }
    assert_eq!(allowed(&contoso), Value::Null);
    let warnings = heard.0.lock().unwrap().clone();
    let starts: Vec<&str> = warnings.iter().map(|text| &text[..75]).collect();
    assert_eq!(
        starts,
        [
            "the list of applications that may call Exchange Web Services was empty and ",
            "the list of applications that may call Exchange Web Services becomes empty,",
        ]
    );
}

#[test]
fn it_is_a_matter_of_exchange_online() {
    let contoso = Contoso::new();
    let (kind, message) = contoso.refusal(&format!("onprem.add_ews_allowed_app_ids([\"{OURS}\"])"));
    assert_eq!(kind, FailureKind::Input);
    assert_eq!(
        message,
        "Set-OrganizationConfig exists in Exchange Online and not on-premises"
    );
    let (kind, _) = contoso.refusal("online.add_ews_allowed_app_ids([\"everybody\"])");
    assert_eq!(kind, FailureKind::Input);
}

#[test]
fn web_services_are_switched_and_switched_back() {
    let contoso = Contoso::new();
    let enabled = "online.get_organization_config().ews_enabled";
    let before = contoso.value(enabled);
    let other = before != true.into();
    let recorded = contoso.recorded(&format!(
        "online.set_organization_config(#{{ ews_enabled: {other} }})"
    ));
    assert_eq!(contoso.value(enabled), other.into());
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(contoso.value(enabled), before);
}
