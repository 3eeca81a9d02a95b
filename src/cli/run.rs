//! `exoauth run`: plan, show, ask, apply.
//!
//! A playbook is run twice: once planning, then, after the user agrees, applying, held to the plan. [`Run`] is that for
//! one organization, [`several`] for many side by side.

mod end;
mod one;
mod report;
mod several;

use crate::cli::args::{self, Format};
use crate::cli::emit::Emit;
use crate::cli::half::HalfRun;
use crate::cli::journal::Past;
use crate::cli::place::Place;
use crate::cli::{Env, ExitCode, runtime, scripts};
use crate::failure::Failure;
use crate::session::lock::{Holder, Lock};
use crate::session::undo;
use crate::value::Value;
use one::{Run, Work};
use report::Report;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs a playbook.
pub(super) fn main(env: &Env, asked: &args::Run, format: Format) -> Result<ExitCode, Failure> {
    playbook(env, asked, format, None)
}

/// Runs a playbook, perhaps to go on with an earlier run.
pub(super) fn playbook(
    env: &Env,
    asked: &args::Run,
    format: Format,
    resumes: Option<&Past>,
) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let playbook = match scripts::playbook(env, &bundle, &asked.playbook) {
        Ok(playbook) => playbook,
        Err(stopped) => return Ok(scripts::refuse(env, &stopped, format)),
    };
    if let Some(past) = resumes {
        past.check_playbook(&playbook)?;
    }
    let work = Work::Playbook {
        bundle,
        playbook: Box::new(playbook),
        open: resumes.map(Past::open).transpose()?.unwrap_or_default(),
    };
    start(env, asked, format, work, resumes)
}

/// Takes a run back.
pub(super) fn take_back(
    env: &Env,
    asked: &args::Run,
    format: Format,
    past: &Past,
) -> Result<ExitCode, Failure> {
    let work = Work::Undo {
        run: past.name.clone(),
        writes: Arc::new(undo::writes(&past.recording)?),
    };
    start(env, asked, format, work, Some(past))
}

fn start(
    env: &Env,
    asked: &args::Run,
    format: Format,
    work: Work,
    past: Option<&Past>,
) -> Result<ExitCode, Failure> {
    let several = several::asked_for(env, asked)?;
    // What is wrong with these is so for every organization.
    inputs(&asked.place.input)?;
    let emit = Emit::of(env, asked)?;
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    if let Some(files) = several {
        return several::main(env, asked, format, &work, files, runtime.handle());
    }
    let mut place = Place::open(env, &asked.place, runtime.handle())?;
    place.find_cloud(env, runtime.handle())?;
    if let Some(past) = past {
        past.check(&place)?;
    }
    let half = HalfRun::of(env, asked, &place)?;
    let report = Report::start(env, &place, asked.place.explain, format)?;
    let mut run = Run::new(env, asked, work, place, report, runtime.handle())?;
    run.past = past.map(|past| past.name.clone());
    run.emit = emit;
    let run = run.limited_to(half);
    let ended = run.plan_and_apply();
    drop(run);
    match ended.unreported {
        Some(failure) => Err(failure),
        None => Ok(ended.code),
    }
}

/// Keeps other runs on this machine from writing to the same organization; the lab of this process is nobody else's.
pub(super) fn lock(env: &Env, place: &Place, run: &str) -> Result<Option<Lock>, Failure> {
    if place.is_own_lab() {
        return Ok(None);
    }
    let folder = env.folders()?.state.join("locks");
    let holder = Holder {
        run: run.to_owned(),
        process: std::process::id(),
        since: env.clock.now().to_string(),
    };
    Lock::take(&folder, &place.organization, &holder).map(Some)
}

/// Reads `name=value` words; whether the playbook has such inputs is the host's to say.
pub(super) fn inputs(words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut inputs = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Failure::input(format!("the input \"{word}\" has no value"))
                .with_hint(format!("write --input {word}=VALUE")));
        };
        let name = name.trim().to_owned();
        if inputs.insert(name.clone(), Value::from(value)).is_some() {
            let message = format!("the input \"{name}\" is given twice");
            return Err(Failure::input(message));
        }
    }
    Ok(inputs)
}

/// A name for a run that sorts by time and is never used twice.
pub(super) fn run_name(env: &Env) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let now = env.clock.now();
    let time = now.strftime("%Y%m%d-%H%M%S");
    // Two runs of one second sort by the rest of it.
    let thousandths = now.subsec_millisecond();
    format!("{time}-{thousandths:03x}{}", &unique[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_a_name_and_a_value() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let given = inputs(&words(&["a=b=c", "d="])).map_err(|failure| failure.message);
        let expected =
            [("a", "b=c"), ("d", "")].map(|(name, value)| (name.to_owned(), value.into()));
        assert_eq!(given, Ok(BTreeMap::from(expected)));
        assert!(inputs(&words(&["a"])).is_err());
        assert!(inputs(&words(&["a=1", "a=2"])).is_err());
    }
}
