//! A script's map becomes a parameter struct, and a parameter struct the parameters of a cmdlet; [`Entry`], the row of
//! the catalog for one function.

use super::convert::{to_value, type_word, word_of_type};
use super::{Thrown, throw};
use crate::exchange::Cmdlet;
use crate::failure::{Failure, FailureKind};
use crate::session::unknown_text;
use crate::subject::{Effect, Plane};
use crate::value::{Object, Value, snake_case};
use crate::words::{nearest, quoted};
use rhai::{Map, NativeCallContext};
use serde::{
    Serialize,
    de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor},
};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The row of the catalog for one function: what its comment cannot say.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The name of the function.
    pub function: &'static str,
    /// The cmdlet it runs, or the request it makes; absent for a function that asks nobody.
    pub cmdlet: Option<&'static str>,
    /// What it does to its subject; absent for a function that asks nobody.
    pub effect: Option<Effect>,
    /// Where it exists; empty for a function that belongs to no plane.
    pub planes: &'static [Plane],
    options: fn() -> Vec<OptionField>,
}

impl Entry {
    /// The entry of a function that runs a cmdlet and takes its parameters as options.
    pub const fn of<C: Cmdlet + DeserializeOwned>(function: &'static str) -> Self {
        Self {
            options: fields::<C>,
            ..Self::bare::<C>(function)
        }
    }

    /// The entry of a function that runs a cmdlet and takes no options.
    pub const fn bare<C: Cmdlet>(function: &'static str) -> Self {
        Self {
            function,
            cmdlet: Some(C::NAME),
            effect: Some(C::EFFECT),
            planes: C::PLANES,
            options: Vec::new,
        }
    }

    /// The entry of a function that asks Microsoft Graph, such as `PATCH /servicePrincipals/{id}`.
    pub const fn graph(function: &'static str, request: &'static str, effect: Effect) -> Self {
        Self {
            function,
            cmdlet: Some(request),
            effect: Some(effect),
            planes: &[Plane::Entra],
            options: Vec::new,
        }
    }

    /// The entry of a function that asks nobody.
    pub const fn plain(function: &'static str) -> Self {
        Self {
            function,
            cmdlet: None,
            effect: None,
            planes: &[],
            options: Vec::new,
        }
    }

    /// The same with options.
    #[must_use]
    pub const fn with_options<T: DeserializeOwned>(mut self) -> Self {
        self.options = fields::<T>;
        self
    }

    /// The options it takes, in the order of the struct.
    pub fn options(&self) -> Vec<OptionField> {
        (self.options)()
    }
}

/// One key of a function's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionField {
    /// The key.
    pub name: Cow<'static, str>,
    /// What it takes, in words, such as `a text` or `a list of texts`.
    pub takes: String,
    /// Whether it must be given.
    pub required: bool,
    /// What it means: the line of the function's comment that begins with a star and the key. Empty before the catalog
    /// has read the comment.
    pub text: String,
}

/// Reads a map as the options of the function that is being called.
pub fn read<T: DeserializeOwned>(call: &NativeCallContext, options: Map) -> Thrown<T> {
    read_for(call.fn_name(), &options).map_err(throw)
}

/// Reads a map as the options of a function: all unknown and missing keys are named at once, then wrong values.
///
/// # Errors
///
/// What is wrong with the map, kind `Input`.
pub fn read_for<T: DeserializeOwned>(function: &str, options: &Map) -> Result<T, Failure> {
    let fields = fields::<T>();
    check_keys(function, options, &fields)?;
    let mut object = serde_json::Map::new();
    for (name, value) in options {
        match to_value(value) {
            Ok(Value::Null) => {}
            Ok(given) => {
                object.insert(name.to_string(), marked(&given).to_json());
            }
            Err(_) => {
                return Err(Failure::input(format!(
                    "the option \"{name}\" of {function} cannot be {}",
                    type_word(value)
                )));
            }
        }
    }
    serde_path_to_error::deserialize(serde_json::Value::Object(object)).map_err(|error| {
        // Only a text can be passed on without being known.
        let path = error.path().to_string();
        let name = path.split(['.', '[']).next().unwrap_or_default();
        match options.get(name).and_then(|value| to_value(value).ok()) {
            Some(given) if given.has_unknown() => not_known_yet(function, name, &given),
            _ => wrong_value(function, &error, &fields),
        }
    })
}

/// What marks a text that stands for a value that is known only after apply, while it is a field of a parameter struct:
/// serde has no place for one.
const MARK: &str = "\u{10ffff}known after apply\u{10ffff}";

