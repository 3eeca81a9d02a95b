//! The sign-in front: which path leads where, the client credentials grant, and the checks of tokens that all share.
//!
//! Signatures of assertions are checked, and tokens are signed. What everybody may read is in `documents`, what people do
//! in `person`, what machines do in `machine`, and the Access Control Service in `acs`.

mod acs;
mod documents;
mod machine;
mod person;

pub(super) use person::SignIns;

use super::challenge;
use super::front::{Front, Reply, Request};
use super::graph::KeyCredential;
use super::seed;
use super::token::{Certificate, Token};
use super::world::{World, guid_of, whole_seconds};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

/// What the sign-in service refuses: an OAuth error with one of its own codes.
pub(super) struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    message: String,
}

fn refusal(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        error,
        code,
        message: message.into(),
    }
}

fn missing(parameter: &str) -> Refusal {
    refusal(
        400,
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{parameter}'."),
    )
}

fn unsupported_grant(kind: &str) -> Refusal {
    refusal(
        400,
        "unsupported_grant_type",
        70_003,
        format!("The app requested an unsupported grant type '{kind}'."),
    )
}

/// What is said of an application that a directory does not know.
fn no_application(id: &str, directory: &str) -> Refusal {
    refusal(
        400,
        "unauthorized_client",
        700_016,
        format!(
            "Application with identifier '{id}' was not found in the directory '{directory}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
        ),
    )
}

/// What is said of one who does not prove to be an application.
fn invalid_client(code: u32, message: impl Into<String>) -> Refusal {
    refusal(401, "invalid_client", code, message)
}

fn malformed() -> Refusal {
    invalid_client(50_027, "JWT token is invalid or malformed.")
}

fn out_of_order() -> Refusal {
    refusal(
        500,
        "server_error",
        90_033,
        "A transient error has occurred. Please try again.",
    )
}

/// Answers a request to the sign-in service.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let lower: Vec<String> = path.iter().map(|part| part.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let result = match (request.method.as_str(), lower.as_slice()) {
        ("GET", ["common", "discovery", "instance"]) => Ok(documents::instances(request)),
        ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            documents::configuration(world, request, tenant, "/v2.0")
        }
        ("GET", [tenant, ".well-known", "openid-configuration"]) => {
            documents::configuration(world, request, tenant, "")
        }
        ("GET", [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"]) => {
            tenant_id(world, tenant).map(|_| documents::keys(world))
        }
        ("POST", [tenant, "oauth2", "v2.0", "token"] | [tenant, "oauth2", "token"]) => {
            token(world, request, tenant)
        }
        ("GET" | "POST", [tenant, "oauth2", "v2.0", "authorize"]) => {
            person::authorize(world, request, tenant)
        }
        ("POST", [tenant, "oauth2", "v2.0", "devicecode"]) => {
            person::device_code(world, request, tenant)
        }
        ("GET" | "POST", ["devicelogin"]) => Ok(person::device_page(world, request)),
        ("GET", ["metadata", "identity", "oauth2", "token"]) => {
            Ok(machine::metadata(world, request))
        }
        ("GET", ["msi", "token"]) => Ok(machine::app_service(world, request)),
        ("GET", ["metadata", "json", "1"]) => {
            let realm = request.parameter("realm").unwrap_or_default();
            tenant_id(world, &realm).map(|tenant| documents::acs_metadata(world, request, tenant))
        }
        ("GET", [tenant, "metadata", "json", "1"]) => {
            tenant_id(world, tenant).map(|tenant| documents::acs_metadata(world, request, tenant))
        }
        ("POST", [tenant, "tokens", "oauth", "2"]) => acs::token(world, request, tenant),
        (
            "GET",
            [
                tenant,
                "federationmetadata",
                "2007-06",
                "federationmetadata.xml",
            ],
        ) => tenant_id(world, tenant).map(|tenant| documents::federation_metadata(world, tenant)),
        _ => return Reply::empty(404),
    };
    let request_id = guid_of(&format!(
        "{} {} {}",
        request.path,
        world.now(),
        world.requests(Front::Login)
    ));
    let reply = result.unwrap_or_else(|refusal| refused(world, &refusal, &request_id, request));
    reply
        .header("cache-control", "no-store, no-cache")
        .header("x-ms-request-id", request_id)
}

