//! [`Client`]: sends a [`Request`] and reads its answer to the last page.

use super::{Error, ErrorKind, Method, Request};
use crate::entra::{SignIn, Token};
use crate::http;
use crate::value::Value;
use reqwest::Url;
use serde_json::Value as Json;
use std::sync::Arc;

/// More pages than any list of ours has; a service that offers more turns in circles.
const MOST_PAGES: usize = 1000;

/// Speaks to Microsoft Graph v1.0 of one tenant.
#[derive(Clone, Debug)]
pub struct Client {
    http: http::Client,
    base: String,
    sign_in: Arc<SignIn>,
}

impl Client {
    /// Makes a client; nothing is sent yet. `base` is the address of the service, `https://host`.
    pub fn new(http: http::Client, base: String, sign_in: Arc<SignIn>) -> Self {
        Self {
            http,
            base,
            sign_in,
        }
    }

    /// How many requests were sent, those for tokens aside.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// Sends a request. The answer to a read of a collection holds all pages in its `value`; an answer without a body
    /// is null.
    ///
    /// # Errors
    ///
    /// When signing in or the request failed, or when Graph refused it.
    pub async fn send(&self, request: &Request) -> Result<Value, Error> {
        let fail = |kind| Error::new(request, kind);
        if request.body.as_ref().is_some_and(Value::has_unknown) {
            return Err(fail(ErrorKind::Unknown));
        }
        let url = self.address(request).map_err(fail)?;
        let answer = self.exchange(request, url).await?;
        if answer.body().is_empty() {
            return Ok(Value::Null);
        }
        let mut first = self.read(request, &answer)?;
        if request.method == Method::Get {
            self.add_pages(request, &answer, &mut first).await?;
        }
        if let Json::Object(object) = &mut first {
            object.shift_remove("@odata.context");
        }
        Ok(first.into())
    }

    /// One request, with a new token if the first one was refused: once, for the claims that Graph asks for, if it does.
    async fn exchange(&self, request: &Request, url: Url) -> Result<http::Response, Error> {
        let sign_in = |error| Error::new(request, ErrorKind::SignIn(error));
        let token = self.sign_in.token(&self.base).await.map_err(sign_in)?;
        let mut answer = self.send_with(request, url.clone(), &token).await?;
        if answer.status() == 401 {
            let token = self
                .sign_in
                .renew(&self.base, &token, answer.claims().as_deref())
                .await
                .map_err(sign_in)?;
            answer = self.send_with(request, url, &token).await?;
        }
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(Error::refused(request, &answer))
        }
    }

    async fn send_with(
        &self,
        request: &Request,
        url: Url,
        token: &Token,
    ) -> Result<http::Response, Error> {
        let mut outgoing = match request.method {
            Method::Get => http::Request::read(reqwest::Method::GET, url),
            Method::Post => http::Request::write(reqwest::Method::POST, url),
            Method::Patch => http::Request::write(reqwest::Method::PATCH, url),
            Method::Delete => http::Request::write(reqwest::Method::DELETE, url),
        }
        .header("Accept", "application/json")
        .header("client-request-id", uuid::Uuid::new_v4().to_string())
        .bearer(&token.secret);
        if let Some(body) = &request.body {
            outgoing = outgoing.json(&body.to_json());
        }
        self.http
            .send(&outgoing)
            .await
            .map_err(|error| Error::new(request, ErrorKind::Road(error)))
    }

    async fn add_pages(
        &self,
        request: &Request,
        answer: &http::Response,
        first: &mut Json,
    ) -> Result<(), Error> {
        let incomplete = |reason| Error::new(request, ErrorKind::Incomplete { reason });
        let mut next = take_next_link(first);
        let mut pages = 1;
        while let Some(link) = next {
            pages += 1;
            if pages > MOST_PAGES {
                return Err(incomplete("it has too many pages"));
            }
            let url = Url::parse(&link)
                .ok()
                .filter(|url| url.origin() == answer.url().origin())
                .ok_or_else(|| incomplete("the next page is on another server"))?;
            let answer = self.exchange(request, url).await?;
            let mut page = self.read(request, &answer)?;
            next = take_next_link(&mut page);
            if next.as_ref() == Some(&link) {
                return Err(incomplete("a page names itself as the next one"));
            }
            match (first["value"].as_array_mut(), page["value"].as_array_mut()) {
                (Some(all), Some(more)) => all.append(more),
                _ => return Err(incomplete("a page holds no list")),
            }
        }
        Ok(())
    }

    fn read(&self, request: &Request, answer: &http::Response) -> Result<Json, Error> {
        answer.json().map_err(|error| {
            // The write was done, or not: its answer does not say.
            let error = error.of_request(request.method == Method::Get);
            Error::new(request, ErrorKind::Road(error))
        })
    }

    fn address(&self, request: &Request) -> Result<Url, ErrorKind> {
        let wrong = |reason: &str| {
            let reason = reason.to_owned();
            ErrorKind::Road(http::Error::new(
                request.path.as_str(),
                http::ErrorKind::Address { reason },
            ))
        };
        let path = &request.path;
        if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(wrong("a path begins with / and does not go up"));
        }
        if path.contains(' ') {
            return Err(wrong("a path has no spaces"));
        }
        if path.contains(['?', '#']) {
            return Err(wrong("the query is given apart from the path"));
        }
        let mut url = http::parse_url(self.base.trim_end_matches('/')).map_err(ErrorKind::Road)?;
        url.set_path(&format!("/v1.0{path}"));
        let query: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        Ok(url)
    }
}

fn take_next_link(page: &mut Json) -> Option<String> {
    match page.as_object_mut()?.shift_remove("@odata.nextLink")? {
        Json::String(link) => Some(link),
        _ => None,
    }
}

/// Percent-encodes what would end a value of a query; OData's own `$`, `,`, `'`, `(` and `)` stay readable.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'$' | b',' | b'\'' | b'(' | b')' | b'/' | b':' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn a_query_keeps_the_signs_of_odata_and_hides_the_others() {
        assert_eq!(
            encode("$filter=appId eq 'a&b+c'"),
            "$filter%3DappId%20eq%20'a%26b%2Bc'"
        );
    }
}
