//! Requests to a running lab, written by hand: none of the program's own clients is used.

use exoauth::clock::Clock;
use exoauth::cloud::CloudName;
use exoauth::lab::{Certificate, Front, Lab, LabOptions, Rules, Seed, World};
use exoauth::organization::SecretSource;
use exoauth::secret::Secret;
use exoauth::subject::Plane;
use exoauth::value::Value;
use serde_json::{Value as Json, json};
use std::error::Error;

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// The application that Exchange on both sides speaks as.
pub(crate) const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
pub(crate) const TENANT: &str = "6f2c1b9e-4d3a-4c57-9a63-1d0c5e8b7f24";

/// A lab, and a plain HTTPS client that trusts its authority.
pub(crate) struct Hand {
    pub(crate) lab: Lab,
    pub(crate) client: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Back {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Back {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Hand {
    pub(crate) async fn new() -> Result<Self, Box<dyn Error>> {
        Self::with(CloudName::Worldwide, Rules::BeforeBlock, Seed::default()).await
    }

    pub(crate) async fn with(
        cloud: CloudName,
        rules: Rules,
        seed: Seed,
    ) -> Result<Self, Box<dyn Error>> {
        Self::start(LabOptions {
            cloud,
            rules,
            clock: Clock::fixed("2026-11-23T09:00:00Z".parse()?),
            seed,
            ..LabOptions::default()
        })
        .await
    }

    /// A lab at another time, by the rules of that time.
    pub(crate) async fn at(clock: Clock) -> Result<Self, Box<dyn Error>> {
        Self::start(LabOptions {
            rules: Rules::ByDate,
            clock,
            ..LabOptions::default()
        })
        .await
    }

    pub(crate) async fn start(options: LabOptions) -> Result<Self, Box<dyn Error>> {
        let lab = Lab::start(options).await?;
        let authority = reqwest::Certificate::from_pem(lab.authority().as_bytes())?;
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { lab, client })
    }

    pub(crate) async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Back, Box<dyn Error>> {
        let response = request.send().await?;
        Ok(Back {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    pub(crate) fn url(&self, front: Front, path: &str) -> String {
        format!("{}{path}", self.lab.address(front))
    }

    pub(crate) async fn get(&self, front: Front, path: &str) -> Result<Back, Box<dyn Error>> {
        self.send(self.client.get(self.url(front, path))).await
    }

    pub(crate) async fn post_form(
        &self,
        front: Front,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Back, Box<dyn Error>> {
        self.send(self.client.post(self.url(front, path)).form(fields))
            .await
    }

    pub(crate) fn client_secret(&self) -> Secret {
        match self.lab.organization().sign_in.secret {
            Some(SecretSource::Plain(secret)) => secret,
            _ => Secret::new(""),
        }
    }

    pub(crate) fn client_id(&self) -> String {
        self.lab
            .organization()
            .sign_in
            .client_id
            .unwrap_or_default()
    }

    /// Signs in for a front with the client secret.
    pub(crate) async fn token(&self, front: Front) -> Result<String, Box<dyn Error>> {
        let scope = format!("{}/.default", self.lab.address(front));
        let back = self
            .post_form(
                Front::Login,
                &format!("/{TENANT}/oauth2/v2.0/token"),
                &[
                    ("grant_type", "client_credentials"),
                    ("client_id", &self.client_id()),
                    ("client_secret", self.client_secret().expose()),
                    ("scope", &scope),
                ],
            )
            .await?;
        let token = back.json()["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| back.text().into())
    }

    pub(crate) async fn graph(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Back, Box<dyn Error>> {
        let token = self.token(Front::Graph).await?;
        let mut request = self
            .client
            .request(method, self.url(Front::Graph, path))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// Runs a cmdlet of Exchange Online.
    pub(crate) async fn online(
        &self,
        cmdlet: &str,
        parameters: Json,
    ) -> Result<Back, Box<dyn Error>> {
        let token = self.token(Front::ExchangeOnline).await?;
        let url = self.url(
            Front::ExchangeOnline,
            &format!("/adminapi/beta/{TENANT}/InvokeCommand"),
        );
        let body = json!({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}});
        self.send(self.client.post(url).bearer_auth(token).json(&body))
            .await
    }
}

/// The certificate that on-premises Exchange signs with.
pub(crate) fn current_certificate(world: &World) -> Option<Certificate> {
    let held = world.objects(Plane::OnPremises, "ExchangeCertificate");
    match held.first()?.get("RawData") {
        Some(Value::Bytes(der)) => Certificate::read(der),
        _ => None,
    }
}
