//! The dedicated application: on-premises Exchange as an application of the tenant, with a permission of its own.
//!
//! That its identifier stands in the log as `L:<id>-AS:` is documented. That the token comes from the token endpoint of
//! the Azure AD authorization server, by client credentials for the host that is called, and that the call names the
//! mailbox by impersonation, is inferred.

use super::answer::{Caller, Diagnostics, check_lifetime, diagnostics};
use super::ask::{Attempt, Broken, broken, probe, token_request_failed};
use super::{host_of, person_at};
use crate::lab::entra;
use crate::lab::front::{Reply, Request, form_encoded};
use crate::lab::object::{is_true, text};
use crate::lab::overrides::{self, DEDICATED_APPLICATION, GRAPH_FLOW};
use crate::lab::seed::{self, Person};
use crate::lab::token::Token;
use crate::lab::world::{Trouble, World};
use crate::subject::Plane;
use serde_json::{Value as Json, json};

/// What Exchange knows of its application.
pub(super) struct Application {
    id: String,
    server: String,
    issuer: String,
    realm: String,
    endpoint: String,
    graph: Option<String>,
}

/// The application to call as: where the feature is on and an enabled Azure AD authorization server of the realm names
/// one that is not the shared one. Otherwise Exchange says nothing and calls as the shared one (the silence is
/// documented for several overrides, and inferred for a missing identifier).
pub(super) fn find(world: &World, realm: &str) -> Option<Application> {
    if !overrides::is_on(world, DEDICATED_APPLICATION) {
        return None;
    }
    let servers = world.objects(Plane::OnPremises, "AuthServer");
    let server = servers.iter().find(|server| {
        let is_own = |id: &str| {
            uuid::Uuid::try_parse(id).is_ok() && !id.eq_ignore_ascii_case(seed::EXCHANGE)
        };
        is_true(server, "Enabled")
            && text(server, "Type") == Some("AzureAD")
            && text(server, "Realm").is_some_and(|of| of.eq_ignore_ascii_case(realm))
            && text(server, "ApplicationIdentifier").is_some_and(is_own)
    })?;
    let property = |name: &str| text(server, name).unwrap_or_default().to_owned();
    let graph = Some(property("GraphBaseUrl")).filter(|graph| !graph.is_empty());
    Some(Application {
        id: property("ApplicationIdentifier").to_lowercase(),
        server: property("Name"),
        issuer: property("IssuerIdentifier"),
        realm: realm.to_owned(),
        endpoint: property("TokenIssuingEndpoint").replace("/common/", &format!("/{realm}/")),
        graph: graph.filter(|_| overrides::is_on(world, GRAPH_FLOW)),
    })
}

impl Attempt {
    /// The way of the dedicated application, from where the challenge was understood.
    pub(super) fn run_dedicated(
        &mut self,
        world: &mut World,
        target: &str,
        service: &str,
        user: Option<Person>,
        application: &Application,
    ) -> Result<Reply, Broken> {
        if service == "EWS"
            && let Some(graph) = &application.graph
        {
            return self.ask_graph(world, graph, user, application);
        }
        let resource = format!("https://{}", host_of(target));
        let token = self.application_token(world, &resource, application)?;
        self.send(world, target, &probe(service, user), &token)
    }

