//! [`HandOver`]: what the two halves of a run tell each other, and the only things that they do.
//!
//! The table [`CARRIED`] says which properties of which objects are handed over: identifiers, thumbprints, domains,
//! addresses and the public part of certificates. A file that holds anything else is refused.

use super::half::Side;
use crate::failure::{Failure, FailureKind};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where Microsoft Graph has the members of a collection.
const MEMBERS: &str = "value";

/// The format of the file that is written and understood.
const FORMAT: u32 = 1;

/// Nouns, and the properties of their objects that are handed over. What is not here stays where it is.
const CARRIED: &[(&str, &[&str])] = &[
    (
        "AcceptedDomain",
        &[
            "Name",
            "DomainName",
            "DomainType",
            "Default",
            "InitialDomain",
            "IsCoexistenceDomain",
        ],
    ),
    ("ActiveSyncVirtualDirectory", DIRECTORY),
    (
        "AppManagementPolicy",
        &[
            "id",
            "displayName",
            "isEnabled",
            "applicationRestrictions",
            "servicePrincipalRestrictions",
        ],
    ),
    (
        "AppRoleAssignment",
        &[
            "id",
            "appRoleId",
            "principalId",
            "principalType",
            "resourceId",
            "resourceDisplayName",
        ],
    ),
    (
        "Application",
        &[
            "id",
            "appId",
            "displayName",
            "signInAudience",
            "requiredResourceAccess",
            "keyCredentials",
            "notes",
            "description",
            "tags",
        ],
    ),
    (
        "AuthConfig",
        &[
            "CurrentCertificateThumbprint",
            "PreviousCertificateThumbprint",
            "NextCertificateThumbprint",
            "NextCertificateEffectiveDate",
            "ServiceName",
            "Realm",
        ],
    ),
    (
        "AuthServer",
        &[
            "Name",
            "Identity",
            "Type",
            "Realm",
            "Enabled",
            "AuthMetadataUrl",
            "IssuerIdentifier",
            "ApplicationIdentifier",
            "DomainName",
            "GraphBaseUrl",
            "IsDefaultAuthorizationEndpoint",
        ],
    ),
    ("AutodiscoverEndpoint", &["Protocol", "Url"]),
    ("AutodiscoverVirtualDirectory", DIRECTORY),
    (
        "AvailabilityAddressSpace",
        &[
            "Name",
            "Identity",
            "ForestName",
            "AccessMethod",
            "ProxyUrl",
            "UseServiceAccount",
        ],
    ),
    ("ClientAccessServer", SERVICE),
    ("ClientAccessService", SERVICE),
    (
        "ExchangeCertificate",
        &[
            "Thumbprint",
            "Subject",
            "NotBefore",
            "NotAfter",
            "Services",
            "Status",
            "HasPrivateKey",
            "FriendlyName",
            "RawData",
        ],
    ),
    ("ExchangeBuild", &["Server", "Build"]),
    (
        "ExchangeServer",
        &[
            "Name",
            "Identity",
            "Fqdn",
            "ServerRole",
            "AdminDisplayVersion",
            "Edition",
        ],
    ),
    (
        "IntraOrganizationConfiguration",
        &[
            "OnlineDiscoveryEndpoint",
            "OnlineTargetAddress",
            "OnPremiseTargetAddresses",
            "OnPremiseDiscoveryEndpoint",
            "OnPremiseWebServiceEndpoint",
            "DeploymentIsCompleteIOCReady",
        ],
    ),
    (
        "IntraOrganizationConnector",
        &[
            "Name",
            "Identity",
            "TargetAddressDomains",
            "DiscoveryEndpoint",
            "TargetSharingEpr",
            "Enabled",
        ],
    ),
    ("MapiVirtualDirectory", DIRECTORY),
    ("OabVirtualDirectory", DIRECTORY),
    ("Organization", &["id", "displayName", "verifiedDomains"]),
    (
        "OrganizationConfig",
        &[
            "Name",
            "Identity",
            "Guid",
            "EwsEnabled",
            "EwsAllowedAppIDs",
            "EwsApplicationAccessPolicy",
        ],
    ),
    (
        "OrganizationRelationship",
        &[
            "Name",
            "Identity",
            "DomainNames",
            "Enabled",
            "TargetAutodiscoverEpr",
            "TargetSharingEpr",
            "TargetApplicationUri",
        ],
    ),
    (
        "OutlookAnywhere",
        &[
            "Name",
            "Server",
            "Identity",
            "InternalHostname",
            "ExternalHostname",
            "InternalClientsRequireSsl",
            "ExternalClientsRequireSsl",
        ],
    ),
    (
        "PartnerApplication",
        &[
            "Name",
            "Identity",
            "ApplicationIdentifier",
            "Realm",
            "Enabled",
            "AuthMetadataUrl",
            "UseAuthServer",
        ],
    ),
    (
        "ServicePrincipal",
        &[
            "id",
            "appId",
            "displayName",
            "accountEnabled",
            "servicePrincipalNames",
            "keyCredentials",
            "tags",
            "appRoles",
            "servicePrincipalType",
            "notes",
        ],
    ),
    (
        "SettingOverride",
        &[
            "Name",
            "Identity",
            "ComponentName",
            "SectionName",
            "Parameters",
            "Server",
            "MinVersion",
            "MaxVersion",
            "Status",
        ],
    ),
    ("WebServicesVirtualDirectory", DIRECTORY),
];

