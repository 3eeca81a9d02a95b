//! Intra-organization configuration: what each organization says about its own addresses.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::Map;
use rhai::plugin::*;
use serde::{Deserialize, Serialize};

/// Parameters of `Get-IntraOrganizationConfiguration`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct GetConfiguration {
    organization_guid: Option<String>,
}

impl Cmdlet for GetConfiguration {
    const NAME: &'static str = "Get-IntraOrganizationConfiguration";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::of::<GetConfiguration>("get_intraorg_configuration")];

#[export_module]
pub(super) mod functions {
    /// Gives what the organization says about its own discovery endpoint and domains.
    ///
    /// On-premises it fills `on_premise_discovery_endpoint` and `on_premise_web_service_endpoint`, Exchange Online fills
    /// `online_discovery_endpoint` and `online_target_address`. Exchange Online needs `organization_guid` when it knows
    /// several on-premises organizations.
    ///
    /// * `organization_guid`: which on-premises organization is meant, where Exchange Online knows several.
    ///
    /// ```rhai
    /// let configuration = onprem.get_intraorg_configuration();
    /// say(configuration.on_premise_discovery_endpoint);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_intraorg_configuration(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Map> {
        organization.one(&call, Target::All, &GetConfiguration::default())
    }

    #[rhai_fn(
        global,
        name = "get_intraorg_configuration",
        pure,
        return_raw,
        volatile
    )]
    pub fn get_with_options(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Map> {
        let cmdlet = options::read::<GetConfiguration>(&call, options)?;
        organization.one(&call, Target::All, &cmdlet)
    }
}
