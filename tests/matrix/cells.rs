//! The matrix: every request of `configure --apply`, each with every fault, then resumed.
//!
//! A cell is a lab of its own, one fault, one run that meets it, and one that goes on. It survives when the lab is then
//! what it is after an undisturbed run. Pauses between attempts are not waited for, and time-outs are short.

use crate::matrix::state::{difference, in_common};
use crate::matrix::undo::runs;
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::exchange::onprem::Times;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::{LabOptions, Seed};
use exoauth::session::Patience;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

/// Longer than any answer of the lab takes, also on a busy machine; a delayed one takes twice as long.
const TIME_OUT: Duration = Duration::from_millis(400);

const KINDS: [Kind; 6] = [
    Kind::CutBefore,
    Kind::CutAfter,
    Kind::ErrorDone,
    Kind::ErrorNotDone,
    Kind::Throttle { seconds: 1 },
    Kind::Delay(Duration::from_millis(800)),
];

fn serve() -> Result<Served, Box<dyn Error>> {
    Served::start(LabOptions {
        seed: Seed {
            neighbors: true,
            ..Seed::default()
        },
        ..LabOptions::default()
    })
}

/// Does not wait between attempts, and gives up delayed answers soon.
fn patience(kind: Kind) -> Patience {
    let mut patience = Patience {
        sleep: Arc::new(|_| Box::pin(async {})),
        ..Patience::default()
    };
    if let Kind::Delay(_) = kind {
        patience.longest_attempt = Some(TIME_OUT);
        patience.on_premises = Times {
            operation: TIME_OUT / 2,
            grace: TIME_OUT / 2,
            ..Times::default()
        };
    }
    patience
}

fn runner(served: &Served, kind: Kind) -> Runner {
    let mut runner = served.runner();
    runner.patience = patience(kind);
    runner
}

fn state(served: &Served) -> Vec<String> {
    served.lab.world().with(|world| in_common(world))
}

/// What is run, and run again until it is done.
#[derive(Clone, Copy, Debug)]
enum Work {
    Configure,
    Undo,
}

/// An undisturbed run: how many requests it sends, and what it leaves.
struct Calm {
    requests: u64,
    left: Vec<String>,
}

fn prepare(work: Work, served: &Served, runner: &Runner) -> String {
    match work {
        Work::Configure => "run configure --org served.toml --apply".to_owned(),
        Work::Undo => {
            runner
                .run("run configure --org served.toml --apply")
                .ends_with(0);
            served.lab.world().with(|world| world.faults().clear());
            format!("undo {} --apply", runs(runner).pop().unwrap_or_default())
        }
    }
}

fn calm(work: Work) -> Result<Calm, Box<dyn Error>> {
    let served = serve()?;
    let runner = runner(&served, Kind::CutBefore);
    let line = prepare(work, &served, &runner);
    runner.run(&line).ends_with(0);
    let requests = served.lab.world().with(|world| world.faults().seen().len());
    Ok(Calm {
        requests: requests as u64,
        left: state(&served),
    })
}

/// What is said of a cell whose run ended before its fault.
const NEVER_MET: &str = "the run did not come to the fault";

/// Runs one cell; gives what is wrong with it.
fn cell(
    work: Work,
    calm: &Calm,
    number: u64,
    kind: Kind,
) -> Result<Option<String>, Box<dyn Error>> {
    let served = serve()?;
    let disturbed = runner(&served, kind);
    let line = prepare(work, &served, &disturbed);
    let when = When::Nth(number);
    served
        .lab
        .world()
        .with(|world| world.faults().add(Fault { when, kind }));
    let first = disturbed.run(&line);
    let happened = served
        .lab
        .world()
        .with(|world| world.faults().happened().len());
    if happened != 1 {
        return Ok(Some(NEVER_MET.to_owned()));
    }
    if let Kind::Delay(time) = kind {
        // What is late is still to come.
        thread::sleep(time.saturating_sub(TIME_OUT));
    }
    let mut again = disturbed;
    again.patience = Patience::default();
    let second = match work {
        // A run that wrote nothing has no journal to go on from.
        Work::Configure if first.code == 5 => again.run("resume --apply"),
        Work::Configure | Work::Undo => again.run(&line),
    };
    if second.code != 0 {
        return Ok(Some(format!(
            "first {}, then {}:\n{}\n{}\n{}\n{}",
            first.code, second.code, first.stdout, first.stderr, second.stdout, second.stderr
        )));
    }
    Ok(difference(&calm.left, &state(&served)).map(|difference| {
        format!(
            "first {}, then the state differs: {difference}\n{}\n{}",
            first.code, first.stdout, first.stderr
        )
    }))
}

/// Runs cells side by side, and fails with those that did not survive.
fn run(work: Work, take: impl Fn(usize) -> bool) -> Outcome {
    let started = Instant::now();
    let calm = calm(work)?;
    // The last requests first: those of the second pass are the ones that write.
    let all: Vec<(u64, Kind)> = (1..=calm.requests)
        .rev()
        .flat_map(|number| KINDS.map(|kind| (number, kind)))
        .collect();
    let cells: Vec<(u64, Kind)> = all
        .iter()
        .enumerate()
        .filter(|(at, _)| take(*at))
        .map(|(_, cell)| *cell)
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut lost = Vec::new();
        while let Some((number, kind)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wrong =
                cell(work, &calm, *number, *kind).unwrap_or_else(|error| Some(error.to_string()));
            if let Some(wrong) = wrong {
                lost.push(format!("request {number}, {kind:?}: {wrong}"));
            }
            let ended = done.fetch_add(1, Ordering::Relaxed) + 1;
            if ended.is_multiple_of(100) {
                let seconds = started.elapsed().as_secs();
                progress(&format!(
                    "{work:?}: {ended} cells in {seconds} s, {} lost by one of the workers\n",
                    lost.len()
                ));
            }
        }
        lost
    };
    let lost: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| vec!["a cell panicked".to_owned()])
            })
            .collect()
    });
    let report = format!(
        "matrix of {work:?}: {} requests, {} cells of {}, {} survive, {:.1} s\n",
        calm.requests,
        cells.len(),
        all.len(),
        cells.len() - lost.len(),
        started.elapsed().as_secs_f64()
    );
    progress(&report);
    assert!(lost.is_empty(), "{report}{}", lost.join("\n\n"));
    Ok(())
}

/// Says how far it is.
#[expect(
    clippy::print_stderr,
    reason = "the figures of the matrix, seen with --nocapture"
)]
fn progress(line: &str) {
    eprint!("{line}");
}

#[test]
fn a_sample_of_the_cells_of_configure_survives() -> Outcome {
    run(Work::Configure, |at| at.is_multiple_of(97))
}

#[test]
fn a_sample_of_the_cells_of_undo_survives() -> Outcome {
    run(Work::Undo, |at| at.is_multiple_of(67))
}

#[test]
#[ignore = "minutes: cargo test --release --test tests matrix::cells -- --ignored --nocapture"]
fn every_cell_of_configure_survives() -> Outcome {
    run(Work::Configure, |_| true)
}

#[test]
#[ignore = "minutes: cargo test --release --test tests matrix::cells -- --ignored --nocapture"]
fn every_cell_of_undo_survives() -> Outcome {
    run(Work::Undo, |_| true)
}
