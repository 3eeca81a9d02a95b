//! What Exchange Online asks for today: the dedicated hybrid application, the rotation of certificates, the clean-up.

use crate::support::contoso::{Contoso, Run, TODAY};
use exoauth::clock::Clock;
use exoauth::cloud::{Cell, CloudName};
use exoauth::lab::seed::More;
use exoauth::lab::{Certificate, LabOptions, Rules, Seed, Trouble};
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::Value;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

const EXCHANGE_ONLINE: &str = "00000002-0000-0ff1-ce00-000000000000";

fn options() -> Option<LabOptions> {
    let now: Timestamp = TODAY.parse().ok()?;
    Some(LabOptions {
        clock: Clock::fixed(now),
        rules: Rules::ByDate,
        ..LabOptions::default()
    })
}

/// Contoso with the rules of the day.
fn today() -> Contoso {
    Contoso::with(options().unwrap_or_default())
}

/// Contoso with a clock that is set forward.
struct Later {
    contoso: Contoso,
    now: Arc<Mutex<Timestamp>>,
}

impl Later {
    fn new() -> Self {
        let options = options().unwrap_or_default();
        let now = Arc::new(Mutex::new(options.clock.now()));
        let told = now.clone();
        let clock = Clock::told_by(move || *told.lock().unwrap_or_else(PoisonError::into_inner));
        Self {
            contoso: Contoso::with(LabOptions { clock, ..options }),
            now,
        }
    }

    fn hours(&self, hours: i64) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now += SignedDuration::from_hours(hours);
    }

    /// Lets a run of the rotation say what it did, and asks whether Exchange Online lets the servers in at this moment.
    fn rotate(&self) -> Vec<String> {
        let run = self
            .contoso
            .run(Mode::Apply, "rotate-certificate", &[("start", "true")]);
        assert_eq!(run.failed(), None);
        let changes = run.changes();
        self.is_let_in();
        changes
    }

    fn is_let_in(&self) {
        let answer = self.contoso.value(
            "let who = onprem.get_mailbox(#{ result_size: 1, recipient_type_details: \"UserMailbox\" })[0].primary_smtp_address;\n\
             onprem.test_oauth(\"EWS\", cloud.exchange_online + \"/ews/exchange.asmx\", who)",
        );
        assert_eq!(
            answer.get("Succeeded").or(answer.get("succeeded")),
            Some(&Value::Bool(true)),
            "{answer:?}"
        );
    }
}

/// The application that on-premises Exchange is told.
fn application(contoso: &Contoso) -> String {
    let told =
        contoso.value("import \"stdlib/hybrid_applications\" as apps; apps::configured(onprem)");
    told.as_text().unwrap_or_default().to_owned()
}

fn not_passed(run: &Run) -> Vec<String> {
    let verdicts = run.verdicts().into_iter();
    verdicts
        .filter(|verdict| !verdict.starts_with("passed "))
        .collect()
}

#[test]
fn configure_ends_in_a_working_organization_and_then_changes_nothing() {
    let contoso = today();
    let plan = contoso.plan("configure");
    assert_eq!(plan.failed(), None);
    assert_eq!(contoso.writes(), 0);

    let first = contoso.apply("configure");
    assert_eq!(not_passed(&first), Vec::<String>::new());
    assert_eq!(first.changes().len(), plan.changes().len());
    let id = application(&contoso);
    assert!(id.len() == 36 && id != EXCHANGE_ONLINE, "{id}");
    let direction = first.verdict("on-premises to Exchange Online");
    assert!(
        direction.contains(&format!("a token of the application {id} was accepted")),
        "{direction}"
    );
    assert!(
        first
            .verdict("Exchange Online to on-premises")
            .starts_with("passed")
    );

    let writes = contoso.writes();
    let second = contoso.apply("configure");
    assert_eq!(second.changes(), Vec::<String>::new());
    assert_eq!(not_passed(&second), Vec::<String>::new());
    assert_eq!(contoso.writes(), writes);
}

