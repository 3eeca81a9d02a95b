//! [`Value`]: the one neutral property tree for CLIXML, JSON and scripts.
//!
//! Property names are the wire's own (`DiscoveryEndpoint`, `keyCredentials`), in the order of the wire; scripts see
//! them in snake case, see [`snake_case`]. Dates are RFC 3339 texts, enumerations and identities are their text.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The properties of an object, in the order of the wire.
pub type Object = IndexMap<String, Value>;

/// A value as a service sent it, or as it will be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: `$null`, JSON null, a property without a value.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text; also dates (RFC 3339), enumerations, identities, versions.
    Text(String),
    /// A byte array.
    Bytes(Vec<u8>),
    /// A list; a multi-valued property.
    List(Vec<Value>),
    /// An object.
    Object(Object),
    /// Something that only the service will know, met while planning; the text says what.
    Unknown(String),
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is nothing, an empty text or an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            _ => false,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The property of that wire name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object().and_then(|object| object.get(name))
    }

    /// The text of the property of that wire name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    /// Says whether this value, or one inside it, is only known to the service.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::List(list) => list.iter().any(Value::has_unknown),
            Self::Object(object) => object.values().any(Value::has_unknown),
            _ => false,
        }
    }

    /// The JSON of it: bytes as base64, an unknown as `{"unknown": "..."}`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => BASE64_STANDARD.encode(bytes).into(),
            Self::List(list) => list.iter().map(Value::to_json).collect(),
            Self::Object(object) => object
                .iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect(),
            Self::Unknown(what) => serde_json::json!({ "unknown": what }),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                (None, None) => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(list) => {
                Self::List(list.into_iter().map(Into::into).collect())
            }
            serde_json::Value::Object(object) => Self::Object(
                object
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect(),
            ),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
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

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Into::into)
    }
}

/// Turns a wire name into the snake case that scripts use.
///
/// A run of capitals is one word, with its plural `s`: `EwsAllowedAppIDs` is `ews_allowed_app_ids`.
///
/// ```
/// use exoauth::value::snake_case;
///
/// assert_eq!(snake_case("DiscoveryEndpoint"), "discovery_endpoint");
/// assert_eq!(snake_case("keyCredentials"), "key_credentials");
/// assert_eq!(snake_case("WhenCreatedUTC"), "when_created_utc");
/// assert_eq!(snake_case("TrustAnySSLCertificate"), "trust_any_ssl_certificate");
/// assert_eq!(snake_case("EwsAllowedAppIDs"), "ews_allowed_app_ids");
/// ```
pub fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        if letter.is_uppercase() && at > 0 {
            let after_small = !letters[at - 1].is_uppercase() && letters[at - 1] != '_';
            let next_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            let plural = letters.get(at + 1) == Some(&'s')
                && letters.get(at + 2).is_none_or(|after| after.is_uppercase());
            if after_small || (letters[at - 1].is_uppercase() && next_small && !plural) {
                snake.push('_');
            }
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Turns the snake case of a script into the Pascal case of a cmdlet parameter.
///
/// PowerShell does not look at the case of a parameter's name, so acronyms need no care.
///
/// ```
/// use exoauth::value::pascal_case;
///
/// assert_eq!(pascal_case("target_address_domains"), "TargetAddressDomains");
/// assert_eq!(pascal_case("TargetAddressDomains"), "TargetAddressDomains");
/// ```
pub fn pascal_case(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        })
        .collect()
}
