//! [`Journal`]: the events of a run as JSON lines, written so that they survive the program, and read back.
//!
//! One file per run, readable by the user alone. A write's intent is on the disk before the request is sent, and its
//! outcome before the next one is; see [`Listener`](super::event::Listener).

use super::event::{Event, Listener};
use super::plan::Change;
use crate::clock::Clock;
use crate::failure::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a run's events to a file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    clock: Clock,
}

/// What the first line of a journal says about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The name of the run.
    pub run: String,
    /// The user, as the system names them.
    pub who: String,
    /// The organization by name.
    pub organization: String,
    /// Its tenant.
    pub tenant: String,
    /// Its file; absent for one that ends with the run.
    pub organization_file: Option<String>,
    /// The cloud that was asked for, where one was.
    pub cloud: Option<String>,
    /// The playbook.
    pub playbook: String,
    /// The playbook as it was asked for: a name or a path; absent where none was.
    pub asked: Option<String>,
    /// The inputs that were given, as `name=value`; without those whose name says that they are secret.
    pub inputs: Vec<String>,
    /// The steps that were asked for; all when empty.
    pub only: Vec<String>,
    /// The file between the two halves of the playbook.
    pub hand_over: Option<String>,
    /// The step that it started at.
    pub start_at: Option<String>,
    /// The run that it goes on with.
    pub resumes: Option<String>,
    /// The run that it takes back.
    pub undoes: Option<String>,
    /// The SHA-256 of the playbook's text, in hex.
    pub playbook_hash: String,
    /// The version of this program.
    pub version: String,
}

impl Journal {
    /// Makes `<folder>/<run>.jsonl`, and the folder where it is missing.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or exists.
    pub fn create(folder: &Path, header: &Header, clock: Clock) -> Result<Self, Failure> {
        let path = folder.join(format!("{}.jsonl", header.run));
        let file = make_private(folder, &path).map_err(|error| cannot_write(&path, error))?;
        let mut journal = Self { path, file, clock };
        journal.write("run", header)?;
        Ok(journal)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, kind: &str, record: impl Serialize) -> Result<(), Failure> {
        let failed = |path: &Path, error| cannot_write(path, error);
        let record =
            serde_json::to_value(record).map_err(|error| failed(&self.path, error.into()))?;
        let mut line = json!({ "at": self.clock.now().to_string(), "type": kind });
        if let (Json::Object(line), Json::Object(record)) = (&mut line, record) {
            line.extend(record);
        }
        // One write call a line, so that a line is either there or cut, never mixed with another.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed(&self.path, error))
    }
}

impl Listener for Journal {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            // What is only read or planned leaves nothing to resume or to take back.
            Event::Reading { .. }
            | Event::Planned { .. }
            | Event::Progress { .. }
            | Event::Waiting { .. } => Ok(()),
            event => {
                let mut record = serde_json::to_value(event)
                    .map_err(|error| cannot_write(&self.path, error.into()))?;
                if let Event::Writing { change } = event {
                    add_what_undoing_needs(&mut record, change)
                        .map_err(|error| cannot_write(&self.path, error.into()))?;
                }
                without_secrets(&mut record);
                let kind = record
                    .get("type")
                    .and_then(Json::as_str)
                    .unwrap_or("event")
                    .to_owned();
                self.write(&kind, record)
            }
        }
    }
}

/// The request, how its object is read, and the whole object as it was.
fn add_what_undoing_needs(record: &mut Json, change: &Change) -> serde_json::Result<()> {
    record["request"] = serde_json::to_value(&change.request)?;
    record["observe"] = serde_json::to_value(&change.observe)?;
    record["present"] = serde_json::to_value(&change.present)?;
    Ok(())
}

/// Takes away what services show of their own secrets, and what is sent as one.
pub(super) fn without_secrets(record: &mut Json) {
    match record {
        Json::Object(object) => {
            object.retain(|name, _| !is_secret(name));
            object.values_mut().for_each(without_secrets);
        }
        Json::Array(list) => list.iter_mut().for_each(without_secrets),
        _ => {}
    }
}

/// Whether a name says that its value is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    name == "serializationdata"
        || ["password", "secret", "accesstoken", "passphrase"]
            .iter()
            .any(|word| name.ends_with(word))
}

