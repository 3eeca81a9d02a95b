//! The Access Control Service: actor tokens for one Exchange organization to show to the other (MS-XOAUTH).

use super::{
    Refusal, certificates, check_expiry, check_lifetime, check_signature, field, find_key, form,
    invalid_client, malformed, no_application, no_resource, sign, tenant_id, unsupported_grant,
};
use crate::lab::front::{Reply, Request};
use crate::lab::seed;
use crate::lab::token::{Certificate, Token};
use crate::lab::world::World;
use serde_json::json;

/// The token endpoint of the Access Control Service: an assertion of a service against an actor token.
pub(super) fn token(world: &World, request: &Request, tenant: &str) -> Result<Reply, Refusal> {
    let tenant = tenant_id(world, tenant)?;
    let form = form(request);
    if field(&form, "grant_type") != "http://oauth.net/grant_type/jwt/1.0/bearer" {
        return Err(unsupported_grant(field(&form, "grant_type")));
    }
    let assertion = field(&form, "assertion");
    let token = Token::read(assertion).ok_or_else(malformed)?;
    let client = actor(world, tenant, &token)?;
    check_actor_key(world, client, &token, assertion)?;
    let names = world.names();
    let audience = format!("{}/{}@{tenant}", names.token_service, names.acs_host);
    if !token.claim("aud").eq_ignore_ascii_case(&audience) {
        return Err(invalid_client(
            50_027,
            format!(
                "JWT token is invalid or malformed. The audience '{}' is not '{audience}'.",
                token.claim("aud")
            ),
        ));
    }
    check_lifetime(world, &token)?;
    let resource = field(&form, "resource");
    if !is_granted(world, tenant, resource) {
        return Err(no_resource(
            world,
            resource.split('@').next().unwrap_or(resource),
        ));
    }
    issue(world, tenant, client, resource)
}

/// The application that an assertion speaks for: its issuer is `application@tenant`.
fn actor<'a>(world: &World, tenant: &str, token: &'a Token) -> Result<&'a str, Refusal> {
    let issuer = token.claim("iss");
    let (client, realm) = issuer.split_once('@').unwrap_or((issuer, ""));
    let known = world.directory().principal(client).is_some();
    if known && realm.eq_ignore_ascii_case(tenant) && tenant == seed::TENANT {
        return Ok(client);
    }
    Err(no_application(client, realm))
}

/// Checks the signature against the keys that were uploaded to the service principal; Exchange Online has one of its own.
fn check_actor_key(
    world: &World,
    client: &str,
    token: &Token,
    assertion: &str,
) -> Result<(), Refusal> {
    let directory = world.directory();
    let uploaded = directory
        .principal(client)
        .map_or(&[][..], |principal| &principal.keys);
    let registered = directory
        .application(client)
        .map_or(&[][..], |application| &application.keys);
    let own = &world.signers().exchange_online.certificate;
    let keys: Vec<Certificate> = certificates(uploaded)
        .into_iter()
        .chain(certificates(registered))
        .chain((client == seed::EXCHANGE).then(|| own.clone()))
        .collect();
    let certificate = find_key(&keys, token, client)?;
    check_signature(certificate, assertion)?;
    check_expiry(world, certificate)
}

/// Whether `application/host@tenant` is a name of the application's service principal, in one of its forms.
fn is_granted(world: &World, tenant: &str, resource: &str) -> bool {
    let (name, realm) = resource.split_once('@').unwrap_or((resource, tenant));
    let (application, host) = name.split_once('/').unwrap_or((name, ""));
    let Some(principal) = world.directory().principal(application) else {
        return false;
    };
    let forms = [
        name.to_owned(),
        format!("https://{host}"),
        format!("https://{host}/"),
        host.to_owned(),
    ];
    let wildcard = |spn: &str| {
        spn.strip_prefix(application)
            .and_then(|rest| rest.strip_prefix("/*."))
            .is_some_and(|domain| host.to_lowercase().ends_with(&format!(".{domain}")))
    };
    realm.eq_ignore_ascii_case(tenant)
        && !host.is_empty()
        && principal
            .names
            .iter()
            .any(|spn| forms.iter().any(|form| form.eq_ignore_ascii_case(spn)) || wildcard(spn))
}

/// How long an actor token lives.
const ACTOR_LIFE: i64 = 86_400;

fn issue(world: &World, tenant: &str, client: &str, resource: &str) -> Result<Reply, Refusal> {
    let service = &world.names().token_service;
    let object = world
        .directory()
        .principal(client)
        .map_or("", |principal| principal.id.as_str());
    let now = world.now().as_second();
    let audience = if resource.contains('@') {
        resource.to_owned()
    } else {
        format!("{resource}@{tenant}")
    };
    let claims = json!({
        "aud": audience,
        "iss": format!("{service}@{tenant}"),
        "iat": now, "nbf": now, "exp": now + ACTOR_LIFE,
        "identityprovider": format!("{service}@{tenant}"),
        "nameid": format!("{client}@{tenant}"),
        "oid": object, "sub": object,
        "trustedfordelegation": "true",
        "xms_spcu": "true",
    });
    let token = sign(world, &claims)?;
    Ok(Reply::json(
        200,
        &json!({
            "token_type": "Bearer",
            "expires_in": (ACTOR_LIFE - 1).to_string(),
            "not_before": now.to_string(),
            "expires_on": (now + ACTOR_LIFE).to_string(),
            "resource": audience,
            "access_token": token,
        }),
    ))
}
