//! Primitive values (MS-PSRP 2.2.5.1): from the text of an element to a number, a date, bytes.

use super::form::{is_date_time, is_decimal, is_duration, is_float, is_version};
use super::{Place, Reader, Result};
use crate::remoting::clixml::text::{Unescaped, unescape};
use crate::remoting::clixml::xml::Element;
use crate::remoting::clixml::{ErrorKind, Progress, Value};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::borrow::Cow;
use std::str::FromStr;
use uuid::Uuid;

impl<'a> Reader<'a, '_> {
    pub(super) fn primitive(&mut self, element: &Element<'a>) -> Result<Value> {
        let tag = element.name;
        if tag == "PR" {
            let progress = self.progress(element)?;
            return Ok(Value::Progress(Box::new(progress)));
        }
        let text = self.text(element)?;
        Ok(match tag {
            "S" => match unescape(text) {
                Unescaped::Text(text) => Value::Text(text.into_owned()),
                Unescaped::IllFormed(units) => Value::IllFormedText(units),
            },
            "B" => match &*text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(self.invalid("true or false", &text)),
            },
            "I32" => Value::Int32(self.number(&text, "a signed 32-bit number")?),
            "Nil" if text.is_empty() => Value::Null,
            "Nil" => return Err(self.invalid("nothing", &text)),
            "DT" => Value::DateTime(self.checked(text, is_date_time, "a date and time")?),
            "G" => Value::Guid(self.guid(&text)?),
            "BA" => Value::Bytes(self.bytes(&text)?),
            "I64" => Value::Int64(self.number(&text, "a signed 64-bit number")?),
            "U32" => Value::UInt32(self.number(&text, "an unsigned 32-bit number")?),
            "U64" => Value::UInt64(self.number(&text, "an unsigned 64-bit number")?),
            "I16" => Value::Int16(self.number(&text, "a signed 16-bit number")?),
            "U16" => Value::UInt16(self.number(&text, "an unsigned 16-bit number")?),
            "By" => Value::Byte(self.number(&text, "an unsigned byte")?),
            "SB" => Value::SByte(self.number(&text, "a signed byte")?),
            "C" => Value::Char(self.number(&text, "the number of a UTF-16 unit")?),
            "Db" => Value::Double(self.checked(text, is_float, "a number")?),
            "Sg" => Value::Single(self.checked(text, is_float, "a number")?),
            "D" => Value::Decimal(self.checked(text, is_decimal, "a decimal number")?),
            "TS" => Value::Duration(self.checked(text, is_duration, "a duration")?),
            "Version" => Value::Version(self.checked(text, is_version, "a version")?),
            "URI" => Value::Uri(self.well_formed(text)?),
            "XD" => Value::Xml(self.well_formed(text)?),
            "SBK" => Value::ScriptBlock(self.well_formed(text)?),
            "SS" => Value::SecureString(text.into_owned()),
            _ => return Err(self.unknown(element)),
        })
    }

    fn progress(&mut self, element: &Element<'a>) -> Result<Progress> {
        let activity = self.field(element, "AV")?;
        let activity_id = self.number_field(element, "AI")?;
        let Some(child) = self.child(element)? else {
            return Err(self.error(ErrorKind::MissingElement { element: "S" }));
        };
        if !matches!(child.name, "S" | "Nil") {
            return Err(self.unknown(&child));
        }
        let (_, current_operation) = self.value(&child, Place::Plain)?;
        let progress = Progress {
            activity,
            activity_id,
            current_operation,
            parent_activity_id: self.number_field(element, "PI")?,
            percent_complete: self.number_field(element, "PC")?,
            record_type: self.field(element, "T")?,
            seconds_remaining: self.number_field(element, "SR")?,
            status_description: self.field(element, "SD")?,
        };
        match self.child(element)? {
            None => Ok(progress),
            Some(child) => Err(self.unknown(&child)),
        }
    }

    fn number_field(&mut self, parent: &Element<'a>, name: &'static str) -> Result<i32> {
        let text = self.field(parent, name)?;
        self.number(&text, "a signed 32-bit number")
    }

    fn field(&mut self, parent: &Element<'a>, name: &'static str) -> Result<String> {
        match self.child(parent)? {
            Some(child) if child.name == name => {
                self.no_attributes(&child)?;
                let text = self.text(&child)?;
                self.well_formed(text)
            }
            Some(child) => Err(self.unknown(&child)),
            None => Err(self.error(ErrorKind::MissingElement { element: name })),
        }
    }

    pub(super) fn well_formed(&self, text: Cow<'_, str>) -> Result<String> {
        match unescape(text) {
            Unescaped::Text(text) => Ok(text.into_owned()),
            Unescaped::IllFormed(_) => Err(self.error(ErrorKind::LoneSurrogate)),
        }
    }

    pub(super) fn number<T: FromStr>(&self, text: &str, expected: &'static str) -> Result<T> {
        text.parse().map_err(|_| self.invalid(expected, text))
    }

    fn checked(
        &self,
        text: Cow<'_, str>,
        is_sound: fn(&str) -> bool,
        expected: &'static str,
    ) -> Result<String> {
        if is_sound(&text) {
            Ok(text.into_owned())
        } else {
            Err(self.invalid(expected, &text))
        }
    }

    fn guid(&self, text: &str) -> Result<Uuid> {
        let hyphenated = Some(text).filter(|text| text.len() == 36);
        hyphenated
            .and_then(|text| Uuid::try_parse(text).ok())
            .ok_or_else(|| self.invalid("a GUID", text))
    }

    fn bytes(&self, text: &str) -> Result<Vec<u8>> {
        BASE64_STANDARD
            .decode(text)
            .map_err(|_| self.invalid("base64", text))
    }
}

pub(super) fn is_primitive(tag: &str) -> bool {
    matches!(
        tag,
        "S" | "B"
            | "I32"
            | "Nil"
            | "DT"
            | "G"
            | "BA"
            | "I64"
            | "U32"
            | "U64"
            | "I16"
            | "U16"
            | "By"
            | "SB"
            | "C"
            | "Db"
            | "Sg"
            | "D"
            | "TS"
            | "Version"
            | "URI"
            | "XD"
            | "SBK"
            | "SS"
            | "PR"
    )
}
