//! `exoauth journal`: the records of earlier runs, in a simple form.

use crate::cli::args::Format;
use crate::cli::place::Place;
use crate::cli::{Env, ExitCode, args};
use crate::failure::{Failure, FailureKind};
use crate::report::{clean, table};
use crate::script::bundle;
use crate::session::journal::{self, Header, Journal, Recording};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the journals.
pub(super) fn folder(env: &Env) -> Result<PathBuf, Failure> {
    Ok(env.folders()?.state.join("runs"))
}

/// Starts the journal of a run that is about to write. Of the lab of this process nothing is left to resume, so there it
/// may be missing.
pub(super) fn start(
    env: &Env,
    place: &Place,
    run: &str,
    playbook: &str,
    text: &str,
) -> Result<Option<Journal>, Failure> {
    let who = ["USER", "LOGNAME", "USERNAME"];
    let who = who.iter().find_map(|name| env.variables.get(*name));
    let header = Header {
        run: run.to_owned(),
        who: who.cloned().unwrap_or_else(|| "unknown".to_owned()),
        organization: place.organization.name.clone(),
        playbook: playbook.to_owned(),
        playbook_hash: bundle::hash(text),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let made = folder(env).and_then(|folder| Journal::create(&folder, &header, env.clock.clone()));
    match made {
        Ok(journal) => Ok(Some(journal)),
        Err(failure) if place.is_own_lab() => {
            let line = format!("no journal is kept: {failure}");
            env.error.stream.line(&clean(&line))?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Lists the runs, or shows one.
pub(super) fn main(env: &Env, asked: &args::Journal, format: Format) -> Result<ExitCode, Failure> {
    let folder = folder(env)?;
    let runs = runs(&folder);
    match &asked.run {
        None => list(env, &folder, &runs, format)?,
        Some(start) => show(env, &folder, find(&runs, start, &folder)?, format)?,
    }
    Ok(ExitCode::DONE)
}

fn runs(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut runs: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".jsonl").map(str::to_owned)
        })
        .collect();
    runs.sort();
    runs
}

fn find<'a>(runs: &'a [String], start: &str, folder: &Path) -> Result<&'a str, Failure> {
    let fitting: Vec<&String> = runs.iter().filter(|run| run.starts_with(start)).collect();
    match fitting.as_slice() {
        [only] => Ok(only),
        [] => Err(wrong(format!(
            "no run in {} starts with \"{start}\"",
            folder.display()
        ))
        .with_hint("exoauth journal lists them")),
        several => Err(
            wrong(format!("{} runs start with \"{start}\"", several.len())).with_hint(format!(
                "they are: {}",
                several
                    .iter()
                    .map(|run| run.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        ),
    }
}

fn list(env: &Env, folder: &Path, runs: &[String], format: Format) -> Result<(), Failure> {
    let output = &env.output;
    if format == Format::Json {
        let heads: Result<Vec<Json>, Failure> = runs.iter().map(|run| head(folder, run)).collect();
        return output.stream.line(&format!("{:#}", Json::Array(heads?)));
    }
    if runs.is_empty() {
        return output.stream.line(&format!(
            "no run was recorded: there is no journal in {}",
            folder.display()
        ));
    }
    let mut rows = Vec::new();
    for run in runs {
        let head = head(folder, run)?;
        let cell = |key: &str| clean(head.get(key).and_then(Json::as_str).unwrap_or("unknown"));
        rows.push(vec![
            run.clone(),
            cell("organization"),
            cell("playbook"),
            cell("who"),
        ]);
    }
    let header = ["run", "organization", "playbook", "who"];
    output
        .stream
        .line(&table::rows(&header, rows, env.paint(output).width))
}

/// The first record of a journal, which says what the run was; nothing where it is damaged.
fn head(folder: &Path, run: &str) -> Result<Json, Failure> {
    Ok(read(folder, run)?
        .records
        .into_iter()
        .next()
        .unwrap_or_default())
}

fn read(folder: &Path, run: &str) -> Result<Recording, Failure> {
    let path = folder.join(format!("{run}.jsonl"));
    journal::read(&path).map_err(|error| {
        wrong(format!("the journal {} cannot be read", path.display()))
            .with_detail(error.to_string())
    })
}

fn show(env: &Env, folder: &Path, run: &str, format: Format) -> Result<(), Failure> {
    let recording = read(folder, run)?;
    let output = &env.output.stream;
    for record in &recording.records {
        match format {
            Format::Json => output.line(&record.to_string())?,
            Format::Human => output.line(&line(record))?,
        }
    }
    match recording.damaged_at {
        Some(at) => env
            .error
            .stream
            .line(&format!("the journal is damaged at line {at}")),
        None => Ok(()),
    }
}

/// A record as a person reads it: when, what, about what.
fn line(record: &Json) -> String {
    let text = |pointer: &str| record.pointer(pointer).and_then(Json::as_str);
    let about = [
        "/change/call",
        "/failure/message",
        "/title",
        "/text",
        "/call",
        "/playbook",
        "/outcome",
    ];
    let about = about
        .iter()
        .find_map(|pointer| text(pointer))
        .unwrap_or_default();
    let (at, kind) = (
        text("/at").unwrap_or("unknown"),
        text("/type").unwrap_or("unknown"),
    );
    clean(&format!("{at}  {kind:15} {about}"))
        .trim_end()
        .to_owned()
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Input, message)
}
