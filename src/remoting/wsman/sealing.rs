//! [`SealedPart`]: the MIME framing in which encrypted envelopes travel over plain HTTP (MS-WSMV 2.2.9.1).
//!
//! The body names what is sealed, then gives a signature and the sealed bytes; large bodies may hold several such pairs.
//! Nothing is encrypted here: a security context does that with each part.

use super::envelope::CONTENT_TYPE;
use std::fmt;

/// Under which authentication scheme a message is sealed; it only decides how the framing calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The schemes `Negotiate` and `NTLM`.
    Spnego,
    /// The scheme `Kerberos`.
    Kerberos,
}

impl Protection {
    /// The media type of the sealed content (MS-WSMV 2.2.9.1.1).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Spnego => "application/HTTP-SPNEGO-session-encrypted",
            Self::Kerberos => "application/HTTP-Kerberos-session-encrypted",
        }
    }

    /// The `Content-Type` of a sealed body.
    pub fn content_type(self) -> String {
        format!(
            "multipart/encrypted;protocol=\"{}\";boundary=\"{BOUNDARY}\"",
            self.media_type()
        )
    }
}

/// A sealed envelope, or a piece of a large one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPart {
    /// The length of the text before it was sealed.
    pub length: usize,
    /// What the security context needs to check and open it.
    pub signature: Vec<u8>,
    /// The sealed bytes.
    pub data: Vec<u8>,
}

/// A sealed body that is not framed as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingError {
    /// Where, in bytes.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

impl fmt::Display for SealingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the sealed message is damaged: expected {} at byte {}",
            self.expected, self.at
        )
    }
}

impl std::error::Error for SealingError {}

/// Says whether a body with this `Content-Type` is sealed.
pub fn is_sealed(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/encrypted")
}

/// Reads from a `Content-Type` under which scheme the body was sealed; nothing when it names none that is known.
pub fn protection(content_type: &str) -> Option<Protection> {
    let named = parameter(content_type, "protocol")?;
    [Protection::Spnego, Protection::Kerberos]
        .into_iter()
        .find(|protection| protection.media_type().eq_ignore_ascii_case(named))
}

