//! Each scenario of the lab: what `verify` says of it, and what `configure` does about it.
//!
//! The table is walked, so that a scenario without a row fails here.

use crate::support::contoso::{Contoso, Run};
use exoauth::lab::{SCENARIOS, Scenario};
use exoauth::session::Mode;
use exoauth::session::event::Event;

/// What `verify` says.
enum Said {
    /// Every verdict passed; some verdict, or what was said besides, has these words.
    Passes(&'static [&'static str]),
    /// These verdicts failed and no others, with these words in their details and hints.
    Fails(&'static [&'static str], &'static [&'static str]),
}

/// What `configure` does.
enum Does {
    /// Nothing, since nothing is to be done.
    Nothing,
    /// What is to be done: every verdict passes then, those of `verify` once more too.
    Repairs,
    /// It stops, and says this.
    Refuses(&'static [&'static str]),
    /// It comes to its end, and these words are in the verdicts that failed: a person has to do something.
    Says(&'static [&'static str]),
}

use Does::{Nothing, Refuses, Repairs, Says};
use Said::{Fails, Passes};

/// What is done about a scenario by another playbook than `configure`, run so many times.
const BY_OTHERS: &[(&str, &str, usize)] = &[
    ("certificate-missing", "rotate-certificate", 2),
    ("expired-certificate", "rotate-certificate", 2),
    ("next-certificate-overdue", "rotate-certificate", 1),
    ("shared-principal-leftovers", "clean-up-shared-principal", 1),
];

const DIRECTION: &str = "on-premises to Exchange Online";
const BACK: &str = "Exchange Online to on-premises";
const S1: &str = "step 1: authorization servers";
const S2: &str = "step 2: partner application";
const S3: &str = "step 3: authorization certificate";
const S4: &str = "step 4: certificate in Entra ID";
const S5: &str = "step 5: host names in Entra ID";
const S6: &str = "step 6: connector to Exchange Online";
const S7: &str = "step 7: connector to on-premises Exchange";
const S8: &str = "step 8: older servers";
const WAY: &str = "way in use";
const LIFETIME: &str = "lifetime: authorization certificates";

/// What fails where nothing was done.
const BARE: &[&str] = &[S1, S2, S4, S5, S6, S7, S8, WAY, DIRECTION, BACK];
/// What fails once the wizard has run, of before the dedicated application.
const AFTER_WIZARD: &[&str] = &[S4, S5, S8, WAY, DIRECTION, BACK];
/// What fails where no setting override turns the dedicated application on.
const OVERRIDE: &[&str] = &[WAY, "application: setting override", DIRECTION];
/// What fails where nothing valid signs.
const NO_SIGNER: &[&str] = &[S3, S4, "application: certificates", LIFETIME, DIRECTION];

const NOT_UPLOADED: Said = Fails(AFTER_WIZARD, &["does not know the certificate"]);
const NOT_OVERRIDDEN: Said = Fails(
    OVERRIDE,
    &[
        "HTTP 403",
        "application 00000002-0000-0ff1-ce00-000000000000",
        "there is no setting override that turns it on",
    ],
);

