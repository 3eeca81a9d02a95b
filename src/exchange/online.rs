//! [`Online`]: cmdlets of Exchange Online over its REST admin API.
//!
//! The endpoint, `adminapi/beta/<tenant>/InvokeCommand`, is what Microsoft's own module speaks and is no contract, so
//! nothing outside this file and its folder knows it: `body` says how values travel, `refusal` how errors come back.

mod body;
mod refusal;

use crate::entra::{SignIn, Token};
use crate::exchange::{Answer, Error, ErrorKind, Invocation, Journey, Road};
use crate::failure::{Failure, FailureKind};
use crate::http;
use crate::subject::Plane;
use crate::value::Value;
use reqwest::{Method, Url};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The system mailbox of every Exchange Online organization, to which requests without a mailbox are routed.
const SYSTEM_MAILBOX: &str = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";

/// Microsoft's module waits this long for a cmdlet; giving up a write earlier would leave its outcome unknown.
const LONGEST_WRITE: Duration = Duration::from_secs(960);
const LONGEST_READ: Duration = Duration::from_secs(300);

/// The version of Microsoft's module whose list of cmdlets is asked for.
const MODULE_VERSION: &str = "Version=3.9.0";

/// A service that offers more turns in circles.
const MOST_REDIRECTS: usize = 3;
const MOST_PAGES: usize = 1000;

/// Runs cmdlets in one Exchange Online organization.
#[derive(Debug)]
pub struct Online {
    http: http::Client,
    base: String,
    sign_in: Arc<SignIn>,
    /// The regional address to which the service sent us.
    region: Mutex<Option<Url>>,
    connection: String,
}

impl Online {
    /// Makes a road; nothing is sent yet. `base` is the address of the service, `https://host`.
    pub fn new(http: http::Client, base: String, sign_in: Arc<SignIn>) -> Self {
        Self {
            http,
            base,
            sign_in,
            region: Mutex::default(),
            connection: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// The cmdlets that this account may run, in lower case, by the list from which Microsoft's module makes its own;
    /// absent when the service does not say.
    ///
    /// # Errors
    ///
    /// When signing in or the request failed.
    pub async fn permitted(&self) -> Result<Option<BTreeSet<String>>, Failure> {
        let token = self.sign_in.token(&self.base).await?;
        let base = http::parse_url(&self.base)?;
        let tenant = token.tenant_id.as_deref().unwrap_or(self.sign_in.tenant());
        let mut address = base.clone();
        address
            .path_segments_mut()
            .map_err(|()| Failure::input("its address cannot have a path"))?
            .clear()
            .extend(["adminapi", "v1.0", tenant, "EXOModuleFile"]);
        address.set_query(Some(MODULE_VERSION));
        for _ in 0..=MOST_REDIRECTS {
            let request = http::Request::read(Method::GET, address.clone())
                .header("Accept", "application/json")
                .header("CommandName", "*")
                .header("X-AnchorMailbox", format!("APP:{SYSTEM_MAILBOX}@{tenant}"))
                .header("client-request-id", uuid::Uuid::new_v4().to_string())
                .bearer(&token.secret);
            let answer = self.http.send(&request).await?;
            if let Some(location) = answer.header("location")
                && (300..400).contains(&answer.status())
            {
                let Some(to) = redirect(&base, &address, location) else {
                    return Ok(None);
                };
                address = to;
                continue;
            }
            let json = match answer.is_success() {
                true => answer.json()?,
                false => return Ok(None),
            };
            let list = json["value"][0]["exportedCmdlets"].as_str();
            return Ok(list.map(|list| {
                let names = list
                    .split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty());
                names.map(str::to_lowercase).collect()
            }));
        }
        Ok(None)
    }

    async fn run(&self, invocation: &Invocation) -> Result<Answer, ErrorKind> {
        let mut call = Call::new(self, invocation).await?;
        let mut answer = Answer::default();
        let mut page = call.send(call.first_address()?).await?;
        for _ in 0..MOST_PAGES {
            answer.output.append(&mut page.output);
            answer.warnings.append(&mut page.warnings);
            let Some(link) = page.next.take() else {
                return Ok(answer);
            };
            if call.writes {
                // Asking for the next page would run the cmdlet again.
                let cmdlet = &invocation.cmdlet;
                let warning = format!("the output of {cmdlet} goes on and was not read");
                answer.warnings.push(warning);
                return Ok(answer);
            }
            page = call
                .next(&link, &page.address)
                .await
                .map_err(|why| call.incomplete(&why))?;
        }
        Err(call.incomplete(&protocol("it has too many pages")))
    }
}

impl Road for Online {
    fn invoke<'road>(&'road self, invocation: &'road Invocation) -> Journey<'road, Answer> {
        Box::pin(async move {
            self.run(invocation).await.map_err(|kind| Error {
                plane: Plane::ExchangeOnline,
                cmdlet: invocation.cmdlet.clone(),
                kind,
            })
        })
    }

