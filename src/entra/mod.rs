//! Signing in to Entra ID: a [`SignIn`] turns a [`Credential`] into access tokens and keeps them until shortly before
//! they end.
//!
//! The flows of an application are here: client secret, and certificate with a signed assertion. The flows of a person
//! and of a machine have their place in [`Credential::new`]. It knows nothing of what the tokens are for, and never
//! prints one.

mod advice;
mod assertion;
mod error;

pub use assertion::Algorithm;
pub use error::{Error, ErrorKind, Flow};

use crate::clock::Clock;
use crate::http;
use crate::organization::SignInMethod;
use crate::secret::Secret;
use assertion::Signer;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::Mutex;

/// What an application proves itself with.
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
}

impl Credential {
    /// Makes the credential of a method of the organization file from what the file names.
    ///
    /// # Errors
    ///
    /// When something that the method needs is not given, or when the method is not available yet.
    pub fn new(
        method: SignInMethod,
        client_id: Option<String>,
        secret: Option<Secret>,
        pem: Option<Secret>,
    ) -> Result<Self, Error> {
        let missing = |flow, key| move || Error::new(flow, ErrorKind::Missing { method, key });
        match method {
            SignInMethod::ClientSecret => Ok(Self::ClientSecret {
                client_id: client_id
                    .ok_or_else(missing(Flow::ClientSecret, "sign_in.client_id"))?,
                secret: secret.ok_or_else(missing(Flow::ClientSecret, "sign_in.secret"))?,
            }),
            SignInMethod::Certificate => Ok(Self::Certificate {
                client_id: client_id.ok_or_else(missing(Flow::Certificate, "sign_in.client_id"))?,
                pem: pem.ok_or_else(missing(Flow::Certificate, "sign_in.certificate"))?,
                algorithm: Algorithm::default(),
            }),
            SignInMethod::Browser
            | SignInMethod::DeviceCode
            | SignInMethod::ManagedIdentity
            | SignInMethod::AzureCli
            | SignInMethod::WorkloadIdentity => {
                Err(Error::new(Flow::Other, ErrorKind::NotAvailable { method }))
            }
        }
    }

    fn client_id(&self) -> &str {
        match self {
            Self::ClientSecret { client_id, .. } | Self::Certificate { client_id, .. } => client_id,
        }
    }

    fn flow(&self) -> Flow {
        match self {
            Self::ClientSecret { .. } => Flow::ClientSecret,
            Self::Certificate { .. } => Flow::Certificate,
        }
    }

    /// What must not come back in an error's text.
    fn secret(&self) -> &Secret {
        match self {
            Self::ClientSecret { secret, .. } => secret,
            Self::Certificate { pem, .. } => pem,
        }
    }
}

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
    /// The application roles (`roles`).
    pub roles: Vec<String>,
    /// When it ends; absent when nobody said, and then it is used once.
    pub expires: Option<Timestamp>,
    renew_at: Option<Timestamp>,
}

