//! Where the cursor is: a line of script in [`Piece`]s, and what surrounds a place in it.
//!
//! It looks at letters only, so it is quick enough for every key, and it understands lines that are not finished.

use crate::script::Inside;

/// What a piece of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A text in quotes, perhaps without its end.
    Text,
    /// A comment, perhaps without its end.
    Comment,
    /// `#{`, `::`, `=>` or one sign.
    Sign,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'line> {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it starts.
    pub(super) start: usize,
    /// Its text.
    pub(super) text: &'line str,
    /// Whether a text or a comment has its end.
    pub(super) closed: bool,
}

impl Piece<'_> {
    /// Where it ends.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// Cuts a line into its pieces, leaving out white space.
pub(super) fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(first) = line[start..].chars().next() {
        if first.is_whitespace() {
            start += first.len_utf8();
            continue;
        }
        let rest = &line[start..];
        let (kind, length, closed) = measure(rest, first);
        pieces.push(Piece {
            kind,
            start,
            text: &rest[..length],
            closed,
        });
        start += length;
    }
    pieces
}

fn measure(rest: &str, first: char) -> (Kind, usize, bool) {
    let while_is = |is: fn(char) -> bool| rest.find(|letter| !is(letter)).unwrap_or(rest.len());
    let up_to =
        |end: Option<usize>, of: usize| (end.map_or(rest.len(), |at| at + of), end.is_some());
    if rest.starts_with("//") {
        let end = rest.find('\n');
        return (Kind::Comment, end.unwrap_or(rest.len()), end.is_some());
    }
    if rest.starts_with("/*") {
        let (length, closed) = up_to(rest.find("*/"), 2);
        return (Kind::Comment, length, closed);
    }
    match first {
        '"' | '`' | '\'' => {
            let (length, closed) = up_to(closing_quote(rest, first), 1);
            (Kind::Text, length, closed)
        }
        letter if is_of_word(letter) && !letter.is_ascii_digit() => {
            (Kind::Word, while_is(is_of_word), true)
        }
        digit if digit.is_ascii_digit() => (Kind::Number, while_is(is_of_word), true),
        _ => {
            let double = ["#{", "::", "=>", "?."]
                .iter()
                .find(|sign| rest.starts_with(**sign));
            (
                Kind::Sign,
                double.map_or(first.len_utf8(), |sign| sign.len()),
                true,
            )
        }
    }
}

fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            letter if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether a letter can be part of a name.
pub(super) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether a comment has no end yet.
pub(super) fn has_open_comment(text: &str) -> bool {
    let last = pieces(text).pop();
    last.is_some_and(|piece| piece.text.starts_with("/*") && !piece.closed)
}

/// What stands before a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain<'line> {
    /// The first name.
    pub(super) base: &'line str,
    /// The call on the base that the rest goes on from, such as `get_auth_server` in `onprem.get_auth_server()[0]`.
    pub(super) call: Option<&'line str>,
    /// The way from there.
    pub(super) path: Vec<Inside>,
}

/// Reads backwards what stands before a dot; `None` where it is not a name with properties, items and calls.
pub(super) fn chain<'line>(before: &[Piece<'line>]) -> Option<Chain<'line>> {
    let mut rest = before;
    let mut path = Vec::new();
    let mut call = None;
    loop {
        let (last, before) = rest.split_last()?;
        rest = before;
        if last.is("]") {
            rest = &rest[..opening(rest, "[", "]")?];
            path.push(Inside::Item);
            continue;
        }
        let called = last.is(")");
        let name = if called {
            rest = &rest[..opening(rest, "(", ")")?];
            let (name, before) = rest.split_last()?;
            rest = before;
            name
        } else {
            last
        };
        if name.kind != Kind::Word {
            return None;
        }
        let member = rest
            .last()
            .is_some_and(|sign| sign.is(".") || sign.is("?."));
        match (called, member) {
            (true, _) if call.is_some() => return None,
            (true, true) => call = Some(name.text),
            (true, false) => return None,
            // What comes before a call says only where it is made.
            (false, true) if call.is_some() => return None,
            (false, true) => path.push(Inside::Property(name.text.to_owned())),
            (false, false) => {
                path.reverse();
                return Some(Chain {
                    base: name.text,
                    call,
                    path,
                });
            }
        }
        rest = rest.split_last()?.1;
    }
}

