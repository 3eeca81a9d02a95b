//! What the tests of signing in share: somebody who is told what to do, a machine with variables and files, and the lab
//! to sign in to.

use crate::lab::hand::Hand;
use crate::support::person::visit;
use crate::support::service::{NOW, Outcome, Reply, Service, token};
use crate::support::wait::wait_for;
use exoauth::clock::Clock;
use exoauth::entra::{Ask, Credential, Error, Outside, Prompt, SignIn};
use exoauth::http;
use exoauth::lab::Front;
use exoauth::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What tokens are asked for.
pub(crate) const GRAPH: &str = "https://graph.example";

/// A sign-in to a scripted service.
pub(crate) fn sign_in(
    service: &Service,
    credential: Credential,
    outside: Outside,
) -> Outcome<SignIn> {
    let clock = Clock::fixed(NOW.parse()?);
    let (http, tenant) = (service.client()?, "contoso.onmicrosoft.com".to_owned());
    Ok(SignIn::new(http, service.base.clone(), tenant, credential, clock).with_outside(outside))
}

/// Somebody who is told what to do and does not do it; what they were told is kept.
pub(crate) fn listener() -> (Outside, Arc<Mutex<Vec<Prompt>>>) {
    let told: Arc<Mutex<Vec<Prompt>>> = Arc::default();
    let heard = Arc::clone(&told);
    let ask: Ask = Arc::new(move |prompt| {
        if let Ok(mut heard) = heard.lock() {
            heard.push(prompt.clone());
        }
        Ok(())
    });
    let outside = Outside {
        ask: Some(ask),
        ..Outside::default()
    };
    (outside, told)
}

/// An OAuth error of the token endpoint.
pub(crate) fn refusal(error: &str) -> Reply {
    Reply::json(400, &json!({"error": error, "error_description": error}))
}

pub(crate) fn device() -> Credential {
    Credential::DeviceCode { client_id: None }
}

/// The beginning of the device flow.
pub(crate) fn begun(more: &serde_json::Value) -> Reply {
    let mut body = json!({
        "device_code": "hush-device", "user_code": "ABCD-EFGH",
        "verification_uri": "https://login.example/device", "expires_in": 900,
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    Reply::json(200, &body)
}

/// Tokens, the answer to whatever was asked for them.
pub(crate) fn granted() -> Reply {
    let answer = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token(1), "refresh_token": "hush-refresh"});
    Reply::json(200, &answer)
}

/// Why a sign-in gives no token.
pub(crate) async fn refused(sign_in: &SignIn) -> Outcome<Error> {
    let answer = sign_in.token(GRAPH).await;
    answer.err().ok_or_else(|| "no error".into())
}

/// Nobody to ask, but these variables and files.
pub(crate) fn outside(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Outside {
    let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let (variables, files) = (owned(variables), owned(files));
    Outside {
        variable: Arc::new(move |name| variables.get(name).cloned()),
        read_file: Arc::new(move |path| {
            let text = files.get(&path.display().to_string());
            text.map(Secret::new)
                .ok_or_else(|| "no such file".to_owned())
        }),
        ..Outside::default()
    }
}

pub(crate) fn machine(client_id: Option<&str>) -> Credential {
    let client_id = client_id.map(str::to_owned);
    Credential::ManagedIdentity { client_id }
}

/// What is changed of the address of a page.
pub(crate) type Change = fn(&str) -> String;

/// A sign-in to the lab; the person is sent to `change` of the page that they should open.
pub(crate) fn in_the_lab(
    hand: &Hand,
    credential: Credential,
    change: Change,
    typed: &'static [(&'static str, &'static str)],
) -> Outcome<SignIn> {
    let authority = hand.lab.authority().to_owned();
    let ask: Ask = Arc::new(move |prompt| {
        let (authority, prompt) = (authority.clone(), prompt.clone());
        std::thread::spawn(move || {
            let visited = match &prompt {
                Prompt::Browser { address, .. } => {
                    wait_for(visit(&authority, &change(address), typed))
                }
                Prompt::DeviceCode { address, code, .. } => {
                    let mut typed = typed.to_vec();
                    typed.push(("user_code", code));
                    wait_for(visit(&authority, address, &typed))
                }
            };
            assert!(visited.is_ok(), "{visited:?}");
        });
        Ok(())
    });
    let outside = Outside {
        ask: Some(ask),
        ..Outside::default()
    };
    in_the_lab_with(hand, credential, outside)
}

/// A sign-in to the lab with what is outside of it.
pub(crate) fn in_the_lab_with(
    hand: &Hand,
    credential: Credential,
    outside: Outside,
) -> Outcome<SignIn> {
    let http = http::Client::new(http::Options {
        extra_ca: Some(hand.lab.authority().to_owned()),
        sleep: Arc::new(|_| Box::pin(tokio::time::sleep(std::time::Duration::from_millis(20)))),
        ..http::Options::default()
    })?;
    let (login, tenant) = (
        hand.lab.address(Front::Login),
        "contoso.onmicrosoft.com".to_owned(),
    );
    let clock = Clock::fixed("2026-11-23T09:00:00Z".parse()?);
    Ok(SignIn::new(http, login, tenant, credential, clock)
        .with_outside(outside)
        .with_exchange_online(hand.lab.address(Front::ExchangeOnline)))
}
