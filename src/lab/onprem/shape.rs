//! Objects as Exchange serializes them: enumerations, identities, multi-valued properties, versions, each as the .NET
//! type that it is there; [`neutral`] is the other way, for parameters.

use crate::lab::noun::{self, Kind};
use crate::remoting::clixml::{self, Content};
use crate::subject::Plane;
use crate::value::{Object, Value};

/// An object of the world as the output of a cmdlet.
pub(super) fn object(cmdlet: &str, value: &Value) -> clixml::Value {
    let found = noun::find(Plane::OnPremises, cmdlet).map(|(_, noun)| noun);
    let (Some(noun), Some(object)) = (found, value.as_object()) else {
        return plain(value);
    };
    if noun.name == "ExchangeCertificate" {
        return certificate(noun.class, object);
    }
    let text = |name: &str| object.get(name).and_then(Value::as_text);
    let name = text("Identity")
        .or_else(|| text("Name"))
        .unwrap_or(noun.name);
    let distinguished = text("DistinguishedName");
    let mut shaped = clixml::Object::new()
        .with_type_names(base_types(noun.class, distinguished.is_some()))
        .with_to_string(name);
    for (property, value) in object {
        let kind = noun::property_kind(noun, property);
        let value = shaped_property(property, kind, value, distinguished);
        shaped = shaped.with_adapted(property.as_str(), value);
    }
    shaped.into()
}

/// A parameter as the world takes it.
pub(super) fn neutral(value: &clixml::Value) -> Value {
    if let Some(items) = value.as_list() {
        return Value::List(items.iter().map(neutral).collect());
    }
    if let Some(entries) = value.as_dictionary() {
        let entry = |(key, value): &(clixml::Value, clixml::Value)| {
            (key.to_text().unwrap_or_default(), neutral(value))
        };
        return Value::Object(entries.iter().map(entry).collect());
    }
    // A switch is an object with one property.
    if let Some(present) = value.property("IsPresent").and_then(clixml::Value::as_bool) {
        return present.into();
    }
    if let Some(number) = value.as_i64() {
        return match value.as_object() {
            Some(enumeration) if enumeration.to_string.is_some() => value.to_text().into(),
            _ => number.into(),
        };
    }
    match value.primitive() {
        clixml::Value::Null => Value::Null,
        clixml::Value::Bool(value) => (*value).into(),
        clixml::Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
        _ => value.to_text().into(),
    }
}

/// A certificate carries its bytes and nothing else, and shows itself as a text.
fn certificate(class: &str, object: &Object) -> clixml::Value {
    clixml::Object::new()
        .with_type_names([
            class,
            "System.Security.Cryptography.X509Certificates.X509Certificate2",
            "System.Security.Cryptography.X509Certificates.X509Certificate",
            "System.Object",
        ])
        .with_to_string("[Subject]\r\n  (see RawData)\r\n")
        .with_adapted("RawData", object.get("RawData").map(plain))
        .into()
}

fn shaped_property(
    property: &str,
    kind: Kind,
    value: &Value,
    distinguished: Option<&str>,
) -> clixml::Value {
    let Some(text) = value.as_text() else {
        return match value {
            Value::List(items) => list(items),
            other => plain(other),
        };
    };
    if let Some((_, class)) = CLASSES.iter().find(|(name, _)| *name == property) {
        return with_text(class, text);
    }
    match kind {
        Kind::Enum(class, words) => {
            let number = words
                .iter()
                .position(|word| word.eq_ignore_ascii_case(text))
                .and_then(|position| i32::try_from(position).ok());
            clixml::Value::enumeration(class, text, number.unwrap_or_default())
        }
        Kind::Guid => uuid::Uuid::try_parse(text).map_or_else(|_| text.into(), clixml::Value::Guid),
        Kind::Date => clixml::Value::DateTime(text.to_owned()),
        Kind::Uri if !text.is_empty() => clixml::Value::Uri(text.to_owned()),
        Kind::Identity => {
            let own = matches!(property, "Identity" | "Id");
            identity(text, distinguished.filter(|_| own))
        }
        _ => text.into(),
    }
}

fn identity(name: &str, distinguished: Option<&str>) -> clixml::Value {
    clixml::Object::new()
        .with_type_names([
            "Microsoft.Exchange.Data.Directory.ADObjectId",
            "Microsoft.Exchange.Data.ObjectId",
            "System.Object",
        ])
        .with_to_string(name)
        .with_adapted("IsDeleted", false)
        .with_adapted("DistinguishedName", distinguished.map(str::to_owned))
        .with_adapted("Name", name)
        .into()
}

fn list(items: &[Value]) -> clixml::Value {
    clixml::Object::new()
        .with_type_names([
            "Microsoft.Exchange.Data.MultiValuedProperty`1[[System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089]]",
            "Microsoft.Exchange.Data.MultiValuedPropertyBase",
            "System.Object",
        ])
        .with_content(Content::List(items.iter().map(plain).collect()))
        .into()
}

fn with_text(class: &str, text: &str) -> clixml::Value {
    clixml::Object::new()
        .with_type_names([class, "System.Object"])
        .with_to_string(text)
        .with_adapted("Length", i32::try_from(text.len()).unwrap_or(i32::MAX))
        .into()
}

fn plain(value: &Value) -> clixml::Value {
    match value {
        Value::Null | Value::Unknown(_) => clixml::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(number) => i32::try_from(*number).map_or((*number).into(), Into::into),
        Value::Float(number) => clixml::Value::Double(number.to_string()),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => bytes.clone().into(),
        Value::List(items) => list(items),
        Value::Object(object) => object
            .iter()
            .fold(clixml::Object::new(), |shaped, (name, value)| {
                shaped.with_adapted(name.as_str(), plain(value))
            })
            .into(),
    }
}

fn base_types(class: &'static str, of_directory: bool) -> Vec<&'static str> {
    let mut types = vec![class];
    if of_directory {
        types.extend([
            "Microsoft.Exchange.Data.Directory.SystemConfiguration.ADConfigurationObject",
            "Microsoft.Exchange.Data.Directory.ADObject",
            "Microsoft.Exchange.Data.Directory.ADRawEntry",
        ]);
    }
    types.extend([
        "Microsoft.Exchange.Data.ConfigurableObject",
        "System.Object",
    ]);
    types
}

/// Properties whose value is an object that shows itself as a text.
const CLASSES: [(&str, &str); 5] = [
    (
        "ExchangeVersion",
        "Microsoft.Exchange.Data.ExchangeObjectVersion",
    ),
    (
        "AdminDisplayVersion",
        "Microsoft.Exchange.Data.ServerVersion",
    ),
    (
        "OrganizationId",
        "Microsoft.Exchange.Data.Directory.OrganizationId",
    ),
    ("DataPath", "Microsoft.Exchange.Data.LocalLongFullPath"),
    (
        "RemainingTrialPeriod",
        "Microsoft.Exchange.Data.EnhancedTimeSpan",
    ),
];
