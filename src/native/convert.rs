//! Values as scripts see them, both ways; and [`Unknown`], what only the service will know.
//!
//! An object becomes a map whose keys are in snake case; nothing else changes.

use super::{Thrown, throw};
use crate::failure::Failure;
use crate::value::{Object, Value, snake_case};
use rhai::{Array, Blob, Dynamic, Engine, Map};

/// A value that does not exist yet while planning; it may be passed on but nothing may be decided on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What it is, such as `Guid of the new connector`.
    pub what: String,
}

/// Turns a value of a service into one of a script.
pub fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => Dynamic::from_blob(bytes.clone()),
        Value::List(list) => Dynamic::from_array(list.iter().map(to_dynamic).collect()),
        Value::Object(object) => Dynamic::from_map(to_map(object)),
        Value::Unknown(what) => Dynamic::from(Unknown { what: what.clone() }),
    }
}

/// Turns an object of a service into a map of a script.
pub fn to_map(object: &Object) -> Map {
    object
        .iter()
        .map(|(name, value)| (snake_case(name).into(), to_dynamic(value)))
        .collect()
}

/// Turns a value of a script into one of ours; keys of maps stay as they are.
///
/// # Errors
///
/// When it holds something that is no value, such as a function.
pub fn to_value(value: &Dynamic) -> Result<Value, Failure> {
    let value = value.flatten_clone();
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Ok(Value::Bool(value));
    }
    if let Ok(value) = value.as_int() {
        return Ok(Value::Integer(value));
    }
    if let Ok(value) = value.as_float() {
        return Ok(Value::Float(value));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::Text(letter.to_string()));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::Text(text.to_string()));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok(Value::Bytes(blob.clone()));
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array
            .iter()
            .map(to_value)
            .collect::<Result<_, _>>()
            .map(Value::List);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return to_object(&map).map(Value::Object);
    }
    if let Some(unknown) = value.read_lock::<Unknown>() {
        return Ok(Value::Unknown(unknown.what.clone()));
    }
    Err(Failure::input(format!(
        "{} cannot be used as a value here",
        type_word(&value)
    )))
}

/// Turns a map of a script into an object; keys stay as they are.
///
/// # Errors
///
/// As [`to_value`].
pub fn to_object(map: &Map) -> Result<Object, Failure> {
    map.iter()
        .map(|(name, value)| Ok((name.to_string(), to_value(value)?)))
        .collect()
}

/// The type of a script's value, in words that an administrator understands.
pub fn type_word(value: &Dynamic) -> &'static str {
    word_of_type(value.type_name())
}

/// The words for the name that Rhai or serde has for a type.
pub fn word_of_type(name: &str) -> &'static str {
    // Rhai names all types that a text can have.
    let name = name.split(" | ").next().unwrap_or(name);
    match name {
        "i64" | "int" | "INT" | "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" => {
            "a whole number"
        }
        "f64" | "float" | "FLOAT" => "a number",
        "bool" => "true or false",
        "string" | "String" | "&str" | "char" | "ImmutableString" => "a text",
        "array" | "Array" => "a list",
        "map" | "Map" => "a map #{...}",
        "blob" | "Blob" => "bytes",
        "()" => "nothing",
        "Fn" | "FnPtr" => "a function",
        "Exchange" => "an Exchange organization",
        "Entra" => "the directory",
        "Cloud" => "the cloud",
        "Inputs" => "the inputs",
        "timestamp" => "a point in time",
        "Unknown" => "a value that is known only after apply",
        "Failure" => "a failure",
        _ if name.ends_with("::Unknown") => "a value that is known only after apply",
        _ if name.ends_with("::Exchange") => "an Exchange organization",
        _ if name.ends_with("::Entra") => "the directory",
        _ if name.ends_with("::CloudHandle") => "the cloud",
        _ if name.ends_with("::Inputs") => "the inputs",
        _ if name.ends_with("::Instant") => "a point in time",
        _ if name.ends_with("::FnPtr") => "a function",
        _ if name.ends_with("::Failure") => "a failure",
        _ => "something else",
    }
}

/// The failure of a script that decides on what is not known yet.
pub fn undecidable(what: &str) -> Failure {
    Failure::input(format!(
        "the script must not decide on {what} while planning, since it is known only after apply"
    ))
    .with_hint("test planning() or is_unknown(value) first")
}

/// Registers [`Unknown`] and [`Failure`] with what scripts may do with them.
pub(super) fn register(engine: &mut Engine) {
    register_unknown(engine);
    engine
        .register_type_with_name::<Failure>("Failure")
        .register_get("kind", |failure: &mut Failure| failure.kind.word())
        .register_get("message", |failure: &mut Failure| failure.message.clone())
        .register_get("detail", |failure: &mut Failure| {
            optional(failure.detail.as_ref())
        })
        .register_get("hint", |failure: &mut Failure| {
            optional(failure.hint.as_ref())
        })
        .register_get("subject", |failure: &mut Failure| {
            optional(failure.subject.as_ref().map(ToString::to_string).as_ref())
        })
        .register_fn("to_string", |failure: &mut Failure| failure.to_string())
        .register_fn("to_debug", |failure: &mut Failure| failure.to_string());
}

fn optional(text: Option<&String>) -> Dynamic {
    text.map_or(Dynamic::UNIT, |text| text.as_str().into())
}

fn register_unknown(engine: &mut Engine) {
    engine
        .register_type_with_name::<Unknown>("Unknown")
        .register_fn("to_string", |unknown: &mut Unknown| unknown.shown())
        .register_fn("to_debug", |unknown: &mut Unknown| unknown.shown())
        .register_indexer_get(|unknown: &mut Unknown, property: &str| Unknown {
            what: format!("{property} of {}", unknown.what),
        })
        .register_fn("+", |left: Unknown, _right: Dynamic| left)
        .register_fn("+", |left: &str, right: Unknown| {
            format!("{left}{}", right.shown())
        })
        .register_fn("!", |unknown: Unknown| refuse(&unknown));
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        engine
            .register_fn(operator, |left: Unknown, _right: Unknown| refuse(&left))
            .register_fn(operator, |left: Unknown, _right: Dynamic| refuse(&left))
            .register_fn(operator, |_left: Dynamic, right: Unknown| refuse(&right));
    }
}

impl Unknown {
    fn shown(&self) -> String {
        format!("(known after apply: {})", self.what)
    }
}

fn refuse(unknown: &Unknown) -> Thrown<bool> {
    Err(throw(undecidable(&unknown.what)))
}
