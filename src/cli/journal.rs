//! `exoauth journal`: the records of earlier runs, in a simple form.

use crate::cli::args::Format;
use crate::cli::place::Place;
use crate::cli::{Env, ExitCode, args, files};
use crate::failure::Failure;
use crate::report::{clean, table};
use crate::script::{Playbook, bundle};
use crate::session::journal::{self, Header, Journal, Recording};
use crate::session::undo::{self, Write};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// The folder of the journals.
pub(super) fn folder(env: &Env) -> Result<PathBuf, Failure> {
    Ok(env.folders()?.state.join("runs"))
}

/// What a journal says of a run besides where and who.
#[derive(Default)]
pub(super) struct About<'run> {
    /// The name of the run.
    pub(super) run: &'run str,
    /// What it runs.
    pub(super) playbook: &'run str,
    /// The text of that.
    pub(super) text: &'run str,
    /// As it was asked for.
    pub(super) asked: Option<&'run args::Run>,
    /// The run that it goes on with.
    pub(super) resumes: Option<&'run str>,
    /// The run that it takes back.
    pub(super) undoes: Option<&'run str>,
}

/// Starts the journal of a run that is about to write. Of the lab of this process nothing is left to resume, so there it
/// may be missing.
pub(super) fn start(
    env: &Env,
    place: &Place,
    about: &About<'_>,
) -> Result<Option<Journal>, Failure> {
    let header = header(env, place, about);
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

fn header(env: &Env, place: &Place, about: &About<'_>) -> Header {
    let who = ["USER", "LOGNAME", "USERNAME"];
    let who = who.iter().find_map(|name| env.variables.get(*name));
    let asked = about.asked;
    let is_secret = |word: &&String| {
        word.split_once('=')
            .is_some_and(|(name, _)| journal::is_secret(name.trim()))
    };
    let inputs = asked.map_or(&[][..], |asked| &asked.place.input);
    Header {
        run: about.run.to_owned(),
        who: who.cloned().unwrap_or_else(|| "unknown".to_owned()),
        organization: place.organization.name.clone(),
        tenant: place.organization.tenant.clone(),
        organization_file: place.file.as_ref().map(|file| file.display().to_string()),
        cloud: asked.and_then(|asked| asked.place.cloud.clone()),
        playbook: about.playbook.to_owned(),
        asked: asked.map(|asked| match asked.playbook.contains(['/', '\\']) {
            true => env.path(&asked.playbook).display().to_string(),
            false => asked.playbook.clone(),
        }),
        inputs: inputs
            .iter()
            .filter(|word| !is_secret(word))
            .cloned()
            .collect(),
        only: asked.map_or_else(Vec::new, |asked| asked.only.clone()),
        hand_over: asked.and_then(|asked| {
            let file = env.path(asked.hand_over.as_ref()?);
            Some(file.display().to_string())
        }),
        start_at: asked.and_then(|asked| asked.start_at.clone()),
        resumes: about.resumes.map(str::to_owned),
        undoes: about.undoes.map(str::to_owned),
        playbook_hash: bundle::hash(about.text),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// A run that was recorded.
pub(super) struct Past {
    /// Its name.
    pub(super) name: String,
    /// What it was.
    pub(super) header: Header,
    /// Its records.
    pub(super) recording: Recording,
}

impl Past {
    /// The recorded run whose name starts so.
    pub(super) fn find(env: &Env, start: &str) -> Result<Self, Failure> {
        let folder = folder(env)?;
        Self::read(&folder, find(&runs(&folder)?, start, &folder)?)
    }

    /// The last run that did not come to its end; runs that take others back are not meant.
    pub(super) fn last_incomplete(env: &Env) -> Result<Self, Failure> {
        let folder = folder(env)?;
        let runs = runs(&folder)?;
        if runs.is_empty() {
            return Err(Failure::input(none(&folder))
                .with_hint("exoauth run keeps a journal of what it changes"));
        }
        for run in runs.iter().rev() {
            match Self::read(&folder, run) {
                Ok(past) if past.header.undoes.is_none() && past.header.asked.is_some() => {
                    if past.recording.is_complete() {
                        break;
                    }
                    return Ok(past);
                }
                _ => {}
            }
        }
        Err(Failure::input(format!(
            "the last run in {} came to its end: there is nothing to resume",
            folder.display()
        ))
        .with_hint("name a run to run its playbook again; exoauth journal lists them"))
    }

    fn read(folder: &Path, run: &str) -> Result<Self, Failure> {
        let recording = read(folder, run)?;
        let header = recording.header().ok_or_else(|| {
            Failure::input(format!("the journal of {run} is damaged in its first line"))
                .with_hint("what it was about cannot be known; exoauth journal shows the rest")
        })?;
        Ok(Self {
            name: run.to_owned(),
            header,
            recording,
        })
    }

    /// Its writes whose outcome is not recorded.
    pub(super) fn open(&self) -> Result<Vec<Write>, Failure> {
        let writes = undo::writes(&self.recording)?.into_iter();
        Ok(writes.filter(|write| write.done.is_none()).collect())
    }

    /// Says where the journal ends too early, for whoever is about to rely on it.
    pub(super) fn warn_of_damage(&self, env: &Env) -> Result<(), Failure> {
        match self.recording.damaged_at {
            None => Ok(()),
            Some(at) => env.error.stream.line(&format!(
                "warning: the journal of {} is damaged at line {at}; what came after it is not known",
                self.name
            )),
        }
    }

    /// Refuses a playbook that is no longer the one that was run.
    pub(super) fn check_playbook(&self, playbook: &Playbook) -> Result<(), Failure> {
        if bundle::hash(&playbook.source) == self.header.playbook_hash {
            return Ok(());
        }
        Err(Failure::input(format!(
            "the playbook {} has changed since the run {}",
            playbook.name, self.name
        ))
        .with_hint(format!(
            "run it as it is now: exoauth run {}",
            playbook.name
        )))
    }

    /// The organization that it was about.
    pub(super) fn place(&self) -> Result<String, Failure> {
        self.header.organization_file.clone().ok_or_else(|| {
            Failure::input(format!(
                "the run {} was on the lab inside the program, which ended with it",
                self.name
            ))
            .with_hint("serve a lab with `exoauth lab` to have one that outlives a run")
        })
    }

    /// Refuses another organization than the one that it was about.
    pub(super) fn check(&self, place: &Place) -> Result<(), Failure> {
        if place.organization.tenant == self.header.tenant {
            return Ok(());
        }
        Err(Failure::input(format!(
            "the organization file names the tenant {} now, and the run {} was about {}",
            place.organization.tenant, self.name, self.header.tenant
        )))
    }
}

/// Lists the runs, or shows one.
pub(super) fn main(env: &Env, asked: &args::Journal, format: Format) -> Result<ExitCode, Failure> {
    let folder = folder(env)?;
    let runs = runs(&folder)?;
    match &asked.run {
        None => list(env, &folder, &runs, format)?,
        Some(start) => show(env, &folder, find(&runs, start, &folder)?, format)?,
    }
    Ok(ExitCode::DONE)
}

/// The names of the runs in a folder, the oldest first.
fn runs(folder: &Path) -> Result<Vec<String>, Failure> {
    files::names(folder, ".jsonl")
}

fn find<'a>(runs: &'a [String], start: &str, folder: &Path) -> Result<&'a str, Failure> {
    let fitting: Vec<&String> = runs.iter().filter(|run| run.starts_with(start)).collect();
    match fitting.as_slice() {
        [only] => Ok(only),
        [] => Err(Failure::input(format!(
            "no run in {} starts with \"{start}\"",
            folder.display()
        ))
        .with_hint("exoauth journal lists them")),
        several => Err(
            Failure::input(format!("{} runs start with \"{start}\"", several.len())).with_hint(
                format!(
                    "they are: {}",
                    several
                        .iter()
                        .map(|run| run.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            ),
        ),
    }
}

fn none(folder: &Path) -> String {
    format!(
        "no run was recorded: there is no journal in {}",
        folder.display()
    )
}

fn list(env: &Env, folder: &Path, runs: &[String], format: Format) -> Result<(), Failure> {
    let output = &env.output;
    if format == Format::Json {
        let heads = runs.iter().map(|run| head(folder, run)).collect();
        return output.stream.line(&format!("{:#}", Json::Array(heads)));
    }
    if runs.is_empty() {
        return output.stream.line(&none(folder));
    }
    let mut rows = Vec::new();
    for run in runs {
        let Ok(recording) = read(folder, run) else {
            let mut row = vec![clean(run)];
            row.extend(["unknown"; 3].map(str::to_owned));
            row.push("cannot be read".to_owned());
            rows.push(row);
            continue;
        };
        let head = recording.records.first();
        let cell = |key: &str| {
            let text = head.and_then(|head| head.get(key)?.as_str());
            clean(text.unwrap_or("unknown"))
        };
        rows.push(vec![
            clean(run),
            cell("organization"),
            cell("playbook"),
            cell("who"),
            recording.ending().to_owned(),
        ]);
    }
    let header = ["run", "organization", "playbook", "who", "ending"];
    output
        .stream
        .line(&table::rows(&header, rows, env.paint(output).width))
}

/// The first record of a journal, which says what the run was, and how it ended; only the name where there is none.
fn head(folder: &Path, run: &str) -> Json {
    let (mut head, ending) = match read(folder, run) {
        Ok(recording) => {
            let head = recording.header().and(recording.records.first().cloned());
            (head.unwrap_or_default(), recording.ending())
        }
        Err(_) => (Json::Null, "cannot be read"),
    };
    if !head.is_object() {
        head = serde_json::json!({ "run": run });
    }
    head["ending"] = ending.into();
    head
}

fn read(folder: &Path, run: &str) -> Result<Recording, Failure> {
    let path = folder.join(format!("{run}.jsonl"));
    journal::read(&path)
        .map_err(|error| files::unreadable(format_args!("the journal {}", path.display()), &error))
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
    let say = |line: &str| env.error.stream.line(line);
    if recording.header().is_none() {
        say(
            "what this run was is not known: its first line is missing, or this is no journal of a run",
        )?;
    }
    match recording.damaged_at {
        Some(at) => say(&format!(
            "the journal is damaged at line {at}; what may come after it was not read"
        )),
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
