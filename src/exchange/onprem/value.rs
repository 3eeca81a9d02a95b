//! CLIXML and the neutral tree: [`neutral`] for what a cmdlet gave, [`typed`] for what it is given.
//!
//! The rule for objects, the same at every depth: an enumeration is its text; something that holds a list is a list,
//! even an empty one; a dictionary is an object of its entries, and a set of members one of its members. Any other
//! object that is *output* is the object of its properties, the adapted ones first and the extended ones after, in the
//! order of the wire. Any other object that is the *value of a property* or an element of a list is its text, if it has
//! one, even an empty one: Exchange compares, prints and accepts identities (`ADObjectId`), domains, versions, sizes and
//! time spans by that text, PowerShell shows that text, and their properties only repeat it. Without a text it is the
//! object of its properties.
//!
//! `PSComputerName`, `RunspaceId` and `PSShowComputerName` say how an object traveled, and `SerializationData` is a
//! .NET blob that must never be parsed: all four are dropped.

use crate::remoting::clixml::{self, Content, Properties};
use crate::value::{Object, Value};
use std::fmt;

/// How much one object may become: shared parts are written once on the wire and repeated here.
const MAX_SIZE: usize = 64 << 20;

/// Properties that are not the object's own.
const DROPPED: [&str; 4] = [
    "PSComputerName",
    "RunspaceId",
    "PSShowComputerName",
    "SerializationData",
];

/// A value that cannot travel from one tree to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The object becomes too large, because it repeats shared parts.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The value is only known after an earlier change was made.
    Unknown {
        /// The parameter.
        parameter: String,
        /// What is unknown.
        what: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => write!(
                formatter,
                "an object of the answer takes more than {limit} bytes when its shared parts are written out"
            ),
            Self::Unknown { parameter, what } => write!(
                formatter,
                "the parameter {parameter} needs {what}, which is not known yet"
            ),
        }
    }
}

impl std::error::Error for Mismatch {}

/// The neutral form of one output object.
pub(super) fn neutral(value: &clixml::Value) -> Result<Value, Mismatch> {
    let mut budget = Budget { left: MAX_SIZE };
    budget.value(value, Place::Output)
}

/// The CLIXML form of a parameter.
///
/// A whole number is an `Int32` when it fits, as PowerShell's own literals are; a list of texts is a `String[]`; an
/// object is a `Hashtable`, which is how Exchange takes `@{Add = ...; Remove = ...}`.
pub(super) fn typed(parameter: &str, value: &Value) -> Result<clixml::Value, Mismatch> {
    Ok(match value {
        Value::Null => clixml::Value::Null,
        Value::Bool(value) => clixml::Value::Bool(*value),
        Value::Integer(number) => {
            i32::try_from(*number).map_or(clixml::Value::Int64(*number), clixml::Value::Int32)
        }
        Value::Float(number) => clixml::Value::Double(double(*number)),
        Value::Text(text) => clixml::Value::Text(text.clone()),
        Value::Bytes(bytes) => clixml::Value::Bytes(bytes.clone()),
        Value::List(items) => match items.iter().map(Value::as_text).collect::<Option<Vec<_>>>() {
            Some(texts) => clixml::Value::text_array(texts),
            None => {
                let items = items.iter().map(|item| typed(parameter, item));
                clixml::Value::array(items.collect::<Result<Vec<_>, _>>()?)
            }
        },
        Value::Object(object) => {
            let entries = object
                .iter()
                .map(|(name, value)| {
                    Ok((clixml::Value::Text(name.clone()), typed(parameter, value)?))
                })
                .collect::<Result<Vec<_>, _>>()?;
            clixml::Value::dictionary(entries)
        }
        Value::Unknown(what) => {
            return Err(Mismatch::Unknown {
                parameter: parameter.to_owned(),
                what: what.clone(),
            });
        }
    })
}

/// As XML Schema writes a double.
fn double(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "INF" } else { "-INF" }.to_owned()
    } else {
        number.to_string()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Output,
    Inside,
}

struct Budget {
    left: usize,
}

impl Budget {
    fn spend(&mut self, size: usize) -> Result<(), Mismatch> {
        self.left = self
            .left
            .checked_sub(size)
            .ok_or(Mismatch::TooLarge { limit: MAX_SIZE })?;
        Ok(())
    }

    fn value(&mut self, value: &clixml::Value, place: Place) -> Result<Value, Mismatch> {
        self.spend(size_of::<Value>())?;
        Ok(match value {
            clixml::Value::Null => Value::Null,
            clixml::Value::Bool(value) => Value::Bool(*value),
            clixml::Value::Single(text) | clixml::Value::Double(text) => float(text),
            clixml::Value::Bytes(bytes) => {
                self.spend(bytes.len())?;
                Value::Bytes(bytes.clone())
            }
            clixml::Value::Progress(progress) => Value::Text(progress.activity.clone()),
            clixml::Value::Object(object) => return self.object(object, place),
            clixml::Value::Decimal(text) => text
                .parse()
                .map_or_else(|_| Value::Text(text.clone()), Value::Integer),
            clixml::Value::Members(members) => return self.properties(&[members]),
            other => match other.as_i64() {
                Some(number) => Value::Integer(number),
                None => return self.text(&other.to_text().unwrap_or_default()),
            },
        })
    }

