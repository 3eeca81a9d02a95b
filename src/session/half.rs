//! [`Half`]: the part of a run that speaks to one side only, and [`HandOver`]: what it knows of the other.
//!
//! A server that may not reach the internet and a computer that cannot reach the servers do one playbook between them.
//! What either half reads of its own side is kept for the other, as far as the table [`CARRIED`] lets it: identifiers,
//! thumbprints, domains, addresses and the public part of certificates. A request to the side that is away is answered
//! from there or fails with [`FailureKind::OtherHalf`], which ends the step and not the run.

use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::graph;
use crate::session::event::{Event, Level};
use crate::session::{Operation, Origin, Request, Session};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where Microsoft Graph has the members of a collection.
const MEMBERS: &str = "value";

/// The format of the file that is written and understood.
const FORMAT: u32 = 1;

/// One of the two sides that a run can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The Exchange organization on the customer's own servers.
    Onprem,
    /// Exchange Online and the directory of the tenant.
    Cloud,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Onprem, Self::Cloud];

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Onprem => "onprem",
            Self::Cloud => "cloud",
        }
    }

    /// The side of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.word() == word)
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Onprem => Self::Cloud,
            Self::Cloud => Self::Onprem,
        }
    }

    /// Whether a plane belongs to it.
    pub fn has(self, plane: Plane) -> bool {
        (plane == Plane::OnPremises) == (self == Self::Onprem)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Onprem => "on-premises half",
            Self::Cloud => "cloud half",
        })
    }
}

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