/// Frames one sealed envelope.
pub fn frame(protection: Protection, part: &SealedPart) -> Vec<u8> {
    let signature_length = u32::try_from(part.signature.len()).unwrap_or(u32::MAX);
    let mut body = format!(
        "--{BOUNDARY}\r\n\tContent-Type: {media_type}\r\n\tOriginalContent: type={CONTENT_TYPE};Length={length}\r\n\
         --{BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n",
        media_type = protection.media_type(),
        length = part.length,
    )
    .into_bytes();
    body.extend_from_slice(&signature_length.to_le_bytes());
    body.extend_from_slice(&part.signature);
    body.extend_from_slice(&part.data);
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Reads the parts of a sealed body, in order.
///
/// White space after `--` is accepted, since services that run inside IIS write it, and so is padding after the data.
///
/// # Errors
///
/// [`SealingError`] when the body is not framed so.
pub fn unframe(content_type: &str, body: &[u8]) -> Result<Vec<SealedPart>, SealingError> {
    let boundary = parameter(content_type, "boundary").unwrap_or(BOUNDARY);
    let mut reader = Reader {
        body,
        at: 0,
        boundary: boundary.as_bytes(),
    };
    let mut parts = Vec::new();
    reader.delimiter()?;
    loop {
        parts.push(reader.part()?);
        if reader.delimiter()? == Delimiter::Last {
            return Ok(parts);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Between,
    Last,
}

struct Reader<'body> {
    body: &'body [u8],
    at: usize,
    boundary: &'body [u8],
}

impl<'body> Reader<'body> {
    /// Reads the headers of the content, a delimiter, and the content.
    fn part(&mut self) -> Result<SealedPart, SealingError> {
        let mut length = None;
        while self.delimiter_at(self.at).is_none() {
            let line = self.line()?;
            if let Some(original) = header(line, "OriginalContent") {
                let digits = parameter(original, "Length");
                length = Some(digits.and_then(|digits| digits.parse().ok()));
            }
        }
        let length: usize = length
            .flatten()
            .ok_or(self.expected("the length of the content"))?;
        self.delimiter()?;
        let kind = self.line()?;
        if !header(kind, "Content-Type")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/octet-stream"))
        {
            return Err(self.expected("the header of the sealed bytes"));
        }
        // Some write the empty line that MIME wants and Windows leaves out; no signature has 2,573 bytes or more.
        if self.rest().starts_with(b"\r\n") {
            self.at += 2;
        }
        let signature = self.signature()?;
        let data = self.data(length)?;
        Ok(SealedPart {
            length,
            signature,
            data,
        })
    }

    fn signature(&mut self) -> Result<Vec<u8>, SealingError> {
        let length = self
            .rest()
            .first_chunk::<4>()
            .map(|bytes| u32::from_le_bytes(*bytes) as usize)
            .filter(|length| *length <= LARGEST_SIGNATURE)
            .ok_or(self.expected("the length of the signature"))?;
        self.at += 4;
        let signature = self
            .rest()
            .get(..length)
            .ok_or(self.expected("the signature"))?
            .to_vec();
        self.at += length;
        Ok(signature)
    }

    /// The bytes up to the next delimiter, which cannot come before the length of the content.
    fn data(&mut self, length: usize) -> Result<Vec<u8>, SealingError> {
        let start = self.at;
        let first = start.checked_add(length);
        let end = first
            .filter(|first| *first <= self.body.len())
            .and_then(|first| {
                let last = self.body.len().min(first + LARGEST_PADDING);
                (first..=last).find(|at| self.delimiter_at(*at).is_some())
            })
            .ok_or(self.expected("the sealed bytes and a boundary after them"))?;
        self.at = end;
        Ok(self.body[start..end].to_vec())
    }

    fn delimiter(&mut self) -> Result<Delimiter, SealingError> {
        let (delimiter, end) = self
            .delimiter_at(self.at)
            .ok_or(self.expected("a boundary"))?;
        self.at = end;
        Ok(delimiter)
    }

    /// Reads `--`, white space, the boundary, and the end of the line or of the body.
    fn delimiter_at(&self, at: usize) -> Option<(Delimiter, usize)> {
        let rest = self.body.get(at..)?.strip_prefix(b"--")?;
        let spaces = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let rest = rest[spaces..].strip_prefix(self.boundary)?;
        let (delimiter, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (Delimiter::Last, rest),
            None => (Delimiter::Between, rest),
        };
        let rest = match rest.strip_prefix(b"\r\n") {
            Some(rest) => rest,
            None if delimiter == Delimiter::Last && rest.is_empty() => rest,
            None => return None,
        };
        Some((delimiter, self.body.len() - rest.len()))
    }

    fn line(&mut self) -> Result<&'body str, SealingError> {
        let rest = self.rest();
        let line = rest
            .windows(2)
            .take(LONGEST_LINE)
            .position(|pair| pair == b"\r\n")
            .and_then(|end| std::str::from_utf8(&rest[..end]).ok())
            .ok_or(self.expected("a header line"))?;
        self.at += line.len() + 2;
        Ok(line)
    }

    fn rest(&self) -> &'body [u8] {
        &self.body[self.at..]
    }

    fn expected(&self, expected: &'static str) -> SealingError {
        SealingError {
            at: self.at,
            expected,
        }
    }
}

/// The value of a header line, if it is this header.
fn header<'line>(line: &'line str, name: &str) -> Option<&'line str> {
    let (found, value) = line.split_once(':')?;
    found
        .trim()
        .eq_ignore_ascii_case(name)
        .then_some(value.trim())
}

/// The value of a `name=value` parameter, without its quotation marks.
fn parameter<'value>(value: &'value str, name: &str) -> Option<&'value str> {
    value.split(';').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim().trim_matches('"'))
    })
}

/// What Windows writes, with the space.
const BOUNDARY: &str = "Encrypted Boundary";

