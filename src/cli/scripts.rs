//! Where playbooks come from: the bundle with the user's folder in front, or a file by its path.

use crate::cli::args::Format;
use crate::cli::{Env, ExitCode, files};
use crate::failure::Failure;
use crate::report::human;
use crate::script::{Bundle, Playbook, ScriptFailure, throw};
use crate::words::did_you_mean;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The shipped scripts, with the user's own in front where there is a folder of them.
pub(super) fn bundle(env: &Env) -> Bundle {
    let Some(folders) = &env.folders else {
        return Bundle::embedded();
    };
    let (reading, listing) = (folders.data.clone(), folders.data.clone());
    Bundle::embedded().with_folder(
        Arc::new(move |path| read(&reading, path)),
        Arc::new(move || list(&listing)),
    )
}

/// Finds a playbook: a path is what looks like one, anything else is a name.
pub(super) fn playbook(env: &Env, bundle: &Bundle, asked: &str) -> Result<Playbook, ScriptFailure> {
    if !is_path(asked) {
        return bundle.playbook(asked);
    }
    let path = env.path(asked);
    let text = fs::read_to_string(&path).map_err(|error| {
        files::unreadable(format_args!("the playbook {}", path.display()), &error)
    })?;
    Playbook::read(asked, &text)?.with_included(bundle)
}

/// Whether what was asked for is a path, and not the name of a playbook.
pub(super) fn is_path(asked: &str) -> bool {
    asked.contains(['/', '\\']) || asked.ends_with(".rhai")
}

/// Finds the path of a playbook or library file by its name, such as `07-connector-online` or `stdlib/connectors`.
pub(super) fn path(bundle: &Bundle, name: &str) -> Result<String, Failure> {
    let wanted = name.strip_suffix(".rhai").unwrap_or(name);
    let playbooks = bundle.playbooks()?.into_iter();
    let mut paths: Vec<String> = playbooks
        .map(|listed| format!("scripts/{}", listed.name))
        .collect();
    paths.extend(bundle.modules()?);
    let is_it = |path: &&String| {
        path.as_str() == wanted || path.split_once('/').is_some_and(|(_, name)| name == wanted)
    };
    // Playbooks come first: of two files with one name, that is the one which is run.
    if let Some(path) = paths.iter().find(is_it) {
        return Ok(format!("{path}.rhai"));
    }
    let names = paths
        .iter()
        .map(|path| path.strip_prefix("scripts/").unwrap_or(path));
    let all = || {
        "exoauth list names the playbooks; library files are such as stdlib/connectors".to_owned()
    };
    let message = format!("there is no playbook and no library file \"{name}\"");
    Err(Failure::input(message).with_hint(did_you_mean(wanted, names).unwrap_or_else(all)))
}

/// Says why a script cannot be run at all, and gives the exit code.
pub(super) fn refuse(env: &Env, stopped: &ScriptFailure, format: Format) -> ExitCode {
    match show(env, stopped, format) {
        Ok(()) => ExitCode::of(&stopped.failure, 0),
        // Nowhere is left to say it.
        Err(_) => ExitCode::FAILED,
    }
}

/// Shows why a script stopped, with the line where there is one.
pub(super) fn show(env: &Env, stopped: &ScriptFailure, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        let code = ExitCode::of(&stopped.failure, 0);
        return crate::cli::fail_in_json(env, &stopped.failure, code);
    }
    let paint = env.paint(&env.error);
    let stream = &env.error.stream;
    if stopped.frames.is_empty() {
        return human::complain(stream, &stopped.failure, paint);
    }
    stream.line(&throw::render(stopped, paint.colors))
}

/// Reads a script below the folder; a link that leads out of it is refused.
fn read(folder: &Path, path: &str) -> io::Result<Option<String>> {
    let inside = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the path leaves the folder",
        ));
    }
    let real = match folder.join(path).canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !real.starts_with(folder.canonicalize()?) {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "a link leads out of the folder",
        ));
    }
    fs::read_to_string(real).map(Some)
}

fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for part in ["scripts", "stdlib"] {
        let entries = match fs::read_dir(folder.join(part)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = PathBuf::from(entry?.file_name());
            if name.extension().is_some_and(|ending| ending == "rhai") {
                found.push(format!("{part}/{}", name.display()));
            }
        }
    }
    Ok(found)
}
