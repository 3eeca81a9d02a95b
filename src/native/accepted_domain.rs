//! Accepted domains: the SMTP domains that an Exchange organization receives mail for.

use super::options::Entry;
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// Parameters of `Get-AcceptedDomain`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetAcceptedDomain {}

impl Cmdlet for GetAcceptedDomain {
    const NAME: &'static str = "Get-AcceptedDomain";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::bare::<GetAcceptedDomain>("get_accepted_domain")];

#[export_module]
pub(super) mod functions {
    /// Gives all accepted domains, or the one that is named; `not_found` where there is none of that name.
    ///
    /// ```rhai
    /// for domain in online.get_accepted_domain() {
    ///     say(`${domain.domain_name}, ${domain.domain_type}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_accepted_domain(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetAcceptedDomain {})
    }

    #[rhai_fn(global, name = "get_accepted_domain", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetAcceptedDomain {})
    }
}
