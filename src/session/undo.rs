//! Taking a run back: its journal becomes the inverse of every write, in reverse order, through the gate.
//!
//! [`writes`] reads what a journal says was written; [`take_back`] does the inverse. What was made is removed, what was
//! changed gets its former values, what was removed is made again. Of a list only what the run added is removed, and
//! only what it removed is added, so what others added since stays. A subject that is no longer as the run left it is
//! refused, with the difference, and the others go on.

use super::event::{Event, Level};
use super::journal::Recording;
use super::plan::equal;
use super::{Mode, Operation, Origin, Request, Session, interrupted};
use crate::exchange::Invocation;
use crate::failure::{Failure, FailureKind};
use crate::graph::credential::{CREDENTIALS, Credential, Holder};
use crate::graph::permission::{Permission, REQUIRED, permissions, required};
use crate::graph::{Method, Request as GraphRequest};
use crate::subject::{Effect, Subject};
use crate::value::{Object, Value};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::HashSet;

/// One write of a run, as its journal has it.
#[derive(Clone, Debug)]
pub struct Write {
    /// The object.
    pub subject: Subject,
    /// What was done to it.
    pub effect: Effect,
    /// Whether it was done; absent when the journal does not say.
    pub done: Option<bool>,
    /// The call as a person writes it.
    pub call: String,
    asked: Object,
    request: Request,
    observe: Option<Request>,
    before: Option<Object>,
    after: Option<Object>,
}

#[derive(Deserialize)]
struct Intent {
    change: Intended,
    request: Request,
    #[serde(default)]
    observe: Option<Request>,
    #[serde(default)]
    present: Option<Object>,
}

#[derive(Deserialize)]
struct Intended {
    subject: Subject,
    effect: Effect,
    #[serde(default)]
    after: Option<Object>,
    call: String,
}

/// The writes of a run, in order.
///
/// # Errors
///
/// When a record of a write cannot be read; those of an older version of this program have no request.
pub fn writes(recording: &Recording) -> Result<Vec<Write>, Failure> {
    let mut writes: Vec<Write> = Vec::new();
    for record in &recording.records {
        match record["type"].as_str() {
            Some("writing") => writes.push(intent(record)?),
            Some("written") => {
                if let Some(write) = writes.last_mut() {
                    write.done = Some(true);
                    write.after = match Value::from(record["after"].clone()) {
                        Value::Object(after) => Some(after),
                        _ => None,
                    };
                }
            }
            Some("write_failed") if record["failure"]["ambiguous"] != Json::Bool(true) => {
                if let Some(write) = writes.last_mut() {
                    write.done = Some(false);
                }
            }
            _ => {}
        }
    }
    Ok(writes)
}

fn intent(record: &Json) -> Result<Write, Failure> {
    let intent: Intent = serde_json::from_value(record.clone()).map_err(|error| {
        Failure::new(
            FailureKind::Input,
            "the journal has a write that this version cannot read",
        )
        .with_detail(error.to_string())
    })?;
    Ok(Write {
        subject: intent.change.subject,
        effect: intent.change.effect,
        done: None,
        call: intent.change.call,
        asked: intent.change.after.unwrap_or_default(),
        request: intent.request,
        observe: intent.observe,
        before: intent.present,
        after: None,
    })
}

impl Write {
    /// Reads the subject and says whether a write happened whose outcome the journal does not have.
    ///
    /// # Errors
    ///
    /// When the subject cannot be read.
    pub fn settle(&self, session: &Session) -> Result<Option<bool>, Failure> {
        if self.done.is_some() || self.observe.is_none() {
            return Ok(self.done);
        }
        let present = self.present(session)?;
        Ok(match (self.effect, present) {
            (Effect::Delete, present) => Some(present.is_none()),
            (_, None) => Some(false),
            (_, Some(present)) => Some(
                self.asked
                    .iter()
                    .all(|(name, asked)| present.get(name).is_some_and(|now| equal(now, asked))),
            ),
        })
    }

