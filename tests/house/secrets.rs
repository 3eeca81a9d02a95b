//! No password, secret or token is in anything that is printed, logged or recorded.

use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::LabOptions;
use std::error::Error;
use std::fs;

/// Runs the program itself, since the log of a process is started once, at its most talkative.
#[test]
fn the_most_talkative_log_holds_no_secret() -> Result<(), Box<dyn Error>> {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let mut secrets: Vec<String> = served
        .file()
        .lines()
        .filter(|line| line.starts_with("password") || line.starts_with("secret"))
        .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
        .collect();
    assert_eq!(secrets.len(), 2, "a password and a client secret");
    // How every token of this kind starts: `{"` in base64.
    secrets.push("eyJ".to_owned());

    for line in [
        "run configure --org served.toml --apply",
        "verify --org served.toml --format json",
    ] {
        let written = run_program(&runner, line)?;
        assert!(written.contains("TRACE"), "the log is on");
        for secret in &secrets {
            let at = written.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(at, None, "a secret is in what \"{line}\" wrote");
        }
    }
    let runs = fs::read_dir(runner.program_journals())?;
    let journals: Result<Vec<String>, _> = runs
        .map(|entry| fs::read_to_string(entry?.path()))
        .collect();
    let journals = journals?.concat();
    assert!(journals.contains("written"), "{journals}");
    // Objects that PowerShell sends carry their own bytes, in which anything may be.
    for word in [
        "SerializationData",
        "PRIVATE KEY",
        "Bearer",
        "access_token",
        "client_secret",
        "client_assertion",
        "Set-Cookie",
    ] {
        let at = journals
            .lines()
            .find(|line| line.to_lowercase().contains(&word.to_lowercase()));
        assert_eq!(at, None, "{word} is in a journal");
    }
    assert!(
        secrets
            .iter()
            .all(|secret| !journals.contains(secret.as_str()))
    );
    Ok(())
}

/// What the program writes to both streams, with everything logged.
fn run_program(runner: &Runner, line: &str) -> Result<String, Box<dyn Error>> {
    let output = runner.program(line).env("EXOAUTH_LOG", "trace").output()?;
    let written = [output.stdout, output.stderr].concat();
    let written = String::from_utf8(written)?;
    assert!(output.status.success(), "{written}");
    Ok(written)
}
