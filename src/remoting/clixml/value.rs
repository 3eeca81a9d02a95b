//! [`Value`] and [`Object`]: what CLIXML can say, each thing in the form it had on the wire.

use std::sync::Arc;

use uuid::Uuid;

/// A property or type name, shared between all objects that use it.
pub type Name = Arc<str>;

/// A serialized value: one of the primitives of MS-PSRP 2.2.5.1, or an object of MS-PSRP 2.2.5.2.
///
/// Numbers with a fraction, dates, durations and versions stay texts exactly as written, so that none is changed by
/// being read.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `<Nil>`: `$null` (MS-PSRP 2.2.5.1.20).
    #[default]
    Null,
    /// `<S>`: a text (MS-PSRP 2.2.5.1.1).
    Text(String),
    /// `<S>`: a text with a surrogate that has no partner, which a Rust text cannot hold; its UTF-16 units.
    IllFormedText(Vec<u16>),
    /// `<C>`: a UTF-16 unit (MS-PSRP 2.2.5.1.2).
    Char(u16),
    /// `<B>`: a truth value (MS-PSRP 2.2.5.1.3).
    Bool(bool),
    /// `<DT>`: a date and time, in UTC, with an offset, or without a zone (MS-PSRP 2.2.5.1.4).
    DateTime(String),
    /// `<TS>`: a duration, as XML Schema writes it (MS-PSRP 2.2.5.1.5).
    Duration(String),
    /// `<By>`: an unsigned byte (MS-PSRP 2.2.5.1.6).
    Byte(u8),
    /// `<SB>`: a signed byte (MS-PSRP 2.2.5.1.7).
    SByte(i8),
    /// `<U16>`: an unsigned 16-bit number (MS-PSRP 2.2.5.1.8).
    UInt16(u16),
    /// `<I16>`: a signed 16-bit number (MS-PSRP 2.2.5.1.9).
    Int16(i16),
    /// `<U32>`: an unsigned 32-bit number (MS-PSRP 2.2.5.1.10).
    UInt32(u32),
    /// `<I32>`: a signed 32-bit number (MS-PSRP 2.2.5.1.11).
    Int32(i32),
    /// `<U64>`: an unsigned 64-bit number (MS-PSRP 2.2.5.1.12).
    UInt64(u64),
    /// `<I64>`: a signed 64-bit number (MS-PSRP 2.2.5.1.13).
    Int64(i64),
    /// `<Sg>`: a single-precision number (MS-PSRP 2.2.5.1.14).
    Single(String),
    /// `<Db>`: a double-precision number (MS-PSRP 2.2.5.1.15).
    Double(String),
    /// `<D>`: a decimal number (MS-PSRP 2.2.5.1.16).
    Decimal(String),
    /// `<BA>`: an array of bytes (MS-PSRP 2.2.5.1.17).
    Bytes(Vec<u8>),
    /// `<G>`: a GUID (MS-PSRP 2.2.5.1.18).
    Guid(Uuid),
    /// `<URI>`: a URI (MS-PSRP 2.2.5.1.19).
    Uri(String),
    /// `<Version>`: a version of two to four numbers (MS-PSRP 2.2.5.1.21).
    Version(String),
    /// `<XD>`: an XML document, as its text (MS-PSRP 2.2.5.1.22).
    Xml(String),
    /// `<SBK>`: a script block, as its text (MS-PSRP 2.2.5.1.23).
    ScriptBlock(String),
    /// `<SS>`: a secure string, as its ciphertext (MS-PSRP 2.2.5.1.24).
    SecureString(String),
    /// `<PR>`: a progress record (MS-PSRP 2.2.5.1.25).
    Progress(Box<Progress>),
    /// `<MS>` among extended properties: a set of members that has a name.
    Members(Properties),
    /// `<Obj>`: an object; `<Ref>` is the same object once more (MS-PSRP 2.2.5.2).
    Object(Arc<Object>),
}

/// An object with its type names, its text, its content and its properties (MS-PSRP 2.2.5.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// `<TN>`: the names of its type and of the types that one derives from; `None` if none were given (2.2.5.2.3).
    pub type_names: Option<TypeNames>,
    /// `<ToString>`: how it shows itself (2.2.5.2.4).
    pub to_string: Option<String>,
    /// What it holds besides properties.
    pub content: Content,
    /// `<Props>`: the properties of the underlying object (2.2.5.2.8).
    pub adapted: Properties,
    /// `<MS>`: the properties PowerShell added (2.2.5.2.9).
    pub extended: Properties,
}

