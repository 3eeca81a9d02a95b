//! Availability address spaces: where an Exchange organization asks for free/busy of another domain.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];

/// Parameters of `Get-AvailabilityAddressSpace`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetAddressSpace {}

impl Cmdlet for GetAddressSpace {
    const NAME: &'static str = "Get-AvailabilityAddressSpace";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `Add-AvailabilityAddressSpace`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct AddAddressSpace {
    access_method: String,
    proxy_url: Option<String>,
    use_service_account: Option<bool>,
    target_autodiscover_epr: Option<String>,
    target_service_epr: Option<String>,
    target_tenant_id: Option<String>,
}

impl Cmdlet for AddAddressSpace {
    const NAME: &'static str = "Add-AvailabilityAddressSpace";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = BOTH;
    const LEARNED: &'static [&'static str] = &["Guid"];
}

/// Parameters of `Remove-AvailabilityAddressSpace`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveAddressSpace {}

impl Cmdlet for RemoveAddressSpace {
    const NAME: &'static str = "Remove-AvailabilityAddressSpace";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = BOTH;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetAddressSpace>("get_availability_address_space"),
    Entry::of::<AddAddressSpace>("add_availability_address_space"),
    Entry::bare::<RemoveAddressSpace>("remove_availability_address_space"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all availability address spaces, or the one of that domain; `not_found` where there is none.
    ///
    /// ```rhai
    /// for space in onprem.get_availability_address_space() {
    ///     say(`${space.forest_name} by ${space.access_method}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_availability_address_space(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetAddressSpace {})
    }

    #[rhai_fn(
        global,
        name = "get_availability_address_space",
        pure,
        return_raw,
        volatile
    )]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetAddressSpace {})
    }

    /// Adds an availability address space for a domain. There is no cmdlet that changes one.
    ///
    /// * `access_method`: how the domain is asked: `"InternalProxy"` through another Exchange, as the hybrid needs;
    ///   `"PerUserFB"`, `"OrgWideFB"` and others as the cmdlet knows them.
    /// * `proxy_url`: the address of Exchange Web Services that passes the request on, with `"InternalProxy"`.
    /// * `use_service_account`: asks as the server and not as the user, as `"InternalProxy"` needs.
    /// * `target_autodiscover_epr`: the address of Autodiscover of the other organization, without an organization
    ///   relationship.
    /// * `target_service_epr`: the address of Exchange Online that answers, such as `outlook.office365.com`, without
    ///   Autodiscover.
    /// * `target_tenant_id`: the tenant that `target_service_epr` answers for.
    ///
    /// ```rhai
    /// onprem.add_availability_address_space("example.mail.onmicrosoft.com", #{
    ///     access_method: "InternalProxy",
    ///     proxy_url: "https://mail.example.com/ews/exchange.asmx",
    ///     use_service_account: true,
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn add_availability_address_space(
        call: NativeCallContext,
        organization: &mut Exchange,
        forest_name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let space = options::read::<AddAddressSpace>(&call, options)?;
        organization.one(&call, Target::Key("ForestName", forest_name), &space)
    }

    /// Removes the availability address space of a domain.
    ///
    /// ```rhai
    /// let domain = "example.mail.onmicrosoft.com";
    /// onprem.add_availability_address_space(domain, #{
    ///     access_method: "InternalProxy",
    ///     proxy_url: "https://mail.example.com/ews/exchange.asmx",
    ///     use_service_account: true,
    /// });
    /// onprem.remove_availability_address_space(domain);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_availability_address_space(
        call: NativeCallContext,
        organization: &mut Exchange,
        forest_name: &str,
    ) -> Thrown<()> {
        organization.run(&call, Target::Identity(forest_name), &RemoveAddressSpace {})
    }
}
