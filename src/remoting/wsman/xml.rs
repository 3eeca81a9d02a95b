//! [`Element`]: a small tree of one SOAP envelope, with namespaces resolved.
//!
//! Not a general XML library: document type declarations, processing instructions and entities that XML does not
//! predefine are refused, and the depth is limited, because the bytes come from the network.

use super::error::Error;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use quick_xml::{XmlVersion, escape};
use std::borrow::Cow;

/// How deep an envelope may nest; a real one needs ten.
const MAX_DEPTH: usize = 64;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Unprefixed attributes only; a prefixed one (`s:mustUnderstand`, `xml:lang`) decides nothing here.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Reads the root element of a document.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let text = str::from_utf8(bytes).map_err(|error| Error::NotXml {
            at: error.valid_up_to() as u64,
            reason: "not UTF-8".to_owned(),
        })?;
        let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open: Vec<Self> = Vec::new();
        loop {
            let at = reader.buffer_position();
            let malformed = |reason: String| Error::NotXml { at, reason };
            let event = reader
                .read_event()
                .map_err(|error| malformed(error.to_string()))?;
            match event {
                Event::Start(start) => {
                    if open.len() == MAX_DEPTH {
                        return Err(Error::TooDeep { limit: MAX_DEPTH });
                    }
                    open.push(Self::start(&reader, &start, at)?);
                }
                Event::Empty(start) => {
                    let element = Self::start(&reader, &start, at)?;
                    if let Some(root) = Self::close(&mut open, element) {
                        return Ok(root);
                    }
                }
                Event::End(_) => {
                    let element = open
                        .pop()
                        .ok_or_else(|| malformed("an end without a start".to_owned()))?;
                    if let Some(root) = Self::close(&mut open, element) {
                        return Ok(root);
                    }
                }
                Event::Text(piece) => Self::append(&mut open, &piece.xml10_content(), at)?,
                Event::CData(piece) => Self::append(&mut open, &piece.xml10_content(), at)?,
                Event::GeneralRef(reference) => {
                    let resolved = resolve(&reference, at)?;
                    Self::append(&mut open, &resolved, at)?;
                }
                Event::DocType(_) => {
                    return Err(Error::Forbidden {
                        what: "a document type declaration",
                    });
                }
                Event::PI(_) => {
                    return Err(Error::Forbidden {
                        what: "a processing instruction",
                    });
                }
                Event::Decl(_) | Event::Comment(_) => {}
                Event::Eof => return Err(malformed("it ends too early".to_owned())),
            }
        }
    }

    /// The first child of that name.
    pub(super) fn child(&self, namespace: &str, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// The first child of that name, or an error that calls it `element`.
    pub(super) fn required(
        &self,
        namespace: &str,
        name: &str,
        element: &'static str,
    ) -> Result<&Self, Error> {
        self.child(namespace, name)
            .ok_or(Error::Missing { element })
    }

    /// All children of that name.
    pub(super) fn all<'tree>(
        &'tree self,
        namespace: &'tree str,
        name: &'tree str,
    ) -> impl Iterator<Item = &'tree Self> {
        self.children
            .iter()
            .filter(move |child| child.is(namespace, name))
    }

    /// Says whether it has that name.
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The unprefixed attribute of that name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// All text in it, at any depth, in order of the elements.
    pub(super) fn whole_text(&self) -> String {
        let mut text = self.text.clone();
        for child in &self.children {
            text.push_str(&child.whole_text());
        }
        text
    }

    fn start(reader: &NsReader<&[u8]>, start: &BytesStart<'_>, at: u64) -> Result<Self, Error> {
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => {
                return Err(Error::NotXml {
                    at,
                    reason: format!("the prefix \"{prefix}\" stands for no namespace"),
                });
            }
        };
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| Error::NotXml {
                at,
                reason: error.to_string(),
            })?;
            if attribute.key.prefix().is_none() {
                attributes.push((
                    attribute.key.as_ref().to_owned(),
                    value(&attribute, at)?.into_owned(),
                ));
            }
        }
        Ok(Self {
            namespace,
            name: local.as_ref().to_owned(),
            attributes,
            ..Self::default()
        })
    }

    fn close(open: &mut [Self], element: Self) -> Option<Self> {
        match open.last_mut() {
            Some(parent) => {
                parent.children.push(element);
                None
            }
            None => Some(element),
        }
    }

    fn append(open: &mut [Self], text: &str, at: u64) -> Result<(), Error> {
        match open.last_mut() {
            Some(element) => {
                element.text.push_str(text);
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err(Error::NotXml {
                at,
                reason: "text outside the root element".to_owned(),
            }),
        }
    }
}

/// Escapes a text or an attribute value.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    escape::escape(text)
}

fn value<'start>(attribute: &Attribute<'start>, at: u64) -> Result<Cow<'start, str>, Error> {
    attribute
        .normalized_value(XmlVersion::Implicit1_0)
        .map_err(|error| Error::NotXml {
            at,
            reason: error.to_string(),
        })
}

fn resolve(reference: &BytesRef<'_>, at: u64) -> Result<String, Error> {
    let character = reference
        .resolve_char_ref()
        .map_err(|error| Error::NotXml {
            at,
            reason: error.to_string(),
        })?;
    if let Some(character) = character {
        return Ok(character.to_string());
    }
    let name = reference.xml10_content();
    escape::resolve_xml_entity(&name)
        .map(str::to_owned)
        .ok_or(Error::Forbidden {
            what: "an entity that XML does not predefine",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_do_not_matter_and_namespaces_do() -> Result<(), Error> {
        let one =
            Element::read(b"<s:a xmlns:s='urn:x' k='v' s:k='w'><s:b>1 &lt; &#x32;</s:b></s:a>")?;
        let other = Element::read(
            b"\xef\xbb\xbf<?xml version='1.0'?><a k='v' xmlns='urn:x'><b>1 &lt; 2</b></a>",
        )?;
        assert_eq!(
            one.child("urn:x", "b").map(|b| b.text.as_str()),
            Some("1 < 2")
        );
        assert_eq!(one.attribute("k"), Some("v"));
        assert_eq!(one.children, other.children);
        Ok(())
    }

    #[test]
    fn what_the_network_must_not_send_is_refused() {
        let deep = "<a>".repeat(100);
        for (document, expected) in [
            (
                "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
                "a document type declaration",
            ),
            ("<a>&x;</a>", "an entity that XML does not predefine"),
            ("<?php 1 ?><a/>", "a processing instruction"),
            ("<a>", "it ends too early"),
            ("<a></b>", "not XML"),
            ("<s:a/>", "stands for no namespace"),
            ("", "it ends too early"),
            (deep.as_str(), "more than 64 deep"),
        ] {
            let message = Element::read(document.as_bytes()).map_err(|error| error.to_string());
            assert!(
                matches!(&message, Err(message) if message.contains(expected)),
                "{document}: {message:?}"
            );
        }
    }
}
