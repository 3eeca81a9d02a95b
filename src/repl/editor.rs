//! [`Editor`]: the line that is being typed, on rustyline; and [`Lines`], where lines come from.

use super::complete::{Candidate, KEYWORDS, Knowledge};
use super::secrets;
use super::text::{Kind, Piece, has_open_comment, partner, pieces};
use crate::failure::Failure;
use crate::report::Paint;
use crate::script::{HANDLES, is_unfinished};
use anstyle::{AnsiColor, Style};
use rustyline::completion::Completer;
use rustyline::config::{BellStyle, Configurer};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Helper};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many lines are remembered across conversations.
const HISTORY: usize = 10_000;
/// More candidates than this are listed only after a question.
const MOST_CANDIDATES: usize = 120;

/// What came from where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, or several that belong together.
    Text(String),
    /// Ctrl-C: what was typed is not meant.
    Dropped,
    /// Ctrl-D, or the end of the input.
    End,
}

/// Where lines come from.
pub trait Lines {
    /// The next line; the prompt is plain and in color.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn next(&mut self, prompt: &(String, String)) -> Result<Line, Failure>;

    /// Asks a question that is answered with yes or no; Ctrl-C is a no. `None` when there is nobody to ask.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    fn ask(&mut self, question: &str) -> Result<Option<bool>, Failure>;

    /// Asks whether to show more of a long text.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    fn more(&mut self) -> Result<bool, Failure>;

    /// Keeps a text that was not typed here among the earlier lines.
    fn remember(&mut self, text: &str);

    /// Clears the window.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be used.
    fn clear(&mut self) -> Result<(), Failure>;

    /// The columns and rows of the window, if there is one.
    fn window(&mut self) -> Option<(usize, usize)>;
}

/// Lines typed at a terminal, or read from a pipe.
pub struct Editor {
    editor: rustyline::Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
    width: Arc<AtomicUsize>,
    window: Arc<AtomicUsize>,
    interactive: bool,
    knowledge: Arc<Knowledge>,
}

impl Editor {
    /// Makes an editor that completes from what is known, and remembers lines in a file; `interactive` where a person
    /// types.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be used.
    pub fn new(
        knowledge: Arc<Knowledge>,
        paint: Paint,
        history: Option<PathBuf>,
        interactive: bool,
    ) -> Result<Self, Failure> {
        let config = Config::builder()
            .max_history_size(HISTORY)
            .map_err(broken)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .completion_prompt_limit(MOST_CANDIDATES)
            .auto_add_history(false)
            .bracketed_paste(true)
            .build();
        let width = Arc::new(AtomicUsize::new(paint.width));
        let window = Arc::new(AtomicUsize::new(paint.width));
        let mut editor = rustyline::Editor::with_config(config).map_err(broken)?;
        editor.set_bell_style(BellStyle::None);
        editor.set_color_mode(match paint.colors {
            true => ColorMode::Enabled,
            false => ColorMode::Disabled,
        });
        editor.set_helper(Some(Assistant {
            knowledge: Arc::clone(&knowledge),
            paint,
            width: Arc::clone(&width),
            window: Arc::clone(&window),
            done: AtomicBool::new(false),
        }));
        let mut editor = Self {
            editor,
            history,
            width,
            window,
            interactive,
            knowledge,
        };
        editor.recall();
        Ok(editor)
    }

    /// Reads the lines of earlier conversations; without them, the prompt works as well.
    fn recall(&mut self) {
        let Some(path) = &self.history else { return };
        match self.editor.load_history(path) {
            Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "earlier lines cannot be read"),
            Ok(()) => {}
        }
    }

    fn keep(&mut self, line: &str) {
        if line.trim().is_empty() || secrets::holds_one(line) {
            return;
        }
        let Ok(true) = self.editor.add_history_entry(line) else {
            return;
        };
        let Some(path) = &self.history else { return };
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = folder {
            tracing::warn!(%error, "lines cannot be remembered");
        } else if let Err(error) = self.editor.append_history(path) {
            tracing::warn!(%error, "lines cannot be remembered");
        }
    }
}

