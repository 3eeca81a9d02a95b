//! [`Scanner`]: the pieces of an XML text, one after the other, borrowed from it.
//!
//! It knows as much of XML as CLIXML can contain and no more, which is why it is several times as fast as a general
//! reader. Whether tags match is for the caller to see, who knows what is open; a test compares its pieces with those
//! of a general reader.

/// One piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// `<name attributes>`, or `<name attributes />`.
    Start(Element<'a>),
    /// `</name>`.
    End(&'a str),
    /// Characters as they are written, without references.
    Text(&'a str),
    /// What is in `<![CDATA[...]]>`.
    Data(&'a str),
    /// What is between `&` and `;`.
    Reference(&'a str),
    /// `<!-- ... -->`.
    Comment,
    /// The attributes of `<?xml ... ?>` at the very beginning.
    Declaration(&'a str),
    /// `<? ... ?>`.
    ProcessingInstruction,
    /// `<!DOCTYPE`, where reading stops.
    DocumentType,
    /// The end of the text.
    Nothing,
}

/// An element as its start tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its name, with a prefix if it has one.
    pub(super) name: &'a str,
    /// Everything between its name and the end of the tag.
    pub(super) attributes: &'a str,
    /// Says whether it has no end tag.
    pub(super) empty: bool,
}

/// Why the next piece is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text ends inside it.
    Unfinished,
    /// It is not well-formed.
    IllFormed(&'static str),
}

/// Goes through a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The offset behind the last piece, or of the one that could not be read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next piece.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Piece<'a>, Fault> {
        let rest = &self.text[self.at..];
        match rest.as_bytes() {
            [] => Ok(Piece::Nothing),
            [b'<', b'/', ..] => self.end(rest),
            [b'<', b'!' | b'?', ..] => self.other(rest),
            [b'<', ..] => self.start(rest),
            [b'&', ..] => {
                let (reference, _) = rest[1..]
                    .split_once(';')
                    .filter(|(reference, _)| !reference.contains(['<', '&']))
                    .ok_or(Fault::IllFormed("a reference without its semicolon"))?;
                self.at += reference.len() + 2;
                Ok(Piece::Reference(reference))
            }
            bytes => {
                let end = find(bytes, |byte| matches!(byte, b'<' | b'&')).unwrap_or(bytes.len());
                self.at += end;
                Ok(Piece::Text(&rest[..end]))
            }
        }
    }

    /// The start tag that comes next, if only blanks are before it.
    #[inline]
    pub(super) fn next_start(&mut self) -> Option<Element<'a>> {
        let rest = self.text[self.at..].trim_ascii_start();
        let tag = matches!(rest.as_bytes(), [b'<', first, ..] if first.is_ascii_alphabetic());
        if !tag {
            return None;
        }
        let from = self.at;
        self.at = self.text.len() - rest.len();
        match self.start(rest) {
            Ok(Piece::Start(element)) => Some(element),
            _ => {
                self.at = from;
                None
            }
        }
    }

    /// The text up to the end tag `name`, both passed, if there is nothing else and no line end to be changed.
    #[inline]
    pub(super) fn plain_text(&mut self, name: &str) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let end = find(rest.as_bytes(), |byte| matches!(byte, b'<' | b'&' | b'\r'))?;
        let behind = rest[end..].strip_prefix("</")?;
        let behind = behind.strip_prefix(name)?.strip_prefix('>')?;
        self.at = self.text.len() - behind.len();
        Some(&rest[..end])
    }

    #[inline]
    fn start(&mut self, rest: &'a str) -> Result<Piece<'a>, Fault> {
        let bytes = rest.as_bytes();
        let end = tag_end(bytes)?;
        let empty = bytes[end - 1] == b'/';
        let inside = &rest[1..if empty { end - 1 } else { end }];
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let name_end = inside.bytes().position(|byte| is_space(&byte));
        let (name, attributes) = inside.split_at(name_end.unwrap_or(inside.len()));
        if name.is_empty() {
            return Err(Fault::IllFormed("a tag without a name"));
        }
        self.at += end + 1;
        Ok(Piece::Start(Element {
            name,
            attributes,
            empty,
        }))
    }

    fn end(&mut self, rest: &'a str) -> Result<Piece<'a>, Fault> {
        let (tag, _) = rest.split_once('>').ok_or(Fault::Unfinished)?;
        self.at += tag.len() + 1;
        Ok(Piece::End(tag[2..].trim_ascii_end()))
    }

    fn other(&mut self, rest: &'a str) -> Result<Piece<'a>, Fault> {
        if let Some(comment) = rest.strip_prefix("<!--") {
            let (comment, behind) = comment.split_once("--").ok_or(Fault::Unfinished)?;
            if !behind.starts_with('>') {
                return Err(Fault::IllFormed("two hyphens inside a comment"));
            }
            self.at += comment.len() + 7;
            return Ok(Piece::Comment);
        }
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let (data, _) = data.split_once("]]>").ok_or(Fault::Unfinished)?;
            self.at += data.len() + 12;
            return Ok(Piece::Data(data));
        }
        if rest.starts_with("<?") {
            let (instruction, _) = rest.split_once("?>").ok_or(Fault::Unfinished)?;
            let first = self.at == 0;
            self.at += instruction.len() + 2;
            return Ok(match instruction.strip_prefix("<?xml") {
                Some(attributes) if first && attributes.starts_with([' ', '\t', '\r', '\n']) => {
                    Piece::Declaration(attributes)
                }
                _ => Piece::ProcessingInstruction,
            });
        }
        if rest.starts_with("<!DOCTYPE") {
            return Ok(Piece::DocumentType);
        }
        if ["<!--", "<![CDATA[", "<!DOCTYPE"]
            .iter()
            .any(|begin| begin.starts_with(rest))
        {
            return Err(Fault::Unfinished);
        }
        Err(Fault::IllFormed("markup that XML does not have here"))
    }
}

/// Where the tag that the bytes begin with has its `>`, quoted ones passed over.
#[inline]
fn tag_end(bytes: &[u8]) -> Result<usize, Fault> {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            Some(b'>') => return Ok(at),
            Some(quote @ (b'"' | b'\'')) => {
                let behind = &bytes[at + 1..];
                let length = behind.iter().position(|byte| byte == quote);
                at += 2 + length.ok_or(Fault::Unfinished)?;
            }
            Some(b'<') => return Err(Fault::IllFormed("a tag inside a tag")),
            Some(_) => at += 1,
            None => return Err(Fault::Unfinished),
        }
    }
}

