//! The answering side: what a server says to who shows no token, and which tokens it believes.

use super::dedicated;
use super::issuers;
use crate::lab::front::{Front, Request};
use crate::lab::object::{is_true, text};
use crate::lab::seed::{self, PEOPLE, Person};
use crate::lab::token::{Certificate, Token};
use crate::lab::world::{Demand, Trouble, World};
use crate::subject::Plane;
use crate::value::Value;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt::Write as _;

/// What a server answers to who shows no token: whom it believes.
pub(in crate::lab) fn challenge(world: &World, front: Front) -> String {
    let (issuers, authorization) = match front {
        Front::OnPremises => {
            let trusted: Vec<String> = issuers(world, Plane::OnPremises)
                .iter()
                .map(|(issuer, _)| format!("{}@{}", issuer.identifier, issuer.realm))
                .collect();
            (trusted.join(","), default_authorization(world))
        }
        _ => (
            format!("{}@*", world.names().token_service),
            Some(format!(
                "https://{}/common/oauth2/authorize",
                world.names().login_host
            )),
        ),
    };
    let mut challenge = format!(
        "Bearer client_id=\"{}\", trusted_issuers=\"{issuers}\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\"",
        seed::EXCHANGE
    );
    if let Some(uri) = authorization {
        let _ = write!(challenge, ", authorization_uri=\"{uri}\"");
    }
    challenge
}

/// The sign-in address that clients of hybrid modern authentication are sent to, when one is configured.
fn default_authorization(world: &World) -> Option<String> {
    let servers = world.objects(Plane::OnPremises, "AuthServer");
    let server = servers
        .iter()
        .find(|server| is_true(server, "IsDefaultAuthorizationEndpoint"))?;
    text(server, "AuthorizationEndpoint").map(str::to_owned)
}

/// Why a server does not believe a token.
pub(in crate::lab) struct Diagnostics {
    code: u32,
    reason: String,
    category: &'static str,
}

impl Diagnostics {
    /// The header as the server writes it.
    pub(in crate::lab) fn header(&self) -> String {
        format!(
            "{};reason=\"{}\";error_category=\"{}\"",
            self.code, self.reason, self.category
        )
    }
}

pub(super) fn diagnostics(
    code: u32,
    category: &'static str,
    reason: impl Into<String>,
) -> Diagnostics {
    Diagnostics {
        code,
        reason: reason.into(),
        category,
    }
}

/// Who called: the application, and the user that it speaks for.
pub(in crate::lab) struct Caller {
    pub(in crate::lab) application: String,
    pub(in crate::lab) user: Option<Person>,
}

/// Checks a bearer token as MS-XOAUTH 3.2.5.6 tells the server to.
pub(in crate::lab) fn receive(
    world: &World,
    front: Front,
    request: &Request,
    bearer: &str,
) -> Result<Caller, Diagnostics> {
    let invalid = || diagnostics(2_000_001, "invalid_token", "The token is invalid.");
    let outer = Token::read(bearer).ok_or_else(invalid)?;
    let inner = outer.claim("actortoken");
    let (actor_text, user_token) = if inner.is_empty() {
        (bearer, None)
    } else {
        (inner, Some(&outer))
    };
    let actor = Token::read(actor_text).ok_or_else(invalid)?;
    if front == Front::ExchangeOnline && inner.is_empty() && !actor.claim("appid").is_empty() {
        return dedicated::receive(world, request, bearer, &actor);
    }
    if !actor.signed || actor.header("alg") != Some("RS256") {
        return Err(invalid());
    }
    let realm = check_issuer(world, front, &actor, actor_text)?;
    check_lifetime(world, &actor)?;
    check_audience(world, front, request, &actor, &realm)?;
    let (application, _) = actor.claim("nameid").split_once('@').ok_or_else(invalid)?;
    check_partner(world, front, application)?;
    let Some(token) = user_token else {
        return Ok(Caller {
            application: application.to_owned(),
            user: None,
        });
    };
    check_lifetime(world, token)?;
    if token.claim("iss") != actor.claim("nameid")
        || !token.claim("aud").eq_ignore_ascii_case(actor.claim("aud"))
    {
        return Err(invalid());
    }
    let wrong_user = |reason: &str| diagnostics(2_000_005, "invalid_user", reason);
    if world.has(Trouble::Ambiguous) {
        return Err(wrong_user(
            "The user specified by the user-context in the token is ambiguous.",
        ));
    }
    let user = known_user(world, front, token).ok_or_else(|| {
        wrong_user("The user specified by the user-context in the token does not exist.")
    })?;
    Ok(Caller {
        application: application.to_owned(),
        user: Some(user),
    })
}

