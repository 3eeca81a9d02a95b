//! The program itself, killed at a request, and a new one that goes on.

use crate::matrix::state::{difference, in_common};
use crate::support::runner::{Runner, split};
use crate::support::served::Served;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::{Front, LabOptions, Request, Seed};
use std::error::Error;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Outcome = Result<(), Box<dyn Error>>;

const CONFIGURE: &str = "run configure --org served.toml --apply";

fn serve() -> Result<Served, Box<dyn Error>> {
    Served::start(LabOptions {
        seed: Seed {
            neighbors: true,
            ..Seed::default()
        },
        ..LabOptions::default()
    })
}

fn program(runner: &Runner, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exoauth"));
    command
        .args(split(line))
        .current_dir(&runner.folder)
        .env("HOME", &runner.folder)
        .env("XDG_CONFIG_HOME", runner.folder.join("config"))
        .env("XDG_DATA_HOME", runner.folder.join("data"))
        .env("XDG_STATE_HOME", runner.folder.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `configure` and kills it right before, or right after, the lab handles a request; says whether it came so far.
fn kill_at(
    served: &Served,
    runner: &Runner,
    number: u64,
    kind: Kind,
) -> Result<bool, Box<dyn Error>> {
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
    *child.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(program(runner, CONFIGURE).spawn()?);
    let taken = || child.lock().unwrap_or_else(PoisonError::into_inner);
    // The lock is not held while waiting, since the lab takes it to kill.
    loop {
        let ended = taken().as_mut().map(Child::try_wait).transpose()?.flatten();
        if let Some(status) = ended {
            return Ok(!status.success());
        }
        std::thread::yield_now();
    }
}

fn go_on(runner: &Runner) -> Result<Output, Box<dyn Error>> {
    let resumed = program(runner, "resume --apply").output()?;
    // One that was killed before its first write has no journal.
    if resumed.status.code() == Some(2) {
        return Ok(program(runner, CONFIGURE).output()?);
    }
    Ok(resumed)
}

#[test]
fn a_program_that_is_killed_is_gone_on_with() -> Outcome {
    let served = serve()?;
    served.runner().run(CONFIGURE).ends_with(0);
    let (requests, calm) = served
        .lab
        .world()
        .with(|world| (world.faults().seen().len() as u64, in_common(world)));
    let cells: Vec<(u64, Kind)> = [5, 9, 10, 11, 13, 16, 18]
        .into_iter()
        .zip([Kind::CutBefore, Kind::CutAfter].into_iter().cycle())
        .map(|(part, kind)| (requests * part / 20, kind))
        .collect();
    for (number, kind) in cells {
        let served = serve()?;
        let runner = served.runner();
        assert!(kill_at(&served, &runner, number, kind)?, "request {number}");
        served.lab.world().with(|world| world.faults().clear());
        let resumed = go_on(&runner)?;
        assert!(
            resumed.status.success(),
            "request {number}, {kind:?}: {resumed:?}"
        );
        let left = served.lab.world().with(|world| in_common(world));
        assert_eq!(difference(&calm, &left), None, "request {number}, {kind:?}");
    }
    Ok(())
}
