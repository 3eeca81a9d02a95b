//! Partner applications: those that an Exchange organization lets in when they bring a token.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown};
use crate::exchange::Cmdlet;
use crate::subject::{Effect, Plane};
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];

/// Parameters of `Get-PartnerApplication`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetPartnerApplication {}

impl Cmdlet for GetPartnerApplication {
    const NAME: &'static str = "Get-PartnerApplication";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `New-PartnerApplication`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewPartnerApplication {
    application_identifier: Option<String>,
    auth_metadata_url: Option<String>,
    enabled: Option<bool>,
    realm: Option<String>,
    linked_account: Option<String>,
    accept_security_identifier_information: Option<bool>,
    account_type: Option<String>,
    act_as_permissions: Option<Vec<String>>,
    app_only_permissions: Option<Vec<String>>,
    issuer_identifier: Option<String>,
}

impl Cmdlet for NewPartnerApplication {
    const NAME: &'static str = "New-PartnerApplication";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = BOTH;
    const LEARNED: &'static [&'static str] = &["Guid"];
}

/// Parameters of `Set-PartnerApplication`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetPartnerApplication {
    enabled: Option<bool>,
    application_identifier: Option<String>,
    auth_metadata_url: Option<String>,
    realm: Option<String>,
    linked_account: Option<String>,
    accept_security_identifier_information: Option<bool>,
    account_type: Option<String>,
    act_as_permissions: Option<Vec<String>>,
    app_only_permissions: Option<Vec<String>>,
    issuer_identifier: Option<String>,
    refresh_auth_metadata: Option<bool>,
}

impl Cmdlet for SetPartnerApplication {
    const NAME: &'static str = "Set-PartnerApplication";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = BOTH;
    const CONTROLS: &'static [&'static str] = &["RefreshAuthMetadata"];
}

/// Parameters of `Remove-PartnerApplication`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovePartnerApplication {}

impl Cmdlet for RemovePartnerApplication {
    const NAME: &'static str = "Remove-PartnerApplication";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = BOTH;
}

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetPartnerApplication>("get_partner_application"),
    Entry::of::<NewPartnerApplication>("new_partner_application"),
    Entry::of::<SetPartnerApplication>("set_partner_application"),
    Entry::bare::<RemovePartnerApplication>("remove_partner_application"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all partner applications, or the one of that name or application id; `not_found` where there is none.
    ///
    /// ```rhai
    /// for application in onprem.get_partner_application() {
    ///     say(`${application.name}: ${application.enabled}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_partner_application(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetPartnerApplication {})
    }

    #[rhai_fn(global, name = "get_partner_application", pure, return_raw, volatile)]
    pub fn get_one(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetPartnerApplication {})
    }

    /// Creates a partner application, by application id or by the address of its metadata.
    ///
    /// * `application_identifier`: the application id, as tokens name it.
    /// * `auth_metadata_url`: the address of its metadata, for an application that signs its own tokens.
    /// * `enabled`: whether it is let in; it is when left out.
    /// * `realm`: the tenant that tokens must be from, where the domain of the user is not an accepted one.
    /// * `linked_account`: the account in Active Directory whose roles say what it may do.
    /// * `accept_security_identifier_information`: whether security identifiers of a trusted forest are accepted in
    ///   its tokens.
    /// * `account_type`: `"OrganizationalAccount"`, which is the rule, or `"ConsumerAccount"`.
    /// * `act_as_permissions`: what it may do in the name of a user.
    /// * `app_only_permissions`: what it may do on its own; Exchange 2013 only.
    /// * `issuer_identifier`: who issues its tokens; Exchange 2013 only.
    ///
    /// ```rhai
    /// onprem.new_partner_application("Example", #{
    ///     application_identifier: "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1",
    ///     enabled: true,
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_partner_application(
        call: NativeCallContext,
        organization: &mut Exchange,
        name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let application = options::read::<NewPartnerApplication>(&call, options)?;
        organization.one(&call, Target::Name(name), &application)
    }

    /// Changes properties of a partner application; those that are left out stay.
    ///
    /// * `application_identifier`: the application id, as tokens name it.
    /// * `auth_metadata_url`: the address of its metadata, for an application that signs its own tokens.
    /// * `enabled`: whether it is let in.
    /// * `realm`: the tenant that tokens must be from, where the domain of the user is not an accepted one.
    /// * `linked_account`: the account in Active Directory whose roles say what it may do.
    /// * `accept_security_identifier_information`: whether security identifiers of a trusted forest are accepted in
    ///   its tokens.
    /// * `account_type`: `"OrganizationalAccount"`, which is the rule, or `"ConsumerAccount"`.
    /// * `act_as_permissions`: what it may do in the name of a user.
    /// * `app_only_permissions`: what it may do on its own; Exchange 2013 only.
    /// * `issuer_identifier`: who issues its tokens; Exchange 2013 only.
    /// * `refresh_auth_metadata`: reads its keys again from the address that is set.
    ///
    /// ```rhai
    /// onprem.set_partner_application("Exchange Online", #{ enabled: true });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_partner_application(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetPartnerApplication>(&call, options)?;
        organization.run(&call, Target::Identity(identity), &changes)
    }

    /// Removes a partner application: it is no longer let in.
    ///
    /// ```rhai
    /// onprem.new_partner_application("Example", #{ application_identifier: "9d0ac9a3-0f0d-4a2c-a6c5-6f8ad2f1a0b1" });
    /// onprem.remove_partner_application("Example");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_partner_application(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<()> {
        organization.run(
            &call,
            Target::Identity(identity),
            &RemovePartnerApplication {},
        )
    }
}
