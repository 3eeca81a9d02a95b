//! Each scenario of the lab: what `verify` says of it, and that what needs no person is repaired by `configure`.
//!
//! The table is walked, so that a scenario without an expectation fails here.

use crate::support::contoso::{Contoso, Run};
use exoauth::lab::SCENARIOS;
use exoauth::session::Mode;
use exoauth::session::event::Event;

/// What `verify` says: that both directions work, or where and in which words not.
enum Said {
    /// Both directions passed.
    Works,
    /// A verdict that failed, with these words in its detail or hint.
    Fails(&'static [&'static str]),
    /// Both directions passed, and some verdict has these words.
    WorksBut(&'static str),
}

use Said::{Fails, Works, WorksBut};

fn said_by_verify(name: &str) -> Said {
    match name {
        "configured"
        | "override-server-mismatch"
        | "application-renamed"
        | "partner-relationship"
        | "clean-up-refused"
        | "shared-principal-leftovers"
        | "certificate-missing-on-servers"
        | "graph-flow"
        | "hybrid-agent"
        | "two-forests" => Works,
        "wizard-names" | "lifetime-capped" | "build-too-old" => Fails(&[
            "does not know the certificate",
            "run 04-upload-certificate",
            "run 05-host-names",
        ]),
        "certificate-expires-in-60-days" => WorksBut("the current certificate ends in 5"),
        "next-certificate-expires-in-120-days" => WorksBut("the next certificate ends in 11"),
        "shared-principal" => Fails(&[
            "HTTP 403",
            "application 00000002-0000-0ff1-ce00-000000000000",
            "run dedicated-app",
        ]),
        "override-missing" | "override-elsewhere" => Fails(&[
            "HTTP 403",
            "application 00000002-0000-0ff1-ce00-000000000000",
            "there is no setting override that turns it on",
        ]),
        "override-disabled" => Fails(&[
            "HTTP 403",
            "the setting override \"EnableExchangeHybrid3PAppFeature\" turns it off",
        ]),
        "override-doubled" => Fails(&[
            "HTTP 403",
            "2 setting overrides set the same, and Exchange takes its default then",
        ]),
        "consent-missing" => Fails(&[
            "refused as invalid_grant: The token contains no permissions, or permissions can not be understood.",
            "nobody consented to full_access_as_app for the application",
        ]),
        "allow-list-missing" => Fails(&[
            "HTTP 403; application 8c1d0f5e-27ab-4d36-9e0b-5f4a7c3b2d19",
            "is not in EwsAllowedAppIDs, and is refused since 2026-10-10",
        ]),
        "web-services-disabled" => Fails(&[
            "HTTP 403; application 8c1d0f5e-27ab-4d36-9e0b-5f4a7c3b2d19",
            "EwsEnabled of Exchange Online is false",
        ]),
        "other-tenant-trust" => Fails(&[
            "no authorization server of the type MicrosoftACS belongs to the tenant contoso.onmicrosoft.com",
            "run 01-auth-servers",
        ]),
        "dauth-only" => Fails(&[
            "no connector serves contoso.mail.onmicrosoft.com",
            "no connector serves contoso.com, tailspintoys.com",
        ]),
        "certificate-not-uploaded" => Fails(&[
            "The key was not found.",
            "the application lacks the current certificate",
        ]),
        "certificate-missing" => Fails(&["was not found", "run 03-auth-certificate"]),
        "expired-certificate" => Fails(&["expired on 2026-11-18", "The key used is expired."]),
        "stale-metadata" => Fails(&["refused as invalid_signature", "refresh_auth_metadata"]),
        "linked-account" => Fails(&["The application is missing a linked account for RBAC roles"]),
        "unsynchronised-mailbox" => WorksBut("no counterpart of this mailbox"),
        // That nobody can be told apart is not yet said in words of its own.
        "ambiguous-mailbox" => WorksBut("no counterpart of this mailbox"),
        "ssl-offloading" => Fails(&[
            "Expected 'https://mail.contoso.com'. Actual 'http://mail.contoso.com'.",
            "a device that ends TLS in front of Exchange",
        ]),
        "wrong-issuer" => Fails(&[
            "trusted_issuers was 00000001-0000-0000-c000-000000000000@*",
            "look at the cloud of the organization",
        ]),
        "proxy" => Fails(&["HTTP 403", "a proxy (InternetWebProxy of the server)"]),
        "tls-disabled" => Fails(&["The underlying connection was closed"]),
        "disabled-connector" => Fails(&[
            "is disabled",
            "run 06-connector-on-premises",
            "run 07-connector-online",
        ]),
        "graph-flow-fails" => Fails(&["HTTP 403", "Your server location could not be determined"]),
        _ => Fails(&["an expectation, which is not written here"]),
    }
}

