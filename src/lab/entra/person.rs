//! People: the sign-in page, device codes, and the grants of a person. There is one account, which needs no password.

use super::{
    Refusal, audiences, field, form, missing, no_application, no_resource, out_of_order, refusal,
    sign, tenant_id,
};
use crate::lab::challenge;
use crate::lab::front::{Front, Reply, Request, form_encoded};
use crate::lab::random_secret;
use crate::lab::seed;
use crate::lab::token::sha256;
use crate::lab::world::{Trouble, World, guid_of};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// What people have begun and not ended.
#[derive(Default)]
pub(in crate::lab) struct SignIns {
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    /// The application of each refresh token.
    refresh: BTreeMap<String, String>,
}

/// An authorization code.
struct Code {
    client: String,
    redirect: String,
    challenge: String,
    scope: String,
    nonce: Option<String>,
    expires: i64,
    spent: bool,
}

/// A device code.
struct Device {
    client: String,
    user_code: String,
    scope: String,
    expires: i64,
    state: DeviceState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DeviceState {
    Pending,
    Approved,
    Declined,
    Spent,
}

/// An application that people sign in with.
struct Client {
    id: String,
    title: String,
    fronts: Vec<Front>,
}

const CODE_LIFE: i64 = 600;
const DEVICE_LIFE: i64 = 900;
const TOKEN_LIFE: i64 = 3599;
/// The directory role that every account has.
const EVERYBODY: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";

fn tenant_of_person(world: &World, name: &str) -> Result<&'static str, Refusal> {
    match name {
        "common" | "organizations" => Ok(seed::TENANT),
        _ => tenant_id(world, name),
    }
}

fn client(world: &World, id: &str) -> Result<Client, Refusal> {
    let known = seed::PUBLIC_CLIENTS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(id))
        .map(|(id, title, front)| Client {
            id: (*id).to_owned(),
            title: (*title).to_owned(),
            fronts: vec![*front],
        });
    let own = || {
        let found = world.directory().application(id);
        found.map(|application| Client {
            id: application.app_id.clone(),
            title: application.display_name.clone(),
            fronts: vec![Front::Graph, Front::ExchangeOnline],
        })
    };
    known.or_else(own).ok_or_else(|| match id {
        "" => missing("client_id"),
        _ => no_application(id, &world.directory().title),
    })
}

fn invalid_grant(code: u32, message: impl Into<String>) -> Refusal {
    refusal(400, "invalid_grant", code, message)
}

/// The resource that a person's scopes are about, which the application must be authorized for.
fn resource(world: &World, scope: &str, client: &Client) -> Result<(String, Front), Refusal> {
    let named = scope.split_whitespace().find_map(|scope| {
        let (resource, _) = scope.rsplit_once('/')?;
        Some(resource)
    });
    let Some(resource) = named else {
        // Names alone are those of Microsoft Graph.
        let graph = format!("https://{}", world.names().graph_host);
        return authorized(client, graph, Front::Graph);
    };
    let bare = resource.trim_end_matches('/');
    let front = [Front::Graph, Front::ExchangeOnline]
        .into_iter()
        .find(|front| {
            let known = audiences(world, *front);
            known.iter().any(|known| known.eq_ignore_ascii_case(bare))
        });
    match front {
        Some(front) => authorized(client, resource.to_owned(), front),
        None => Err(no_resource(world, resource)),
    }
}

fn authorized(client: &Client, resource: String, front: Front) -> Result<(String, Front), Refusal> {
    if client.fronts.contains(&front) {
        return Ok((resource, front));
    }
    Err(invalid_grant(
        65_002,
        format!(
            "Consent between first party application '{}' and first party resource '{resource}' must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API.",
            client.id
        ),
    ))
}

