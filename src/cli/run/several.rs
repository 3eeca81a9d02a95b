//! `--org a --org b`, `--org-dir FOLDER`: one playbook for several organizations, side by side.
//!
//! Each organization has its own engine thread, plan, journal, lock and report, and what goes wrong with one stops none
//! of the others. People read one organization after the other, each as a block once it is done; programs read lines
//! that name their organization. The plans are agreed to once, for all. At the end stands a table of what each came to.

mod output;

pub(super) use output::Waiting;

use super::Report;
use super::end::Ended;
use super::one::{Run, Step, Work};
use crate::cli::args::{self, Format};
use crate::cli::half::HalfRun;
use crate::cli::place::{self, Place};
use crate::cli::{Env, ExitCode, files};
use crate::failure::Failure;
use crate::report::human::{self, HumanReport};
use crate::report::json::{JsonReport, Whole};
use crate::report::{clean, plan, table};
use crate::session::ReadSecret;
use crate::session::event::{Event, Listener};
use crate::words::count;
use output::{Block, prefixed};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::runtime::Handle;

/// The organizations that were asked for, where they are several; one by name is not, a folder always is.
pub(super) fn asked_for(env: &Env, asked: &args::Run) -> Result<Option<Vec<PathBuf>>, Failure> {
    let named = &asked.place.org;
    if asked.several.org_dir.is_none() && named.len() < 2 {
        return Ok(None);
    }
    let mut files = Vec::new();
    for name in named {
        files.push(place::find(env, name)?);
    }
    if let Some(folder) = &asked.several.org_dir {
        files.extend(files_in(&env.path(folder))?);
    }
    let mut seen = BTreeSet::new();
    for file in &files {
        if !seen.insert(file.clone()) {
            let message = format!("the organization file {} is named twice", file.display());
            return Err(Failure::input(message));
        }
    }
    let alone = [
        ("--step", asked.step),
        ("--emit", !asked.emit.is_empty()),
        ("--hand-over", asked.hand_over.is_some()),
    ];
    if let Some((option, _)) = alone.iter().find(|(_, given)| *given) {
        return Err(
            Failure::input(format!("{option} is for one organization at a time"))
                .with_hint("name one with --org"),
        );
    }
    Ok(Some(files))
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| {
        files::unreadable(format_args!("the folder {}", folder.display()), &error)
    };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Failure::input(format!(
            "there is no organization file in {}",
            folder.display()
        ))
        .with_hint("their names end in .toml")),
    }
}

/// One of the organizations.
struct One {
    /// What it is called here: the name of its file, or the path where two have the same name.
    name: String,
    file: PathBuf,
    /// What is written for it, until it is shown.
    block: Block,
    /// Its own outside: what it writes is kept in the block.
    env: Env,
    /// The outside for whatever needs a person at once, such as signing in: each line names the organization.
    live: Env,
}

/// What is shared by all of them.
struct All<'cli> {
    env: &'cli Env,
    asked: &'cli args::Run,
    format: Format,
    work: &'cli Work,
    runtime: &'cli Handle,
    /// Held while a secret is read, so that two organizations do not ask for their passwords at the same time.
    reading: Arc<Mutex<()>>,
    /// How many have come to an end of what is being done.
    ended: AtomicUsize,
    /// Held while something is shown, so that blocks are not mixed.
    showing: Mutex<()>,
    number: usize,
}

/// Where an organization stands.
enum Standing<'cli> {
    /// Its plan waits to be agreed to.
    Planned(Box<Run<'cli>>, Step),
    /// It is done with, whatever it came to.
    Ended(Box<Ended>),
}