/// The details and hints of the verdicts that an outcome has.
fn words(run: &Run, failed: bool) -> String {
    let verdicts = run.events.iter().filter_map(|event| match event {
        Event::Verdict(verdict) => Some(verdict),
        _ => None,
    });
    let of_outcome = verdicts.filter(|verdict| (verdict.outcome.word() == "failed") == failed);
    let texts = of_outcome.flat_map(|verdict| [verdict.detail.as_deref(), verdict.hint.as_deref()]);
    texts.flatten().collect::<Vec<&str>>().join("\n")
}

const DIRECTIONS: [&str; 2] = [
    "passed on-premises to Exchange Online",
    "passed Exchange Online to on-premises",
];

fn works(run: &Run) -> bool {
    let verdicts = run.verdicts();
    DIRECTIONS
        .iter()
        .all(|direction| verdicts.iter().any(|verdict| verdict == direction))
}

#[test]
fn verify_says_what_is_wrong_with_each_scenario() {
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let name = scenario.name;
        let run = Contoso::scenario(name).run(Mode::Apply, "verify", &[]);
        let (failed, passed) = (words(&run, true), words(&run, false));
        let right = match said_by_verify(name) {
            Works => works(&run),
            WorksBut(text) => works(&run) && (passed.contains(text) || failed.contains(text)),
            Fails(texts) => !works(&run) && texts.iter().all(|text| failed.contains(text)),
        };
        if !right {
            wrong.push(format!("{name}: {:?}\n{failed}\n{passed}", run.verdicts()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The objects that exist under names of the wizard's, and may not be made again.
#[test]
fn what_the_wizard_made_is_found_and_not_doubled() {
    for name in ["wizard-names", "disabled-connector", "build-too-old"] {
        let run = Contoso::scenario(name).plan("configure");
        let made: Vec<String> = run
            .changes()
            .into_iter()
            .filter(|change| {
                change.starts_with("create")
                    && (change.contains("AuthServer")
                        || change.contains("IntraOrganizationConnector"))
            })
            .collect();
        assert_eq!(made, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn disabled_connectors_are_enabled() {
    let run = Contoso::scenario("disabled-connector").plan("configure");
    let changed: Vec<String> = run
        .changes()
        .into_iter()
        .filter(|change| change.contains("IntraOrganizationConnector"))
        .collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(
        changed.iter().all(|change| change.starts_with("update")),
        "{changed:?}"
    );
}

#[test]
fn a_metadata_document_that_cannot_be_had_ends_the_run_with_the_reason() {
    let run = Contoso::scenario("tls-disabled").run(Mode::Apply, "configure", &[]);
    let failed = run.failed().unwrap_or_default();
    for words in [
        "Cannot acquire auth metadata document",
        "The underlying connection was closed: An unexpected error occurred on a receive",
    ] {
        assert!(failed.contains(words), "{failed}");
    }
}

/// What `configure` sets right by itself.
const REPAIRED: [&str; 12] = [
    "configured",
    "wizard-names",
    "dauth-only",
    "disabled-connector",
    "shared-principal",
    "override-missing",
    "override-disabled",
    "application-renamed",
    "consent-missing",
    "allow-list-missing",
    "partner-relationship",
    "certificate-not-uploaded",
];

#[test]
fn configure_repairs_what_needs_no_person() {
    let mut wrong = Vec::new();
    for name in REPAIRED {
        let run = Contoso::scenario(name).run(Mode::Apply, "configure", &[]);
        if run.failed().is_some() || !works(&run) {
            wrong.push(format!("{name}: {:?} {:?}", run.failed(), run.verdicts()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn configure_says_what_it_cannot_repair() {
    for (name, reason) in [
        (
            "lifetime-capped",
            "Credential lifetime exceeds the max value",
        ),
        ("build-too-old", "too old for it: EX16 (15.1.2507.39)"),
        ("expired-certificate", "expired on 2026-11-18"),
        ("certificate-missing", "was not found"),
        ("override-doubled", "and Exchange takes its default then"),
        ("override-elsewhere", "is for EX19 only"),
    ] {
        let run = Contoso::scenario(name).run(Mode::Apply, "configure", &[]);
        let failed = run.failed().unwrap_or_default();
        assert!(failed.contains(reason), "{name}: {failed}");
    }
}
