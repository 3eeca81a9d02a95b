//! Values become messages and messages become values; what both faces share.

use crate::remoting::clixml::{self, Names, Value};
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::fragment::{Limits, Outgoing};
use crate::remoting::psrp::message::{Destination, Message};
use crate::remoting::psrp::message_type::MessageType;
use uuid::Uuid;

/// The next identifier of an object; MS-PSRP 2.2.4 counts from 1.
#[derive(Debug, Default)]
pub(crate) struct ObjectIds(u64);

impl ObjectIds {
    /// Writes a message that is about to be cut into fragments.
    pub(crate) fn outgoing(
        &mut self,
        destination: Destination,
        kind: MessageType,
        pool: Uuid,
        pipeline: Option<Uuid>,
        value: &Value,
    ) -> Outgoing {
        let data = clixml::write(value);
        let message = Message {
            destination,
            kind,
            pool,
            pipeline,
            data: &data,
        };
        self.0 += 1;
        Outgoing::new(self.0, message.write())
    }
}

/// Reads the one value that the data of a message is; the names are those of the messages before.
pub(crate) fn read_value(
    message: &Message<'_>,
    limits: Limits,
    names: &mut Names,
) -> Result<Value, Error> {
    let limits = clixml::Limits {
        bytes: limits.message,
        ..clixml::Limits::default()
    };
    let failed = |error| Error::Clixml {
        message: message.kind,
        error,
    };
    // A message without data stands for null: psrpcore and PowerShell write null output so.
    if message.data.is_empty() {
        return Ok(Value::Null);
    }
    let mut values = clixml::read_next(message.data, &limits, names).map_err(failed)?;
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(Error::OneValue {
            message: message.kind,
        }),
    }
}