fn row(name: &str) -> Option<(Said, Does)> {
    Some(match name {
        "configured"
        | "application-renamed"
        | "override-server-mismatch"
        | "hybrid-agent"
        | "two-forests"
        | "clean-up-refused" => (Passes(&[]), Nothing),
        "graph-flow" => (
            Passes(&["asks Microsoft Graph as the dedicated application"]),
            Nothing,
        ),
        "shared-principal-leftovers" => (
            Passes(&["has the certificate still", "run clean-up-shared-principal"]),
            Nothing,
        ),
        "partner-relationship" => (Passes(&[]), Repairs),
        "unsynchronized-mailbox" => (
            Passes(&["which has no counterpart of this mailbox"]),
            Nothing,
        ),
        // Another one signs in here than the person without a role.
        "wizard-names" | "directory-role-missing" => (
            Fails(
                AFTER_WIZARD,
                &[
                    "does not know the certificate",
                    "run 04-upload-certificate",
                    "run 05-host-names",
                ],
            ),
            Repairs,
        ),
        "permission-missing" => (
            NOT_UPLOADED,
            Refuses(&["Insufficient privileges to complete the operation"]),
        ),
        "lifetime-capped" => (
            NOT_UPLOADED,
            Refuses(&["Credential lifetime exceeds the max value"]),
        ),
        "build-too-old" => (
            NOT_UPLOADED,
            Refuses(&["too old for it: EX16 (15.1.2507.39)"]),
        ),
        "certificate-expires-in-60-days" => (
            Fails(
                &[LIFETIME],
                &[
                    "the current certificate ends in 5",
                    "run rotate-certificate",
                ],
            ),
            Says(&[
                "the current certificate ends in 5",
                "run rotate-certificate",
            ]),
        ),
        "next-certificate-expires-in-120-days" => (
            Fails(&[LIFETIME], &["the next certificate ends in 11"]),
            Says(&["the next certificate ends in 11"]),
        ),
        "next-certificate-overdue" => (
            Fails(
                &[LIFETIME],
                &[
                    "the next certificate was to sign from 2026-11-21T09:00:00Z on, and Exchange signs with the current one still",
                    "run rotate-certificate",
                ],
            ),
            Says(&["run rotate-certificate"]),
        ),
        "shared-principal" => (
            Fails(
                &[WAY, DIRECTION],
                &[
                    "HTTP 403",
                    "application 00000002-0000-0ff1-ce00-000000000000",
                    "run dedicated-app",
                ],
            ),
            Repairs,
        ),
        "override-missing" => (NOT_OVERRIDDEN, Repairs),
        "override-elsewhere" => (
            NOT_OVERRIDDEN,
            Refuses(&[
                "is for EX19 only, and EX16 follows none",
                "onprem.remove_setting_override",
            ]),
        ),
        "override-disabled" => (
            Fails(
                OVERRIDE,
                &[
                    "HTTP 403",
                    "the setting override \"EnableExchangeHybrid3PAppFeature\" turns it off",
                ],
            ),
            Repairs,
        ),
        "override-doubled" => (
            Fails(
                OVERRIDE,
                &[
                    "HTTP 403",
                    "2 setting overrides set the same, and Exchange takes its default then",
                ],
            ),
            Refuses(&[
                "2 setting overrides set ExchangeOnpremAsThirdPartyAppId, and EX16 takes the default of Exchange then: \"EnableExchangeHybrid3PAppFeature\", \"ExchangeHybridApplication\"",
                "keep one of them and remove the others with onprem.remove_setting_override(NAME)",
            ]),
        ),
        "consent-missing" => (
            Fails(
                &["application: permission and consent", DIRECTION],
                &[
                    "refused as invalid_grant: The token contains no permissions, or permissions can not be understood.",
                    "nobody consented to full_access_as_app for the application",
                    "the token of the application has no permissions: nobody consented to them; run dedicated-app",
                ],
            ),
            Repairs,
        ),
        "allow-list-missing" => (
            Fails(
                &["application: Exchange Web Services", DIRECTION],
                &[
                    "HTTP 403; application 8c1d0f5e-27ab-4d36-9e0b-5f4a7c3b2d19",
                    "is not in EwsAllowedAppIDs, and is refused since 2026-10-10",
                ],
            ),
            Repairs,
        ),
        "web-services-disabled" => (
            Fails(
                &["application: Exchange Web Services", DIRECTION],
                &[
                    "HTTP 403; application 8c1d0f5e-27ab-4d36-9e0b-5f4a7c3b2d19",
                    "EwsEnabled of Exchange Online is false",
                ],
            ),
            Repairs,
        ),
        "other-tenant-trust" => (
            Fails(
                &[S1, DIRECTION, BACK],
                &[
                    "no authorization server of the type MicrosoftACS belongs to the tenant contoso.onmicrosoft.com",
                    "run 01-auth-servers",
                ],
            ),
            Says(&[
                "is of another tenant (realm d84a57c2-1f6e-4e0b-b6a7-95b3c7e20d18) and says that it is asked for contoso.com",
                "remove it with onprem.remove_auth_server(",
            ]),
        ),
        "dauth-only" => (
            Fails(
                BARE,
                &[
                    "no connector serves contoso.mail.onmicrosoft.com",
                    "no connector serves contoso.com, tailspintoys.com",
                ],
            ),
            Repairs,
        ),
        "certificate-not-uploaded" => (
            Fails(
                &["application: certificates", DIRECTION],
                &[
                    "The key was not found.",
                    "the application lacks the current certificate",
                ],
            ),
            Repairs,
        ),
        "certificate-missing-on-servers" => (
            Fails(
                &[S3],
                &[
                    "is not on EX19, and requests from there fail",
                    "Import-ExchangeCertificate",
                ],
            ),
            Refuses(&["is not on EX19", "Import-ExchangeCertificate"]),
        ),
        "certificate-missing" => (
            Fails(
                NO_SIGNER,
                &[
                    "was not found",
                    "run 03-auth-certificate",
                    "Missing signing certificate.",
                    "make another with rotate-certificate",
                ],
            ),
            Refuses(&["was not found"]),
        ),
        "expired-certificate" => (
            Fails(
                NO_SIGNER,
                &["expired on 2026-11-18", "The key used is expired."],
            ),
            Refuses(&["expired on 2026-11-18", "run rotate-certificate"]),
        ),
        "stale-metadata" => (
            Fails(
                &[BACK],
                &["refused as invalid_signature", "refresh_auth_metadata"],
            ),
            Says(&["refresh_auth_metadata"]),
        ),
        "linked-account" => (
            Fails(
                &[S2, BACK],
                &[
                    "The application is missing a linked account for RBAC roles",
                    "onprem.set_partner_application(\"Exchange Online\", #{ linked_account: ",
                ],
            ),
            Says(&["onprem.set_partner_application(\"Exchange Online\", #{ linked_account: "]),
        ),
        "ambiguous-mailbox" => (
            Fails(
                &[BACK],
                &[
                    "which knows several by the addresses of this mailbox: The user specified by the user-context in the token is ambiguous.",
                    "the user principal name, the SMTP address or the SIP address",
                ],
            ),
            Says(&["which knows several by the addresses of this mailbox"]),
        ),
        "ssl-offloading" => (
            Fails(
                &[BACK],
                &[
                    "Expected 'https://mail.contoso.com'. Actual 'http://mail.contoso.com'.",
                    "a device that ends TLS in front of Exchange",
                ],
            ),
            Says(&["a device that ends TLS in front of Exchange"]),
        ),
        "wrong-issuer" => (
            Fails(
                &[DIRECTION, BACK],
                &[
                    "trusted_issuers was 00000001-0000-0000-c000-000000000000@*",
                    "look at the cloud of the organization",
                ],
            ),
            Says(&["look at the cloud of the organization"]),
        ),
        "proxy" => (
            Fails(
                &[DIRECTION],
                &["HTTP 403", "a proxy (InternetWebProxy of the server)"],
            ),
            Says(&["a proxy (InternetWebProxy of the server)"]),
        ),
        "tls-disabled" => (
            Fails(BARE, &["The underlying connection was closed"]),
            Refuses(&[
                "Cannot acquire auth metadata document",
                "The underlying connection was closed: An unexpected error occurred on a receive",
            ]),
        ),
        "disabled-connector" => (
            Fails(
                &[S4, S5, S6, S7, S8, WAY, DIRECTION, BACK],
                &[
                    "is disabled",
                    "run 06-connector-on-premises",
                    "run 07-connector-online",
                ],
            ),
            Repairs,
        ),
        "graph-flow-fails" => (
            Fails(
                &[DIRECTION],
                &[
                    "HTTP 403",
                    "Your server location could not be determined",
                    "KB5127092",
                    "run dedicated-app with flow=ews",
                ],
            ),
            Says(&["KB5127092", "run dedicated-app with flow=ews"]),
        ),
        _ => return None,
    })
}

