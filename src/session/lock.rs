//! [`Lock`]: one run at a time writes to an organization from this machine.
//!
//! The system holds the lock and gives it up when the process ends, however it ends. Who holds it is written beside it,
//! for whoever is refused.

use crate::failure::{Failure, FailureKind};
use crate::organization::Organization;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of the run.
    pub run: String,
    /// The number of the process.
    pub process: u32,
    /// Since when, as RFC 3339.
    pub since: String,
}

/// The lock of an organization, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    holder: PathBuf,
    // Given up when it is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock of an organization, or says who has it.
    ///
    /// # Errors
    ///
    /// `Conflict` when another run holds it; `Internal` when the folder cannot be written.
    pub fn take(
        folder: &Path,
        organization: &Organization,
        holder: &Holder,
    ) -> Result<Self, Failure> {
        let name = name(organization);
        let (path, beside) = (
            folder.join(format!("{name}.lock")),
            folder.join(format!("{name}.json")),
        );
        let broken = |error: io::Error| {
            Failure::new(
                FailureKind::Internal,
                format!("the lock {} cannot be written", path.display()),
            )
            .with_detail(error.to_string())
            .caused_by(error)
        };
        fs::create_dir_all(folder).map_err(broken)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(organization, &beside)),
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
        let text = serde_json::to_string(holder).unwrap_or_default();
        fs::write(&beside, text).map_err(broken)?;
        Ok(Self {
            holder: beside,
            _file: file,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.holder) {
            tracing::debug!(%error, "who held the lock stays written");
        }
    }
}

fn taken(organization: &Organization, beside: &Path) -> Failure {
    let holder: Option<Holder> = fs::read_to_string(beside)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    let who = holder.map_or_else(
        || "another run".to_owned(),
        |Holder {
             run,
             process,
             since,
         }| format!("the run {run} (process {process}, since {since})"),
    );
    Failure::new(
        FailureKind::Conflict,
        format!("{who} is writing to {}", organization.name),
    )
    .with_hint("nothing was written; wait until it has ended, then run this again")
}

/// A file name for an organization, by what it is and not by what its file is called.
fn name(organization: &Organization) -> String {
    let exchange = organization.exchange.as_ref();
    let url = exchange.map_or("", |exchange| exchange.url.as_str());
    let words = format!("{} {url}", organization.tenant).to_lowercase();
    let letters = words.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' | '.' | '-' => letter,
        _ => '_',
    });
    letters.take(120).collect()
}