/// No mechanism signs with more; CredSSP's are the largest.
const LARGEST_SIGNATURE: usize = 2048;

/// More than any block cipher pads.
const LARGEST_PADDING: usize = 256;

const LONGEST_LINE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(length: usize, data: &[u8]) -> SealedPart {
        SealedPart {
            length,
            signature: vec![1, 2, 3, 4],
            data: data.to_vec(),
        }
    }

    const SPNEGO: &str = "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\"";

    #[test]
    fn a_sealed_envelope_is_framed_as_windows_does_it() {
        let framed = frame(Protection::Kerberos, &part(3, b"abc"));
        let expected = b"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-Kerberos-session-encrypted\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=3\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n\x04\x00\x00\x00\x01\x02\x03\x04abc--Encrypted Boundary--\r\n";
        assert_eq!(
            String::from_utf8_lossy(&framed),
            String::from_utf8_lossy(expected)
        );
        assert_eq!(Protection::Spnego.content_type(), SPNEGO);
        assert_eq!(protection(SPNEGO), Some(Protection::Spnego));
        assert!(is_sealed(SPNEGO) && !is_sealed("application/soap+xml"));
    }

    #[test]
    fn what_is_framed_is_read_again_even_when_it_looks_like_a_boundary() {
        let data = b"--Encrypted Boundary\r\n--Encrypted Boundary--\r\nand more";
        let sealed = part(data.len(), data);
        let framed = frame(Protection::Spnego, &sealed);
        assert_eq!(unframe(SPNEGO, &framed), Ok(vec![sealed]));
    }

    #[test]
    fn spaces_other_boundaries_padding_and_several_parts_are_read() {
        let one = |text: &str, pad: &str| {
            format!(
                "-- b\r\nContent-Type: application/HTTP-SPNEGO-session-encrypted\r\nOriginalContent: type=application/soap+xml;charset=UTF-16;Length={}\r\n-- \tb\r\nContent-type: application/octet-stream\r\n\x02\x00\x00\x00ss{text}{pad}",
                text.len()
            )
        };
        let body = format!("{}{}-- b--", one("first", ""), one("other", "\x01"));
        let parts = unframe("multipart/encrypted; boundary=b", body.as_bytes());
        let expected = |length, data: &[u8]| SealedPart {
            length,
            signature: b"ss".to_vec(),
            data: data.to_vec(),
        };
        assert_eq!(
            parts,
            Ok(vec![expected(5, b"first"), expected(5, b"other\x01")])
        );
    }

    #[test]
    fn each_cut_and_each_changed_byte_is_an_error_or_other_content_but_never_a_panic() {
        let framed = frame(Protection::Spnego, &part(5, b"hello"));
        for end in 0..framed.len() - 2 {
            assert!(unframe(SPNEGO, &framed[..end]).is_err(), "cut at {end}");
        }
        for at in 0..framed.len() {
            for byte in [0, b'-', b'\r', b'\n', b'9', 0xff] {
                let mut changed = framed.clone();
                changed[at] = byte;
                let parts = unframe(SPNEGO, &changed).unwrap_or_default();
                assert!(parts.iter().all(|part| part.data.len() <= framed.len()));
            }
        }
    }

    #[test]
    fn lengths_that_no_message_has_are_refused() {
        let framed = |length: &str| {
            String::from_utf8_lossy(&frame(Protection::Spnego, &part(5, b"hello")))
                .replace("Length=5", &format!("Length={length}"))
                .into_bytes()
        };
        for length in [
            "6",
            "18446744073709551615",
            "-1",
            "",
            "99999999999999999999",
        ] {
            assert!(unframe(SPNEGO, &framed(length)).is_err(), "{length}");
        }
        let mut long = framed("5");
        let at = long.len() - 5 - 8 - b"--Encrypted Boundary--\r\n".len();
        long[at..at + 4].copy_from_slice(&[0xff; 4]);
        let error = unframe(SPNEGO, &long).map_err(|error| error.expected);
        assert_eq!(error, Err("the length of the signature"));
    }
}
