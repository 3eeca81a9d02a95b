//! The program itself, as a process: what only signals and real streams can show.

#![cfg(unix)]

use crate::support::runner::Runner;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

fn start(runner: &Runner, line: &str) -> std::io::Result<Child> {
    let mut program = runner.program(line);
    program
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

fn signal(child: &Child, name: &str) -> std::io::Result<bool> {
    let id = child.id().to_string();
    Ok(Command::new("kill").args([name, &id]).status()?.success())
}

/// Starts the lab, waits until it prints its file, and sends it a signal.
fn lab_after(name: &str) -> Result<Option<i32>, Box<dyn Error>> {
    let runner = Runner::new();
    let mut lab = start(&runner, "lab --write here")?;
    let output = lab.stdout.take().ok_or("no output")?;
    let mut first = String::new();
    BufReader::new(output).read_line(&mut first)?;
    assert!(first.trim_end().ends_with("here/lab.toml"), "{first}");
    assert!(signal(&lab, name)?);
    Ok(lab.wait()?.code())
}

#[test]
fn ctrl_c_ends_the_lab_in_order() -> Result<(), Box<dyn Error>> {
    assert_eq!(lab_after("-INT")?, Some(0));
    assert_eq!(lab_after("-TERM")?, Some(0));
    Ok(())
}

#[test]
fn the_system_asking_to_end_is_told_from_ctrl_c() -> Result<(), Box<dyn Error>> {
    let wait = "//! Waits.\nconst PLAYBOOK = #{ title: \"Wait\" };\n\
                if planning() { print(\"ready\"); while true {} }\n";
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let runner = Runner::new().file("wait.rhai", wait);
        let mut run = start(&runner, "run ./wait.rhai --plan --format json")?;
        let output = run.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("ready")));
        assert!(ready.is_some());
        assert!(signal(&run, name)?);
        let last = lines.last().ok_or("no more lines")??;
        assert_eq!(run.wait()?.code(), Some(code));
        assert!(last.contains(&format!("\"exit\":{code}")), "{last}");
    }
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_failure() -> Result<(), Box<dyn Error>> {
    let runner = Runner::new();
    let mut list = start(&runner, "clouds")?;
    drop(list.stdout.take());
    assert_eq!(list.wait()?.code(), Some(0));
    Ok(())
}
