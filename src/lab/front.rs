//! [`Front`]: a simulated service with an address of its own, which answers a [`Request`] with a [`Reply`].
//!
//! That is a plain function of the world, because inside it the simulated servers call one another by the same functions.
//! How requests come over the loopback interface is in `serve`.

use super::world::World;
use super::{challenge, entra, exchange_web, graph, online};
use std::fmt::Write as _;

/// A simulated service with an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Front {
    /// Sign-in, the Access Control Service and the metadata documents of the tenant.
    Login,
    /// Microsoft Graph.
    Graph,
    /// Exchange Online.
    ExchangeOnline,
    /// The organization's own Exchange servers.
    OnPremises,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Login,
        Self::Graph,
        Self::ExchangeOnline,
        Self::OnPremises,
    ];
}

/// A request, as it came over the loopback interface or from another server of the world.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The host that was asked, with its port where one was named.
    pub authority: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// The headers: names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it came over the loopback interface, where no host name of the world is in use.
    pub loopback: bool,
}

impl Request {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// What follows `Bearer` in the authorization header; an empty text when nothing does, absent without the scheme.
    pub fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?.trim();
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decoded(part, false))
            .collect()
    }

    /// A parameter of the query, decoded; names are compared without case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        pairs(&self.query)
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The parameters of the query, decoded.
    pub fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// The fields of a form body, decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// Whether it is about the administration of Exchange Online.
    pub(super) fn is_administration(&self) -> bool {
        self.path.to_ascii_lowercase().starts_with("/adminapi/")
    }

    /// The address that documents should name their own endpoints under.
    pub fn base(&self) -> String {
        format!("https://{}", self.authority)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the connection is cut in the middle of the body.
    pub cut: bool,
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: false,
        }
    }

    /// An answer with a body of a type.
    pub fn with(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            cut: false,
        }
    }

    /// An answer of JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::with(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The first header of that name.
    pub fn find_header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What .NET's `WebException` says of such an answer.
    pub(super) fn as_web_exception(&self) -> String {
        let phrase = match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            500 => "Internal Server Error",
            503 => "Server Unavailable",
            _ => "Unexpected",
        };
        format!(
            "The remote server returned an error: ({}) {phrase}.",
            self.status
        )
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The page that the web server gives for a path that is not there.
    pub fn not_found() -> Self {
        Self::with(
            404,
            "text/html; charset=us-ascii",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
             <HTML><HEAD><TITLE>Not Found</TITLE></HEAD>\r\n\
             <BODY><h2>Not Found</h2><hr><p>HTTP Error 404. The requested resource is not found.</p></BODY></HTML>\r\n",
        )
    }
}

/// Answers a request from the world, without waiting for anything.
pub(super) fn answer(world: &mut World, front: Front, request: &Request) -> Reply {
    if let Some(reply) = challenge::repeated(world, front, request) {
        return reply;
    }
    match front {
        Front::Login => entra::answer(world, request),
        Front::Graph if request.method == "GET" => {
            world.as_shown(|world| graph::answer(world, request))
        }
        Front::Graph => graph::answer(world, request),
        Front::ExchangeOnline if request.is_administration() => online::answer(world, request),
        Front::ExchangeOnline | Front::OnPremises => exchange_web::answer(world, front, request),
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name, true), percent_decoded(value, true))
        })
        .collect()
}

/// The fields of a form, or the parameters of a query.
pub(super) fn form_encoded(fields: &[(&str, &str)]) -> String {
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", percent_encoded(value));
    fields.iter().map(encoded).collect::<Vec<_>>().join("&")
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn percent_decoded(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let coded = after
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match (
            byte,
            coded.and_then(|pair| u8::from_str_radix(pair, 16).ok()),
        ) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) if plus_is_space => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_in_any_encoding() {
        let expected = vec![("$filter".to_owned(), "appId eq 'a b'".to_owned())];
        for query in [
            "$filter=appId eq 'a b'",
            "%24filter=appId+eq+%27a+b%27",
            "$filter=appId%20eq%20'a%20b'&",
        ] {
            assert_eq!(pairs(query), expected, "{query}");
        }
        assert_eq!(percent_decoded("100%&%zz+", false), "100%&%zz+");
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        let fields = [("state", "a&b=c+d %41 \u{fc}"), ("code", "")];
        let owned = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(&form_encoded(&fields)), owned);
    }
}