/// The details and hints of the verdicts that failed.
fn words(run: &Run) -> String {
    let verdicts = run.events.iter().filter_map(|event| match event {
        Event::Verdict(verdict) if verdict.outcome.word() == "failed" => Some(verdict),
        _ => None,
    });
    let texts = verdicts.flat_map(|verdict| [verdict.detail.as_deref(), verdict.hint.as_deref()]);
    texts.flatten().collect::<Vec<&str>>().join("\n")
}

/// All that was said, in verdicts and besides.
fn all_words(run: &Run) -> String {
    let texts = run.events.iter().flat_map(|event| match event {
        Event::Verdict(verdict) => vec![verdict.detail.as_deref(), verdict.hint.as_deref()],
        Event::Said { text, .. } => vec![Some(text.as_str())],
        _ => Vec::new(),
    });
    texts.flatten().collect::<Vec<&str>>().join("\n")
}

fn failed(run: &Run) -> Vec<String> {
    let verdicts = run.verdicts().into_iter();
    verdicts
        .filter_map(|verdict| verdict.strip_prefix("failed ").map(str::to_owned))
        .collect()
}

fn passes(run: &Run) -> bool {
    let verdicts = run.verdicts();
    run.failed().is_none()
        && [DIRECTION, BACK]
            .iter()
            .all(|direction| verdicts.contains(&format!("passed {direction}")))
        && verdicts
            .iter()
            .all(|verdict| verdict.starts_with("passed "))
}

