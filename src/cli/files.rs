//! Which files a script may read and write: those that the user named in an input.
//!
//! A playbook may come from somebody else, so naming a file on the command line is what grants it.

use crate::cli::Env;
use crate::failure::{Failure, FailureKind};
use crate::script::HostOptions;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The options of a host that may read and write the files that inputs name.
pub(super) fn granted(env: &Env, inputs: &BTreeMap<String, Value>) -> HostOptions {
    let named: BTreeSet<String> = inputs
        .values()
        .filter_map(|value| value.as_text().map(str::to_owned))
        .collect();
    let reading = Files {
        folder: env.folder.clone(),
        named,
    };
    let writing = reading.clone();
    HostOptions {
        read_file: Some(Arc::new(move |path| reading.read(path))),
        write_file: Some(Arc::new(move |path, bytes| writing.write(path, bytes))),
        ..HostOptions::default()
    }
}

#[derive(Clone)]
struct Files {
    folder: PathBuf,
    named: BTreeSet<String>,
}

impl Files {
    fn find(&self, path: &str) -> Result<PathBuf, Failure> {
        if self.named.contains(path) {
            return Ok(self.folder.join(path));
        }
        Err(wrong(format!(
            "the script may not touch {path}, which no input names"
        ))
        .with_hint("a file is granted to a script by naming it in one of its inputs"))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let file = self.find(path)?;
        fs::read(&file).map_err(|error| {
            wrong(format!("{} cannot be read", file.display())).with_detail(error.to_string())
        })
    }

    /// Writes a new file, or leaves one that holds the same already.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let file = self.find(path)?;
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut file| file.write_all(bytes));
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => keep_if_same(&file, bytes),
            Err(error) => Err(wrong(format!("{} cannot be written", file.display()))
                .with_detail(error.to_string())),
        }
    }
}

fn keep_if_same(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    match fs::read(file) {
        Ok(present) if present == bytes => Ok(()),
        _ => {
            let message = format!("{} exists and is not overwritten", file.display());
            Err(wrong(message).with_hint("move it away, or name another file"))
        }
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Input, message)
}