    fn object(&mut self, object: &clixml::Object, place: Place) -> Result<Value, Mismatch> {
        match &object.content {
            Content::Value(_) if is_enumeration(object) => {
                if let Some(text) = &object.to_string {
                    return self.text(text);
                }
            }
            Content::None => {}
            Content::Value(value) => return self.value(value, place),
            Content::List(items)
            | Content::Stack(items)
            | Content::Queue(items)
            | Content::Enumerable(items) => {
                return items
                    .iter()
                    .map(|item| self.value(item, Place::Inside))
                    .collect::<Result<_, _>>()
                    .map(Value::List);
            }
            Content::Dictionary(entries) => return self.entries(entries),
        }
        match &object.to_string {
            Some(text) if place == Place::Inside || !has_properties(object) => self.text(text),
            _ => self.properties(&[&object.adapted, &object.extended]),
        }
    }

    fn text(&mut self, text: &str) -> Result<Value, Mismatch> {
        self.spend(text.len())?;
        Ok(Value::Text(text.to_owned()))
    }

    fn properties(&mut self, sets: &[&Properties]) -> Result<Value, Mismatch> {
        let most = sets.iter().map(|set| set.len()).sum();
        let mut properties = Object::with_capacity(most);
        for (name, value) in sets.iter().flat_map(|set| set.iter()) {
            if DROPPED
                .iter()
                .any(|dropped| dropped.eq_ignore_ascii_case(name))
            {
                continue;
            }
            // An extended property never hides the adapted one of the same name.
            if !properties.contains_key(name.as_ref()) {
                self.spend(name.len())?;
                let value = self.value(value, Place::Inside)?;
                properties.insert(name.to_string(), value);
            }
        }
        Ok(Value::Object(properties))
    }

