//! The matrix: every request of `configure --apply` and of `undo`, each with every fault, then gone on with.
//!
//! A cell is a lab of its own, one fault, one run that meets it, and one that goes on. It survives when the lab is then
//! what it is after an undisturbed run. Nothing waits: pauses end at once, and the time of an answer is over when the
//! fault says so. The requests are counted in an undisturbed run, so a longer playbook has more cells.

use crate::matrix::killed::{KILLED, go_on, run_and_kill};
use crate::matrix::state::{difference, in_common};
use crate::matrix::undo::runs;
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::seed::More;
use exoauth::lab::{Front, LabOptions, Request, Seed};
use exoauth::session::Patience;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use tokio::sync::Notify;

type Outcome = Result<(), Box<dyn Error>>;

/// What is done to a run at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    CutBefore,
    CutAfter,
    ErrorDone,
    ErrorNotDone,
    Throttled,
    /// It takes longer than anybody waits, and is handled then.
    TooLate,
    /// It takes so long that what is asked next is handled before it.
    Overtaken,
    /// The program is killed, and the request is not handled.
    KilledBefore,
    /// The program is killed, and the request is handled.
    KilledAfter,
}

impl Blow {
    const ALL: [Self; 9] = [
        Self::CutBefore,
        Self::CutAfter,
        Self::ErrorDone,
        Self::ErrorNotDone,
        Self::Throttled,
        Self::TooLate,
        Self::Overtaken,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    fn kind(self) -> Kind {
        match self {
            Self::CutBefore | Self::KilledBefore => Kind::CutBefore,
            Self::CutAfter | Self::KilledAfter => Kind::CutAfter,
            Self::ErrorDone => Kind::ErrorDone,
            Self::ErrorNotDone => Kind::ErrorNotDone,
            Self::Throttled => Kind::Throttle { seconds: 1 },
            Self::TooLate => Kind::Overtaken { by: 0 },
            Self::Overtaken => Kind::Overtaken { by: 3 },
        }
    }

    fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// The run itself went on, and came to its end.
    WentOn,
    /// The run stopped after it had written something, and was resumed.
    Resumed,
    /// The run stopped before it wrote anything, and was run again.
    RunAgain,
    /// It survived nothing; what is wrong.
    Lost(String),
}

impl Fate {
    fn column(&self) -> usize {
        match self {
            Self::WentOn => 0,
            Self::Resumed => 1,
            Self::RunAgain => 2,
            Self::Lost(_) => 3,
        }
    }
}

/// What is run, and run again until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Configure,
    Undo,
}

const CONFIGURE: &str = "run configure --org served.toml --apply";

/// A lab that someone has prepared, and the command that the faults are for.
struct Scene {
    served: Served,
    runner: Runner,
    line: String,
    out_of_time: Arc<Notify>,
}

impl Scene {
    fn set(work: Work, seed: Seed) -> Result<Self, Box<dyn Error>> {
        let served = Served::start(LabOptions {
            seed,
            ..LabOptions::default()
        })?;
        let mut runner = served.runner();
        let out_of_time = Arc::new(Notify::new());
        let over = Arc::clone(&out_of_time);
        runner.patience = Patience {
            sleep: Arc::new(|_| Box::pin(async {})),
            // A request has the number that it has in an undisturbed run.
            one_at_a_time: true,
            expire: Arc::new(move |_| {
                let over = Arc::clone(&over);
                Box::pin(async move { over.notified().await })
            }),
            ..Patience::default()
        };
        let line = match work {
            Work::Configure => CONFIGURE.to_owned(),
            Work::Undo => {
                runner.run(CONFIGURE).ends_with(0);
                served.lab.world().with(|world| world.faults().clear());
                format!("undo {} --apply", runs(&runner).pop().unwrap_or_default())
            }
        };
        Ok(Self {
            served,
            runner,
            line,
            out_of_time,
        })
    }

    /// Adds the fault that meets the nth request from now on.
    fn expect(&self, number: u64, kind: Kind) {
        let (seen, over) = (AtomicU64::new(0), Arc::clone(&self.out_of_time));
        let is_meant = move |_: Front, _: &Request| {
            let is_it = seen.fetch_add(1, Ordering::SeqCst) + 1 == number;
            if is_it && matches!(kind, Kind::Overtaken { .. }) {
                over.notify_one();
            }
            is_it
        };
        self.served.lab.world().with(|world| {
            let when = When::Once(Arc::new(is_meant));
            world.faults().add(Fault { when, kind });
        });
    }

    fn state(&self) -> Vec<String> {
        self.served.lab.world().with(|world| in_common(world))
    }
}

/// An undisturbed run: what each request does, and what it leaves.
struct Calm {
    /// For each request, whether it writes.
    writes: Vec<bool>,
    left: Vec<String>,
}

