//! `exoauth check`: mistakes in scripts, found without running them; for a person, and for a pipeline.

use crate::cli::args::{self, Format};
use crate::cli::{Env, ExitCode, files, scripts};
use crate::failure::Failure;
use crate::report::{Paint, clean};
use crate::script::{Bundle, Finding, Severity, check_script};
use crate::words::count;
use serde_json::{Value as Json, json};

/// The version of what the JSON means.
const SCHEMA: &str = "1.0";

/// Checks each file, shows what was found, and gives exit code 2 where there is a mistake.
pub(super) fn main(env: &Env, asked: &args::Check, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let mut checked = Vec::new();
    for file in &asked.files {
        let (id, text) = read(env, &bundle, file)?;
        checked.push((id.clone(), check_script(&bundle, &id, &text)));
    }
    let of = |severity| {
        let findings = checked.iter().flat_map(|(_, findings)| findings);
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let good = errors == 0 && (warnings == 0 || !asked.strict);
    match format {
        Format::Human => human(env, &checked, errors, warnings)?,
        Format::Json => {
            let files: Vec<Json> = checked
                .iter()
                .map(|(id, findings)| as_json(id, findings))
                .collect();
            let report = json!({
                "schema": SCHEMA,
                "good": good,
                "errors": errors,
                "warnings": warnings,
                "files": files,
            });
            env.output.stream.line(&format!("{report:#}"))?;
        }
    }
    Ok(match good {
        true => ExitCode::DONE,
        false => ExitCode::WRONG_INPUT,
    })
}

/// A path of a file that is there, or the name of a playbook or library file.
fn read(env: &Env, bundle: &Bundle, asked: &str) -> Result<(String, String), Failure> {
    let path = env.path(asked);
    let looks_like_a_path = asked.ends_with(".rhai") || asked.starts_with(['.', '/', '\\']);
    if path.is_file() || looks_like_a_path {
        return Ok((asked.to_owned(), files::read(&path)?));
    }
    let path = scripts::path(bundle, asked)?;
    let source = bundle.file(&path)?;
    Ok((path, source.map(|source| source.text).unwrap_or_default()))
}

fn human(
    env: &Env,
    checked: &[(String, Vec<Finding>)],
    errors: usize,
    warnings: usize,
) -> Result<(), Failure> {
    let paint = env.paint(&env.output);
    let output = &env.output.stream;
    for (id, findings) in checked {
        for finding in findings {
            output.line(&finding.render(paint.colors))?;
            output.line("")?;
        }
        if findings
            .iter()
            .all(|finding| finding.severity == Severity::Note)
        {
            output.line(&paint.text(Paint::GOOD, format!("{}: no mistake", clean(id))))?;
        }
    }
    if errors + warnings > 0 {
        let errors = count(errors, "error", "errors");
        output.line(&format!(
            "{errors}, {}",
            count(warnings, "warning", "warnings")
        ))?;
    }
    Ok(())
}

fn as_json(id: &str, findings: &[Finding]) -> Json {
    let findings: Vec<Json> = findings
        .iter()
        .map(|finding| {
            let failure = &finding.found.failure;
            let place = finding.found.frames.first();
            json!({
                "severity": finding.severity.word(),
                "code": finding.code,
                "message": failure.message,
                "hint": failure.hint,
                "file": place.map(|place| &place.source),
                "line": place.map(|place| place.line),
                "column": place.map(|place| place.column),
                "text": finding.found.snippet,
            })
        })
        .collect();
    json!({ "file": id, "findings": findings })
}
