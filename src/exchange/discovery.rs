//! Where Exchange Online serves a protocol for a mailbox: Autodiscover by JSON, which asks for no sign-in.
//!
//! The request is that of CSS-Exchange `ConfigureExchangeHybridApplication.ps1`:
//! `GET /autodiscover/autodiscover.json/v1.0/{mailbox}?Protocol=EWS&ServerLocation=true`; the answer has `Protocol` and
//! `Url`, a refusal has `ErrorCode` and `ErrorMessage`.

use crate::failure::{Failure, FailureKind};
use crate::http;
use crate::value::{Object, Value};
use serde::{Deserialize, Serialize};

/// A question to Autodiscover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// The mailbox; it need not exist, its domain does.
    pub mailbox: String,
    /// The protocol, such as `EWS`.
    pub protocol: String,
}

impl Discovery {
    /// The question as a person writes it.
    ///
    /// ```
    /// use exoauth::exchange::discovery::Discovery;
    ///
    /// let question = Discovery { mailbox: "a@contoso.com".to_owned(), protocol: "EWS".to_owned() };
    /// assert_eq!(
    ///     question.call(),
    ///     "GET /autodiscover/autodiscover.json/v1.0/a@contoso.com?Protocol=EWS&ServerLocation=true"
    /// );
    /// ```
    pub fn call(&self) -> String {
        format!("GET {}", self.path())
    }

    fn path(&self) -> String {
        format!(
            "/autodiscover/autodiscover.json/v1.0/{}?Protocol={}&ServerLocation=true",
            self.mailbox, self.protocol
        )
    }

    /// Asks the service at an address, `https://host`.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, when it refuses, and when its answer names no address.
    pub async fn ask(&self, http: &http::Client, base: &str) -> Result<Object, Failure> {
        let refused = |kind, reason: &str| {
            let message = format!(
                "Autodiscover does not say where {} is served for {}: {reason}",
                self.protocol, self.mailbox
            );
            Failure::new(kind, message)
        };
        let good = |letter: char| letter.is_ascii_alphanumeric() || "-._@".contains(letter);
        if !self.mailbox.chars().all(good) || !self.protocol.chars().all(good) {
            return Err(refused(FailureKind::Input, "that is no mailbox"));
        }
        let address = format!("{}{}", base.trim_end_matches('/'), self.path());
        let request = http::Request::read(reqwest::Method::GET, http::parse_url(&address)?)
            .header("Accept", "application/json");
        let answer = http.send(&request).await?;
        let body = Value::from(answer.json()?);
        if answer.is_success() {
            return match body {
                Value::Object(body)
                    if body.get("Url").is_some_and(|url| url.as_text().is_some()) =>
                {
                    Ok(body)
                }
                _ => Err(refused(FailureKind::Protocol, "the answer has no address")),
            };
        }
        let words = body.text("ErrorMessage").unwrap_or_default();
        let kind = match answer.status() {
            404 => FailureKind::NotFound,
            429 => FailureKind::Throttled,
            500.. => FailureKind::Unreachable,
            _ => FailureKind::Invalid,
        };
        let code = body.text("ErrorCode").unwrap_or_default().to_owned();
        Err(refused(kind, http::sentence(words))
            .with_detail(format!("{} {code}", answer.status()).trim_end()))
    }
}
