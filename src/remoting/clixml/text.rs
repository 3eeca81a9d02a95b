//! Text as CLIXML writes it: the encodings of a document, and the `_xHHHH_` escapes (MS-PSRP 2.2.5.3.2).
//!
//! The escapes are UTF-16 units: a character beyond the basic plane is two of them, and a text may hold one alone.

use std::borrow::Cow;

/// Why bytes are not a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotText {
    /// Where the first byte is that cannot be read.
    pub(super) at: usize,
    /// The encoding that was tried.
    pub(super) encoding: &'static str,
}

/// How a document was encoded, to tell where in the bytes a place of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    mark: usize,
    wide: bool,
}

impl Encoding {
    /// UTF-8 without a byte-order mark.
    pub(super) const PLAIN: Self = Self {
        mark: 0,
        wide: false,
    };

    /// The offset in the bytes of the offset `at` in the text.
    pub(super) fn byte_offset(self, text: &str, at: usize) -> usize {
        let before = text.get(..at).unwrap_or(text);
        if self.wide {
            self.mark + 2 * before.encode_utf16().count()
        } else {
            self.mark + before.len()
        }
    }
}

/// Reads a document as UTF-8, or as UTF-16 where a byte-order mark or the form of its first character says so.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<(Cow<'_, str>, Encoding), NotText> {
    let wide = |mark, little| {
        let text = from_utf16(bytes, mark, little)?;
        Ok((Cow::Owned(text), Encoding { mark, wide: true }))
    };
    match bytes {
        [0xFF, 0xFE, ..] => wide(2, true),
        [0xFE, 0xFF, ..] => wide(2, false),
        [b'<', 0, ..] => wide(0, true),
        [0, b'<', ..] => wide(0, false),
        _ => {
            let mark = if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
                3
            } else {
                0
            };
            let text = str::from_utf8(&bytes[mark..]).map_err(|error| NotText {
                at: mark + error.valid_up_to(),
                encoding: "UTF-8",
            })?;
            Ok((Cow::Borrowed(text), Encoding { mark, wide: false }))
        }
    }
}

fn from_utf16(bytes: &[u8], mark: usize, little: bool) -> Result<String, NotText> {
    let (pairs, rest) = bytes[mark..].as_chunks::<2>();
    let units = pairs.iter().map(|pair| match little {
        true => u16::from_le_bytes(*pair),
        false => u16::from_be_bytes(*pair),
    });
    let not_text = |at| NotText {
        at,
        encoding: "UTF-16",
    };
    let mut text = String::with_capacity(pairs.len());
    let mut at = mark;
    for character in char::decode_utf16(units) {
        let character = character.map_err(|_| not_text(at))?;
        at += 2 * character.len_utf16();
        text.push(character);
    }
    if rest.is_empty() {
        Ok(text)
    } else {
        Err(not_text(at))
    }
}

/// A text whose escapes are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unescaped<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// UTF-16 units with a surrogate that has no partner.
    IllFormed(Vec<u16>),
}