/// The value with each unknown as a text that passes through a parameter struct.
fn marked(value: &Value) -> Value {
    match value {
        Value::Unknown(what) => Value::Text(format!("{MARK}{what}")),
        Value::List(list) => Value::List(list.iter().map(marked).collect()),
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(name, value)| (name.clone(), marked(value)))
                .collect(),
        ),
        value => value.clone(),
    }
}

/// The value of an option, which may be known only after apply.
pub(super) fn unmarked(value: Value) -> Value {
    match value {
        Value::Text(text) => match text.strip_prefix(MARK) {
            Some(what) => Value::Unknown(what.to_owned()),
            None => Value::Text(text),
        },
        Value::List(list) => Value::List(list.into_iter().map(unmarked).collect()),
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .map(|(name, value)| (name, unmarked(value)))
                .collect(),
        ),
        value => value,
    }
}

/// A text that was an option, as a person reads it.
pub(super) fn shown(text: String) -> String {
    match unmarked(Value::Text(text)) {
        Value::Unknown(what) => unknown_text(&what),
        Value::Text(text) => text,
        _ => String::new(),
    }
}

/// The failure of a call that would have to know a value which is known only after apply.
pub(super) fn not_known_yet(function: &str, name: &str, value: &Value) -> Failure {
    let what = match value {
        Value::Unknown(what) => what.as_str(),
        _ => "a part of it",
    };
    Failure::input(format!("the option \"{name}\" of {function} is {what}, which is known only after apply, so this call cannot be planned"),
    )
    .with_hint("apply the steps before this one first")
}

/// Refuses a map with keys that are not options, or without those that must be given.
///
/// # Errors
///
/// All of them at once, kind `Input`.
pub fn check_keys(function: &str, options: &Map, fields: &[OptionField]) -> Result<(), Failure> {
    let unknown: Vec<&str> = options
        .keys()
        .map(|name| name.as_str())
        .filter(|name| !fields.iter().any(|field| field.name == *name))
        .collect();
    let missing: Vec<&OptionField> = fields
        .iter()
        .filter(|field| {
            field.required && options.get(&*field.name).is_none_or(rhai::Dynamic::is_unit)
        })
        .collect();
    let mut wrongs = Vec::new();
    if !unknown.is_empty() {
        wrongs.push(format!("has no option {}", quoted(&unknown)));
    }
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|field| &*field.name).collect();
        wrongs.push(format!("needs the option {}", quoted(&names)));
    }
    if wrongs.is_empty() {
        return Ok(());
    }
    let near: Vec<&str> = unknown
        .iter()
        .filter_map(|name| nearest(name, fields.iter().map(|field| &*field.name)))
        .collect();
    let mut hints = Vec::new();
    if !near.is_empty() {
        hints.push(format!("did you mean {}?", quoted(&near)));
    }
    if hints.is_empty() && !unknown.is_empty() {
        let known: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
        hints.push(if known.is_empty() {
            "it takes no options".to_owned()
        } else {
            format!("its options are {}", quoted(&known))
        });
    }
    for field in missing {
        hints.push(format!("\"{}\" takes {}", field.name, field.takes));
    }
    Err(
        Failure::input(format!("{function} {}", wrongs.join(" and ")))
            .with_hint(hints.join(", ").replace("?,", "?")),
    )
}

fn wrong_value(
    function: &str,
    error: &serde_path_to_error::Error<serde_json::Error>,
    fields: &[OptionField],
) -> Failure {
    let path = error.path().to_string();
    let first = path.split(['.', '[']).next().unwrap_or_default();
    let message = plain_words(&error.inner().to_string());
    let failure = Failure::input(format!(
        "the option \"{path}\" of {function} is wrong: {message}"
    ));
    match fields.iter().find(|field| field.name == first) {
        Some(field) => failure.with_hint(format!("\"{first}\" takes {}", field.takes)),
        None => failure,
    }
}

/// Says in plain words what serde says.
fn plain_words(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let Some(rest) = message.strip_prefix("invalid type: ") else {
        return message.replace('`', "\"");
    };
    let (found, wanted) = rest.split_once(", expected ").unwrap_or((rest, ""));
    let found = found
        .replace("integer ", "the whole number ")
        .replace("floating point ", "the number ")
        .replace("string ", "the text ")
        .replace("boolean ", "")
        .replace("sequence", "a list")
        .replace("map", "a map #{...}")
        .replace('`', "");
    let wanted = match wanted {
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        wanted => {
            let word = word_of_type(wanted);
            if word == "something else" {
                wanted.replace('`', "\"")
            } else {
                word.to_owned()
            }
        }
    };
    format!("it is {found}, not {wanted}")
}

