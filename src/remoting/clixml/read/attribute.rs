//! Attributes: names, identifiers, and nothing that is not known.

use super::{Place, Reader, Result, beginning};
use crate::remoting::clixml::text::{Unescaped, unescape};
use crate::remoting::clixml::xml::{Attribute, Element};
use crate::remoting::clixml::{ErrorKind, Name};
use std::borrow::Cow;

impl<'a> Reader<'a, '_> {
    /// The name of an element that has no other attribute.
    pub(super) fn name_only(
        &mut self,
        element: &Element<'a>,
        place: Place,
    ) -> Result<Option<Name>> {
        match self.name_and_reference(element, place)? {
            (name, None) => Ok(name),
            (_, Some(_)) => Err(self.error(ErrorKind::UnknownAttribute {
                attribute: "RefId".to_owned(),
            })),
        }
    }

    pub(super) fn no_attributes(&mut self, element: &Element<'a>) -> Result<()> {
        if element.attributes.is_empty() {
            return Ok(());
        }
        self.attributes(element, |_, _, _| Ok(false))
    }

    pub(super) fn name_and_reference(
        &mut self,
        element: &Element<'a>,
        place: Place,
    ) -> Result<(Option<Name>, Option<u64>)> {
        let mut name = None;
        let mut reference = None;
        self.attributes(element, |reader, key, value| match key {
            "N" if place == Place::Named => {
                Ok(name.replace(reader.attribute_name(value)?).is_none())
            }
            "RefId" => {
                let number = reader.number(value, "an identifier")?;
                Ok(reference.replace(number).is_none())
            }
            // The stream an object belongs to, in what powershell.exe writes on its standard streams.
            "S" => Ok(place == Place::Top),
            "xmlns" => reader.namespace(value).map(|()| place == Place::Top),
            _ => Ok(false),
        })?;
        Ok((name, reference))
    }

    /// Gives `accept` each attribute, its value as it is written; what it does not take is an error.
    pub(super) fn attributes(
        &mut self,
        element: &Element<'a>,
        mut accept: impl FnMut(&mut Self, &str, &str) -> Result<bool>,
    ) -> Result<()> {
        let mut rest = element.attributes;
        while let Some(attribute) = self.attribute(rest)? {
            if !accept(self, attribute.key, attribute.value)? {
                let attribute = beginning(attribute.key);
                return Err(self.error(ErrorKind::UnknownAttribute { attribute }));
            }
            rest = attribute.rest;
        }
        Ok(())
    }

    pub(super) fn attribute<'t>(&self, text: &'t str) -> Result<Option<Attribute<'t>>> {
        Attribute::split(text).map_err(|rest| {
            let reason = format!("the attribute {:?} is not well-formed", beginning(rest));
            self.error(ErrorKind::NotXml { reason })
        })
    }

    /// The name that the value of an `N` attribute stands for.
    fn attribute_name(&mut self, value: &str) -> Result<Name> {
        if !value
            .bytes()
            .any(|byte| matches!(byte, b'&' | b'\t' | b'\r' | b'\n'))
        {
            return self.name(value);
        }
        let mut plain = String::new();
        let mut parts = value.split('&');
        let spaced = |text: &str| text.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
        plain.push_str(&spaced(parts.next().unwrap_or_default()));
        for part in parts {
            let Some((entity, text)) = part.split_once(';') else {
                let entity = beginning(part);
                return Err(self.error(ErrorKind::UnknownEntity { entity }));
            };
            plain.push(self.entity(entity)?);
            plain.push_str(&spaced(text));
        }
        self.name(&plain)
    }

    /// The name that `text` is, its escapes resolved; the same name is kept once.
    pub(super) fn name(&mut self, text: &str) -> Result<Name> {
        if let Some(name) = self.names.find(text) {
            return Ok(name);
        }
        let name: Name = match unescape(Cow::Borrowed(text)) {
            Unescaped::Text(name) => name.into(),
            Unescaped::IllFormed(_) => return Err(self.error(ErrorKind::LoneSurrogate)),
        };
        if *name == *text {
            self.names.keep(&name);
        }
        Ok(name)
    }
}
