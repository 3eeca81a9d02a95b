//! What the log has of each request and its answer, with their values and without what may be a secret.

use crate::session::journal;
use crate::value::Value;

/// Where the log has what was sent and received, with its values; nothing listens there but the trace of the prompt.
pub const TRACE: &str = "exoauth_exchanged";

/// What a service answered, in JSON, without what may be a secret.
pub(super) fn received(output: &[Value]) -> String {
    const LONGEST: usize = 2_000;
    let mut objects: serde_json::Value = output.iter().map(Value::to_json).collect();
    journal::without_secrets(&mut objects);
    without_tokens(&mut objects);
    let text = objects.to_string();
    let count = text.chars().count();
    match count > LONGEST {
        true => {
            let kept: String = text.chars().take(LONGEST).collect();
            format!("{kept}... ({count} characters)")
        }
        false => text,
    }
}

/// Takes away texts that hold a token: one begins with `{"` in base64.
fn without_tokens(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.contains("eyJ") => {
            "<not shown: a token is in it>".clone_into(text);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_tokens),
        serde_json::Value::Object(object) => object.values_mut().for_each(without_tokens),
        _ => {}
    }
}
