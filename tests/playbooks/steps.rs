//! Each step alone: planned without a write, applied once, and nothing to do the second time.

use crate::support::contoso::Contoso;
use exoauth::clock::Clock;
use exoauth::lab::Seed;
use exoauth::script::HostOptions;
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::sync::{Arc, Mutex};

fn once_and_no_more(playbook: &str, changes: &[&str]) -> Contoso {
    let contoso = Contoso::new();
    let plan = contoso.plan(playbook);
    assert_eq!(plan.failed(), None);
    assert_eq!(plan.changes(), changes);
    assert_eq!(contoso.writes(), 0, "planning {playbook} wrote");

    assert_eq!(contoso.apply(playbook).changes(), changes);
    let writes = contoso.writes();
    assert_eq!(writes, changes.len() as u64);

    assert_eq!(contoso.apply(playbook).changes(), Vec::<String>::new());
    assert_eq!(contoso.writes(), writes, "{playbook} wrote a second time");
    contoso
}

#[test]
fn the_authorization_servers_belong_to_the_tenant() {
    let contoso = once_and_no_more(
        "01-auth-servers",
        &[
            "create on-premises AuthServer \"WindowsAzureACS\"",
            "create on-premises AuthServer \"evoSTS\"",
        ],
    );
    let servers = contoso.value(
        "let found = onprem.get_auth_server(); found.map(|server| [server.name, server.type, server.realm, server.enabled])",
    );
    let tenant = exoauth::lab::seed::TENANT;
    assert_eq!(
        servers,
        Value::List(vec![
            Value::List(vec![
                "WindowsAzureACS".into(),
                "MicrosoftACS".into(),
                tenant.into(),
                true.into()
            ]),
            Value::List(vec![
                "evoSTS".into(),
                "AzureAD".into(),
                tenant.into(),
                true.into()
            ]),
        ])
    );
}

#[test]
fn the_partner_application_is_enabled_and_no_other() {
    let contoso = once_and_no_more(
        "02-partner-application",
        &["update on-premises PartnerApplication \"Exchange Online\""],
    );
    let enabled = contoso.value(
        "let found = onprem.get_partner_application().filter(|one| one.enabled); found.map(|one| one.name)",
    );
    assert_eq!(
        enabled,
        vec!["Exchange Online", "Microsoft Graph", "TeamsScheduler"].into()
    );
}

#[test]
fn a_missing_partner_application_is_an_error() {
    let contoso = Contoso::new();
    contoso.world(|world| {
        world
            .objects_mut(Plane::OnPremises, "PartnerApplication")
            .clear();
    });
    let run = contoso.plan("02-partner-application");
    let failed = run.failed().unwrap();
    assert!(
        failed.starts_with(
            "on-premises Exchange has no partner application 00000002-0000-0ff1-ce00-000000000000 with an empty realm (Exchange setup creates it"
        ),
        "{failed}"
    );
}

#[test]
fn the_certificate_is_read_and_shown() {
    let contoso = Contoso::new();
    let run = contoso.apply("03-auth-certificate");
    assert_eq!(run.changes(), Vec::<String>::new());
    let config = contoso.value("onprem.get_auth_config()");
    let current = config.text("current_certificate_thumbprint").unwrap();
    let next = config.text("next_certificate_thumbprint").unwrap();
    assert!(
        run.said()[0].starts_with(&format!(
            "CN=Microsoft Exchange Server Auth Certificate, thumbprint {current}, valid until"
        )),
        "{:?}",
        run.said()
    );
    let run = contoso.run(Mode::Apply, "03-auth-certificate", &[("which", "next")]);
    assert!(run.said()[0].contains(next), "{:?}", run.said());
}

#[test]
fn the_certificate_joins_those_that_are_there() {
    let contoso = once_and_no_more(
        "04-upload-certificate",
        &["update Entra ID ServicePrincipal \"00000002-0000-0ff1-ce00-000000000000\""],
    );
    let current = contoso.value("onprem.get_auth_config().current_certificate_thumbprint");
    let held = contoso.value(
        "entra.get_service_principal(\"00000002-0000-0ff1-ce00-000000000000\").key_credentials.map(|key| key.thumbprint)",
    );
    let held = held.as_list().unwrap();
    // The expired one was dropped, the other kept, and ours added.
    assert_eq!(held.len(), 2);
    assert!(held.contains(&current));
}

#[test]
fn the_host_names_are_found_in_all_directories() {
    let contoso = once_and_no_more(
        "05-host-names",
        &["update Entra ID ServicePrincipal \"00000002-0000-0ff1-ce00-000000000000\""],
    );
    let before = contoso.writes();
    let run = contoso.run(
        Mode::Apply,
        "05-host-names",
        &[(
            "host_names",
            "Balancer.contoso.com, https://mail.contoso.com",
        )],
    );
    assert_eq!(run.failed(), None);
    assert_eq!(contoso.writes(), before + 1);
    let names = contoso.value(
        "entra.get_service_principal(\"00000002-0000-0ff1-ce00-000000000000\").service_principal_names.filter(|name| name.contains(\"contoso\"))",
    );
    assert_eq!(
        names,
        vec![
            "https://ex16.contoso.com/",
            "https://mail.contoso.com/",
            "https://ex10.contoso.com/",
            "https://autodiscover.contoso.com/",
            "https://balancer.contoso.com/",
        ]
        .into()
    );
}

#[test]
fn a_host_name_that_is_none_is_refused() {
    let run = Contoso::new().run(
        Mode::Plan,
        "05-host-names",
        &[("host_names", "ftp://mail.contoso.com")],
    );
    assert_eq!(
        run.failed().as_deref(),
        Some(
            "\"ftp://mail.contoso.com\" is neither a host name nor an https address (write host names such as mail.contoso.com, separated by commas)"
        )
    );
}

