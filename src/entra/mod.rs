//! Signing in to Entra ID: a [`SignIn`] turns a [`Credential`] into access tokens and keeps them until shortly before
//! they end.
//!
//! An application proves itself with a secret, a certificate or a token of its platform; a person signs in with a
//! browser, here or elsewhere; a machine of Azure and the Azure CLI have an identity already. Whatever that needs of
//! the world outside is granted as an [`Outside`]. Nothing here knows what the tokens are for, or prints one.

mod advice;
mod assertion;
mod azure_cli;
mod browser;
mod device;
mod discovery;
mod error;
mod machine;
mod outside;
mod pkcs12;
mod receiver;
mod token;

pub use discovery::{Found, find_clouds};
pub use error::{Error, ErrorKind, Flow};
pub use outside::{Ask, Keep, Memory, Outside, Prompt, ReadFile, RunProgram, Variable};
pub use pkcs12::key_and_certificate;
pub use token::Token;

pub use crate::organization::Algorithm;

use crate::clock::Clock;
use crate::http;
use crate::organization::SignInMethod;
use crate::secret::Secret;
use assertion::Signer;
use outside::State;
use reqwest::{Method, Url};
use serde_json::Value as Json;
use std::sync::OnceLock;
use std::time::Duration;

/// Azure PowerShell's application: Microsoft authorized it for Microsoft Graph, in every cloud.
const GRAPH_CLIENT: &str = "1950a258-227b-4e31-a9cf-717495945fc2";

/// The application of Exchange Online's own PowerShell module.
const EXCHANGE_CLIENT: &str = "fb78d390-0c51-40cd-8e17-fdbfab77341b";

/// What somebody proves themselves with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// A client secret.
    ClientSecret {
        /// The application.
        client_id: String,
        /// The secret's value, not its id.
        secret: Secret,
    },
    /// A certificate whose private key signs assertions.
    Certificate {
        /// The application.
        client_id: String,
        /// The private key and the certificate, as PEM.
        pem: Secret,
        /// How to sign.
        algorithm: Algorithm,
    },
    /// A token that the platform of a workload gave it.
    WorkloadIdentity {
        /// The application; absent for the one that the platform names.
        client_id: Option<String>,
    },
    /// The identity of a machine in Azure.
    ManagedIdentity {
        /// The application of one that was assigned; absent for the machine's own.
        client_id: Option<String>,
    },
    /// Whoever signed in to the Azure CLI.
    AzureCli,
    /// A person with a browser on this machine.
    Browser {
        /// The application; absent for Microsoft's own.
        client_id: Option<String>,
    },
    /// A person with a browser on any machine.
    DeviceCode {
        /// The application; absent for Microsoft's own.
        client_id: Option<String>,
    },
}

impl Credential {
    /// Makes the credential of a method of the organization file from what the file names.
    ///
    /// # Errors
    ///
    /// When something that the method needs is not given.
    pub fn new(
        method: SignInMethod,
        client_id: Option<String>,
        secret: Option<Secret>,
        pem: Option<Secret>,
        algorithm: Algorithm,
    ) -> Result<Self, Error> {
        let missing = |flow, key| move || Error::new(flow, ErrorKind::Missing { method, key });
        Ok(match method {
            SignInMethod::ClientSecret => Self::ClientSecret {
                client_id: client_id
                    .ok_or_else(missing(Flow::ClientSecret, "sign_in.client_id"))?,
                secret: secret.ok_or_else(missing(Flow::ClientSecret, "sign_in.secret"))?,
            },
            SignInMethod::Certificate => Self::Certificate {
                client_id: client_id.ok_or_else(missing(Flow::Certificate, "sign_in.client_id"))?,
                pem: pem.ok_or_else(missing(Flow::Certificate, "sign_in.certificate"))?,
                algorithm,
            },
            SignInMethod::Browser => Self::Browser { client_id },
            SignInMethod::DeviceCode => Self::DeviceCode { client_id },
            SignInMethod::ManagedIdentity => Self::ManagedIdentity { client_id },
            SignInMethod::AzureCli => Self::AzureCli,
            SignInMethod::WorkloadIdentity => Self::WorkloadIdentity { client_id },
        })
    }

