//! Texts and values as PowerShell writes them, whatever they hold.

use crate::failure::Failure;
use crate::value::Value;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt::Write as _;

/// A text as an expression of single-quoted PowerShell.
///
/// PowerShell ends a single-quoted text also at the typographic quotes that word processors make, so each of them is
/// doubled. Characters that move the cursor, end a line or cannot be seen are written by their number, so that what a
/// reviewer sees is what runs.
///
/// ```
/// use exoauth::report::powershell::quoted;
///
/// assert_eq!(quoted("evoSTS"), "'evoSTS'");
/// assert_eq!(quoted("O'Neil"), "'O''Neil'");
/// assert_eq!(quoted("O\u{2019}Neil"), "'O\u{2019}\u{2019}Neil'");
/// assert_eq!(quoted("$(calc)\n#"), "('$(calc)' + [char]0x000A + '#')");
/// ```
pub fn quoted(text: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut plain = String::new();
    for letter in text.chars() {
        if unseen(letter) {
            // The first part has to be a text, or the others would be added as numbers.
            if !plain.is_empty() || parts.is_empty() {
                parts.push(format!("'{}'", std::mem::take(&mut plain)));
            }
            parts.push(by_number(letter));
            continue;
        }
        plain.push(letter);
        if matches!(
            letter,
            '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}'
        ) {
            plain.push(letter);
        }
    }
    if !plain.is_empty() || parts.is_empty() {
        parts.push(format!("'{plain}'"));
    }
    match parts.as_slice() {
        [only] => only.clone(),
        parts => format!("({})", parts.join(" + ")),
    }
}

fn by_number(letter: char) -> String {
    match u16::try_from(u32::from(letter)) {
        Ok(number) => format!("[char]0x{number:04X}"),
        Err(_) => format!("[char]::ConvertFromUtf32(0x{:X})", u32::from(letter)),
    }
}

/// Whether a character does something else than being seen.
fn unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as the lines of a comment.
///
/// ```
/// use exoauth::report::powershell::remark;
///
/// assert_eq!(remark("one\n\ntwo\u{85}three"), ["# one", "#", "# two\\u{85}three"]);
/// ```
pub fn remark(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let line = seen(line);
            let start = line.trim_start().to_ascii_lowercase();
            // A comment can sign a script, and a dotted word in one is help for it; a text may do neither.
            let means_something = start.starts_with("sig ") || start.starts_with('.');
            let mark = if means_something { "# - " } else { "# " };
            format!("{mark}{line}").trim_end().to_owned()
        })
        .collect()
}

/// A text in which everything is seen.
pub(super) fn seen(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for letter in text.chars() {
        if unseen(letter) {
            harmless.extend(letter.escape_unicode());
        } else {
            harmless.push(letter);
        }
    }
    harmless
}

/// A value as PowerShell writes it; `unknown` gives the variable for one that only the service knows.
pub(super) fn value(value: &Value, unknown: &mut dyn FnMut(&str) -> String) -> String {
    match value {
        Value::Null => "$null".to_owned(),
        Value::Bool(true) => "$true".to_owned(),
        Value::Bool(false) => "$false".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Float(number) => quoted(&number.to_string()),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => bytes_of(&BASE64_STANDARD.encode(bytes)),
        Value::List(list) => {
            let items: Vec<String> = list
                .iter()
                .map(|item| match item {
                    Value::List(_) => format!("@({})", self::value(item, unknown)),
                    item => self::value(item, unknown),
                })
                .collect();
            match (items.as_slice(), list.first()) {
                ([], _) => "@()".to_owned(),
                // A list in a list of one would be taken out of it.
                ([only], Some(Value::List(_))) => format!("(, {only})"),
                (items, _) => items.join(", "),
            }
        }
        Value::Object(object) => {
            let mut text = "@{".to_owned();
            for (at, (name, value)) in object.iter().enumerate() {
                let end = if at == 0 { " " } else { "; " };
                let value = as_item(&self::value(value, unknown), value);
                // Writing to a text cannot fail.
                let _ = write!(text, "{end}{} = {value}", quoted(name));
            }
            text + " }"
        }
        Value::Unknown(what) => unknown(what),
    }
}

/// A list inside of a hash table stays one, also when it has one item.
fn as_item(text: &str, value: &Value) -> String {
    match value {
        Value::List(list) if !list.is_empty() => format!("@({text})"),
        _ => text.to_owned(),
    }
}

/// Bytes by their base64.
pub(super) fn bytes_of(base64: &str) -> String {
    format!("([System.Convert]::FromBase64String({}))", quoted(base64))
}

/// Says whether a name is that of a cmdlet.
pub(super) fn cmdlet(name: &str) -> Result<&str, Failure> {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric());
    match name.split_once('-') {
        Some((verb, noun)) if word(verb) && word(noun) => Ok(name),
        _ => Err(refused(format!("\"{name}\" is not the name of a cmdlet"))),
    }
}

/// Says whether a name is that of a parameter.
pub(super) fn parameter(name: &str) -> Result<&str, Failure> {
    let first = name
        .chars()
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic());
    match first && name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        true => Ok(name),
        false => Err(refused(format!(
            "\"{name}\" is not the name of a parameter"
        ))),
    }
}