impl Calm {
    fn run(work: Work, seed: Seed) -> Result<Self, Box<dyn Error>> {
        let scene = Scene::set(work, seed)?;
        let ran = scene.runner.run(&scene.line);
        if ran.code != 0 {
            return Err(format!("undisturbed: {}\n{}", ran.stdout, ran.stderr).into());
        }
        let counts = scene.served.lab.world().with(|world| {
            let after = world.all_writes();
            let seen = world.faults().seen().iter();
            let mut counts: Vec<u64> = seen.map(|seen| seen.writes_before).collect();
            counts.push(after);
            counts
        });
        Ok(Self {
            writes: counts.windows(2).map(|pair| pair[0] < pair[1]).collect(),
            left: scene.state(),
        })
    }

    /// Every cell there is, the last requests first, since those of the second pass are the ones that write.
    fn cells(&self, blows: &[Blow]) -> Vec<(u64, Blow)> {
        (1..=self.writes.len() as u64)
            .rev()
            .flat_map(|number| blows.iter().map(move |blow| (number, *blow)))
            .collect()
    }

    fn is_write(&self, number: u64) -> bool {
        usize::try_from(number).is_ok_and(|number| self.writes[number - 1])
    }
}

/// The requests of `configure --apply` that write, by their numbers.
pub(crate) fn writing_requests() -> Result<Vec<u64>, Box<dyn Error>> {
    let calm = Calm::run(Work::Configure, seed())?;
    let numbers = 1..=calm.writes.len() as u64;
    Ok(numbers.filter(|number| calm.is_write(*number)).collect())
}

/// Runs one cell.
fn cell(
    work: Work,
    seed: Seed,
    calm: &Calm,
    number: u64,
    blow: Blow,
) -> Result<Fate, Box<dyn Error>> {
    let scene = Scene::set(work, seed)?;
    let Scene { served, runner, .. } = &scene;
    let (code, said) = if blow.kills() {
        run_and_kill(served, runner, &scene.line, number, blow.kind())?
    } else {
        scene.expect(number, blow.kind());
        let first = runner.run(&scene.line);
        (first.code, format!("{}\n{}", first.stdout, first.stderr))
    };
    let world = served.lab.world();
    if world.with(|world| world.faults().happened().len()) != 1 {
        return Ok(Fate::Lost(format!(
            "the run did not come to it:\n{code}: {said}"
        )));
    }
    served.let_through()?;
    let fate = match (code, work) {
        (0, _) => Fate::WentOn,
        (5 | KILLED, _) => Fate::Resumed,
        _ => Fate::RunAgain,
    };
    let (code, more) = match work {
        _ if blow.kills() => go_on(runner, &scene.line, work == Work::Configure)?,
        Work::Configure if code == 5 => {
            let second = runner.run("resume --apply");
            (second.code, format!("{}\n{}", second.stdout, second.stderr))
        }
        _ => {
            let second = runner.run(&scene.line);
            (second.code, format!("{}\n{}", second.stdout, second.stderr))
        }
    };
    if code != 0 {
        return Ok(Fate::Lost(format!(
            "{fate:?}, then {code}:\n{said}\n{more}"
        )));
    }
    Ok(match difference(&calm.left, &scene.state()) {
        None => fate,
        Some(difference) => Fate::Lost(format!("the state differs: {difference}\n{said}\n{more}")),
    })
}

/// How many cells came to what, by blow.
#[derive(Default)]
struct Table(BTreeMap<Blow, [usize; 4]>);

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: String, counts: [usize; 4]| {
            let [went_on, resumed, again, lost] = counts;
            let all: usize = counts.iter().sum();
            writeln!(
                formatter,
                "{name:14}{all:>7}{went_on:>9}{resumed:>9}{again:>10}{lost:>6}"
            )
        };
        let mut total = [0; 4];
        for (blow, counts) in &self.0 {
            row(format!("{blow:?}"), *counts)?;
            for (sum, count) in total.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        row("all".to_owned(), total)
    }
}

