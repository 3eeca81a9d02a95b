//! [`read`]: CLIXML becomes values, or an error that says where and why.
//!
//! Written for speed and for hostile input: pieces borrow from the document, names are kept once, references share,
//! and nesting, size and what references unfold to are limited.

use std::{borrow::Cow, collections::HashMap, str::FromStr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use uuid::Uuid;

use super::{
    Content, Error, ErrorKind, NAMESPACE, Name, Object, Progress, Properties, TypeNames, Value,
    text::{self, Encoding, Unescaped, unescape},
    xml::{Attribute, Element, Fault, Piece, Scanner},
};

/// What a document may ask of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of the document.
    pub bytes: usize,
    /// The objects inside one another, references included; never more than 256.
    pub depth: usize,
    /// The values there would be if every reference were written out.
    pub values: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 64,
            values: 16 << 20,
        }
    }
}

/// The depth that the reader's own nesting is safe with.
const DEEPEST: usize = 256;

/// Reads the values of an `Export-Clixml` document, or the one value of a remoting message.
///
/// The bytes are UTF-8, or UTF-16 with a byte-order mark.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Value>, Error> {
    check_size(bytes.len(), limits)?;
    let (text, encoding) = text::from_bytes(bytes).map_err(|error| Error {
        at: error.at,
        path: String::new(),
        kind: ErrorKind::NotText {
            encoding: error.encoding,
        },
    })?;
    read_text(&text, limits).map_err(|mut error| {
        error.at = encoding.byte_offset(&text, error.at);
        *error
    })
}

/// Reads the same from a text, whose declaration may then name any encoding.
pub fn read_str(text: &str, limits: &Limits) -> Result<Vec<Value>, Error> {
    check_size(text.len(), limits)?;
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    read_text(plain, limits).map_err(|mut error| {
        error.at = Encoding::PLAIN.byte_offset(plain, error.at) + text.len() - plain.len();
        *error
    })
}

fn check_size(bytes: usize, limits: &Limits) -> Result<(), Error> {
    if bytes <= limits.bytes {
        return Ok(());
    }
    Err(Error {
        at: limits.bytes,
        path: String::new(),
        kind: ErrorKind::TooLarge {
            bytes,
            limit: limits.bytes,
        },
    })
}

fn read_text(text: &str, limits: &Limits) -> Result<Vec<Value>> {
    Reader::new(text, limits).document()
}

/// Errors are rare and large, so they are passed on by reference.
type Result<T, E = Box<Error>> = std::result::Result<T, E>;

/// The state of reading one document.
struct Reader<'a> {
    scanner: Scanner<'a>,
    limits: Limits,
    names: Names,
    type_names: References<TypeNames>,
    objects: References<Known>,
    /// How many objects are open.
    depth: usize,
    /// How high the open object is so far: one more than the highest object in it.
    height: usize,
    /// How many values the open object has so far, references followed.
    values: u64,
    /// The properties of the open objects, each object's behind those of the object around it.
    properties: Vec<(Name, Value)>,
}

/// An object with an identifier.
enum Known {
    /// It is still being read.
    Open,
    /// It can be referred to.
    Complete {
        object: Arc<Object>,
        height: usize,
        values: u64,
    },
}

