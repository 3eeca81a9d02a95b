//! Organization relationships: what another Exchange organization may see, and where it is asked.
//!
//! Parameters follow `New-`, `Set-` and `Remove-OrganizationRelationship` of the reference of Exchange PowerShell. A
//! relationship with Exchange Online that has a `target_sharing_epr` is asked there, without Autodiscover.

use super::options::{self, Entry};
use super::{Exchange, Target, Thrown, throw};
use crate::exchange::Cmdlet;
use crate::exchange::discovery::Discovery;
use crate::failure::{Failure, FailureKind};
use crate::session::Request;
use crate::subject::{Effect, Plane, Subject};
use crate::value::Value;
use crate::words::quoted;
use rhai::plugin::*;
use rhai::{Array, Map};
use serde::{Deserialize, Serialize};

const BOTH: &[Plane] = &[Plane::OnPremises, Plane::ExchangeOnline];

/// How much of a calendar the other side sees.
#[derive(Serialize, Deserialize)]
enum FreeBusyAccess {
    None,
    AvailabilityOnly,
    LimitedDetails,
}

/// Which MailTips the other side sees.
#[derive(Serialize, Deserialize)]
enum MailTipsAccess {
    None,
    All,
    Limited,
}

/// Parameters of `Get-OrganizationRelationship`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GetRelationship {}

impl Cmdlet for GetRelationship {
    const NAME: &'static str = "Get-OrganizationRelationship";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `New-OrganizationRelationship`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct NewRelationship {
    domain_names: Vec<String>,
    enabled: Option<bool>,
    free_busy_access_enabled: Option<bool>,
    free_busy_access_level: Option<FreeBusyAccess>,
    mail_tips_access_enabled: Option<bool>,
    mail_tips_access_level: Option<MailTipsAccess>,
    photos_enabled: Option<bool>,
    delivery_report_enabled: Option<bool>,
    archive_access_enabled: Option<bool>,
    target_application_uri: Option<String>,
    target_autodiscover_epr: Option<String>,
    #[serde(rename(serialize = "TargetOwaURL"))]
    target_owa_url: Option<String>,
    target_sharing_epr: Option<String>,
}

impl Cmdlet for NewRelationship {
    const NAME: &'static str = "New-OrganizationRelationship";
    const EFFECT: Effect = Effect::Create;
    const PLANES: &'static [Plane] = BOTH;
    const LEARNED: &'static [&'static str] = &["Guid"];
}

/// Parameters of `Set-OrganizationRelationship`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "PascalCase"))]
struct SetRelationship {
    #[serde(skip_serializing)]
    for_domains: Option<Vec<String>>,
    enabled: Option<bool>,
    domain_names: Option<Vec<String>>,
    free_busy_access_enabled: Option<bool>,
    free_busy_access_level: Option<FreeBusyAccess>,
    mail_tips_access_enabled: Option<bool>,
    mail_tips_access_level: Option<MailTipsAccess>,
    photos_enabled: Option<bool>,
    delivery_report_enabled: Option<bool>,
    archive_access_enabled: Option<bool>,
    target_application_uri: Option<String>,
    target_autodiscover_epr: Option<String>,
    #[serde(rename(serialize = "TargetOwaURL"))]
    target_owa_url: Option<String>,
    target_sharing_epr: Option<String>,
}

impl Cmdlet for SetRelationship {
    const NAME: &'static str = "Set-OrganizationRelationship";
    const EFFECT: Effect = Effect::Update;
    const PLANES: &'static [Plane] = BOTH;
}

/// Parameters of `Remove-OrganizationRelationship`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveRelationship {}

impl Cmdlet for RemoveRelationship {
    const NAME: &'static str = "Remove-OrganizationRelationship";
    const EFFECT: Effect = Effect::Delete;
    const PLANES: &'static [Plane] = BOTH;
}

/// What finds web services; no cmdlet, but a question of the same kind.
#[derive(Serialize)]
struct FindWebServices {}