/// Runs a playbook for several organizations.
pub(super) fn main(
    env: &Env,
    asked: &args::Run,
    format: Format,
    work: &Work,
    files: Vec<PathBuf>,
    runtime: &Handle,
) -> Result<ExitCode, Failure> {
    let names = names(&files);
    let ones: Vec<One> = files
        .into_iter()
        .zip(names)
        .map(|(file, name)| One::new(env, name, file))
        .collect();
    let json = match format {
        Format::Json => Some(JsonReport::start(env.output.stream.clone())?),
        Format::Human => None,
    };
    let all = All {
        env,
        asked,
        format,
        work,
        runtime,
        reading: Arc::default(),
        ended: AtomicUsize::new(0),
        showing: Mutex::default(),
        number: ones.len(),
    };
    let asks = !asked.plan && !asked.apply;
    let planned = all.side_by_side(ones.iter().collect(), |one| {
        let standing = all.plan(one);
        match standing {
            Standing::Planned(run, step) if !asks => {
                Standing::Ended(Box::new(all.apply(one, &run, step)))
            }
            standing => standing,
        }
    });
    let ended = match all.agreed(&planned)? {
        Agreed::Yes => all.apply_all(&ones, planned),
        Agreed::No => planned.into_iter().map(not_applied).collect(),
        Agreed::NobodyToAsk => {
            let nobody = Failure::input("there is nobody to ask whether to apply these plans")
                .with_hint("add --apply to apply them without asking, or --plan to only show them");
            all.complain(&nobody)?;
            let refused = |standing| match standing {
                Standing::Planned(run, step) => {
                    Ended::not_applied(ExitCode::WRONG_INPUT, &run, &step)
                }
                Standing::Ended(ended) => *ended,
            };
            planned.into_iter().map(refused).collect()
        }
    };
    let code = worst(
        ended
            .iter()
            .map(|ended| match (ended.code, &ended.unreported) {
                (ExitCode::DONE, Some(_)) => ExitCode::FAILED,
                (code, _) => code,
            }),
    );
    match json {
        Some(report) => report.end_all(&whole(&ones, &ended, code))?,
        None => all.table(&ones, &ended)?,
    }
    Ok(code)
}

/// Whether the plans are to be applied.
enum Agreed {
    Yes,
    No,
    NobodyToAsk,
}

