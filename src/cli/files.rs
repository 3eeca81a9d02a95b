//! Which files a script may read and write: those that the user named in an input.
//!
//! A playbook may come from somebody else, so naming a file on the command line is what grants it.

use crate::cli::Env;
use crate::failure::{Failure, FailureKind};
use crate::script::HostOptions;
use crate::session::Mode;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The files that inputs name.
#[derive(Clone)]
pub(super) struct Files {
    folder: PathBuf,
    named: BTreeSet<String>,
    /// Whether a plan met a file that applying would write.
    pending: Arc<AtomicBool>,
}

impl Files {
    /// Takes every text of an input for the name of a file.
    pub(super) fn named_by(env: &Env, inputs: &BTreeMap<String, Value>) -> Self {
        let texts = inputs.values().filter_map(Value::as_text);
        Self {
            folder: env.folder.clone(),
            named: texts.map(str::to_owned).collect(),
            pending: Arc::default(),
        }
    }

    /// Whether a plan met a file that applying would write.
    pub(super) fn pending(&self) -> bool {
        self.pending.load(Ordering::SeqCst)
    }

    /// The options of a host that may read and write these files.
    pub(super) fn grant(&self) -> HostOptions {
        let (reading, writing) = (self.clone(), self.clone());
        HostOptions {
            read_file: Some(Arc::new(move |path| reading.read(path))),
            write_file: Some(Arc::new(move |mode, path, bytes| {
                writing.write(mode, path, bytes)
            })),
            ..HostOptions::default()
        }
    }

    fn find(&self, path: &str) -> Result<PathBuf, Failure> {
        if self.named.contains(path) {
            return Ok(self.folder.join(path));
        }
        Err(wrong(format!(
            "the script may not touch {path}, which no input names"
        ))
        .with_hint("a file is granted to a script by naming it in one of its inputs"))
    }

    /// Reads one of them.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let file = self.find(path)?;
        fs::read(&file).map_err(|error| {
            wrong(format!("{} cannot be read", file.display())).with_detail(error.to_string())
        })
    }

    /// Writes a new file, or leaves one that holds the same already.
    pub(super) fn write(&self, mode: Mode, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.find(path)?;
        match fs::read(&file) {
            Ok(present) if present == bytes => return Ok(()),
            Ok(_) => {
                let message = format!("{} exists and is not overwritten", file.display());
                return Err(wrong(message).with_hint("move it away, or name another file"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(not_written(&file, &error)),
        }
        if mode == Mode::Plan {
            self.pending.store(true, Ordering::SeqCst);
            return Ok(());
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut new| new.write_all(bytes))
            .map_err(|error| not_written(&file, &error))
    }
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    wrong(format!("{} cannot be written", file.display())).with_detail(error.to_string())
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Input, message)
}

/// Writes a file that only the user can read.
#[cfg(unix)]
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // A file that was there keeps its mode otherwise.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// Writes a file that only the user can read.
#[cfg(not(unix))]
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // The user's own folders are private by the system's defaults.
    fs::write(path, text)
}
