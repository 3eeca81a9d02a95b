//! What an unknown cloud says of itself to everybody: [`probe`].

use super::sign_in::anonymous;
use crate::clock::Clock;
use crate::cloud::Cell;
use crate::failure::{Failure, FailureKind};
use crate::http;
use reqwest::Method;
use std::time::Duration;

/// What a cloud says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// The cells that were found, with their values.
    pub cells: Vec<(Cell, String)>,
    /// What was not found, and why, each a clause.
    pub notes: Vec<String>,
}

/// Asks a service of a cloud, and the sign-in service that it names, for what everybody may read.
///
/// `address` is that of Exchange Online, or of the sign-in service; the metadata documents are looked for when a tenant
/// is given.
///
/// # Errors
///
/// When `address` cannot be reached, or is neither.
pub async fn probe(
    address: &str,
    tenant: Option<&str>,
    extra_ca: Option<String>,
    clock: Clock,
) -> Result<Probed, Failure> {
    let http = anonymous(extra_ca, clock)?;
    let address = http::parse_url(address)?;
    let origin = address.origin().ascii_serialization();
    if address.scheme() != "https" {
        let message = format!("{origin} is not an address that starts with https://");
        return Err(Failure::input(message));
    }
    let mut probed = Probed::default();
    let login = match challenge_of(&http, &format!("{origin}/EWS/Exchange.asmx")).await? {
        Some(challenge) => probed.read_challenge(&origin, &challenge),
        None => Some(origin.clone()),
    };
    if probed.found(Cell::ExchangeOnline) {
        let place = format!("{origin}/autodiscover/autodiscover.svc");
        match challenge_of(&http, &place).await {
            Ok(Some(_)) => probed.cells.push((Cell::Autodiscover, origin)),
            Ok(None) => probed.note(Cell::Autodiscover, "it is not there"),
            Err(error) => probed.note(Cell::Autodiscover, error.to_string()),
        }
    }
    if let Some(login) = login {
        probed.read_documents(&http, &login, tenant).await;
    }
    if !probed.found(Cell::Login) && !probed.found(Cell::ExchangeOnline) {
        let message = format!("{address} is neither Exchange Online nor a sign-in service");
        return Err(
            Failure::new(FailureKind::Protocol, message).with_detail(probed.notes.join("; "))
        );
    }
    Ok(probed)
}

/// The challenge of Exchange to who names the scheme and shows no token (MS-XOAUTH 3.2.5).
async fn challenge_of(http: &http::Client, address: &str) -> Result<Option<String>, http::Error> {
    let request = http::Request::read(Method::GET, http::parse_url(address)?)
        .header("Authorization", "Bearer")
        .within(Duration::from_secs(15));
    let answer = http.send(&request).await?;
    let challenge = answer
        .headers("www-authenticate")
        .find(|challenge| challenge.contains("trusted_issuers="));
    Ok(challenge.map(str::to_owned))
}

impl Probed {
    fn found(&self, cell: Cell) -> bool {
        self.cells.iter().any(|(found, _)| *found == cell)
    }

    fn note(&mut self, cell: Cell, why: impl AsRef<str>) {
        self.notes.push(format!("{}: {}", cell.key(), why.as_ref()));
    }

    /// Reads what Exchange Online says of itself; gives the sign-in service that it names.
    fn read_challenge(&mut self, origin: &str, challenge: &str) -> Option<String> {
        let value = |name: &str| {
            let (_, after) = challenge.split_once(&format!("{name}=\""))?;
            after.split_once('"').map(|(value, _)| value)
        };
        self.cells.push((Cell::ExchangeOnline, origin.to_owned()));
        let issuer = value("trusted_issuers").and_then(|all| all.split(',').next());
        match issuer.and_then(|issuer| issuer.split('@').next()) {
            Some(issuer) if !issuer.is_empty() => {
                self.cells.push((Cell::TokenService, issuer.to_owned()));
            }
            _ => self.note(Cell::TokenService, "the challenge names no issuer"),
        }
        let page = value("authorization_uri").and_then(|page| http::parse_url(page).ok());
        let login = page
            .filter(|page| page.scheme() == "https")
            .map(|page| page.origin().ascii_serialization());
        if login.is_none() {
            self.note(Cell::Login, "the challenge names no sign-in service");
        }
        login
    }

    /// Reads the documents of a sign-in service.
    async fn read_documents(&mut self, http: &http::Client, login: &str, tenant: Option<&str>) {
        let place = tenant.unwrap_or("common");
        let configuration = format!("{login}/{place}/v2.0/.well-known/openid-configuration");
        match document(http, &configuration).await {
            Ok(answer) => {
                let json = answer.json().unwrap_or_default();
                if json["issuer"].is_string() {
                    self.cells.push((Cell::Login, login.to_owned()));
                }
                match json["msgraph_host"].as_str() {
                    Some(host) => self.cells.push((Cell::Graph, format!("https://{host}"))),
                    None => self.note(Cell::Graph, "the sign-in service does not name it"),
                }
            }
            Err(why) => self.note(Cell::Login, why),
        }
        let documents = [
            (Cell::AcsMetadata, "metadata/json/1", "allowedAudiences"),
            (
                Cell::StsMetadata,
                "federationmetadata/2007-06/federationmetadata.xml",
                "EntityDescriptor",
            ),
        ];
        for (cell, path, mark) in documents {
            let Some(tenant) = tenant else {
                self.note(cell, "give --tenant to look for it");
                continue;
            };
            match document(http, &format!("{login}/{tenant}/{path}")).await {
                Ok(answer) if String::from_utf8_lossy(answer.body()).contains(mark) => {
                    self.cells
                        .push((cell, format!("{login}/{{tenant}}/{path}")));
                }
                Ok(_) => self.note(cell, "what is there is another document"),
                Err(why) => self.note(cell, why),
            }
        }
    }
}

/// A document that everybody may read, or why there is none.
async fn document(http: &http::Client, address: &str) -> Result<http::Response, String> {
    let address = http::parse_url(address).map_err(|error| error.to_string())?;
    let request = http::Request::read(Method::GET, address).within(Duration::from_secs(15));
    let answer = http.send(&request).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.is_success() {
        true => Ok(answer),
        false => Err(format!(
            "{} answered {}",
            answer.url().host_str().unwrap_or_default(),
            answer.status()
        )),
    }
}