fn refused(world: &World, refusal: &Refusal, trace: &str, request: &Request) -> Reply {
    let correlation = request.header("client-request-id").unwrap_or(trace);
    let timestamp = whole_seconds(world.now()).replace('T', " ");
    let body = json!({
        "error": refusal.error,
        "error_description": format!(
            "AADSTS{}: {}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}",
            refusal.code, refusal.message
        ),
        "error_codes": [refusal.code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("{}/error?code={}", request.base(), refusal.code),
    });
    Reply::json(refusal.status, &body)
}

fn tenant_id(world: &World, name: &str) -> Result<&'static str, Refusal> {
    world.names().tenant_of(name).ok_or_else(|| {
        let code = if uuid::Uuid::try_parse(name).is_ok() { 900_021 } else { 90_002 };
        refusal(
            400,
            "invalid_tenant",
            code,
            format!("Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."),
        )
    })
}

fn form(request: &Request) -> HashMap<String, String> {
    request.form().into_iter().collect()
}

fn field<'a>(form: &'a HashMap<String, String>, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

/// The token endpoint: client credentials, and what people were granted. Version 1.0 has a resource where version 2.0
/// has a scope.
fn token(world: &mut World, request: &Request, tenant: &str) -> Result<Reply, Refusal> {
    let form = form(request);
    if let Some(granted) = person::grant(world, request, tenant, &form) {
        return granted;
    }
    let tenant = tenant_id(world, tenant)?;
    match field(&form, "grant_type") {
        "client_credentials" => client_credentials(world, request, tenant, &form),
        "" => Err(missing("grant_type")),
        other => Err(unsupported_grant(other)),
    }
}

fn client_credentials(
    world: &World,
    request: &Request,
    tenant: &str,
    form: &HashMap<String, String>,
) -> Result<Reply, Refusal> {
    let client = field(form, "client_id");
    if client.is_empty() {
        return Err(missing("client_id"));
    }
    let directory = world.directory();
    let application = directory
        .application(client)
        .filter(|_| tenant == seed::TENANT)
        .ok_or_else(|| no_application(client, &directory.title))?;
    match (
        field(form, "client_secret"),
        field(form, "client_assertion"),
    ) {
        ("", "") => {
            return Err(invalid_client(
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        }
        (secret, "") => check_secret(world, client, secret)?,
        (_, assertion) => {
            if field(form, "client_assertion_type")
                != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            {
                return Err(missing("client_assertion_type"));
            }
            match Token::read(assertion).filter(|token| machine::is_federated(world, token)) {
                Some(token) => machine::check_federated(world, assertion, &token)?,
                None => {
                    let keys = certificates(&application.keys);
                    check_assertion(world, request, tenant, client, assertion, &keys)?;
                }
            }
        }
    }
    let audience = match field(form, "resource") {
        "" => resource(world, field(form, "scope"))?,
        resource => known_resource(world, resource)?,
    };
    let proof = match field(form, "client_secret") {
        "" => "2",
        _ => "1",
    };
    let answered = challenge::answered(form);
    let token = application_token(world, client, &audience, proof, &answered)?;
    Ok(Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token}),
    ))
}

/// A token of an application for itself; `proof` is 1 for a secret and 2 for a certificate or the like.
fn application_token(
    world: &World,
    client: &str,
    audience: &str,
    proof: &str,
    answered: &Json,
) -> Result<String, Refusal> {
    let (tenant, directory) = (seed::TENANT, world.directory());
    let title = directory.application(client);
    let title = title.map_or("", |application| application.display_name.as_str());
    let now = world.now().as_second();
    let principal = directory.principal(client).ok_or_else(|| {
        invalid_client(
            7_000_229,
            format!("The client application {client} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"),
        )
    })?;
    if !principal.enabled {
        return Err(refusal(
            400,
            "unauthorized_client",
            7_000_112,
            format!("Application '{client}'({title}) is disabled."),
        ));
    }
    let object = principal.id.as_str();
    let graph = audiences(world, Front::Graph)
        .iter()
        .any(|known| known.eq_ignore_ascii_case(audience.trim_end_matches('/')));
    let of = if graph { seed::GRAPH } else { seed::EXCHANGE };
    let roles = directory.granted(client, of);
    let mut claims = json!({
        challenge::ANSWERED: answered,
        "aud": audience,
        "iss": world.names().sts_issuer(tenant),
        "iat": now, "nbf": now, "exp": now + 3599,
        "app_displayname": title,
        "appid": principal.app_id,
        "appidacr": proof,
        "idtyp": "app",
        "oid": object, "sub": object,
        "tid": tenant,
        "uti": guid_of(&format!("token {now} {audience}")),
        "ver": "1.0",
    });
    if !roles.is_empty() {
        claims["roles"] = roles.into();
    }
    sign(world, &claims)
}

