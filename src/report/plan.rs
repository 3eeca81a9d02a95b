//! How a change is drawn: its mark, its subject, and each property with old and new value.
//!
//! Only this module formats changes; the human report, the question before applying and the journal's view use it.

use crate::certificate::Certificate;
use crate::report::{Paint, clean};
use crate::session::event::Summary;
use crate::session::plan::{Change, equal, only_in};
use crate::subject::Effect;
use crate::value::{Object, Value};
use crate::words::count;
use anstyle::Style;
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Longer texts are cut, with their length.
const LONGEST: usize = 160;
/// Longer lists are cut, with their count.
const MOST: usize = 24;

/// The mark of a change, its word while planning, its word once it is done, and its color.
struct Mark {
    sign: char,
    planned: &'static str,
    done: &'static str,
    style: Style,
}

fn mark(change: &Change) -> Mark {
    let (sign, planned, done, style) = match change.effect {
        _ if change.same => ('=', "same", "same", Paint::QUIET),
        _ if change.uncertain => ('?', "depends on apply", "updated", Paint::OPEN),
        Effect::Create => ('+', "create", "created", Paint::GOOD),
        Effect::Delete => ('-', "remove", "removed", Paint::BAD),
        Effect::Update | Effect::Read | Effect::Test | Effect::Refresh => {
            ('~', "update", "updated", Paint::CHANGED)
        }
    };
    Mark {
        sign,
        planned,
        done,
        style,
    }
}

/// The lines of a change that is planned: the first names it, the others its properties.
pub fn planned(change: &Change, explain: bool, paint: Paint) -> Vec<String> {
    let mark = mark(change);
    let sign = paint.text(mark.style, format!("{} {}", mark.sign, mark.planned));
    let mut lines = vec![format!("{sign} {}", subject(change))];
    if !change.same {
        lines.extend(
            properties(change)
                .into_iter()
                .map(|line| format!("    {line}")),
        );
    }
    if explain && !change.call.is_empty() {
        let call = clean_lines(&change.call);
        lines.extend(call.map(|line| paint.text(Paint::QUIET, format!("    > {line}"))));
    }
    lines
}

/// The line of a change that was made.
pub fn done(change: &Change, paint: Paint) -> String {
    let mark = mark(change);
    let sign = if change.same {
        '='
    } else {
        made_sign(change.effect)
    };
    format!(
        "{} {}",
        paint.text(mark.style, format!("{sign} {}", mark.done)),
        subject(change)
    )
}

fn made_sign(effect: Effect) -> char {
    match effect {
        Effect::Create => '+',
        Effect::Delete => '-',
        Effect::Update | Effect::Read | Effect::Test | Effect::Refresh => '~',
    }
}

fn subject(change: &Change) -> String {
    clean(&change.subject.to_string())
}

/// `3 to create, 1 to update, 0 to remove, 4 already as they should be`, leaving out zeros.
pub fn counts(summary: &Summary, done: bool) -> String {
    let of = |effect: &str| summary.changes.get(effect).copied().unwrap_or(0);
    let words = if done {
        ["created", "updated", "removed", "already as it should be"]
    } else {
        [
            "to create",
            "to update",
            "to remove",
            "already as it should be",
        ]
    };
    let parts: Vec<String> = ["create", "update", "delete", "same"]
        .into_iter()
        .zip(words)
        .filter(|(effect, _)| of(effect) > 0)
        .map(|(effect, word)| format!("{} {word}", of(effect)))
        .collect();
    parts.join(", ")
}

fn properties(change: &Change) -> Vec<String> {
    let nothing = Object::new();
    let before = change.before.as_ref().unwrap_or(&nothing);
    // What an object that was read does not have is nothing, and not unknown.
    let absent = change.before.as_ref().map(|_| Value::Null);
    match (&change.after, change.effect) {
        (Some(after), Effect::Create) => after
            .iter()
            .map(|(name, value)| format!("{}: {}", clean(name), short(value)))
            .collect(),
        (Some(after), _) => after
            .iter()
            .filter(|(name, value)| before.get(*name).is_none_or(|before| !equal(before, value)))
            .flat_map(|(name, value)| difference(name, before.get(name).or(absent.as_ref()), value))
            .collect(),
        (None, _) => before
            .iter()
            .map(|(name, value)| format!("{}: {}", clean(name), short(value)))
            .collect(),
    }
}

/// Old and new value of a property; of a list, what is added and what is taken away.
fn difference(name: &str, before: Option<&Value>, after: &Value) -> Vec<String> {
    let name = clean(name);
    let (old, new) = match (before, after) {
        (Some(Value::List(old)), Value::List(new)) => (old.as_slice(), new),
        (Some(Value::Null), Value::List(new)) if !new.is_empty() => (&[][..], new),
        _ => {
            let old = before.map_or_else(|| "(not known)".to_owned(), short);
            return vec![format!("{name}: {old} -> {}", short(after))];
        }
    };
    let (gone, come) = (only_in(old, new), only_in(new, old));
    let kept = new.len() - come.len();
    let mut lines = vec![match old.is_empty() {
        true => format!("{name}:"),
        false => format!("{name}: {} kept", count(kept, "value", "values")),
    }];
    let signed = |sign: char, value: &Value| format!("  {sign} {}", short(value));
    lines.extend(gone.into_iter().map(|value| signed('-', value)));
    lines.extend(come.into_iter().map(|value| signed('+', value)));
    lines
}