const DIRECTORY: &[&str] = &[
    "Name",
    "Server",
    "Identity",
    "InternalUrl",
    "ExternalUrl",
    "AdminDisplayVersion",
];
const SERVICE: &[&str] = &["Name", "Identity", "Fqdn", "AutoDiscoverServiceInternalUri"];

/// The properties of the objects of a noun that are handed over; `None` where nothing of them is.
pub(super) fn carried(noun: &str) -> Option<&'static [&'static str]> {
    let row = CARRIED.iter().find(|(known, _)| *known == noun);
    row.map(|(_, properties)| *properties)
}

/// What the halves of a run hand to each other; the text of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    format: u32,
    /// The tenant, as the organization file names it.
    pub tenant: String,
    /// The cloud's word.
    pub cloud: Option<String>,
    /// The tenant's id, once the directory was asked.
    pub tenant_id: Option<String>,
    /// The GUID of the on-premises Exchange organization, once it was asked.
    pub exchange_organization: Option<String>,
    /// The half that wrote it last.
    pub written_by: Side,
    /// When.
    pub written_at: Timestamp,
    /// The steps that are done, with their playbook.
    #[serde(default)]
    pub done: BTreeSet<Done>,
    #[serde(default)]
    pub(super) answers: Vec<Kept>,
}

/// A step that one of the halves did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The playbook that was run.
    pub playbook: String,
    /// The step's id.
    pub step: String,
}

/// What a side answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) plane: Plane,
    pub(super) noun: String,
    pub(super) call: String,
    pub(super) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) objects: Option<Vec<Value>>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Refused>,
}

/// Why a side gave no objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    pub(super) kind: FailureKind,
    pub(super) message: String,
}

impl HandOver {
    /// One that holds nothing yet.
    pub fn new(tenant: &str, side: Side, now: Timestamp) -> Self {
        Self {
            format: FORMAT,
            tenant: tenant.to_owned(),
            cloud: None,
            tenant_id: None,
            exchange_organization: None,
            written_by: side,
            written_at: now,
            done: BTreeSet::new(),
            answers: Vec::new(),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Kind `Input`: what is no hand-over file, is of another format, or holds what does not belong into one.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| {
            Failure::input("this is not a hand-over file").with_detail(error.to_string())
        })?;
        if head.format != FORMAT {
            return Err(Failure::input(format!(
                "the hand-over file has the format {}, and this version of the program reads {FORMAT}",
                head.format
            ))
            .with_hint("use the same version of exoauth for both halves"));
        }
        let read: Self = serde_json::from_str(text).map_err(|error| {
            Failure::input("the hand-over file holds what does not belong there")
                .with_detail(error.to_string())
        })?;
        read.answers.iter().try_for_each(Kept::check)?;
        Ok(read)
    }

    /// The text of the file.
    ///
    /// # Errors
    ///
    /// Kind `Internal`, when it cannot be written as JSON.
    pub fn text(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| {
                Failure::new(FailureKind::Internal, "the hand-over cannot be written")
                    .caused_by(error)
            })
    }

    pub(super) fn keep(&mut self, kept: Kept) {
        self.forget(|known| known.plane == kept.plane && known.call == kept.call);
        self.answers.push(kept);
    }

    pub(super) fn forget(&mut self, stale: impl Fn(&Kept) -> bool) {
        self.answers.retain(|kept| !stale(kept));
    }
}

impl Kept {
    /// Refuses what this program would not have written.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: String| {
            Failure::input(format!(
                "the hand-over file holds what does not belong there: {what}"
            ))
        };
        let properties =
            carried(&self.noun).ok_or_else(|| wrong(format!("objects of {}", self.noun)))?;
        for object in self.objects.iter().flatten().flat_map(members) {
            let object = object
                .as_object()
                .ok_or_else(|| wrong(format!("something of {} that is no object", self.noun)))?;
            if let Some(name) = object
                .keys()
                .find(|name| !properties.contains(&name.as_str()))
            {
                return Err(wrong(format!("the property {name} of {}", self.noun)));
            }
        }
        Ok(())
    }
}

/// The objects of an answer: itself, or the members of a collection of Microsoft Graph.
pub(super) fn members(value: &Value) -> Vec<&Value> {
    match value.get(MEMBERS) {
        Some(Value::List(members)) => members.iter().collect(),
        _ => vec![value],
    }
}

/// The properties of an object that are handed over; of a collection, those of its members.
pub(super) fn reduced(value: &Value, properties: &[&str]) -> Value {
    let Value::Object(object) = value else {
        return Value::Null;
    };
    if let Some(Value::List(list)) = object.get(MEMBERS) {
        let members = list.iter().map(|member| reduced(member, properties));
        return Object::from_iter([(MEMBERS.to_owned(), Value::List(members.collect()))]).into();
    }
    let kept = object
        .iter()
        .filter(|(name, _)| properties.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()));
    Value::Object(kept.collect())
}
