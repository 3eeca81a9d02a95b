//! [`Stream`]: a place to write to that several writers share.

use crate::failure::{Failure, FailureKind};
use std::{
    fmt,
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// A place to write to, such as standard output; clones write to the same place.
#[derive(Clone)]
pub struct Stream(Arc<Mutex<dyn Write + Send>>);

impl Stream {
    /// Wraps a writer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes a line and sends it on.
    ///
    /// A reader that went away, as `head` does, is no failure: the run goes on, and the journal has everything.
    ///
    /// # Errors
    ///
    /// When the line cannot be written for another reason, such as a full disk.
    pub fn line(&self, line: &str) -> Result<(), Failure> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writeln!(writer, "{line}").and_then(|()| writer.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
                FailureKind::Internal,
                format!("the report cannot be written: {error}"),
            )),
            _ => Ok(()),
        }
    }

    /// Writes a text without ending the line, such as a question.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn text(&self, text: &str) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        writer.flush()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.flush()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Stream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_but_a_full_disk_is() {
        let closed = Stream::new(Refusing(ErrorKind::BrokenPipe));
        assert!(closed.line("hello").is_ok());
        let full = Stream::new(Refusing(ErrorKind::StorageFull));
        assert!(full.line("hello").is_err());
    }
}
