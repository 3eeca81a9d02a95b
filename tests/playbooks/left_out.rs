//! Every step left out in turn: verification names it, and the direction that needs it fails.

use crate::playbooks::configure::ALL_PASSED;
use crate::support::contoso::{Contoso, Run};
use exoauth::session::Mode;

const STEPS: [&str; 9] = [
    "01-auth-servers",
    "02-partner-application",
    "03-auth-certificate",
    "04-upload-certificate",
    "05-host-names",
    "06-connector-on-premises",
    "07-connector-online",
    "08-availability",
    "dedicated-app",
];

fn verify_without(left_out: &str) -> Run {
    verify_without_all(&[left_out])
}

fn verify_without_all(left_out: &[&str]) -> Run {
    let contoso = Contoso::new();
    for step in STEPS.into_iter().filter(|step| !left_out.contains(step)) {
        // The last one stops where what it needs was left out.
        let run = contoso.run(Mode::Apply, step, &[]);
        assert!(
            run.failed().is_none() || step == "dedicated-app",
            "{step}: {:?}",
            run.failed()
        );
    }
    contoso.apply("verify")
}

fn not_passed(run: &Run) -> Vec<String> {
    run.verdicts()
        .into_iter()
        .filter(|verdict| !ALL_PASSED.contains(&verdict.as_str()))
        .collect()
}

#[test]
fn without_the_authorization_servers_neither_side_trusts_the_other() {
    let run = verify_without("01-auth-servers");
    assert_eq!(
        not_passed(&run),
        [
            "failed step 1: authorization servers",
            "failed way in use",
            "failed on-premises to Exchange Online",
            "failed Exchange Online to on-premises",
        ]
    );
    assert!(run.verdict("step 1").ends_with("(run 01-auth-servers)"));
    let direction = run.verdict("on-premises to");
    assert!(
        direction.contains("unable to continue building token"),
        "{direction}"
    );
    assert!(direction.contains("run 01-auth-servers"), "{direction}");
}

#[test]
fn without_the_partner_application_exchange_online_is_not_let_in() {
    let run = verify_without("02-partner-application");
    assert_eq!(
        not_passed(&run),
        [
            "failed step 2: partner application",
            "failed Exchange Online to on-premises",
        ]
    );
    let direction = run.verdict("Exchange Online to");
    assert!(
        direction.contains("refused as invalid_grant"),
        "{direction}"
    );
    assert!(
        direction.contains("run 02-partner-application"),
        "{direction}"
    );
}

#[test]
fn reading_the_certificate_leaves_no_trace() {
    assert_eq!(
        not_passed(&verify_without("03-auth-certificate")),
        Vec::<String>::new()
    );
}

#[test]
fn without_the_certificate_no_token_is_issued_to_on_premises_exchange() {
    let run = verify_without_all(&["04-upload-certificate", "dedicated-app"]);
    assert_eq!(
        not_passed(&run),
        [
            "failed step 4: certificate in Entra ID",
            "failed way in use",
            "failed on-premises to Exchange Online",
        ]
    );
    let direction = run.verdict("on-premises to");
    assert!(direction.contains("AADSTS"), "{direction}");
    assert!(
        direction.contains("run 04-upload-certificate"),
        "{direction}"
    );
}

#[test]
fn without_the_host_names_no_token_is_issued_for_them() {
    let run = verify_without("05-host-names");
    assert_eq!(
        not_passed(&run),
        [
            "failed step 5: host names in Entra ID",
            "failed Exchange Online to on-premises",
        ]
    );
    let direction = run.verdict("Exchange Online to");
    assert!(direction.contains("run 05-host-names"), "{direction}");
}

#[test]
fn without_a_connector_nobody_asks_the_other_side() {
    let run = verify_without("06-connector-on-premises");
    assert_eq!(
        not_passed(&run),
        [
            "failed step 6: connector to Exchange Online",
            "failed way in use",
            "failed on-premises to Exchange Online",
        ]
    );
    assert_eq!(
        run.verdict("step 6"),
        "failed: no connector serves contoso.mail.onmicrosoft.com (run 06-connector-on-premises)"
    );
    let run = verify_without("07-connector-online");
    assert_eq!(
        not_passed(&run),
        ["failed step 7: connector to on-premises Exchange"]
    );
    assert_eq!(
        run.verdict("step 7"),
        "failed: no connector serves contoso.com, tailspintoys.com (run 07-connector-online)"
    );
}

#[test]
fn without_the_address_space_old_servers_are_named() {
    let run = verify_without("08-availability");
    assert_eq!(not_passed(&run), ["failed step 8: older servers"]);
    let step = run.verdict("step 8");
    assert!(step.starts_with("failed: EX10 cannot use OAuth"), "{step}");
}

#[test]
fn with_an_application_of_its_own_exchange_needs_no_certificate_at_the_shared_one() {
    let run = verify_without("04-upload-certificate");
    assert_eq!(not_passed(&run), Vec::<String>::new());
    let said = run.said();
    let reason = "need not: the dedicated application is used";
    assert!(said.iter().any(|line| line.contains(reason)), "{said:?}");
}

#[test]
fn without_the_dedicated_application_exchange_online_refuses_the_servers() {
    let run = verify_without("dedicated-app");
    assert_eq!(
        not_passed(&run),
        ["failed way in use", "failed on-premises to Exchange Online"]
    );
    let direction = run.verdict("on-premises to");
    assert!(
        direction.contains("HTTP 403") && direction.contains("run dedicated-app"),
        "{direction}"
    );
}
