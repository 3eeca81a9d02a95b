//! [`read`]: CLIXML becomes values, or an error that says where and why.
//!
//! Written for speed and for hostile input: pieces borrow from the document, names are kept once, references share,
//! and nesting, size and what references unfold to are limited.

mod attribute;
mod form;
mod markup;
mod object;
mod primitive;
mod shared;

pub use self::shared::Names;

use self::primitive::is_primitive;
use self::shared::References;
use super::{
    Error, ErrorKind, NAMESPACE, Name, Object, TypeNames, Value,
    text::{self, Encoding},
    xml::{Element, Piece, Scanner},
};
use std::sync::Arc;

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
    read_text(&text, limits, &mut Names::default()).map_err(|mut error| {
        error.at = encoding.byte_offset(&text, error.at);
        *error
    })
}

/// Reads the same from a text, whose declaration may then name any encoding.
pub fn read_str(text: &str, limits: &Limits) -> Result<Vec<Value>, Error> {
    read_next(text, limits, &mut Names::default())
}

/// Reads the same from a text that is one of many, with the names that were met before.
///
/// The messages of an answer have the same properties again and again: so each name is in memory once for all of them.
pub fn read_next(text: &str, limits: &Limits, names: &mut Names) -> Result<Vec<Value>, Error> {
    check_size(text.len(), limits)?;
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    read_text(plain, limits, names).map_err(|mut error| {
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

fn read_text(text: &str, limits: &Limits, names: &mut Names) -> Result<Vec<Value>> {
    Reader::new(text, limits, names).document()
}

/// Errors are rare and large, so they are passed on by reference.
type Result<T, E = Box<Error>> = std::result::Result<T, E>;

/// The state of reading one document.
struct Reader<'a, 'names> {
    scanner: Scanner<'a>,
    limits: Limits,
    names: &'names mut Names,
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

impl<'a, 'names> Reader<'a, 'names> {
    fn new(text: &'a str, limits: &Limits, names: &'names mut Names) -> Self {
        Self {
            scanner: Scanner::new(text),
            limits: Limits {
                depth: limits.depth.min(DEEPEST),
                ..*limits
            },
            names,
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