#[test]
fn configure_works_in_every_cloud_whose_addresses_are_known() {
    for cloud in [CloudName::GccHigh, CloudName::Dod, CloudName::China] {
        let mut contoso = Contoso::with(LabOptions {
            cloud,
            ..options().unwrap_or_default()
        });
        if cloud == CloudName::China {
            // Nobody documents these, so the organization file has to name them.
            let names = contoso.world(|world| world.names().clone());
            let acs = format!("https://{}/{{tenant}}/metadata/json/1", names.acs_host);
            let sts = format!(
                "https://{}/{{tenant}}/federationmetadata/2007-06/federationmetadata.xml",
                names.sts_host
            );
            contoso
                .endpoints
                .extend([(Cell::AcsMetadata, acs), (Cell::StsMetadata, sts)]);
        }
        let run = contoso.apply("configure");
        assert_eq!(not_passed(&run), Vec::<String>::new(), "{cloud}");
        let direction = run.verdict("on-premises to Exchange Online");
        assert!(
            direction.contains(&application(&contoso)),
            "{cloud}: {direction}"
        );
    }
}

#[test]
fn the_dedicated_application_can_be_declined_and_verify_says_what_that_means() {
    let contoso = today();
    let run = contoso.run(
        Mode::Apply,
        "configure",
        &[("dedicated_application", "false")],
    );
    assert_eq!(run.failed(), None);
    assert_eq!(
        not_passed(&run),
        ["failed way in use", "failed on-premises to Exchange Online"]
    );
    let way = run.verdict("way in use");
    assert!(
        way.contains("refuses since 2025-10-31") && way.ends_with("(run dedicated-app)"),
        "{way}"
    );
}

#[test]
fn an_organization_that_uses_dauth_is_not_cut_off() {
    let contoso = today();
    contoso.apply("01-auth-servers");
    for change in [
        "",
        "onprem.set_intraorg_connector(\"ExchangeHybridOnPremisesToOnline\", #{ enabled: false })",
    ] {
        if !change.is_empty() {
            contoso.apply("06-connector-on-premises");
            contoso.value(change);
        }
        for only in [vec![], vec!["application-override".to_owned()]] {
            let run = contoso.run_with(
                Mode::Apply,
                "dedicated-app",
                exoauth::script::HostOptions {
                    only,
                    ..Default::default()
                },
            );
            let failed = run.failed().unwrap_or_default();
            assert!(failed.contains("the override would cut it off"), "{failed}");
            assert!(failed.contains("06-connector-on-premises"), "{failed}");
        }
    }
    assert_eq!(
        contoso.value("onprem.get_setting_override().len()"),
        Value::Integer(0)
    );
    assert_eq!(contoso.world(|world| world.writes(Plane::Entra)), 0);
}