/// A value on one line, cut where it is long; a certificate by its thumbprint.
pub fn short(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => short_text(text),
        Value::Bytes(bytes) => short_bytes(bytes),
        Value::List(list) if list.is_empty() => "(empty list)".to_owned(),
        Value::List(list) => {
            let shown: Vec<String> = list.iter().take(MOST).map(short).collect();
            let more = list.len().saturating_sub(MOST);
            let tail = if more > 0 {
                format!(", and {more} more")
            } else {
                String::new()
            };
            format!("[{}{tail}]", shown.join(", "))
        }
        Value::Object(object) => short_object(object),
        Value::Unknown(what) => format!("(known after apply: {})", clean(what)),
    }
}

fn short_text(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let length = text.chars().count();
    if length <= LONGEST {
        return clean(text);
    }
    let der = BASE64_STANDARD.decode(text).ok();
    if let Some(certificate) = der.as_deref().and_then(certificate) {
        return certificate;
    }
    let start: String = text.chars().take(24).collect();
    format!("{}... ({length} characters)", clean(&start))
}

fn short_bytes(bytes: &[u8]) -> String {
    certificate(bytes).unwrap_or_else(|| format!("({})", count(bytes.len(), "byte", "bytes")))
}

/// A certificate is known by its subject, its thumbprint and its last day.
fn certificate(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    Some(format!(
        "certificate {} {}, valid until {}",
        clean(certificate.subject()),
        certificate.thumbprint(),
        certificate.not_after().strftime("%Y-%m-%d")
    ))
}

fn short_object(object: &Object) -> String {
    // A key credential is its certificate.
    let der = match object.get("key") {
        Some(Value::Text(text)) => BASE64_STANDARD.decode(text).ok(),
        Some(Value::Bytes(bytes)) => Some(bytes.clone()),
        _ => None,
    };
    if let Some(certificate) = der.as_deref().and_then(certificate) {
        return certificate;
    }
    let properties = object
        .iter()
        .filter(|(_, value)| **value != Value::Null)
        .map(|(name, value)| format!("{}: {}", clean(name), short(value)));
    format!("{{{}}}", properties.collect::<Vec<_>>().join(", "))
}

fn clean_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Origin, Request};
    use crate::subject::{Plane, Subject};
    use serde_json::json;

    const PLAIN: Paint = Paint {
        colors: false,
        width: 80,
        folds: false,
    };

    fn object(json: serde_json::Value) -> Option<Object> {
        Value::from(json).as_object().cloned()
    }

    fn change(effect: Effect, before: Option<Object>, after: Option<Object>) -> Change {
        Change {
            subject: Subject::one(Plane::OnPremises, "AuthServer", "evoSTS"),
            effect,
            same: false,
            uncertain: false,
            before,
            after,
            call: "Set-AuthServer -Identity 'evoSTS'".to_owned(),
            request: Request::cmdlet("Set-AuthServer", Object::new()),
            observe: None,
            present: None,
            origin: Origin::default(),
        }
    }

    #[test]
    fn a_creation_lists_what_is_set() {
        let after = object(json!({ "Type": "AzureAD", "Enabled": true, "Realm": null }));
        assert_eq!(
            planned(&change(Effect::Create, None, after), true, PLAIN),
            [
                "+ create on-premises AuthServer \"evoSTS\"",
                "    Type: AzureAD",
                "    Enabled: true",
                "    Realm: (none)",
                "    > Set-AuthServer -Identity 'evoSTS'",
            ]
        );
    }

    /// A new application is planned with a list that nobody has given it yet.
    #[test]
    fn a_list_that_is_not_there_yet_is_an_empty_one() {
        let before = object(json!({ "Enabled": false }));
        let after = object(json!({ "Domains": ["b", "c"], "Realm": "x" }));
        assert_eq!(
            planned(&change(Effect::Update, before, after.clone()), false, PLAIN),
            [
                "~ update on-premises AuthServer \"evoSTS\"",
                "    Domains:",
                "      + b",
                "      + c",
                "    Realm: (none) -> x",
            ]
        );
        // What could not be read may be anything.
        assert_eq!(
            planned(&change(Effect::Update, None, after), false, PLAIN)[1..],
            [
                "    Domains: (not known) -> [b, c]",
                "    Realm: (not known) -> x",
            ]
        );
    }

    #[test]
    fn an_update_lists_what_differs() {
        let before = object(json!({ "Enabled": false, "Type": "AzureAD", "Domains": ["a", "B"] }));
        let after = object(json!({ "Enabled": true, "Type": "AzureAD", "Domains": ["b", "c"] }));
        assert_eq!(
            planned(&change(Effect::Update, before, after), false, PLAIN),
            [
                "~ update on-premises AuthServer \"evoSTS\"",
                "    Enabled: false -> true",
                "    Domains: 1 value kept",
                "      - a",
                "      + c",
            ]
        );
    }

    #[test]
    fn what_nobody_knows_yet_is_not_called_the_same() {
        let known_later = Value::Unknown("the id".to_owned());
        let after = Some(Object::from_iter([("Id".to_owned(), known_later)]));
        let mut open = change(Effect::Update, after.clone(), after);
        open.uncertain = true;
        assert_eq!(
            planned(&open, false, PLAIN),
            ["? depends on apply on-premises AuthServer \"evoSTS\""]
        );
    }

    #[test]
    fn long_values_are_cut_and_told_so() {
        let wall = "A".repeat(900);
        assert_eq!(
            short(&wall.as_str().into()),
            "AAAAAAAAAAAAAAAAAAAAAAAA... (900 characters)"
        );
        assert_eq!(short(&Value::Bytes(vec![1, 2])), "(2 bytes)");
    }
}