    /// The subject as it is now.
    fn present(&self, session: &Session) -> Result<Option<Object>, Failure> {
        let (subject, observe) = self.now_known_as();
        let Some(observe) = observe else {
            return Ok(None);
        };
        let read = session.perform(&Operation {
            subject,
            effect: Effect::Read,
            request: observe,
            observe: None,
            asked: Object::new(),
            learned: Vec::new(),
            origin: origin(),
        });
        match read {
            Ok(answer) => Ok(answer.output.into_iter().find_map(|value| match value {
                Value::Object(object) => Some(object),
                _ => None,
            })),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The subject under the name that the write gave it, and how it is read by that name.
    fn now_known_as(&self) -> (Subject, Option<Request>) {
        let renamed = match self.effect {
            Effect::Update => self.asked.get("Name").and_then(Value::as_text),
            _ => None,
        };
        let (mut subject, mut observe) = (self.subject.clone(), self.observe.clone());
        if let (Some(name), Some(Request::Cmdlet(invocation))) = (renamed, &mut observe) {
            subject.name = Some(name.to_owned());
            invocation
                .parameters
                .insert("Identity".to_owned(), name.into());
        }
        // What was made under a name that the service gave it is read by that.
        if let (Effect::Create, Some(after)) = (self.effect, &self.after) {
            observe = observe.and_then(|observe| match observe {
                Request::Cmdlet(_) => observe.filled(after, &subject),
                observe => Some(observe),
            });
        }
        (subject, observe)
    }

    /// Whether this write made the subject of another one.
    fn made(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.subject, &other.subject);
        let same = mine == theirs
            || self.after.as_ref().is_some_and(|after| {
                let name = theirs.name.as_deref();
                after
                    .values()
                    .any(|value| name.is_some() && value.as_text() == name)
            });
        self.effect == Effect::Create
            && mine.plane == theirs.plane
            && mine.noun == theirs.noun
            && same
    }

    /// What the write left of a property, as far as that was seen.
    fn left(&self, property: &str) -> Value {
        let seen = self.after.as_ref().and_then(|after| after.get(property));
        seen.or_else(|| self.asked.get(property))
            .cloned()
            .unwrap_or_default()
    }

    fn refuse(&self, why: &str) -> Failure {
        Failure::new(
            FailureKind::Conflict,
            format!("{} is not taken back: {why}", self.subject),
        )
        .about(self.subject.clone())
    }
}

/// Says of writes whose outcome nobody saw whether they happened.
///
/// # Errors
///
/// When a subject cannot be read.
pub fn settle(session: &Session, open: &[Write]) -> Result<(), Failure> {
    for write in open {
        let words = match write.settle(session)? {
            Some(true) => "it was done",
            Some(false) => "it was not done",
            None => "whether it was done cannot be read",
        };
        let text = format!("nobody saw the answer to {}: {words}", write.call);
        say(session, Level::Info, text)?;
    }
    Ok(())
}

/// Does the inverse of every write, the last one first; gives what was refused, subject by subject.
///
/// # Errors
///
/// What is not about one subject alone, such as a service that cannot be reached or Ctrl-C.
pub fn take_back(session: &Session, writes: &[Write]) -> Result<Vec<Failure>, Failure> {
    let mut refused = Vec::new();
    for write in writes.iter().rev() {
        if session.interrupted() {
            return Err(interrupted());
        }
        if write.settle(session)? == Some(false) {
            continue;
        }
        let outcome = inverse(session, write, writes).and_then(|operations| {
            if operations.is_empty() {
                let text = format!("{} is as it was before already", write.subject);
                return say(session, Level::Info, text);
            }
            for operation in operations {
                let answer = session.perform(&operation)?;
                if let (Effect::Create, Some(before), Some(Value::Object(made))) =
                    (operation.effect, &write.before, answer.output.first())
                {
                    warn_of_difference(session, &operation.subject, before, made)?;
                }
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(failure) if is_about_one(failure.kind) => {
                let detail = failure.detail.as_deref();
                let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
                say(session, Level::Warning, format!("{failure}{detail}"))?;
                refused.push(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(refused)
}

/// Says what an object that was made again lacks: what no parameter sets, such as who asks on its behalf.
fn warn_of_difference(
    session: &Session,
    subject: &Subject,
    before: &Object,
    made: &Object,
) -> Result<(), Failure> {
    let known: Object = before
        .iter()
        .filter(|(name, _)| !MADE_ANEW.contains(&name.as_str()))
        .filter(|(name, _)| made.get(*name).is_none_or(|value| !value.has_unknown()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if session.mode() == Mode::Plan {
        return Ok(());
    }
    match difference(&known, made) {
        Some(difference) => say(
            session,
            Level::Warning,
            format!("{subject} is made again, but {difference}"),
        ),
        None => Ok(()),
    }
}

/// What every object gets anew when it is made.
const MADE_ANEW: [&str; 5] = [
    "Guid",
    "ExchangeObjectId",
    "DistinguishedName",
    // Of a grant.
    "id",
    "createdDateTime",
];

/// Whether a failure says something of its subject, and nothing of the others.
fn is_about_one(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Conflict
            | FailureKind::NotFound
            | FailureKind::AlreadyExists
            | FailureKind::Invalid
            | FailureKind::Denied
    )
}

/// The operations that take a write back; none when its subject is as it was before.
fn inverse(session: &Session, write: &Write, all: &[Write]) -> Result<Vec<Operation>, Failure> {
    if write.observe.is_none() {
        return Err(write.refuse("its object cannot be read by name"));
    }
    let present = write.present(session)?;
    match write.effect {
        Effect::Create => match present {
            Some(present) => removal(write, &present).map(|removal| vec![removal]),
            None => Ok(Vec::new()),
        },
        Effect::Delete => match (&write.before, present) {
            (Some(before), None) => creation(write, before).map(|creation| vec![creation]),
            (Some(before), Some(present)) => match difference(before, &present) {
                None => Ok(Vec::new()),
                Some(difference) => Err(write
                    .refuse("someone made it again, and otherwise")
                    .with_detail(difference)),
            },
            (None, _) => Err(write.refuse("the journal does not have what it was")),
        },
        _ => match present {
            Some(present) if write.subject.noun == AUTH_CONFIG => match &write.before {
                Some(before) => certificates_restored(session, write, before, &present),
                None => Err(write.refuse("the journal does not have what it was")),
            },
            Some(present) => {
                let operation = restoration(session, write, &present)?;
                Ok(operation.into_iter().collect())
            }
            // What the run made and changed is gone once its creation was taken back.
            None if all.iter().any(|made| made.made(write)) => Ok(Vec::new()),
            None => Err(write.refuse("it does not exist any more")),
        },
    }
}

/// Removes what the run made, if it still is what the run made.
fn removal(write: &Write, present: &Object) -> Result<Operation, Failure> {
    let made = write.after.as_ref().unwrap_or(&write.asked);
    if let Some(difference) = difference(made, present) {
        return Err(write
            .refuse("it is no longer what the run made")
            .with_detail(difference)
            .with_hint("remove it by hand if it is not used"));
    }
    let name = write.subject.name.clone().unwrap_or_default();
    match &write.request {
        Request::Cmdlet(invocation) => {
            let remove = Invocation::new(format!("Remove-{}", invocation.noun()));
            // A certificate is read, and removed, by its thumbprint on its server.
            let remove = match (invocation.noun(), write.now_known_as().1) {
                ("ExchangeCertificate", Some(Request::Cmdlet(get))) => Invocation {
                    parameters: get.parameters,
                    ..remove
                },
                _ => remove.with("Identity", name),
            };
            let request = Request::Cmdlet(remove.with("Confirm", false));
            Ok(write.operation(Effect::Delete, request, Object::new()))
        }
        Request::Graph(post) => {
            let id = present
                .get("id")
                .and_then(Value::as_text)
                .ok_or_else(|| write.refuse("the directory did not give its id"))?;
            let collection = match Holder::of_noun(&write.subject.noun) {
                Some(holder) => holder.collection(),
                None => post.path.as_str(),
            };
            let request = GraphRequest::new(Method::Delete, format!("{collection}/{id}"));
            Ok(write.operation(Effect::Delete, Request::Graph(request), Object::new()))
        }
        Request::Script(_) | Request::Discovery(_) => {
            Err(write.refuse("how to remove it is not known here"))
        }
    }
}

/// How objects of a noun that were removed are made again: only from what their `Get` cmdlet shows.
struct Recipe {
    noun: &'static str,
    verb: &'static str,
    /// The parameter that names them.
    key: &'static str,
    /// The other parameters.
    parameters: &'static [&'static str],
}

const RECIPES: [Recipe; 6] = [
    Recipe {
        noun: "AuthServer",
        verb: "New",
        key: "Name",
        parameters: &[
            "AuthMetadataUrl",
            "Type",
            "Enabled",
            "ApplicationIdentifier",
            "DomainName",
            "GraphBaseUrl",
        ],
    },
    Recipe {
        noun: "PartnerApplication",
        verb: "New",
        key: "Name",
        parameters: &[
            "ApplicationIdentifier",
            "AuthMetadataUrl",
            "Enabled",
            "Realm",
            "LinkedAccount",
            "AcceptSecurityIdentifierInformation",
            "AccountType",
            "AppOnlyPermissions",
            "ActAsPermissions",
            "IssuerIdentifier",
        ],
    },
    Recipe {
        noun: "IntraOrganizationConnector",
        verb: "New",
        key: "Name",
        parameters: &[
            "DiscoveryEndpoint",
            "TargetAddressDomains",
            "Enabled",
            "TargetSharingEpr",
        ],
    },
    Recipe {
        noun: "AvailabilityAddressSpace",
        verb: "Add",
        key: "ForestName",
        parameters: &[
            "AccessMethod",
            "ProxyUrl",
            "UseServiceAccount",
            "TargetAutodiscoverEpr",
            "TargetServiceEpr",
            "TargetTenantId",
        ],
    },
    Recipe {
        noun: "OrganizationRelationship",
        verb: "New",
        key: "Name",
        parameters: &[
            "DomainNames",
            "Enabled",
            "FreeBusyAccessEnabled",
            "FreeBusyAccessLevel",
            "FreeBusyAccessScope",
            "MailTipsAccessEnabled",
            "MailTipsAccessLevel",
            "MailTipsAccessScope",
            "MailboxMoveEnabled",
            "DeliveryReportEnabled",
            "PhotosEnabled",
            "ArchiveAccessEnabled",
            "TargetApplicationUri",
            "TargetAutodiscoverEpr",
            "TargetOwaURL",
            "TargetSharingEpr",
            "OrganizationContact",
        ],
    },
    Recipe {
        noun: "SettingOverride",
        verb: "New",
        key: "Name",
        parameters: &[
            "Component",
            "Section",
            "Parameters",
            "Reason",
            "Server",
            "MinVersion",
            "MaxVersion",
        ],
    },
];

/// Parameters that are not called like the property that they set: noun, property, parameter.
const RENAMED: [[&str; 3]; 5] = [
    ["SettingOverride", "ComponentName", "Component"],
    ["SettingOverride", "SectionName", "Section"],
    [
        AUTH_CONFIG,
        "CurrentCertificateThumbprint",
        "CertificateThumbprint",
    ],
    [
        AUTH_CONFIG,
        "NextCertificateThumbprint",
        "NewCertificateThumbprint",
    ],
    [AUTH_CONFIG, NEXT_DATE, "NewCertificateEffectiveDate"],
];

/// The parameter that sets a property.
fn parameter_of<'name>(noun: &str, property: &'name str) -> &'name str {
    let renamed = RENAMED
        .iter()
        .find(|[of, shown, _]| noun.eq_ignore_ascii_case(of) && *shown == property);
    renamed.map_or(property, |[_, _, parameter]| parameter)
}

/// The property that a parameter sets.
fn property_of<'name>(noun: &str, parameter: &'name str) -> &'name str {
    let renamed = RENAMED
        .iter()
        .find(|[of, _, set]| noun.eq_ignore_ascii_case(of) && *set == parameter);
    renamed.map_or(parameter, |[_, property, _]| property)
}

/// Makes what the run removed again: what the directory keeps for a while is restored, a grant is given again.
fn creation_in_directory(
    write: &Write,
    delete: &GraphRequest,
    before: &Object,
) -> Result<Operation, Failure> {
    let chosen = |names: &[&str]| {
        let property = |name: &&str| Some(((*name).to_owned(), before.get(*name)?.clone()));
        names.iter().map(property).collect::<Option<Object>>()
    };
    let lacking = || write.refuse("the journal does not have what it was");
    let (request, asked) = if Holder::of_noun(&write.subject.noun).is_some() {
        let id = before
            .get("id")
            .and_then(Value::as_text)
            .ok_or_else(lacking)?;
        let path = format!("/directory/deletedItems/{id}/restore");
        let asked = chosen(&["appId", "displayName"]).ok_or_else(lacking)?;
        (GraphRequest::new(Method::Post, path), asked)
    } else if write.subject.noun == "AppRoleAssignment" {
        let asked = chosen(&["principalId", "resourceId", "appRoleId"]).ok_or_else(lacking)?;
        let (path, _) = delete.path.rsplit_once('/').ok_or_else(lacking)?;
        let request = GraphRequest::new(Method::Post, path).with_body(asked.clone());
        (request, asked)
    } else {
        return Err(write.refuse("how to make it again is not known here"));
    };
    let mut operation = write.operation(Effect::Create, Request::Graph(request), asked.clone());
    // A grant that is given again has another id, so it is known by what it grants.
    if write.subject.noun == "AppRoleAssignment"
        && let Some(Request::Graph(list)) = &mut operation.observe
    {
        list.matching = asked;
    }
    operation.learned = vec!["id".to_owned()];
    Ok(operation)
}

/// Makes what the run removed again, from its properties.
fn creation(write: &Write, before: &Object) -> Result<Operation, Failure> {
    if let Request::Graph(delete) = &write.request {
        return creation_in_directory(write, delete, before);
    }
    let recipe = RECIPES
        .iter()
        .find(|recipe| recipe.noun.eq_ignore_ascii_case(&write.subject.noun));
    let (Some(recipe), Request::Cmdlet(_)) = (recipe, &write.request) else {
        return Err(write.refuse("how to make it again is not known here"));
    };
    let Recipe {
        noun, verb, key, ..
    } = recipe;
    let name = before
        .get(*key)
        .and_then(Value::as_text)
        .or(write.subject.name.as_deref())
        .unwrap_or_default();
    // An Access Control Service is made without a type: its metadata document says what it is.
    let is_default = |property: &str, value: &Value| {
        equal(value, &Value::Null)
            || (property == "Type" && value.as_text() == Some("MicrosoftACS"))
    };
    let asked: Object = recipe
        .parameters
        .iter()
        .map(|parameter| property_of(noun, parameter))
        .filter_map(|property| Some((property.to_owned(), before.get(property)?.clone())))
        .filter(|(property, value)| !is_default(property, value))
        .collect();
    let mut invocation = Invocation::new(format!("{verb}-{noun}")).with(key, name);
    for (property, value) in &asked {
        invocation = invocation.with(parameter_of(noun, property), value.clone());
    }
    let invocation = invocation.with("Confirm", false);
    let mut operation = write.operation(Effect::Create, Request::Cmdlet(invocation), asked);
    operation.subject.name = Some(name.to_owned());
    operation.learned = vec!["Guid".to_owned()];
    Ok(operation)
}

const AUTH_CONFIG: &str = "AuthConfig";
const NEXT_DATE: &str = "NextCertificateEffectiveDate";

/// Gives the certificates that sign now and next their former places, as far as a parameter does; the places are in
/// different parameter sets, so there may be an operation for each.
fn certificates_restored(
    session: &Session,
    write: &Write,
    before: &Object,
    present: &Object,
) -> Result<Vec<Operation>, Failure> {
    let text = |object: &Object, property: &str| {
        let text = object.get(property).and_then(Value::as_text);
        text.unwrap_or_default().to_owned()
    };
    let mut operations = Vec::new();
    for [set, date] in [
        ["CurrentCertificateThumbprint", ""],
        ["NextCertificateThumbprint", NEXT_DATE],
        ["PreviousCertificateThumbprint", ""],
    ] {
        let (former, now) = (text(before, set), text(present, set));
        let left = write.left(set).as_text().unwrap_or_default().to_owned();
        let date_differs = !date.is_empty()
            && write.asked.contains_key(date)
            && !equal(
                present.get(date).unwrap_or(&Value::Null),
                before.get(date).unwrap_or(&Value::Null),
            );
        if !write.asked.contains_key(set) || (former.eq_ignore_ascii_case(&now) && !date_differs) {
            continue;
        }
        if !now.eq_ignore_ascii_case(&left) {
            return Err(write
                .refuse(&format!("someone changed {set} since"))
                .with_detail(format!("the run left \"{left}\", now \"{now}\"")));
        }
        let parameter = parameter_of(AUTH_CONFIG, set);
        if parameter == set || former.is_empty() {
            let text = format!(
                "{set} of {} stays \"{now}\": no parameter of Set-AuthConfig makes it \"{former}\" again",
                write.subject
            );
            say(session, Level::Warning, text)?;
            continue;
        }
        let mut set_back = Invocation::new("Set-AuthConfig").with(parameter, former.as_str());
        let mut asked = Object::from_iter([(set.to_owned(), former.into())]);
        if let (false, Some(when)) = (date.is_empty(), before.get(date)) {
            set_back = set_back.with(parameter_of(AUTH_CONFIG, date), when.clone());
            asked.insert(date.to_owned(), when.clone());
        }
        let request = set_back.with("Force", true).with("Confirm", false);
        let request = Request::Cmdlet(request);
        operations.push(write.operation(Effect::Update, request, asked));
    }
    Ok(operations)
}

/// Gives the properties that the run set their former values again.
fn restoration(
    session: &Session,
    write: &Write,
    present: &Object,
) -> Result<Option<Operation>, Failure> {
    let Some(before) = &write.before else {
        return Err(write.refuse("the journal does not have what it was"));
    };
    if write.asked.is_empty() {
        return Err(write
            .refuse("it set no property that can be set back")
            .with_detail(write.call.clone()));
    }
    let nothing = Value::Null;
    let mut asked = Object::new();
    for property in write.asked.keys() {
        let former = before.get(property).unwrap_or(&nothing);
        let now = present.get(property).unwrap_or(&nothing);
        let value = match property.as_str() {
            CREDENTIALS => credentials(session, write, former, now)?,
            REQUIRED => required_access(write, former, now)?,
            ALLOWED => allowed_applications(write, former, now),
            _ => former_value(write, property, former, now)?,
        };
        if !equal(now, &value) {
            asked.insert(property.clone(), value);
        }
    }
    if asked.is_empty() {
        return Ok(None);
    }
    let request = match &write.request {
        Request::Cmdlet(set) => {
            let (subject, _) = write.now_known_as();
            let mut again = Invocation::new(set.cmdlet.clone());
            if set.parameters.contains_key("Identity") {
                again = again.with("Identity", subject.name.unwrap_or_default());
            }
            for (property, value) in &asked {
                let parameter = parameter_of(&write.subject.noun, property);
                if !set.parameters.contains_key(parameter) {
                    return Err(write.refuse(&format!(
                        "which parameter sets {property} is not known here"
                    )));
                }
                again = again.with(parameter, value.clone());
            }
            Request::Cmdlet(again.with("Confirm", false))
        }
        Request::Graph(patch) if patch.method == Method::Patch => Request::Graph(GraphRequest {
            body: Some(asked.clone().into()),
            ..patch.clone()
        }),
        Request::Graph(_) | Request::Script(_) | Request::Discovery(_) => {
            return Err(write.refuse("how to take it back is not known here"));
        }
    };
    Ok(Some(write.operation(Effect::Update, request, asked)))
}

impl Write {
    fn operation(&self, effect: Effect, request: Request, asked: Object) -> Operation {
        let (subject, observe) = self.now_known_as();
        Operation {
            subject,
            effect,
            request,
            observe,
            asked,
            learned: Vec::new(),
            origin: origin(),
        }
    }
}

fn origin() -> Origin {
    Origin {
        function: "undo".to_owned(),
        ..Origin::default()
    }
}

/// The value that a property had, if nobody has changed it since; a list is merged.
fn former_value(
    write: &Write,
    property: &str,
    former: &Value,
    now: &Value,
) -> Result<Value, Failure> {
    let left = write.left(property);
    if let (Value::List(_), _) | (_, Value::List(_)) = (former, &left) {
        let (former, left, now) = (members(former), members(&left), members(now));
        return Ok(Value::List(merged(&former, &left, &now)));
    }
    if equal(now, &left) || equal(now, former) {
        return Ok(former.clone());
    }
    Err(write
        .refuse(&format!("someone changed {property} since"))
        .with_detail(format!(
            "the run left {}, now {}",
            left.to_json(),
            now.to_json()
        )))
}

fn members(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

/// What is there now without what the run added, and with what it removed; in the former order where nothing else differs.
fn merged(former: &[Value], left: &[Value], now: &[Value]) -> Vec<Value> {
    let (were, stayed, are) = (Members::of(former), Members::of(left), Members::of(now));
    let mut list: Vec<Value> = now
        .iter()
        .filter(|value| were.has(value) || !stayed.has(value))
        .cloned()
        .collect();
    let removed = former
        .iter()
        .filter(|value| !stayed.has(value) && !are.has(value));
    list.extend(removed.cloned());
    if have_same_members(&list, former) {
        former.to_vec()
    } else {
        list
    }
}

fn have_same_members(one: &[Value], other: &[Value]) -> bool {
    let members = Members::of(one);
    one.len() == other.len() && other.iter().all(|value| members.has(value))
}

/// The members of a list, to be asked for often: there may be thousands of names.
struct Members<'list> {
    known: HashSet<String>,
    others: Vec<&'list Value>,
}

impl<'list> Members<'list> {
    fn of(list: &'list [Value]) -> Self {
        let mut members = Self {
            known: HashSet::new(),
            others: Vec::new(),
        };
        for value in list {
            match word(value) {
                Some(word) => {
                    members.known.insert(word);
                }
                None => members.others.push(value),
            }
        }
        members
    }

    fn has(&self, value: &Value) -> bool {
        match word(value) {
            Some(word) => self.known.contains(&word),
            None => self.others.iter().any(|other| equal(other, value)),
        }
    }
}

/// What makes a member the same one: a text has no case, and a key is the same key whatever else is said of it.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(format!("text {}", text.to_ascii_lowercase())),
        value => value.text("key").map(|key| format!("key {key}")),
    }
}

/// The list of keys as it is to be written: as its holder takes it, none without its key, and none that has expired,
/// since the directory takes neither.
fn credentials(
    session: &Session,
    write: &Write,
    former: &Value,
    now: &Value,
) -> Result<Value, Failure> {
    let (former, now) = (members(former), members(now));
    let left = members(&write.left(CREDENTIALS));
    let list = merged(&former, &left, &now);
    if have_same_members(&now, &list) {
        return Ok(Value::List(now));
    }
    let holder = Holder::of_noun(&write.subject.noun)
        .ok_or_else(|| write.refuse("whose keys they are is not known here"))?;
    let mut again = Vec::new();
    for entry in list.iter().filter_map(Value::as_object).map(Credential) {
        if entry.expired(session.now()) {
            let name = entry.called();
            let text = format!(
                "the certificate {name} of {} has expired: the directory does not take it again",
                write.subject
            );
            say(session, Level::Warning, text)?;
            continue;
        }
        again.push(entry.again(holder).ok_or_else(|| {
            write.refuse("the directory did not give the content of a certificate that is to stay")
        })?);
    }
    let same = have_same_members(&now, &again);
    Ok(Value::List(if same { now } else { again }))
}

/// The permissions that an application is to ask for: those that the run added are taken away one by one.
fn required_access(write: &Write, former: &Value, now: &Value) -> Result<Value, Failure> {
    let taken_apart = |value: &Value| {
        permissions(&members(value))
            .ok_or_else(|| write.refuse("a permission is of a form that is not known here"))
    };
    let left = taken_apart(&write.left(REQUIRED))?;
    let (before, present) = (taken_apart(former)?, taken_apart(now)?);
    let mut list: Vec<Permission> = present
        .iter()
        .filter(|one| one.is_in(&before) || !one.is_in(&left))
        .cloned()
        .collect();
    let removed = before
        .iter()
        .filter(|one| !one.is_in(&left) && !one.is_in(&present));
    list.extend(removed.cloned());
    Ok(if list == before {
        former.clone()
    } else {
        Value::List(required(&list))
    })
}

/// The list of applications that Exchange Online keeps in one text.
fn allowed_applications(write: &Write, former: &Value, now: &Value) -> Value {
    let apart = |value: &Value| {
        let text = value.as_text().unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|id| !id.is_empty());
        parts.map(Value::from).collect::<Vec<_>>()
    };
    let (before, present) = (apart(former), apart(now));
    let list = merged(&before, &apart(&write.left(ALLOWED)), &present);
    if list == before {
        return former.clone();
    }
    match list.as_slice() {
        [] => Value::Null,
        list => {
            let ids: Vec<&str> = list.iter().filter_map(Value::as_text).collect();
            ids.join(",").into()
        }
    }
}