#[test]
fn only_the_own_organization_relationship_is_shown_the_way() {
    let contoso = today();
    contoso.value(
        "let address = cloud.autodiscover + \"/autodiscover/autodiscover.svc/WSSecurity\";\n\
         onprem.new_organization_relationship(\"A partner in the cloud\", #{ domain_names: [\"fabrikam.com\", \"fabrikam.mail.onmicrosoft.com\"], target_autodiscover_epr: address });\n\
         onprem.new_organization_relationship(\"On-premises to O365\", #{ domain_names: [\"contoso.mail.onmicrosoft.com\"], target_autodiscover_epr: address });",
    );
    let run = contoso.apply("configure");
    assert!(run.changes().contains(
        &"update on-premises OrganizationRelationship \"On-premises to O365\"".to_owned()
    ));
    let address = |name: &str| {
        let lines = format!("onprem.get_organization_relationship(\"{name}\").target_sharing_epr");
        contoso
            .value(&lines)
            .as_text()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(address("A partner in the cloud"), "");
    assert!(
        address("On-premises to O365")
            .to_lowercase()
            .ends_with("/ews/exchange.asmx")
    );
}

#[test]
fn a_server_that_is_too_old_or_does_not_answer_stops_it_before_anything_is_written() {
    let contoso = today();
    contoso.world(|world| world.set_exchange_build("EX16", "15.1.2507.39"));
    let run = contoso.run(Mode::Apply, "dedicated-app", &[]);
    let failed = run.failed().unwrap_or_default();
    assert!(
        failed.contains("too old for it: EX16 (15.1.2507.39)"),
        "{failed}"
    );
    assert_eq!(contoso.writes(), 0);
    let run = contoso.run(
        Mode::Plan,
        "dedicated-app",
        &[("builds", "EX17=15.1.2507.55")],
    );
    let failed = run.failed().unwrap_or_default();
    assert!(failed.contains("a build is stated for EX17"), "{failed}");
}

#[test]
fn what_is_taken_away_is_named_and_the_direction_fails() {
    let id = "import \"stdlib/hybrid_applications\" as apps; let id = apps::configured(onprem);";
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "the override",
            "onprem.remove_setting_override(\"EnableExchangeHybrid3PAppFeature\"); onprem.refresh_setting_overrides()",
            &["failed way in use", "failed application: setting override"],
        ),
        (
            "a second override",
            "onprem.new_setting_override(\"Another\", #{ component: \"Global\", section: \"ExchangeOnpremAsThirdPartyAppId\", parameters: [\"Enabled=true\"], reason: \"x\" }); onprem.refresh_setting_overrides()",
            &["failed way in use", "failed application: setting override"],
        ),
        (
            "the certificate",
            "entra.remove_application_key_credential(id, onprem.get_auth_config().current_certificate_thumbprint)",
            &["failed application: certificates"],
        ),
        (
            "the consent",
            "for one in entra.get_app_role_assignments(id) { entra.remove_app_role_assignment(id, one.id) }",
            &["failed application: permission and consent"],
        ),
        (
            "the place in the list",
            "online.remove_ews_allowed_app_ids([id])",
            &["failed application: Exchange Web Services"],
        ),
    ];
    for (what, lines, named) in cases {
        let contoso = today();
        contoso.apply("configure");
        contoso.value(&format!("{id} {lines}"));
        let run = contoso.apply("verify");
        let mut expected: Vec<String> = named.iter().map(|line| (*line).to_owned()).collect();
        expected.push("failed on-premises to Exchange Online".to_owned());
        assert_eq!(not_passed(&run), expected, "without {what}");
        // And the playbook puts it right, except where there are two of one kind.
        let again = contoso.run(Mode::Apply, "dedicated-app", &[]);
        if what == "a second override" {
            let failed = again.failed().unwrap_or_default();
            assert!(
                failed.contains("2 setting overrides set ExchangeOnpremAsThirdPartyAppId"),
                "{failed}"
            );
        } else {
            assert_eq!(again.failed(), None, "without {what}");
            assert_eq!(not_passed(&again), Vec::<String>::new(), "without {what}");
        }
    }
}

#[test]
fn a_certificate_is_rotated_and_the_servers_are_let_in_at_every_moment() {
    let later = Later::new();
    later.contoso.apply("configure");
    let thumbprint = |which: &str| {
        let lines = format!(
            "let it = onprem.get_auth_config().{which}_certificate_thumbprint; if type_of(it) == \"()\" {{ \"\" }} else {{ it }}"
        );
        later
            .contoso
            .value(&lines)
            .as_text()
            .unwrap_or_default()
            .to_owned()
    };
    // The lab starts with a next certificate that nobody uploaded; it is as good as one that was staged.
    let former = thumbprint("current");
    for _ in 0..40 {
        later.rotate();
        later.hours(24);
        later.is_let_in();
        if thumbprint("previous").is_empty() && thumbprint("current") != former {
            break;
        }
    }
    assert_ne!(thumbprint("current"), former);
    assert_eq!(thumbprint("previous"), "");
    let keys = format!(
        "import \"stdlib/hybrid_applications\" as apps; entra.get_application(apps::configured(onprem)).key_credentials.some(|key| key.thumbprint == \"{former}\")"
    );
    assert_eq!(later.contoso.value(&keys), Value::Bool(false));
}