/// What an object holds besides its properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    /// Nothing.
    #[default]
    None,
    /// A primitive: the number of an enumeration, or a value that carries extra properties (MS-PSRP 2.2.5.2.5,
    /// 2.2.5.2.7); rarely another object.
    Value(Value),
    /// `<STK>`: a stack (MS-PSRP 2.2.5.2.6.1).
    Stack(Vec<Value>),
    /// `<QUE>`: a queue (MS-PSRP 2.2.5.2.6.2).
    Queue(Vec<Value>),
    /// `<LST>`: a list (MS-PSRP 2.2.5.2.6.3).
    List(Vec<Value>),
    /// `<IE>`: the elements of something that can only be enumerated.
    Enumerable(Vec<Value>),
    /// `<DCT>`: a dictionary, in the order of the wire (MS-PSRP 2.2.5.2.6.4).
    Dictionary(Vec<(Value, Value)>),
}

/// A progress record in its short form (MS-PSRP 2.2.5.1.25).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// `<AV>`: the activity.
    pub activity: String,
    /// `<AI>`: the identifier of the activity.
    pub activity_id: i32,
    /// The operation that is going on, a text or nothing.
    pub current_operation: Value,
    /// `<PI>`: the identifier of the activity it belongs to, or -1.
    pub parent_activity_id: i32,
    /// `<PC>`: how much is done, in percent, or -1.
    pub percent_complete: i32,
    /// `<T>`: `Processing` or `Completed`.
    pub record_type: String,
    /// `<SR>`: the estimated seconds that remain, or -1.
    pub seconds_remaining: i32,
    /// `<SD>`: the status of the activity.
    pub status_description: String,
}

/// Type names, the most specific one first; shared between objects of the same type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypeNames(Arc<[Name]>);

/// Properties in the order of the wire; PowerShell finds them without regard to case.
///
/// An element without properties (`<MS />`) is not the same as no element: [`is_absent`](Self::is_absent) tells them
/// apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties(Option<Vec<(Name, Value)>>);

impl Value {
    /// An array of objects (`System.Object[]`).
    pub fn array(items: impl IntoIterator<Item = Value>) -> Self {
        Object::new()
            .with_type_names(["System.Object[]", "System.Array", "System.Object"])
            .with_content(Content::List(items.into_iter().collect()))
            .into()
    }