/// Where the bracket was opened that is closed behind `pieces`.
fn opening(pieces: &[Piece], open: &str, close: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, piece) in pieces.iter().enumerate().rev() {
        if piece.is(close) {
            depth += 1;
        } else if piece.is(open) {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// A bracket that is open at the end of the pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// Which piece it is.
    pub(super) at: usize,
    /// Whether it is `(`, `[`, `{` or `#{`.
    pub(super) map: bool,
    /// Whether it is `(`.
    pub(super) round: bool,
}

/// The brackets that are open at the end of the pieces, innermost last.
pub(super) fn open_brackets(pieces: &[Piece]) -> Vec<Open> {
    let mut open = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.kind != Kind::Sign {
            continue;
        }
        match piece.text {
            "(" | "[" | "{" | "#{" => open.push(Open {
                at,
                map: piece.text == "#{",
                round: piece.text == "(",
            }),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// The partner of the bracket at a place, or right before it.
pub(super) fn partner(pieces: &[Piece], position: usize) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.kind != Kind::Sign {
            continue;
        }
        match piece.text {
            "(" | "[" | "{" | "#{" => open.push(at),
            ")" | "]" | "}" => {
                let start = open.pop()?;
                let at_cursor = |piece: &Piece| piece.start == position || piece.end() == position;
                if at_cursor(piece) || at_cursor(&pieces[start]) {
                    return Some((start, at));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        pieces(line).iter().map(|piece| piece.text).collect()
    }

    fn chain_of(line: &str) -> Option<Chain<'_>> {
        chain(&pieces(line))
    }

    #[test]
    fn a_line_is_cut_even_when_it_is_not_finished() {
        assert_eq!(
            texts("f(\"a \\\" b\", #{ x: 1.5 }) // end"),
            [
                "f",
                "(",
                "\"a \\\" b\"",
                ",",
                "#{",
                "x",
                ":",
                "1",
                ".",
                "5",
                "}",
                ")",
                "// end"
            ]
        );
        let last = |line| pieces(line).pop().map(|piece| (piece.kind, piece.closed));
        assert_eq!(last("say(\"abc"), Some((Kind::Text, false)));
        assert_eq!(last("/* x"), Some((Kind::Comment, false)));
        assert_eq!(last("a é"), Some((Kind::Word, true)));
    }

    #[test]
    fn what_stands_before_a_dot_is_a_name_with_a_way_from_it() {
        let property = |name: &str| Inside::Property(name.to_owned());
        let chain = |base, call, path: Vec<Inside>| Some(Chain { base, call, path });
        assert_eq!(chain_of("1 + x"), chain("x", None, vec![]));
        assert_eq!(
            chain_of("f(x.a[y(1)].b"),
            chain("x", None, vec![property("a"), Inside::Item, property("b")])
        );
        assert_eq!(
            chain_of("onprem.get_auth_server(\"a\")[0]"),
            chain("onprem", Some("get_auth_server"), vec![Inside::Item])
        );
        assert_eq!(chain_of("f(x)"), None);
        assert_eq!(chain_of("1"), None);
    }

    #[test]
    fn only_a_comment_between_signs_goes_on_in_the_next_line() {
        assert!(has_open_comment("1 /* one"));
        assert!(!has_open_comment("1 /* one */") && !has_open_comment("1 // one"));
    }

    #[test]
    fn a_bracket_has_a_partner_outside_of_texts() {
        let line = "f(\"(\", [1])";
        assert_eq!(partner(&pieces(line), line.len()), Some((1, 7)));
        assert_eq!(partner(&pieces("(a"), 0), None);
    }
}