/// Where a value stands, which decides which attributes it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Directly below `<Objs>`, or the root itself.
    Top,
    /// In a list, or inside an object.
    Plain,
    /// A property: it has a name.
    Named,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: &Limits) -> Self {
        Self {
            scanner: Scanner::new(text),
            limits: Limits {
                depth: limits.depth.min(DEEPEST),
                ..*limits
            },
            names: Names::default(),
            type_names: References::default(),
            objects: References::default(),
            depth: 0,
            height: 0,
            values: 0,
            properties: Vec::new(),
        }
    }

    fn document(mut self) -> Result<Vec<Value>> {
        let root = self.root()?;
        let values = if root.name == "Objs" {
            self.objs(&root)
                .map_err(|error| within(error, || "/Objs".to_owned()))?
        } else {
            vec![self.root_value(&root)?]
        };
        loop {
            match self.piece()? {
                Piece::Nothing => return Ok(values),
                Piece::Comment => {}
                Piece::Text(text) if is_blank(text) => {}
                Piece::DocumentType => return Err(self.error(ErrorKind::DocumentType)),
                Piece::ProcessingInstruction => {
                    return Err(self.error(ErrorKind::ProcessingInstruction));
                }
                _ => return Err(self.error(ErrorKind::TrailingContent)),
            }
        }
    }

    /// Passes by the declaration, and finds the root element.
    fn root(&mut self) -> Result<Element<'a>> {
        let mut seen = false;
        loop {
            match self.piece()? {
                Piece::Declaration(attributes) => self.declaration(attributes)?,
                Piece::Start(element) => return Ok(element),
                Piece::Comment => {}
                Piece::Text(text) if is_blank(text) => {}
                Piece::Text(text) => {
                    let reason = format!("it begins with {:?}", beginning(text.trim()));
                    return Err(self.error(ErrorKind::NotXml { reason }));
                }
                Piece::Nothing if !seen => {
                    let reason = "it is empty".to_owned();
                    return Err(self.error(ErrorKind::NotXml { reason }));
                }
                other => return Err(self.misplaced(other)),
            }
            seen = true;
        }
    }

    /// The bytes were understood already; here it is only checked that the document does not claim otherwise.
    fn declaration(&self, attributes: &str) -> Result<()> {
        let known = ["utf-8", "utf-16", "us-ascii"];
        let mut rest = attributes;
        while let Some(attribute) = self.attribute(rest)? {
            let is_known = known
                .iter()
                .any(|name| attribute.value.eq_ignore_ascii_case(name));
            if attribute.key == "encoding" && !is_known {
                let encoding = beginning(attribute.value);
                return Err(self.error(ErrorKind::UnsupportedEncoding { encoding }));
            }
            rest = attribute.rest;
        }
        Ok(())
    }

    fn objs(&mut self, root: &Element<'a>) -> Result<Vec<Value>> {
        let mut version = None;
        self.attributes(root, |reader, key, value| match key {
            "Version" => Ok(version.replace(value.to_owned()).is_none()),
            "xmlns" => reader.namespace(value).map(|()| true),
            _ => Ok(false),
        })?;
        let Some(version) = version else {
            let attribute = "Version";
            return Err(self.error(ErrorKind::MissingAttribute { attribute }));
        };
        if version != "1.1" && !version.starts_with("1.1.") {
            return Err(self.error(ErrorKind::UnsupportedVersion { version }));
        }
        self.items(root, Place::Top)
    }

    fn root_value(&mut self, root: &Element<'a>) -> Result<Value> {
        match self.value(root, Place::Top) {
            Ok((_, value)) => Ok(value),
            Err(error)
                if matches!(&error.kind, ErrorKind::UnknownElement { element }
                    if error.path.is_empty() && element == root.name) =>
            {
                let root = beginning(root.name);
                Err(self.error(ErrorKind::NotClixml { root }))
            }
            Err(error) => Err(within(error, || format!("/{}", root.name))),
        }
    }

    fn namespace(&self, namespace: &str) -> Result<()> {
        if namespace == NAMESPACE {
            return Ok(());
        }
        Err(self.error(ErrorKind::WrongNamespace {
            namespace: beginning(namespace),
        }))
    }

    /// One value, with its name if it stands where values have one.
    fn value(&mut self, element: &Element<'a>, place: Place) -> Result<(Option<Name>, Value)> {
        self.values += 1;
        let tag = element.name;
        match tag {
            "Obj" => return self.object(element, place),
            "Ref" => return self.reference(element, place),
            "MS" if place == Place::Named => {
                let name = self.name_only(element, place)?;
                let members = self.deeper(|reader| reader.members(element))?;
                return Ok((name, Value::Members(members)));
            }
            _ => {}
        }
        if !is_primitive(tag) {
            return Err(self.unknown(element));
        }
        let name = self.name_only(element, place)?;
        Ok((name, self.primitive(element)?))
    }

    fn primitive(&mut self, element: &Element<'a>) -> Result<Value> {
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

    fn object(&mut self, element: &Element<'a>, place: Place) -> Result<(Option<Name>, Value)> {
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
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
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

    fn items(&mut self, parent: &Element<'a>, place: Place) -> Result<Vec<Value>> {
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
    fn members(&mut self, parent: &Element<'a>) -> Result<Properties> {
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

    fn reference(&mut self, element: &Element<'a>, place: Place) -> Result<(Option<Name>, Value)> {
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

    /// The next element inside `parent`, or nothing once that ends.
    #[inline]
    fn child(&mut self, parent: &Element<'a>) -> Result<Option<Element<'a>>> {
        if parent.empty {
            return Ok(None);
        }
        match self.scanner.next_start() {
            Some(child) => Ok(Some(child)),
            None => self.child_or_end(parent),
        }
    }

    fn child_or_end(&mut self, parent: &Element<'a>) -> Result<Option<Element<'a>>> {
        loop {
            match self.piece()? {
                Piece::Start(child) => return Ok(Some(child)),
                Piece::End(name) if name == parent.name => return Ok(None),
                Piece::Comment => {}
                Piece::Text(text) if is_blank(text) => {}
                other => return Err(self.misplaced(other)),
            }
        }
    }

    /// The text inside `element`, with line ends and entities as XML wants them.
    #[inline]
    fn text(&mut self, element: &Element<'a>) -> Result<Cow<'a, str>> {
        if element.empty {
            return Ok(Cow::Borrowed(""));
        }
        match self.scanner.plain_text(element.name) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => self.pieced_text(element),
        }
    }

    fn pieced_text(&mut self, element: &Element<'a>) -> Result<Cow<'a, str>> {
        let mut all = String::new();
        loop {
            match self.piece()? {
                Piece::End(name) if name == element.name => return Ok(Cow::Owned(all)),
                Piece::Text(text) | Piece::Data(text) => push_lines(text, &mut all),
                Piece::Reference(reference) => all.push(self.entity(reference)?),
                Piece::Comment => {}
                other => return Err(self.misplaced(other)),
            }
        }
    }

    fn piece(&mut self) -> Result<Piece<'a>> {
        self.scanner.next().map_err(|fault| {
            self.error(match fault {
                Fault::Unfinished => ErrorKind::UnexpectedEnd,
                Fault::IllFormed(reason) => ErrorKind::NotXml {
                    reason: reason.to_owned(),
                },
            })
        })
    }

    fn entity(&self, name: &str) -> Result<char> {
        let number = |digits: &str, radix| {
            let sound = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, radix).ok().filter(|_| sound);
            code.and_then(char::from_u32)
        };
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix('x') {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => None,
            },
        };
        character.ok_or_else(|| {
            self.error(ErrorKind::UnknownEntity {
                entity: beginning(name),
            })
        })
    }

    /// The name of an element that has no other attribute.
    fn name_only(&mut self, element: &Element<'a>, place: Place) -> Result<Option<Name>> {
        match self.name_and_reference(element, place)? {
            (name, None) => Ok(name),
            (_, Some(_)) => Err(self.error(ErrorKind::UnknownAttribute {
                attribute: "RefId".to_owned(),
            })),
        }
    }

    fn no_attributes(&mut self, element: &Element<'a>) -> Result<()> {
        if element.attributes.is_empty() {
            return Ok(());
        }
        self.attributes(element, |_, _, _| Ok(false))
    }

    fn name_and_reference(
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
    fn attributes(
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

    fn attribute<'t>(&self, text: &'t str) -> Result<Option<Attribute<'t>>> {
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
    fn name(&mut self, text: &str) -> Result<Name> {
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

    fn well_formed(&self, text: Cow<'_, str>) -> Result<String> {
        match unescape(text) {
            Unescaped::Text(text) => Ok(text.into_owned()),
            Unescaped::IllFormed(_) => Err(self.error(ErrorKind::LoneSurrogate)),
        }
    }

    fn number<T: FromStr>(&self, text: &str, expected: &'static str) -> Result<T> {
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

    fn error(&self, kind: ErrorKind) -> Box<Error> {
        Box::new(Error {
            at: self.scanner.position(),
            path: String::new(),
            kind,
        })
    }

    fn invalid(&self, expected: &'static str, found: &str) -> Box<Error> {
        self.error(ErrorKind::InvalidValue {
            expected,
            found: beginning(found),
        })
    }

    fn unknown(&self, element: &Element<'_>) -> Box<Error> {
        self.error(ErrorKind::UnknownElement {
            element: beginning(element.name),
        })
    }

    /// The error for a piece that CLIXML does not have where it was met.
    fn misplaced(&self, piece: Piece<'_>) -> Box<Error> {
        self.error(match piece {
            Piece::DocumentType => ErrorKind::DocumentType,
            Piece::ProcessingInstruction | Piece::Declaration(_) => {
                ErrorKind::ProcessingInstruction
            }
            Piece::Nothing => ErrorKind::UnexpectedEnd,
            Piece::Text(text) | Piece::Data(text) => ErrorKind::StrayText {
                text: beginning(text.trim()),
            },
            Piece::Reference(reference) => ErrorKind::StrayText {
                text: format!("&{};", beginning(reference)),
            },
            Piece::Start(element) => ErrorKind::UnknownElement {
                element: beginning(element.name),
            },
            Piece::End(name) => ErrorKind::NotXml {
                reason: format!("</{}> ends an element that is not open", beginning(name)),
            },
            Piece::Comment => ErrorKind::TrailingContent,
        })
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

/// What identifiers stand for: those that count up from zero, as PowerShell's do, in a list, the others in a map.
struct References<T> {
    counted: Vec<T>,
    others: HashMap<u64, T>,
}

impl<T> Default for References<T> {
    fn default() -> Self {
        Self {
            counted: Vec::new(),
            others: HashMap::new(),
        }
    }
}

impl<T> References<T> {
    /// What was inserted last under that identifier.
    fn get(&self, reference: u64) -> Option<&T> {
        let counted = usize::try_from(reference).map(|at| self.counted.get(at));
        match counted {
            Ok(Some(item)) => Some(item),
            _ => self.others.get(&reference),
        }
    }

    fn insert(&mut self, reference: u64, item: T) {
        match usize::try_from(reference) {
            Ok(at) if at < self.counted.len() => self.counted[at] = item,
            Ok(at) if at == self.counted.len() => self.counted.push(item),
            _ => {
                self.others.insert(reference, item);
            }
        }
    }
}

/// The names that were met, so that each is in memory once: a table in which a new name takes the place of an older
/// one that falls on the same slot, so that no choice of names makes it slow or large.
#[derive(Default)]
struct Names {
    slots: Vec<Option<Name>>,
}

impl Names {
    const SLOTS: usize = 1024;

    fn find(&self, name: &str) -> Option<Name> {
        let kept = self.slots.get(Self::slot(name))?.as_ref()?;
        (**kept == *name).then(|| Arc::clone(kept))
    }

    fn keep(&mut self, name: &Name) {
        self.slots.resize(Self::SLOTS, None);
        self.slots[Self::slot(name)] = Some(Arc::clone(name));
    }

    /// Length, beginning and end tell property names apart well enough.
    fn slot(name: &str) -> usize {
        let bytes = name.as_bytes();
        let part = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
        let end = bytes.len();
        let mut hash = end;
        for at in [
            0,
            1,
            2,
            end / 2,
            end.wrapping_sub(3),
            end.wrapping_sub(2),
            end.wrapping_sub(1),
        ] {
            hash = hash.wrapping_mul(31).wrapping_add(part(at));
        }
        hash % Self::SLOTS
    }
}

/// Puts an element in front of the path of an error.
fn within(mut error: Box<Error>, element: impl FnOnce() -> String) -> Box<Error> {
    error.path.insert_str(0, &element());
    error
}

fn is_blank(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Enough of a text to recognize it in an error.
fn beginning(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Appends text in which every line end becomes one line feed (XML 1.0, 2.11).
fn push_lines(text: &str, out: &mut String) {
    for line in text.split_inclusive('\n') {
        match line.strip_suffix("\r\n") {
            Some(line) => {
                out.push_str(&line.replace('\r', "\n"));
                out.push('\n');
            }
            None => out.push_str(&line.replace('\r', "\n")),
        }
    }
}

fn is_primitive(tag: &str) -> bool {
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

fn is_float(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    matches!(text, "INF" | "-INF" | "NaN") || plain && text.parse::<f64>().is_ok()
}

fn is_decimal(text: &str) -> bool {
    is_float(text) && text.bytes().all(|byte| !byte.is_ascii_alphabetic())
}

fn is_version(text: &str) -> bool {
    (2..=4).contains(&text.split('.').count())
        && text
            .split('.')
            .all(|part| is_digits(part) && part.parse::<i32>().is_ok())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2011-01-25T15:07:07.0000001` with `Z`, an offset, or neither.
fn is_date_time(text: &str) -> bool {
    let Some((head, tail)) = text.split_at_checked(19) else {
        return false;
    };
    let in_range = |from: usize, range: std::ops::RangeInclusive<u8>| {
        let digits = head.get(from..from + 2).filter(|digits| is_digits(digits));
        digits
            .and_then(|digits| digits.parse().ok())
            .is_some_and(|number| range.contains(&number))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let zone = match tail.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => tail,
    };
    let offset = zone
        .strip_prefix(['+', '-'])
        .and_then(|offset| offset.split_once(':'));
    marks.iter().all(|(at, mark)| head.as_bytes()[*at] == *mark)
        && head.get(..4).is_some_and(is_digits)
        && in_range(5, 1..=12)
        && in_range(8, 1..=31)
        && in_range(11, 0..=24)
        && in_range(14, 0..=59)
        && in_range(17, 0..=60)
        && tail != "."
        && (matches!(zone, "" | "Z")
            || offset.is_some_and(|(hours, minutes)| {
                [hours, minutes]
                    .iter()
                    .all(|part| part.len() == 2 && is_digits(part))
            }))
}

/// `P9DT16H36M5.0704842S`, parts left out and a sign in front allowed (XML Schema 2, 3.2.6).
fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(text) = text.strip_prefix('P') else {
        return false;
    };
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    !text.is_empty()
        && time != Some("")
        && has_parts(date, "YMD")
        && time.is_none_or(|time| has_parts(time, "HMS"))
}

/// Says whether `text` is numbers, each followed by one of `units`, in their order.
fn has_parts(text: &str, units: &str) -> bool {
    let mut rest = text;
    for unit in units.chars() {
        let Some((number, behind)) = rest.split_once(unit) else {
            continue;
        };
        let sound = match number.split_once('.') {
            Some((whole, fraction)) => unit == 'S' && is_digits(whole) && is_digits(fraction),
            None => is_digits(number),
        };
        if !sound {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}
