//! Registered applications, their service principals and what those are granted: made, found, changed, removed, planned,
//! refused and taken back; and nothing of others is lost.

#![expect(clippy::unwrap_used, reason = "in the helpers of these tests")]

use crate::matrix::state::{difference, exactly};
use crate::support::contoso::Contoso;
use exoauth::failure::{Failure, FailureKind};
use exoauth::session::Mode;
use exoauth::session::event::{Event, Listener};
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::sync::{Arc, Mutex};

const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";

/// All that the dedicated application needs of the directory.
const SET_UP: &str = r#"
    let exchange = "00000002-0000-0ff1-ce00-000000000000";
    let app = entra.new_application("Example", #{ description: "An example", notes: "Made by a test" });
    entra.set_application(app.app_id, #{
        required_resource_access: [#{ resource_app_id: exchange, roles: ["full_access_as_app"] }],
    });
    let principal = entra.new_service_principal(app.app_id, #{ notes: "Made by a test" });
    entra.set_service_principal_tags(app.app_id, ["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"]);
    let grant = entra.add_app_role_assignment(app.app_id, exchange, "full_access_as_app");
    entra.upload_application_key_credential(app.app_id, onprem.export_auth_certificate("next"));
"#;

fn directory_writes(contoso: &Contoso) -> u64 {
    contoso.world(|world| world.writes(Plane::Entra))
}

fn application(contoso: &Contoso) -> exoauth::lab::Application {
    contoso.world(|world| {
        let applications = &world.directory().applications;
        let mut ours = applications
            .iter()
            .filter(|one| one.display_name == "Example");
        ours.next().unwrap().clone()
    })
}

#[test]
fn an_application_is_set_up_and_the_second_time_nothing_is_sent() {
    let contoso = Contoso::new();
    let value = contoso.value(&format!(
        r#"{SET_UP}
        let read = entra.get_application(app.app_id);
        [
            read.display_name, read.description, read.notes,
            read.required_resource_access[0].resource_app_id,
            read.key_credentials[0].thumbprint == onprem.get_auth_config().next_certificate_thumbprint,
            entra.has_application_key_credential(app.app_id, onprem.export_auth_certificate("next")),
            entra.find_applications("example").len(),
            principal.app_id == app.app_id,
            entra.get_app_role_assignments(app.app_id)[0].id == grant.id,
        ]"#
    ));
    assert_eq!(
        value,
        Value::List(vec![
            "Example".into(),
            "An example".into(),
            "Made by a test".into(),
            EXCHANGE.into(),
            true.into(),
            true.into(),
            1.into(),
            true.into(),
            true.into(),
        ])
    );
    let app_id = application(&contoso).app_id;
    assert_eq!(
        contoso.world(|world| world.directory().granted(&app_id, EXCHANGE)),
        ["full_access_as_app"]
    );
    assert_eq!(directory_writes(&contoso), 6);
    contoso.value(&format!(
        r#"let exchange = "{EXCHANGE}";
        entra.set_application("{app_id}", #{{
            required_resource_access: [#{{ resource_app_id: exchange, roles: ["full_access_as_app"] }}],
        }});
        entra.set_service_principal_tags("{app_id}", ["HideApp"]);
        entra.add_app_role_assignment("{app_id}", exchange, "full_access_as_app");
        entra.upload_application_key_credential("{app_id}", onprem.export_auth_certificate("next"));"#
    ));
    assert_eq!(directory_writes(&contoso), 6);
}

#[test]
fn all_of_it_is_planned_although_its_id_is_not_known_yet() {
    let contoso = Contoso::new();
    let value = contoso
        .eval(
            Mode::Plan,
            &format!(
                r#"{SET_UP}
                onprem.new_auth_server("Example", #{{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" }});
                onprem.set_auth_server("Example", #{{ application_identifier: app.app_id, domain_name: ["contoso.com"] }});
                online.add_ews_allowed_app_ids([app.app_id]);
                [
                    `${{app.app_id}}`,
                    entra.has_application_key_credential(app.app_id, onprem.export_auth_certificate("next")),
                    entra.get_application(app.app_id).description,
                    entra.find_applications("Example").len(),
                    entra.get_service_principal(app.app_id).tags,
                    entra.get_app_role_assignments(principal.id).len(),
                    is_unknown(onprem.get_auth_server("Example").application_identifier),
                ]"#
            ),
        )
        .unwrap();
    assert_eq!(
        value,
        Value::List(vec![
            "(known after apply: appId of Entra ID Application \"Example\")".into(),
            true.into(),
            "An example".into(),
            1.into(),
            vec!["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"].into(),
            1.into(),
            true.into(),
        ])
    );
    assert_eq!(contoso.writes(), 0);
}

#[derive(Clone, Default)]
struct Planned(Arc<Mutex<Vec<(String, bool)>>>);

impl Listener for Planned {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        if let Event::Planned { change } = event {
            let call = change.call.clone();
            self.0.lock().unwrap().push((call, change.same));
        }
        Ok(())
    }
}

#[test]
fn a_value_that_is_not_known_yet_is_a_change() {
    let contoso = Contoso::new();
    let heard = Planned::default();
    let server = r#"onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });"#;
    contoso.value(server);
    let lines = r#"
        let app = entra.new_application("Example");
        onprem.set_auth_server("Example", #{ application_identifier: app.app_id });
        online.add_ews_allowed_app_ids([app.app_id]);
    "#;
    contoso
        .eval_heard_by(heard.clone(), Mode::Plan, lines)
        .unwrap();
    let unknown = "<appId of Entra ID Application \"Example\">";
    assert_eq!(
        heard.0.lock().unwrap()[1..],
        [
            (
                format!(
                    "Set-AuthServer -Identity 'Example' -ApplicationIdentifier {unknown} -Confirm:$false"
                ),
                false
            ),
            (
                format!("Set-OrganizationConfig -EwsAllowedAppIDs {unknown} -Confirm:$false"),
                false
            ),
        ]
    );
    let run = contoso.planned_and_applied(lines);
    assert_eq!(run.len(), 3);
}

#[test]
fn a_plan_of_what_has_no_id_yet_is_kept_when_it_is_applied() {
    let contoso = Contoso::new();
    let run = contoso.planned_and_applied(SET_UP);
    let changes: Vec<String> = run
        .iter()
        .map(|(planned, made)| format!("{planned} | {made}"))
        .collect();
    let app_id = application(&contoso).app_id;
    let unknown = "(known after apply: appId of Entra ID Application \"Example\")";
    assert_eq!(
        changes,
        [
            "Application \"Example\" | Application \"Example\"".to_owned(),
            format!("Application \"Example\" | Application \"{app_id}\""),
            format!("ServicePrincipal \"{unknown}\" | ServicePrincipal \"{app_id}\""),
            format!("ServicePrincipal \"{unknown}\" | ServicePrincipal \"{app_id}\""),
            format!(
                "AppRoleAssignment \"full_access_as_app of {EXCHANGE} for {unknown}\" | AppRoleAssignment \"full_access_as_app of {EXCHANGE} for {app_id}\""
            ),
            format!("Application \"Example\" | Application \"{app_id}\""),
        ]
    );
}

#[test]
fn a_key_of_somebody_else_keeps_its_id_and_its_name() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let app_id = application(&contoso).app_id;
    contoso.world(|world| {
        let others = world.directory().principal(EXCHANGE).unwrap().keys[1].clone();
        let key = &mut world.directory_mut().application_mut(&app_id).unwrap().keys;
        key.insert(0, others);
        key[0].display_name = Some("somebody else's".to_owned());
        key[0].id = "11111111-2222-3333-4444-555555555555".to_owned();
    });
    let before = application(&contoso).keys;
    contoso.value(&format!(
        "entra.upload_application_key_credential(\"{app_id}\", onprem.export_auth_certificate(\"current\"))"
    ));
    let after = application(&contoso).keys;
    assert_eq!(after[..2], before[..]);
    assert_eq!(after.len(), 3);
    let ours = after[2].certificate.thumbprint.clone();
    contoso.value(&format!(
        "entra.remove_application_key_credential(\"{app_id}\", \"{ours}\")"
    ));
    assert_eq!(application(&contoso).keys, before);
}

#[test]
fn permissions_and_tags_join_those_that_are_there() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let app_id = application(&contoso).app_id;
    contoso.value(&format!(
        r#"let graph = "00000003-0000-0000-c000-000000000000";
        entra.set_application("{app_id}", #{{
            required_resource_access: [
                #{{ resource_app_id: "{EXCHANGE}", roles: ["Exchange.ManageAsApp"] }},
                #{{ resource_app_id: graph, roles: ["Calendars.Read", "MailTips.ReadBasic.All"] }},
            ],
        }});
        entra.set_application("{app_id}", #{{
            remove_required_resource_access: [#{{ resource_app_id: graph, roles: ["Calendars.Read"] }}],
        }});
        entra.set_service_principal_tags("{app_id}", ["Another"]);"#
    ));
    let counts: Vec<usize> = application(&contoso)
        .required
        .iter()
        .map(|entry| entry["resourceAccess"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [2, 1]);
    assert_eq!(
        contoso.world(|world| world.directory().principal(&app_id).unwrap().tags.clone()),
        [
            "WindowsAzureActiveDirectoryIntegratedApp",
            "HideApp",
            "Another"
        ]
    );
}

