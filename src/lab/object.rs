//! Making the world's objects, and reading their properties.

use super::noun::{self, Noun, Start};
use super::world::{World, guid_of, whole_seconds};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::Timestamp;

/// An object of these properties.
pub(super) fn object<const N: usize>(properties: [(&str, Value); N]) -> Object {
    properties
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The text of a property; absent where it has none.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_text)
}

/// Whether a property is true.
pub(super) fn is_true(object: &Object, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool) == Some(true)
}

/// Says of an object that it was changed at a moment.
pub(super) fn mark_changed(object: &mut Object, at: Timestamp) {
    for property in ["WhenChanged", "WhenChangedUTC"] {
        object.insert(property.to_owned(), whole_seconds(at).into());
    }
}

/// An object of a noun: what new ones start with, these properties, and those that the directory gives to each.
pub(super) fn made(
    world: &mut World,
    plane: Plane,
    noun: &Noun,
    name: &str,
    properties: Object,
) -> Object {
    let starts = noun.starts.iter();
    let mut object: Object = starts
        .filter(|(property, _)| exists_on(noun, property, plane))
        .map(|(property, start)| ((*property).to_owned(), start_value(*start)))
        .collect();
    object.extend(properties);
    let number = world.count_made();
    let guid = guid_of(&format!("{plane} {} {name} {number}", noun.name));
    let of_directory = of_directory(world, plane, noun, name, &guid, text(&object, "Server"));
    object.extend(of_directory);
    object
}

/// The properties that every object of a directory has, in the order in which a server prints them.
fn of_directory(
    world: &World,
    plane: Plane,
    noun: &Noun,
    name: &str,
    guid: &str,
    server: Option<&str>,
) -> Object {
    let names = world.names();
    let now = Value::from(whole_seconds(world.now()));
    let identity = match server {
        None | Some("") => name.to_owned(),
        Some(server) => format!("{server}\\{name}"),
    };
    let places = [
        format!("CN={name}"),
        noun.container
            .replace("{server}", server.unwrap_or_default()),
        names.configuration(plane),
    ];
    let places: Vec<&str> = places
        .iter()
        .map(String::as_str)
        .filter(|place| !place.is_empty())
        .collect();
    let category = format!(
        "{}/{}",
        names.schema(plane),
        schema_name(noun.directory_class)
    );
    let mut properties = object([
        ("AdminDisplayName", "".into()),
        ("ExchangeVersion", "0.20 (15.0.0.0)".into()),
        ("Name", name.into()),
        ("DistinguishedName", places.join(",").into()),
        ("Identity", identity.as_str().into()),
        ("Guid", guid.into()),
        ("ObjectCategory", category.into()),
        ("ObjectClass", vec!["top", noun.directory_class].into()),
        ("WhenChanged", now.clone()),
        ("WhenCreated", now.clone()),
        ("WhenChangedUTC", now.clone()),
        ("WhenCreatedUTC", now),
    ]);
    if plane == Plane::ExchangeOnline {
        properties.insert("ExchangeObjectId".to_owned(), guid.into());
    }
    properties.extend(object([
        ("OrganizationId", names.organization_id(plane).into()),
        ("Id", identity.into()),
        ("OriginatingServer", names.domain_controller(plane).into()),
        ("IsValid", true.into()),
        ("ObjectState", "Unchanged".into()),
    ]));
    properties
}

/// Whether a property belongs to a plane: those that only a parameter of the other plane sets do not.
fn exists_on(noun: &Noun, property: &str, plane: Plane) -> bool {
    noun.parameters
        .iter()
        .find(|parameter| parameter.name == property)
        .is_none_or(|parameter| parameter.planes & noun::plane_bit(plane) != 0)
}

fn start_value(start: Start) -> Value {
    match start {
        Start::Null => Value::Null,
        Start::Bool(value) => value.into(),
        Start::Text(text) => text.into(),
        Start::Empty => Value::List(Vec::new()),
    }
}

/// `msExchAuthAuthServer` is `ms-Exch-Auth-Auth-Server` in the schema.
fn schema_name(class: &str) -> String {
    let mut name = String::new();
    for letter in class.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter);
    }
    name
}