fn carried(noun: &str) -> Option<&'static [&'static str]> {
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
    answers: Vec<Kept>,
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
struct Kept {
    plane: Plane,
    noun: String,
    call: String,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<Vec<Value>>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    kind: FailureKind,
    message: String,
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
        let wrong = |message: String| Failure::new(FailureKind::Input, message);
        let head: Head = serde_json::from_str(text).map_err(|error| {
            wrong("this is not a hand-over file".to_owned()).with_detail(error.to_string())
        })?;
        if head.format != FORMAT {
            return Err(wrong(format!(
                "the hand-over file has the format {}, and this version of the program reads {FORMAT}",
                head.format
            ))
            .with_hint("use the same version of exoauth for both halves"));
        }
        let read: Self = serde_json::from_str(text).map_err(|error| {
            wrong("the hand-over file holds what does not belong there".to_owned())
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

    fn keep(&mut self, kept: Kept) {
        self.forget(|known| known.plane == kept.plane && known.call == kept.call);
        self.answers.push(kept);
    }

    fn forget(&mut self, stale: impl Fn(&Kept) -> bool) {
        self.answers.retain(|kept| !stale(kept));
    }
}

impl Kept {
    /// Refuses what this program would not have written.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: String| {
            Failure::new(
                FailureKind::Input,
                format!("the hand-over file holds what does not belong there: {what}"),
            )
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

/// The part of a run that speaks to one side only.
#[derive(Clone)]
pub struct Half {
    side: Side,
    hand_over: Arc<Mutex<HandOver>>,
    /// What is run.
    playbook: String,
    /// The command that runs the other half.
    other: String,
    /// The steps that were left to the other half, in their order.
    left: Arc<Mutex<Vec<String>>>,
}

impl Half {
    /// A half of a run of a playbook, with what is known of the other side, and the command that runs the other half.
    pub fn new(side: Side, hand_over: HandOver, playbook: String, other: String) -> Self {
        Self {
            side,
            hand_over: Arc::new(Mutex::new(hand_over)),
            playbook,
            other,
            left: Arc::default(),
        }
    }

    /// What stands for a step of this playbook.
    pub fn step(&self, id: &str) -> Done {
        Done {
            playbook: self.playbook.clone(),
            step: id.to_owned(),
        }
    }

    /// Says that a step is left to the other half.
    pub fn leave(&self, step: &str) {
        locked(&self.left).push(step.to_owned());
    }

    /// The steps of this pass so far that are left, and that the other half has not done.
    pub fn open(&self) -> Vec<String> {
        let known = self.known();
        let left = locked(&self.left);
        let open = left
            .iter()
            .filter(|step| !known.done.contains(&self.step(step)));
        open.cloned().collect()
    }

    /// The side that it speaks to.
    pub fn side(&self) -> Side {
        self.side
    }

    /// What is known of both sides by now.
    pub fn hand_over(&self) -> HandOver {
        self.known().clone()
    }

    fn known(&self) -> MutexGuard<'_, HandOver> {
        locked(&self.hand_over)
    }

    /// Asks the side that is here who it is, and refuses what was handed over by another one.
    ///
    /// # Errors
    ///
    /// Kind `Input` where the two differ; whatever asking fails with.
    pub fn meet(&self, session: &Session) -> Result<(), Failure> {
        locked(&self.left).clear();
        let (plane, noun, property, request) = match self.side {
            Side::Onprem => (
                Plane::OnPremises,
                "OrganizationConfig",
                "Guid",
                Request::cmdlet("Get-OrganizationConfig", Object::new()),
            ),
            Side::Cloud => (
                Plane::Entra,
                "Organization",
                "id",
                Request::Graph(
                    graph::Request::new(graph::Method::Get, "/organization")
                        .with("$select", "id,displayName,verifiedDomains"),
                ),
            ),
        };
        let asked = session.perform(&Operation {
            subject: Subject::all(plane, noun),
            effect: Effect::Read,
            request,
            observe: None,
            asked: Object::new(),
            learned: Vec::new(),
            origin: Origin::default(),
        });
        let answer = match asked {
            Err(failure) if self.can_do_without(&failure) => {
                let text = format!(
                    "{noun} cannot be read, so the hand-over does not say whose it is: {failure}"
                );
                return session.announce(&Event::Said {
                    level: Level::Warning,
                    text,
                });
            }
            asked => asked?,
        };
        let object = answer
            .output
            .first()
            .and_then(|first| members(first).into_iter().next());
        let id = object
            .and_then(|object| object.text(property))
            .ok_or_else(|| {
                Failure::new(
                    FailureKind::Protocol,
                    format!("the answer about {noun} lacks {property}"),
                )
            })?;
        let mut known = self.known();
        let (expected, what) = match self.side {
            Side::Onprem => (&mut known.exchange_organization, "Exchange organization"),
            Side::Cloud => (&mut known.tenant_id, "tenant"),
        };
        match expected {
            Some(other) if !other.eq_ignore_ascii_case(id) => Err(Failure::new(
                FailureKind::Input,
                format!("the hand-over file is about the {what} {other}, and this is {id}"),
            )
            .with_hint("use the file of this organization, or a new one")),
            _ => {
                *expected = Some(id.to_owned());
                Ok(())
            }
        }
    }

    /// Whether it does not matter that the side that is here does not say who it is: nobody said who it is to be.
    fn can_do_without(&self, failure: &Failure) -> bool {
        let known = self.known();
        let expected = match self.side {
            Side::Onprem => &known.exchange_organization,
            Side::Cloud => &known.tenant_id,
        };
        expected.is_none()
            && matches!(
                failure.kind,
                FailureKind::Denied | FailureKind::Invalid | FailureKind::NotFound
            )
    }

    /// Answers for the side that is away.
    pub(super) fn answer(&self, operation: &Operation) -> Result<Answer, Failure> {
        let (plane, call) = (operation.subject.plane, operation.request.call());
        let other = self.side.other();
        if operation.effect != Effect::Read {
            return Err(self.away(format!("this is for the {other} of the playbook to do")));
        }
        let known = self.known();
        let kept = known
            .answers
            .iter()
            .find(|kept| kept.plane == plane && kept.call == call);
        match kept {
            Some(Kept {
                refused: Some(refused),
                ..
            }) => Err(Failure::new(refused.kind, refused.message.clone())),
            Some(kept) => Ok(Answer {
                output: kept.objects.clone().unwrap_or_default(),
                ..Answer::default()
            }),
            None => Err(self.away(format!(
                "this needs {}, which the {other} of the playbook has not handed over",
                operation.subject
            ))),
        }
    }

    fn away(&self, message: String) -> Failure {
        Failure::new(FailureKind::OtherHalf, message)
            .with_hint(format!("run it there first: {}", self.other))
    }

    /// Keeps what the side that is here answered, as far as it is handed over.
    pub(super) fn hear(
        &self,
        operation: &Operation,
        answer: &Result<Answer, Failure>,
        now: Timestamp,
    ) {
        let subject = &operation.subject;
        let Some(properties) = carried(&subject.noun) else {
            return;
        };
        let (objects, refused) = match answer {
            Ok(answer) => {
                let reduced = answer.output.iter().map(|value| reduced(value, properties));
                (Some(reduced.collect()), None)
            }
            Err(failure)
                if matches!(failure.kind, FailureKind::NotFound | FailureKind::Invalid) =>
            {
                let refused = Refused {
                    kind: failure.kind,
                    message: failure.message.clone(),
                };
                (None, Some(refused))
            }
            Err(_) => return,
        };
        self.known().keep(Kept {
            plane: subject.plane,
            noun: subject.noun.clone(),
            call: operation.request.call(),
            at: now,
            objects,
            refused,
        });
    }

    /// Forgets what was said about a noun that is written to.
    pub(super) fn written(&self, subject: &Subject) {
        self.known()
            .forget(|kept| kept.plane == subject.plane && kept.noun == subject.noun);
    }
}

/// The objects of an answer: itself, or the members of a collection of Microsoft Graph.
fn members(value: &Value) -> Vec<&Value> {
    match value.get(MEMBERS) {
        Some(Value::List(members)) => members.iter().collect(),
        _ => vec![value],
    }
}

/// The properties of an object that are handed over; of a collection, those of its members.
fn reduced(value: &Value, properties: &[&str]) -> Value {
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