#[test]
fn a_name_that_is_taken_is_refused_although_the_directory_would_take_it() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let writes = directory_writes(&contoso);
    let (kind, message) = contoso.refusal("entra.new_application(\"Example\")");
    assert_eq!(kind, FailureKind::AlreadyExists);
    assert_eq!(message, "Entra ID Application \"Example\" already exists");
    let app_id = application(&contoso).app_id;
    let (kind, _) = contoso.refusal(&format!("entra.new_service_principal(\"{app_id}\")"));
    assert_eq!(kind, FailureKind::AlreadyExists);
    assert_eq!(directory_writes(&contoso), writes);
}

#[test]
fn what_is_wrong_is_said() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let nobody = "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1";
    let cases = [
        (
            format!("entra.get_application(\"{nobody}\")"),
            FailureKind::NotFound,
        ),
        (
            "entra.get_application(\"Example\")".to_owned(),
            FailureKind::Input,
        ),
        ("entra.get_application(7)".to_owned(), FailureKind::Input),
        (
            "entra.new_application(\" \")".to_owned(),
            FailureKind::Input,
        ),
        (
            format!(
                "entra.add_app_role_assignment(\"{EXCHANGE}\", \"{EXCHANGE}\", \"full_acces_as_app\")"
            ),
            FailureKind::NotFound,
        ),
        (
            format!("entra.remove_app_role_assignment(\"{EXCHANGE}\", \"../x\")"),
            FailureKind::Input,
        ),
        (
            format!("entra.remove_app_role_assignment(\"{EXCHANGE}\", \"nothing\")"),
            FailureKind::NotFound,
        ),
        (
            format!(
                "entra.set_application(\"{}\", #{{}})",
                application(&contoso).app_id
            ),
            FailureKind::Input,
        ),
    ];
    for (line, expected) in cases {
        let (kind, message) = contoso.refusal(&line);
        assert_eq!(kind, expected, "{line}: {message}");
    }
}