/// Signs in as one application to one tenant and keeps the tokens in memory.
#[derive(Debug)]
pub struct SignIn {
    http: http::Client,
    login: String,
    tenant: String,
    credential: Credential,
    clock: Clock,
    signer: OnceLock<Result<Signer, Error>>,
    tokens: Mutex<HashMap<String, Token>>,
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
            tokens: Mutex::default(),
        }
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
        // Held while asking, so that two roads do not ask for the same token.
        let mut tokens = self.tokens.lock().await;
        let now = self.clock.now();
        if let Some(token) = tokens.get(resource)
            && token.renew_at.is_some_and(|renew_at| now < renew_at)
        {
            return Ok(token.clone());
        }
        let token = self.request(resource).await?;
        tokens.insert(resource.to_owned(), token.clone());
        Ok(token)
    }

    /// A token in place of one that the resource refused.
    ///
    /// # Errors
    ///
    /// As [`SignIn::token`].
    pub async fn renew(&self, resource: &str, refused: &Token) -> Result<Token, Error> {
        let mut tokens = self.tokens.lock().await;
        if tokens.get(resource) == Some(refused) {
            tokens.remove(resource);
        }
        drop(tokens);
        self.token(resource).await
    }

    async fn request(&self, resource: &str) -> Result<Token, Error> {
        let address = self.token_endpoint()?;
        let scope = format!("{}/.default", resource.trim_end_matches('/'));
        let mut form = vec![
            ("grant_type", Secret::new("client_credentials")),
            ("client_id", Secret::new(self.credential.client_id())),
            ("scope", Secret::new(scope)),
        ];
        form.extend(self.proof(address.as_str())?);
        let request = http::Request::read(Method::POST, address)
            .header("Accept", "application/json")
            .header("client-request-id", uuid::Uuid::new_v4().to_string())
            .form(form)
            .within(Duration::from_secs(30));
        let road = |error| self.road(error);
        let answer = self.http.send(&request).await.map_err(road)?;
        let json = answer.json().map_err(road)?;
        if answer.is_success() {
            self.read_token(&answer, &json)
        } else {
            let error = Error::refused(self.credential.flow(), answer.status(), &json);
            Err(error.without(self.credential.secret()))
        }
    }

    fn token_endpoint(&self) -> Result<Url, Error> {
        let login = self.login.trim_end_matches('/');
        let address = format!("{login}/{}/oauth2/v2.0/token", self.tenant);
        http::parse_url(&address).map_err(|error| self.road(error))
    }

    /// The fields that prove who asks.
    fn proof(&self, audience: &str) -> Result<Vec<(&'static str, Secret)>, Error> {
        let (client_id, pem, algorithm) = match &self.credential {
            Credential::ClientSecret { secret, .. } => {
                return Ok(vec![("client_secret", secret.clone())]);
            }
            Credential::Certificate {
                client_id,
                pem,
                algorithm,
            } => (client_id, pem, *algorithm),
        };
        let signer = self
            .signer
            .get_or_init(|| Signer::new(pem, algorithm))
            .as_ref()
            .map_err(Clone::clone)?;
        let identifier = uuid::Uuid::new_v4().to_string();
        let assertion = signer.sign(client_id, audience, &identifier, self.clock.now())?;
        let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        Ok(vec![
            ("client_assertion_type", Secret::new(assertion_type)),
            ("client_assertion", assertion),
        ])
    }

    fn read_token(&self, answer: &http::Response, json: &Json) -> Result<Token, Error> {
        let token = json["access_token"].as_str().unwrap_or_default();
        if token.is_empty() {
            let error = http::Error::shape(answer.url(), "an access token");
            return Err(self.road(error));
        }
        let claims = claims(token);
        let claim = |name: &str| claims[name].as_str().map(str::to_owned);
        let now = self.clock.now();
        let lifetime = lifetime(json, &claims, now);
        let margin = |lifetime: SignedDuration| (lifetime / 4).min(SignedDuration::from_mins(5));
        let roles = claims["roles"].as_array().into_iter().flatten();
        Ok(Token {
            secret: Secret::new(token),
            tenant_id: claim("tid"),
            app_id: claim("appid").or_else(|| claim("azp")),
            app_name: claim("app_displayname"),
            object_id: claim("oid"),
            roles: roles
                .filter_map(|role| role.as_str().map(str::to_owned))
                .collect(),
            expires: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
            renew_at: lifetime
                .and_then(|lifetime| now.checked_add(lifetime - margin(lifetime)).ok()),
        })
    }

    fn road(&self, error: http::Error) -> Error {
        Error::new(self.credential.flow(), ErrorKind::Road(error))
    }
}

/// How long a token lives: by `expires_in`, a number or its text, or by its own `exp`.
fn lifetime(answer: &Json, claims: &Json, now: Timestamp) -> Option<SignedDuration> {
    let said = &answer["expires_in"];
    said.as_i64()
        .or_else(|| said.as_str()?.parse().ok())
        .or_else(|| Some(claims["exp"].as_i64()?.saturating_sub(now.as_second())))
        .filter(|seconds| (1..=i64::from(u32::MAX)).contains(seconds))
        .map(SignedDuration::from_secs)
}

/// The claims of a token, or null when it is none that can be read.
fn claims(token: &str) -> Json {
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
