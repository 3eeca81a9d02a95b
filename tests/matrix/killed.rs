//! The program itself, killed at a request, and a new one that goes on.

use crate::matrix::cells::writing_requests;
use crate::matrix::state::{difference, exactly};
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::{Front, LabOptions, Request, Seed};
use std::error::Error;
use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What stands for the exit code of a program that was killed.
pub(crate) const KILLED: u8 = 137;

/// Has the program know what the runner did before.
fn hand_over(runner: &Runner) -> std::io::Result<()> {
    let (mine, its) = (runner.folder.join("state/runs"), runner.program_journals());
    if !mine.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&its)?;
    for journal in fs::read_dir(mine)? {
        let journal = journal?;
        fs::copy(journal.path(), its.join(journal.file_name()))?;
    }
    Ok(())
}

/// Runs a command and kills it right before, or right after, the lab handles a request; gives what it came to.
pub(crate) fn run_and_kill(
    served: &Served,
    runner: &Runner,
    line: &str,
    number: u64,
    kind: Kind,
) -> Result<(u8, String), Box<dyn Error>> {
    hand_over(runner)?;
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let (victim, seen) = (Arc::clone(&child), AtomicU64::new(0));
    let is_meant = move |_: Front, _: &Request| {
        let at_it = seen.fetch_add(1, Ordering::SeqCst) + 1 == number;
        let mut victim = victim.lock().unwrap_or_else(PoisonError::into_inner);
        at_it && victim.as_mut().is_some_and(|child| child.kill().is_ok())
    };
    served.lab.world().with(|world| {
        let when = When::Once(Arc::new(is_meant));
        world.faults().add(Fault { when, kind });
    });
    let taken = || child.lock().unwrap_or_else(PoisonError::into_inner);
    // No request is handled before the program is known to whoever kills it.
    let mut known = taken();
    let mut program = runner.program(line);
    program.stdout(Stdio::null()).stderr(Stdio::null());
    *known = Some(program.spawn()?);
    drop(known);
    // The lock is not held while waiting, since the lab takes it to kill.
    loop {
        let ended = taken().as_mut().map(Child::try_wait).transpose()?.flatten();
        if let Some(status) = ended {
            let code = status
                .code()
                .map_or(KILLED, |code| u8::try_from(code).unwrap_or(u8::MAX));
            return Ok((code, format!("{status}")));
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Goes on with a run that was killed: resumes it, or runs it again where it left no journal to resume from.
pub(crate) fn go_on(
    runner: &Runner,
    line: &str,
    resumes: bool,
) -> Result<(u8, String), Box<dyn Error>> {
    let first = if resumes { "resume --apply" } else { line };
    let mut output = runner.program(first).output()?;
    if resumes && output.status.code() == Some(2) {
        output = runner.program(line).output()?;
    }
    let said = [output.stdout, output.stderr].concat();
    let code = output
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok());
    Ok((
        code.unwrap_or(KILLED),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// What the program was about to do when it was killed is on the disk, or it could not be taken back.
#[test]
fn a_run_that_was_killed_can_be_taken_back() -> Result<(), Box<dyn Error>> {
    let numbers = writing_requests()?;
    let (Some(second), Some(last)) = (numbers.get(1), numbers.last()) else {
        return Err("configure writes less than twice".into());
    };
    for (number, kind) in [(*second, Kind::CutBefore), (*last, Kind::CutAfter)] {
        let served = Served::start(LabOptions {
            seed: Seed {
                neighbors: true,
                ..Seed::default()
            },
            ..LabOptions::default()
        })?;
        let runner = served.runner();
        let before = served.lab.world().with(|world| exactly(world));
        let (code, said) = run_and_kill(
            &served,
            &runner,
            "run configure --org served.toml --apply",
            number,
            kind,
        )?;
        assert_eq!(code, KILLED, "{said}");
        let done = served.lab.world().with(|world| exactly(world));
        assert!(difference(&before, &done).is_some(), "request {number}");
        let journals: Result<Vec<_>, _> = fs::read_dir(runner.program_journals())?.collect();
        let run = journals?
            .pop()
            .and_then(|journal| journal.path().file_stem().map(|stem| stem.to_owned()))
            .ok_or("there is no journal")?;
        let undo = format!("undo {} --apply", run.to_string_lossy());
        let (code, said) = go_on(&runner, &undo, false)?;
        assert_eq!(code, 0, "{said}");
        let left = served.lab.world().with(|world| exactly(world));
        assert_eq!(difference(&before, &left), None, "request {number}: {said}");
    }
    Ok(())
}