/// Refuses options that are in no parameter set of their cmdlet together; parameters that no set has are in all.
pub(super) fn in_one_set<C: Cmdlet>(
    call: &NativeCallContext,
    cmdlet: &C,
    sets: &[&[&str]],
) -> Thrown<()> {
    let given = parameters(cmdlet).map_err(throw)?;
    let given: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| sets.iter().any(|set| set.contains(name)))
        .collect();
    if sets
        .iter()
        .any(|set| given.iter().all(|name| set.contains(name)))
    {
        return Ok(());
    }
    let names: Vec<String> = given.iter().map(|name| snake_case(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (function, cmdlet) = (call.fn_name(), C::NAME);
    Err(throw(
        Failure::input(format!(
                "{function} does not take {} together: they are in different parameter sets of {cmdlet}",
                quoted(&names)
            ),
        )
        .with_hint(format!("call {function} once for each")),
    ))
}

/// Turns a parameter struct into the parameters of its cmdlet; what is left out is not sent.
///
/// # Errors
///
/// When the struct does not serialize as an object: a defect.
pub fn parameters<T: Serialize>(cmdlet: &T) -> Result<Object, Failure> {
    match serde_json::to_value(cmdlet).map(Value::from) {
        Ok(Value::Object(object)) => Ok(object
            .into_iter()
            .filter(|(_, value)| *value != Value::Null)
            .map(|(name, value)| (name, unmarked(value)))
            .collect()),
        Ok(_) => Err(Failure::new(
            FailureKind::Internal,
            "the parameters of a cmdlet are not a struct",
        )),
        Err(error) => Err(Failure::new(
            FailureKind::Internal,
            "the parameters of a cmdlet could not be read",
        )
        .caused_by(error)),
    }
}

/// The keys of a parameter struct with what they take, found without a value.
///
/// A field may be left out exactly when it is an `Option`.
pub fn fields<T: DeserializeOwned>() -> Vec<OptionField> {
    names::<T>()
        .iter()
        .map(|&name| {
            let learned = Learned::default();
            // The result is of no interest: the other fields are missing.
            let _ = T::deserialize(OneField {
                name,
                learned: learned.clone(),
            })
            .is_ok();
            let learned = learned.0.take();
            OptionField {
                name: name.into(),
                takes: learned.takes,
                required: !learned.optional,
                text: String::new(),
            }
        })
        .collect()
}

fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let found = Rc::new(Cell::new(&[] as &'static [&'static str]));
    // The result is of no interest: the names are, and they come before any value.
    let _ = T::deserialize(Names(found.clone())).is_ok();
    found.get()
}

struct Names(Rc<Cell<&'static [&'static str]>>);

/// What one field takes.
#[derive(Clone, Default)]
struct Learned(Rc<RefCell<Shape>>);

#[derive(Default)]
struct Shape {
    takes: String,
    optional: bool,
}

/// A struct of which only one field is given.
struct OneField {
    name: &'static str,
    learned: Learned,
}

/// A value that notes what it is asked to be.
struct AnyValue(Learned);

impl AnyValue {
    fn note<T>(self, takes: impl Into<String>) -> Result<T, de::value::Error> {
        self.0.0.borrow_mut().takes = takes.into();
        Err(probed())
    }
}

fn probed() -> de::value::Error {
    de::Error::custom("only probed")
}

impl<'de> Deserializer<'de> for Names {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(fields);
        Err(probed())
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(probed())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for OneField {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(probed())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for OneField {
    type Error = de::value::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        seed.deserialize(self.name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        seed.deserialize(AnyValue(self.learned.clone()))
    }
}

impl<'de> SeqAccess<'de> for AnyValue {
    type Error = de::value::Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        seed.deserialize(Self(self.0.clone())).map(Some)
    }
}

macro_rules! noted {
    ($words:literal: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            self.note($words)
        })*
    };
}

impl<'de> Deserializer<'de> for AnyValue {
    type Error = de::value::Error;

    noted!("any value": deserialize_any deserialize_ignored_any deserialize_unit);
    noted!("true or false": deserialize_bool);
    noted!("a whole number": deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    noted!("a number": deserialize_f32 deserialize_f64);
    noted!("a text": deserialize_char deserialize_str deserialize_string deserialize_identifier);
    noted!("bytes": deserialize_bytes deserialize_byte_buf);
    noted!("a map #{...}": deserialize_map);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.0.borrow_mut().optional = true;
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let of = Learned::default();
        // The result is of no interest: the element is.
        let _ = visitor.visit_seq(Self(of.clone())).is_ok();
        let takes = match of.0.take().takes.as_str() {
            "a text" => "a list of texts".to_owned(),
            "a whole number" => "a list of whole numbers".to_owned(),
            takes => format!("a list, each {takes}"),
        };
        self.note(takes)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.note("nothing")
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.note(format!("a map #{{...}} of {}", quoted(fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.note(format!("one of {}", quoted(variants)))
    }
}
