//! Identities that a platform gives: the managed identity of a machine in Azure, and the federated token of a workload.

use super::SignIn;
use super::error::{Error, ErrorKind};
use super::token::Token;
use crate::cloud::INSTANCE_METADATA;
use crate::http::{self, Request, Response};
use crate::secret::Secret;
use reqwest::{Method, Url};
use std::path::Path;
use std::time::Duration;

/// Where the agent of Azure Arc puts its keys; a key anywhere else is not one of its.
const ARC_KEYS: [&str; 2] = [
    "/var/opt/azcmagent/tokens/",
    "C:\\ProgramData\\AzureConnectedMachineAgent\\Tokens\\",
];

/// The longest key that the agent of Azure Arc writes.
const ARC_KEY_LENGTH: usize = 4096;

/// The service that gives a machine its identity; the variables that its platform sets tell them apart.
enum Source {
    AppService { endpoint: String, header: Secret },
    Arc { endpoint: String },
    InstanceMetadata { base: String },
}

impl SignIn {
    /// A token for the identity of this machine.
    pub(super) async fn machine(
        &self,
        client_id: Option<&str>,
        resource: &str,
    ) -> Result<Token, Error> {
        let source = self.source();
        let request = self.machine_request(&source, client_id, resource)?;
        let send = async |request: &Request| {
            let answer = self.http.send(request).await;
            answer.map_err(|error| self.unreachable(&source, error))
        };
        let mut proofs = match &source {
            Source::AppService { header, .. } => vec![header.clone()],
            Source::Arc { .. } | Source::InstanceMetadata { .. } => Vec::new(),
        };
        let mut answer = send(&request).await?;
        if matches!(source, Source::Arc { .. }) && answer.status() == 401 {
            let key = self.arc_key(&answer)?;
            proofs.push(key.clone());
            let proof = Secret::new(format!("Basic {}", key.expose()));
            answer = send(&request.secret_header("Authorization", proof)).await?;
        }
        let json = self.read(&answer)?;
        if !answer.is_success() {
            let refused = Error::refused(self.credential.flow(), answer.status(), &json);
            return Err(proofs.iter().fold(refused, Error::without));
        }
        match json["access_token"]
            .as_str()
            .filter(|token| !token.is_empty())
        {
            Some(token) => Ok(Token::read(token, &json, self.clock.now())),
            None => Err(self.road(http::Error::shape(answer.url(), "an access token"))),
        }
    }

    fn source(&self) -> Source {
        let variable = |name| (self.outside.variable)(name).filter(|value| !value.is_empty());
        match (
            variable("IDENTITY_ENDPOINT"),
            variable("IDENTITY_HEADER"),
            variable("IMDS_ENDPOINT"),
        ) {
            (Some(endpoint), Some(header), _) => Source::AppService {
                endpoint,
                header: Secret::new(header),
            },
            (Some(endpoint), None, Some(_)) => Source::Arc { endpoint },
            _ => Source::InstanceMetadata {
                base: variable("AZURE_POD_IDENTITY_AUTHORITY_HOST")
                    .unwrap_or_else(|| INSTANCE_METADATA.to_owned()),
            },
        }
    }

    fn machine_request(
        &self,
        source: &Source,
        client_id: Option<&str>,
        resource: &str,
    ) -> Result<Request, Error> {
        let parse = |text: &str| http::parse_url(text).map_err(|error| self.road(error));
        let (mut address, version) = match source {
            Source::AppService { endpoint, .. } => (parse(endpoint)?, "2019-08-01"),
            Source::Arc { endpoint } => (parse(endpoint)?, "2020-06-01"),
            Source::InstanceMetadata { base } => {
                let base = base.trim_end_matches('/');
                (
                    parse(&format!("{base}/metadata/identity/oauth2/token"))?,
                    "2018-02-01",
                )
            }
        };
        fill(&mut address, version, resource, client_id);
        let request = Request::read(Method::GET, address)
            .header("Accept", "application/json")
            .transient(is_starting);
        Ok(match source {
            Source::AppService { header, .. } => request
                .secret_header("X-IDENTITY-HEADER", header.clone())
                .within(Duration::from_secs(30)),
            Source::Arc { .. } => request
                .header("Metadata", "true")
                .within(Duration::from_secs(30)),
            // Nobody answers at this address outside of Azure.
            Source::InstanceMetadata { .. } => request
                .header("Metadata", "true")
                .within(Duration::from_secs(5)),
        })
    }

    fn unreachable(&self, source: &Source, error: http::Error) -> Error {
        match source {
            Source::InstanceMetadata { .. } => self.no_identity(format!(
                "this does not look like a machine of Azure with a managed identity: {error}"
            )),
            _ => self.road(error),
        }
    }

    /// The key whose place the agent of Azure Arc names in its challenge: only who may read it may ask.
    fn arc_key(&self, answer: &Response) -> Result<Secret, Error> {
        let path = answer
            .header("www-authenticate")
            .and_then(|challenge| challenge.split_once("realm="))
            .map(|(_, path)| path.trim().trim_matches('"'))
            .ok_or_else(|| self.no_identity("Azure Arc does not say where its key is"))?;
        let expected = ARC_KEYS.iter().any(|folder| {
            path.strip_prefix(folder).is_some_and(|file| {
                file.strip_suffix(".key").is_some_and(|name| {
                    !name.is_empty() && !name.contains(['/', '\\']) && !name.contains("..")
                })
            })
        });
        if !expected {
            let reason = format!("Azure Arc names a key in an unexpected place, {path}");
            return Err(self.no_identity(reason));
        }
        let key = (self.outside.read_file)(Path::new(path))
            .map_err(|reason| self.no_identity(format!("{path} cannot be read: {reason}")))?;
        if key.expose().len() > ARC_KEY_LENGTH {
            return Err(self.no_identity(format!("{path} is too long to be a key")));
        }
        Ok(key)
    }

    /// The application and the federated token of this workload; the token is read each time, since it is replaced.
    pub(super) fn workload(&self, client_id: Option<&str>) -> Result<(String, Secret), Error> {
        let variable = |name: &'static str| {
            (self.outside.variable)(name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| self.no_identity(format!("the variable {name} is not set")))
        };
        let client_id = match client_id {
            Some(client_id) => client_id.to_owned(),
            None => variable("AZURE_CLIENT_ID")?,
        };
        let path = variable("AZURE_FEDERATED_TOKEN_FILE")?;
        let token = (self.outside.read_file)(Path::new(&path))
            .map_err(|reason| self.no_identity(format!("{path} cannot be read: {reason}")))?;
        match token.expose().is_empty() {
            false => Ok((client_id, token)),
            true => Err(self.error(ErrorKind::NoIdentity {
                reason: format!("{path} is empty"),
            })),
        }
    }
}

fn fill(address: &mut Url, version: &str, resource: &str, client_id: Option<&str>) {
    let mut query = address.query_pairs_mut();
    query
        .append_pair("api-version", version)
        .append_pair("resource", resource);
    if let Some(client_id) = client_id {
        query.append_pair("client_id", client_id);
    }
}

/// The service of a machine that is just being set up answers so for a while.
fn is_starting(answer: &Response) -> bool {
    matches!(answer.status(), 404 | 410 | 500..)
}
