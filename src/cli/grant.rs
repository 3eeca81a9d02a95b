//! Which files a script may read and write: those that the user named in an input.
//!
//! A playbook may come from somebody else, so naming a file on the command line is what grants it.

use crate::cli::{Env, files};
use crate::failure::Failure;
use crate::script::HostOptions;
use crate::session::Mode;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The files that inputs name.
#[derive(Clone)]
pub(super) struct Granted {
    folder: PathBuf,
    named: BTreeSet<String>,
    /// Whether a plan met a file that applying would write.
    pending: Arc<AtomicBool>,
}

impl Granted {
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
        Err(Failure::input(format!(
            "the script may not touch {path}, which no input names"
        ))
        .with_hint("a file is granted to a script by naming it in one of its inputs"))
    }

    /// Reads one of them.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let file = self.find(path)?;
        fs::read(&file).map_err(|error| files::unreadable(file.display(), &error))
    }

    /// Writes a new file, or leaves one that holds the same already.
    pub(super) fn write(&self, mode: Mode, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.find(path)?;
        match fs::read(&file) {
            Ok(present) if present == bytes => return Ok(()),
            Ok(_) => return Err(files::exists(file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(files::unwritable(&file, &error)),
        }
        if mode == Mode::Plan {
            self.pending.store(true, Ordering::SeqCst);
            return Ok(());
        }
        files::create(&file, bytes)
    }
}
