//! What Exchange Online says when it does not run a cmdlet.
//!
//! The status and the code say little; the class of the inner exception decides. Stack traces name servers of the
//! service and are left out.

use super::body::texts;
use crate::exchange::{ErrorKind, ErrorRecord};
use crate::failure::{Failure, FailureKind};
use crate::http;
use crate::secret::without_tokens;
use serde_json::Value as Json;

/// Exceptions after which Microsoft's module tries again.
const TRANSIENT: [&str; 5] = [
    "DCOverloadedException",
    "SuitabilityDirectoryException",
    "ServerInMMException",
    "ADServerSettingsChangedException",
    "StorageTransientException",
];

/// Says whether a refusal may pass.
pub(super) fn is_transient(answer: &http::Response) -> bool {
    !answer.is_success()
        && answer
            .json()
            .ok()
            .and_then(|json| record(&json))
            .is_some_and(|record| TRANSIENT.contains(&record.exception_name()))
}

/// An error inside an answer that says it succeeded.
pub(super) fn in_success(json: &Json) -> Option<ErrorKind> {
    if let Some(record) = record(json) {
        return Some(ErrorKind::Record(record));
    }
    let message = texts(&json["@adminapi.errors"]).into_iter().next()?;
    Some(ErrorKind::Record(ErrorRecord {
        message: without_tokens(&message),
        ..ErrorRecord::default()
    }))
}

/// Reads any answer that is not a success.
pub(super) fn read(cmdlet: &str, writes: bool, answer: &http::Response) -> ErrorKind {
    let status = answer.status();
    let record = answer.json().ok().and_then(|json| record(&json));
    let failure = match (status, record) {
        (401 | 403, record) => not_allowed(cmdlet, answer, record.as_ref()),
        (400..500, Some(mut record)) if !record.exception.is_empty() && status != 429 => {
            if status == 404 {
                "ObjectNotFound".clone_into(&mut record.category);
            }
            return ErrorKind::Record(record);
        }
        (500.., Some(record)) if !writes => return ErrorKind::Record(record),
        (_, record) => by_status(cmdlet, answer, record.as_ref()),
    };
    let mut details = vec![failure.detail.clone().unwrap_or_default()];
    details.extend(answer.header("x-ms-diagnostics").map(without_tokens));
    details.extend(answer.request_id().map(|id| format!("request id {id}")));
    details.retain(|detail| !detail.is_empty());
    ErrorKind::Road(Failure {
        // It was accepted or met a server that broke: it may have been done.
        ambiguous: writes && (status >= 500 || status == 202),
        detail: (!details.is_empty()).then(|| details.join("; ")),
        ..failure
    })
}

const ROLES: &str = "the application needs the role Exchange.ManageAsApp and, in the tenant, a directory role such as Exchange Administrator";

fn not_allowed(cmdlet: &str, answer: &http::Response, record: Option<&ErrorRecord>) -> Failure {
    if answer.status() == 401 {
        let challenge = answer.header("www-authenticate").and_then(http::challenge);
        let (message, hint) = match challenge.as_deref() {
            Some(words) if http::wants_claims(words) => (
                "Exchange Online refused the access token: a policy of the tenant is not satisfied, also after a new sign-in",
                http::POLICY,
            ),
            _ => ("Exchange Online refused the access token", ROLES),
        };
        return Failure::new(FailureKind::SignIn, message)
            .with_detail(challenge.unwrap_or_default())
            .with_hint(hint);
    }
    let garbled = answer.unreadable().is_some() || answer.body().contains(&0);
    let reasonless = answer.body().is_empty() && answer.header("x-ms-diagnostics").is_none();
    let denied = |message| Failure::new(FailureKind::Denied, message);
    match record {
        _ if garbled => denied(format!(
            "Exchange Online does not know {cmdlet}, or does not permit it to this account"
        ))
        .with_hint("check the name of the cmdlet, and the roles of the account"),
        _ if reasonless => denied(format!("Exchange Online denied {cmdlet} without a reason"))
            .with_hint(
                "the token is stale or for another permission: Exchange.ManageAsApp is right, Exchange.ManageAsAppV2 is not",
            ),
        Some(record) => denied(format!(
            "Exchange Online denied {cmdlet}: {}",
            http::sentence(&record.message)
        ))
        .with_detail(record.exception_name())
        .with_hint(ROLES),
        None => denied(format!("Exchange Online denied {cmdlet}")).with_hint(ROLES),
    }
}

fn by_status(cmdlet: &str, answer: &http::Response, record: Option<&ErrorRecord>) -> Failure {
    let status = answer.status();
    if let Err(error) = answer.json()
        && matches!(error.kind, http::ErrorKind::NotJson { html: true, .. })
    {
        return error.into();
    }
    let kind = match status {
        404 => FailureKind::NotFound,
        409 => FailureKind::AlreadyExists,
        429 => FailureKind::Throttled,
        405 => FailureKind::Protocol,
        400..500 => FailureKind::Invalid,
        500.. => FailureKind::Unreachable,
        _ => FailureKind::Protocol,
    };
    let text = without_tokens(&answer.text());
    let words = match (status, record) {
        (_, Some(record)) => http::sentence(&record.message),
        (202, None) => "it answered that it goes on, and gave no result",
        (405, None) => "it does not offer this version of its REST admin API",
        (429, None) => "it asks to slow down",
        (_, None) => http::sentence(&text),
    };
    if words.is_empty() {
        return Failure::new(
            kind,
            format!("Exchange Online answered {cmdlet} with {status}"),
        );
    }
    Failure::new(
        kind,
        format!("Exchange Online did not run {cmdlet}: {words}"),
    )
    .with_detail(format!("status {status}"))
}

/// The error object of an answer, by the order in which its texts say most.
fn record(json: &Json) -> Option<ErrorRecord> {
    let error = json.get("error").filter(|error| error.is_object())?;
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let inner = &error["innererror"]["internalexception"];
    let detail = &error["details"][0];
    // `Ex6F9304|Microsoft.Exchange...Exception|The operation couldn't be performed...`
    let said = text(&detail["message"]);
    let parts: Vec<&str> = said.splitn(3, '|').collect();
    let (identifier, class, words) = match parts[..] {
        [identifier, class, words] => (identifier, class, words),
        _ => ("", "", said.as_str()),
    };
    let first = |texts: [&str; 3]| {
        let found = texts.into_iter().find(|text| !text.is_empty());
        found.unwrap_or_default().to_owned()
    };
    let inner_message = text(&inner["message"]);
    let inner_type = text(&inner["type"]);
    let message = first([&inner_message, words, &text(&error["message"])]);
    Some(ErrorRecord {
        message: without_tokens(&message),
        exception: first([&inner_type, class, ""]),
        category: String::new(),
        identifier: identifier.to_owned(),
        target: text(&detail["target"]),
    })
}