impl Cmdlet for FindWebServices {
    const NAME: &'static str = "GET /autodiscover/autodiscover.json/v1.0/{mailbox}";
    const EFFECT: Effect = Effect::Read;
    const PLANES: &'static [Plane] = &[Plane::ExchangeOnline];
}

/// The mailbox that every tenant has, which serves migrations.
const MIGRATION: &str = "Migration.8f3e7716-2011-43e4-96b1-aba62d229136";

/// The functions of this noun.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::bare::<GetRelationship>("get_organization_relationship"),
    Entry::of::<NewRelationship>("new_organization_relationship"),
    Entry::of::<SetRelationship>("set_organization_relationship"),
    Entry::bare::<RemoveRelationship>("remove_organization_relationship"),
    Entry::bare::<FindWebServices>("find_web_services"),
];

#[export_module]
pub(super) mod functions {
    /// Gives all organization relationships, or the one that is named; `not_found` where there is none of that name.
    ///
    /// ```rhai
    /// for one in onprem.get_organization_relationship() {
    ///     say(`${one.name} is with ${one.domain_names}`);
    /// }
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn get_organization_relationship(
        call: NativeCallContext,
        organization: &mut Exchange,
    ) -> Thrown<Array> {
        organization.list(&call, Target::All, &GetRelationship {})
    }

    #[rhai_fn(
        global,
        name = "get_organization_relationship",
        pure,
        return_raw,
        volatile
    )]
    pub fn get_one_relationship(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<Map> {
        organization.one(&call, Target::Identity(identity), &GetRelationship {})
    }

    /// Creates an organization relationship.
    ///
    /// On-premises Exchange wants a federation trust first. Fails if one of that name exists.
    ///
    /// * `domain_names`: the domains of the other organization.
    /// * `enabled`: whether it is in use.
    /// * `free_busy_access_enabled`: whether the other side sees when people are busy.
    /// * `free_busy_access_level`: how much of it: `"AvailabilityOnly"`, or `"LimitedDetails"` with subject and place.
    /// * `mail_tips_access_enabled`: whether the other side sees MailTips.
    /// * `mail_tips_access_level`: which: `"All"`, or `"Limited"` to those about absence and delivery.
    /// * `photos_enabled`: whether the other side sees photos.
    /// * `delivery_report_enabled`: whether the other side sees delivery reports.
    /// * `archive_access_enabled`: whether archives of the other side are opened from here.
    /// * `target_application_uri`: what tokens for the other side name it as, such as `outlook.com`.
    /// * `target_autodiscover_epr`: the address of Autodiscover of the other side.
    /// * `target_owa_url`: the address of Outlook on the web of the other side.
    /// * `target_sharing_epr`: the address of Exchange Web Services of the other side, which is then not discovered.
    ///
    /// ```rhai
    /// onprem.new_organization_relationship("Example", #{
    ///     domain_names: ["example.com"],
    ///     free_busy_access_enabled: true,
    ///     free_busy_access_level: "LimitedDetails",
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn new_organization_relationship(
        call: NativeCallContext,
        organization: &mut Exchange,
        name: &str,
        options: Map,
    ) -> Thrown<Map> {
        let new = options::read::<NewRelationship>(&call, options)?;
        organization.one(&call, Target::Name(name), &new)
    }

    /// Changes properties of an organization relationship; those that are left out stay.
    ///
    /// An organization may have relationships with several others. `for_domains` proves that this is the one that is
    /// meant: it is refused, before anything is sent, when the relationship is with none of these domains.
    ///
    /// * `for_domains`: domains of which the relationship must be with at least one.
    /// * `enabled`: whether it is in use.
    /// * `domain_names`: the whole new list of the domains of the other organization.
    /// * `free_busy_access_enabled`: whether the other side sees when people are busy.
    /// * `free_busy_access_level`: how much of it: `"AvailabilityOnly"`, or `"LimitedDetails"` with subject and place.
    /// * `mail_tips_access_enabled`: whether the other side sees MailTips.
    /// * `mail_tips_access_level`: which: `"All"`, or `"Limited"` to those about absence and delivery.
    /// * `photos_enabled`: whether the other side sees photos.
    /// * `delivery_report_enabled`: whether the other side sees delivery reports.
    /// * `archive_access_enabled`: whether archives of the other side are opened from here.
    /// * `target_application_uri`: what tokens for the other side name it as.
    /// * `target_autodiscover_epr`: the address of Autodiscover of the other side.
    /// * `target_owa_url`: the address of Outlook on the web of the other side.
    /// * `target_sharing_epr`: the address of Exchange Web Services of the other side, which is then not discovered.
    ///
    /// ```rhai
    /// onprem.new_organization_relationship("Example", #{ domain_names: ["example.com"] });
    /// onprem.set_organization_relationship("Example", #{
    ///     for_domains: ["example.com"],
    ///     target_sharing_epr: "https://mail.example.com/EWS/Exchange.asmx",
    /// });
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn set_organization_relationship(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
        options: Map,
    ) -> Thrown<()> {
        let changes = options::read::<SetRelationship>(&call, options)?;
        let target = Target::Identity(identity);
        if let Some(domains) = &changes.for_domains {
            let found = organization.object(&call, target, &GetRelationship {})?;
            let subject = Subject::one(organization.plane(), "OrganizationRelationship", identity);
            with_one_of(found.get("DomainNames"), domains, subject).map_err(throw)?;
        }
        organization.run(&call, target, &changes)
    }

    /// Gives where Exchange Online serves Exchange Web Services for a tenant: `protocol` and `url`.
    ///
    /// This asks Autodiscover for a mailbox that every tenant has, by the initial domain, and needs no sign-in. The
    /// address is what `target_sharing_epr` takes.
    ///
    /// ```rhai
    /// let found = online.find_web_services(cloud.tenant);
    /// say(found.url);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn find_web_services(
        call: NativeCallContext,
        organization: &mut Exchange,
        initial_domain: &str,
    ) -> Thrown<Map> {
        discovered(&call, organization, initial_domain)
    }

    /// Removes an organization relationship: the other organization sees nothing any more.
    ///
    /// ```rhai
    /// onprem.new_organization_relationship("Example", #{ domain_names: ["example.com"] });
    /// onprem.remove_organization_relationship("Example");
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn remove_organization_relationship(
        call: NativeCallContext,
        organization: &mut Exchange,
        identity: &str,
    ) -> Thrown<()> {
        organization.run(&call, Target::Identity(identity), &RemoveRelationship {})
    }
}

