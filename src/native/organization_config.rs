//! The configuration of an Exchange organization as a whole, and which applications may call Exchange Web Services.
//!
//! `Set-OrganizationConfig -EwsAllowedAppIDs` replaces the whole list, a text of ids with commas between them, so it is
//! read, merged and written here. `Get-OrganizationConfig` shows the list only with `-RetrieveEwsOperationAccessPolicy`
//! (both pages of the reference of Exchange PowerShell).

use super::directory::Id;
use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, throw};
use crate::exchange::{Cmdlet, Invocation};
use crate::failure::Failure;
use crate::session::event::{Event, Level};
use crate::session::{Request, unknown_text};
use crate::subject::{Effect, Plane};
use crate::value::Value;
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const ONLINE: &[Plane] = &[Plane::ExchangeOnline];
const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];
const GET: &str = "Get-OrganizationConfig";
const RETRIEVE: &str = "RetrieveEwsOperationAccessPolicy";
const ALLOWED: &str = "EwsAllowedAppIDs";

/// Parameters of `Get-OrganizationConfig`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct GetConfig {
    retrieve_ews_operation_access_policy: Option<bool>,
}

impl GetConfig {
    /// What shows everything on a plane; only Exchange Online has to be asked for the list.
    fn on(plane: Plane) -> Self {
        Self {
            retrieve_ews_operation_access_policy: (plane == Plane::ExchangeOnline).then_some(true),
        }
    }
}

impl Cmdlet for GetConfig {
    const NAME: &'static str = GET;
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `Set-OrganizationConfig`, as far as they concern Exchange Web Services.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetConfig {
    ews_enabled: Option<bool>,
}

impl Cmdlet for SetConfig {
    const NAME: &'static str = "Set-OrganizationConfig";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = BOTH;
}

/// The parameter of `Set-OrganizationConfig` that only Exchange Online has.
#[derive(Serialize, Deserialize)]
struct SetAllowed {}

impl Cmdlet for SetAllowed {
    const NAME: &'static str = "Set-OrganizationConfig";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = ONLINE;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetConfig>("get_organization_config"),
    Entry::of::<SetConfig>("set_organization_config"),
    Entry::bare::<SetAllowed>("add_ews_allowed_app_ids"),
    Entry::bare::<SetAllowed>("remove_ews_allowed_app_ids"),
];

#[export_module]
pub(super) mod functions {
    /// Gives the configuration of the organization, with who may call Exchange Web Services.
    ///
    /// `ews_enabled` is `()` where nobody has decided. `ews_allowed_app_ids` is one text with commas, or `()`.
    ///
    /// ```rhai
    /// let config = online.get_organization_config();
    /// say(`Exchange Web Services: ${config.ews_enabled}`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_organization_config(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Map> {
        let get = GetConfig::on(organization.plane());
        organization.one(&call, Target::All, &get)
    }

    /// Changes the configuration of the organization; what is left out stays.
    ///
    /// * `ews_enabled`: whether anybody may call Exchange Web Services at all.
    ///
    /// ```rhai
    /// online.set_organization_config(#{ ews_enabled: true });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_organization_config(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetConfig>(&call, options)?;
        let operation = organization.operation(&call, Target::All, &changes);
        let mut operation = operation.map_err(throw)?;
        operation.observe = Some(observation(organization.plane()));
        organization.send(&operation).map(drop)
    }

    /// Lets applications call Exchange Web Services of Exchange Online; those that may already still may.
    ///
    /// As long as the list is empty it restricts nobody, so the first entry shuts all other applications out; this
    /// warns of it. It takes up to 24 hours until Exchange Online follows. An id may be one that is only planned.
    ///
    /// ```rhai
    /// online.add_ews_allowed_app_ids(["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_ews_allowed_app_ids(
        call: NativeCallContext,
        organization: &mut Exchange,
        app_ids: Array,
    ) -> Thrown<()> {
        let ids = ids_of(&app_ids).map_err(throw)?;
        change_allowed(&call, organization, |list| {
            for id in ids {
                if !list.iter().any(|held| is_same(held, &id)) {
                    list.push(id);
                }
            }
        })
    }

    /// Takes from applications the permission to call Exchange Web Services of Exchange Online; the others keep it.
    ///
    /// An id that is not in the list is no error. When the list becomes empty it restricts nobody any more; this warns
    /// of it.
    ///
    /// ```rhai
    /// online.remove_ews_allowed_app_ids(["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_ews_allowed_app_ids(
        call: NativeCallContext,
        organization: &mut Exchange,
        app_ids: Array,
    ) -> Thrown<()> {
        let ids = ids_of(&app_ids).map_err(throw)?;
        change_allowed(&call, organization, |list| {
            list.retain(|held| !ids.iter().any(|id| is_same(held, id)));
        })
    }
}

