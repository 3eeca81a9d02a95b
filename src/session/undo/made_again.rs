//! What the run removed: made again, from what it was.

use super::difference::difference;
use super::parameters::{parameter_of, property_of};
use super::{Write, say};
use crate::exchange::Invocation;
use crate::failure::Failure;
use crate::graph::credential::Holder;
use crate::graph::{Method, Request as GraphRequest};
use crate::session::event::Level;
use crate::session::plan::equal;
use crate::session::{Mode, Operation, Request, Session};
use crate::subject::{Effect, Subject};
use crate::value::{Object, Value};

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

/// Makes what the run removed again, from its properties.
pub(super) fn creation(write: &Write, before: &Object) -> Result<Operation, Failure> {
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

/// Says what an object that was made again lacks: what no parameter sets, such as who asks on its behalf.
pub(super) fn warn_of_difference(
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
