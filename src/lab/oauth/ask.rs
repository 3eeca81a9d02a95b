//! The asking side: from the challenge of the target to the call.

use super::dedicated;
use super::{Issuer, host_of, issuers};
use crate::lab::certificates;
use crate::lab::cmdlet::{Call, not_found};
use crate::lab::front::{Reply, form_encoded};
use crate::lab::object::object;
use crate::lab::seed::{self, PEOPLE, Person};
use crate::lab::token::{Token, unsigned};
use crate::lab::world::{Answer, Refusal, World, guid_of};
use crate::subject::Plane;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

/// What goes wrong on the asking side: the exception that ends the test.
pub(super) struct Broken {
    exception: String,
}

pub(super) fn broken(exception: impl Into<String>) -> Broken {
    Broken {
        exception: exception.into(),
    }
}

pub(super) fn token_request_failed(message: &str) -> Broken {
    broken(format!(
        "System.Net.WebException: The request was aborted: The request was canceled. ---> Microsoft.Exchange.Security.OAuth.OAuthTokenRequestFailedException: {message}"
    ))
}

/// `Test-OAuthConnectivity`.
pub(in crate::lab) fn test_connectivity(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Answer, Refusal> {
    let user = match call.text("Mailbox") {
        Some(_) if call.is_on("AppOnly") => None,
        Some(mailbox) => {
            Some(local_person(call.plane, mailbox).ok_or_else(|| not_found(world, call, mailbox))?)
        }
        None => None,
    };
    let target = world.in_the_world(call.text("TargetUri").unwrap_or_default());
    let service = call.text("Service").unwrap_or_default().to_owned();
    let mut attempt = Attempt {
        plane: call.plane,
        log: String::new(),
    };
    let outcome = attempt.run(world, &target, &service, user);
    let (result, response) = match outcome {
        Ok(reply) => (
            "Success",
            format!("HTTP response message: \r\n{}\r\n", reply.text()),
        ),
        Err(broken) => (
            "Error",
            format!(
                "HTTP response message: \r\nException:\r\n{}\r\n",
                broken.exception
            ),
        ),
    };
    let detail = format!(
        "The configuration was last successfully loaded at 1/1/0001 12:00:00 AM UTC. This was {} minutes ago.\r\n\
         The token cache is being cleared because \"use cached token\" was set to false.\r\n\
         Exchange Outbound Oauth Log:\r\nClient request ID: {}\r\n{}\r\nExchange Response Details:\r\n{response}",
        world.now().as_second() / 60 + MINUTES_BEFORE_1970,
        guid_of(&format!("test {target} {}", world.now())),
        attempt.log,
    );
    let task = match service.as_str() {
        "EWS" => "Checking EWS API Call Under Oauth",
        "AutoD" => "Checking Autodiscover API Call Under Oauth",
        _ => "Checking Generic API Call Under Oauth",
    };
    let node = object([
        ("Task", task.into()),
        ("Detail", detail.into()),
        ("ResultType", result.into()),
        (
            "Identity",
            "Microsoft.Exchange.Security.OAuth.ValidationResultNodeId".into(),
        ),
        ("IsValid", true.into()),
        ("ObjectState", "New".into()),
    ]);
    Ok(Answer::of(vec![node.into()]))
}

/// Minutes between the years 1 and 1970; the configuration of a test that starts afresh was "loaded" in the year 1.
const MINUTES_BEFORE_1970: i64 = 1_035_593_280;

/// One who has a mailbox on a plane, by address, alias or name.
fn local_person(plane: Plane, identity: &str) -> Option<Person> {
    PEOPLE.into_iter().find(|person| {
        person.mailbox == plane
            && [person.address, person.alias, person.name]
                .iter()
                .any(|key| key.eq_ignore_ascii_case(identity))
    })
}

/// One run of the asking side, with what it logs.
pub(super) struct Attempt {
    pub(super) plane: Plane,
    log: String,
}

/// What a challenge says.
struct Challenge {
    client_id: String,
    realm: String,
    issuers: Vec<String>,
}

impl Attempt {
    pub(super) fn information(&mut self, place: &str, message: impl AsRef<str>) {
        let _ = write!(self.log, "Information:[{place}] {}\r\n", message.as_ref());
    }

    fn error(&mut self, place: &str, message: impl AsRef<str>) {
        let _ = write!(self.log, "Error:[{place}] {}\r\n", message.as_ref());
    }

    fn run(
        &mut self,
        world: &mut World,
        target: &str,
        service: &str,
        user: Option<Person>,
    ) -> Result<Reply, Broken> {
        if self.plane == Plane::OnPremises
            && let Some(proxy) = world.proxy()
        {
            let _ = write!(
                self.log,
                "Information:Using custom InternetWebProxy {proxy}.\r\n"
            );
        }
        self.information("OAuthCredentials:Authenticate", "entering");
        let challenge = self.challenge(world, target)?;
        let issuer = self.choose(world, &challenge, user)?;
        if self.plane == Plane::OnPremises
            && let Some(application) = dedicated::find(world, &issuer.realm)
        {
            return self.run_dedicated(world, target, service, user, &application);
        }
        let (client, host) = (&challenge.client_id, host_of(target));
        let resource = format!("{client}/{host}@{}", issuer.realm);
        let actor = self.actor_token(world, &issuer, &resource, user)?;
        let bearer = self.outer_token(world, &issuer, &resource, &actor, user);
        self.send(world, target, &probe(service, None), &bearer)
    }

    /// Asks the target who it believes.
    fn challenge(&mut self, world: &mut World, target: &str) -> Result<Challenge, Broken> {
        let headers = [
            ("Authorization", "Bearer"),
            ("Content-Type", "text/xml; charset=utf-8"),
        ];
        let reply = world
            .fetch_from(self.plane, "POST", target, &headers, &[])
            .map_err(|reason| broken(format!("System.Net.WebException: {reason}")))?;
        let header = reply
            .find_header("www-authenticate")
            .unwrap_or_default()
            .to_owned();
        if reply.status != 401 {
            return Err(broken(format!(
                "System.Net.WebException: {}",
                reply.as_web_exception()
            )));
        }
        let Some(challenge) = read_challenge(&header) else {
            self.error(
                "OAuthCredentials:Authenticate",
                format!("the challenge from '{target}' has no Bearer part: {header}"),
            );
            return Err(token_request_failed(
                "The challenge value returned from the server is invalid. The URL may not support OAuth.",
            ));
        };
        self.information(
            "OAuthCredentials:Authenticate",
            format!("challenge from '{target}' received: {header}"),
        );
        self.information(
            "OAuthCredentials:GetToken",
            format!(
                "client-id: '{}', realm: '{}', trusted_issuer: '{}'",
                challenge.client_id,
                challenge.realm,
                challenge.issuers.join(",")
            ),
        );
        if challenge.client_id.is_empty() {
            return Err(token_request_failed(
                "The client ID in the challenge is empty.",
            ));
        }
        Ok(challenge)
    }

    /// Picks the enabled authorization server of this side that the target believes.
    fn choose(
        &mut self,
        world: &World,
        challenge: &Challenge,
        user: Option<Person>,
    ) -> Result<Issuer, Broken> {
        let place = "OAuthTokenBuilder:GetAppToken";
        let organization = if self.plane == Plane::OnPremises {
            ""
        } else {
            seed::TENANT
        };
        let builder = if user.is_some() {
            "OAuthTokenBuilder:GetAppWithUserToken"
        } else {
            place
        };
        self.information(
            builder,
            format!("Start building a token using organizationId '{organization}'"),
        );
        self.information(place, "start building the apptoken");
        self.information(place, "checking enabled auth servers");
        let servers = issuers(world, self.plane);
        check_realms(&servers)?;
        let mut believed: Vec<&(Issuer, String)> = Vec::new();
        for entry in &servers {
            let (server, domains) = entry;
            let named = format!("{}@{}", server.identifier, server.realm);
            let issuers = &challenge.issuers;
            if issuers
                .iter()
                .any(|issuer| trusts(issuer, &server.identifier, &server.realm))
            {
                self.information(place, format!("trusted_issuer includes the auth server '{}' (having DomainName: {domains}): {named},", server.name));
                believed.push(entry);
            } else {
                self.information(
                    place,
                    format!(
                        "trusted_issuer does NOT include the auth server '{}': {named}",
                        server.name
                    ),
                );
            }
        }
        believed.sort_by_key(|(_, domains)| distance(domains, user));
        if let Some((server, _)) = believed.first() {
            let realm = &server.realm;
            self.information(place, format!("updating the tenant id with the auth server realm; current tenant id value is '{organization}', new value is '{realm}'"));
            return Ok(server.clone());
        }
        let listed = challenge.issuers.join(",");
        self.error(
            place,
            format!("unable to continue building token; no locally configured issuer was in the trusted_issuer list, realm from challenge was also empty. trusted_issuers was {listed}"),
        );
        Err(token_request_failed(&format!(
            "The trusted issuers contained the following entries '{listed}'. None of them are configured locally."
        )))
    }

    /// Signs an assertion with this side's certificate and gets an actor token for it.
    fn actor_token(
        &mut self,
        world: &mut World,
        issuer: &Issuer,
        resource: &str,
        user: Option<Person>,
    ) -> Result<String, Broken> {
        let tenant = issuer.realm.as_str();
        let domain = user
            .and_then(|user| user.address.split_once('@'))
            .map_or("", |(_, domain)| domain);
        self.information(
            "OAuthTokenBuilder:GetAppToken",
            format!("trying to get the apptoken from the auth server '{}' for resource '{resource}', tenantId '{tenant}', userDomain '{domain}'", issuer.name),
        );
        self.information(
            "TokenCache:GetActorToken",
            format!(
                "Each key and its counts are L:{}-AS:{}@{tenant}, 0",
                seed::EXCHANGE,
                issuer.identifier
            ),
        );
        self.information(
            "TokenCache:GetActorToken",
            "try to get a new token synchronously",
        );
        self.information(
            "TokenBuildRequest:GetActorTokenFromAuthServer",
            format!(
                "Sending token request to '{}' for the resource '{resource}'",
                issuer.endpoint
            ),
        );
        let now = world.now().as_second();
        let host = host_of(&issuer.endpoint);
        let claims = json!({
            "iss": format!("{}@{tenant}", seed::EXCHANGE),
            "aud": format!("{}/{host}@{tenant}", issuer.identifier),
            "exp": now + 600, "nbf": now,
        });
        let assertion = self.sign(world, &claims)?;
        let body = form_encoded(&[
            ("grant_type", "http://oauth.net/grant_type/jwt/1.0/bearer"),
            ("assertion", &assertion),
            ("resource", resource),
        ]);
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let reply = world
            .fetch_from(
                self.plane,
                "POST",
                &issuer.endpoint,
                &headers,
                body.as_bytes(),
            )
            .map_err(|reason| token_request_failed(&reason))?;
        self.token_of(&reply)
    }

    /// The token in the answer of a token endpoint.
    pub(super) fn token_of(&mut self, reply: &Reply) -> Result<String, Broken> {
        let answer: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Json::as_str).unwrap_or_default();
        if reply.status == 200 && !text("access_token").is_empty() {
            self.information("OAuthTokenBuilder:GetAppToken", "finish building apptoken");
            return Ok(text("access_token").to_owned());
        }
        let failure = format!(
            "Unable to get token from Auth Server. Error code: '{}'. Description: '{}'.",
            text("error"),
            text("error_description")
        );
        self.error(
            "TokenBuildRequest:GetActorTokenFromAuthServer",
            format!(
                "Unable to get the token. Error code: '{}'. Description: '{}'.",
                text("error"),
                text("error_description")
            ),
        );
        Err(token_request_failed(&failure))
    }

    /// Signs with the certificate that this side is configured for.
    pub(super) fn sign(&mut self, world: &World, claims: &Json) -> Result<String, Broken> {
        let missing = || {
            broken(
                "Microsoft.Exchange.Security.OAuth.OAuthTokenRequestFailedException: Missing signing certificate.",
            )
        };
        let signed = match self.plane {
            Plane::OnPremises => {
                let here = world.names().server(self.plane);
                let held = world
                    .auth_config("CurrentCertificateThumbprint")
                    .and_then(|current| certificates::held(world, here, current));
                let signer = held.and_then(|held| {
                    let mut signers = world.signers().exchange.iter();
                    signers.find(|signer| signer.certificate == held)
                });
                signer.and_then(|signer| signer.sign(claims, false))
            }
            _ => world.signers().exchange_online.sign(claims, false),
        };
        signed.ok_or_else(missing)
    }

    /// The token that goes to the target: the actor token in an unsigned one that names the user, or alone.
    fn outer_token(
        &mut self,
        world: &World,
        issuer: &Issuer,
        resource: &str,
        actor: &str,
        user: Option<Person>,
    ) -> String {
        let Some(user) = user else {
            return actor.to_owned();
        };
        let tenant = &issuer.realm;
        let now = world.now().as_second();
        unsigned(&json!({
            "iss": format!("{}@{tenant}", seed::EXCHANGE),
            "aud": resource,
            "nbf": now, "exp": now + 28_800,
            "nameid": guid_of(user.address).replace('-', "").get(..16).unwrap_or_default(),
            "nii": "urn:federation:MicrosoftOnline",
            "upn": user.address,
            "smtp": user.address,
            "sip": user.address,
            "actortoken": actor,
        }))
    }

    /// Calls the target and looks at its answer.
    pub(super) fn send(
        &mut self,
        world: &mut World,
        target: &str,
        body: &str,
        bearer: &str,
    ) -> Result<Reply, Broken> {
        self.information(
            "OAuthCredentials:Authenticate",
            format!(
                "send request to '{target}' with the bearer token: '{}'",
                described(bearer)
            ),
        );
        let authorization = format!("Bearer {bearer}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "text/xml; charset=utf-8"),
        ];
        let reply = world
            .fetch_from(self.plane, "POST", target, &headers, body.as_bytes())
            .map_err(|reason| broken(format!("System.Net.WebException: {reason}")))?;
        if reply.status == 200 {
            return Ok(reply);
        }
        let diagnostics = reply
            .find_header("x-ms-diagnostics")
            .map(|text| format!(" diagnostics: {text}"))
            .unwrap_or_default();
        Err(broken(format!(
            "System.Net.WebException: {}\r\n   at System.Net.HttpWebRequest.GetResponse()\r\n   at Microsoft.Exchange.Management.SystemConfigurationTasks.TestOAuthConnectivityHelper.SendExchangeOAuthRequest(ADUser user, String orgDomain, Uri targetUri, String& diagnosticMessage, Boolean appOnly, Boolean useCachedToken, Boolean reloadConfig){diagnostics}",
            reply.as_web_exception()
        )))
    }
}

