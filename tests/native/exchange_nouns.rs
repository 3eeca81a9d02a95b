//! The nouns of Exchange that are made, read, changed and removed; and those that are only read.

use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::Value;

fn list(values: &[Value]) -> Value {
    Value::List(values.to_vec())
}

#[test]
fn an_authorization_server_is_made_read_changed_and_removed() {
    let contoso = Contoso::new();
    let value = contoso.value(
        r#"
        let made = onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
        onprem.set_auth_server("Example", #{ enabled: false });
        onprem.set_auth_server("Example", #{ enabled: false });
        onprem.set_auth_server("Example", #{ refresh_auth_metadata: true });
        let read = onprem.get_auth_server("Example");
        onprem.remove_auth_server("Example");
        [made.enabled, made.type, read.enabled, attempt(|| onprem.get_auth_server("Example")).error.kind]
        "#,
    );
    assert_eq!(
        value,
        list(&[
            true.into(),
            "AzureAD".into(),
            false.into(),
            "not_found".into()
        ])
    );
    // Made, disabled once, refreshed, removed.
    assert_eq!(contoso.writes(), 4);
}

#[test]
fn a_planned_authorization_server_is_read_as_it_will_be() {
    let contoso = Contoso::new();
    let value = contoso.eval(
        Mode::Plan,
        r#"
        onprem.new_auth_server("Example", #{ auth_metadata_url: cloud.sts_metadata(cloud.tenant), type: "AzureAD" });
        let read = onprem.get_auth_server("Example");
        [read.type, is_unknown(read.realm), onprem.get_auth_server().len()]
        "#,
    );
    assert_eq!(
        value.unwrap(),
        list(&["AzureAD".into(), true.into(), 1.into()])
    );
    assert_eq!(contoso.writes(), 0);
}

#[test]
fn wrong_options_are_named_before_anything_is_sent() {
    let contoso = Contoso::new();
    let failed = contoso
        .eval(
            Mode::Apply,
            "onprem.new_auth_server(\"Example\", #{ typ: \"AzureAD\" })",
        )
        .unwrap_err();
    assert_eq!(
        failed.failure.hint.as_deref(),
        Some("did you mean \"type\"?")
    );
    let (kind, message) =
        contoso.refusal("onprem.new_auth_server(\"Example\", #{ type: \"Azure\" })");
    assert_eq!(kind, FailureKind::Input);
    assert!(message.contains("AzureAD"), "{message}");
    assert_eq!(contoso.writes(), 0);
}

#[test]
fn what_exists_on_one_side_only_says_so() {
    let contoso = Contoso::new();
    assert_eq!(
        contoso.refusal("online.new_auth_server(\"Example\", #{ type: \"AzureAD\" })"),
        (
            FailureKind::Input,
            "New-AuthServer exists on-premises and not in Exchange Online".to_owned()
        )
    );
}

#[test]
fn a_partner_application_is_made_read_changed_and_removed() {
    let contoso = Contoso::new();
    let value = contoso.value(
        r#"
        let id = "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1";
        let made = onprem.new_partner_application("Example", #{ application_identifier: id, enabled: true });
        onprem.set_partner_application("Example", #{ enabled: false });
        let read = onprem.get_partner_application(id);
        onprem.remove_partner_application("Example");
        [made.enabled, read.name, read.enabled, onprem.get_partner_application().some(|one| one.name == "Example")]
        "#,
    );
    assert_eq!(
        value,
        list(&[true.into(), "Example".into(), false.into(), false.into()])
    );
    assert_eq!(contoso.writes(), 3);
}

#[test]
fn an_availability_address_space_is_added_read_and_removed() {
    let contoso = Contoso::new();
    let value = contoso.value(
        r#"
        let domain = "example.mail.onmicrosoft.com";
        let added = onprem.add_availability_address_space(domain, #{
            access_method: "InternalProxy",
            proxy_url: "https://mail.example.com/ews/exchange.asmx",
            use_service_account: true,
        });
        let read = onprem.get_availability_address_space(domain);
        let again = attempt(|| onprem.add_availability_address_space(domain, #{ access_method: "OrgWideFB" }));
        onprem.remove_availability_address_space(domain);
        [added.forest_name, read.proxy_url, again.error.kind, onprem.get_availability_address_space().len()]
        "#,
    );
    assert_eq!(
        value,
        list(&[
            "example.mail.onmicrosoft.com".into(),
            "https://mail.example.com/ews/exchange.asmx".into(),
            "already_exists".into(),
            0.into(),
        ])
    );
    assert_eq!(contoso.writes(), 2);
}

#[test]
fn everything_that_is_only_read_is_read() {
    let contoso = Contoso::new();
    let quick = "#{ ad_properties_only: true }";
    let kinds = [
        "web_services",
        "autodiscover",
        "mapi",
        "oab",
        "owa",
        "ecp",
        "active_sync",
    ];
    let mut lines: Vec<(String, &str)> = kinds
        .iter()
        .map(|kind| {
            (
                format!("onprem.get_{kind}_virtual_directory({quick})[0].server"),
                "EX16",
            )
        })
        .collect();
    lines.extend([
        (
            format!("onprem.get_outlook_anywhere({quick})[0].external_hostname"),
            "mail.contoso.com",
        ),
        (
            "onprem.get_owa_virtual_directory(#{ server: \"EX10\" })[0].server".to_owned(),
            "EX10",
        ),
        (
            "onprem.get_client_access_service(\"EX16\").name".to_owned(),
            "EX16",
        ),
        (
            "onprem.get_exchange_server()[0].admin_display_version".to_owned(),
            "Version 15.1 (Build 2507.59)",
        ),
        (
            "onprem.get_exchange_server(\"EX10\").name".to_owned(),
            "EX10",
        ),
        (
            "onprem.get_accepted_domain(\"contoso.com\").domain_type".to_owned(),
            "Authoritative",
        ),
        (
            "online.get_accepted_domain().filter(|one| one.initial_domain)[0].domain_name"
                .to_owned(),
            "contoso.onmicrosoft.com",
        ),
        (
            "onprem.get_mailbox(#{ result_size: 1 })[0].primary_smtp_address".to_owned(),
            "megan@contoso.com",
        ),
        (
            "online.get_mailbox(\"alex@contoso.com\").primary_smtp_address".to_owned(),
            "alex@contoso.com",
        ),
        (
            "onprem.get_intraorg_configuration().on_premise_web_service_endpoint".to_owned(),
            "https://mail.contoso.com/ews/exchange.asmx",
        ),
        (
            "online.get_intraorg_configuration().online_target_address".to_owned(),
            "contoso.mail.onmicrosoft.com",
        ),
        (
            "entra.get_organization().id".to_owned(),
            exoauth::lab::seed::TENANT,
        ),
    ]);
    for (line, expected) in lines {
        assert_eq!(contoso.value(&line), expected.into(), "{line}");
    }
    assert_eq!(contoso.writes(), 0);
}

/// The build of each server, as a script prints it.
const BUILDS: &str = "onprem.get_exchange_build().map(|one| `${one.server} ${one.build}`)";

#[test]
fn the_build_shows_an_update_that_the_version_hides() {
    let contoso = Contoso::new();
    assert_eq!(
        contoso.value(BUILDS),
        vec!["EX16 15.1.2507.61", "EX10 14.3.123.4"].into()
    );
    contoso.world(|world| world.set_exchange_build("EX16", "15.1.2507.63"));
    assert_eq!(
        contoso.value("onprem.get_exchange_build(\"EX16\").build"),
        "15.1.2507.63".into()
    );
    contoso.world(|world| {
        let edge = true.into();
        world.set(
            Plane::OnPremises,
            "ExchangeServer",
            "EX10",
            "IsEdgeServer",
            &edge,
        );
    });
    assert_eq!(contoso.value(BUILDS), vec!["EX16 15.1.2507.63"].into());
}

#[test]
fn a_build_that_cannot_be_asked_for_says_what_is_in_the_way() {
    let mut contoso = Contoso::new();
    let lab = contoso.winrm("/wsman");
    let said = |contoso: &Contoso| {
        let failure = contoso.eval(Mode::Apply, BUILDS).unwrap_err().failure;
        format!(
            "{} {} | {}",
            failure.kind.word(),
            failure.message,
            failure.hint.unwrap_or_default()
        )
    };
    for (winrm, expected) in [
        (
            lab.clone(),
            "conflict EX10 was asked, and EX16 answered | write {server} in exchange.winrm",
        ),
        (
            lab.replace("/wsman", "/elsewhere"),
            "not_found there is no PowerShell endpoint of Windows at this address | ",
        ),
        (
            lab.replace("/wsman", "/PowerShell/"),
            "not_found there is no PowerShell endpoint of Windows at this address | ",
        ),
        (
            "https://localhost:1/wsman".to_owned(),
            "unreachable localhost:1 refused the connection | PowerShell remoting must be on there",
        ),
        (
            "http://localhost:1/wsman".to_owned(),
            "input Basic authentication would show the password on the way to http://localhost:1/wsman | write exchange.winrm with https://",
        ),
    ] {
        contoso.winrm = Some(winrm);
        let said = said(&contoso);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn a_test_of_oauth_is_read_in_any_language() {
    let contoso = Contoso::new();
    let answer = contoso.value(
        "onprem.test_oauth(\"EWS\", cloud.exchange_online + \"/ews/exchange.asmx\", \"megan@contoso.com\")",
    );
    assert_eq!(answer.get("succeeded"), Some(&false.into()));
    assert_eq!(answer.get("no_local_issuer"), Some(&true.into()));
    assert_eq!(
        answer.get("trusted_issuers"),
        Some(&vec!["00000001-0000-0000-c000-000000000000@*"].into())
    );
    contoso.apply("configure");
    let answer = contoso.value(
        "onprem.test_oauth(\"EWS\", cloud.exchange_online + \"/ews/exchange.asmx\", \"megan@contoso.com\", #{ reload_config: true })",
    );
    assert_eq!(answer.get("succeeded"), Some(&true.into()));
    let trusted =
        contoso.value("#{ id: onprem.get_auth_server(\"evoSTS\").application_identifier }");
    assert!(trusted.text("id").is_some_and(|id| id.len() == 36));
    assert_eq!(answer.text("application_id"), trusted.text("id"));
    assert!(!answer.text("detail").unwrap().contains("eyJ"));
    let (kind, _) = contoso.refusal(
        "onprem.test_oauth(\"IMAP\", \"https://mail.contoso.com/\", \"megan@contoso.com\")",
    );
    assert_eq!(kind, FailureKind::Input);
}
