//! [`find_clouds`]: which clouds know a tenant, asked of their sign-in services.

use crate::cloud::{CLOUDS, Cell, CloudName};
use crate::http;
use reqwest::{Method, Url};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::time::Duration;

/// What the sign-in services know of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The clouds that have it, each with the tenant id there.
    pub clouds: BTreeSet<(CloudName, String)>,
    /// The sign-in services that could not be asked, each with the reason.
    pub silent: Vec<(String, String)>,
    /// The sign-in services that know it, in a cloud that nobody can tell.
    pub unclear: Vec<(String, String)>,
}

/// Asks each sign-in service for a tenant, by its domain or id; anonymously, with what everybody may read.
pub async fn find_clouds(http: &http::Client, services: &[String], tenant: &str) -> Found {
    let mut found = Found::default();
    for service in services {
        match ask(http, service, tenant).await {
            Ok(None) => {}
            Ok(Some(document)) => match identify(&document) {
                Some(place) => {
                    found.clouds.insert(place);
                }
                None => found.unclear.push((
                    service.clone(),
                    document["issuer"].as_str().unwrap_or("nothing").to_owned(),
                )),
            },
            Err(error) => found.silent.push((service.clone(), error.to_string())),
        }
    }
    found
}

async fn ask(
    http: &http::Client,
    service: &str,
    tenant: &str,
) -> Result<Option<Json>, http::Error> {
    let service = service.trim_end_matches('/');
    let address = http::parse_url(&format!(
        "{service}/{tenant}/v2.0/.well-known/openid-configuration"
    ))?;
    let request = http::Request::read(Method::GET, address).within(Duration::from_secs(15));
    let answer = http.send(&request).await?;
    let document = answer.json()?;
    match answer.status() {
        200..=299 => Ok(Some(document)),
        // One that does not know the tenant says so with an error of its own.
        400..=499 if document["error"].is_string() => Ok(None),
        _ => Err(http::Error::shape(
            answer.url(),
            "a description of the tenant",
        )),
    }
}

/// The cloud and the tenant id of a document: each cloud has a Microsoft Graph of its own, and its sign-in service must
/// not be that of another cloud.
fn identify(document: &Json) -> Option<(CloudName, String)> {
    let issuer = Url::parse(document["issuer"].as_str()?).ok()?;
    let tenant = issuer.path_segments()?.find(|part| !part.is_empty())?;
    let graph = document["msgraph_host"].as_str()?;
    let is_host = |cell: Option<&str>, host: &str| {
        cell.and_then(|address| address.strip_prefix("https://"))
            .is_some_and(|known| known.eq_ignore_ascii_case(host))
    };
    let cloud = CLOUDS
        .iter()
        .find(|cloud| is_host(cloud.cell(Cell::Graph), graph))?;
    let host = issuer.host_str()?;
    let known = CLOUDS
        .iter()
        .any(|cloud| is_host(cloud.cell(Cell::Login), host));
    (!known || is_host(cloud.cell(Cell::Login), host)).then(|| (cloud.name, tenant.to_owned()))
}