impl Lines for Editor {
    fn next(&mut self, prompt: &(String, String)) -> Result<Line, Failure> {
        self.knowledge.begin_line();
        if let Some((columns, _)) = self.window() {
            self.window.store(columns, Ordering::Relaxed);
            self.width.store(
                columns.saturating_sub(prompt.0.chars().count()),
                Ordering::Relaxed,
            );
        }
        match self.editor.readline(prompt) {
            Ok(line) => {
                self.keep(&line);
                Ok(Line::Text(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Line::Dropped),
            Err(ReadlineError::Eof) => Ok(Line::End),
            // The terminal is gone.
            Err(ReadlineError::Io(error)) if error.kind() != ErrorKind::InvalidData => {
                tracing::debug!(%error, "the terminal is gone");
                Ok(Line::End)
            }
            Err(error) => Err(broken(error)),
        }
    }

    fn ask(&mut self, question: &str) -> Result<Option<bool>, Failure> {
        if !self.interactive {
            return Ok(None);
        }
        loop {
            let answer = self.editor.readline(&format!("{question} [y/n] "));
            match answer.as_deref().map(str::trim) {
                Ok("y" | "Y" | "yes") => return Ok(Some(true)),
                Ok("n" | "N" | "no") | Err(ReadlineError::Interrupted | ReadlineError::Eof) => {
                    return Ok(Some(false));
                }
                Ok(_) => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    fn more(&mut self) -> Result<bool, Failure> {
        match self.editor.readline("-- more: Enter goes on, q ends -- ") {
            Ok(answer) => Ok(!answer.trim().starts_with(['q', 'Q', 'n', 'N'])),
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => Ok(false),
            Err(error) => Err(broken(error)),
        }
    }

    fn remember(&mut self, text: &str) {
        self.keep(text);
    }

    fn clear(&mut self) -> Result<(), Failure> {
        self.editor.clear_screen().map_err(broken)
    }

    fn window(&mut self) -> Option<(usize, usize)> {
        let (columns, rows) = self.editor.dimensions()?;
        // A terminal that does not know its size says zero.
        (columns > 0 && rows > 0).then(|| (usize::from(columns), usize::from(rows)))
    }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::input("the terminal cannot be used").with_detail(error.to_string())
}

/// Completes, hints, highlights, and knows when a line is finished.
struct Assistant {
    knowledge: Arc<Knowledge>,
    paint: Paint,
    /// How many columns are left beside the prompt.
    width: Arc<AtomicUsize>,
    /// How many columns the window has.
    window: Arc<AtomicUsize>,
    /// Whether the line is drawn for the last time, when nothing is matched with the cursor any more.
    done: AtomicBool,
}

impl Helper for Assistant {}

impl rustyline::completion::Candidate for Candidate {
    fn display(&self) -> &str {
        &self.display
    }

    fn replacement(&self) -> &str {
        &self.replacement
    }
}

impl Completer for Assistant {
    type Candidate = Candidate;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Candidate>)> {
        let (start, mut candidates) = self.knowledge.complete(line, position);
        // The list has the whole window, but for its last column, where some terminals begin a new line.
        let width = self.window.load(Ordering::Relaxed).max(41) - 1;
        align(&mut candidates, width);
        Ok((start, candidates))
    }
}

/// Puts what candidates are for into a column of its own, and cuts what does not fit.
fn align(candidates: &mut [Candidate], width: usize) {
    let length = |candidate: &Candidate| {
        let name = candidate.display.split_once("  ").map(|(name, _)| name);
        name.map_or(0, |name| name.chars().count())
    };
    let longest = candidates.iter().map(length).max().unwrap_or(0);
    let column = longest.min(width / 2);
    for candidate in candidates {
        if let Some((name, text)) = candidate.display.split_once("  ") {
            candidate.display = format!("{name:column$}  {}", text.trim_start());
        }
        candidate.display = cut(&candidate.display, width);
    }
}

/// A hint that is shown and never taken over.
struct Signature(String);

impl Hint for Signature {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Signature;

    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<Signature> {
        let hint = self.knowledge.hint(line, position)?;
        let last = line.lines().last().map_or(0, |last| last.chars().count());
        let room = self.width.load(Ordering::Relaxed).checked_sub(last + 5)?;
        (room >= 12).then(|| Signature(format!("    {}", cut(&hint, room))))
    }
}

/// Cuts what does not fit a line.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let command = text.trim_start().starts_with(':');
        // Enter on an empty line ends everything, so that nobody is ever caught.
        let ended = text.ends_with('\n');
        let open = !command && !ended && (has_open_comment(text) || is_unfinished(text));
        Ok(match open {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'line>(&self, line: &'line str, position: usize) -> Cow<'line, str> {
        match self.paint.colors {
            true => {
                let cursor = (!self.done.load(Ordering::Relaxed)).then_some(position);
                Cow::Owned(painted(line, cursor, self.paint))
            }
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_hint<'hint>(&self, hint: &'hint str) -> Cow<'hint, str> {
        Cow::Owned(self.paint.text(Paint::QUIET, hint))
    }

    fn highlight_candidate<'text>(
        &self,
        candidate: &'text str,
        _: CompletionType,
    ) -> Cow<'text, str> {
        match candidate.split_once("  ") {
            Some((signature, text)) => {
                let (space, text) = text.split_at(text.len() - text.trim_start().len());
                let text = self.paint.text(Paint::QUIET, text);
                Cow::Owned(format!("{signature}  {space}{text}"))
            }
            None => Cow::Borrowed(candidate),
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        let done = matches!(kind, CmdKind::ForcedRefresh);
        self.done.store(done, Ordering::Relaxed);
        self.paint.colors
    }
}

fn painted(line: &str, cursor: Option<usize>, paint: Paint) -> String {
    if line.trim_start().starts_with(':') {
        return paint.text(Paint::OPEN, line);
    }
    let pieces = pieces(line);
    let pair = cursor.and_then(|position| partner(&pieces, position));
    let mut painted = String::with_capacity(line.len() * 2);
    let mut end = 0;
    for (at, piece) in pieces.iter().enumerate() {
        painted.push_str(&line[end..piece.start]);
        let matched = pair.is_some_and(|(start, end)| at == start || at == end);
        match style(piece, matched) {
            Some(style) => painted.push_str(&paint.text(style, piece.text)),
            None => painted.push_str(piece.text),
        }
        end = piece.end();
    }
    painted.push_str(&line[end..]);
    painted
}

fn style(piece: &Piece, matched: bool) -> Option<Style> {
    let magenta = AnsiColor::Magenta.on_default();
    match piece.kind {
        _ if matched => Some(Paint::STRONG.underline()),
        Kind::Text => Some(Paint::GOOD),
        Kind::Number => Some(Paint::OPEN),
        Kind::Comment => Some(Paint::QUIET),
        Kind::Word if KEYWORDS.contains(&piece.text) || piece.text == "false" => Some(magenta),
        Kind::Word if HANDLES.iter().any(|handle| handle.name == piece.text) => Some(Paint::STRONG),
        Kind::Word | Kind::Sign => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_change_nothing_but_the_colors() {
        let paint = Paint {
            colors: true,
            width: 80,
            folds: false,
        };
        for line in [
            "let x = onprem.f(\"é\", [1]); // done",
            ":run x",
            "fn f() {\n  1\n}",
        ] {
            let painted = painted(line, Some(line.len()), paint);
            let plain = anstyle_stripped(&painted);
            assert_eq!(plain, line);
            assert_ne!(painted, line);
        }
    }

    fn anstyle_stripped(text: &str) -> String {
        let mut plain = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\u{1b}' => {
                    letters.find(|letter| *letter == 'm');
                }
                letter => plain.push(letter),
            }
        }
        plain
    }
}