fn check_realms(servers: &[(Issuer, String)]) -> Result<(), Broken> {
    for (at, (server, _)) in servers.iter().enumerate() {
        if servers
            .iter()
            .skip(at + 1)
            .any(|(other, _)| other.realm.eq_ignore_ascii_case(&server.realm))
        {
            return Err(token_request_failed(&match server.realm.as_str() {
                "" => "Multiple Auth Servers have an empty realm configured.".to_owned(),
                realm => format!("Multiple Auth Servers have same realm '{realm}'."),
            }));
        }
    }
    Ok(())
}

/// How far a server's domains are from a user's: of several servers, the one that names the user's domain comes first,
/// then one that names none.
fn distance(domains: &str, user: Option<Person>) -> u8 {
    let domain = user
        .and_then(|user| user.address.split_once('@'))
        .map_or("", |(_, domain)| domain);
    match domains {
        "" => 1,
        _ if domains
            .split(',')
            .any(|other| other.eq_ignore_ascii_case(domain)) =>
        {
            0
        }
        _ => 2,
    }
}

/// Whether `identifier@realm`, an asterisk standing for any realm, stands for an issuer.
fn trusts(entry: &str, identifier: &str, realm: &str) -> bool {
    let (id, of) = entry.split_once('@').unwrap_or((entry, "*"));
    id == identifier && (of == "*" || of.eq_ignore_ascii_case(realm))
}