const ALLOWED: &str = "EwsAllowedAppIDs";

/// Properties that change by themselves, or with any change.
const VOLATILE: [&str; 9] = [
    "WhenChanged",
    "WhenChangedUTC",
    "WhenCreated",
    "WhenCreatedUTC",
    "OriginatingServer",
    "ObjectState",
    "IsValid",
    "ExchangeVersion",
    // Exchange reads the keys of an issuer again every few hours.
    "CertificateStrings",
];

/// The first property in which an object differs from what it was left as, with both values.
fn difference(left: &Object, present: &Object) -> Option<String> {
    let nothing = Value::Null;
    left.iter()
        .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
        .find_map(|(name, then)| {
            let now = present.get(name).unwrap_or(&nothing);
            // A journal has bytes as text.
            let same = equal(now, then) || now.to_json() == then.to_json();
            (!same).then(|| {
                format!(
                    "{name} was left as {}, now {}",
                    then.to_json(),
                    now.to_json()
                )
            })
        })
}

fn say(session: &Session, level: Level, text: String) -> Result<(), Failure> {
    session.announce(&Event::Said { level, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| Value::from(*text)).collect()
    }

    #[test]
    fn of_a_list_only_what_the_run_did_is_taken_back() {
        let cases = [
            // former, left, now, merged
            (
                &["a", "b"][..],
                &["a", "b", "c"][..],
                &["c", "b", "a"][..],
                &["a", "b"][..],
            ),
            (&["a"], &["a", "c"], &["a", "c", "x"], &["a", "x"]),
            (&["a", "b"], &["a"], &["a", "x"], &["a", "x", "b"]),
            (&["a", "b"], &["A"], &["A", "B"], &["a", "b"]),
            (&["a"], &["a", "c"], &[], &[]),
        ];
        for (former, left, now, expected) in cases {
            let list = merged(&texts(former), &texts(left), &texts(now));
            assert_eq!(list, texts(expected), "{former:?} {left:?} {now:?}");
        }
    }

    #[test]
    fn an_object_that_someone_changed_is_named_with_the_difference() {
        let object = |enabled: bool, changed: &str| {
            Object::from_iter([
                ("Enabled".to_owned(), enabled.into()),
                ("WhenChanged".to_owned(), changed.into()),
            ])
        };
        assert_eq!(difference(&object(true, "1"), &object(true, "2")), None);
        assert_eq!(
            difference(&object(true, "1"), &object(false, "2")).as_deref(),
            Some("Enabled was left as true, now false")
        );
    }
}
