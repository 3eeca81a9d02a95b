//! What people and programs read: listeners of the one stream of events, and tables.
//!
//! Nothing is decided here. [`HumanReport`] and [`JsonReport`] listen to a session; [`table`] draws values, and
//! [`failure`] draws what went wrong. Text that a service sent is made harmless for the terminal by [`clean`].

pub mod failure;
mod fold;
pub mod human;
pub mod json;
pub mod plan;
pub mod powershell;
pub mod stream;
pub mod table;

pub(crate) use fold::folded;
pub use human::HumanReport;
pub use json::JsonReport;
pub use powershell::PowerShell;
pub use stream::Stream;

use crate::subject::Plane;
use anstyle::{AnsiColor, Style};
use std::fmt::Display;

/// How a stream wants to be written to: in colors or not, and how wide.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether escape sequences are understood and wanted.
    pub colors: bool,
    /// How many columns there are.
    pub width: usize,
    /// Whether long sentences are folded, as for a person at a terminal; programs get whole lines.
    pub folds: bool,
}

impl Paint {
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
    pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
    pub(crate) const OPEN: Style = AnsiColor::Cyan.on_default();
    pub(crate) const QUIET: Style = Style::new().dimmed();
    pub(crate) const STRONG: Style = Style::new().bold();

    /// The lines of a sentence after its beginning, one where they are not folded.
    pub(crate) fn sentence(self, beginning: &str, text: &str, indent: usize) -> Vec<String> {
        if !self.folds {
            return vec![format!("{beginning}{text}")];
        }
        let below = " ".repeat(fold::columns(beginning));
        folded(text, self.width.saturating_sub(indent), beginning, &below)
    }

    /// Puts a style around a text, if colors are wanted.
    pub(crate) fn text(self, style: Style, text: impl Display) -> String {
        if self.colors {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }
}

/// `organization: contoso`, with which every report begins; of a simulated one it says so.
pub(crate) fn organization_line(name: impl Display, simulated: bool) -> String {
    match simulated {
        true => format!("organization: {name} (simulated, nothing real is touched)"),
        false => format!("organization: {name}"),
    }
}

/// What a cmdlet says besides its objects and warnings, harmless for a terminal: line by line, with where it says so.
pub(crate) fn remark_lines(
    plane: Plane,
    verbose: bool,
    text: &str,
) -> impl Iterator<Item = String> {
    let word = if verbose { "verbose: " } else { "" };
    text.lines()
        .map(move |line| format!("{word}{plane}: {}", clean(line)))
}

/// Makes a text harmless for a terminal: control characters and those that reverse the direction are spelled out.
///
/// ```
/// use exoauth::report::clean;
///
/// assert_eq!(clean("evoSTS\u{1b}[2J"), "evoSTS\\u{1b}[2J");
/// assert_eq!(clean("naïve"), "naïve");
/// ```
pub fn clean(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        let reverses = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || reverses {
            harmless.extend(letter.escape_default());
        } else {
            harmless.push(letter);
        }
    }
    harmless
}
