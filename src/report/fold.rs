//! Long lines folded at spaces, so that they fit the window.

/// Folds a text after `first`, the lines below after `below`; a word that is longer than a line stays whole, so that an
/// address can be copied.
///
/// Escape sequences for colors take no room.
pub(crate) fn folded(text: &str, width: usize, first: &str, below: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (first.to_owned(), columns(first));
    let mut empty = true;
    for word in text.split(' ') {
        let length = columns(word);
        if !empty && used + 1 + length > width {
            lines.push(std::mem::replace(&mut line, below.to_owned()));
            used = columns(below);
        } else if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
        empty = false;
    }
    lines.push(line);
    lines
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    let mut letters = text.chars();
    let mut columns = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                letters.find(|letter| *letter == 'm');
            }
            _ => columns += 1,
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_folded_at_spaces_and_no_word_is_cut() {
        assert_eq!(
            folded("one two three", 12, "hint: ", "      "),
            ["hint: one", "      two", "      three"]
        );
        assert_eq!(folded("abcdefgh ij", 4, "", " "), ["abcdefgh", " ij"]);
        assert_eq!(folded("", 4, "- ", ""), ["- "]);
    }

    #[test]
    fn colors_take_no_room() {
        let red = "\u{1b}[31mred\u{1b}[0m";
        assert_eq!(columns(red), 3);
        assert_eq!(
            folded("a b", 7, &format!("{red}: "), ""),
            [format!("{red}: a"), "b".to_owned()]
        );
        assert_eq!(
            folded("a b", 8, &format!("{red}: "), ""),
            [format!("{red}: a b")]
        );
    }
}