    fn flow(&self) -> Flow {
        match self {
            Self::ClientSecret { .. } => Flow::ClientSecret,
            Self::Certificate { .. } => Flow::Certificate,
            Self::WorkloadIdentity { .. } => Flow::WorkloadIdentity,
            Self::ManagedIdentity { .. } => Flow::ManagedIdentity,
            Self::AzureCli => Flow::AzureCli,
            Self::Browser { .. } => Flow::Browser,
            Self::DeviceCode { .. } => Flow::DeviceCode,
        }
    }
}

/// Signs in to one tenant and keeps the tokens in memory.
#[derive(Debug)]
pub struct SignIn {
    http: http::Client,
    login: String,
    tenant: String,
    credential: Credential,
    clock: Clock,
    signer: OnceLock<Result<Signer, Error>>,
    outside: Outside,
    exchange_online: Option<String>,
}

impl SignIn {
    /// Makes a sign-in; nothing is sent before the first token is asked for.
    ///
    /// `login` is the address of the sign-in service, `https://host`; `tenant` a domain or the tenant id.
    pub fn new(
        http: http::Client,
        login: String,
        tenant: String,
        credential: Credential,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            login,
            tenant,
            credential,
            clock,
            signer: OnceLock::new(),
            outside: Outside::default(),
            exchange_online: None,
        }
    }

    /// Grants it what it may ask of the world outside.
    #[must_use]
    pub fn with_outside(mut self, outside: Outside) -> Self {
        self.outside = outside;
        self
    }

    /// Says which resource is Exchange Online, for which Microsoft has another application than for the rest.
    #[must_use]
    pub fn with_exchange_online(mut self, resource: String) -> Self {
        self.exchange_online = Some(resource);
        self
    }

    /// The tenant as it was given.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// How many requests were sent for it.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// A token for a resource such as Microsoft Graph, named by its address `https://host`.
    ///
    /// # Errors
    ///
    /// When signing in was refused or was not possible.
    pub async fn token(&self, resource: &str) -> Result<Token, Error> {
        // Held while asking, so that two roads do not ask for the same token, nor a person for two at once.
        let mut memory = self.outside.memory.lock().await;
        let now = self.clock.now();
        if let Some(token) = memory.tokens.get(resource)
            && token.renew_at.is_some_and(|renew_at| now < renew_at)
        {
            return Ok(token.clone());
        }
        let token = self.request(resource, None, &mut memory).await?;
        memory.insert(resource, &token, None);
        Ok(token)
    }

    /// A token in place of one that the resource refused, for the claims that it asked for, if it did.
    ///
    /// # Errors
    ///
    /// As [`SignIn::token`].
    pub async fn renew(
        &self,
        resource: &str,
        refused: &Token,
        claims: Option<&str>,
    ) -> Result<Token, Error> {
        let mut memory = self.outside.memory.lock().await;
        // Somebody else may have got a newer one meanwhile, which serves if it answers the same challenge.
        let answers = |claims| memory.answered.get(resource).map(String::as_str) == Some(claims);
        if let Some(token) = memory.tokens.get(resource)
            && token != refused
            && claims.is_none_or(answers)
        {
            return Ok(token.clone());
        }
        memory.tokens.remove(resource);
        let token = self.request(resource, claims, &mut memory).await?;
        memory.insert(resource, &token, claims);
        Ok(token)
    }

    async fn request(
        &self,
        resource: &str,
        claims: Option<&str>,
        memory: &mut State,
    ) -> Result<Token, Error> {
        match &self.credential {
            Credential::ClientSecret { client_id, secret } => {
                let proof = vec![("client_secret", secret.clone())];
                self.application(client_id, resource, claims, proof).await
            }
            Credential::Certificate {
                client_id,
                pem,
                algorithm,
            } => {
                let assertion = self.assertion(client_id, pem, *algorithm)?;
                self.application(client_id, resource, claims, asserted(assertion))
                    .await
            }
            Credential::WorkloadIdentity { client_id } => {
                let (client_id, assertion) = self.workload(client_id.as_deref())?;
                self.application(&client_id, resource, claims, asserted(assertion))
                    .await
            }
            // These two have no way to ask for claims; a token made anew may satisfy the service all the same.
            Credential::ManagedIdentity { client_id } => {
                self.machine(client_id.as_deref(), resource).await
            }
            Credential::AzureCli => self.azure_cli(resource).await,
            Credential::Browser { client_id } | Credential::DeviceCode { client_id } => {
                self.person(client_id.as_deref(), resource, claims, memory)
                    .await
            }
        }
    }

    /// Client credentials (RFC 6749 section 4.4).
    async fn application(
        &self,
        client_id: &str,
        resource: &str,
        claims: Option<&str>,
        proof: Vec<(&'static str, Secret)>,
    ) -> Result<Token, Error> {
        let mut form = vec![
            ("grant_type", Secret::new("client_credentials")),
            ("client_id", Secret::new(client_id)),
            ("scope", Secret::new(default_scope(resource))),
        ];
        form.extend(proof);
        form.extend(asking_for(claims));
        Ok(self.grant(form).await?.token)
    }

    /// A person: by the refresh token of an earlier sign-in if it serves, otherwise by asking.
    async fn person(
        &self,
        own: Option<&str>,
        resource: &str,
        claims: Option<&str>,
        memory: &mut State,
    ) -> Result<Token, Error> {
        let client = own.unwrap_or_else(|| self.microsofts_client(resource));
        let key = format!("{}/{} {client}", self.login, self.tenant);
        let mut note = None;
        let mut claims = claims.map(str::to_owned);
        if let Some(refresh) = memory.refresh.get(&key).cloned() {
            let refreshed = self.refresh(client, resource, claims.as_deref(), refresh);
            match refreshed.await {
                Ok(grant) => return self.remember(grant, key, memory),
                Err(error) if error.asks_for_the_person() => {
                    note = Some(format!(
                        "the earlier sign-in does not serve for it: {error}"
                    ));
                    claims = error.claims().map(str::to_owned).or(claims);
                }
                Err(error) => return Err(error),
            }
        } else if own.is_none() && !memory.refresh.is_empty() {
            note = Some(
                "Microsoft's applications serve one service each, so this is a sign-in of its own; with an application of your own as \"sign_in.client_id\" one is enough"
                    .to_owned(),
            );
        }
        let method = self.credential.flow();
        let ask = self
            .outside
            .ask
            .as_ref()
            .ok_or_else(|| Error::new(method, ErrorKind::NobodyToAsk))?;
        let wanted = Wanted {
            client,
            resource,
            claims: claims.as_deref(),
        };
        let grant = match method {
            Flow::Browser => self.by_browser(wanted, note, ask).await?,
            _ => self.by_device_code(wanted, note, ask).await?,
        };
        self.remember(grant, key, memory)
    }

    fn remember(&self, grant: Grant, key: String, memory: &mut State) -> Result<Token, Error> {
        if let Some(refresh) = grant.refresh {
            let flow = self.credential.flow();
            self.outside.memory.remember(memory, key, &refresh, flow)?;
        }
        Ok(grant.token)
    }

    /// Refreshing (RFC 6749 section 6).
    async fn refresh(
        &self,
        client: &str,
        resource: &str,
        claims: Option<&str>,
        refresh: Secret,
    ) -> Result<Grant, Error> {
        let mut form = vec![
            ("grant_type", Secret::new("refresh_token")),
            ("client_id", Secret::new(client)),
            ("refresh_token", refresh),
            ("scope", Secret::new(persons_scope(resource))),
        ];
        form.extend(asking_for(claims));
        self.grant(form).await
    }

    /// The application of Microsoft that people sign in with to a resource.
    fn microsofts_client(&self, resource: &str) -> &'static str {
        match &self.exchange_online {
            Some(exchange_online) if exchange_online == resource => EXCHANGE_CLIENT,
            _ => GRAPH_CLIENT,
        }
    }

    /// Asks the token endpoint.
    async fn grant(&self, form: Vec<(&'static str, Secret)>) -> Result<Grant, Error> {
        let answer = self.ask("token", form).await?;
        let json = self.read(&answer)?;
        let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty());
        let Some(token) = text("access_token") else {
            let error = http::Error::shape(answer.url(), "an access token");
            return Err(self.road(error));
        };
        Ok(Grant {
            token: Token::read(token, &json, self.clock.now()),
            refresh: text("refresh_token").map(Secret::new),
            id_token: text("id_token").map(Secret::new),
        })
    }

    /// Sends a form to an endpoint of the tenant; an answer that refuses is an error.
    async fn ask(
        &self,
        endpoint: &str,
        form: Vec<(&'static str, Secret)>,
    ) -> Result<http::Response, Error> {
        let secrets: Vec<Secret> = form
            .iter()
            .filter(|(name, _)| !["grant_type", "client_id", "scope", "claims"].contains(name))
            .map(|(_, value)| value.clone())
            .collect();
        let request = http::Request::read(Method::POST, self.endpoint(endpoint)?)
            .header("Accept", "application/json")
            .header("client-request-id", uuid::Uuid::new_v4().to_string())
            .form(form)
            .within(Duration::from_secs(30));
        let answer = self.http.send(&request).await;
        let answer = answer.map_err(|error| self.road(error))?;
        if answer.is_success() {
            return Ok(answer);
        }
        let refused = Error::refused(
            self.credential.flow(),
            answer.status(),
            &self.read(&answer)?,
        );
        Err(secrets.iter().fold(refused, Error::without))
    }

    fn read(&self, answer: &http::Response) -> Result<Json, Error> {
        answer.json().map_err(|error| self.road(error))
    }

    fn endpoint(&self, name: &str) -> Result<Url, Error> {
        let login = self.login.trim_end_matches('/');
        let address = format!("{login}/{}/oauth2/v2.0/{name}", self.tenant);
        http::parse_url(&address).map_err(|error| self.road(error))
    }

    fn assertion(
        &self,
        client_id: &str,
        pem: &Secret,
        algorithm: Algorithm,
    ) -> Result<Secret, Error> {
        let signer = self
            .signer
            .get_or_init(|| Signer::new(pem, algorithm))
            .as_ref()
            .map_err(Clone::clone)?;
        let identifier = uuid::Uuid::new_v4().to_string();
        let audience = self.endpoint("token")?;
        signer.sign(client_id, audience.as_str(), &identifier, self.clock.now())
    }

    fn road(&self, error: http::Error) -> Error {
        Error::new(self.credential.flow(), ErrorKind::Road(error))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(self.credential.flow(), kind)
    }
}

/// What the token endpoint gave.
struct Grant {
    token: Token,
    refresh: Option<Secret>,
    id_token: Option<Secret>,
}

/// What a person is asked to sign in for.
#[derive(Clone, Copy)]
struct Wanted<'ask> {
    client: &'ask str,
    resource: &'ask str,
    claims: Option<&'ask str>,
}

/// The field of a form that asks for claims (OpenID Connect Core section 5.5).
fn asking_for(claims: Option<&str>) -> Option<(&'static str, Secret)> {
    claims.map(|claims| ("claims", Secret::new(claims)))
}

/// The fields of a client assertion (RFC 7523 section 2.2).
fn asserted(assertion: Secret) -> Vec<(&'static str, Secret)> {
    let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    vec![
        ("client_assertion_type", Secret::new(assertion_type)),
        ("client_assertion", assertion),
    ]
}

fn default_scope(resource: &str) -> String {
    format!("{}/.default", resource.trim_end_matches('/'))
}

/// With a refresh token and the name of who signed in.
fn persons_scope(resource: &str) -> String {
    format!("{} offline_access openid profile", default_scope(resource))
}