/// Checks who issued the actor token, and its signature with the keys that the auth server's object holds.
fn check_issuer(
    world: &World,
    front: Front,
    actor: &Token,
    sent: &str,
) -> Result<String, Diagnostics> {
    let issuer = actor.claim("iss");
    let unknown = || {
        diagnostics(
            2_000_009,
            "invalid_issuer",
            format!("The issuer of the token is unknown. Issuer was '{issuer}'."),
        )
    };
    let (identifier, realm) = issuer.split_once('@').ok_or_else(unknown)?;
    let plane = plane_of(front);
    let known = issuers(world, plane);
    let mut named = known
        .iter()
        .filter(|(server, _)| server.identifier == identifier)
        .peekable();
    let of_service = named.peek().is_some();
    let (server, _) = named
        .find(|(server, _)| server.realm.eq_ignore_ascii_case(realm))
        .ok_or_else(|| match plane {
            Plane::ExchangeOnline if of_service => diagnostics(
                2_000_004,
                "invalid_tenant",
                format!("The tenant for tenant guid '{realm}' does not exist."),
            ),
            _ => unknown(),
        })?;
    let objects = world.objects(plane, "AuthServer").iter();
    let mut held = objects.filter(|object| text(object, "Name") == Some(&server.name));
    let strings = held
        .next()
        .and_then(|object| object.get("CertificateStrings"))
        .and_then(Value::as_list)
        .unwrap_or_default();
    let believed = strings
        .iter()
        .filter_map(Value::as_text)
        .filter_map(|text| BASE64_STANDARD.decode(text).ok())
        .filter_map(|der| Certificate::read(&der))
        .any(|certificate| {
            actor.header("x5t") == Some(certificate.x5t().as_str()) && certificate.verifies(sent)
        });
    believed.then(|| realm.to_owned()).ok_or_else(|| {
        diagnostics(
            2_000_000,
            "invalid_signature",
            "The token has an invalid signature.",
        )
    })
}

fn plane_of(front: Front) -> Plane {
    match front {
        Front::OnPremises => Plane::OnPremises,
        _ => Plane::ExchangeOnline,
    }
}

pub(super) fn check_lifetime(world: &World, token: &Token) -> Result<(), Diagnostics> {
    token
        .is_valid_at(world.now())
        .then_some(())
        .ok_or_else(|| diagnostics(2_000_002, "token_expired", "The token has expired."))
}