#[test]
fn a_certificate_that_entra_does_not_know_is_not_published() {
    let later = Later::new();
    later.contoso.apply("configure");
    let staged = later
        .contoso
        .run(Mode::Apply, "rotate-certificate", &[("start", "true")]);
    assert_eq!(staged.failed(), None);
    later.contoso.value(
        "import \"stdlib/hybrid_applications\" as apps; import \"stdlib/certificates\" as certificates;\n\
         let next = onprem.get_auth_config().next_certificate_thumbprint; let id = apps::configured(onprem);\n\
         if entra.has_application_key_credential(id, onprem.export_auth_certificate(\"next\")) { entra.remove_application_key_credential(id, next); }",
    );
    let current = later
        .contoso
        .value("onprem.get_auth_config().current_certificate_thumbprint");
    let run = later.contoso.run_with(
        Mode::Apply,
        "rotate-certificate",
        exoauth::script::HostOptions {
            only: vec!["rotation-publish".to_owned()],
            ..Default::default()
        },
    );
    let failed = run.failed().unwrap_or_default();
    assert!(
        failed.contains("Entra ID does not know the next certificate"),
        "{failed}"
    );
    assert_eq!(
        later
            .contoso
            .value("onprem.get_auth_config().current_certificate_thumbprint"),
        current
    );
}

#[test]
fn the_shared_principal_is_cleaned_up_only_once_nobody_needs_it() {
    let contoso = today();
    contoso.run(
        Mode::Apply,
        "configure",
        &[("dedicated_application", "false")],
    );
    let keys = format!("entra.get_service_principal(\"{EXCHANGE_ONLINE}\").key_credentials.len()");
    let before = contoso.value(&keys);
    let run = contoso.run(Mode::Apply, "clean-up-shared-principal", &[]);
    let failed = run.failed().unwrap_or_default();
    assert!(
        failed.contains("the shared service principal is still needed"),
        "{failed}"
    );
    assert_eq!(contoso.value(&keys), before);

    contoso.apply("configure");
    let run = contoso.apply("clean-up-shared-principal");
    assert!(!run.changes().is_empty());
    let ours = format!(
        "let current = onprem.get_auth_config().current_certificate_thumbprint; entra.get_service_principal(\"{EXCHANGE_ONLINE}\").key_credentials.some(|key| key.thumbprint == current)"
    );
    assert_eq!(contoso.value(&ours), Value::Bool(false));
    let verified = contoso.apply("verify");
    assert_eq!(not_passed(&verified), Vec::<String>::new());
    assert_eq!(
        contoso.apply("clean-up-shared-principal").changes(),
        Vec::<String>::new()
    );
}

#[test]
fn the_list_of_applications_keeps_what_others_put_there() {
    let contoso = today();
    let other = "11111111-2222-3333-4444-555555555555";
    contoso.value(&format!("online.add_ews_allowed_app_ids([\"{other}\"])"));
    contoso.apply("configure");
    let list = contoso.value("online.get_organization_config().ews_allowed_app_ids");
    let list = list.as_text().unwrap_or_default().to_owned();
    assert!(
        list.contains(other) && list.contains(&application(&contoso)),
        "{list}"
    );
    let run = contoso.run(Mode::Apply, "ews-allow-list", &[("remove", other)]);
    assert_eq!(run.failed(), None);
    let list = contoso.value("online.get_organization_config().ews_allowed_app_ids");
    assert_eq!(list.as_text(), Some(application(&contoso).as_str()));
}

#[test]
fn verify_fails_in_time_for_what_ends() {
    let contoso = today();
    contoso.apply("configure");
    let run = contoso.run(Mode::Apply, "verify", &[("notice_days", "365")]);
    assert_eq!(not_passed(&run), ["failed lifetime: the way in use"]);
    let way = run.verdict("lifetime: the way in use");
    assert!(way.contains("end on 2027-04-01, in 128 days"), "{way}");
    let run = contoso.run(Mode::Apply, "verify", &[("next_certificate_days", "9999")]);
    assert_eq!(
        not_passed(&run),
        ["failed lifetime: authorization certificates"]
    );
}

