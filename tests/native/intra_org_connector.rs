//! Intra-organization connectors: made, read, changed and removed, planned and for real, and refused.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::scripts::Scripts;
use exoauth::clock::Clock;
use exoauth::lab::{Lab, LabOptions};
use exoauth::session::Mode;
use exoauth::value::Value;
use std::error::Error;
use tokio::runtime::Handle;

const NEW: &str = r#"
    let made = online.new_intraorg_connector("Example", #{
        discovery_endpoint: "https://autodiscover.example.com/autodiscover/autodiscover.svc",
        target_address_domains: ["example.com"],
    });
"#;

async fn lab() -> Result<Lab, Box<dyn Error>> {
    let options = LabOptions {
        clock: Clock::fixed("2026-11-23T09:00:00Z".parse()?),
        ..LabOptions::default()
    };
    Ok(Lab::start(options).await?)
}

fn scripts(lab: &Lab, mode: Mode) -> Scripts {
    Scripts {
        mode,
        ..Scripts::on(lab.organization(), Handle::current())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_made_read_changed_and_removed() -> Result<(), Box<dyn Error>> {
    let lab = lab().await?;
    let scripts = scripts(&lab, Mode::Apply);
    let value = scripts.eval(&[
        NEW,
        "online.set_intraorg_connector(\"Example\", #{ enabled: false });",
        "online.set_intraorg_connector(\"Example\", #{ enabled: false });",
        "let read = online.get_intraorg_connector(\"Example\");",
        "online.remove_intraorg_connector(\"Example\");",
        "let gone = attempt(|| online.get_intraorg_connector(\"Example\")).error.kind;",
        "[made.name, made.enabled, read.enabled, read.target_address_domains, gone]",
    ])?;
    assert_eq!(
        value,
        Value::List(vec![
            "Example".into(),
            true.into(),
            false.into(),
            vec!["example.com"].into(),
            "not_found".into()
        ])
    );
    assert_eq!(
        scripts.heard.lines(),
        [
            "writing New-IntraOrganizationConnector -Name 'Example' -DiscoveryEndpoint 'https://autodiscover.example.com/autodiscover/autodiscover.svc' -TargetAddressDomains 'example.com' -Confirm:$false",
            "writing Set-IntraOrganizationConnector -Identity 'Example' -Enabled $false -Confirm:$false",
            "same Set-IntraOrganizationConnector -Identity 'Example' -Enabled $false -Confirm:$false",
            "writing Remove-IntraOrganizationConnector -Identity 'Example' -Confirm:$false",
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_one_is_seen_by_later_lines_and_nothing_is_sent() -> Result<(), Box<dyn Error>> {
    let lab = lab().await?;
    let scripts = scripts(&lab, Mode::Plan);
    let value = scripts.eval(&[
        NEW,
        "online.set_intraorg_connector(\"Example\", #{ enabled: false });",
        "let read = online.get_intraorg_connector(\"Example\");",
        "[read.enabled, is_unknown(made.guid), online.get_intraorg_connector().some(|it| it.name == \"Example\")]",
    ])?;
    assert_eq!(
        value,
        Value::List(vec![false.into(), true.into(), true.into()])
    );
    assert!(!scripts.heard.wrote());
    assert_eq!(scripts.heard.lines().len(), 2);
    let after = self::scripts(&lab, Mode::Apply);
    assert_eq!(
        after.eval(&["online.get_intraorg_connector().some(|it| it.name == \"Example\")"]),
        Ok(false.into())
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_refused_under_its_line() -> Result<(), Box<dyn Error>> {
    let lab = lab().await?;
    let scripts = scripts(&lab, Mode::Apply);
    let playbook = format!("const PLAYBOOK = #{{ title: \"Twice\" }};\n{{{NEW}}}\n{{{NEW}}}");
    let drawn = scripts
        .run("twice.rhai", &playbook)
        .err()
        .unwrap_or_default();
    assert!(drawn.contains("already exists"), "{drawn}");
    assert!(drawn.contains("--> twice.rhai:9:23"), "{drawn}");
    Ok(())
}

#[test]
fn a_function_of_the_other_side_says_where_it_exists() {
    assert_eq!(
        Scripts::default().eval(&["online.remove_auth_server(\"evoSTS\")"]),
        Err("Remove-AuthServer exists on-premises and not in Exchange Online (call onprem.remove_auth_server)".to_owned())
    );
}