/// Resolves `_xHHHH_` and `_xHHHHHHHH_`; what only looks like an escape stays as it is.
pub(super) fn unescape(text: Cow<'_, str>) -> Unescaped<'_> {
    let Some(first) = find_escape(&text, 0) else {
        return Unescaped::Text(text);
    };
    let mut plain = String::with_capacity(text.len());
    // The units since a surrogate was met that may be without partner; `None` while everything is well-formed.
    let mut units: Option<Vec<u16>> = None;
    let mut high = None;
    let mut from = 0;
    let mut next = Some(first);
    while let Some((at, escape)) = next {
        let between = &text[from..at];
        if !between.is_empty() {
            flush_alone(&mut high, &plain, &mut units);
            push_text(between, &mut plain, &mut units);
        }
        from = at + escape.length;
        push_escape(escape.code, &mut high, &mut plain, &mut units);
        next = find_escape(&text, from);
    }
    flush_alone(&mut high, &plain, &mut units);
    push_text(&text[from..], &mut plain, &mut units);
    match units {
        None => Unescaped::Text(Cow::Owned(plain)),
        Some(units) => Unescaped::IllFormed(units),
    }
}

/// Takes one escaped unit, and joins it to the high surrogate before it.
fn push_escape(
    code: u32,
    high: &mut Option<u16>,
    plain: &mut String,
    units: &mut Option<Vec<u16>>,
) {
    if let Some(character) = char::from_u32(code) {
        flush_alone(high, plain, units);
        push_text(character.encode_utf8(&mut [0; 4]), plain, units);
        return;
    }
    // `find_escape` yields scalar values and surrogates only, and a surrogate fits into sixteen bits.
    let unit = (code & 0xFFFF) as u16;
    match high.take() {
        Some(first) if (0xDC00..0xE000).contains(&unit) => {
            let pair = char::decode_utf16([first, unit]).flatten().next();
            if let Some(character) = pair {
                push_text(character.encode_utf8(&mut [0; 4]), plain, units);
            }
        }
        first => {
            *high = first;
            flush_alone(high, plain, units);
            *high = Some(unit);
            if unit >= 0xDC00 {
                flush_alone(high, plain, units);
            }
        }
    }
}

/// Writes down a surrogate that found no partner: from here on the text is UTF-16 units.
fn flush_alone(high: &mut Option<u16>, plain: &str, units: &mut Option<Vec<u16>>) {
    if let Some(unit) = high.take() {
        units
            .get_or_insert_with(|| plain.encode_utf16().collect())
            .push(unit);
    }
}

fn push_text(text: &str, plain: &mut String, units: &mut Option<Vec<u16>>) {
    match units {
        Some(units) => units.extend(text.encode_utf16()),
        None => plain.push_str(text),
    }
}

struct Escape {
    code: u32,
    length: usize,
}

/// The first escape at or after `from`.
fn find_escape(text: &str, from: usize) -> Option<(usize, Escape)> {
    let bytes = text.as_bytes();
    if !bytes[from..].contains(&b'_') {
        return None;
    }
    (from..bytes.len().saturating_sub(6))
        .filter(|at| bytes[*at] == b'_')
        .find_map(|at| escape_at(&bytes[at..]).map(|escape| (at, escape)))
}

/// The escape these bytes begin with; the eight-digit form is one that .NET reads and never writes.
fn escape_at(bytes: &[u8]) -> Option<Escape> {
    let [b'_', b'x' | b'X', rest @ ..] = bytes else {
        return None;
    };
    let end = rest.iter().take(9).position(|byte| *byte == b'_')?;
    let code = hexadecimal(&rest[..end])?;
    let sound = match end {
        4 => true,
        8 => code > 0xFFFF && char::from_u32(code).is_some(),
        _ => false,
    };
    sound.then_some(Escape {
        code,
        length: end + 3,
    })
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(code << 4 | digit)
    })
}

/// Appends `text` as the content of an element or attribute, escaped for PowerShell and for XML.
pub(super) fn escape(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !NEEDS_CARE[usize::from(*byte)] {
            continue;
        }
        let length = match *byte {
            b'_' if !matches!(bytes.get(at + 1), Some(b'x' | b'X')) => continue,
            // U+0080 to U+009F are the control characters of two bytes.
            0xC2 if bytes.get(at + 1).is_none_or(|second| *second > 0x9F) => continue,
            0xC2 => 2,
            0xF0.. => 4,
            _ => 1,
        };
        out.push_str(&text[from..at]);
        from = at + length;
        match byte {
            b'&' => out.push_str("&amp;"),
            b'<' => out.push_str("&lt;"),
            b'>' => out.push_str("&gt;"),
            b'"' => out.push_str("&quot;"),
            _ => text[at..from]
                .encode_utf16()
                .for_each(|unit| push_unit(unit, out)),
        }
    }
    out.push_str(&text[from..]);
}

/// Appends UTF-16 units as the content of an element.
pub(super) fn escape_units(units: &[u16], out: &mut String) {
    let mut well_formed = String::new();
    for item in char::decode_utf16(units.iter().copied()) {
        match item {
            Ok(character) => well_formed.push(character),
            Err(error) => {
                escape(&std::mem::take(&mut well_formed), out);
                push_unit(error.unpaired_surrogate(), out);
            }
        }
    }
    escape(&well_formed, out);
}