/// Contoso with every server of Subscription Edition of May 2026.
fn subscription_edition(cloud: CloudName) -> Contoso {
    let contoso = Contoso::with(LabOptions {
        cloud,
        ..options().unwrap_or_default()
    });
    contoso.world(|world| {
        world.set_exchange_build("EX16", "15.2.2562.41");
        let version = "Version 15.2 (Build 2562.17)".into();
        world.set(
            Plane::OnPremises,
            "ExchangeServer",
            "EX16",
            "AdminDisplayVersion",
            &version,
        );
    });
    contoso
}

#[test]
fn servers_of_subscription_edition_can_ask_microsoft_graph_and_go_back() {
    let contoso = subscription_edition(CloudName::Worldwide);
    let run = contoso.run(Mode::Apply, "configure", &[("flow", "graph")]);
    assert_eq!(run.failed(), None);
    assert_eq!(not_passed(&run), Vec::<String>::new());
    let id = application(&contoso);
    let granted = format!(
        "let ids = entra.get_app_role_assignments(\"{id}\").map(|one| one.app_role_id);\n\
         entra.get_app_roles(\"00000003-0000-0000-c000-000000000000\").filter(|role| role.id in ids).map(|role| role.value)"
    );
    let mut roles: Vec<String> = contoso
        .value(&granted)
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|role| role.as_text().map(str::to_owned))
        .collect();
    roles.sort();
    assert_eq!(
        roles,
        [
            "Calendars.Read",
            "MailTips.ReadBasic.All",
            "MailboxSettings.Read",
            "ProfilePhoto.Read.All"
        ]
    );
    // Web services are not asked, so nobody is let into them.
    assert_eq!(
        contoso.value(
            "import \"stdlib/ews_access\" as ews; ews::allowed(online.get_organization_config()).len()"
        ),
        Value::Integer(0)
    );
    let asks = "import \"stdlib/overrides\" as overrides; overrides::flow(onprem, \"present\")";
    assert_eq!(contoso.value(asks), "graph".into());
    let base = "import \"stdlib/auth_servers\" as servers; servers::find(onprem, \"AzureAD\").graph_base_url";
    assert_eq!(contoso.value(base), contoso.value("cloud.graph"));

    // What is asked stays, until something else is asked for.
    assert_eq!(contoso.apply("configure").changes(), Vec::<String>::new());
    let back = contoso.run(Mode::Apply, "dedicated-app", &[("flow", "ews")]);
    assert_eq!(not_passed(&back), Vec::<String>::new());
    assert_eq!(contoso.value(asks), "ews".into());
    assert_eq!(not_passed(&contoso.apply("verify")), Vec::<String>::new());
}

#[test]
fn microsoft_graph_is_asked_only_where_cloud_and_servers_can() {
    let cases = [
        (
            subscription_edition(CloudName::GccHigh),
            "on-premises Exchange cannot ask Microsoft Graph in the cloud \"gcc-high\"",
        ),
        (
            today(),
            "Exchange Server Subscription Edition with the update of May 2026 (15.2.2562.41)",
        ),
    ];
    for (contoso, words) in cases {
        let run = contoso.run(Mode::Apply, "dedicated-app", &[("flow", "graph")]);
        let failed = run.failed().unwrap_or_default();
        assert!(failed.contains(words), "{failed}");
        assert_eq!(contoso.writes(), 0);
    }
}