/// A journal as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its lines, as far as they could be read.
    pub records: Vec<Json>,
    /// The first line that could not be read, from 1; the ones after it were not looked at.
    pub damaged_at: Option<usize>,
}

impl Recording {
    /// What its first line says about the run; absent where that is damaged.
    pub fn header(&self) -> Option<Header> {
        let first = self.records.first()?;
        let header: Header = serde_json::from_value(first.clone()).ok()?;
        (!header.run.is_empty()).then_some(header)
    }

    /// Whether the run came to its end without a failure.
    pub fn is_complete(&self) -> bool {
        self.ending() == "done"
    }

    /// How the run ended, in a word or two: `done`, `failed`, `cut off`, `damaged` or `no run`.
    pub fn ending(&self) -> &'static str {
        let has = |kind: &str| self.records.iter().any(|record| record["type"] == kind);
        match self.damaged_at {
            Some(_) => "damaged",
            None if !self.records.is_empty() && self.header().is_none() => "no run",
            None if !has("run_finished") => "cut off",
            None if has("failed") => "failed",
            None => "done",
        }
    }
}

/// Reads a journal as far as it goes.
///
/// # Errors
///
/// When the file cannot be opened or read.
pub fn read(path: &Path) -> io::Result<Recording> {
    let text = fs::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let mut records = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(_) => {
                return Ok(Recording {
                    records,
                    damaged_at: Some(at + 1),
                });
            }
        }
    }
    Ok(Recording {
        records,
        damaged_at: None,
    })
}

#[cfg(unix)]
fn make_private(folder: &Path, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn make_private(folder: &Path, path: &Path) -> io::Result<File> {
    // The user's own state folder is private by the system's defaults.
    fs::create_dir_all(folder)?;
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn cannot_write(path: &Path, error: io::Error) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("the journal {} cannot be written", path.display()),
    )
    .with_detail(error.to_string())
    .with_hint("nothing is sent that could not be recorded; free space or set another state folder")
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::Level;

    fn journal(folder: &str) -> (PathBuf, Journal) {
        let folder =
            std::env::temp_dir().join(format!("exoauth-{folder}-{}", uuid::Uuid::new_v4()));
        let header = Header {
            run: "run-1".to_owned(),
            who: "admin".to_owned(),
            organization: "contoso".to_owned(),
            playbook: "configure".to_owned(),
            ..Header::default()
        };
        let clock = Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap());
        let journal = Journal::create(&folder, &header, clock).unwrap();
        (folder, journal)
    }

    fn said(text: &str) -> Event {
        Event::Said {
            level: Level::Info,
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_was_written_is_read_back_line_by_line() {
        let (folder, mut journal) = journal("whole");
        journal.hear(&said("first")).unwrap();
        let recording = read(journal.path()).unwrap();
        let at = "2026-11-23T09:00:00Z";
        assert_eq!(recording.damaged_at, None);
        assert_eq!(recording.records[0]["who"], "admin");
        assert_eq!(
            recording.records[1],
            json!({ "at": at, "type": "said", "level": "info", "text": "first" })
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn secrets_of_a_service_are_not_recorded() {
        let mut record = json!({
            "present": { "Name": "a", "SerializationData": "x", "CurrentEncryptedAppSecret": "x" },
            "list": [{ "Password": "x", "passwordCredentials": [] }],
        });
        without_secrets(&mut record);
        assert_eq!(
            record,
            json!({ "present": { "Name": "a" }, "list": [{ "passwordCredentials": [] }] })
        );
    }

    #[test]
    fn a_cut_line_ends_the_reading_and_is_named() {
        let (folder, mut journal) = journal("cut");
        journal.hear(&said("first")).unwrap();
        journal.hear(&said("second")).unwrap();
        let whole = fs::read(journal.path()).unwrap();
        fs::write(journal.path(), &whole[..whole.len() - 5]).unwrap();
        let recording = read(journal.path()).unwrap();
        assert_eq!(
            (recording.records.len(), recording.damaged_at),
            (2, Some(3))
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn only_the_user_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, journal) = journal("private");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(journal.path())), (0o700, 0o600));
        fs::remove_dir_all(folder).unwrap();
    }
}
