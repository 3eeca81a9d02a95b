//! The identity of the machine that clients of the lab run on, as its platform gives it out: a virtual machine of Azure
//! (its instance metadata service), App Service, and Azure Arc. It is that of the registered application.
//!
//! A token of it for the token exchange is also what a workload may show in place of a secret (federated credentials).

use super::{
    Refusal, application_token, check_lifetime, invalid_client, is_signed, known_resource,
};
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::token::Token;
use crate::lab::world::{World, guid_of};
use serde_json::{Value as Json, json};

/// The audience of tokens that are shown in place of a secret.
const EXCHANGE_OF_TOKENS: &str = "api://AzureADTokenExchange";

/// Where the agent of Azure Arc puts its keys.
const ARC_KEYS: &str = "/var/opt/azcmagent/tokens";

/// The version of the instance metadata service that Azure Arc answers by; virtual machines have an older one.
const OF_ARC: &str = "2020-06-01";

fn bad(description: &str) -> Reply {
    let body = json!({"error": "invalid_request", "error_description": description});
    Reply::json(400, &body)
}

/// The instance metadata service, and the agent of Azure Arc in its place.
pub(super) fn metadata(world: &World, request: &Request) -> Reply {
    if request.header("metadata") != Some("true") {
        return bad("Required metadata header not specified");
    }
    let by_arc = request.parameter("api-version").as_deref() == Some(OF_ARC);
    let secret = world.passwords().client.expose();
    let proof = format!("Basic {secret}");
    if by_arc && request.header("authorization") != Some(proof.as_str()) {
        let key = guid_of("key of the agent");
        return Reply::empty(401).header(
            "www-authenticate",
            format!("Basic realm={ARC_KEYS}/{key}.key"),
        );
    }
    given(world, request)
}

/// App Service: who asks shows the header that the platform gave to the process.
pub(super) fn app_service(world: &World, request: &Request) -> Reply {
    match request.header("x-identity-header") == Some(world.passwords().client.expose()) {
        true => given(world, request),
        false => Reply::empty(401),
    }
}

fn given(world: &World, request: &Request) -> Reply {
    let other = |client: String| !client.eq_ignore_ascii_case(seed::CLIENT);
    if request.parameter("client_id").is_some_and(other) {
        return bad("Identity not found");
    }
    let Some(resource) = request.parameter("resource") else {
        return bad("Required query variable 'resource' is missing");
    };
    let known = resource == EXCHANGE_OF_TOKENS || known_resource(world, &resource).is_ok();
    let token = known.then(|| application_token(world, seed::CLIENT, &resource, "2", &Json::Null));
    let Some(Ok(token)) = token else {
        return bad("AADSTS500011: The resource principal was not found in the tenant");
    };
    let now = world.now().as_second();
    // Numbers are texts here.
    Reply::json(
        200,
        &json!({
            "access_token": token,
            "client_id": seed::CLIENT,
            "expires_in": "3599",
            "expires_on": (now + 3599).to_string(),
            "not_before": now.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

/// Whether an assertion is the token of another identity, not one that the application signed itself.
pub(super) fn is_federated(world: &World, assertion: &Token) -> bool {
    assertion.claim("iss") == world.names().sts_issuer(seed::TENANT)
}

/// Checks the token that a workload shows in place of a secret.
pub(super) fn check_federated(world: &World, text: &str, assertion: &Token) -> Result<(), Refusal> {
    if !is_signed(world, text, assertion) {
        return Err(invalid_client(
            700_027,
            "Client assertion failed signature validation.",
        ));
    }
    if assertion.claim("aud") != EXCHANGE_OF_TOKENS {
        return Err(invalid_client(
            700_212,
            format!(
                "No matching federated identity record found for presented assertion audience '{}'.",
                assertion.claim("aud")
            ),
        ));
    }
    let own = world.directory().principal(seed::CLIENT);
    if own.is_none_or(|own| own.id != assertion.claim("sub")) {
        return Err(invalid_client(
            700_213,
            format!(
                "No matching federated identity record found for presented assertion subject '{}'.",
                assertion.claim("sub")
            ),
        ));
    }
    check_lifetime(world, assertion)
}