#[test]
fn some_servers_try_it_first_and_the_others_join() {
    let contoso = Contoso::with(LabOptions {
        seed: Seed {
            more: More {
                servers: 1,
                ..More::default()
            },
            ..Seed::default()
        },
        ..options().unwrap_or_default()
    });
    contoso.run(
        Mode::Apply,
        "configure",
        &[("dedicated_application", "false")],
    );
    let try_on = |servers: &str| contoso.run(Mode::Apply, "dedicated-app", &[("servers", servers)]);
    let wrong = try_on("EX99");
    let failed = wrong.failed().unwrap_or_default();
    assert!(
        failed.contains("EX99 is none of the servers that use OAuth"),
        "{failed}"
    );

    let first = try_on("EX16");
    assert_eq!(not_passed(&first), Vec::<String>::new());
    let servers = || contoso.value("onprem.get_setting_override()[0].server");
    assert_eq!(servers(), Value::List(vec!["EX16".into()]));
    // Until all do, the shared service principal is needed, and the trial is not taken for more than it is.
    let refused = |run: Run, words: &str| {
        let failed = run.failed().unwrap_or_default();
        assert!(failed.contains(words), "{failed}");
    };
    refused(
        contoso.run(Mode::Apply, "clean-up-shared-principal", &[]),
        "no setting override turns it on for EX16-1: the shared service principal is still needed",
    );
    refused(
        contoso.run(Mode::Apply, "dedicated-app", &[]),
        "is for EX16 only, and EX16-1 follows none",
    );

    assert_eq!(not_passed(&try_on("EX16-1")), Vec::<String>::new());
    assert_eq!(servers(), Value::List(vec!["EX16".into(), "EX16-1".into()]));
    assert_eq!(
        contoso.apply("dedicated-app").changes(),
        Vec::<String>::new()
    );
    assert!(
        !contoso
            .apply("clean-up-shared-principal")
            .changes()
            .is_empty()
    );
}

#[test]
fn a_build_is_stated_for_a_server_that_does_not_tell_its_own() {
    let mut contoso = today();
    // What Exchange shows of itself hides updates.
    contoso.world(|world| {
        let shown = "Version 15.1 (Build 2507.6)".into();
        world.set(
            Plane::OnPremises,
            "ExchangeServer",
            "EX16",
            "AdminDisplayVersion",
            &shown,
        );
    });
    contoso.winrm = Some("https://localhost:1/wsman".to_owned());
    let configure = |contoso: &Contoso, build: &str| {
        let inputs = [("builds", build)];
        let given = if build.is_empty() {
            &inputs[..0]
        } else {
            &inputs
        };
        contoso.run(Mode::Apply, "configure", given)
    };
    for (build, words) in [
        ("", "it is not known which update is installed on EX16"),
        ("EX16=15.1.2507.39", "too old for it: EX16 (15.1.2507.39)"),
        ("EX16", "\"EX16\" does not state the build of a server"),
    ] {
        let run = configure(&contoso, build);
        let failed = run.failed().unwrap_or_default();
        assert!(failed.contains(words), "{failed}");
    }
    let run = configure(&contoso, "ex16=15.01.2507.055");
    assert_eq!(run.failed(), None);
    assert_eq!(not_passed(&run), Vec::<String>::new());
}

#[test]
fn a_certificate_that_the_tenant_would_not_take_is_not_made() {
    let contoso = Contoso::scenario("certificate-expires-in-60-days");
    contoso.world(|world| world.directory_mut().certificate_days = Some(365));
    let writes = contoso.writes();
    for mode in [Mode::Plan, Mode::Apply] {
        let run = contoso.run(mode, "rotate-certificate", &[]);
        let failed = run.failed().unwrap_or_default();
        for words in [
            "the tenant takes certificates that are valid for 365 days at most, and this one is valid for 1826",
            "name it with the input thumbprint",
        ] {
            assert!(failed.contains(words), "{failed}");
        }
    }
    assert_eq!(contoso.writes(), writes);
}