fn all_in(words: &[&str], text: &str) -> bool {
    words.iter().all(|word| text.contains(word))
}

fn verify(contoso: &Contoso) -> Run {
    contoso.run(Mode::Apply, "verify", &[])
}

/// What is not as the row says, for a person to read.
fn told(name: &str, run: &Run) -> String {
    let (failed, texts) = (run.failed(), all_words(run));
    format!(
        "{name}: {failed:?}\n{:?}\n{:?}\n{texts}",
        run.verdicts(),
        run.changes()
    )
}

fn is_done(contoso: &Contoso, run: &Run, does: &Does) -> bool {
    match does {
        Nothing => passes(run) && run.changes().is_empty(),
        Repairs => passes(run) && !run.changes().is_empty() && passes(&verify(contoso)),
        Refuses(words) => all_in(words, &run.failed().unwrap_or_default()),
        Says(expected) => run.failed().is_none() && !passes(run) && all_in(expected, &words(run)),
    }
}

fn walk(mut look: impl FnMut(&Scenario, Said, Does) -> Option<String>) {
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        match row(scenario.name) {
            None => wrong.push(format!("{} has no row here", scenario.name)),
            Some((said, does)) => wrong.extend(look(scenario, said, does)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn verify_says_what_is_wrong_with_each_scenario() {
    walk(|scenario, said, _| {
        let run = verify(&Contoso::scenario(scenario.name));
        let right = match said {
            Passes(expected) => passes(&run) && all_in(expected, &all_words(&run)),
            Fails(titles, expected) => failed(&run) == titles && all_in(expected, &words(&run)),
        };
        (!right).then(|| told(scenario.name, &run))
    });
}

#[test]
fn configure_repairs_each_scenario_or_says_exactly_what_is_wrong() {
    walk(|scenario, _, does| {
        let contoso = Contoso::scenario(scenario.name);
        let run = contoso.run(Mode::Apply, "configure", &[]);
        (!is_done(&contoso, &run, &does)).then(|| told(scenario.name, &run))
    });
}

#[test]
fn dedicated_app_repairs_what_is_its_own() {
    let own = [
        "shared-principal",
        "override-missing",
        "override-disabled",
        "consent-missing",
        "allow-list-missing",
        "web-services-disabled",
        "certificate-not-uploaded",
        "partner-relationship",
    ];
    for name in own {
        let contoso = Contoso::scenario(name);
        let run = contoso.run(Mode::Apply, "dedicated-app", &[]);
        assert_eq!(run.failed(), None, "{name}");
        assert!(passes(&verify(&contoso)), "{name}");
    }
}

#[test]
fn what_configure_leaves_is_repaired_by_the_playbook_that_it_names() {
    for (name, playbook, times) in BY_OTHERS {
        let contoso = Contoso::scenario(name);
        for _ in 0..*times {
            let run = contoso.run(Mode::Apply, playbook, &[]);
            assert_eq!(run.failed(), None, "{name}");
        }
        let run = verify(&contoso);
        assert!(passes(&run), "{}", told(name, &run));
    }
}

/// Nobody else can do it, and whoever may not is told who may.
#[test]
fn who_may_not_clean_up_is_told_who_may() {
    let contoso = Contoso::scenario("clean-up-refused");
    let run = contoso.run(Mode::Apply, "clean-up-shared-principal", &[]);
    let failed = run.failed().unwrap_or_default();
    assert!(failed.contains("Global Administrator"), "{failed}");
}

/// The way back that the hint names.
#[test]
fn requests_go_back_from_microsoft_graph_to_exchange_web_services() {
    let contoso = Contoso::scenario("graph-flow-fails");
    let run = contoso.run(Mode::Apply, "dedicated-app", &[("flow", "ews")]);
    assert_eq!(run.failed(), None);
    assert!(run.changes().contains(
        &"update on-premises SettingOverride \"EnableRouteThroughMSGraphFeature\"".to_owned()
    ));
    let run = verify(&contoso);
    assert!(passes(&run), "{}", told("graph-flow-fails", &run));
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