#[test]
fn on_premises_is_connected_by_the_routing_domain() {
    let contoso = once_and_no_more(
        "06-connector-on-premises",
        &["create on-premises IntraOrganizationConnector \"ExchangeHybridOnPremisesToOnline\""],
    );
    let connector =
        contoso.value("onprem.get_intraorg_connector(\"ExchangeHybridOnPremisesToOnline\")");
    assert_eq!(
        connector.get("target_address_domains"),
        Some(&vec!["contoso.mail.onmicrosoft.com"].into())
    );
    assert_eq!(
        connector.text("discovery_endpoint"),
        Some("https://outlook.office365.com/autodiscover/autodiscover.svc")
    );
}

#[test]
fn exchange_online_is_connected_by_the_smtp_domains() {
    let contoso = once_and_no_more(
        "07-connector-online",
        &["create Exchange Online IntraOrganizationConnector \"ExchangeHybridOnlineToOnPremises\""],
    );
    let connector =
        contoso.value("online.get_intraorg_connector(\"ExchangeHybridOnlineToOnPremises\")");
    assert_eq!(
        connector.get("target_address_domains"),
        Some(&vec!["contoso.com", "tailspintoys.com"].into())
    );
    assert_eq!(
        connector.text("discovery_endpoint"),
        Some("https://mail.contoso.com/autodiscover/autodiscover.svc")
    );
}

#[test]
fn what_is_given_wins_over_what_is_found() {
    let contoso = Contoso::new();
    let inputs = [
        (
            "autodiscover_endpoint",
            "https://autodiscover.contoso.com/autodiscover/autodiscover.svc",
        ),
        ("smtp_domains", "contoso.com"),
    ];
    assert_eq!(
        contoso
            .run(Mode::Apply, "07-connector-online", &inputs)
            .failed(),
        None
    );
    let connector = contoso.value("online.get_intraorg_connector()[0]");
    assert_eq!(
        connector.text("discovery_endpoint"),
        Some("https://autodiscover.contoso.com/autodiscover/autodiscover.svc")
    );
    // Found again without inputs: the missing domain is added, the endpoint stays.
    let run = contoso.apply("07-connector-online");
    assert_eq!(run.changes().len(), 1);
    let connector = contoso.value("online.get_intraorg_connector()[0]");
    assert_eq!(
        connector.text("discovery_endpoint"),
        Some("https://autodiscover.contoso.com/autodiscover/autodiscover.svc")
    );
    assert_eq!(
        connector.get("target_address_domains"),
        Some(&vec!["contoso.com", "tailspintoys.com"].into())
    );
}

#[test]
fn old_servers_ask_through_a_newer_one() {
    let contoso = once_and_no_more(
        "08-availability",
        &["create on-premises AvailabilityAddressSpace \"contoso.mail.onmicrosoft.com\""],
    );
    let space = contoso.value("onprem.get_availability_address_space()[0]");
    assert_eq!(
        space.text("proxy_url"),
        Some("https://mail.contoso.com/EWS/Exchange.asmx")
    );
    assert_eq!(space.text("access_method"), Some("InternalProxy"));
}

#[test]
fn without_old_servers_there_is_nothing_to_do() {
    let contoso = Contoso::seeded(Seed {
        old_server: false,
        ..Seed::default()
    });
    let run = contoso.apply("08-availability");
    assert_eq!(run.changes(), Vec::<String>::new());
    assert_eq!(
        run.said(),
        ["nothing to do: no server is older than Exchange 2013 SP1"]
    );
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let contoso = Contoso::new();
    assert_eq!(contoso.apply("03-auth-certificate").said().len(), 1);
    let mut late = Contoso::new();
    late.clock = Clock::fixed("2030-09-20T09:00:00Z".parse().unwrap());
    let run = late.apply("03-auth-certificate");
    assert!(
        run.said()[0].starts_with("the current authorization certificate ends in "),
        "{:?}",
        run.said()
    );
}

#[test]
fn a_certificate_file_stands_in_for_a_server() {
    let contoso = Contoso::new();
    let current = contoso.value("onprem.export_auth_certificate().der");
    let Value::Bytes(current) = current else {
        panic!("no bytes")
    };
    let written = Arc::new(Mutex::new(Vec::new()));
    let seen = written.clone();
    let options = |pairs: &[(&str, &str)]| HostOptions {
        inputs: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect(),
        ..HostOptions::default()
    };
    let writing = HostOptions {
        write_file: Some(Arc::new(move |_, path, bytes| {
            seen.lock().unwrap().push((path.to_owned(), bytes.to_vec()));
            Ok(())
        })),
        ..options(&[("certificate_file", "auth.cer")])
    };
    let run = contoso.run_with(Mode::Apply, "03-auth-certificate", writing);
    assert_eq!(run.failed(), None);
    assert_eq!(
        *written.lock().unwrap(),
        [("auth.cer".to_owned(), current.clone())]
    );

    let reading = HostOptions {
        read_file: Some(Arc::new(move |_| Ok(current.clone()))),
        ..options(&[("certificate", "auth.cer")])
    };
    contoso.world(|world| {
        world
            .objects_mut(Plane::OnPremises, "ExchangeCertificate")
            .clear();
    });
    let run = contoso.run_with(Mode::Apply, "04-upload-certificate", reading);
    assert_eq!(run.failed(), None);
    assert_eq!(run.changes().len(), 1);
}