impl All<'_> {
    /// Does something for each, as many at a time as were asked for; what came of it, in the order that was given.
    fn side_by_side<T: Send, R: Send>(&self, each: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        self.ended.store(0, Ordering::SeqCst);
        let each: Vec<Mutex<Option<T>>> =
            each.into_iter().map(|one| Mutex::new(Some(one))).collect();
        let done: Vec<Mutex<Option<R>>> = each.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let worker = || {
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                let Some(one) = each.get(at).and_then(|one| locked(one).take()) else {
                    break;
                };
                let result = work(one);
                if let Some(done) = done.get(at) {
                    *locked(done) = Some(result);
                }
            }
        };
        let workers = usize::from(self.asked.several.parallel).min(each.len());
        thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(worker);
            }
            // This thread works too, so that there is always one.
            worker();
        });
        done.into_iter()
            .filter_map(|done| done.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// Opens an organization and plans for it.
    fn plan<'one>(&'one self, one: &'one One) -> Standing<'one> {
        let planned = self.open(one).map(|run| {
            let step = run.plan();
            (run, step)
        });
        let (run, step) = match planned {
            Ok((run, Ok(step))) => (run, step),
            Ok((run, Err(failure))) => {
                let ended = run.failed(&failure);
                self.show(one, &ended.outcome);
                return Standing::Ended(Box::new(ended));
            }
            Err(failure) => {
                let ended = Ended::failed(&failure);
                self.refused(one, &failure);
                self.show(one, &ended.outcome);
                return Standing::Ended(Box::new(ended));
            }
        };
        match step {
            Step::Ended(end) => {
                let ended = run.end(*end);
                self.show(one, &ended.outcome);
                Standing::Ended(Box::new(ended))
            }
            step => {
                if !self.asked.apply {
                    self.show(one, &planned_words(&step));
                }
                Standing::Planned(Box::new(run), step)
            }
        }
    }

    fn open<'one>(&'one self, one: &'one One) -> Result<Run<'one>, Failure> {
        let asked = args::Where {
            org: vec![one.file.display().to_string()],
            ..self.asked.place.clone()
        };
        let mut place = Place::open(&one.live, &asked, self.runtime)?;
        place.find_cloud(&one.live, self.runtime)?;
        place.organization.name.clone_from(&one.name);
        let half = HalfRun::of(&one.live, self.asked, &place)?;
        let report = match self.format {
            Format::Json => Report::Json(JsonReport::of_one(
                self.env.output.stream.clone(),
                &one.name,
            )),
            Format::Human => Report::Human(HumanReport::new(human::Options {
                output: one.env.output.stream.clone(),
                error: one.env.error.stream.clone(),
                paint: self.env.paint(&self.env.output),
                error_paint: one.env.paint(&one.env.error),
                explain: asked.explain,
                simulated: place.simulated,
            })),
        };
        let run = Run::new(
            &one.env,
            self.asked,
            self.work.clone(),
            place,
            report,
            self.runtime,
        )?;
        Ok(run
            .limited_to(half)
            .reading_secrets_by(one_at_a_time(&one.live, &self.reading))
            .heard_by(Waiting(one.live.error.stream.clone())))
    }

    /// Applies the plan of an organization.
    fn apply(&self, one: &One, run: &Run<'_>, step: Step) -> Ended {
        let ended = match run.go_on(step) {
            Ok(end) => run.end(end),
            Err(failure) => run.failed(&failure),
        };
        self.show(one, &ended.outcome);
        ended
    }

    fn apply_all<'one>(&'one self, ones: &'one [One], planned: Vec<Standing<'one>>) -> Vec<Ended> {
        let each = ones.iter().zip(planned).collect();
        self.side_by_side(each, |(one, standing)| match standing {
            Standing::Planned(run, step) => self.apply(one, &run, step),
            Standing::Ended(ended) => {
                self.ended.fetch_add(1, Ordering::SeqCst);
                *ended
            }
        })
    }

    /// Asks once for all plans, where there is something to ask.
    fn agreed(&self, planned: &[Standing<'_>]) -> Result<Agreed, Failure> {
        let pending: Vec<usize> = planned
            .iter()
            .filter_map(|standing| match standing {
                Standing::Planned(_, step) => Some(step.pending()),
                Standing::Ended(_) => None,
            })
            .filter(|pending| *pending > 0)
            .collect();
        if pending.is_empty() {
            return Ok(Agreed::Yes);
        }
        let question = format!(
            "apply {} to {}?",
            count(pending.iter().sum(), "change", "changes"),
            match pending.len() {
                number if number == self.number => count(number, "organization", "organizations"),
                number => format!("{number} of {} organizations", self.number),
            }
        );
        Ok(match self.env.ask(&question)? {
            Some(true) => Agreed::Yes,
            Some(false) => Agreed::No,
            None => Agreed::NobodyToAsk,
        })
    }

    /// Shows what an organization has written so far, after a line that says how far all are.
    fn show(&self, one: &One, outcome: &str) {
        let _showing = locked(&self.showing);
        let ended = self.ended.fetch_add(1, Ordering::SeqCst) + 1;
        let line = format!(
            "[{ended} of {}] {}: {outcome}",
            self.number,
            clean(&one.name)
        );
        for written in [self.env.error.stream.line(&line), one.block.show(self.env)] {
            if let Err(failure) = written {
                tracing::warn!(%failure, "an organization's report cannot be shown");
            }
        }
    }

    /// Says why an organization could not be opened.
    fn refused(&self, one: &One, failure: &Failure) {
        let said = match self.format {
            Format::Human => human::complain(
                &one.env.error.stream,
                failure,
                one.env.paint(&one.env.error),
            ),
            Format::Json => {
                let mut report = JsonReport::of_one(self.env.output.stream.clone(), &one.name);
                report.hear(&Event::Failed {
                    failure: failure.clone(),
                })
            }
        };
        if let Err(deaf) = said {
            tracing::warn!(%deaf, "a failure cannot be shown");
        }
    }

    fn complain(&self, failure: &Failure) -> Result<(), Failure> {
        let paint = self.env.paint(&self.env.error);
        human::complain(&self.env.error.stream, failure, paint)
    }

    /// Shows what each organization came to.
    fn table(&self, ones: &[One], ended: &[Ended]) -> Result<(), Failure> {
        let rows = ones.iter().zip(ended).map(|(one, ended)| {
            let (changes, checks) = ended.counts(self.asked.plan);
            vec![
                clean(&one.name),
                clean(&ended.outcome),
                changes,
                checks,
                clean(ended.resume.as_deref().unwrap_or_default()),
            ]
        });
        let mut rows: Vec<Vec<String>> = rows.collect();
        let mut header = vec!["organization", "outcome", "changes", "checks", "to go on"];
        // What nobody has anything to say about takes no room.
        for column in (2..header.len()).rev() {
            if rows.iter().all(|row| row[column].is_empty()) {
                header.remove(column);
                for row in &mut rows {
                    row.remove(column);
                }
            }
        }
        let output = &self.env.output;
        let width = self.env.paint(output).width;
        output.stream.line("")?;
        output.stream.line(&table::rows(&header, rows, width))?;
        let ok = ended.iter().filter(|ended| ended.code == ExitCode::DONE);
        let (ok, all) = (ok.count(), ended.len());
        output.stream.line("")?;
        output.stream.line(&match all - ok {
            0 => count(all, "organization", "organizations") + ", all as they should be",
            not => format!(
                "{}, {not} of them not as they should be",
                count(all, "organization", "organizations")
            ),
        })
    }
}

