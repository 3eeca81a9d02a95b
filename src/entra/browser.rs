//! The browser flow: an authorization code with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 8252).

use super::error::{Error, ErrorKind};
use super::outside::{Ask, Prompt};
use super::receiver::{Answer, Receiver};
use super::token::claims;
use super::{Grant, SignIn, Wanted, asking_for, persons_scope};
use crate::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Url;
use std::time::Duration;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What one visit to the browser is recognized by.
struct Visit {
    state: Secret,
    nonce: Secret,
    verifier: Secret,
}

impl SignIn {
    /// Sends a person to the browser and waits until the browser comes back.
    pub(super) async fn by_browser(
        &self,
        wanted: Wanted<'_>,
        note: Option<String>,
        ask: &Ask,
    ) -> Result<Grant, Error> {
        let Wanted {
            client,
            resource,
            claims,
        } = wanted;
        let visit = Visit {
            state: self.random()?,
            nonce: self.random()?,
            verifier: self.random()?,
        };
        let receiver = Receiver::bind().await.map_err(|error| {
            let reason = error.to_string();
            self.error(ErrorKind::NoPort { reason })
        })?;
        let redirect = receiver.address();
        let page = self.authorize_page(wanted, &redirect, &visit)?;
        let prompt = Prompt::Browser {
            service: resource.to_owned(),
            address: page.into(),
            note,
        };
        ask(&prompt).map_err(|failure| {
            self.error(ErrorKind::Unasked {
                failure: failure.message,
            })
        })?;
        let answer = tokio::time::timeout(PATIENCE, receiver.answer(&visit.state))
            .await
            .map_err(|_| {
                let minutes = PATIENCE.as_secs() / 60;
                self.error(ErrorKind::TooLate { minutes })
            })?;
        let code = match answer {
            Answer::Code(code) => code,
            Answer::Refused { error, description } => {
                return Err(Error::brought(self.credential.flow(), &error, &description));
            }
        };
        let mut form = vec![
            ("grant_type", Secret::new("authorization_code")),
            ("client_id", Secret::new(client)),
            ("code", code),
            ("redirect_uri", Secret::new(redirect)),
            ("code_verifier", visit.verifier),
            ("scope", Secret::new(persons_scope(resource))),
        ];
        form.extend(asking_for(claims));
        let grant = self.grant(form).await?;
        self.check_identity(&grant, client, &visit.nonce)?;
        Ok(grant)
    }

    fn authorize_page(
        &self,
        wanted: Wanted<'_>,
        redirect: &str,
        visit: &Visit,
    ) -> Result<Url, Error> {
        let Wanted {
            client,
            resource,
            claims,
        } = wanted;
        let challenge = digest(&SHA256, visit.verifier.expose().as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        let mut page = self.endpoint("authorize")?;
        page.query_pairs_mut()
            .append_pair("client_id", client)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "form_post")
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", &persons_scope(resource))
            .append_pair("state", visit.state.expose())
            .append_pair("nonce", visit.nonce.expose())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("prompt", "select_account");
        if let Some(claims) = claims {
            page.query_pairs_mut().append_pair("claims", claims);
        }
        Ok(page)
    }

    /// The identity token must be the answer to this visit (OpenID Connect Core 3.1.3.7); it came straight from the
    /// sign-in service over TLS, so its signature adds nothing.
    fn check_identity(&self, grant: &Grant, client: &str, nonce: &Secret) -> Result<(), Error> {
        let foreign = |what| self.error(ErrorKind::Foreign { what });
        let token = grant
            .id_token
            .as_ref()
            .ok_or_else(|| foreign("it has no identity token"))?;
        let claims = claims(token.expose());
        if claims["nonce"] != nonce.expose() {
            return Err(foreign("its nonce is another one"));
        }
        let audience = &claims["aud"];
        let single = audience[0].as_str().or(audience.as_str());
        match single {
            Some(audience) if audience == client => Ok(()),
            _ => Err(foreign("it is for another application")),
        }
    }

    fn random(&self) -> Result<Secret, Error> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| self.error(ErrorKind::NoRandom))?;
        Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }
}