    fn entries(&mut self, entries: &[(clixml::Value, clixml::Value)]) -> Result<Value, Mismatch> {
        let mut object = Object::new();
        for (key, value) in entries {
            let key = key.to_text().unwrap_or_default();
            self.spend(key.len())?;
            let value = self.value(value, Place::Inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

fn has_properties(object: &clixml::Object) -> bool {
    !object.adapted.is_empty() || !object.extended.is_empty()
}

fn is_enumeration(object: &clixml::Object) -> bool {
    object
        .type_names
        .as_ref()
        .is_some_and(|names| names.contain("System.Enum"))
}

fn float(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Float(number),
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn identity(name: &str) -> clixml::Value {
        clixml::Object::new()
            .with_type_names(["Microsoft.Exchange.Data.Directory.ADObjectId"])
            .with_to_string(name)
            .with_adapted("Depth", clixml::Value::Int32(8))
            .into()
    }

    fn list(items: Vec<clixml::Value>) -> clixml::Value {
        clixml::Object::new()
            .with_type_names(["Microsoft.Exchange.Data.MultiValuedProperty`1[[System.String]]"])
            .with_content(Content::List(items))
            .into()
    }

    fn object(properties: &[(&str, Value)]) -> Value {
        let properties = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(properties.collect())
    }

    #[test]
    fn an_output_object_is_its_properties_and_its_parts_are_texts() -> Result<(), Mismatch> {
        let text = |text: &str| clixml::Value::Text(text.to_owned());
        let display = ("Display".into(), list(vec![text("Name")]));
        let standard = Properties::new(vec![display]);
        let connector = clixml::Object::new()
            .with_to_string("HybridIOC")
            .with_adapted("Identity", identity("HybridIOC"))
            .with_adapted(
                "State",
                clixml::Value::enumeration("X.State", "Unchanged", 1),
            )
            .with_adapted("Domains", list(vec![text("contoso.com")]))
            .with_adapted("None", list(Vec::new()))
            .with_adapted("Size", clixml::Value::Int64(1 << 40))
            .with_adapted("Huge", clixml::Value::UInt64(u64::MAX))
            .with_adapted(
                "When",
                clixml::Value::DateTime("2026-01-02T03:04:05Z".to_owned()),
            )
            .with_adapted("Ratio", clixml::Value::Double("0.5".to_owned()))
            .with_adapted("Endless", clixml::Value::Double("INF".to_owned()))
            .with_extended("SerializationData", clixml::Value::Bytes(vec![1]))
            .with_extended("RunspaceId", clixml::Value::Null)
            .with_extended("Size", text("not this one"))
            .with_extended("Note", text("mine"))
            .with_extended("PSStandardMembers", clixml::Value::Members(standard));
        assert_eq!(
            neutral(&connector.into())?,
            object(&[
                ("Identity", "HybridIOC".into()),
                ("State", "Unchanged".into()),
                ("Domains", vec!["contoso.com"].into()),
                ("None", Value::List(Vec::new())),
                ("Size", (1_i64 << 40).into()),
                ("Huge", "18446744073709551615".into()),
                ("When", "2026-01-02T03:04:05Z".into()),
                ("Ratio", Value::Float(0.5)),
                ("Endless", "INF".into()),
                ("Note", "mine".into()),
                (
                    "PSStandardMembers",
                    object(&[("Display", vec!["Name"].into())])
                ),
            ])
        );
        Ok(())
    }

    #[test]
    fn a_part_without_a_text_is_its_properties() -> Result<(), Mismatch> {
        let policy = clixml::Object::new().with_adapted("IsEmpty", clixml::Value::Bool(true));
        let organization = clixml::Object::new()
            .with_to_string("")
            .with_adapted("ConfigurationUnit", clixml::Value::Null);
        let config = clixml::Object::new()
            .with_adapted("Policy", policy)
            .with_adapted("OrganizationId", organization);
        assert_eq!(
            neutral(&config.into())?,
            object(&[
                ("Policy", object(&[("IsEmpty", true.into())])),
                ("OrganizationId", "".into()),
            ])
        );
        Ok(())
    }

    #[test]
    fn a_part_that_repeats_itself_without_end_is_refused() {
        let mut bomb = clixml::Value::list([clixml::Value::Text("x".repeat(1000))]);
        for _ in 0..40 {
            bomb = clixml::Value::list([bomb.clone(), bomb]);
        }
        assert_eq!(neutral(&bomb), Err(Mismatch::TooLarge { limit: MAX_SIZE }));
    }

    #[test]
    fn an_authorization_server_reads_as_a_person_would_say_it() -> Result<(), Box<dyn Error>> {
        let bytes = include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/wire/fixtures/exchange-auth-server.clixml"
        ));
        let values = clixml::read(bytes, &clixml::Limits::default())?;
        let server = neutral(&values[0])?;
        for (property, expected) in [
            ("Realm", Value::from("")),
            ("TokenIssuingEndpoint", Value::Null),
            ("Type", "AzureAD".into()),
            (
                "DomainName",
                vec!["contoso.com", "contoso.mail.onmicrosoft.com"].into(),
            ),
            ("CertificateStrings", Value::List(Vec::new())),
            ("Enabled", true.into()),
            ("ExchangeVersion", "0.20 (15.0.0.0)".into()),
            ("Identity", "EvoSts - 6d1fb1b5".into()),
        ] {
            assert_eq!(server.get(property), Some(&expected), "{property}");
        }
        let names = server.as_object().ok_or("no object")?.keys();
        assert_eq!(
            names
                .filter(|name| DROPPED.contains(&name.as_str()))
                .count(),
            0
        );
        Ok(())
    }

    /// Exports of a real Exchange organization: every property has a value that a script can use.
    #[test]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn real_objects_have_no_objects_inside() -> Result<(), Box<dyn Error>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/clixml");
        let Ok(files) = std::fs::read_dir(folder) else {
            eprintln!("skipped: {folder} is not there");
            return Ok(());
        };
        for file in files {
            let path = file?.path();
            let Ok(values) = clixml::read(&std::fs::read(&path)?, &clixml::Limits::default())
            else {
                assert!(path.ends_with("not-clixml.xml"), "{}", path.display());
                continue;
            };
            assert!(!values.is_empty(), "{}", path.display());
            for value in &values {
                let value = neutral(value)?;
                let object = value.as_object().ok_or("no object")?;
                for (name, value) in object {
                    let inside = value.as_list().unwrap_or(std::slice::from_ref(value));
                    assert!(
                        inside.iter().all(|value| value.as_object().is_none()),
                        "{} {name}",
                        path.display()
                    );
                    assert!(!DROPPED.contains(&name.as_str()), "{name}");
                }
                if path.ends_with("exchange-certificates.xml") {
                    assert_eq!(object.keys().collect::<Vec<_>>(), ["RawData"]);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn parameters_keep_their_types() -> Result<(), Mismatch> {
        let array = |value: &Value| typed("P", value);
        assert_eq!(array(&7.into())?, clixml::Value::Int32(7));
        assert_eq!(array(&(1_i64 << 31).into())?, clixml::Value::Int64(1 << 31));
        assert_eq!(array(&false.into())?, clixml::Value::Bool(false));
        assert_eq!(
            array(&Value::Bytes(vec![0]))?,
            clixml::Value::Bytes(vec![0])
        );
        let texts = array(&vec!["a.com", "b.com"].into())?;
        assert_eq!(texts.type_name(), Some("System.String[]"));
        let mixed = array(&Value::List(vec!["a".into(), 1.into()]))?;
        assert_eq!(mixed.type_name(), Some("System.Object[]"));
        let table = array(&object(&[("Add", vec!["c.com"].into())]))?;
        assert_eq!(
            table.entry("Add").and_then(clixml::Value::type_name),
            Some("System.String[]")
        );
        assert_eq!(
            array(&Value::Unknown("the new identity".to_owned())),
            Err(Mismatch::Unknown {
                parameter: "P".to_owned(),
                what: "the new identity".to_owned()
            })
        );
        Ok(())
    }
}
