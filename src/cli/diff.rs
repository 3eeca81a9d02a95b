//! `exoauth diff`: what a fork changed against the shipped file.

use crate::cli::args::{self, Format};
use crate::cli::{Env, ExitCode, fork, scripts};
use crate::failure::Failure;
use crate::report::{Paint, clean};
use crate::script::bundle::ScriptOrigin;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

/// Lines that are shown around a change.
const CONTEXT: usize = 3;

/// Shows the difference as a unified diff, from the shipped file to the user's.
pub(super) fn main(env: &Env, asked: &args::Diff, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let path = scripts::path(&bundle, &asked.name)?;
    let (yours, shipped) = (bundle.file(&path)?, bundle.shipped(&path));
    let (Some(yours), Some(shipped)) = (yours, shipped) else {
        let message = format!(
            "\"{}\" is your own; nothing of that name is shipped",
            asked.name
        );
        return Err(Failure::input(message));
    };
    if yours.origin == ScriptOrigin::Shipped {
        let message = format!("there is no fork of \"{}\"", asked.name);
        return Err(
            Failure::input(message).with_hint(format!("exoauth fork {} makes one", asked.name))
        );
    }
    let moved = fork::has_moved(&bundle, &yours);
    let diff = TextDiff::from_lines(shipped.text.as_str(), fork::without_memory(&yours.text));
    let lines = lines(&diff, &path, env.paint(&env.output));
    let output = &env.output.stream;
    if format == Format::Json {
        let differs = !lines.is_empty();
        let text = lines.join("\n");
        let report =
            json!({ "path": path, "differs": differs, "shipped_moved": moved, "diff": text });
        output.line(&format!("{report:#}"))?;
        return Ok(ExitCode::DONE);
    }
    if moved {
        let text = "the shipped file has changed since it was forked: its own changes are among these lines";
        env.error.stream.line(text)?;
    }
    if lines.is_empty() {
        output.line("the fork is as the shipped file is")?;
    }
    lines.iter().try_for_each(|line| output.line(line))?;
    Ok(ExitCode::DONE)
}

fn lines(diff: &TextDiff<'_, '_, str>, path: &str, paint: Paint) -> Vec<String> {
    let groups = diff.grouped_ops(CONTEXT);
    if groups.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        paint.text(Paint::STRONG, format!("--- shipped/{path}")),
        paint.text(Paint::STRONG, format!("+++ yours/{path}")),
    ];
    for group in groups {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let range = |start: usize, end: usize| format!("{},{}", start + 1, end - start);
            lines.push(paint.text(
                Paint::OPEN,
                format!(
                    "@@ -{} +{} @@",
                    range(first.old_range().start, last.old_range().end),
                    range(first.new_range().start, last.new_range().end)
                ),
            ));
        }
        for change in group.iter().flat_map(|part| diff.iter_changes(part)) {
            let text = clean(change.value().trim_end_matches(['\n', '\r']));
            lines.push(match change.tag() {
                ChangeTag::Equal => format!(" {text}"),
                ChangeTag::Delete => paint.text(Paint::BAD, format!("-{text}")),
                ChangeTag::Insert => paint.text(Paint::GOOD, format!("+{text}")),
            });
        }
    }
    lines
}
