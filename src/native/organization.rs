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
        let request = Request {
            method: Method::Get,
            path: "/organization".to_owned(),
            query: vec![(
                "$select".to_owned(),
                "id,displayName,verifiedDomains".to_owned(),
            )],
            body: None,
        };
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
