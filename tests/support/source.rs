//! The project's own source as text, for tests that read it.

use std::{error::Error, fs, path::Path, path::PathBuf};

/// A file of the project.
pub(crate) struct Source {
    /// Its path from the top of the project, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// The room: the first name under `src/`, such as `session`.
    pub(crate) fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let first = inside.split('/').next().unwrap_or(inside);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The text without comments, and without the tests at its end; nothing of a file that is only tests.
    pub(crate) fn code(&self) -> String {
        if self.path.starts_with("src/") && self.path.ends_with("/tests.rs") {
            return String::new();
        }
        let shipped = self.text.split("#[cfg(test)]\nmod ").next();
        without_comments(shipped.unwrap_or(&self.text))
    }
}

/// The top of the project.
pub(crate) fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder of the project whose names end so, sorted by path; none where the folder is missing.
pub(crate) fn files(folder: &str, ending: &str) -> Result<Vec<Source>, Box<dyn Error>> {
    let mut found = Vec::new();
    if top().join(folder).is_dir() {
        collect(&top().join(folder), ending, &mut found)?;
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<Source>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, ending, found)?;
        } else if path.to_string_lossy().ends_with(ending) {
            let below = path.strip_prefix(top())?;
            found.push(Source {
                path: below.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}

/// Takes `//` and `/* */` comments out of Rust or Rhai text; what looks like one inside a text literal stays.
pub(crate) fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else {
            let length = literal(rest).unwrap_or(letter.len_utf8());
            code.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the text or character literal that starts here, if one does.
fn literal(rest: &str) -> Option<usize> {
    if let Some(raw) = rest.strip_prefix("r#\"") {
        return Some(raw.find("\"#").map_or(rest.len(), |end| end + 5));
    }
    if rest.starts_with("'\"'") {
        return Some(3);
    }
    let quote = rest.chars().next().filter(|letter| *letter == '"')?;
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// Finds a word that stands alone: no letter or digit touches it; `_` does not count as one.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// The lines, from 1, that a test complains about, as `path:line: text`.
pub(crate) fn lines_with(source: &Source, text: &str, bad: impl Fn(&str) -> bool) -> Vec<String> {
    text.lines()
        .filter(|line| bad(line))
        .map(|line| format!("{}: {}", source.path, line.trim()))
        .collect()
}

#[test]
fn comments_are_taken_out_and_texts_stay() {
    assert_eq!(
        without_comments("a // b\n/* c */ \"http://d\" '\"' // e\n//! f\ng"),
        "a \n \"http://d\" '\"' \n\ng"
    );
}

#[test]
fn a_word_stands_alone() {
    assert!(has_word("use lab_seed;", "lab"));
    assert!(!has_word("available label", "lab"));
}
