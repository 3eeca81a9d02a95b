//! `exoauth list`: the playbooks that can be run.

use crate::cli::args::Format;
use crate::cli::{Env, ExitCode, fork, scripts};
use crate::failure::Failure;
use crate::report::{clean, table};
use crate::script::Bundle;
use crate::script::bundle::{Listed, ScriptOrigin};
use serde_json::{Value as Json, json};

/// Lists the playbooks with their titles; one that cannot be read says why.
pub(super) fn main(env: &Env, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let output = &env.output;
    let playbooks = bundle.playbooks()?;
    match format {
        Format::Json => {
            let rows: Result<Vec<Json>, Failure> = playbooks
                .iter()
                .map(|listed| as_json(&bundle, listed))
                .collect();
            output.stream.line(&format!("{:#}", Json::Array(rows?)))?;
        }
        Format::Human => {
            let rows: Result<Vec<Vec<String>>, Failure> = playbooks
                .iter()
                .map(|listed| {
                    let origin = origin(&bundle, listed)?;
                    Ok(vec![clean(&listed.name), clean(&title(listed)), origin])
                })
                .collect();
            let header = ["playbook", "title", "origin"];
            let width = env.paint(output).width;
            output.stream.line(&table::rows(&header, rows?, width))?;
        }
    }
    Ok(ExitCode::DONE)
}

fn title(listed: &Listed) -> String {
    match &listed.playbook {
        Ok(playbook) => playbook.title.clone(),
        Err(stopped) => format!("cannot be read: {}", stopped.failure.message),
    }
}

/// Where a playbook is from, and whether what it was forked from has moved on.
fn origin(bundle: &Bundle, listed: &Listed) -> Result<String, Failure> {
    let word = listed.origin.word().to_owned();
    if listed.origin != ScriptOrigin::Shadowing {
        return Ok(word);
    }
    let source = bundle.source(&listed.name)?;
    let shipped = bundle.shipped(&source.path).map(|shipped| shipped.hash());
    let moved =
        fork::forked_from(&source.text).is_some_and(|from| shipped.as_deref() != Some(from));
    Ok(match moved {
        true => format!("{word}, which has changed since it was forked"),
        false => word,
    })
}

fn as_json(bundle: &Bundle, listed: &Listed) -> Result<Json, Failure> {
    Ok(json!({
        "name": listed.name,
        "title": listed.playbook.as_ref().ok().map(|playbook| &playbook.title),
        "origin": origin(bundle, listed)?,
        "sha256": listed.hash,
        "failure": listed.playbook.as_ref().err().map(|stopped| &stopped.failure),
    }))
}