/// An organization whose plan was not agreed to.
fn not_applied(standing: Standing<'_>) -> Ended {
    match standing {
        Standing::Planned(run, step) => Ended::not_applied(ExitCode::FAILED, &run, &step),
        Standing::Ended(ended) => *ended,
    }
}

fn planned_words(step: &Step) -> String {
    match step.pending() {
        0 => "nothing is to be changed".to_owned(),
        number => count(number, "change planned", "changes planned"),
    }
}

/// What all organizations came to, for programs.
fn whole<'all>(ones: &'all [One], ended: &'all [Ended], code: ExitCode) -> Whole<'all> {
    Whole {
        exit: code.number(),
        meaning: code.meaning(),
        organizations: ones
            .iter()
            .zip(ended)
            .map(|(one, ended)| ended.ending(&one.name))
            .collect(),
    }
}

/// The worst of several endings: what the caller must look at first.
fn worst(codes: impl Iterator<Item = ExitCode>) -> ExitCode {
    const FROM_GOOD_TO_BAD: [ExitCode; 9] = [
        ExitCode::DONE,
        ExitCode::CHANGES,
        ExitCode::REFUTED,
        ExitCode::WRONG_INPUT,
        ExitCode::FAILED,
        ExitCode::CONFLICT,
        ExitCode::PARTLY_APPLIED,
        ExitCode::INTERRUPTED,
        ExitCode::TERMINATED,
    ];
    let badness = |code: &ExitCode| FROM_GOOD_TO_BAD.iter().position(|known| known == code);
    codes.max_by_key(badness).unwrap_or(ExitCode::DONE)
}

/// The names of files without folder and ending, or their paths where two would have the same name.
fn names(files: &[PathBuf]) -> Vec<String> {
    let stem = |file: &PathBuf| {
        file.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    files
        .iter()
        .map(|file| {
            let mine = stem(file);
            match files.iter().filter(|other| stem(other) == mine).count() {
                1 => mine.unwrap_or_default(),
                _ => file.display().to_string(),
            }
        })
        .collect()
}

fn one_at_a_time(live: &Env, reading: &Arc<Mutex<()>>) -> ReadSecret {
    let (read, reading) = (live.read_secret(), Arc::clone(reading));
    Arc::new(move |source| {
        let _reading = locked(&reading);
        read(source)
    })
}

impl One {
    fn new(env: &Env, name: String, file: PathBuf) -> Self {
        let block = Block::default();
        let own = Env {
            output: block.output(false),
            error: block.output(true),
            ..env.clone()
        };
        let live = Env {
            error: prefixed(&name, &env.error.stream),
            ..env.clone()
        };
        Self {
            name,
            file,
            block,
            env: own,
            live,
        }
    }
}

impl Ended {
    /// The counts of changes and of verdicts, in words.
    fn counts(&self, planned_only: bool) -> (String, String) {
        let Some(summary) = &self.summary else {
            return (String::new(), String::new());
        };
        let applied = !planned_only && self.outcome != "not applied";
        let mut changes = summary.changes.clone();
        changes.remove("same");
        let changed = match changes.is_empty() {
            true => String::new(),
            false => plan::counts(summary, applied),
        };
        (changed, human::verdict_counts(summary))
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_ending_is_the_one_to_look_at_first() {
        let worst = |codes: &[ExitCode]| worst(codes.iter().copied()).number();
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[ExitCode::DONE, ExitCode::CHANGES]), 3);
        assert_eq!(
            worst(&[
                ExitCode::FAILED,
                ExitCode::PARTLY_APPLIED,
                ExitCode::CONFLICT
            ]),
            5
        );
        assert_eq!(worst(&[ExitCode::WRONG_INPUT, ExitCode::FAILED]), 1);
    }

    #[test]
    fn files_of_the_same_name_are_told_apart_by_their_paths() {
        let files = ["a/contoso.toml", "b/contoso.toml", "b/fabrikam.toml"].map(PathBuf::from);
        assert_eq!(
            names(&files),
            ["a/contoso.toml", "b/contoso.toml", "fabrikam"]
        );
    }
}
