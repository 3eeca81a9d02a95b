//! Where organizations side by side write to: a [`Block`] for what is read afterwards, and lines with a name for what
//! is needed at once.

use super::locked;
use crate::cli::Env;
use crate::cli::env::Output;
use crate::failure::Failure;
use crate::report::{Stream, clean};
use crate::session::event::{Event, Listener};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// What was written for an organization, in order.
#[derive(Clone, Default)]
pub(super) struct Block(Arc<Mutex<Vec<Piece>>>);

/// What was written to one of the streams.
struct Piece {
    to_error: bool,
    bytes: Vec<u8>,
}

impl Block {
    /// Shows what was kept, and forgets it.
    pub(super) fn show(&self, env: &Env) -> Result<(), Failure> {
        let pieces = std::mem::take(&mut *locked(&self.0));
        for (at, Piece { to_error, bytes }) in pieces.into_iter().enumerate() {
            let output = match to_error {
                true => &env.error,
                false => &env.output,
            };
            let text = String::from_utf8_lossy(&bytes);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            if at == 0 && !to_error {
                output.stream.line("")?;
            }
            output.stream.line(text)?;
        }
        Ok(())
    }
}

/// Writes into a block.
struct BlockWriter {
    block: Block,
    to_error: bool,
}

impl Write for BlockWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = locked(&self.block.0);
        match pieces.last_mut() {
            Some(piece) if piece.to_error == self.to_error => piece.bytes.extend(bytes),
            _ => pieces.push(Piece {
                to_error: self.to_error,
                bytes: bytes.to_vec(),
            }),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins each line with a name.
struct Prefixed {
    prefix: String,
    /// Whether the line has its name already.
    begun: bool,
    to: Stream,
}

impl Write for Prefixed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = Vec::with_capacity(bytes.len() + self.prefix.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.begun && line != b"\n" {
                out.extend(self.prefix.as_bytes());
            }
            out.extend(line);
            self.begun = !line.ends_with(b"\n");
        }
        self.to.write_all(&out)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Block {
    /// An output that writes into this block.
    pub(super) fn output(&self, to_error: bool) -> Output {
        let block = self.clone();
        Output {
            stream: Stream::new(BlockWriter { block, to_error }),
            terminal: false,
        }
    }
}

/// An output that begins each line with the name of an organization.
pub(super) fn prefixed(name: &str, to: &Stream) -> Output {
    Output {
        stream: Stream::new(Prefixed {
            prefix: format!("{}: ", clean(name)),
            begun: false,
            to: to.clone(),
        }),
        terminal: false,
    }
}

/// Says at once what a run waits for; its report says so only when it is shown.
#[derive(Clone)]
pub(in crate::cli::run) struct Waiting(pub(super) Stream);

impl Listener for Waiting {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Waiting {
                reason,
                milliseconds,
            } => {
                let seconds = milliseconds.div_ceil(1000);
                self.0
                    .line(&format!("waiting {seconds} s: {}", clean(reason)))
            }
            _ => Ok(()),
        }
    }
}
