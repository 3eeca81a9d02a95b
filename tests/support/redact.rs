//! Replaces what differs from run to run by texts of the same width, so that tables stay in line.

use std::path::Path;

/// Replaces the folder, ports, identifiers, dates, thumbprints and durations.
pub(crate) fn redact(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "<folder>");
    let letters: Vec<char> = text.chars().collect();
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let found = PATTERNS.iter().find_map(|(pattern, replacement)| {
            let length = matches(pattern, &letters[at..])?;
            let starts = !before.is_some_and(char::is_alphanumeric) || pattern.starts_with(':');
            let ends = !letters
                .get(at + length)
                .is_some_and(|after| after.is_alphanumeric());
            (starts && ends).then_some((length, *replacement))
        });
        match found {
            Some((length, replacement)) => {
                redacted.push_str(replacement);
                at += length;
            }
            None => {
                redacted.push(letters[at]);
                at += 1;
            }
        }
    }
    redacted
}

/// Patterns and what stands in their place: `#` is a digit, `x` a hexadecimal digit, anything else itself.
const PATTERNS: &[(&str, &str)] = &[
    (
        "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        "<the-identifier-of-something------->",
    ),
    (
        "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "<THE-THUMBPRINT-OF-A-CERTIFICATE------->",
    ),
    ("####-##-##T##:##:##Z", "<a-day-and-a-time-->"),
    ("########-######-xxxxxx", "<the-name-of-the-run->"),
    (":#####", ":<prt>"),
    (":####", ":<pt>"),
    ("#.## s", "#.## s"),
    ("##.## s", "##.## s"),
];

/// The length of what the pattern fits at the start.
fn matches(pattern: &str, letters: &[char]) -> Option<usize> {
    let mut length = 0;
    for (wanted, letter) in pattern
        .chars()
        .zip(letters.iter().map(Some).chain(std::iter::repeat(None)))
    {
        let letter = letter?;
        let fits = match wanted {
            '#' => letter.is_ascii_digit(),
            'x' => letter.is_ascii_digit() || ('a'..='f').contains(letter),
            'X' => letter.is_ascii_digit() || ('A'..='F').contains(letter),
            wanted => wanted == *letter,
        };
        if !fits {
            return None;
        }
        length += 1;
    }
    Some(length)
}

#[test]
fn what_differs_is_replaced_in_its_width() {
    let text = "/x/y at https://localhost:51234/ in 0.31 s 2026-11-23T09:00:00Z, \
                0f8fad5b-d9cb-469f-a165-70867728950e and a word";
    let redacted = redact(text, Path::new("/x/y"));
    assert_eq!(
        redacted,
        "<folder> at https://localhost:<prt>/ in #.## s <a-day-and-a-time-->, \
         <the-identifier-of-something-------> and a word"
    );
    assert!(
        PATTERNS
            .iter()
            .all(|(pattern, text)| pattern.len() == text.len())
    );
}