    fn application_token(
        &mut self,
        world: &mut World,
        resource: &str,
        application: &Application,
    ) -> Result<String, Broken> {
        let Application {
            id,
            server,
            issuer,
            realm,
            endpoint,
            ..
        } = application;
        self.information(
            "OAuthTokenBuilder:GetAppToken",
            format!("trying to get the apptoken from the auth server '{server}' for resource '{resource}', tenantId '{realm}', userDomain ''"),
        );
        self.information(
            "TokenCache:GetActorToken",
            format!("Each key and its counts are L:{id}-AS:{issuer}@{realm}, 0"),
        );
        self.information(
            "TokenCache:GetActorToken",
            "try to get a new token synchronously",
        );
        self.information(
            "TokenBuildRequest:GetActorTokenFromAuthServer",
            format!("Sending token request to '{endpoint}' for the resource '{resource}'"),
        );
        let now = world.now().as_second();
        let claims = json!({
            "aud": endpoint, "iss": id, "sub": id,
            "exp": now + 600, "nbf": now, "iat": now,
        });
        let assertion = self.sign(world, &claims)?;
        let body = form_encoded(&[
            ("grant_type", "client_credentials"),
            ("client_id", id),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
            ("resource", resource),
        ]);
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let reply = world
            .fetch_from(self.plane, "POST", endpoint, &headers, body.as_bytes())
            .map_err(|reason| token_request_failed(&reason))?;
        self.token_of(&reply)
    }

    /// Free/busy by Microsoft Graph. What the connectivity test shows of it is not documented: the path of the request
    /// and that a refusal is 403 are inferred; the text is that of the known issue.
    fn ask_graph(
        &mut self,
        world: &mut World,
        graph: &str,
        user: Option<Person>,
        application: &Application,
    ) -> Result<Reply, Broken> {
        let token = self.application_token(world, graph, application)?;
        let roles = Token::read(&token).map(|token| token.claims);
        let roles = roles.as_ref().and_then(|claims| claims.get("roles"));
        let may = |role: &str| {
            roles
                .and_then(Json::as_array)
                .is_some_and(|roles| roles.iter().any(|other| other == role))
        };
        let address = user.map_or("", |user| user.address);
        let target = format!(
            "{}/v1.0/users/{address}/calendar/getSchedule",
            graph.trim_end_matches('/')
        );
        self.information(
            "OAuthCredentials:Authenticate",
            format!("send request to '{target}'"),
        );
        if world.has(Trouble::GraphFlow) || !may("Calendars.Read") {
            let reason = if may("Calendars.Read") {
                "Your server location could not be determined."
            } else {
                "The token contains no permissions, or permissions can not be understood."
            };
            return Err(broken(format!(
                "System.Net.WebException: The remote server returned an error: (403) Forbidden. {reason}"
            )));
        }
        Ok(Reply::json(200, &json!({"value": []})))
    }
}

/// Checks a token of an application that came to Exchange Online.
pub(super) fn receive(
    world: &World,
    request: &Request,
    bearer: &str,
    token: &Token,
) -> Result<Caller, Diagnostics> {
    let invalid = || diagnostics(2_000_001, "invalid_token", "The token is invalid.");
    if !token.signed || !entra::is_signed(world, bearer, token) {
        return Err(diagnostics(
            2_000_000,
            "invalid_signature",
            "The token has an invalid signature.",
        ));
    }
    check_lifetime(world, token)?;
    if token.claim("tid") != seed::TENANT {
        return Err(invalid());
    }
    let audience = host_of(token.claim("aud"));
    let asked = host_of(&request.authority);
    let names = world.names();
    let served = [asked, names.exchange_host.as_str(), seed::EXCHANGE];
    if !served
        .iter()
        .any(|host| host.eq_ignore_ascii_case(audience))
    {
        return Err(diagnostics(
            2_000_003,
            "invalid_resource",
            format!(
                "The audience claim value is invalid. Actual '{}'.",
                token.claim("aud")
            ),
        ));
    }
    let roles = token.claims.get("roles").and_then(Json::as_array);
    let may = roles.is_some_and(|roles| roles.iter().any(|role| role == "full_access_as_app"));
    if !may {
        // The text is Exchange Online's own, for tokens without a permission that it knows; its number is inferred.
        return Err(diagnostics(
            2_000_010,
            "invalid_grant",
            "The token contains no permissions, or permissions can not be understood.",
        ));
    }
    let body = String::from_utf8_lossy(&request.body);
    let user = body
        .split_once("<t:SmtpAddress>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .and_then(|(address, _)| person_at(address));
    Ok(Caller {
        application: token.claim("appid").to_owned(),
        user,
    })
}
