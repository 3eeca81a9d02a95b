//! [`Token`]: an access token, and what it says about itself.

use crate::secret::Secret;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

/// An access token, and what it says about itself.
///
/// The claims are read for routing and for `whoami`, not verified: only the service that the token is for can do that.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// The tenant (`tid`).
    pub tenant_id: Option<String>,
    /// The application (`appid` or `azp`).
    pub app_id: Option<String>,
    /// The name of the application (`app_displayname`).
    pub app_name: Option<String>,
    /// The directory object that signed in (`oid`).
    pub object_id: Option<String>,
    /// The person who signed in (`upn`, `unique_name` or `preferred_username`); absent for an application.
    pub account: Option<String>,
    /// The application roles (`roles`).
    pub roles: Vec<String>,
    /// What a person lets the application do (`scp`).
    pub scopes: Vec<String>,
    /// The template identifiers of the person's directory roles (`wids`).
    pub directory_roles: Vec<String>,
    /// When it ends; absent when nobody said, and then it is used once.
    pub expires: Option<Timestamp>,
    pub(super) renew_at: Option<Timestamp>,
}

impl Token {
    /// Reads the token `secret` of an answer that says how long it lives.
    pub(super) fn read(secret: &str, answer: &Json, now: Timestamp) -> Self {
        let claims = claims(secret);
        let claim = |name: &str| claims[name].as_str().map(str::to_owned);
        let list = |name: &str| -> Vec<String> {
            let words = claims[name].as_array().into_iter().flatten();
            words
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect()
        };
        let scopes = claims["scp"].as_str().unwrap_or_default();
        let lifetime = lifetime(answer, &claims, now);
        let margin = |lifetime: SignedDuration| (lifetime / 4).min(SignedDuration::from_mins(5));
        Self {
            secret: Secret::new(secret),
            tenant_id: claim("tid"),
            app_id: claim("appid").or_else(|| claim("azp")),
            app_name: claim("app_displayname"),
            object_id: claim("oid"),
            account: ["upn", "unique_name", "preferred_username"]
                .into_iter()
                .find_map(claim),
            roles: list("roles"),
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            directory_roles: list("wids"),
            expires: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
            renew_at: lifetime
                .and_then(|lifetime| now.checked_add(lifetime - margin(lifetime)).ok()),
        }
    }
}

/// How long a token lives: by `expires_in`, a number or its text, by `expires_on`, or by its own `exp`.
fn lifetime(answer: &Json, claims: &Json, now: Timestamp) -> Option<SignedDuration> {
    let number = |said: &Json| said.as_i64().or_else(|| said.as_str()?.parse().ok());
    let until = |moment: i64| moment.saturating_sub(now.as_second());
    number(&answer["expires_in"])
        .or_else(|| number(&answer["expires_on"]).map(until))
        .or_else(|| claims["exp"].as_i64().map(until))
        .filter(|seconds| (1..=i64::from(u32::MAX)).contains(seconds))
        .map(SignedDuration::from_secs)
}

/// The claims of a token, or null when it is none that can be read.
pub(super) fn claims(token: &str) -> Json {
    token
        .split('.')
        .nth(1)
        .and_then(|part| {
            BASE64_URL_SAFE_NO_PAD
                .decode(part.trim_end_matches('='))
                .ok()
        })
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}
