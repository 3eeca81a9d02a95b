//! Fragments: messages cut into pieces that fit an envelope, and put together again (MS-PSRP 2.2.4).
//!
//! [`Reassembler`] takes the bytes of any number of channels, cut anywhere; [`Outgoing`] is a message on its way out.
//! What the bytes of a message mean is the business of [`message`](super::message).

use crate::remoting::psrp::error::Error;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The length of the header of a fragment (MS-PSRP 2.2.4).
pub(crate) const HEADER: usize = 21;
/// The smallest fragment that carries data.
pub(crate) const SMALLEST: usize = HEADER + 1;
/// A second fragment is not begun in an envelope that has less room than this, unless the message ends in it.
const SLIVER: usize = 512;

const START: u8 = 0x1;
const END: u8 = 0x2;

/// How much of the other side's data is held at most before it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of one message.
    pub message: usize,
    /// The bytes of all messages that are not complete.
    pub incomplete_bytes: usize,
    /// The number of messages that are not complete.
    pub incomplete_objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 << 20,
            incomplete_bytes: 128 << 20,
            incomplete_objects: 64,
        }
    }
}

/// Puts fragments together, separately for the runspace pool (`None`) and each of its pipelines.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    limits: Limits,
    channels: BTreeMap<Option<Uuid>, Channel>,
    incomplete: BTreeMap<(Option<Uuid>, u64), Incomplete>,
}

#[derive(Debug, Default)]
struct Channel {
    /// The beginning of a fragment whose end has not come yet.
    tail: Vec<u8>,
    /// The bytes consumed so far, without the tail.
    offset: u64,
}

#[derive(Debug, Default)]
struct Incomplete {
    next: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Header {
    object: u64,
    fragment: u64,
    start: bool,
    end: bool,
    length: usize,
}

impl Reassembler {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes bytes of a channel and gives the messages that they complete.
    pub(crate) fn push(
        &mut self,
        channel: Option<Uuid>,
        mut bytes: &[u8],
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut complete = Vec::new();
        let mut state = self.channels.remove(&channel).unwrap_or_default();
        while !bytes.is_empty() {
            if state.tail.is_empty() {
                match self.checked_header(channel, state.offset, bytes)? {
                    Some(header) if header.whole() <= bytes.len() => {
                        let (fragment, rest) = bytes.split_at(header.whole());
                        complete.extend(self.accept(channel, &mut state, header, fragment));
                        bytes = rest;
                    }
                    _ => {
                        state.tail.extend_from_slice(bytes);
                        break;
                    }
                }
                continue;
            }
            let known = self.checked_header(channel, state.offset, &state.tail)?;
            let wanted = known.map_or(HEADER, Header::whole);
            let (taken, rest) = bytes.split_at((wanted - state.tail.len()).min(bytes.len()));
            state.tail.extend_from_slice(taken);
            bytes = rest;
            if let Some(header) = self.checked_header(channel, state.offset, &state.tail)?
                && header.whole() == state.tail.len()
            {
                let fragment = std::mem::take(&mut state.tail);
                complete.extend(self.accept(channel, &mut state, header, &fragment));
            }
        }
        self.channels.insert(channel, state);
        Ok(complete)
    }

    /// Drops what is held for a channel, which has ended.
    pub(crate) fn forget(&mut self, channel: Option<Uuid>) {
        self.channels.remove(&channel);
        self.incomplete.retain(|(owner, _), _| *owner != channel);
    }