/// The first byte that is looked for: sixteen at a time, then one by one.
#[inline]
fn find(bytes: &[u8], is_it: impl Fn(u8) -> bool) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<16>();
    let without = |chunk: &&[u8; 16]| !chunk.iter().fold(false, |found, byte| found | is_it(*byte));
    let passed = 16 * chunks.iter().take_while(without).count();
    let behind = bytes[passed..].iter().position(|byte| is_it(*byte))?;
    Some(passed + behind)
}

/// An attribute as it is written, and what follows it.
pub(super) struct Attribute<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
    pub(super) rest: &'a str,
}

impl<'a> Attribute<'a> {
    /// Takes the first attribute off, or returns what is not one.
    #[inline]
    pub(super) fn split(text: &'a str) -> Result<Option<Self>, &'a str> {
        let attribute = text.trim_ascii_start();
        if attribute.is_empty() {
            return Ok(None);
        }
        let parts = || {
            // White space has to stand before each attribute.
            let after_space = attribute.len() < text.len();
            let equals = attribute.bytes().position(|byte| byte == b'=');
            let (key, value) = attribute.split_at(equals.filter(|_| after_space)?);
            let value = value[1..].trim_ascii_start();
            let quote = value.bytes().next().filter(|c| matches!(c, b'"' | b'\''))?;
            let end = value[1..].bytes().position(|byte| byte == quote)?;
            let (value, rest) = (&value[1..=end], &value[end + 2..]);
            let key = key.trim_ascii_end();
            let sound = !key.is_empty() && !value.as_bytes().contains(&b'<');
            sound.then_some(Self { key, value, rest })
        };
        parts().map(Some).ok_or(attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_xml::events::Event;

    /// What a general reader makes of the text, in the same words; `None` where it refuses.
    fn by_another(text: &str) -> Option<Vec<String>> {
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        reader.config_mut().check_comments = true;
        let mut pieces = Vec::new();
        loop {
            pieces.push(match reader.read_event().ok()? {
                Event::Start(start) => format!("{} |{}", start.name().0, start.attributes_raw()),
                Event::Empty(start) => format!("{}/|{}", start.name().0, start.attributes_raw()),
                Event::End(end) => format!("end {}", end.name().0),
                Event::Text(text) => format!("text {}", &*text),
                Event::CData(data) => format!("data {}", &*data),
                Event::GeneralRef(reference) => format!("reference {}", &*reference),
                Event::Comment(_) => "comment".to_owned(),
                Event::Decl(_) | Event::PI(_) => "instruction".to_owned(),
                Event::DocType(_) => "type".to_owned(),
                Event::Eof => return Some(pieces),
            });
        }
    }

    fn by_us(text: &str) -> Option<Vec<String>> {
        let mut scanner = Scanner::new(text);
        let mut pieces = Vec::new();
        loop {
            pieces.push(match scanner.next().ok()? {
                Piece::Start(Element {
                    name,
                    attributes,
                    empty,
                }) => format!("{name}{}|{attributes}", if empty { '/' } else { ' ' }),
                Piece::End(name) => format!("end {name}"),
                Piece::Text(text) => format!("text {text}"),
                Piece::Data(data) => format!("data {data}"),
                Piece::Reference(reference) => format!("reference {reference}"),
                Piece::Comment => "comment".to_owned(),
                Piece::Declaration(_) | Piece::ProcessingInstruction => "instruction".to_owned(),
                Piece::DocumentType => {
                    pieces.push("type".to_owned());
                    return Some(pieces);
                }
                Piece::Nothing => return Some(pieces),
            });
        }
    }

    #[test]
    fn the_pieces_are_those_of_a_general_reader() {
        const PARTS: [&str; 24] = [
            "<S>",
            "</S>",
            "<S N=\"a\">",
            "<Nil />",
            "<a b='>' c = \"'\"\n/>",
            "text",
            " \r\n",
            "&amp;",
            "&#65;",
            "&",
            ";",
            "<!-- a -->",
            "<!-- a - b -->",
            "<![CDATA[ <x> ]]>",
            "<?xml version=\"1.0\"?>",
            "<?pi a?>",
            "</T >",
            "é😀",
            "0123456789abcdef0123",
            "<S",
            ">",
            "\"",
            "--",
            "]]>",
        ];
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut both = 0;
        for _ in 0..50_000 {
            let mut text = String::new();
            for _ in 0..6 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text.push_str(PARTS[(state % 24) as usize]);
            }
            // We refuse some of what is not XML and the other one lets pass, never the reverse.
            let (ours, other) = (by_us(&text), by_another(&text));
            if let Some(ours) = ours {
                assert_eq!(Some(ours), other, "{text:?}");
                both += 1;
            }
        }
        assert!(both > 10_000, "only {both} texts were read by both");
    }
}
