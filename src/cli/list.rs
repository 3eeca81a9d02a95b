//! `exoauth list`: the playbooks that can be run, and the library files of one's own.

use crate::cli::args::Format;
use crate::cli::{Env, ExitCode, fork, scripts};
use crate::failure::Failure;
use crate::report::{clean, table};
use crate::script::Bundle;
use crate::script::bundle::{Listed, ScriptOrigin, Source};
use serde_json::{Value as Json, json};

/// Lists the playbooks with their titles; one that cannot be read says why.
pub(super) fn main(env: &Env, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let output = &env.output;
    let playbooks = bundle.playbooks()?;
    let library = own_library(&bundle)?;
    match format {
        Format::Json => {
            let mut rows = Vec::new();
            for listed in &playbooks {
                rows.push(playbook_as_json(&bundle, listed)?);
            }
            rows.extend(
                library
                    .iter()
                    .map(|source| library_as_json(&bundle, source)),
            );
            output.stream.line(&format!("{:#}", Json::Array(rows)))?;
        }
        Format::Human => {
            let mut rows = Vec::new();
            for listed in &playbooks {
                let source = bundle.source(&listed.name)?;
                let origin = origin(&bundle, &source);
                rows.push(vec![clean(&listed.name), clean(&title(listed)), origin]);
            }
            let name = |source: &Source| clean(source.path.trim_end_matches(".rhai"));
            rows.extend(library.iter().map(|source| {
                let origin = origin(&bundle, source);
                vec![name(source), clean(about(source)), origin]
            }));
            let header = ["playbook", "title", "origin"];
            let width = env.paint(output).width;
            output.stream.line(&table::rows(&header, rows, width))?;
        }
    }
    Ok(ExitCode::DONE)
}

/// The library files of the user's folder.
fn own_library(bundle: &Bundle) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for module in bundle.modules()? {
        let source = bundle.file(&format!("{module}.rhai"))?;
        sources.extend(source.filter(|source| source.origin != ScriptOrigin::Shipped));
    }
    Ok(sources)
}

fn title(listed: &Listed) -> String {
    match &listed.playbook {
        Ok(playbook) => playbook.title.clone(),
        Err(stopped) => format!("cannot be read: {}", stopped.failure.message),
    }
}

/// The first line of a library file's text.
fn about(source: &Source) -> &str {
    let mut lines = source.text.lines();
    let line = lines.find_map(|line| line.strip_prefix("//!"));
    line.map_or("a library file", str::trim)
}

/// Where a file is from, and whether what it was forked from has moved on.
fn origin(bundle: &Bundle, source: &Source) -> String {
    let word = source.origin.word();
    match source.origin == ScriptOrigin::Shadowing && fork::has_moved(bundle, source) {
        true => format!("{word}, which has changed since it was forked"),
        false => word.to_owned(),
    }
}

fn playbook_as_json(bundle: &Bundle, listed: &Listed) -> Result<Json, Failure> {
    let source = bundle.source(&listed.name)?;
    Ok(json!({
        "name": listed.name,
        "title": listed.playbook.as_ref().ok().map(|playbook| &playbook.title),
        "origin": origin(bundle, &source),
        "sha256": listed.hash,
        "shipped_moved": fork::has_moved(bundle, &source),
        "failure": listed.playbook.as_ref().err().map(|stopped| &stopped.failure),
    }))
}

fn library_as_json(bundle: &Bundle, source: &Source) -> Json {
    json!({
        "name": source.path.trim_end_matches(".rhai"),
        "title": about(source),
        "origin": origin(bundle, source),
        "sha256": source.hash(),
        "shipped_moved": fork::has_moved(bundle, source),
        "failure": null,
    })
}