#[test]
fn a_run_that_made_it_all_is_taken_back() {
    let contoso = Contoso::new();
    let before = contoso.world(|world| exactly(world));
    let recorded = contoso.recorded(SET_UP);
    assert!(difference(&before, &contoso.world(|world| exactly(world))).is_some());
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(
        difference(&before, &contoso.world(|world| exactly(world))),
        None
    );
    assert_eq!(contoso.take_back(&recorded), [""; 0], "once more");
}

#[test]
fn what_was_removed_is_restored_under_its_ids() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let before = contoso.world(|world| exactly(world));
    let app_id = application(&contoso).app_id;
    let recorded = contoso.recorded(&format!(
        r#"let grant = entra.get_app_role_assignments("{app_id}")[0];
        entra.remove_app_role_assignment("{app_id}", grant.id);
        entra.remove_application("{app_id}");"#
    ));
    assert_eq!(
        contoso.value("entra.find_applications(\"Example\").len()"),
        0.into()
    );
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    let without_dates = |lines: &[String]| -> Vec<String> {
        let cut = |line: &String| line.split("created: ").next().unwrap().to_owned();
        let mut lines: Vec<String> = lines.iter().map(cut).collect();
        lines.sort();
        lines
    };
    assert_eq!(
        difference(
            &without_dates(&before),
            &without_dates(&contoso.world(|world| exactly(world)))
        ),
        None
    );
}

#[test]
fn what_others_added_since_stays_when_a_run_is_taken_back() {
    let contoso = Contoso::new();
    contoso.value(SET_UP);
    let app_id = application(&contoso).app_id;
    let recorded = contoso.recorded(&format!(
        r#"entra.set_application("{app_id}", #{{
            required_resource_access: [#{{ resource_app_id: "{EXCHANGE}", roles: ["Exchange.ManageAsApp"] }}],
        }});
        entra.upload_application_key_credential("{app_id}", onprem.export_auth_certificate("current"));"#
    ));
    contoso.value(&format!(
        r#"entra.set_application("{app_id}", #{{
            required_resource_access: [#{{ resource_app_id: "{EXCHANGE}", roles: ["Calendars.ReadWrite.All"] }}],
        }});"#
    ));
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    let required = application(&contoso).required;
    let ids: Vec<&str> = required[0]["resourceAccess"]
        .as_array()
        .unwrap()
        .iter()
        .map(|access| access["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        (required.len(), ids),
        (
            1,
            vec![
                "dc890d15-9560-4a4c-9b7f-a736ec74ec40",
                "ef54d2bf-783f-4e0f-bca1-3210c0444d99"
            ]
        )
    );
    assert_eq!(application(&contoso).keys.len(), 1);
}

#[test]
fn a_cap_on_the_lifetime_of_certificates_is_seen() {
    let contoso = Contoso::new();
    let days = "entra.get_app_management_policy().certificate_days";
    assert_eq!(contoso.value(days), Value::Null);
    contoso.world(|world| world.directory_mut().certificate_days = Some(180));
    assert_eq!(contoso.value(days), 180.into());
}
