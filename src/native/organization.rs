//! The organization of the directory: the tenant's id and its verified domains.

use super::options::Entry;
use super::{Entra, Thrown, convert, throw};
use crate::failure::{Failure, FailureKind};
use crate::graph::{Method, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::Value;
use rhai::Map;
use rhai::plugin::*;

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::graph(
    "get_organization",
    "GET /organization",
    Effect::Read,
)];

#[export_module]
pub(super) mod functions {
    /// Gives the tenant: its `id`, its `display_name`, and its `verified_domains`, each with `name` and `is_initial`.
    ///
    /// ```rhai
    /// say(entra.get_organization().id);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_organization(call: NativeCallContext, entra: &mut Entra) -> Thrown<Map> {
        let subject = Subject::all(Plane::Entra, "Organization");
        let request = Request::new(Method::Get, "/organization")
            .with("$select", "id,displayName,verifiedDomains");
        let answer = entra.read(&call, subject.clone(), request)?;
        only(answer.output)
            .map(|value| value.as_object().map(convert::to_map).unwrap_or_default())
            .ok_or_else(|| {
                throw(
                    Failure::new(
                        FailureKind::Protocol,
                        "Microsoft Graph gave no organization, or several",
                    )
                    .about(subject),
                )
            })
    }
}

/// The one organization of an answer, whether its list comes as such or inside the collection.
fn only(mut output: Vec<Value>) -> Option<Value> {
    if let [Value::Object(collection)] = output.as_slice()
        && let Some(Value::List(list)) = collection.get("value")
    {
        output = list.clone();
    }
    let first = output.pop()?;
    (output.is_empty() && first.get("id").is_some()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::only;
    use crate::value::Value;

    #[test]
    fn the_one_organization_is_found_in_both_forms() {
        let tenant = Value::from(serde_json::json!({ "id": "6f2c" }));
        let collection = Value::from(serde_json::json!({ "value": [{ "id": "6f2c" }] }));
        assert_eq!(only(vec![tenant.clone()]), Some(tenant.clone()));
        assert_eq!(only(vec![collection]), Some(tenant.clone()));
        assert_eq!(only(vec![tenant.clone(), tenant]), None);
        assert_eq!(only(vec![Value::Null]), None);
    }
}