/// Asks Autodiscover of Exchange Online for the web services of a tenant.
fn discovered(
    call: &NativeCallContext,
    organization: &Exchange,
    initial_domain: &str,
) -> Thrown<Map> {
    let operation = organization.operation(call, Target::All, &FindWebServices {});
    let mut operation = operation.map_err(throw)?;
    operation.subject = Subject::all(organization.plane(), "AutodiscoverEndpoint");
    operation.request = Request::Discovery(Discovery {
        mailbox: format!("{MIGRATION}@{initial_domain}"),
        protocol: "EWS".to_owned(),
    });
    let answer = organization.send(&operation)?;
    super::only(answer, "Autodiscover", operation.subject).map_err(throw)
}

/// Refuses a relationship that is with none of these domains.
fn with_one_of(held: Option<&Value>, domains: &[String], subject: Subject) -> Result<(), Failure> {
    let held: Vec<&str> = match held {
        Some(Value::List(list)) => list.iter().filter_map(Value::as_text).collect(),
        Some(Value::Text(text)) => vec![text.as_str()],
        _ => Vec::new(),
    };
    let is_meant = |name: &&str| {
        domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(name))
    };
    if held.iter().any(is_meant) {
        return Ok(());
    }
    let meant: Vec<&str> = domains.iter().map(String::as_str).collect();
    let with = if held.is_empty() {
        "no domain at all".to_owned()
    } else {
        quoted(&held)
    };
    let message = format!("{subject} is with {with}, and not with {}", quoted(&meant));
    Err(Failure::new(FailureKind::Conflict, message)
        .about(subject)
        .with_hint("get_organization_relationship shows which one has these domains"))
}
