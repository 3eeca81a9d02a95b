//! Objects, and what is in them (MS-PSRP 2.2.5.2): type names, properties, lists, dictionaries, and references to others.

use super::primitive::is_primitive;
use super::{Known, Place, Reader, Result, beginning, within};
use crate::remoting::clixml::xml::{Attribute, Element};
use crate::remoting::clixml::{Content, ErrorKind, Name, Object, Properties, TypeNames, Value};
use std::sync::Arc;

impl<'a> Reader<'a, '_> {
    pub(super) fn object(
        &mut self,
        element: &Element<'a>,
        place: Place,
    ) -> Result<(Option<Name>, Value)> {
        let (name, reference) = self.name_and_reference(element, place)?;
        if let Some(reference) = reference {
            self.objects.insert(reference, Known::Open);
        }
        let outer_height = std::mem::take(&mut self.height);
        let outer_values = std::mem::replace(&mut self.values, 1);
        let object = Arc::new(self.deeper(|reader| reader.object_content(element))?);
        let height = self.height + 1;
        let values = self.values;
        if let Some(reference) = reference {
            let object = Arc::clone(&object);
            let known = Known::Complete {
                object,
                height,
                values,
            };
            self.objects.insert(reference, known);
        }
        self.height = outer_height;
        self.values = outer_values - 1;
        self.add(height, values)?;
        Ok((name, Value::Object(object)))
    }

    /// Goes one level down, if that is allowed.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == self.limits.depth {
            let limit = self.limits.depth;
            return Err(self.error(ErrorKind::TooDeep { limit }));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Counts an object, or what a reference stands for, to the object around it.
    fn add(&mut self, height: usize, values: u64) -> Result<()> {
        self.height = self.height.max(height);
        self.values = self.values.saturating_add(values);
        if self.depth + height > self.limits.depth {
            let limit = self.limits.depth;
            return Err(self.error(ErrorKind::TooDeep { limit }));
        }
        if self.values > self.limits.values {
            let limit = self.limits.values;
            return Err(self.error(ErrorKind::TooManyValues { limit }));
        }
        Ok(())
    }

    fn object_content(&mut self, element: &Element<'a>) -> Result<Object> {
        let mut object = Object::default();
        while let Some(child) = self.child(element)? {
            self.part(&mut object, &child)
                .map_err(|error| within(error, || format!("/{}", child.name)))?;
        }
        Ok(object)
    }

    fn part(&mut self, object: &mut Object, child: &Element<'a>) -> Result<()> {
        let first = match child.name {
            "TN" | "TNRef" => {
                let names = self.types(child)?;
                object.type_names.replace(names).is_none()
            }
            "ToString" => {
                self.no_attributes(child)?;
                let text = self.text(child)?;
                let text = self.well_formed(text)?;
                object.to_string.replace(text).is_none()
            }
            "Props" => {
                self.no_attributes(child)?;
                let first = object.adapted.is_absent();
                object.adapted = self.members(child)?;
                first
            }
            "MS" => {
                self.no_attributes(child)?;
                let first = object.extended.is_absent();
                object.extended = self.members(child)?;
                first
            }
            _ => {
                let first = matches!(object.content, Content::None);
                object.content = self.content(child)?;
                first
            }
        };
        if first {
            return Ok(());
        }
        Err(self.error(ErrorKind::RepeatedElement {
            element: beginning(child.name),
        }))
    }

    fn content(&mut self, child: &Element<'a>) -> Result<Content> {
        let container: fn(Vec<Value>) -> Content = match child.name {
            "LST" => Content::List,
            "QUE" => Content::Queue,
            "STK" => Content::Stack,
            "IE" => Content::Enumerable,
            "DCT" => {
                self.no_attributes(child)?;
                return Ok(Content::Dictionary(self.entries(child)?));
            }
            "Ref" => return Err(self.unknown(child)),
            _ => {
                let (_, value) = self.value(child, Place::Plain)?;
                return Ok(Content::Value(value));
            }
        };
        self.no_attributes(child)?;
        self.items(child, Place::Plain).map(container)
    }

    pub(super) fn items(&mut self, parent: &Element<'a>, place: Place) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        while let Some(child) = self.child(parent)? {
            let (_, value) = self.value(&child, place).map_err(|error| {
                within(error, || format!("/{}[{}]", child.name, items.len() + 1))
            })?;
            items.push(value);
        }
        Ok(items)
    }

    fn entries(&mut self, parent: &Element<'a>) -> Result<Vec<(Value, Value)>> {
        let mut entries = Vec::new();
        while let Some(child) = self.child(parent)? {
            if child.name != "En" {
                return Err(self.unknown(&child));
            }
            let entry = self
                .entry(&child)
                .map_err(|error| within(error, || format!("/En[{}]", entries.len() + 1)))?;
            entries.push(entry);
        }
        Ok(entries)
    }

    fn entry(&mut self, element: &Element<'a>) -> Result<(Value, Value)> {
        self.no_attributes(element)?;
        let key = self.entry_part(element, "Key")?;
        let value = self.entry_part(element, "Value")?;
        match self.child(element)? {
            None => Ok((key, value)),
            Some(child) => Err(self.unknown(&child)),
        }
    }

    fn entry_part(&mut self, parent: &Element<'a>, part: &'static str) -> Result<Value> {
        let Some(child) = self.child(parent)? else {
            return Err(self.error(ErrorKind::MissingElement { element: part }));
        };
        let (name, value) = self
            .value(&child, Place::Named)
            .map_err(|error| within(error, || format!("/{}[@N='{part}']", child.name)))?;
        match name {
            Some(name) if *name == *part => Ok(value),
            name => Err(self.invalid(part, name.as_deref().unwrap_or_default())),
        }
    }

    /// The properties of a `<Props>` or `<MS>`.
    pub(super) fn members(&mut self, parent: &Element<'a>) -> Result<Properties> {
        let begin = self.properties.len();
        while let Some(child) = self.child(parent)? {
            self.member(&child).map_err(|error| {
                let name = raw_name(&child).unwrap_or_default();
                within(error, || format!("/{}[@N='{name}']", child.name))
            })?;
        }
        // Not `split_off`, which would hand over the whole buffer, most of it unused.
        Ok(Properties::new(self.properties.drain(begin..).collect()))
    }

    fn member(&mut self, element: &Element<'a>) -> Result<()> {
        // Nearly every property takes this way, on which the value is moved once.
        if is_primitive(element.name)
            && let Some(name) = only_name(element.attributes)
        {
            self.values += 1;
            let name = self.name(name)?;
            let value = self.primitive(element)?;
            self.properties.push((name, value));
            return Ok(());
        }
        let (name, value) = self.value(element, Place::Named)?;
        let Some(name) = name else {
            let attribute = "N";
            return Err(self.error(ErrorKind::MissingAttribute { attribute }));
        };
        self.properties.push((name, value));
        Ok(())
    }

    pub(super) fn reference(
        &mut self,
        element: &Element<'a>,
        place: Place,
    ) -> Result<(Option<Name>, Value)> {
        let (name, reference) = self.name_and_reference(element, place)?;
        let Some(reference) = reference else {
            let attribute = "RefId";
            return Err(self.error(ErrorKind::MissingAttribute { attribute }));
        };
        let (object, height, values) = match self.objects.get(reference) {
            None => return Err(self.error(ErrorKind::DanglingReference { reference })),
            Some(Known::Open) => return Err(self.error(ErrorKind::ReferenceLoop { reference })),
            Some(Known::Complete {
                object,
                height,
                values,
            }) => (Arc::clone(object), *height, *values),
        };
        self.values -= 1;
        self.add(height, values)?;
        if let Some(child) = self.child(element)? {
            return Err(self.unknown(&child));
        }
        Ok((name, Value::Object(object)))
    }

    fn types(&mut self, element: &Element<'a>) -> Result<TypeNames> {
        let (_, reference) = self.name_and_reference(element, Place::Plain)?;
        if element.name == "TN" {
            let names = self.written_types(element)?;
            if let Some(reference) = reference {
                self.type_names.insert(reference, names.clone());
            }
            return Ok(names);
        }
        if let Some(child) = self.child(element)? {
            return Err(self.unknown(&child));
        }
        let Some(reference) = reference else {
            let attribute = "RefId";
            return Err(self.error(ErrorKind::MissingAttribute { attribute }));
        };
        match self.type_names.get(reference) {
            Some(names) => Ok(names.clone()),
            None => Err(self.error(ErrorKind::DanglingReference { reference })),
        }
    }

    fn written_types(&mut self, element: &Element<'a>) -> Result<TypeNames> {
        let mut names: Vec<Name> = Vec::new();
        while let Some(child) = self.child(element)? {
            if child.name != "T" {
                return Err(self.unknown(&child));
            }
            self.no_attributes(&child)?;
            let text = self.text(&child)?;
            names.push(self.name(&text)?);
        }
        Ok(TypeNames::new(names))
    }
}

/// The value of an `N` that is the only attribute and needs no thought, which is so for nearly every property.
#[inline]
fn only_name(attributes: &str) -> Option<&str> {
    let value = attributes.strip_prefix(" N=\"")?;
    let end = value
        .bytes()
        .position(|byte| byte < b' ' || matches!(byte, b'"' | b'&' | b'<'))?;
    let (value, rest) = value.split_at(end);
    matches!(rest, "\"" | "\" ").then_some(value)
}

/// The name a property has in the document, to say where an error is.
fn raw_name<'a>(element: &Element<'a>) -> Option<&'a str> {
    let mut rest = element.attributes;
    while let Ok(Some(attribute)) = Attribute::split(rest) {
        if attribute.key == "N" {
            return Some(attribute.value);
        }
        rest = attribute.rest;
    }
    None
}