fn sign(world: &World, claims: &Json) -> Result<String, Refusal> {
    let signed = world.signers().token_service.sign(claims, true);
    signed.ok_or_else(out_of_order)
}

fn check_secret(world: &World, client: &str, secret: &str) -> Result<(), Refusal> {
    if client.eq_ignore_ascii_case(seed::CLIENT) && world.passwords().client.expose() == secret {
        return Ok(());
    }
    Err(invalid_client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
        ),
    ))
}

fn check_assertion(
    world: &World,
    request: &Request,
    tenant: &str,
    client: &str,
    assertion: &str,
    keys: &[Certificate],
) -> Result<(), Refusal> {
    let token = Token::read(assertion).ok_or_else(malformed)?;
    let certificate = find_key(keys, &token, client)?;
    check_signature(certificate, assertion)?;
    check_expiry(world, certificate)?;
    let names = world.names();
    let audience = token.claim("aud");
    let places = [
        request.authority.as_str(),
        names.login_host.as_str(),
        names.sts_host.as_str(),
    ];
    let fits = audience
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'))
        .and_then(|(place, rest)| rest.split_once('/').map(|(of, end)| (place, of, end)))
        .is_some_and(|(place, of, end)| {
            places.iter().any(|known| known.eq_ignore_ascii_case(place))
                && (of == "common" || names.tenant_of(of) == Some(tenant))
                && ["oauth2/v2.0/token", "oauth2/token", "v2.0"]
                    .contains(&end.to_lowercase().as_str())
        });
    if !fits {
        return Err(invalid_client(
            700_023,
            format!(
                "Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials. Audience in the assertion was '{audience}'."
            ),
        ));
    }
    if token.claim("iss") != client || token.claim("sub") != client {
        return Err(invalid_client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    check_lifetime(world, &token)
}

/// The key that a token's header names; a refusal that says which key was looked for.
fn find_key<'a>(
    keys: &'a [Certificate],
    token: &Token,
    client: &str,
) -> Result<&'a Certificate, Refusal> {
    let named = |certificate: &&Certificate| {
        token
            .header("x5t#S256")
            .is_some_and(|x5t| x5t == certificate.x5t_s256())
            || token
                .header("x5t")
                .is_some_and(|x5t| x5t == certificate.x5t())
    };
    keys.iter().find(named).ok_or_else(|| {
        let used = token.header("x5t").or(token.header("x5t#S256")).unwrap_or_default();
        invalid_client(700_027, format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{client}'.]",
            thumbprint_of(used)
        ))
    })
}

fn thumbprint_of(x5t: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(x5t).map_or_else(
        |_| x5t.to_owned(),
        |bytes| super::token::hexadecimal(&bytes),
    )
}

fn check_signature(certificate: &Certificate, assertion: &str) -> Result<(), Refusal> {
    if certificate.verifies(assertion) {
        return Ok(());
    }
    let message = format!(
        "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{}', Found key 'Start={}, End={}']",
        certificate.thumbprint, certificate.not_before, certificate.not_after
    );
    Err(invalid_client(700_027, message))
}

fn check_lifetime(world: &World, token: &Token) -> Result<(), Refusal> {
    let now = world.now();
    if token.is_valid_at(now) {
        return Ok(());
    }
    let moment = |seconds: Option<f64>| {
        seconds.map_or_else(|| "unknown".to_owned(), |seconds| seconds.to_string())
    };
    let message = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, expiry time of assertion {}.",
        moment(token.valid_from()),
        moment(token.seconds("exp"))
    );
    Err(invalid_client(700_024, message))
}

