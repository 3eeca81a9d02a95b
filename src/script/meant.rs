//! What a person meant who wrote something that does not parse: the hint below what the compiler says.

use rhai::{LexError, ParseErrorType, Position};

/// Words of other languages, and how it is written here.
const WORDS: [(&str, &str); 30] = [
    ("elseif", "write else if"),
    ("elif", "write else if"),
    ("foreach", "write for each in list { ... }"),
    (
        "function",
        "a function is written fn name(argument) { ... }",
    ),
    ("def", "a function is written fn name(argument) { ... }"),
    ("func", "a function is written fn name(argument) { ... }"),
    ("var", "a variable is made with let: let x = 1"),
    ("and", "\"and\" is written &&"),
    ("or", "\"or\" is written ||"),
    ("not", "\"not\" is written !"),
    ("-and", "\"and\" is written &&"),
    ("-or", "\"or\" is written ||"),
    ("-not", "\"not\" is written !"),
    ("-eq", "\"equal\" is written =="),
    ("-ne", "\"not equal\" is written !="),
    ("-gt", "\"greater than\" is written >"),
    ("-ge", "\"greater or equal\" is written >="),
    ("-lt", "\"less than\" is written <"),
    ("-le", "\"less or equal\" is written <="),
    (
        "-like",
        "write text.contains(...), text.starts_with(...) or text.ends_with(...)",
    ),
    (
        "-match",
        "write text.contains(...), text.starts_with(...) or text.ends_with(...)",
    ),
    ("-contains", "write list.contains(...)"),
    ("null", "nothing is written ()"),
    ("none", "nothing is written ()"),
    ("nil", "nothing is written ()"),
    ("undefined", "nothing is written ()"),
    ("echo", "write say(...)"),
    ("write-host", "write say(...)"),
    ("write-output", "write say(...)"),
    (
        "try",
        "try gives no value; attempt(|| ...) gives #{ ok, value, error }",
    ),
];

/// How a word of another language is written here.
pub(super) fn word(name: &str) -> Option<&'static str> {
    let found = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name));
    found.map(|(_, hint)| *hint)
}

/// What was meant at a place where a script does not parse.
pub(super) fn at(kind: &ParseErrorType, source: &str, position: Position) -> Option<String> {
    let not_closed = || {
        opened(source).map(|(bracket, line)| format!("the {bracket} of line {line} is not closed"))
    };
    let Some(number) = position.line() else {
        return not_closed();
    };
    let line = source.lines().nth(number - 1).unwrap_or_default();
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let at = line
        .char_indices()
        .nth(column)
        .map_or(line.len(), |(at, _)| at);
    let (before, after) = line.split_at(at);
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let word_before = before
        .trim_end()
        .rsplit(|letter| !is_of_word(letter))
        .next()
        .unwrap_or_default();
    let word_here = after
        .split(|letter| !is_of_word(letter))
        .next()
        .unwrap_or_default();
    let foreign = [word_here, word_before].into_iter().find_map(word);
    if let Some(hint) = foreign {
        return Some(hint.to_owned());
    }
    let past_the_end = after.trim().is_empty() && source.lines().skip(number).all(str::is_empty);
    let missing = match kind {
        ParseErrorType::MissingToken(token, _) => token.as_str(),
        _ => "",
    };
    match kind {
        ParseErrorType::UnexpectedEOF => not_closed(),
        _ if !missing.is_empty() && past_the_end => not_closed(),
        _ if missing == ";" && after.starts_with(':') => {
            Some("a map is written with a # before the bracket: #{ name: value }".to_owned())
        }
        _ if missing == ":" && after.starts_with('=') => {
            Some("a map is written #{ name: value }".to_owned())
        }
        _ if missing == ";" && before.trim().is_empty() => {
            let above = source.lines().take(number - 1).enumerate();
            let (last, _) = above.filter(|(_, line)| !line.trim().is_empty()).last()?;
            Some(format!("put it at the end of line {}", last + 1))
        }
        _ if !["", ";"].contains(&missing) && after.starts_with(';') => {
            Some("a bracket is not closed before this semicolon".to_owned())
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            Some("the quote is not closed in this line".to_owned())
        }
        ParseErrorType::BadInput(LexError::MalformedChar(_)) => {
            Some("a text is written in double quotes".to_owned())
        }
        ParseErrorType::BadInput(_) if after.starts_with('=') => {
            Some("= gives a variable a value, == compares".to_owned())
        }
        ParseErrorType::PropertyExpected if after.starts_with(['"', '`']) => {
            Some("texts are put together with +, or in backquotes with ${...}".to_owned())
        }
        _ => None,
    }
}

/// The innermost bracket that is not closed, and its line.
fn opened(source: &str) -> Option<(char, usize)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut line = 1;
    let mut letters = source.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => line += 1,
            '/' if letters.peek() == Some(&'/') => {
                letters.by_ref().find(|letter| *letter == '\n');
                line += 1;
            }
            '"' | '`' => {
                while let Some(inside) = letters.next() {
                    match inside {
                        '\n' => line += 1,
                        '\\' if letter == '"' => {
                            letters.next();
                        }
                        inside if inside == letter => break,
                        _ => {}
                    }
                }
            }
            '(' | '[' | '{' => open.push((letter, line)),
            ')' | ']' | '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}
