//! How cmdlets and values travel to and from the REST admin API.

use crate::exchange::Invocation;
use crate::failure::{Failure, FailureKind};
use crate::value::Value;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json, json};

/// Parameters of every cmdlet that PowerShell itself handles on the caller's side, in lower case.
const COMMON_PARAMETERS: [&str; 13] = [
    "debug",
    "erroraction",
    "errorvariable",
    "informationaction",
    "informationvariable",
    "outbuffer",
    "outvariable",
    "pipelinevariable",
    "progressaction",
    "verbose",
    "warningaction",
    "warningvariable",
    "usetransaction",
];

/// The body that runs a cmdlet.
pub(super) fn request(invocation: &Invocation) -> Result<Json, Failure> {
    let mut parameters = Map::new();
    for (name, value) in &invocation.parameters {
        let lower = name.to_ascii_lowercase();
        if lower == "domaincontroller" {
            let message = format!(
                "\"{name}\" of {} exists on-premises only",
                invocation.cmdlet
            );
            return Err(Failure::input(message));
        }
        if !COMMON_PARAMETERS.contains(&lower.as_str()) {
            parameters.insert(name.clone(), parameter(name, value)?);
        }
    }
    Ok(json!({
        "CmdletInput": { "CmdletName": invocation.cmdlet, "Parameters": parameters }
    }))
}

/// Tables and byte arrays say what they are; without that the service's binder fails.
fn parameter(name: &str, value: &Value) -> Result<Json, Failure> {
    Ok(match value {
        Value::Unknown(what) => {
            let message = format!("\"{name}\" is only known to the service: {what}");
            return Err(Failure::new(FailureKind::Internal, message));
        }
        Value::Bytes(bytes) => json!({
            "@odata.type": "#Exchange.ByteArrayType",
            "Data": BASE64_STANDARD.encode(bytes),
        }),
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::Bytes(bytes) => Ok(json!({ "Data": BASE64_STANDARD.encode(bytes) })),
                other => parameter(name, other),
            })
            .collect::<Result<_, _>>()?,
        Value::Object(table) => {
            let mut typed = Map::new();
            typed.insert(
                "@odata.type".to_owned(),
                "#Exchange.GenericHashTable".into(),
            );
            for (key, value) in table {
                typed.insert(key.clone(), parameter(name, value)?);
            }
            Json::Object(typed)
        }
        plain => plain.to_json(),
    })
}

/// The objects of an answer; a cmdlet without output answers with `[]` or `[null]`.
pub(super) fn output(json: &Json) -> Option<Vec<Value>> {
    let objects = json["value"].as_array()?;
    let objects = objects.iter().filter(|object| !object.is_null());
    Some(objects.map(property).collect())
}

/// Leaves out the companion keys, which name .NET types.
fn property(json: &Json) -> Value {
    match json {
        Json::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(name, _)| !name.contains('@'))
                .map(|(name, value)| (name.clone(), property(value)))
                .collect(),
        ),
        Json::Array(items) => Value::List(items.iter().map(property).collect()),
        plain => plain.clone().into(),
    }
}

/// A list of texts, such as the warnings; an entry that is no text is shown as JSON.
pub(super) fn texts(json: &Json) -> Vec<String> {
    let entries = json.as_array().into_iter().flatten();
    entries
        .filter(|entry| !entry.is_null())
        .map(|entry| match entry {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{output, request};
    use crate::exchange::Invocation;
    use crate::value::{Object, Value};
    use serde_json::json;

    #[test]
    fn tables_and_bytes_say_what_they_are() {
        let change = Object::from([("Add".to_owned(), Value::from(vec!["a"]))]);
        let invocation = Invocation::new("Set-Thing")
            .with("Domains", change)
            .with("File", Value::Bytes(vec![1, 2]))
            .with("Files", Value::List(vec![Value::Bytes(vec![3])]))
            .with("Enabled", true)
            .with("Verbose", true);
        let expected = json!({"CmdletInput": {"CmdletName": "Set-Thing", "Parameters": {
            "Domains": {"@odata.type": "#Exchange.GenericHashTable", "Add": ["a"]},
            "File": {"@odata.type": "#Exchange.ByteArrayType", "Data": "AQI="},
            "Files": [{"Data": "Aw=="}],
            "Enabled": true,
        }}});
        assert_eq!(request(&invocation).unwrap(), expected);
    }

    #[test]
    fn a_cmdlet_without_parameters_sends_an_empty_object() {
        let body = request(&Invocation::new("Get-AcceptedDomain")).unwrap();
        assert_eq!(body["CmdletInput"]["Parameters"], json!({}));
    }

    #[test]
    fn what_the_cloud_must_not_see_is_refused() {
        let elsewhere = Invocation::new("Get-Thing").with("DomainController", "dc01");
        assert_eq!(
            request(&elsewhere).unwrap_err().message,
            "\"DomainController\" of Get-Thing exists on-premises only"
        );
        let unknown = Invocation::new("Set-Thing").with("Guid", Value::Unknown("its GUID".into()));
        assert!(request(&unknown).is_err());
    }

    #[test]
    fn nothing_is_an_empty_list_and_no_list_is_not() {
        assert_eq!(output(&json!({"value": [null]})), Some(Vec::new()));
        assert_eq!(output(&json!({"value": []})), Some(Vec::new()));
        assert_eq!(output(&json!({})), None);
    }
}