    fn requests(&self) -> u64 {
        self.http.requests()
    }

    fn close(&self) -> Journey<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// One cmdlet on its way.
struct Call<'road> {
    online: &'road Online,
    invocation: &'road Invocation,
    body: Json,
    writes: bool,
    token: Token,
    base: Url,
}

/// One page of its answer.
struct Page {
    output: Vec<Value>,
    warnings: Vec<String>,
    next: Option<String>,
    address: Url,
}

impl<'road> Call<'road> {
    async fn new(online: &'road Online, invocation: &'road Invocation) -> Result<Self, ErrorKind> {
        let token = online.sign_in.token(&online.base).await.map_err(road)?;
        Ok(Self {
            online,
            invocation,
            body: body::request(invocation).map_err(ErrorKind::Road)?,
            writes: !["Get", "Test"].contains(&verb(&invocation.cmdlet)),
            token,
            base: http::parse_url(&online.base).map_err(road)?,
        })
    }

    fn first_address(&self) -> Result<Url, ErrorKind> {
        let region = self
            .online
            .region
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut address = region.clone().unwrap_or_else(|| self.base.clone());
        address.set_query(None);
        address
            .path_segments_mut()
            .map_err(|()| protocol("its address cannot have a path"))?
            .clear()
            .extend(["adminapi", "beta", self.tenant(), "InvokeCommand"]);
        Ok(address)
    }

    fn tenant(&self) -> &str {
        let given = self.online.sign_in.tenant();
        self.token.tenant_id.as_deref().unwrap_or(given)
    }

    async fn next(&mut self, link: &str, page: &Url) -> Result<Page, ErrorKind> {
        let address = Url::parse(link).ok();
        let address = address.filter(|address| address.origin() == page.origin());
        match address {
            Some(address) => self.send(address).await,
            None => Err(protocol("the next page is on another server")),
        }
    }

    /// Sends it, wherever the service wants it sent.
    async fn send(&mut self, mut address: Url) -> Result<Page, ErrorKind> {
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.send_with_fresh_token(&address).await?;
            match answer.header("location") {
                Some(location) if (300..400).contains(&answer.status()) => {
                    address = redirect(&self.base, &address, location)
                        .ok_or_else(|| elsewhere(location))?;
                    let mut region = self
                        .online
                        .region
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    *region = Some(address.clone());
                }
                _ => return self.read(&answer),
            }
        }
        Err(protocol("Exchange Online redirects in circles"))
    }

    async fn send_with_fresh_token(&mut self, address: &Url) -> Result<http::Response, ErrorKind> {
        let answer = self.send_once(address).await?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        let online = self.online;
        let claims = answer.claims();
        let sign_in = &online.sign_in;
        let renewed = sign_in.renew(&online.base, &self.token, claims.as_deref());
        self.token = renewed.await.map_err(road)?;
        self.send_once(address).await
    }

    async fn send_once(&self, address: &Url) -> Result<http::Response, ErrorKind> {
        let request = if self.writes {
            http::Request::write(Method::POST, address.clone()).within(LONGEST_WRITE)
        } else {
            http::Request::read(Method::POST, address.clone())
                .within(LONGEST_READ)
                .transient(refusal::is_transient)
        };
        let request = request
            .header("Accept", "application/json")
            .header("Accept-Language", "en-US")
            .header("Prefer", "odata.maxpagesize=1000")
            .header("X-AnchorMailbox", self.anchor())
            .header("X-ClientApplication", "exoauth")
            .header("X-CmdletName", self.invocation.cmdlet.as_str())
            .header("connection-id", self.online.connection.as_str())
            .header("client-request-id", uuid::Uuid::new_v4().to_string())
            .bearer(&self.token.secret)
            .json(&self.body);
        self.online.http.send(&request).await.map_err(road)
    }

