//! Messages: the header that tells what the CLIXML behind it means (MS-PSRP 2.2.1).
//!
//! A [`Message`] is what one reassembled object holds; its [`MessageType`] says how to read it.

use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::message_type::MessageType;
use uuid::Uuid;

/// The length of the header in front of the data (MS-PSRP 2.2.1).
pub(crate) const HEADER: usize = 40;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// To whom a message goes (MS-PSRP 2.2.1, Destination).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To the client, 1.
    Client,
    /// To the server, 2.
    Server,
}

impl Destination {
    fn code(self) -> u32 {
        match self {
            Self::Client => 1,
            Self::Server => 2,
        }
    }
}

/// One message, its data still as CLIXML text (MS-PSRP 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'bytes> {
    /// To whom it goes.
    pub destination: Destination,
    /// What it means.
    pub kind: MessageType,
    /// The runspace pool it is about (RPID).
    pub pool: Uuid,
    /// The pipeline it is about (PID), if it is about one.
    pub pipeline: Option<Uuid>,
    /// The CLIXML text.
    pub data: &'bytes str,
}

impl<'bytes> Message<'bytes> {
    /// Reads a reassembled message.
    ///
    /// # Errors
    /// The header is cut or names another destination, or the data is not UTF-8.
    pub fn read(bytes: &'bytes [u8]) -> Result<Self, Error> {
        let Some((header, data)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Error::Message {
                offset: bytes.len(),
                expected: "a header of 40 bytes",
                found: format!("the end after {} bytes", bytes.len()),
            });
        };
        let destination = match number(header, 0) {
            1 => Destination::Client,
            2 => Destination::Server,
            other => {
                return Err(Error::Message {
                    offset: 0,
                    expected: "1 (client) or 2 (server) as destination",
                    found: format!("{other}"),
                });
            }
        };
        let mark = if data.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let data = std::str::from_utf8(&data[mark..]).map_err(|error| Error::Message {
            offset: HEADER + mark + error.valid_up_to(),
            expected: "UTF-8",
            found: "other bytes".to_owned(),
        })?;
        let pipeline = identifier(header, 24);
        Ok(Self {
            destination,
            kind: MessageType::from_code(number(header, 4)),
            pool: identifier(header, 8),
            pipeline: (!pipeline.is_nil()).then_some(pipeline),
            data,
        })
    }

    /// Writes header and data.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.data.len());
        bytes.extend_from_slice(&self.destination.code().to_le_bytes());
        bytes.extend_from_slice(&self.kind.code().to_le_bytes());
        bytes.extend_from_slice(&self.pool.to_bytes_le());
        bytes.extend_from_slice(&self.pipeline.unwrap_or_default().to_bytes_le());
        bytes.extend_from_slice(self.data.as_bytes());
        bytes
    }
}

fn number(header: &[u8; HEADER], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[at..at + 4]);
    u32::from_le_bytes(bytes)
}

fn identifier(header: &[u8; HEADER], at: usize) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&header[at..at + 16]);
    Uuid::from_bytes_le(bytes)
}
