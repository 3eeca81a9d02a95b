//! What verification says where OAuth is not at fault, and where it cannot ask.

use crate::support::contoso::Contoso;
use exoauth::lab::Rules;
use exoauth::session::Mode;
use exoauth::subject::Plane;
use exoauth::value::Value;

#[test]
fn since_the_block_the_dedicated_application_is_the_remedy() {
    let contoso = Contoso::new();
    contoso.world(|world| world.set_rules(Rules::SinceBlock));
    let run = contoso.run(
        Mode::Apply,
        "configure",
        &[("dedicated_application", "false")],
    );
    let failed: Vec<String> = run
        .verdicts()
        .into_iter()
        .filter(|verdict| !verdict.starts_with("passed"))
        .collect();
    assert_eq!(
        failed,
        ["failed way in use", "failed on-premises to Exchange Online"]
    );
    let direction = run.verdict("on-premises to");
    assert!(direction.contains("since 2025-10-31"), "{direction}");
    assert!(direction.contains("run dedicated-app"), "{direction}");
}

#[test]
fn a_mailbox_without_a_counterpart_is_no_failure() {
    let contoso = Contoso::new();
    contoso.world(|world| world.set_rules(Rules::BeforeBlock));
    contoso.run(
        Mode::Apply,
        "configure",
        &[("dedicated_application", "false")],
    );
    let run = contoso.run(
        Mode::Apply,
        "verify",
        &[
            ("on_premises_mailbox", "lee@contoso.com"),
            ("online_mailbox", "pradeep@contoso.com"),
        ],
    );
    let direction = run.verdict("on-premises to");
    assert!(direction.starts_with("passed: "), "{direction}");
    assert!(
        direction.contains("no counterpart of this mailbox"),
        "{direction}"
    );
}

#[test]
fn a_mailbox_that_does_not_exist_cannot_be_asked_with() {
    let contoso = Contoso::new();
    contoso.apply("configure");
    let run = contoso.run(
        Mode::Apply,
        "verify",
        &[("on_premises_mailbox", "nobody@contoso.com")],
    );
    assert_eq!(run.failed(), None);
    assert_eq!(run.outcome.summary.verdicts.get("failed"), None);
    assert!(run.verdict("on-premises to").starts_with("not_asked: "));
}

#[test]
fn planning_asks_nothing_and_judges_nothing() {
    let contoso = Contoso::new();
    let run = contoso.plan("verify");
    assert_eq!(run.failed(), None);
    assert_eq!(run.verdicts(), Vec::<String>::new());
    assert_eq!(run.outcome.plan.tests.len(), 2);
}

#[test]
fn an_organization_that_publishes_nothing_cannot_be_called() {
    let contoso = Contoso::new();
    contoso.apply("configure");
    contoso.world(|world| {
        for directory in world.objects_mut(Plane::OnPremises, "WebServicesVirtualDirectory") {
            directory.insert("ExternalUrl".to_owned(), Value::Null);
        }
    });
    let run = contoso.apply("verify");
    assert_eq!(
        run.verdict("Exchange Online to"),
        "not_asked: no EWS virtual directory has an external https address (give the one that Exchange Online is to use with the input ews_url)"
    );
}