fn push_unit(unit: u16, out: &mut String) {
    out.push_str("_x");
    for shift in [12, 8, 4, 0] {
        let digit = usize::from(unit >> shift & 0xF);
        out.push(char::from(b"0123456789ABCDEF"[digit]));
    }
    out.push('_');
}

/// The bytes that begin something to be escaped, or may do so.
const NEEDS_CARE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(
            byte as u8,
            0..=0x1F | 0x7F | 0xC2 | 0xF0.. | b'_' | b'&' | b'<' | b'>' | b'"'
        );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(text, &mut out);
        out
    }

    fn plain(text: &str) -> Unescaped<'_> {
        unescape(Cow::Borrowed(text))
    }

    fn text(text: &str) -> Unescaped<'_> {
        Unescaped::Text(Cow::Borrowed(text))
    }

    #[test]
    fn escapes_are_those_of_powershell() {
        assert_eq!(escaped("a\tb\r\nc"), "a_x0009_b_x000D__x000A_c");
        assert_eq!(escaped("_x000A_ _X _y"), "_x005F_x000A_ _x005F_X _y");
        assert_eq!(
            escaped("\u{7f}\u{85}\u{9f}\u{a0}é"),
            "_x007F__x0085__x009F_\u{a0}é"
        );
        assert_eq!(escaped("x😀y"), "x_xD83D__xDE00_y");
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(plain("a_x000D__x000A_b"), text("a\r\nb"));
        assert_eq!(plain("_x005F_x000D_"), text("_x000D_"));
        assert_eq!(plain("_xD83D__xDE00_"), text("😀"));
        assert_eq!(plain("_X0041_ _x0041_x0042_"), text("A Ax0042_"));
        assert_eq!(plain("_x0001F600_"), text("😀"));
        assert_eq!(
            plain("_x_ _x00g0_ _x041_ _x00041_ _x"),
            text("_x_ _x00g0_ _x041_ _x00041_ _x")
        );
        assert_eq!(plain("__x0041__"), text("_A_"));
    }

    #[test]
    fn a_lone_surrogate_is_kept_as_a_unit() {
        assert_eq!(
            plain("a_xD83D_b_xDE00__xD83D__xD83D__xDE00_"),
            Unescaped::IllFormed(vec![0x61, 0xD83D, 0x62, 0xDE00, 0xD83D, 0xD83D, 0xDE00])
        );
        assert_eq!(plain("_xDC00_"), Unescaped::IllFormed(vec![0xDC00]));
        assert_eq!(plain("_xD800_"), Unescaped::IllFormed(vec![0xD800]));
        let mut out = String::new();
        escape_units(&[0x61, 0xD83D, 0x5F, 0x78, 0xD83D, 0xDE00], &mut out);
        assert_eq!(out, "a_xD83D__x005F_x_xD83D__xDE00_");
    }

    #[test]
    fn every_character_survives() {
        for character in (0..=0x2_FFFF).filter_map(char::from_u32) {
            let original = format!("a{character}_x{character}");
            let mut out = String::new();
            escape(&original, &mut out);
            let read = out
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&amp;", "&");
            assert_eq!(plain(&read), text(&original));
        }
    }

    #[test]
    fn a_byte_order_mark_chooses_the_encoding() {
        let wide: Vec<u8> = "\u{feff}<ä/>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}<ä/>"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for bytes in [
            wide.as_slice(),
            &big,
            "\u{feff}<ä/>".as_bytes(),
            "<ä/>".as_bytes(),
            &wide[2..],
            &big[2..],
        ] {
            assert_eq!(from_bytes(bytes).unwrap().0, "<ä/>");
        }
        assert_eq!(from_bytes(&wide).unwrap().1.byte_offset("<ä/>", 3), 6);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_where_they_are() {
        let error = |at, encoding| Err(NotText { at, encoding });
        assert_eq!(from_bytes(b"<S>\xFF</S>"), error(3, "UTF-8"));
        assert_eq!(from_bytes(b"\xEF\xBB\xBF<\xC3"), error(4, "UTF-8"));
        assert_eq!(from_bytes(b"\xFF\xFE<\0\0\xD8<\0"), error(4, "UTF-16"));
        assert_eq!(from_bytes(b"\xFF\xFE<\0>"), error(4, "UTF-16"));
    }
}