fn read_challenge(header: &str) -> Option<Challenge> {
    let bearer = header.split_once("Bearer ")?.1;
    let value = |name: &str| -> String {
        let after = bearer
            .split_once(&format!("{name}=\""))
            .map_or("", |(_, after)| after);
        after.split('"').next().unwrap_or_default().to_owned()
    };
    bearer.contains("client_id=").then(|| Challenge {
        client_id: value("client_id"),
        realm: value("realm"),
        issuers: value("trusted_issuers")
            .split(',')
            .map(|issuer| issuer.trim().to_owned())
            .filter(|issuer| !issuer.is_empty())
            .collect(),
    })
}

/// A bearer token as the log shows it: the claims, and never a signature.
fn described(bearer: &str) -> String {
    let Some(token) = Token::read(bearer) else {
        return String::new();
    };
    let claims = |token: &Token| -> String {
        let shown = ["oid", "iss", "aud", "nbf", "exp"];
        shown
            .iter()
            .filter_map(|name| {
                token.claims.get(*name).map(|value| {
                    format!(
                        "\"{name}\": \"{}\"",
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned)
                    )
                })
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let outer = format!("{}.{}", token.header, claims(&token));
    match Token::read(token.claim("actortoken")) {
        Some(actor) => format!("{outer} ; actor: {}.{}", actor.header, claims(&actor)),
        None => outer,
    }
}

/// The call that is tried out, for somebody where the caller's token names nobody.
pub(super) fn probe(service: &str, user: Option<Person>) -> String {
    let body = match service {
        "EWS" => {
            "<m:GetFolder xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id=\"inbox\" /></m:FolderIds></m:GetFolder>"
        }
        _ => "",
    };
    let header = user.filter(|_| service == "EWS").map_or_else(String::new, |user| {
        format!(
            "<soap:Header><t:ExchangeImpersonation xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><t:ConnectingSID><t:SmtpAddress>{}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header>",
            user.address
        )
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}<soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}
