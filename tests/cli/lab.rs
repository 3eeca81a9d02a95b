//! The lab at other times, and with what goes wrong.

use crate::support::runner::Runner;
use exoauth::lab::SCENARIOS;
use exoauth::lab::fault::NAMED;

const TEST: &str = r#"'onprem.test_oauth("EWS", "https://outlook.office365.com/ews/exchange.asmx", "megan@contoso.com").succeeded'"#;

#[test]
fn the_scenarios_are_listed_each_with_its_sentence() {
    let wide = Runner::new().variable("COLUMNS", "300");
    let ran = wide.run("lab --scenarios").ends_with(0);
    let lines: Vec<&str> = ran.stdout.lines().skip(1).collect();
    assert_eq!(lines.len(), SCENARIOS.len());
    for (line, scenario) in lines.iter().zip(SCENARIOS) {
        let (name, sentence) = line.split_once("  ").unwrap_or_default();
        assert_eq!((name, sentence.trim()), (scenario.name, scenario.sentence));
    }
}

#[test]
fn the_lab_follows_the_rules_of_its_day() {
    for (day, result) in [
        ("2026-11-24", "true"),
        ("2027-03-31T23:59:00Z", "true"),
        ("2027-04-01", "false"),
    ] {
        Runner::new()
            .run(&format!(
                "eval {TEST} --scenario configured --as-of {day} --apply"
            ))
            .ends_with(0)
            .shows(&[result]);
    }
}

#[test]
fn the_lab_has_what_is_asked_for_wrong_with_it() {
    for scenarios in [
        "--scenario override-missing",
        "--scenario configured,proxy",
        "--scenario configured --scenario proxy",
    ] {
        Runner::new()
            .run(&format!(
                "eval {TEST} {scenarios} --as-of 2026-11-24 --apply"
            ))
            .ends_with(0)
            .shows(&["false"]);
    }
}

#[test]
fn the_faults_are_listed_each_with_its_sentence() {
    let wide = Runner::new().variable("COLUMNS", "300");
    let ran = wide.run("lab --faults").ends_with(0);
    let lines = ran.stdout.lines().skip(1);
    let listed: Vec<(&str, &str)> = lines
        .map(|line| line.split_once("  ").unwrap_or_default())
        .map(|(name, sentence)| (name, sentence.trim()))
        .collect();
    let all: Vec<(&str, &str)> = NAMED
        .iter()
        .map(|named| (named.name, named.sentence))
        .collect();
    assert_eq!(listed, all);
}

#[test]
fn a_fault_happens_in_the_lab_of_the_command_at_the_request_that_is_named() {
    // The first request to Exchange Online asks which cmdlets are permitted, and may stay unanswered.
    for (fault, code, said) in [
        ("foreign-redirect", 0, ""),
        (
            "foreign-redirect@2",
            1,
            "Exchange Online redirects to another service, which was not followed",
        ),
        ("claims-challenge", 1, "a second factor is needed"),
        (
            "claims-challenge@2,foreign-redirect@2",
            1,
            "which was not followed",
        ),
    ] {
        let ran = Runner::new().run(&format!("run 07-connector-online --apply --fault {fault}"));
        ran.ends_with(code).complains(&[said]);
    }
}

#[test]
fn what_is_no_fault_is_refused_with_what_was_meant() {
    for (fault, words) in [
        (
            "truncatd-json",
            &[
                "the lab has no fault \"truncatd-json\"",
                "did you mean \"truncated-json\"?",
            ][..],
        ),
        ("zzz", &["exoauth lab --faults lists them"]),
        (
            "truncated-json@0",
            &[
                "\"truncated-json@0\" names no request",
                "from 1: truncated-json@3",
            ],
        ),
        (
            "truncated-json@two",
            &["\"truncated-json@two\" names no request"],
        ),
    ] {
        for command in ["verify", "lab"] {
            let ran = Runner::new().run(&format!("{command} --fault {fault}"));
            ran.ends_with(2).complains(words);
        }
    }
    Runner::new()
        .run("verify --org contoso --fault truncated-json")
        .ends_with(2)
        .complains(&["--org", "--fault"]);
}
