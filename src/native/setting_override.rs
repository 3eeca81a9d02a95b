//! Setting overrides: what is set in Active Directory in the place of a server's own setting, for all servers or some.
//!
//! Shapes follow `New-`, `Set-`, `Get-` and `Remove-SettingOverride` and `Get-ExchangeDiagnosticInfo` of the reference
//! of Exchange PowerShell. An object calls `ComponentName` and `SectionName` what the parameters call `Component` and
//! `Section`.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const LOCAL: &[Plane] = &[Plane::OnPremises];

/// Parameters of `Get-SettingOverride`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetOverride {}

impl Cmdlet for GetOverride {
    const NAME: &'static str = "Get-SettingOverride";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Parameters of `New-SettingOverride`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewOverride {
    component: String,
    section: String,
    parameters: Vec<String>,
    reason: String,
    server: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    force: Option<bool>,
}

impl Cmdlet for NewOverride {
    const NAME: &'static str = "New-SettingOverride";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = LOCAL;
    const RENAMED: &'static [(&'static str, &'static str)] =
        &[("Component", "ComponentName"), ("Section", "SectionName")];
    const CONTROLS: &'static [&'static str] = &["Force"];
    const LEARNED: &'static [&'static str] = &["Guid"];
}

/// Parameters of `Set-SettingOverride`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetOverride {
    parameters: Option<Vec<String>>,
    reason: Option<String>,
    server: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    force: Option<bool>,
}

impl Cmdlet for SetOverride {
    const NAME: &'static str = "Set-SettingOverride";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = LOCAL;
    const CONTROLS: &'static [&'static str] = &["Force"];
}

/// Parameters of `Remove-SettingOverride`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveOverride {}

impl Cmdlet for RemoveOverride {
    const NAME: &'static str = "Remove-SettingOverride";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = LOCAL;
}

/// Parameters of `Get-ExchangeDiagnosticInfo`, as far as they make servers read overrides again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct Refresh {
    process: String,
    component: String,
    argument: String,
}

impl Cmdlet for Refresh {
    const NAME: &'static str = "Get-ExchangeDiagnosticInfo";
    const EFFECT: Effect = Effect::Refresh;
    const PLANES: &'static [Plane] = LOCAL;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetOverride>("get_setting_override"),
    Entry::of::<NewOverride>("new_setting_override"),
    Entry::of::<SetOverride>("set_setting_override"),
    Entry::bare::<RemoveOverride>("remove_setting_override"),
    Entry::bare::<Refresh>("refresh_setting_overrides"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all setting overrides, or the one that is named; `not_found` where there is none of that name.
    ///
    /// `component_name` and `section_name` say which setting it is, `server` for which servers; nothing there means all.
    ///
    /// ```rhai
    /// for one in onprem.get_setting_override() {
    ///     say(`${one.name} sets ${one.parameters} in ${one.section_name}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_setting_override(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetOverride {})
    }

    #[rhai_fn(global, name = "get_setting_override", pure, return_raw, volatile)]
    pub fn get_one_override(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetOverride {})
    }

    /// Creates a setting override.
    ///
    /// Servers follow it within an hour, or when `refresh_setting_overrides` makes them read it. Fails if one of that
    /// name exists; one of another name for the same setting is not looked for here.
    ///
    /// * `component`: the part of Exchange whose setting it is, such as `"Global"`.
    /// * `section`: the setting, such as `"ExchangeOnpremAsThirdPartyAppId"`.
    /// * `parameters`: what it sets, such as `["Enabled=true"]`.
    /// * `reason`: why, for those who find it later.
    /// * `server`: the servers that follow it; all of them when it is left out.
    /// * `min_version`: the lowest build that follows it, such as `"15.2.2562.17"`.
    /// * `max_version`: the highest build that follows it.
    /// * `force`: hides what Exchange would warn of.
    ///
    /// ```rhai
    /// onprem.new_setting_override("Example", #{
    ///     component: "Global",
    ///     section: "ExchangeOnpremAsThirdPartyAppId",
    ///     parameters: ["Enabled=true"],
    ///     reason: "An example",
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_setting_override(
        call: NativeCallContext,
        organization: &mut Exchange,
        name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let new = options::read::<NewOverride>(&call, options)?;
        organization.one(&call, Target::Name(name), &new)
    }

    /// Changes properties of a setting override; those that are left out stay.
    ///
    /// Which setting it is cannot be changed: remove it and make another.
    ///
    /// * `parameters`: what it sets, such as `["Enabled=true"]`.
    /// * `reason`: why, for those who find it later.
    /// * `server`: the servers that follow it; `[]` for all of them.
    /// * `min_version`: the lowest build that follows it.
    /// * `max_version`: the highest build that follows it.
    /// * `force`: hides what Exchange would warn of.
    ///
    /// ```rhai
    /// onprem.new_setting_override("Example", #{
    ///     component: "Global",
    ///     section: "ExchangeOnpremAsThirdPartyAppId",
    ///     parameters: ["Enabled=true"],
    ///     reason: "An example",
    /// });
    /// onprem.set_setting_override("Example", #{ parameters: ["Enabled=false"], reason: "The example is over" });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_setting_override(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetOverride>(&call, options)?;
        organization.run(&call, Target::Identity(identity), &changes)
    }

    /// Removes a setting override: the servers' own setting holds again.
    ///
    /// ```rhai
    /// onprem.new_setting_override("Example", #{
    ///     component: "Global",
    ///     section: "ExchangeOnpremAsThirdPartyAppId",
    ///     parameters: ["Enabled=true"],
    ///     reason: "An example",
    /// });
    /// onprem.remove_setting_override("Example");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_setting_override(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<()> {
        organization.run(&call, Target::Identity(identity), &RemoveOverride {})
    }

    /// Makes the servers read all setting overrides again at once; without it they do so within an hour.
    ///
    /// It changes nothing that is recorded, so there is nothing to take back. It is not sent while planning.
    ///
    /// ```rhai
    /// onprem.refresh_setting_overrides();
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn refresh_setting_overrides(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<()> {
        let refresh = Refresh {
            process: "Microsoft.Exchange.Directory.TopologyService".to_owned(),
            component: "VariantConfiguration".to_owned(),
            argument: "Refresh".to_owned(),
        };
        organization.run(&call, Target::All, &refresh)
    }
}
