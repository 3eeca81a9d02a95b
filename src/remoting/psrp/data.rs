//! [`Data`]: the properties of a message, looked up with an error that names message and property.
//!
//! Senders differ in where they put a property (adapted or extended) and in how they mark an enumeration, so the
//! look-up is lenient there, and strict about what the property is.

use crate::remoting::clixml::Value;
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::message_type::MessageType;

/// The data of one message.
#[derive(Clone, Copy)]
pub(crate) struct Data<'value> {
    pub(crate) kind: MessageType,
    pub(crate) value: &'value Value,
}

impl<'value> Data<'value> {
    pub(crate) fn new(kind: MessageType, value: &'value Value) -> Self {
        Self { kind, value }
    }

    /// The same message, looking into one of its objects.
    pub(crate) fn inside(self, value: &'value Value) -> Self {
        Self { value, ..self }
    }

    /// The property, unless it is missing or null.
    pub(crate) fn optional(self, name: &str) -> Option<&'value Value> {
        property(self.value, name).filter(|value| !value.is_null())
    }

    pub(crate) fn optional_text(self, name: &str) -> Option<String> {
        self.optional(name).and_then(Value::to_text)
    }

    pub(crate) fn value(self, name: &'static str) -> Result<&'value Value, Error> {
        self.optional(name)
            .ok_or_else(|| self.lacks(name, "a value"))
    }

    pub(crate) fn text(self, name: &'static str) -> Result<&'value str, Error> {
        self.optional(name)
            .and_then(Value::as_text)
            .ok_or_else(|| self.lacks(name, "a text"))
    }

    pub(crate) fn boolean(self, name: &'static str) -> Result<bool, Error> {
        self.optional(name)
            .and_then(Value::as_bool)
            .ok_or_else(|| self.lacks(name, "a truth value"))
    }

    pub(crate) fn number(self, name: &'static str) -> Result<i64, Error> {
        self.optional(name)
            .and_then(Value::as_i64)
            .ok_or_else(|| self.lacks(name, "a whole number"))
    }

    pub(crate) fn small_number(self, name: &'static str) -> Result<i32, Error> {
        i32::try_from(self.number(name)?).map_err(|_| self.lacks(name, "a number of 32 bits"))
    }

    pub(crate) fn list(self, name: &'static str) -> Result<&'value [Value], Error> {
        self.optional(name)
            .and_then(Value::as_list)
            .ok_or_else(|| self.lacks(name, "a list"))
    }

    pub(crate) fn lacks(self, property: &'static str, expected: &'static str) -> Error {
        Error::Property {
            message: self.kind,
            property,
            expected,
        }
    }
}

/// The property of that name; what PowerShell added counts first, since messages are made of note properties.
pub(crate) fn property<'value>(value: &'value Value, name: &str) -> Option<&'value Value> {
    value.extended(name).or_else(|| value.adapted(name))
}
