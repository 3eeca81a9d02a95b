//! Intra-organization connectors: for which domains the other organization is asked, and where it is discovered.
//!
//! They exist on both planes and are written once. This file is the one to copy for a new noun.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];

/// Parameters of `Get-IntraOrganizationConnector`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetConnector {}

impl Cmdlet for GetConnector {
    const NAME: &'static str = "Get-IntraOrganizationConnector";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `New-IntraOrganizationConnector`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewConnector {
    discovery_endpoint: String,
    target_address_domains: Vec<String>,
    enabled: Option<bool>,
    target_sharing_epr: Option<String>,
}

impl Cmdlet for NewConnector {
    const NAME: &'static str = "New-IntraOrganizationConnector";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = BOTH;
    const LEARNED: &'static [&'static str] = &["Identity", "Guid"];
}

/// Parameters of `Set-IntraOrganizationConnector`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetConnector {
    name: Option<String>,
    discovery_endpoint: Option<String>,
    target_address_domains: Option<Vec<String>>,
    enabled: Option<bool>,
    target_sharing_epr: Option<String>,
}

impl Cmdlet for SetConnector {
    const NAME: &'static str = "Set-IntraOrganizationConnector";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `Remove-IntraOrganizationConnector`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveConnector {}

impl Cmdlet for RemoveConnector {
    const NAME: &'static str = "Remove-IntraOrganizationConnector";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = BOTH;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetConnector>("get_intraorg_connector"),
    Entry::of::<NewConnector>("new_intraorg_connector"),
    Entry::of::<SetConnector>("set_intraorg_connector"),
    Entry::bare::<RemoveConnector>("remove_intraorg_connector"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all intra-organization connectors.
    ///
    /// ```rhai
    /// for connector in onprem.get_intraorg_connector() {
    ///     say(`${connector.name} asks ${connector.discovery_endpoint}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_intraorg_connector(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetConnector {})
    }

    /// Gives the intra-organization connector of that name; `not_found` where there is none.
    ///
    /// ```rhai
    /// let found = attempt(|| online.get_intraorg_connector("Contoso"));
    /// say(if found.ok { "it is there" } else { found.error.kind });
    /// ```
    #[rhai_fn(global, name = "get_intraorg_connector", pure, return_raw, volatile)]
    pub fn get_one_intraorg_connector(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetConnector {})
    }

    /// Creates an intra-organization connector.
    ///
    /// Fails if one of that name exists; see `connectors::ensure`.
    ///
    /// * `discovery_endpoint`: the address of Autodiscover of the other organization, which ends in
    ///   `autodiscover.svc`.
    /// * `target_address_domains`: the mail domains for which the other organization is asked.
    /// * `enabled`: whether it is used; it is when left out.
    /// * `target_sharing_epr`: the address of Exchange Web Services of the other organization, asked without
    ///   Autodiscover; Exchange Online only.
    ///
    /// ```rhai
    /// online.new_intraorg_connector("Example", #{
    ///     discovery_endpoint: "https://autodiscover.example.com/autodiscover/autodiscover.svc",
    ///     target_address_domains: ["example.com"],
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_intraorg_connector(
        call: NativeCallContext,
        organization: &mut Exchange,
        name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let connector = options::read::<NewConnector>(&call, options)?;
        organization.one(&call, Target::Name(name), &connector)
    }

    /// Changes properties of an intra-organization connector; those that are left out stay.
    ///
    /// * `name`: another name.
    /// * `discovery_endpoint`: another address of Autodiscover of the other organization, which ends in
    ///   `autodiscover.svc`.
    /// * `target_address_domains`: the mail domains for which the other organization is asked, in the place of those
    ///   there are.
    /// * `enabled`: whether it is used.
    /// * `target_sharing_epr`: the address of Exchange Web Services of the other organization, asked without
    ///   Autodiscover; Exchange Online only.
    ///
    /// ```rhai
    /// let name = "Example";
    /// online.new_intraorg_connector(name, #{
    ///     discovery_endpoint: "https://autodiscover.example.com/autodiscover/autodiscover.svc",
    ///     target_address_domains: ["example.com"],
    /// });
    /// online.set_intraorg_connector(name, #{ enabled: false });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_intraorg_connector(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetConnector>(&call, options)?;
        organization.run(&call, Target::Identity(identity), &changes)
    }

    /// Removes an intra-organization connector.
    ///
    /// ```rhai
    /// online.new_intraorg_connector("Example", #{
    ///     discovery_endpoint: "https://autodiscover.example.com/autodiscover/autodiscover.svc",
    ///     target_address_domains: ["example.com"],
    /// });
    /// online.remove_intraorg_connector("Example");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_intraorg_connector(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<()> {
        organization.run(&call, Target::Identity(identity), &RemoveConnector {})
    }
}
