//! How a failure is drawn: the sentence, what it is about, the service's own words, and what to do.

use crate::failure::Failure;
use crate::report::{Paint, clean};

/// The lines of a failure that no script line caused.
pub fn lines(failure: &Failure, paint: Paint) -> Vec<String> {
    let error = format!("{}: ", paint.text(Paint::BAD, "error"));
    let mut lines = Vec::new();
    // A message that holds several lines, as some parsers write them, keeps them.
    for (at, line) in failure.message.trim_end().lines().enumerate() {
        let beginning = if at == 0 { error.as_str() } else { "  " };
        lines.extend(paint.sentence(beginning, &clean(line), 0));
    }
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
        let sentence = |line| paint.sentence("  = ", &clean(line), 0);
        lines.extend(detail.lines().flat_map(sentence));
    }
    if let Some(hint) = &failure.hint {
        let word = format!("  {}: ", paint.text(Paint::OPEN, "hint"));
        let sentence = |line| paint.sentence(&word, &clean(line), 0);
        lines.extend(hint.lines().flat_map(sentence));
    }
    lines
}
