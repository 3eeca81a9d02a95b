//! The lab at other times, and with what goes wrong.

use crate::support::runner::Runner;
use exoauth::lab::SCENARIOS;

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
