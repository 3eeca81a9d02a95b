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
    let enumeration = ENUMERATIONS.iter().find(|(name, ..)| *name == property);
    let Some(text) = value.as_text() else {
        return match (value, enumeration) {
            (Value::List(items), Some((_, class, words))) => {
                let items = items.iter().filter_map(Value::as_text);
                list_of(
                    class,
                    items.map(|text| enumerated(class, words, text)).collect(),
                )
            }
            (Value::List(items), None) => list(items),
            (other, _) => plain(other),
        };
    };
    if let Some((_, class, words)) = enumeration {
        return enumerated(class, words, text);
    }
    if let Some((_, class)) = CLASSES.iter().find(|(name, _)| *name == property) {
        return with_text(class, text);
    }
    match kind {
        Kind::Enum(class, words) => enumerated(class, words, text),
        Kind::Guid => uuid::Uuid::try_parse(text).map_or_else(|_| text.into(), clixml::Value::Guid),
        Kind::Date => clixml::Value::DateTime(ticks(text)),
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

fn enumerated(class: &str, words: &[&str], text: &str) -> clixml::Value {
    let number = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(text))
        .and_then(|position| i32::try_from(position).ok());
    clixml::Value::enumeration(class, text, number.unwrap_or_default())
}

/// .NET counts time in tenths of a microsecond, and no finer.
fn ticks(text: &str) -> String {
    let Some((seconds, rest)) = text.split_once('.') else {
        return text.to_owned();
    };
    let digits = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(digits);
    format!("{seconds}.{}{zone}", fraction.get(..7).unwrap_or(fraction))
}

fn list(items: &[Value]) -> clixml::Value {
    let class = "System.String, mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089";
    list_of(class, items.iter().map(plain).collect())
}

fn list_of(class: &str, items: Vec<clixml::Value>) -> clixml::Value {
    clixml::Object::new()
        .with_type_names([
            format!("Microsoft.Exchange.Data.MultiValuedProperty`1[[{class}]]"),
            "Microsoft.Exchange.Data.MultiValuedPropertyBase".to_owned(),
            "System.Object".to_owned(),
        ])
        .with_content(Content::List(items))
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
const CLASSES: [(&str, &str); 6] = [
    (
        "DomainName",
        "Microsoft.Exchange.Data.SmtpDomainWithSubdomains",
    ),
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

/// Enumerations that no parameter has: the property, the type, and the words in the order of their numbers, as far as
/// exports of real organizations show them.
const ENUMERATIONS: [(&str, &str, &[&str]); 6] = [
    (
        "ServerRole",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ServerRole",
        &["None", "Cafe", "Mailbox"],
    ),
    (
        "Edition",
        "Microsoft.Exchange.Data.ServerEditionType",
        &["Unknown", "Standard", "StandardEvaluation", "Enterprise"],
    ),
    (
        "ExtendedProtectionTokenChecking",
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ExtendedProtectionTokenCheckingMode",
        &["None", "Allow", "Require"],
    ),
    (
        "InternalAuthenticationMethods",
        AUTHENTICATION_METHOD,
        AUTHENTICATION_METHODS,
    ),
    (
        "ExternalAuthenticationMethods",
        AUTHENTICATION_METHOD,
        AUTHENTICATION_METHODS,
    ),
    (
        "IISAuthenticationMethods",
        AUTHENTICATION_METHOD,
        AUTHENTICATION_METHODS,
    ),
];

const AUTHENTICATION_METHOD: &str =
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthenticationMethod";

const AUTHENTICATION_METHODS: &[&str] = &[
    "Basic",
    "Digest",
    "Ntlm",
    "Fba",
    "WindowsIntegrated",
    "LiveIdFba",
    "LiveIdBasic",
    "WSSecurity",
    "Certificate",
    "NegoEx",
    "OAuth",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn property(cmdlet: &str, name: &str, value: Value) -> Option<clixml::Value> {
        let object_of_world = Value::from(Object::from_iter([(name.to_owned(), value)]));
        object(cmdlet, &object_of_world).adapted(name).cloned()
    }

    #[test]
    fn values_have_the_types_that_exchange_gives_them() {
        let shaped = property("Get-AcceptedDomain", "DomainType", "InternalRelay".into());
        assert_eq!(shaped.and_then(|value| value.as_i64()), Some(2));
        let methods = vec!["Ntlm", "OAuth"];
        let shaped = property(
            "Get-WebServicesVirtualDirectory",
            "InternalAuthenticationMethods",
            methods.into(),
        );
        let numbers: Vec<_> = shaped
            .iter()
            .flat_map(|list| list.as_list().unwrap_or_default())
            .map(clixml::Value::as_i64)
            .collect();
        assert_eq!(numbers, [Some(2), Some(10)]);
        assert_eq!(
            property(
                "Get-AuthConfig",
                "NextCertificateEffectiveDate",
                "2026-12-23T03:50:49.036354608Z".into()
            ),
            Some(clixml::Value::DateTime(
                "2026-12-23T03:50:49.0363546Z".to_owned()
            ))
        );
        let empty = property("Get-AuthServer", "DomainName", Value::List(Vec::new()));
        assert_eq!(
            empty.and_then(|list| list.as_list().map(<[_]>::len)),
            Some(0)
        );
    }

    #[test]
    fn parameters_arrive_in_whatever_type_a_client_gives_them() {
        let switch = clixml::Object::new()
            .with_type_names(["System.Management.Automation.SwitchParameter"])
            .with_extended("IsPresent", true);
        let changes = clixml::Value::dictionary([("Add".into(), "c.example".into())]);
        for (given, expected) in [
            (switch.into(), Value::Bool(true)),
            (
                clixml::Value::enumeration("X.Type", "AzureAD", 4),
                "AzureAD".into(),
            ),
            (clixml::Value::Int64(7), 7.into()),
            (
                clixml::Value::Uri("https://x/".to_owned()),
                "https://x/".into(),
            ),
            (clixml::Value::array(["a".into()]), vec!["a"].into()),
            (
                changes,
                Value::Object(Object::from_iter([("Add".to_owned(), "c.example".into())])),
            ),
        ] {
            assert_eq!(neutral(&given), expected);
        }
    }
}
