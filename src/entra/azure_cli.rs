//! The Azure CLI as the way in: whoever signed in there is asked for a token.

use super::error::{Error, ErrorKind};
use super::token::Token;
use super::{SignIn, default_scope};
use serde_json::Value as Json;
use std::sync::Arc;

impl SignIn {
    pub(super) async fn azure_cli(&self, resource: &str) -> Result<Token, Error> {
        let run = Arc::clone(&self.outside.run_program);
        let (scope, tenant) = (default_scope(resource), self.tenant.clone());
        let ran = tokio::task::spawn_blocking(move || {
            run(&[
                "az",
                "account",
                "get-access-token",
                "--scope",
                &scope,
                "--tenant",
                &tenant,
                "--output",
                "json",
            ])
        });
        let output = match ran.await {
            Ok(Ok(output)) => output,
            Ok(Err(reason)) => return Err(self.no_identity(reason)),
            Err(error) => return Err(self.no_identity(error.to_string())),
        };
        let json: Json = serde_json::from_str(output.expose()).unwrap_or_default();
        match json["accessToken"]
            .as_str()
            .filter(|token| !token.is_empty())
        {
            Some(token) => Ok(Token::read(token, &json, self.clock.now())),
            None => Err(self.no_identity("the Azure CLI answered without a token")),
        }
    }

    pub(super) fn no_identity(&self, reason: impl Into<String>) -> Error {
        let reason = reason.into();
        self.error(ErrorKind::NoIdentity { reason })
    }
}