/// The audience is `application/host@realm`: the application and realm in their exact case, the host in any.
fn check_audience(
    world: &World,
    front: Front,
    request: &Request,
    actor: &Token,
    realm: &str,
) -> Result<(), Diagnostics> {
    let invalid = |reason: String| diagnostics(2_000_003, "invalid_resource", reason);
    let audience = actor.claim("aud");
    let parts = audience.split_once('/').and_then(|(application, rest)| {
        rest.split_once('@')
            .map(|(host, realm)| (application, host, realm))
    });
    let Some((application, host, of)) = parts else {
        return Err(invalid(format!(
            "The audience claim value is invalid. Actual '{audience}'."
        )));
    };
    if application != seed::EXCHANGE || of != realm {
        return Err(invalid(format!(
            "The audience claim value is invalid. Actual '{audience}'."
        )));
    }
    let asked = request.authority.split(':').next().unwrap_or_default();
    if front == Front::OnPremises && world.has(Trouble::SslOffloading) {
        return Err(invalid(format!(
            "The hostname component of the audience claim value is invalid. Expected 'https://{asked}'. Actual 'http://{asked}'."
        )));
    }
    let fits = match request.loopback {
        true => world.names().front_of(host) == Some(front),
        false => host.eq_ignore_ascii_case(asked),
    };
    let expected = if request.loopback {
        world.names().host_of(front)
    } else {
        asked
    };
    fits.then_some(()).ok_or_else(|| invalid(format!("The hostname component of the audience claim value is invalid. Expected 'https://{expected}'. Actual 'https://{host}'.")))
}

/// The partner application that the token names must be there, enabled, and have an account to act as.
fn check_partner(world: &World, front: Front, application: &str) -> Result<(), Diagnostics> {
    let plane = plane_of(front);
    let partner = world
        .objects(plane, "PartnerApplication")
        .iter()
        .find(|object| {
            text(object, "ApplicationIdentifier")
                .is_some_and(|identifier| identifier.eq_ignore_ascii_case(application))
        });
    let enabled = partner.filter(|partner| is_true(partner, "Enabled"));
    let linked = enabled
        .and_then(|partner| text(partner, "LinkedAccount"))
        .is_some_and(|account| !account.is_empty());
    if enabled.is_some() && !linked && plane == Plane::OnPremises {
        // The text is documented; under which number and category it comes is inferred.
        return Err(diagnostics(
            2_000_008,
            "invalid_grant",
            "The application is missing a linked account for RBAC roles, or the linked account has no RBAC role assignments, or the calling users account is logon disabled.",
        ));
    }
    enabled.is_some().then_some(()).ok_or_else(|| {
        diagnostics(2_000_008, "invalid_grant", format!("The token should have valid permissions or linked account associated with partner application '{application}'."))
    })
}

/// The user that a token speaks for, if this side knows one of that address.
fn known_user(world: &World, front: Front, token: &Token) -> Option<Person> {
    let plane = plane_of(front);
    let synchronized = |person: &Person| person.synchronized && !world.has(Trouble::Unsynchronized);
    PEOPLE.into_iter().find(|person| {
        let addressed = [token.claim("smtp"), token.claim("upn")]
            .iter()
            .any(|claim| claim.eq_ignore_ascii_case(person.address));
        addressed && (person.mailbox == plane || synchronized(person))
    })
}

/// Whether Exchange Online refuses a call to Exchange Web Services for what it asks for by now. It says no more than
/// 403 Forbidden: that is documented for the shared principal, and inferred for the rest.
pub(in crate::lab) fn is_refused(world: &World, front: Front, caller: &Caller) -> bool {
    if front != Front::ExchangeOnline {
        return false;
    }
    let config = world
        .objects(Plane::ExchangeOnline, "OrganizationConfig")
        .first();
    let property = |name: &str| config.and_then(|config| config.get(name));
    let wanted = property("EwsEnabled").and_then(Value::as_bool);
    let listed = property("EwsAllowedAppIDs")
        .and_then(Value::as_text)
        .unwrap_or_default()
        .split(',')
        .any(|id| id.trim().eq_ignore_ascii_case(&caller.application));
    (world.demands(Demand::DedicatedApplication) && caller.application == seed::EXCHANGE)
        || world.demands(Demand::NoWebServices)
        || wanted == Some(false)
        || (world.demands(Demand::SaidYes) && wanted.is_none())
        || (world.demands(Demand::AllowList) && !listed)
}

/// The mailbox of the caller's user on this side; absent for one who is only a mail user here.
pub(in crate::lab) fn has_mailbox(front: Front, caller: &Caller) -> bool {
    caller
        .user
        .is_none_or(|user| user.mailbox == plane_of(front))
}