/// The sign-in page (RFC 6749 section 4.1.1): shows who can sign in, and sends the browser back with what was chosen.
pub(super) fn authorize(
    world: &mut World,
    request: &Request,
    tenant: &str,
) -> Result<Reply, Refusal> {
    tenant_of_person(world, tenant)?;
    let asked: HashMap<String, String> = request.parameters().into_iter().collect();
    let client = client(world, field(&asked, "client_id"))?;
    let redirect = field(&asked, "redirect_uri");
    if !is_loopback(redirect) {
        return Err(refusal(
            400,
            "invalid_request",
            50_011,
            format!(
                "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the application '{}'.",
                client.id
            ),
        ));
    }
    let choice = form(request);
    let hint = field(&asked, "login_hint");
    let prompt = field(&asked, "prompt");
    let account = world.names().account();
    let known = hint.eq_ignore_ascii_case(&account) && ["", "none"].contains(&prompt);
    let brought = match (field(&choice, "account"), choice.contains_key("decline")) {
        (_, true) => Err((
            "access_denied",
            "AADSTS65004: User declined to consent to access the app.".to_owned(),
        )),
        (chosen, _) if chosen.eq_ignore_ascii_case(&account) || known => {
            grant_code(world, &asked, &client)
        }
        ("", _) if prompt == "none" => Err((
            "login_required",
            "AADSTS50058: A silent sign-in request was sent but no user is signed in.".to_owned(),
        )),
        ("", _) => return Ok(chooser(request, &client, &account)),
        (other, _) => Err((
            "access_denied",
            format!(
                "AADSTS50034: The user account {other} does not exist in the {} directory.",
                seed::TENANT
            ),
        )),
    };
    Ok(send_back(&asked, redirect, brought))
}

type Brought = Result<String, (&'static str, String)>;

fn grant_code(world: &mut World, asked: &HashMap<String, String>, client: &Client) -> Brought {
    let described = |refusal: Refusal| {
        (
            refusal.error,
            format!("AADSTS{}: {}", refusal.code, refusal.message),
        )
    };
    if !field(asked, "response_type")
        .split(' ')
        .any(|word| word == "code")
    {
        return Err((
            "unsupported_response_type",
            "AADSTS700054: response_type is not enabled for the application.".to_owned(),
        ));
    }
    if !["", "S256"].contains(&field(asked, "code_challenge_method")) {
        return Err((
            "invalid_request",
            "AADSTS901002: The 'code_challenge_method' is not supported.".to_owned(),
        ));
    }
    resource(world, field(asked, "scope"), client).map_err(described)?;
    let code = fresh().map_err(described)?;
    let expires = world.now().as_second() + CODE_LIFE;
    let granted = Code {
        client: client.id.clone(),
        redirect: field(asked, "redirect_uri").to_owned(),
        challenge: field(asked, "code_challenge").to_owned(),
        scope: field(asked, "scope").to_owned(),
        nonce: asked.get("nonce").cloned(),
        expires,
        spent: false,
    };
    world.sign_ins_mut().codes.insert(code.clone(), granted);
    Ok(code)
}

fn fresh() -> Result<String, Refusal> {
    let secret = random_secret().map_err(|_| out_of_order())?;
    Ok(secret.expose().to_owned())
}

/// Sends the browser back, in the way that was asked for.
fn send_back(asked: &HashMap<String, String>, redirect: &str, brought: Brought) -> Reply {
    let mut fields = match brought {
        Ok(code) => vec![
            ("code", code),
            ("session_state", guid_of(field(asked, "state"))),
        ],
        Err((error, description)) => vec![
            ("error", error.to_owned()),
            ("error_description", description),
        ],
    };
    if let Some(state) = asked.get("state") {
        fields.push(("state", state.clone()));
    }
    let pairs: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let pairs = form_encoded(&pairs);
    let joint = if redirect.contains('?') { '&' } else { '?' };
    match field(asked, "response_mode") {
        "form_post" => posting_page(redirect, &fields),
        "fragment" => Reply::empty(302).header("location", format!("{redirect}#{pairs}")),
        _ => Reply::empty(302).header("location", format!("{redirect}{joint}{pairs}")),
    }
}

/// A page that posts itself (OAuth 2.0 Form Post Response Mode).
fn posting_page(redirect: &str, fields: &[(&str, String)]) -> Reply {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\" />",
                escaped(value)
            )
        })
        .collect();
    html(
        200,
        &format!(
            "<form method=\"POST\" name=\"hiddenform\" action=\"{}\">{inputs}<noscript><button>Continue</button></noscript></form>\
             <script>document.forms[0].submit();</script>",
            escaped(redirect)
        ),
    )
}

