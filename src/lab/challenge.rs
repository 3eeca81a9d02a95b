//! Claims challenges: a service refuses a token until one comes that was issued for the claims that it asks for.
//!
//! The shape is that of continuous access evaluation: `error="insufficient_claims"` with the claims in base64, of the
//! form of OpenID Connect Core 5.5. A token that was issued for claims says so in a claim of the lab's own.

use super::front::{Front, Reply, Request};
use super::token::Token;
use super::world::World;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// The claim in which a token says for which claims it was issued.
pub(super) const ANSWERED: &str = "lab_answered";

/// Begins to refuse tokens at a front; the sign-in service asks for a person instead.
pub(super) fn begin(world: &mut World, front: Front) -> Reply {
    let value = world.challenge(front);
    if front == Front::Login {
        return Reply::json(
            400,
            &json!({
                "error": "interaction_required",
                "error_description": "AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the service.",
                "error_codes": [50076],
                "suberror": "basic_action",
                "claims": claims(&value).to_string(),
            }),
        );
    }
    refuse(world, front, &value)
}

/// The refusal of a request whose token does not answer the challenge that its front gave.
pub(super) fn repeated(world: &World, front: Front, request: &Request) -> Option<Reply> {
    let value = world.challenged(front)?;
    if front == Front::ExchangeOnline && !request.is_administration() {
        return None;
    }
    let token = Token::read(request.bearer()?)?;
    (token.claim(ANSWERED) != value).then(|| refuse(world, front, value))
}

/// What a token says that is issued for the claims that a form asks for.
pub(super) fn answered(form: &HashMap<String, String>) -> Json {
    let asked: Option<Json> = form
        .get("claims")
        .and_then(|claims| serde_json::from_str(claims).ok());
    asked.map_or(Json::Null, |asked| {
        asked["access_token"]["nbf"]["value"].clone()
    })
}

fn claims(value: &str) -> Json {
    json!({"access_token": {"nbf": {"essential": true, "value": value}}})
}

fn refuse(world: &World, front: Front, value: &str) -> Reply {
    let claims = BASE64_STANDARD.encode(claims(value).to_string());
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"https://{}/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{claims}\"",
        world.names().login_host
    );
    let reply = match front {
        Front::Graph => Reply::json(
            401,
            &json!({"error": {
                "code": "InvalidAuthenticationToken",
                "message": "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenCreatedWithOutdatedPolicies",
            }}),
        ),
        _ => Reply::empty(401),
    };
    reply.header("www-authenticate", challenge)
}
