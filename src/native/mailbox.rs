//! Mailboxes: which there are to test with.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

/// Parameters of `Get-Mailbox`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct GetMailbox {
    result_size: Option<i64>,
    recipient_type_details: Option<String>,
}

impl Cmdlet for GetMailbox {
    const NAME: &'static str = "Get-Mailbox";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[Entry::of::<GetMailbox>("get_mailbox")];

#[export_module]
pub(super) mod functions {
    /// Gives mailboxes, or the one that is named; `not_found` where there is none of that name.
    ///
    /// * `result_size`: the most that are given; 1000 when it is left out.
    /// * `recipient_type_details`: the kind of mailbox, such as `"UserMailbox"`.
    ///
    /// ```rhai
    /// for mailbox in onprem.get_mailbox(#{ result_size: 1 }) {
    ///     say(mailbox.primary_smtp_address);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_mailbox(
        call: NativeCallContext,
        organization: &mut Exchange,
        options: Map,
    ) -> Thrown<Array> {
        let cmdlet = options::read::<GetMailbox>(&call, options)?;
        organization.list(&call, Target::All, &cmdlet)
    }

    #[rhai_fn(global, name = "get_mailbox", pure, return_raw, volatile)]
    pub fn get_all(call: NativeCallContext, organization: &mut Exchange) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetMailbox::default())
    }

    #[rhai_fn(global, name = "get_mailbox", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetMailbox::default())
    }
}