/// The read that shows everything that can be set on a plane.
fn observation(plane: Plane) -> Request {
    let get = Invocation::new(GET);
    Request::Cmdlet(match plane {
        Plane::ExchangeOnline => get.with(RETRIEVE, true),
        _ => get,
    })
}

fn ids_of(ids: &[Dynamic]) -> Result<Vec<Value>, Failure> {
    ids.iter().map(|id| Ok(Id::of(id)?.value())).collect()
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

/// The ids of the list, which is a text with commas.
fn listed(allowed: Option<&Value>) -> Vec<Value> {
    match allowed {
        Some(Value::Text(text)) => text
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(Value::from)
            .collect(),
        Some(Value::List(list)) => list.iter().flat_map(|one| listed(Some(one))).collect(),
        Some(unknown @ Value::Unknown(_)) => vec![unknown.clone()],
        _ => Vec::new(),
    }
}

/// The list as it is sent; unknown as a whole where an id of it is.
fn joined(list: &[Value]) -> Value {
    let text = |id: &Value| match id {
        Value::Unknown(what) => unknown_text(what),
        id => id.as_text().unwrap_or_default().to_owned(),
    };
    let all: Vec<String> = list.iter().map(text).collect();
    match list {
        [] => Value::Null,
        [only @ Value::Unknown(_)] => only.clone(),
        list if list.iter().any(Value::has_unknown) => Value::Unknown(all.join(",")),
        _ => all.join(",").into(),
    }
}

fn change_allowed(
    call: &NativeCallContext,
    organization: &Exchange,
    change: impl FnOnce(&mut Vec<Value>),
) -> Thrown<()> {
    let operation = organization.operation(call, Target::All, &SetAllowed {});
    let mut operation = operation.map_err(throw)?;
    let get = GetConfig::on(organization.plane());
    let config = organization.object(call, Target::All, &get)?;
    let held = config.get(ALLOWED).cloned().unwrap_or_default();
    let before = listed(Some(&held));
    let mut after = before.clone();
    change(&mut after);
    // As it was read where nothing is to be changed, so that nothing is.
    let list = if after == before {
        held
    } else {
        joined(&after)
    };
    let warning = match (before.is_empty(), after.is_empty()) {
        (true, false) => Some(
            "the list of applications that may call Exchange Web Services was empty and restricted nobody: from now on it shuts out every application that is not in it",
        ),
        (false, true) => Some(
            "the list of applications that may call Exchange Web Services becomes empty, and restricts nobody any more",
        ),
        _ => None,
    };
    if let Some(text) = warning {
        let event = Event::Said {
            level: Level::Warning,
            text: text.to_owned(),
        };
        organization.session().announce(&event).map_err(throw)?;
    }
    operation.asked.insert(ALLOWED.to_owned(), list.clone());
    if let Request::Cmdlet(invocation) = &mut operation.request {
        invocation
            .parameters
            .shift_insert(0, ALLOWED.to_owned(), list);
    }
    operation.observe = Some(observation(organization.plane()));
    organization.send(&operation).map(drop)
}

#[cfg(test)]
mod tests {
    use super::{joined, listed};
    use crate::value::Value;

    #[test]
    fn the_list_is_read_in_each_form_and_written_as_one_text() {
        let two: Vec<Value> = vec!["a".into(), "b".into()];
        assert_eq!(listed(Some(&" a , b,".into())), two);
        assert_eq!(listed(Some(&vec!["a", "b"].into())), two);
        assert_eq!(listed(Some(&Value::Null)), []);
        assert_eq!(joined(&two), "a,b".into());
        assert_eq!(joined(&[]), Value::Null);
    }

    #[test]
    fn a_list_with_an_id_that_is_not_known_yet_is_not_known_yet() {
        let unknown = Value::Unknown("the id".to_owned());
        assert_eq!(joined(std::slice::from_ref(&unknown)), unknown);
        assert_eq!(
            joined(&["a".into(), unknown]),
            Value::Unknown("a,(known after apply: the id)".to_owned())
        );
    }
}