    /// An array of texts (`System.String[]`), as PowerShell sends one to a cmdlet.
    pub fn text_array<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let items = texts.into_iter().map(|text| Self::Text(text.into()));
        Object::new()
            .with_type_names(["System.String[]", "System.Array", "System.Object"])
            .with_content(Content::List(items.collect()))
            .into()
    }

    /// An array list (`System.Collections.ArrayList`), which is how lists travel in remoting messages.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Object::new()
            .with_type_names(["System.Collections.ArrayList", "System.Object"])
            .with_content(Content::List(items.into_iter().collect()))
            .into()
    }

    /// A dictionary (`System.Collections.Hashtable`).
    pub fn dictionary(entries: impl IntoIterator<Item = (Value, Value)>) -> Self {
        Object::new()
            .with_type_names(["System.Collections.Hashtable", "System.Object"])
            .with_content(Content::Dictionary(entries.into_iter().collect()))
            .into()
    }

    /// A value of the enumeration `type_name`: its text and its number (MS-PSRP 2.2.5.2.7).
    pub fn enumeration(type_name: &str, text: impl Into<String>, number: i32) -> Self {
        Object::new()
            .with_type_names([
                type_name,
                "System.Enum",
                "System.ValueType",
                "System.Object",
            ])
            .with_to_string(text)
            .with_content(Content::Value(Self::Int32(number)))
            .into()
    }

    /// Says whether it is `$null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The primitive inside an enumeration or an extended primitive; otherwise the value itself.
    pub fn primitive(&self) -> &Value {
        match self {
            Self::Object(object) => match &object.content {
                Content::Value(value) => value,
                _ => self,
            },
            _ => self,
        }
    }

    /// The text of a `<S>`, alone or inside an object.
    pub fn as_text(&self) -> Option<&str> {
        match self.primitive() {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, alone or inside an object.
    pub fn as_bool(&self) -> Option<bool> {
        match self.primitive() {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of any integer element, if it fits, alone or inside an object: also the number of an enumeration.
    pub fn as_i64(&self) -> Option<i64> {
        match self.primitive() {
            Self::Byte(number) => Some((*number).into()),
            Self::SByte(number) => Some((*number).into()),
            Self::UInt16(number) => Some((*number).into()),
            Self::Int16(number) => Some((*number).into()),
            Self::UInt32(number) => Some((*number).into()),
            Self::Int32(number) => Some((*number).into()),
            Self::UInt64(number) => (*number).try_into().ok(),
            Self::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes of a `<BA>`, alone or inside an object.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self.primitive() {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of a list, stack, queue or enumerable; an empty one is not nothing.
    pub fn as_list(&self) -> Option<&[Value]> {
        match &self.as_object()?.content {
            Content::List(items)
            | Content::Stack(items)
            | Content::Queue(items)
            | Content::Enumerable(items) => Some(items),
            Content::None | Content::Value(_) | Content::Dictionary(_) => None,
        }
    }

    /// The entries of a dictionary.
    pub fn as_dictionary(&self) -> Option<&[(Value, Value)]> {
        match &self.as_object()?.content {
            Content::Dictionary(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under a text key of a dictionary, without regard to case.
    pub fn entry(&self, key: &str) -> Option<&Value> {
        self.as_dictionary()?
            .iter()
            .find(|(name, _)| {
                name.as_text()
                    .is_some_and(|name| name.eq_ignore_ascii_case(key))
            })
            .map(|(_, value)| value)
    }

    /// The property of that name, adapted before extended, without regard to case.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.adapted(name).or_else(|| self.extended(name))
    }

    /// The adapted property of that name, without regard to case.
    pub fn adapted(&self, name: &str) -> Option<&Value> {
        self.as_object()?.adapted.get(name)
    }

    /// The extended property of that name, without regard to case.
    pub fn extended(&self, name: &str) -> Option<&Value> {
        self.as_object()?.extended.get(name)
    }

    /// The most specific type name of an object.
    pub fn type_name(&self) -> Option<&str> {
        self.as_object()?.type_names.as_ref()?.first()
    }

    /// The text PowerShell shows: `ToString` of an object, else the primitive as it is written; `None` for null and
    /// for objects that have neither.
    pub fn to_text(&self) -> Option<String> {
        if let Self::Object(object) = self
            && let Some(text) = &object.to_string
        {
            return Some(text.clone());
        }
        match self.primitive() {
            Self::Null
            | Self::Bytes(_)
            | Self::Progress(_)
            | Self::Members(_)
            | Self::Object(_) => None,
            Self::Text(text)
            | Self::DateTime(text)
            | Self::Duration(text)
            | Self::Single(text)
            | Self::Double(text)
            | Self::Decimal(text)
            | Self::Uri(text)
            | Self::Version(text)
            | Self::Xml(text)
            | Self::ScriptBlock(text) => Some(text.clone()),
            Self::SecureString(_) => Some("System.Security.SecureString".to_owned()),
            Self::IllFormedText(units) => Some(String::from_utf16_lossy(units)),
            Self::Char(unit) => Some(String::from_utf16_lossy(&[*unit])),
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::Guid(guid) => Some(guid.to_string()),
            Self::Byte(number) => Some(number.to_string()),
            Self::SByte(number) => Some(number.to_string()),
            Self::UInt16(number) => Some(number.to_string()),
            Self::Int16(number) => Some(number.to_string()),
            Self::UInt32(number) => Some(number.to_string()),
            Self::Int32(number) => Some(number.to_string()),
            Self::UInt64(number) => Some(number.to_string()),
            Self::Int64(number) => Some(number.to_string()),
        }
    }
}

impl Object {
    /// An object that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these type names, the most specific one first.
    #[must_use]
    pub fn with_type_names<N: Into<Name>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.with_shared_type_names(TypeNames::new(names))
    }

    /// The same with type names that other objects have too; they are written once.
    #[must_use]
    pub fn with_shared_type_names(mut self, names: TypeNames) -> Self {
        self.type_names = Some(names);
        self
    }

    /// The same with this text as its `ToString`.
    #[must_use]
    pub fn with_to_string(mut self, text: impl Into<String>) -> Self {
        self.to_string = Some(text.into());
        self
    }

    /// The same with this content.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// The same with one more adapted property.
    #[must_use]
    pub fn with_adapted(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.adapted.push(name, value);
        self
    }

    /// The same with one more extended property.
    #[must_use]
    pub fn with_extended(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.extended.push(name, value);
        self
    }
}

impl TypeNames {
    /// These names, the most specific one first.
    pub fn new<N: Into<Name>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// The most specific name.
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(AsRef::as_ref)
    }

    /// The names, the most specific one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Says whether one of the names is this one, with or without the mark of a deserialized object.
    pub fn contain(&self, name: &str) -> bool {
        self.iter()
            .any(|own| own == name || own.strip_prefix("Deserialized.") == Some(name))
    }
}

impl Properties {
    /// An element with these properties.
    pub fn new(properties: Vec<(Name, Value)>) -> Self {
        Self(Some(properties))
    }

    /// Says whether not even an empty element is there.
    pub fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// Says whether there is no property.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Vec::len)
    }

    /// The property of that name, without regard to case.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The properties in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.0.iter().flatten().map(|(name, value)| (name, value))
    }

    /// Adds a property behind the others.
    pub fn push(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        self.0
            .get_or_insert_default()
            .push((name.into(), value.into()));
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }
}

impl From<Arc<Object>> for Value {
    fn from(object: Arc<Object>) -> Self {
        Self::Object(object)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int32(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int64(number)
    }
}

impl From<Uuid> for Value {
    fn from(guid: Uuid) -> Self {
        Self::Guid(guid)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