    /// The header of the fragment at the beginning, if it is there; it is checked before its data is waited for.
    fn checked_header(
        &self,
        channel: Option<Uuid>,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Option<Header>, Error> {
        let Some(header) = Header::read(bytes) else {
            return Ok(None);
        };
        self.check_order(channel, offset, header)?;
        self.check_limits(channel, header)?;
        Ok(Some(header))
    }

    fn check_order(&self, channel: Option<Uuid>, offset: u64, header: Header) -> Result<(), Error> {
        let wrong = |expected: String, found: String| Error::Fragment {
            offset,
            object: Some(header.object),
            expected,
            found,
        };
        if header.start != (header.fragment == 0) {
            let expected = if header.start {
                "fragment 0 at the start"
            } else {
                "the start flag"
            };
            return Err(wrong(expected.to_owned(), header.describe()));
        }
        match self.incomplete.get(&(channel, header.object)) {
            Some(begun) if begun.next != header.fragment => {
                Err(wrong(format!("fragment {}", begun.next), header.describe()))
            }
            None if !header.start => Err(wrong("fragment 0".to_owned(), header.describe())),
            _ => Ok(()),
        }
    }

    fn check_limits(&self, channel: Option<Uuid>, header: Header) -> Result<(), Error> {
        let key = (channel, header.object);
        let held = self
            .incomplete
            .get(&key)
            .map_or(0, |begun| begun.bytes.len());
        let message = held.saturating_add(header.length);
        within("bytes in one message", self.limits.message, message)?;
        let others: usize = self
            .incomplete
            .values()
            .map(|other| other.bytes.len())
            .sum();
        let tails: usize = self.channels.values().map(|other| other.tail.len()).sum();
        within(
            "bytes in incomplete messages",
            self.limits.incomplete_bytes,
            others.saturating_add(tails).saturating_add(header.length),
        )?;
        let objects = self.incomplete.len() + usize::from(header.start && !header.end);
        within(
            "incomplete messages",
            self.limits.incomplete_objects,
            objects,
        )
    }

    /// Adds a whole fragment to its message, and gives that when it is complete.
    fn accept(
        &mut self,
        channel: Option<Uuid>,
        state: &mut Channel,
        header: Header,
        fragment: &[u8],
    ) -> Option<Vec<u8>> {
        state.offset += fragment.len() as u64;
        let key = (channel, header.object);
        let mut object = self.incomplete.remove(&key).unwrap_or_default();
        object.bytes.extend_from_slice(&fragment[HEADER..]);
        object.next = header.fragment.saturating_add(1);
        if header.end {
            return Some(object.bytes);
        }
        self.incomplete.insert(key, object);
        None
    }
}

fn within(what: &'static str, limit: usize, found: usize) -> Result<(), Error> {
    if found <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        what,
        limit: limit as u64,
        found: found as u64,
    })
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (object, rest) = bytes.split_first_chunk()?;
        let (fragment, rest) = rest.split_first_chunk()?;
        let (&flags, rest) = rest.split_first()?;
        let (length, _) = rest.split_first_chunk()?;
        Some(Self {
            object: u64::from_be_bytes(*object),
            fragment: u64::from_be_bytes(*fragment),
            start: flags & START != 0,
            end: flags & END != 0,
            length: u32::from_be_bytes(*length) as usize,
        })
    }

    /// The length of the fragment with its header.
    fn whole(self) -> usize {
        HEADER + self.length
    }

    fn describe(self) -> String {
        let start = if self.start {
            " with the start flag"
        } else {
            ""
        };
        format!("fragment {}{start}", self.fragment)
    }
}

/// A message that leaves fragment by fragment.
#[derive(Debug)]
pub(crate) struct Outgoing {
    object: u64,
    next: u64,
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub(crate) fn new(object: u64, bytes: Vec<u8>) -> Self {
        Self {
            object,
            next: 0,
            bytes,
            sent: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next > 0 && self.sent == self.bytes.len()
    }

    /// Appends the next fragment, of at most `limit` bytes; says whether there was room for it.
    pub(crate) fn write_fragment(&mut self, limit: usize, out: &mut Vec<u8>) -> bool {
        let remaining = self.bytes.len() - self.sent;
        let fits = HEADER + remaining <= limit;
        if limit < SMALLEST || (!fits && !out.is_empty() && limit < SLIVER) {
            return false;
        }
        let length = remaining.min(limit - HEADER).min(u32::MAX as usize);
        let mut flags = 0;
        if self.next == 0 {
            flags |= START;
        }
        if length == remaining {
            flags |= END;
        }
        out.extend_from_slice(&self.object.to_be_bytes());
        out.extend_from_slice(&self.next.to_be_bytes());
        out.push(flags);
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&self.bytes[self.sent..self.sent + length]);
        self.sent += length;
        self.next += 1;
        true
    }

    /// The whole message as chunks of one fragment each.
    pub(crate) fn into_chunks(mut self, limit: usize) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        while !self.is_done() {
            let mut chunk = Vec::new();
            if !self.write_fragment(limit, &mut chunk) {
                break;
            }
            chunks.push(chunk);
        }
        chunks
    }
}
