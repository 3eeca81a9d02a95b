//! [`Response`]: an answer, read to its end; and its JSON, or what came instead.

use super::{Error, ErrorKind};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::time::Duration;

/// More than any answer of these services; a larger one is refused.
const LIMIT: usize = 64 * 1024 * 1024;

/// An answer.
#[derive(Clone)]
pub struct Response {
    status: u16,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    unreadable: Option<String>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The body of a token answer is a secret.
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("path", &self.url.path())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(super) async fn read(
        mut answer: reqwest::Response,
        time_limit: Duration,
    ) -> Result<Self, Error> {
        let mut response = Self {
            status: answer.status().as_u16(),
            url: answer.url().clone(),
            headers: answer.headers().clone(),
            body: Vec::new(),
            unreadable: None,
        };
        loop {
            match answer.chunk().await {
                Ok(None) => return Ok(response),
                Ok(Some(chunk)) if response.body.len() + chunk.len() > LIMIT => {
                    return Err(Error::new(
                        &response.url,
                        ErrorKind::TooLarge { limit: LIMIT },
                    ));
                }
                Ok(Some(chunk)) => response.body.extend_from_slice(&chunk),
                // A refusal stays one when its body is garbage: Exchange Online sends such.
                Err(error) if response.status >= 400 => {
                    response.unreadable = Some(super::error::root_cause(&error));
                    return Ok(response);
                }
                Err(error) => return Err(Error::from_reqwest(&response.url, &error, time_limit)),
            }
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Says whether the status is a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Where it is from.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The values of a header that may be there several times.
    pub fn headers<'answer>(
        &'answer self,
        name: &'answer str,
    ) -> impl Iterator<Item = &'answer str> {
        let values = self.headers.get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok())
    }

    /// The claims that it asks for, where it is a challenge that does.
    pub fn claims(&self) -> Option<String> {
        self.headers("www-authenticate").find_map(claims)
    }

    /// The service's name for this request.
    pub fn request_id(&self) -> Option<&str> {
        self.header("request-id")
            .or_else(|| self.header("x-ms-request-id"))
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The beginning of the body as text, for an error; empty when it is none that a person can read.
    pub fn text(&self) -> String {
        match std::str::from_utf8(&self.body) {
            Ok(text) if !text.contains('\0') => text.trim().chars().take(300).collect(),
            _ => String::new(),
        }
    }

    /// Why the body could not be read, where the status refuses.
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// When it is something else, such as the HTML of a proxy, or ends too early.
    pub fn json(&self) -> Result<serde_json::Value, Error> {
        let kind = match serde_json::from_slice(&self.body) {
            Ok(json) => return Ok(json),
            Err(error) if error.is_eof() && self.starts_like_json() => ErrorKind::Truncated {
                status: self.status,
                bytes: self.body.len(),
            },
            Err(_) => ErrorKind::NotJson {
                status: self.status,
                content_type: self
                    .header(CONTENT_TYPE.as_str())
                    .map(str::to_owned)
                    .unwrap_or_default(),
                empty: self.body.is_empty(),
                html: self.looks_like_html(),
            },
        };
        Err(Error::new(&self.url, kind))
    }

    fn starts_like_json(&self) -> bool {
        matches!(self.body.trim_ascii_start().first(), Some(b'{' | b'['))
    }

    fn looks_like_html(&self) -> bool {
        self.header(CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("text/html"))
            || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// What a challenge says of the token that was refused: its `error` and `error_description` (RFC 6750 section 3).
///
/// ```
/// use exoauth::http::challenge;
///
/// let header = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3MifQ==""#;
/// assert_eq!(challenge(header).as_deref(), Some("insufficient_claims"));
/// assert_eq!(challenge("Basic realm=\"\""), None);
/// ```
pub fn challenge(header: &str) -> Option<String> {
    let value = |name: &str| {
        let label = format!("{name}=\"");
        let (_, after) = header.split_once(&label)?;
        let (value, _) = after.split_once('"')?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    // Its own name ends with the other's, so it is looked for where a name can begin.
    let error = value(" error").or_else(|| value(",error"))?;
    Some(match value("error_description") {
        Some(description) => format!("{error}: {description}"),
        None => error,
    })
}

/// The claims that a challenge asks for (OpenID Connect Core section 5.5), as JSON: the service wants a token that was
/// issued for them.
///
/// ```
/// use exoauth::http::claims;
///
/// let header = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
/// assert_eq!(claims(header).as_deref(), Some(r#"{"access_token":{}}"#));
/// assert_eq!(claims("Bearer error=\"invalid_token\""), None);
/// ```
pub fn claims(header: &str) -> Option<String> {
    if !wants_claims(&challenge(header)?) {
        return None;
    }
    let (_, after) = header.split_once("claims=\"")?;
    let (coded, _) = after.split_once('"')?;
    // Services write either alphabet, with the padding or without.
    let plain = coded
        .trim_end_matches('=')
        .replace('-', "+")
        .replace('_', "/");
    let text = String::from_utf8(BASE64_STANDARD_NO_PAD.decode(plain).ok()?).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json.is_object().then_some(text)
}

/// Whether what a challenge says of the token is that it was issued for too few claims.
pub fn wants_claims(challenge: &str) -> bool {
    challenge.starts_with("insufficient_claims")
}

/// What to do when a service asks for claims once more, after a sign-in for those that it asked for.
pub const POLICY: &str = "an administrator of Conditional Access finds the policy in the tenant's sign-in log; it may ask for another place, device or method than this sign-in has";

/// A service's words as part of a sentence of ours: the first line without its full stop.
pub fn sentence(words: &str) -> &str {
    let line = words.trim().lines().next().unwrap_or_default().trim_end();
    line.strip_suffix('.').unwrap_or(line)
}
