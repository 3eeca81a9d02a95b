//! Why a document is not read: [`Error`], with the place in the bytes and in the elements.

use std::fmt;

/// A document or message that is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The offset of the byte where it was noticed.
    pub at: usize,
    /// The elements around it, as in `/Objs/Obj[2]/Props/S[@N='Name']`; empty outside the root element.
    pub path: String,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What can be wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There are more bytes than the limits allow.
    TooLarge {
        /// How many bytes there are.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Objects are nested deeper than the limits allow, references included.
    TooDeep {
        /// How many levels are allowed.
        limit: usize,
    },
    /// Written out without references, there would be more values than the limits allow.
    TooManyValues {
        /// How many values are allowed.
        limit: u64,
    },
    /// The bytes are not text in their encoding.
    NotText {
        /// The encoding that was expected.
        encoding: &'static str,
    },
    /// The XML declaration names an encoding that is not read.
    UnsupportedEncoding {
        /// The encoding that was named.
        encoding: String,
    },
    /// The text is not XML.
    NotXml {
        /// What the XML reader found.
        reason: String,
    },
    /// The text ends too early.
    UnexpectedEnd,
    /// The text is XML of another kind.
    NotClixml {
        /// The name of the root element.
        root: String,
    },
    /// The root element belongs to another namespace than PowerShell's.
    WrongNamespace {
        /// The namespace that was named.
        namespace: String,
    },
    /// The document declares a version that is not read.
    UnsupportedVersion {
        /// The version that was declared.
        version: String,
    },
    /// The document has a document type declaration, which CLIXML never has.
    DocumentType,
    /// The document has a processing instruction, which CLIXML never has.
    ProcessingInstruction,
    /// A reference to an entity besides the five of XML and the numeric ones.
    UnknownEntity {
        /// The name of the entity.
        entity: String,
    },
    /// An element that CLIXML does not have at this place.
    UnknownElement {
        /// The name of the element.
        element: String,
    },
    /// An element that may be there once.
    RepeatedElement {
        /// The name of the element.
        element: String,
    },
    /// An element that has to be there.
    MissingElement {
        /// The name of the element.
        element: &'static str,
    },
    /// An attribute that PowerShell does not write at this place, or one that is there twice.
    UnknownAttribute {
        /// The name of the attribute.
        attribute: String,
    },
    /// An attribute that has to be there.
    MissingAttribute {
        /// The name of the attribute.
        attribute: &'static str,
    },
    /// Text where only elements may be.
    StrayText {
        /// The beginning of the text.
        text: String,
    },
    /// A value that is not of the type its element promises.
    InvalidValue {
        /// What the element promises.
        expected: &'static str,
        /// The beginning of what was found.
        found: String,
    },
    /// A surrogate without partner, in a place other than `<S>`, which alone can hold one.
    LoneSurrogate,
    /// A reference to an object or to type names that were not written before.
    DanglingReference {
        /// The identifier that is not known.
        reference: u64,
    },
    /// A reference to an object that the reference is a part of.
    ReferenceLoop {
        /// The identifier of the object.
        reference: u64,
    },
    /// Something behind the root element.
    TrailingContent,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}", self.kind, self.at)?;
        if self.path.is_empty() {
            f.write_str(")")
        } else {
            write!(f, ", {})", self.path.escape_debug())
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "{bytes} bytes of CLIXML, but no more than {limit} are read"
                )
            }
            Self::TooDeep { limit } => write!(f, "objects nested more than {limit} deep"),
            Self::TooManyValues { limit } => {
                write!(f, "more than {limit} values when references are followed")
            }
            Self::NotText { encoding } => write!(f, "this is not text in {encoding}"),
            Self::UnsupportedEncoding { encoding } => {
                write!(
                    f,
                    "the encoding {encoding:?} is not read, only UTF-8 and UTF-16 are"
                )
            }
            Self::NotXml { reason } => write!(f, "this is not XML: {}", reason.escape_debug()),
            Self::UnexpectedEnd => f.write_str("the CLIXML ends too early"),
            Self::NotClixml { root } => write!(
                f,
                "this is XML, but not CLIXML: the root element is <{}>, expected <Objs>",
                root.escape_debug()
            ),
            Self::WrongNamespace { namespace } => write!(
                f,
                "this is XML, but not CLIXML: its namespace is {namespace:?}, expected {:?}",
                super::NAMESPACE
            ),
            Self::UnsupportedVersion { version } => {
                write!(f, "CLIXML version {version:?} is not read, only 1.1 is")
            }
            Self::DocumentType => f.write_str("a document type declaration is not read"),
            Self::ProcessingInstruction => f.write_str("a processing instruction is not read"),
            Self::UnknownEntity { entity } => write!(f, "unknown entity {entity:?}"),
            Self::UnknownElement { element } => write!(f, "unexpected element {element:?}"),
            Self::RepeatedElement { element } => write!(f, "a second element {element:?}"),
            Self::MissingElement { element } => write!(f, "an element {element:?} is missing"),
            Self::UnknownAttribute { attribute } => {
                write!(f, "unexpected attribute {attribute:?}")
            }
            Self::MissingAttribute { attribute } => {
                write!(f, "the attribute {attribute:?} is missing")
            }
            Self::StrayText { text } => write!(f, "text between elements: {text:?}"),
            Self::InvalidValue { expected, found } => {
                write!(f, "expected {expected}, found {found:?}")
            }
            Self::LoneSurrogate => f.write_str("a surrogate without its partner"),
            Self::DanglingReference { reference } => {
                write!(f, "reference {reference} to something that is not there")
            }
            Self::ReferenceLoop { reference } => {
                write!(f, "reference {reference} to an object that it is a part of")
            }
            Self::TrailingContent => f.write_str("content behind the root element"),
        }
    }
}

impl std::error::Error for Error {}
