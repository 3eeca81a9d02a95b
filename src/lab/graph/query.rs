//! What Graph lets a reader ask of any kind of object: `$filter`, `$select`, `$top`, and pages.

use super::{Refusal, refusal};
use crate::lab::front::{Reply, Request};
use serde_json::{Map, Value as Json, json};

/// A kind of object.
pub(super) struct Entity {
    /// The name of its type.
    pub(super) kind: &'static str,
    /// The name of its set.
    pub(super) set: &'static str,
    /// Its properties.
    pub(super) properties: &'static [&'static str],
    /// Those of them that a filter may name here.
    pub(super) filters: &'static [&'static str],
}

/// The properties that `$select` names; none where nothing is selected.
pub(super) fn selected(request: &Request, entity: &Entity) -> Result<Vec<&'static str>, Refusal> {
    let Some(select) = request.parameter("$select") else {
        return Ok(Vec::new());
    };
    select
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let known = entity
                .properties
                .iter()
                .find(|known| known.eq_ignore_ascii_case(name));
            known.copied().ok_or_else(|| {
                refusal(
                    400,
                    "BadRequest",
                    format!(
                        "Could not find a property named '{name}' on type '{}'.",
                        entity.kind
                    ),
                )
            })
        })
        .collect()
}

fn context(request: &Request, entity: &Entity, selected: &[&str], end: &str) -> String {
    let list = if selected.is_empty() {
        String::new()
    } else {
        format!("({})", selected.join(","))
    };
    format!(
        "{}/v1.0/$metadata#{}{list}{end}",
        request.base(),
        entity.set
    )
}

fn only(object: &Json, selected: &[&str]) -> Map<String, Json> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| selected.is_empty() || selected.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// One object as an answer, with what was selected of it.
pub(super) fn single(
    request: &Request,
    entity: &Entity,
    selected: &[&str],
    object: &Json,
) -> Reply {
    let mut body = Map::new();
    let context = context(request, entity, selected, "/$entity");
    body.insert("@odata.context".to_owned(), context.into());
    body.extend(only(object, selected));
    Reply::json(200, &body.into()).header("odata-version", "4.0")
}

/// An object that a request made.
pub(super) fn created(request: &Request, entity: &Entity, object: &Json) -> Reply {
    let reply = single(request, entity, &[], object);
    Reply {
        status: 201,
        ..reply
    }
}

/// Objects as an answer: those that the filter lets through, a page of them.
pub(super) fn list(request: &Request, entity: &Entity, objects: &[Json]) -> Result<Reply, Refusal> {
    let selected = selected(request, entity)?;
    let filter = request
        .parameter("$filter")
        .map(|filter| Filter::read(&filter, entity))
        .transpose()?;
    let all: Vec<&Json> = objects
        .iter()
        .filter(|object| filter.as_ref().is_none_or(|filter| filter.fits(object)))
        .collect();
    let top = match request.parameter("$top") {
        Some(top) => top
            .parse()
            .ok()
            .filter(|top| (1..=999).contains(top))
            .ok_or_else(|| {
                refusal(
                    400,
                    "Request_BadRequest",
                    format!(
                        "Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."
                    ),
                )
            })?,
        None => 100,
    };
    let from: usize = request
        .parameter("$skiptoken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let page: Vec<Json> = all
        .iter()
        .skip(from)
        .take(top)
        .map(|object| only(object, &selected).into())
        .collect();
    let mut body = json!({"@odata.context": context(request, entity, &selected, "")});
    if from + page.len() < all.len() {
        let kept: Vec<&str> = request
            .query
            .split('&')
            .filter(|pair| !pair.contains("skiptoken") && !pair.is_empty())
            .collect();
        body["@odata.nextLink"] = format!(
            "{}{}?{}&$skiptoken={}",
            request.base(),
            request.path,
            kept.join("&"),
            from + page.len()
        )
        .into();
    }
    body["value"] = page.into();
    Ok(Reply::json(200, &body).header("odata-version", "4.0"))
}

/// `property eq 'value'` or `startswith(property,'value')`: the forms that are answered here.
struct Filter {
    property: &'static str,
    value: String,
    whole: bool,
}

impl Filter {
    fn read(text: &str, entity: &Entity) -> Result<Self, Refusal> {
        let bad = || {
            refusal(
                400,
                "Request_UnsupportedQuery",
                format!("Unsupported or invalid query filter clause specified: {text}"),
            )
        };
        let trimmed = text.trim();
        let (property, value, whole) = match trimmed
            .strip_prefix("startswith(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(inside) => {
                let (property, value) = inside.split_once(',').ok_or_else(bad)?;
                (property, value, false)
            }
            None => {
                let mut words = trimmed.splitn(3, ' ');
                let property = words.next().unwrap_or_default();
                let operator = words.next().unwrap_or_default();
                let value = words.next().unwrap_or_default();
                (operator == "eq")
                    .then_some((property, value, true))
                    .ok_or_else(bad)?
            }
        };
        let property = entity
            .filters
            .iter()
            .find(|known| known.eq_ignore_ascii_case(property.trim()))
            .ok_or_else(bad)?;
        let value = value.trim();
        // Identifiers of assignments are GUIDs to Graph, and may stand without quotes.
        let bare = uuid::Uuid::try_parse(value).is_ok().then_some(value);
        let value = value
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
            .or(bare)
            .ok_or_else(bad)?;
        Ok(Self {
            property,
            value: value.replace("''", "'"),
            whole,
        })
    }

    fn fits(&self, object: &Json) -> bool {
        let text = object.get(self.property).and_then(Json::as_str);
        text.is_some_and(|text| {
            let start = text.get(..self.value.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(&self.value) && (!self.whole || start.len() == text.len())
        })
    }
}
