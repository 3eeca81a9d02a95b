//! The tenant's policy about what applications may sign in with: for how long a certificate may be valid.
//!
//! Shape and meaning follow `tenantAppManagementPolicy` and `keyCredentialConfiguration` of Microsoft Graph v1.0. A
//! tenant may have policies for single applications too, which are not looked at here.

use super::options::Entry;
use super::{Entra, Thrown, convert, throw};
use crate::failure::{Failure, FailureKind};
use crate::graph::{Method, Request};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use jiff::{Span, SpanTotal, Timestamp, Unit};
use rhai::Map;
use rhai::plugin::*;

const NOUN: &str = "AppManagementPolicy";
const PATH: &str = "/policies/defaultAppManagementPolicy";

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::graph(
    "get_app_management_policy",
    "GET /policies/defaultAppManagementPolicy",
    Effect::Read,
)];

#[export_module]
pub(super) mod functions {
    /// Gives the tenant's policy about what applications may sign in with.
    ///
    /// `certificate_days` says for how many days a certificate of a new application may be valid, `()` that none is said.
    /// The certificate that Exchange makes for itself is valid for five years, which such a tenant refuses. Signing in
    /// needs the permission `Policy.Read.All`; without it this is `denied`.
    ///
    /// ```rhai
    /// let days = entra.get_app_management_policy().certificate_days;
    /// say(if days == () { "no limit" } else { `${days} days` });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_app_management_policy(call: NativeCallContext, entra: &mut Entra) -> Thrown<Map> {
        let subject = Subject::all(Plane::Entra, NOUN);
        let answer = entra.read(&call, subject.clone(), Request::new(Method::Get, PATH))?;
        let Some(Value::Object(mut policy)) = answer.output.into_iter().next() else {
            return Err(throw(
                Failure::new(FailureKind::Protocol, "Microsoft Graph gave no policy")
                    .about(subject),
            ));
        };
        let days = certificate_days(&policy, entra.session().now()).map_err(throw)?;
        policy.insert("certificateDays".to_owned(), days.into());
        Ok(convert::to_map(&policy))
    }
}

/// The least number of days that a restriction in force leaves to a certificate of an application that is made now.
fn certificate_days(policy: &Object, now: Timestamp) -> Result<Option<i64>, Failure> {
    if policy.get("isEnabled").and_then(Value::as_bool) != Some(true) {
        return Ok(None);
    }
    let restrictions = policy
        .get("applicationRestrictions")
        .and_then(|restrictions| restrictions.get("keyCredentials"))
        .and_then(Value::as_list)
        .unwrap_or_default();
    let mut least = None;
    for restriction in restrictions {
        let is = |name: &str, word: &str| restriction.text(name) == Some(word);
        let since = restriction.text("restrictForAppsCreatedAfterDateTime");
        let later = since
            .and_then(|since| since.parse::<Timestamp>().ok())
            .is_some_and(|since| since > now);
        if !is("restrictionType", "asymmetricKeyLifetime") || is("state", "disabled") || later {
            continue;
        }
        let lifetime = restriction.text("maxLifetime").unwrap_or_default();
        let days = days_of(lifetime, now).ok_or_else(|| {
            Failure::new(
                FailureKind::Protocol,
                format!("the policy says \"{lifetime}\", which is no duration of ISO 8601"),
            )
        })?;
        least = Some(least.map_or(days, |least: i64| least.min(days)));
    }
    Ok(least)
}

/// The whole days of a duration such as `P90D`, from now.
fn days_of(duration: &str, now: Timestamp) -> Option<i64> {
    let span: Span = duration.parse().ok()?;
    let from = now.to_zoned(jiff::tz::TimeZone::UTC);
    let days = span
        .total(SpanTotal::from(Unit::Day).relative(&from))
        .ok()?;
    // A duration of more days than a whole number holds is none.
    format!("{:.0}", days.floor()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::certificate_days;
    use crate::value::Value;
    use serde_json::{Value as Json, json};

    fn days(enabled: bool, restrictions: &Json) -> Option<i64> {
        let policy = Value::from(json!({
            "isEnabled": enabled,
            "applicationRestrictions": { "keyCredentials": restrictions },
        }));
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        certificate_days(policy.as_object().unwrap(), now).unwrap()
    }

    fn restriction(lifetime: &str, since: &str, state: &str) -> Json {
        json!({
            "restrictionType": "asymmetricKeyLifetime",
            "maxLifetime": lifetime,
            "restrictForAppsCreatedAfterDateTime": since,
            "state": state,
        })
    }

    #[test]
    fn the_shortest_lifetime_in_force_counts() {
        let past = "2019-10-19T10:37:00Z";
        let half_a_year = restriction("P180D", past, "enabled");
        let year = restriction("P1Y", past, "enabled");
        let all = json!([year, half_a_year]);
        assert_eq!(days(true, &all), Some(180));
        assert_eq!(days(true, &json!([year])), Some(365));
        assert_eq!(days(false, &all), None);
        assert_eq!(days(true, &json!([])), None);
    }

    #[test]
    fn what_is_disabled_or_about_later_applications_does_not_count() {
        let off = restriction("P30D", "2019-10-19T10:37:00Z", "disabled");
        let later = restriction("P30D", "2027-01-01T00:00:00Z", "enabled");
        assert_eq!(days(true, &json!([off, later])), None);
    }
}
