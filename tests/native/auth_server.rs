//! Authorization servers: the parameter sets of their cmdlet, and domains that join those that are there.

#![expect(clippy::unwrap_used, reason = "in the helpers of these tests")]

use crate::matrix::state::{difference, exactly};
use crate::support::contoso::Contoso;
use exoauth::failure::FailureKind;
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::Value;

const NEW: &str = r#"
    onprem.new_auth_server("Example", #{
        auth_metadata_url: cloud.sts_metadata(cloud.tenant),
        type: "AzureAD",
        domain_name: ["contoso.com"],
    });
"#;

fn property(contoso: &Contoso, property: &str) -> Value {
    contoso.world(|world| {
        let servers = world.objects(Plane::OnPremises, "AuthServer").iter();
        let mut ours = servers.filter(|server| server["Name"].as_text() == Some("Example"));
        ours.next().unwrap()[property].clone()
    })
}

#[test]
fn options_of_different_parameter_sets_are_refused_together() {
    let contoso = Contoso::new();
    contoso.value(NEW);
    let refused = [
        (
            "application_identifier: \"3f2504e0-4f89-11d3-9a0c-0305e82c3301\", graph_base_url: cloud.graph",
            "\"application_identifier\" and \"graph_base_url\"",
        ),
        (
            "is_default_authorization_endpoint: true, graph_base_url: cloud.graph",
            "\"is_default_authorization_endpoint\" and \"graph_base_url\"",
        ),
        (
            "refresh_auth_metadata: true, auth_metadata_url: \"https://a.example\"",
            "\"auth_metadata_url\" and \"refresh_auth_metadata\"",
        ),
    ];
    let before = contoso.writes();
    for (options, names) in refused {
        let (kind, message) = contoso.refusal(&format!(
            "onprem.set_auth_server(\"Example\", #{{ {options} }})"
        ));
        assert_eq!(kind, FailureKind::Input);
        assert_eq!(
            message,
            format!(
                "set_auth_server does not take {names} together: they are in different parameter sets of Set-AuthServer"
            )
        );
    }
    assert_eq!(contoso.writes(), before);
}

#[test]
fn the_application_and_the_address_of_graph_are_set_in_two_calls_and_taken_back() {
    let contoso = Contoso::new();
    contoso.value(NEW);
    let before = contoso.world(|world| exactly(world));
    let recorded = contoso.recorded(
        r#"onprem.set_auth_server("Example", #{
               application_identifier: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
               domain_name: ["contoso.com", "contoso.mail.onmicrosoft.com"],
           });
           onprem.set_auth_server("Example", #{ graph_base_url: cloud.graph });"#,
    );
    assert_eq!(
        property(&contoso, "ApplicationIdentifier"),
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301".into()
    );
    assert_ne!(property(&contoso, "GraphBaseUrl"), Value::Null);
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(
        difference(&before, &contoso.world(|world| exactly(world))),
        None
    );
}

#[test]
fn domains_join_those_that_are_there_and_a_run_takes_back_its_own() {
    let contoso = Contoso::new();
    contoso.value(NEW);
    let add = r#"onprem.add_auth_server_domains("Example", ["CONTOSO.com", "tailspintoys.com", "Tailspintoys.com"])"#;
    let recorded = contoso.recorded(add);
    assert_eq!(
        property(&contoso, "DomainName"),
        vec!["contoso.com", "tailspintoys.com"].into()
    );
    let writes = contoso.writes();
    contoso.value(add);
    assert_eq!(
        contoso.writes(),
        writes,
        "nothing differs, so nothing is sent"
    );

    let theirs = vec!["contoso.com", "tailspintoys.com", "theirs.example"];
    contoso.world(|world| {
        let theirs = Value::from(theirs);
        world.set(
            Plane::OnPremises,
            "AuthServer",
            "Example",
            "DomainName",
            &theirs,
        );
    });
    assert_eq!(contoso.take_back(&recorded), [""; 0]);
    assert_eq!(
        property(&contoso, "DomainName"),
        vec!["contoso.com", "theirs.example"].into()
    );
}

#[test]
fn what_is_no_domain_is_refused() {
    let contoso = Contoso::new();
    contoso.value(NEW);
    for (wrong, said) in [
        (
            "\"https://contoso.com\"",
            "\"https://contoso.com\" is not a domain",
        ),
        ("\"contoso\"", "\"contoso\" is not a domain"),
        ("7", "a domain is a text, not a whole number"),
    ] {
        let (kind, message) = contoso.refusal(&format!(
            "onprem.add_auth_server_domains(\"Example\", [{wrong}])"
        ));
        assert_eq!((kind, message.as_str()), (FailureKind::Input, said));
    }
}

#[test]
fn domains_of_a_server_that_is_only_planned_are_planned_too() {
    let contoso = Contoso::new();
    let value = contoso.eval(
        Mode::Plan,
        &format!(
            "{NEW} onprem.add_auth_server_domains(\"Example\", [\"tailspintoys.com\"]);
             onprem.get_auth_server(\"Example\").domain_name"
        ),
    );
    assert_eq!(
        value.unwrap(),
        vec!["contoso.com", "tailspintoys.com"].into()
    );
    assert_eq!(contoso.writes(), 0);
}