#[test]
fn a_new_certificate_is_made_on_the_servers_and_staged_two_days_ahead() {
    let contoso = Contoso::scenario("certificate-expires-in-60-days");
    let count = "onprem.get_exchange_certificate().len()";
    let before = contoso.value(count);
    let plan = contoso.plan("rotate-certificate");
    assert_eq!(plan.failed(), None);
    let run = contoso.apply("rotate-certificate");
    assert_eq!(
        run.changes(),
        [
            "create on-premises ExchangeCertificate \"CN=Microsoft Exchange Server Auth Certificate\"",
            "update on-premises AuthConfig",
        ]
    );
    assert_eq!(plan.changes(), run.changes());
    let Value::Integer(before) = before else {
        panic!("{before:?}");
    };
    assert_eq!(contoso.value(count), Value::Integer(before + 1));
    let staged = contoso.value(
        "let config = onprem.get_auth_config(); let next = onprem.export_auth_certificate(\"next\");\n\
         [config.next_certificate_effective_date, next.subject, next.key_bits, next.days_left, next.thumbprint != config.current_certificate_thumbprint]",
    );
    assert_eq!(
        staged,
        Value::List(vec![
            "2026-11-27T00:00:00Z".into(),
            "CN=Microsoft Exchange Server Auth Certificate".into(),
            Value::Integer(2048),
            Value::Integer(1826),
            true.into(),
        ])
    );
    // Too soon is refused before anything is made.
    let other = Contoso::scenario("certificate-expires-in-60-days");
    let writes = other.writes();
    let run = other.run(Mode::Apply, "rotate-certificate", &[("lead_hours", "24")]);
    let failed = run.failed().unwrap_or_default();
    assert!(failed.contains("24 hours are too few"), "{failed}");
    assert_eq!(other.writes(), writes);
}

/// What has expired signs nothing that is accepted, so there is nothing to wait for.
#[test]
fn a_certificate_that_has_expired_is_replaced_at_once() {
    let contoso = Contoso::scenario("expired-certificate");
    let run = contoso.run(Mode::Apply, "rotate-certificate", &[]);
    assert_eq!(run.failed(), None);
    assert!(says_why(&run), "{:?}", run.said());
    let run = contoso.apply("rotate-certificate");
    assert_eq!(not_passed(&run), Vec::<String>::new());
    assert_eq!(not_passed(&contoso.apply("verify")), Vec::<String>::new());
}

fn says_why(run: &Run) -> bool {
    run.said()
        .iter()
        .any(|text| text.contains("expired on 2026-11-18") && text.contains("signs at once"))
}

#[test]
fn where_certificates_are_given_out_without_their_bytes_the_new_one_is_named_by_a_person() {
    let contoso = Contoso::scenario("expired-certificate");
    contoso.world(|world| world.trouble(Trouble::NoCertificateBytes));
    let run = contoso.run(Mode::Apply, "rotate-certificate", &[]);
    let failed = run.failed().unwrap_or_default();
    assert!(
        failed.contains("Exchange gives out certificates without their bytes")
            && failed.contains("New-ExchangeCertificate -KeySize 2048"),
        "{failed}"
    );
    let thumbprint = contoso.world(|world| {
        let asked = [
            (
                "SubjectName",
                "CN=Microsoft Exchange Server Auth Certificate".into(),
            ),
            ("PrivateKeyExportable", Value::Bool(true)),
            ("Force", Value::Bool(true)),
        ];
        let asked = asked.map(|(name, value)| (name.to_owned(), value));
        let made = world.invoke(Plane::OnPremises, "New-ExchangeCertificate", &asked.into());
        let made = made.ok().and_then(|mut made| made.output.pop());
        match made.as_ref().and_then(|made| made.get("RawData")) {
            Some(Value::Bytes(der)) => Certificate::read(der).map(|one| one.thumbprint),
            _ => None,
        }
    });
    let thumbprint = thumbprint.unwrap_or_default();
    let inputs = [("thumbprint", thumbprint.as_str())];
    let run = contoso.run(Mode::Apply, "rotate-certificate", &inputs);
    assert_eq!(run.failed(), None);
    assert!(says_why(&run), "{:?}", run.said());
    let run = contoso.apply("rotate-certificate");
    assert_eq!(not_passed(&run), Vec::<String>::new());
}
