//! `exoauth login` in a real pseudo-terminal, with a person who reads what it says and does it.

#![cfg(unix)]

use crate::support::person::visit;
use crate::support::runner::Runner;
use crate::support::served::Served;
use crate::support::wait::wait_for;
use exoauth::lab::LabOptions;
use expectrl::session::OsSession;
use expectrl::{Captures, Eof, Expect, Regex};
use std::error::Error;
use std::process::Command;
use std::time::Duration;

type Outcome = Result<(), Box<dyn Error>>;

/// The file of a lab, with another way to sign in.
fn file_with(served: &Served, method: &str) -> String {
    let file = served.file();
    let (before, rest) = file.split_once("[sign_in]").unwrap_or((&file, ""));
    let (_, after) = rest.split_once("[endpoints]").unwrap_or(("", rest));
    format!("{before}[sign_in]\nmethod = \"{method}\"\n\n[endpoints]{after}")
}

fn program(runner: &Runner, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exoauth"));
    command.args(words).current_dir(&runner.folder);
    for name in ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(name, &runner.folder);
    }
    // No browser opens by itself.
    command
        .env("PATH", &runner.folder)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .env_remove("EXOAUTH_LOG");
    command
}

fn sees(session: &mut OsSession, pattern: &str) -> Result<Captures, Box<dyn Error>> {
    let seen = session.expect(Regex(pattern));
    seen.map_err(|error| format!("waiting for {pattern:?}: {error}").into())
}

fn part(captures: &Captures, index: usize) -> String {
    let bytes = captures.get(index).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a person does once for each service.
type Step = fn(&mut OsSession, &str) -> Outcome;

fn types_the_code(session: &mut OsSession, authority: &str) -> Outcome {
    let said = sees(
        session,
        "sign in for https://localhost:[0-9]+: open (\\S+) on any machine and type the code (\\S+), within 15 minutes",
    )?;
    let (page, code) = (part(&said, 1), part(&said, 2));
    wait_for(visit(authority, &page, &[("user_code", &code)]))?;
    Ok(())
}

fn opens_the_page(session: &mut OsSession, authority: &str) -> Outcome {
    let said = sees(
        session,
        "in the browser; if it does not open, open this page:\\s+(https://\\S+)\\r",
    )?;
    let over = wait_for(visit(authority, &part(&said, 1), &[]))?;
    assert!(
        over.page.contains("You can close this window"),
        "{}",
        over.page
    );
    Ok(())
}

fn sign_in(method: &str, step: Step) -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner_with(&file_with(&served, method));
    let login = program(&runner, &["login", "--org", "./served.toml"]);
    let mut session = OsSession::spawn(login)?;
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    let authority = served.lab.authority();
    // Graph, then Exchange Online: Microsoft's applications serve one each.
    step(&mut session, authority)?;
    sees(
        &mut session,
        "Microsoft's applications serve one service each",
    )?;
    step(&mut session, authority)?;
    let shown = sees(
        &mut session,
        "(?s)(.*)kept in (\\S+served\\.json), which only you can read",
    )?;
    assert!(part(&shown, 1).contains("admin@contoso.onmicrosoft.com"));
    assert!(!part(&shown, 1).contains("eyJ"), "a token is shown");
    session.expect(Eof)?;
    // From now on nobody has to be at a terminal.
    let who = program(&runner, &["whoami", "--org", "./served.toml"]).output()?;
    assert!(who.status.success(), "{who:?}");
    Ok(())
}

#[test]
fn a_person_at_a_terminal_types_the_code_on_another_machine() -> Outcome {
    sign_in("device-code", types_the_code)
}

#[test]
fn a_person_at_a_terminal_opens_the_page() -> Outcome {
    sign_in("browser", opens_the_page)
}
