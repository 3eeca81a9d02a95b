//! How a failure is drawn: the sentence, what it is about, the service's own words, and what to do.

use crate::failure::Failure;
use crate::report::{Paint, clean};

/// The lines of a failure that no script line caused.
pub fn lines(failure: &Failure, paint: Paint) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}",
        paint.text(Paint::BAD, "error"),
        one_line(&failure.message)
    )];
    lines.extend(details(failure, paint));
    lines
}

/// The lines that follow a failure's sentence, however that was drawn.
pub fn details(failure: &Failure, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(subject) = &failure.subject
        && !failure.message.contains(&subject.to_string())
    {
        lines.push(format!("  = {}", clean(&subject.to_string())));
    }
    if let Some(detail) = &failure.detail {
        lines.extend(detail.lines().map(|line| format!("  = {}", clean(line))));
    }
    if let Some(hint) = &failure.hint {
        let word = paint.text(Paint::OPEN, "hint");
        lines.extend(
            hint.lines()
                .map(|line| format!("  {word}: {}", clean(line))),
        );
    }
    lines
}

/// A message that holds several lines, as some parsers write them, keeps them.
fn one_line(message: &str) -> String {
    let lines: Vec<String> = message.trim_end().lines().map(clean).collect();
    lines.join("\n  ")
}
