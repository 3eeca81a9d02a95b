//! `exoauth fork`: a copy of a shipped playbook or library file of one's own, which takes its place.

use crate::cli::{Env, ExitCode, args, files, scripts};
use crate::failure::Failure;
use crate::script::bundle::{Bundle, Source};
use std::path::PathBuf;

/// Copies a file into the user's folder, and says what it does there.
pub(super) fn main(env: &Env, asked: &args::Fork) -> Result<ExitCode, Failure> {
    let (target, path) = fork(env, &scripts::bundle(env), &asked.name)?;
    env.output.stream.line(&target.display().to_string())?;
    env.error.stream.line(&format!(
        "{} this copy; delete it to have the shipped one back",
        who_uses(&path)
    ))?;
    Ok(ExitCode::DONE)
}

/// Copies a file into the user's folder, with a first line that remembers where it is from; gives the copy and its path
/// in the bundle.
pub(super) fn fork(env: &Env, bundle: &Bundle, name: &str) -> Result<(PathBuf, String), Failure> {
    let path = scripts::path(bundle, name)?;
    let target = env.folders()?.data.join(&path);
    let Some(source) = bundle.shipped(&path) else {
        let message = format!("\"{name}\" is your own already");
        return Err(Failure::input(message).with_detail(target.display().to_string()));
    };
    if target.exists() {
        let message = format!("{} exists and is not overwritten", target.display());
        return Err(Failure::input(message).with_hint("edit it, or move it away and fork again"));
    }
    files::make_folder_of(&target).map_err(|error| files::unwritable(&target, &error))?;
    files::create(&target, forked(&source).as_bytes())?;
    Ok((target, path))
}

fn who_uses(path: &str) -> String {
    match path.strip_prefix("scripts/") {
        Some(file) => {
            let name = file.strip_suffix(".rhai").unwrap_or(file);
            format!("\"exoauth run {name}\" now runs")
        }
        None => "every playbook that imports it now uses".to_owned(),
    }
}

/// The text of a fork: the shipped one below a line that remembers it.
fn forked(source: &Source) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (path, hash) = (&source.path, source.hash());
    format!(
        "// forked from {path} of exoauth {version}, sha256 {hash}\n{}",
        source.text
    )
}

/// The hash of the shipped text that a fork was made from.
fn forked_from(text: &str) -> Option<&str> {
    let first = text.lines().next()?.strip_prefix("// forked from ")?;
    first.split_once(", sha256 ").map(|(_, hash)| hash.trim())
}

/// A fork without the line that remembers where it is from.
pub(super) fn without_memory(text: &str) -> &str {
    match (forked_from(text), text.split_once('\n')) {
        (Some(_), Some((_, rest))) => rest,
        _ => text,
    }
}

/// Whether the shipped file has changed since a fork was made from it; of a fork that does not remember, it is unknown.
pub(super) fn has_moved(bundle: &Bundle, source: &Source) -> bool {
    let shipped = bundle.shipped(&source.path).map(|shipped| shipped.hash());
    forked_from(&source.text).is_some_and(|from| shipped.as_deref() != Some(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_remembers_where_it_is_from() {
        let line = "// forked from scripts/a.rhai of exoauth 0.1.0, sha256 abc\n//! A.\n";
        assert_eq!(forked_from(line), Some("abc"));
        assert_eq!(without_memory(line), "//! A.\n");
        assert_eq!(forked_from("//! A.\n"), None);
        assert_eq!(without_memory("//! A.\n"), "//! A.\n");
    }
}