/// The audience that a scope stands for: one of the resources that exist.
fn resource(world: &World, scope: &str) -> Result<String, Refusal> {
    let asked = scope.split(' ').find(|scope| scope.ends_with("/.default"));
    let Some(resource) = asked.and_then(|scope| scope.strip_suffix("/.default")) else {
        return Err(refusal(
            400,
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    };
    known_resource(world, resource)
}

/// A resource that exists: by a host that a front answers under, or by a name of a service principal.
fn known_resource(world: &World, resource: &str) -> Result<String, Refusal> {
    let bare = resource.trim_end_matches('/');
    let named = |app_id: &str| {
        world
            .directory()
            .principal(app_id)
            .map_or(&[][..], |principal| &principal.names)
    };
    audiences(world, Front::Graph)
        .iter()
        .chain(&audiences(world, Front::ExchangeOnline))
        .chain(named(seed::EXCHANGE))
        .any(|known| known.trim_end_matches('/').eq_ignore_ascii_case(bare))
        .then(|| resource.to_owned())
        .ok_or_else(|| no_resource(world, resource))
}

fn no_resource(world: &World, resource: &str) -> Refusal {
    refusal(
        400,
        "invalid_resource",
        500_011,
        format!(
            "The resource principal named {resource} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
            world.directory().title
        ),
    )
}

/// The audiences that a front takes tokens for.
fn audiences(world: &World, front: Front) -> Vec<String> {
    let names = world.names();
    let mut all = vec![
        format!("https://{}", names.host_of(front)),
        format!("https://{}", world.loopback(front)),
    ];
    match front {
        Front::Graph => all.push(seed::GRAPH.to_owned()),
        _ => {
            all.push(seed::EXCHANGE.to_owned());
            let principal = world.directory().principal(seed::EXCHANGE);
            let spns = principal.map_or(&[][..], |principal| &principal.names);
            let urls = spns
                .iter()
                .filter(|name| name.starts_with("https://") && name.contains("office"));
            all.extend(urls.map(|name| name.trim_end_matches('/').to_owned()));
        }
    }
    all
}

/// Whether a token is signed by the token service.
pub(super) fn is_signed(world: &World, token: &str, read: &Token) -> bool {
    let certificate = &world.signers().token_service.certificate;
    read.header("x5t") == Some(certificate.x5t().as_str()) && certificate.verifies(token)
}

/// Checks a token that came to Graph or Exchange Online, and says whose it is; the error is the service's text.
pub(super) fn check(world: &World, token: &str, front: Front) -> Result<Bearer, String> {
    let read =
        Token::read(token).ok_or("IDX14100: JWT is not well formed, there are no dots (.).")?;
    if !is_signed(world, token, &read) {
        return Err("Signature validation failed. Invalid signature.".to_owned());
    }
    let audience = read.claim("aud").trim_end_matches('/');
    if !audiences(world, front)
        .iter()
        .any(|known| known.eq_ignore_ascii_case(audience))
    {
        return Err("Access token validation failure. Invalid audience.".to_owned());
    }
    if !read.is_valid_at(world.now()) {
        return Err("Lifetime validation failed, the token is expired.".to_owned());
    }
    Ok(Bearer::read(&read))
}

/// Who shows a token, and what it lets them do.
pub(super) struct Bearer {
    /// Whether it is a person; an application otherwise.
    pub(super) is_person: bool,
    granted: Vec<String>,
    roles: Vec<String>,
}

impl Bearer {
    /// Reads a token that was checked.
    pub(super) fn read(token: &Token) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let list = token.claims[name].as_array().into_iter().flatten();
            list.filter_map(Json::as_str).map(str::to_owned).collect()
        };
        let scopes = token.claim("scp").split_whitespace();
        let scopes: Vec<String> = scopes.map(str::to_owned).collect();
        Self {
            is_person: !scopes.is_empty(),
            granted: if scopes.is_empty() {
                texts("roles")
            } else {
                scopes
            },
            roles: texts("wids"),
        }
    }

    /// Whether it has one of these application roles or delegated scopes.
    pub(super) fn has_any(&self, permissions: &[&str]) -> bool {
        permissions
            .iter()
            .any(|permission| self.granted.iter().any(|granted| granted == permission))
    }

    /// Whether the person has one of these directory roles, named by their templates.
    pub(super) fn has_role(&self, templates: &[&str]) -> bool {
        templates
            .iter()
            .any(|template| self.roles.iter().any(|role| role == template))
    }
}

fn certificates(keys: &[KeyCredential]) -> Vec<Certificate> {
    keys.iter().map(|key| key.certificate.clone()).collect()
}

fn check_expiry(world: &World, certificate: &Certificate) -> Result<(), Refusal> {
    if certificate.not_after > world.now() {
        return Ok(());
    }
    let message = format!(
        "The certificate with identifier used to sign the client assertion is expired on application. [Reason - The key used is expired., Thumbprint of key used by client: '{}', Found key 'Start={}, End={}']",
        certificate.thumbprint, certificate.not_before, certificate.not_after
    );
    Err(invalid_client(700_027, message))
}