fn refused(message: String) -> Failure {
    Failure::input(message).with_hint("such a call is not written into a script")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Object;

    /// Reads an expression as PowerShell's tokenizer does; `None` when it is not one text, or goes on after its end.
    fn read(expression: &str) -> Option<String> {
        let inside = expression
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let mut rest = inside.unwrap_or(expression);
        let mut text = String::new();
        loop {
            rest = if let Some(number) = rest.strip_prefix("[char]0x") {
                text.push(char::from_u32(
                    u32::from_str_radix(number.get(..4)?, 16).ok()?,
                )?);
                number.get(4..)?
            } else if let Some(number) = rest.strip_prefix("[char]::ConvertFromUtf32(0x") {
                let (number, rest) = number.split_once(')')?;
                text.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
                rest
            } else {
                read_literal(rest, &mut text)?
            };
            match rest.strip_prefix(" + ") {
                Some(more) if inside.is_some() => rest = more,
                _ => return rest.is_empty().then_some(text),
            }
        }
    }

    fn read_literal<'text>(expression: &'text str, text: &mut String) -> Option<&'text str> {
        let is_quote = |letter: char| {
            matches!(
                letter,
                '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}'
            )
        };
        let mut letters = expression.chars();
        letters.next().filter(|first| is_quote(*first))?;
        loop {
            let letter = letters.next()?;
            if is_quote(letter) {
                if !letters.as_str().starts_with(is_quote) {
                    return Some(letters.as_str());
                }
                letters.next();
            }
            text.push(letter);
        }
    }

    /// Texts of letters that mean something to PowerShell, in an order that is the same each time.
    fn hostile_texts() -> impl Iterator<Item = String> {
        const LETTERS: [char; 32] = [
            '\'',
            '\u{2018}',
            '\u{2019}',
            '\u{201a}',
            '\u{201b}',
            '"',
            '\u{201c}',
            '\u{201d}',
            '\u{201e}',
            '`',
            '$',
            '(',
            ')',
            '{',
            '}',
            ';',
            '#',
            '\n',
            '\r',
            '\0',
            '\u{85}',
            '\u{2028}',
            '\u{202e}',
            '\u{feff}',
            '\u{e0041}',
            '<',
            '>',
            '@',
            '-',
            '\\',
            'a',
            '\u{1f600}',
        ];
        let mut state: u64 = 1;
        (0..20_000).map(move |at: usize| {
            (0..at % 13)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    LETTERS[usize::try_from(state >> 59).unwrap_or(0)]
                })
                .collect()
        })
    }

    #[test]
    fn every_text_comes_back_and_nothing_follows_it() {
        for text in hostile_texts() {
            let quoted = quoted(&text);
            assert_eq!(read(&quoted).as_deref(), Some(text.as_str()), "{quoted}");
            assert!(!quoted.chars().any(unseen), "{quoted:?}");
        }
        assert_eq!(read("'a' ; 'b'"), None);
    }

    #[test]
    fn a_remark_stays_one() {
        for text in hostile_texts() {
            for line in remark(&text) {
                assert!(
                    line.starts_with('#') && !line.chars().any(unseen),
                    "{line:?}"
                );
            }
        }
        assert_eq!(
            remark("SIG # Begin signature block\n.EXTERNALHELP x"),
            ["# - SIG # Begin signature block", "# - .EXTERNALHELP x"]
        );
    }

    #[test]
    fn values_are_written_as_powershell_reads_them() {
        let of = |value: &Value| super::value(value, &mut |what| format!("<{what}>"));
        assert_eq!(of(&Value::Null), "$null");
        assert_eq!(of(&true.into()), "$true");
        assert_eq!(of(&Value::Integer(-5)), "-5");
        assert_eq!(of(&Value::Float(0.5)), "0.5");
        assert_eq!(
            of(&Value::Bytes(vec![0, 255])),
            "([System.Convert]::FromBase64String('AP8='))"
        );
        assert_eq!(of(&vec!["a", "it's"].into()), "'a', 'it''s'");
        assert_eq!(of(&Value::List(Vec::new())), "@()");
        let nested =
            |lists: Vec<Vec<&str>>| Value::List(lists.into_iter().map(Value::from).collect());
        assert_eq!(of(&nested(vec![vec!["a", "b"]])), "(, @('a', 'b'))");
        assert_eq!(of(&nested(vec![vec!["a"], vec![]])), "@('a'), @(@())");
        let object = Object::from_iter([
            ("a b".to_owned(), vec!["x"].into()),
            ("c".to_owned(), Value::Unknown("the id".to_owned())),
        ]);
        assert_eq!(of(&object.into()), "@{ 'a b' = @('x'); 'c' = <the id> }");
    }

    #[test]
    fn names_that_are_code_are_refused() {
        assert!(cmdlet("Get-AuthServer").is_ok() && parameter("Name").is_ok());
        for name in [
            "Get-AuthServer;",
            "Get",
            "Get-Auth Server",
            "-",
            "Get-\u{2019}",
        ] {
            assert!(cmdlet(name).is_err(), "{name}");
        }
        for name in ["Name x", "", "1", "Name\u{2013}x", "Name;"] {
            assert!(parameter(name).is_err(), "{name}");
        }
    }
}
