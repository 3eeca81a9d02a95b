//! Exchange servers: which there are, with roles and versions.

use super::options::Entry;
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// Parameters of `Get-ExchangeServer`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetExchangeServer {}

impl Cmdlet for GetExchangeServer {
    const NAME: &'static str = "Get-ExchangeServer";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::bare::<GetExchangeServer>("get_exchange_server")];

#[export_module]
pub(super) mod functions {
    /// Gives all Exchange servers, or the one that is named; `not_found` where there is none of that name.
    ///
    /// The version shown (`admin_display_version`) hides security and hotfix updates.
    ///
    /// ```rhai
    /// for server in onprem.get_exchange_server() {
    ///     say(`${server.name}: ${server.admin_display_version}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_exchange_server(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetExchangeServer {})
    }

    #[rhai_fn(global, name = "get_exchange_server", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetExchangeServer {})
    }
}