fn chooser(request: &Request, client: &Client, account: &str) -> Reply {
    let action = format!("{}?{}", request.path, request.query);
    html(
        200,
        &format!(
            "<h1>Pick an account</h1><p>{title} asks to sign in. This is the lab: nothing real is touched.</p>\
             <form method=\"POST\" action=\"{action}\">\
             <button name=\"account\" value=\"{account}\">{account}</button> <button name=\"decline\" value=\"1\">Cancel</button></form>",
            title = escaped(&client.title),
            action = escaped(&action),
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    Reply::with(
        status,
        "text/html; charset=utf-8",
        format!(
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body>{body}</body></html>"
        ),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Public clients may come back to any port of the loopback interface (RFC 8252 section 7.3).
fn is_loopback(redirect: &str) -> bool {
    let host = redirect
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| {
        ["localhost", "127.0.0.1"].contains(&host.split(':').next().unwrap_or(host))
    })
}

/// Begins the device flow (RFC 8628 section 3.1).
pub(super) fn device_code(
    world: &mut World,
    request: &Request,
    tenant: &str,
) -> Result<Reply, Refusal> {
    tenant_of_person(world, tenant)?;
    let form = form(request);
    let client = client(world, field(&form, "client_id"))?;
    resource(world, field(&form, "scope"), &client)?;
    let (device_code, user_code) = (fresh()?, user_code(&fresh()?));
    let expires = world.now().as_second() + DEVICE_LIFE;
    let page = format!("{}/devicelogin", request.base());
    let body = json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": DEVICE_LIFE,
        "interval": 5,
        "message": format!("To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."),
    });
    let device = Device {
        client: client.id,
        user_code,
        scope: field(&form, "scope").to_owned(),
        expires,
        state: DeviceState::Pending,
    };
    world.sign_ins_mut().devices.insert(device_code, device);
    Ok(Reply::json(200, &body))
}

/// Nine letters that cannot be mistaken for others.
fn user_code(random: &str) -> String {
    const LETTERS: &[u8; 16] = b"BCDFGHJKLMNPQRST";
    let digits = random.chars().filter_map(|digit| digit.to_digit(16));
    digits
        .take(9)
        .filter_map(|digit| LETTERS.get(digit as usize))
        .map(|letter| char::from(*letter))
        .collect()
}

/// The page where a device code is typed.
pub(super) fn device_page(world: &mut World, request: &Request) -> Reply {
    let account = world.names().account();
    let form = form(request);
    let typed = field(&form, "user_code").trim().to_uppercase();
    if typed.is_empty() {
        return html(
            200,
            &format!(
                "<h1>Enter code</h1><form method=\"POST\"><input name=\"user_code\" autofocus /> \
                 <button name=\"account\" value=\"{account}\">Sign in as {account}</button> <button name=\"decline\" value=\"1\">Cancel</button></form>"
            ),
        );
    }
    let now = world.now().as_second();
    let devices = &mut world.sign_ins_mut().devices;
    let device = devices.values_mut().find(|device| {
        device.user_code == typed && device.expires > now && device.state == DeviceState::Pending
    });
    let Some(device) = device else {
        return html(
            400,
            "<p>That code didn't work. Check the code and try again.</p>",
        );
    };
    if form.contains_key("decline") {
        device.state = DeviceState::Declined;
        return html(
            200,
            "<p>You cancelled the sign-in. You can close this window.</p>",
        );
    }
    if !field(&form, "account").eq_ignore_ascii_case(&account) {
        return html(400, "<p>This account does not exist.</p>");
    }
    device.state = DeviceState::Approved;
    html(
        200,
        "<p>You have signed in on your device. You can close this window.</p>",
    )
}

/// What a person granted.
#[derive(Default)]
struct Granted {
    /// What was asked for at the beginning; the token endpoint need not be told again.
    scope: String,
    /// What the identity token repeats.
    nonce: Option<String>,
}

/// Redeems what a person granted.
type Redeem = fn(&mut World, &Client, &HashMap<String, String>) -> Result<Granted, Refusal>;

/// A grant of a person at the token endpoint; `None` where the grant type is another one.
pub(super) fn grant(
    world: &mut World,
    request: &Request,
    tenant: &str,
    form: &HashMap<String, String>,
) -> Option<Result<Reply, Refusal>> {
    let redeem: Redeem = match field(form, "grant_type") {
        "authorization_code" => by_code,
        "refresh_token" => by_refresh_token,
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => by_device,
        _ => return None,
    };
    Some(redeemed(world, request, tenant, form, redeem))
}

fn redeemed(
    world: &mut World,
    request: &Request,
    tenant: &str,
    form: &HashMap<String, String>,
    redeem: Redeem,
) -> Result<Reply, Refusal> {
    let tenant = tenant_of_person(world, tenant)?;
    let client = client(world, field(form, "client_id"))?;
    let granted = redeem(world, &client, form)?;
    issue(world, request, tenant, &client, form, &granted)
}

fn by_code(
    world: &mut World,
    client: &Client,
    form: &HashMap<String, String>,
) -> Result<Granted, Refusal> {
    let now = world.now().as_second();
    let Some(code) = world.sign_ins_mut().codes.get_mut(field(form, "code")) else {
        return Err(invalid_grant(
            70_000,
            "Provided value for the input parameter 'code' is not valid.",
        ));
    };
    if code.client != client.id || code.redirect != field(form, "redirect_uri") {
        return Err(invalid_grant(
            70_000,
            "The provided value for the 'code' was issued to another client or redirect URI.",
        ));
    }
    if code.spent {
        return Err(invalid_grant(
            54_005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
        ));
    }
    if code.expires <= now {
        return Err(invalid_grant(
            70_008,
            "The provided authorization code or refresh token has expired due to inactivity.",
        ));
    }
    let verifier = BASE64_URL_SAFE_NO_PAD.encode(sha256(field(form, "code_verifier").as_bytes()));
    if !code.challenge.is_empty() && code.challenge != verifier {
        return Err(invalid_grant(
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        ));
    }
    code.spent = true;
    Ok(Granted {
        scope: code.scope.clone(),
        nonce: code.nonce.clone(),
    })
}

fn by_refresh_token(
    world: &mut World,
    client: &Client,
    form: &HashMap<String, String>,
) -> Result<Granted, Refusal> {
    match world
        .sign_ins_mut()
        .refresh
        .get(field(form, "refresh_token"))
    {
        Some(owner) if *owner == client.id => Ok(Granted::default()),
        Some(_) => Err(invalid_grant(
            700_005,
            "Provided refresh token was issued to another client.",
        )),
        None => Err(invalid_grant(
            9_002_313,
            "Invalid request. Request is malformed or invalid.",
        )),
    }
}

fn by_device(
    world: &mut World,
    client: &Client,
    form: &HashMap<String, String>,
) -> Result<Granted, Refusal> {
    let now = world.now().as_second();
    // One of Microsoft's clients sends it as `code` too.
    let code = [field(form, "device_code"), field(form, "code")]
        .into_iter()
        .find(|code| !code.is_empty())
        .unwrap_or_default()
        .to_owned();
    let device = world.sign_ins_mut().devices.get_mut(&code);
    let Some(device) = device.filter(|device| device.client == client.id) else {
        return Err(refusal(
            400,
            "bad_verification_code",
            70_000,
            "The provided value for the input parameter 'device_code' is not valid.",
        ));
    };
    match device.state {
        DeviceState::Declined => Err(refusal(
            400,
            "authorization_declined",
            70_018,
            "User has declined the authorization request.",
        )),
        DeviceState::Spent => Err(invalid_grant(
            54_005,
            "OAuth2 device code was already redeemed.",
        )),
        DeviceState::Pending | DeviceState::Approved if device.expires <= now => Err(refusal(
            400,
            "expired_token",
            70_020,
            "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        )),
        DeviceState::Pending => Err(refusal(
            400,
            "authorization_pending",
            70_016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )),
        DeviceState::Approved => {
            device.state = DeviceState::Spent;
            Ok(Granted {
                scope: device.scope.clone(),
                nonce: None,
            })
        }
    }
}

/// Gives a person's tokens.
fn issue(
    world: &mut World,
    request: &Request,
    tenant: &str,
    client: &Client,
    form: &HashMap<String, String>,
    granted: &Granted,
) -> Result<Reply, Refusal> {
    let scope = match field(form, "scope") {
        "" => granted.scope.as_str(),
        scope => scope,
    };
    let (audience, front) = resource(world, scope, client)?;
    let scopes = scopes_of(client, front);
    let answered = challenge::answered(form);
    let access = access_token(world, tenant, client, &audience, scopes, &answered)?;
    let names: Vec<String> = scopes
        .split(' ')
        .map(|name| format!("{}/{name}", audience.trim_end_matches('/')))
        .collect();
    let mut body = json!({
        "token_type": "Bearer",
        "scope": names.join(" "),
        "expires_in": TOKEN_LIFE,
        "ext_expires_in": TOKEN_LIFE,
        "access_token": access,
    });
    let has = |name: &str| scope.split_whitespace().any(|scope| scope == name);
    if has("openid") {
        body["id_token"] = id_token(world, request, tenant, client, granted.nonce.clone())?.into();
    }
    if has("offline_access") {
        let refresh = fresh()?;
        let owner = client.id.clone();
        world.sign_ins_mut().refresh.insert(refresh.clone(), owner);
        body["refresh_token"] = refresh.into();
    }
    if field(form, "client_info") == "1" {
        let info = json!({"uid": object_of(world), "utid": tenant}).to_string();
        body["client_info"] = BASE64_URL_SAFE_NO_PAD.encode(info).into();
    }
    Ok(Reply::json(200, &body))
}

/// What people let an application do, once an administrator has consented.
fn scopes_of(client: &Client, front: Front) -> &'static str {
    match (front, client.fronts.len()) {
        (Front::Graph, 1) => "AuditLog.Read.All Directory.AccessAsUser.All",
        (Front::Graph, _) => {
            "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All Organization.Read.All"
        }
        (_, 1) => {
            "AdminApi.AccessAsUser.All FfoPowerShell.AccessAsUser.All RemotePowerShell.AccessAsUser.All"
        }
        _ => "Exchange.Manage",
    }
}

fn object_of(world: &World) -> String {
    guid_of(&format!("account {}", world.names().account()))
}

fn access_token(
    world: &World,
    tenant: &str,
    client: &Client,
    audience: &str,
    scopes: &str,
    answered: &Json,
) -> Result<String, Refusal> {
    let now = world.now().as_second();
    let (account, object) = (world.names().account(), object_of(world));
    let roles: &[&str] = match world.has(Trouble::NoDirectoryRole) {
        true => &[EVERYBODY],
        false => &[seed::GLOBAL_ADMINISTRATOR, EVERYBODY],
    };
    let claims = json!({
        challenge::ANSWERED: answered,
        "aud": audience,
        "iss": world.names().sts_issuer(tenant),
        "iat": now, "nbf": now, "exp": now + TOKEN_LIFE,
        "app_displayname": client.title,
        "appid": client.id,
        "appidacr": "0",
        "idtyp": "user",
        "name": seed::ACCOUNT_TITLE,
        "oid": object, "sub": object,
        "scp": scopes,
        "tid": tenant,
        "unique_name": account, "upn": account,
        "uti": guid_of(&format!("token {now} {audience} {}", client.id)),
        "ver": "1.0",
        "wids": roles,
    });
    sign(world, &claims)
}

fn id_token(
    world: &World,
    request: &Request,
    tenant: &str,
    client: &Client,
    nonce: Option<String>,
) -> Result<String, Refusal> {
    let now = world.now().as_second();
    let object = object_of(world);
    let mut claims = json!({
        "aud": client.id,
        "iss": format!("{}/{tenant}/v2.0", request.base()),
        "iat": now, "nbf": now, "exp": now + TOKEN_LIFE,
        "name": seed::ACCOUNT_TITLE,
        "oid": object, "sub": object,
        "preferred_username": world.names().account(),
        "tid": tenant,
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = Json::String(nonce);
    }
    sign(world, &claims)
}