    /// The mailbox whose servers shall run it: the one that is tested, else the organization's own.
    fn anchor(&self) -> String {
        let mailbox = self.invocation.parameters.get("Mailbox");
        match mailbox.and_then(Value::as_text) {
            Some(address) if address.contains('@') && address.is_ascii() => {
                format!("SMTP:{address}")
            }
            _ => format!("APP:{SYSTEM_MAILBOX}@{}", self.tenant()),
        }
    }

    fn read(&self, answer: &http::Response) -> Result<Page, ErrorKind> {
        let cmdlet = &self.invocation.cmdlet;
        if answer.status() != 200 {
            return Err(refusal::read(cmdlet, self.writes, answer));
        }
        // Whether a write was done cannot be told from an answer that cannot be read.
        let json = answer
            .json()
            .map_err(|error| road(error.of_request(!self.writes)))?;
        if let Some(kind) = refusal::in_success(&json) {
            return Err(kind);
        }
        let Some(output) = body::output(&json) else {
            let error = http::Error::shape(answer.url(), "a list of objects");
            return Err(road(error.of_request(!self.writes)));
        };
        let mut warnings = body::texts(&json["@adminapi.warnings"]);
        if warnings.is_empty() {
            warnings.extend(answer.header("x-warnings").map(str::to_owned));
        }
        Ok(Page {
            output,
            warnings,
            next: json["@odata.nextLink"].as_str().map(str::to_owned),
            address: answer.url().clone(),
        })
    }

    /// Part of a list must not pass for all of it.
    fn incomplete(&self, why: &ErrorKind) -> ErrorKind {
        let (why, detail) = match why {
            ErrorKind::Road(failure) => (failure.message.as_str(), failure.detail.clone()),
            ErrorKind::Record(record) => (record.message.as_str(), None),
        };
        let cmdlet = &self.invocation.cmdlet;
        let message = format!(
            "the output of {cmdlet} on Exchange Online is incomplete: {}",
            http::sentence(why)
        );
        ErrorKind::Road(Failure {
            detail,
            ..Failure::new(FailureKind::Protocol, message)
        })
    }
}

/// Where a redirect leads, if it stays within the service: HTTP libraries take the token along to the same host only.
fn redirect(base: &Url, from: &Url, location: &str) -> Option<Url> {
    let to = from.join(location).ok()?;
    let (host, home) = (to.host_str()?, base.host_str()?);
    let region_of_it = host
        .strip_suffix(home)
        .is_some_and(|region| region.ends_with('.'));
    let inside = (host == home || region_of_it)
        && to.scheme() == base.scheme()
        && to.port_or_known_default() == base.port_or_known_default()
        && to.username().is_empty();
    inside.then_some(to)
}

fn verb(cmdlet: &str) -> &str {
    cmdlet.split_once('-').map_or(cmdlet, |(verb, _)| verb)
}

fn road(error: impl Into<Failure>) -> ErrorKind {
    ErrorKind::Road(error.into())
}

fn protocol(message: &str) -> ErrorKind {
    ErrorKind::Road(Failure::new(FailureKind::Protocol, message))
}

fn elsewhere(location: &str) -> ErrorKind {
    let place = location.split(['?', '#']).next().unwrap_or_default();
    ErrorKind::Road(
        Failure::new(
            FailureKind::Protocol,
            "Exchange Online redirects to another service, which was not followed",
        )
        .with_detail(place),
    )
}

#[cfg(test)]
mod tests {
    use super::redirect;
    use reqwest::Url;

    #[test]
    fn a_redirect_is_followed_within_the_service_only() {
        let base = Url::parse("https://outlook.example").unwrap();
        let from = base.join("/adminapi/beta/contoso/InvokeCommand").unwrap();
        let to = |location| redirect(&base, &from, location).map(String::from);
        for good in [
            "https://eur01.outlook.example/adminapi/beta/contoso/InvokeCommand",
            "https://outlook.example/adminapi/beta/contoso/InvokeCommand?x=1",
        ] {
            assert_eq!(to(good).as_deref(), Some(good));
        }
        assert_eq!(
            to("/elsewhere").as_deref(),
            Some("https://outlook.example/elsewhere")
        );
        for bad in [
            "http://outlook.example/adminapi",
            "https://outlook.example.attacker.example/adminapi",
            "https://notoutlook.example/adminapi",
            "https://outlook.example:8443/adminapi",
            "https://user@outlook.example/adminapi",
            "https://",
        ] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }
}