/// Runs cells side by side, and fails with those that did not survive.
fn run(work: Work, seed: Seed, take: impl Fn(&Calm, usize, u64, Blow) -> bool) -> Outcome {
    let started = Instant::now();
    let calm = Calm::run(work, seed)?;
    let all = calm.cells(&Blow::ALL);
    let number_of_all = all.len();
    let cells: Vec<(u64, Blow)> = all
        .into_iter()
        .enumerate()
        .filter(|(at, (number, blow))| take(&calm, *at, *number, *blow))
        .map(|(_, cell)| cell)
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut fates = Vec::new();
        while let Some((number, blow)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            let fate = cell(work, seed, &calm, *number, *blow)
                .unwrap_or_else(|error| Fate::Lost(error.to_string()));
            // Much time passes until the end, where all of them are said in full.
            if let Fate::Lost(why) = &fate {
                let what = why.lines().next().unwrap_or_default();
                progress(&format!("lost: request {number}, {blow:?}: {what}\n"));
            }
            fates.push((*number, *blow, fate));
            let ended = done.fetch_add(1, Ordering::Relaxed) + 1;
            if ended.is_multiple_of(100) {
                let seconds = started.elapsed().as_secs();
                progress(&format!("{work:?}: {ended} cells in {seconds} s\n"));
            }
        }
        fates
    };
    // A cell waits for its own services now and then, and two of them share a processor well.
    let workers = thread::available_parallelism().map_or(2, usize::from) * 2;
    let fates: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                let panicked = |_| vec![(0, Blow::CutBefore, Fate::Lost("panicked".to_owned()))];
                worker.join().unwrap_or_else(panicked)
            })
            .collect()
    });
    let mut table = Table::default();
    let mut lost = Vec::new();
    for (number, blow, fate) in &fates {
        table.0.entry(*blow).or_default()[fate.column()] += 1;
        if let Fate::Lost(why) = fate {
            lost.push(format!("request {number}, {blow:?}: {why}"));
        }
    }
    let report = format!(
        "matrix of {work:?}: {} requests, {} of them write; {} cells of {number_of_all}, {} survive, {:.1} s\n\
         {:14}{:>7}{:>9}{:>9}{:>10}{:>6}\n{table}",
        calm.writes.len(),
        calm.writes.iter().filter(|writes| **writes).count(),
        fates.len(),
        fates.len() - lost.len(),
        started.elapsed().as_secs_f64(),
        "fault",
        "cells",
        "went on",
        "resumed",
        "run again",
        "lost",
    );
    progress(&report);
    assert_eq!(fates.len(), cells.len());
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

/// With a partner company's objects, which must stay as they are.
fn seed() -> Seed {
    Seed {
        neighbors: true,
        ..Seed::default()
    }
}

/// A number that is coprime to the number of blows takes each of them in turn. Kills need a process for each cell; two of
/// them are in `killed`, and all of them in the whole matrix.
fn sample(every: usize) -> impl Fn(&Calm, usize, u64, Blow) -> bool {
    move |_, at, _, blow| at.is_multiple_of(every) && !blow.kills()
}

#[test]
fn a_sample_of_the_cells_of_configure_survives() -> Outcome {
    run(Work::Configure, seed(), sample(193))
}

/// What is done after the last write leaves no change by which a second run would know that it is still to be done:
/// servers read their setting overrides again then.
#[test]
fn a_run_that_stops_right_after_its_last_write_is_gone_on_with_to_its_end() -> Outcome {
    let is_taken = |calm: &Calm, _: usize, number: u64, blow: Blow| {
        let last = calm.writes.iter().rposition(|writes| *writes);
        let last = last.map_or(0, |at| at as u64 + 1);
        (last + 1..=last + 8).contains(&number)
            && matches!(blow, Blow::ErrorNotDone | Blow::Throttled)
    };
    run(Work::Configure, seed(), is_taken)
}

#[test]
fn a_sample_of_the_cells_of_undo_survives() -> Outcome {
    run(Work::Undo, seed(), sample(131))
}

/// A large organization: what others have on the same principal, and twice fifty servers.
fn large() -> Seed {
    Seed {
        more: More {
            keys: 200,
            names: 5000,
            domains: 500,
            servers: 50,
        },
        ..seed()
    }
}

#[test]
fn a_sample_of_the_cells_of_a_large_organization_survives() -> Outcome {
    // A quarter of each: what is lost in a large list is lost in this one too.
    let quarter = Seed {
        more: More {
            keys: 50,
            names: 1250,
            domains: 125,
            servers: 12,
        },
        ..seed()
    };
    let is_taken = |calm: &Calm, _: usize, number: u64, blow: Blow| {
        let writes = calm
            .writes
            .iter()
            .enumerate()
            .filter(|(_, writes)| **writes);
        let keys_and_names: Vec<u64> = writes.map(|(at, _)| at as u64 + 1).collect();
        // The third write and the fourth are those of the keys and of the names.
        keys_and_names.get(3) == Some(&number) && blow == Blow::ErrorDone
    };
    run(Work::Configure, quarter, is_taken)
}

/// The cells at requests that write, which are the ones that a large organization makes different.
fn writing_cell(calm: &Calm, _: usize, number: u64, _: Blow) -> bool {
    calm.is_write(number)
}

#[test]
#[ignore = "minutes: cargo test --release --test tests matrix::cells -- --ignored --nocapture"]
fn every_writing_cell_of_a_large_organization_survives() -> Outcome {
    run(Work::Configure, large(), writing_cell)
}

/// Killing takes two processes, so only the requests that write are killed at in the whole matrix.
fn every_cell(calm: &Calm, _: usize, number: u64, blow: Blow) -> bool {
    !blow.kills() || calm.is_write(number)
}

#[test]
#[ignore = "minutes: cargo test --release --test tests matrix::cells -- --ignored --nocapture"]
fn every_cell_of_configure_survives() -> Outcome {
    run(Work::Configure, seed(), every_cell)
}

#[test]
#[ignore = "minutes: cargo test --release --test tests matrix::cells -- --ignored --nocapture"]
fn every_cell_of_undo_survives() -> Outcome {
    run(Work::Undo, seed(), every_cell)
}
