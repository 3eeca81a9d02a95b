//! What XML itself asks for: the next element, text in pieces, entities, and errors for what CLIXML does not have.

use super::{Reader, Result, beginning, is_blank};
use crate::remoting::clixml::xml::{Element, Fault, Piece};
use crate::remoting::clixml::{Error, ErrorKind};
use std::borrow::Cow;

impl<'a> Reader<'a, '_> {
    /// The next element inside `parent`, or nothing once that ends.
    #[inline]
    pub(super) fn child(&mut self, parent: &Element<'a>) -> Result<Option<Element<'a>>> {
        if parent.empty {
            return Ok(None);
        }
        match self.scanner.next_start() {
            Some(child) => Ok(Some(child)),
            None => self.child_or_end(parent),
        }
    }

    fn child_or_end(&mut self, parent: &Element<'a>) -> Result<Option<Element<'a>>> {
        loop {
            match self.piece()? {
                Piece::Start(child) => return Ok(Some(child)),
                Piece::End(name) if name == parent.name => return Ok(None),
                Piece::Comment => {}
                Piece::Text(text) if is_blank(text) => {}
                other => return Err(self.misplaced(other)),
            }
        }
    }

    /// The text inside `element`, with line ends and entities as XML wants them.
    #[inline]
    pub(super) fn text(&mut self, element: &Element<'a>) -> Result<Cow<'a, str>> {
        if element.empty {
            return Ok(Cow::Borrowed(""));
        }
        match self.scanner.plain_text(element.name) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => self.pieced_text(element),
        }
    }

    fn pieced_text(&mut self, element: &Element<'a>) -> Result<Cow<'a, str>> {
        let mut all = String::new();
        loop {
            match self.piece()? {
                Piece::End(name) if name == element.name => return Ok(Cow::Owned(all)),
                Piece::Text(text) | Piece::Data(text) => push_lines(text, &mut all),
                Piece::Reference(reference) => all.push(self.entity(reference)?),
                Piece::Comment => {}
                other => return Err(self.misplaced(other)),
            }
        }
    }

    pub(super) fn piece(&mut self) -> Result<Piece<'a>> {
        self.scanner.next().map_err(|fault| {
            self.error(match fault {
                Fault::Unfinished => ErrorKind::UnexpectedEnd,
                Fault::IllFormed(reason) => ErrorKind::NotXml {
                    reason: reason.to_owned(),
                },
            })
        })
    }

    pub(super) fn entity(&self, name: &str) -> Result<char> {
        let number = |digits: &str, radix| {
            let sound = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, radix).ok().filter(|_| sound);
            code.and_then(char::from_u32)
        };
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix('x') {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => None,
            },
        };
        character.ok_or_else(|| {
            self.error(ErrorKind::UnknownEntity {
                entity: beginning(name),
            })
        })
    }

    /// The error for a piece that CLIXML does not have where it was met.
    pub(super) fn misplaced(&self, piece: Piece<'_>) -> Box<Error> {
        self.error(match piece {
            Piece::DocumentType => ErrorKind::DocumentType,
            Piece::ProcessingInstruction | Piece::Declaration(_) => {
                ErrorKind::ProcessingInstruction
            }
            Piece::Nothing => ErrorKind::UnexpectedEnd,
            Piece::Text(text) | Piece::Data(text) => ErrorKind::StrayText {
                text: beginning(text.trim()),
            },
            Piece::Reference(reference) => ErrorKind::StrayText {
                text: format!("&{};", beginning(reference)),
            },
            Piece::Start(element) => ErrorKind::UnknownElement {
                element: beginning(element.name),
            },
            Piece::End(name) => ErrorKind::NotXml {
                reason: format!("</{}> ends an element that is not open", beginning(name)),
            },
            Piece::Comment => ErrorKind::TrailingContent,
        })
    }
}

/// Appends text in which every line end becomes one line feed (XML 1.0, 2.11).
fn push_lines(text: &str, out: &mut String) {
    for line in text.split_inclusive('\n') {
        match line.strip_suffix("\r\n") {
            Some(line) => {
                out.push_str(&line.replace('\r', "\n"));
                out.push('\n');
            }
            None => out.push_str(&line.replace('\r', "\n")),
        }
    }
}
