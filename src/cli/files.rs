//! Files that the user named or owns, read and written with the same words for what goes wrong.

use crate::failure::Failure;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Reads a text.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| unreadable(path.display(), &error))
}

/// Reads a text; `None` where there is no such file.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path.display(), &error)),
    }
}

/// Writes a file, in the place of one that is there, and makes its folder where that is missing.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    make_folder_of(path)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| unwritable(path, &error))
}

/// Writes a new file; one that is there is not overwritten.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path.display()),
        _ => unwritable(path, &error),
    })
}

/// Replaces a file that only the user can read, as a whole, so that one that is cut short is never read.
pub(super) fn replace_private(path: &Path, text: &str) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    make_folder_of(path)
        .and_then(|()| write_private(&new, text))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| unwritable(path, &error))
}

/// Makes the folder of a file where it is missing.
pub(super) fn make_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
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

/// The names of the files in a folder that have an ending, without it and in their order; none where there is no folder.
pub(super) fn names(folder: &Path, ending: &str) -> Result<Vec<String>, Failure> {
    let unreadable = |error: io::Error| unreadable(folder.display(), &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy();
        names.extend(name.strip_suffix(ending).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The failure of reading something.
pub(super) fn unreadable(what: impl Display, error: &io::Error) -> Failure {
    Failure::input(format!("{what} cannot be read")).with_detail(error.to_string())
}

/// The failure of writing a file.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("{} cannot be written", path.display())).with_detail(error.to_string())
}

/// The failure of writing a file that is there already.
pub(super) fn exists(file: impl Display) -> Failure {
    Failure::input(format!("{file} exists and is not overwritten"))
        .with_hint("move it away, or name another file")
}
