//! The flows of signing in against a certified server that is not ours, npm `oidc-provider`; `entra.sh` beside this file
//! starts it and says where it is.

use crate::support::person::visit;
use crate::support::wait::wait_for;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::clock::Clock;
use exoauth::entra::{Algorithm, Ask, Credential, Outside, Prompt, SignIn, key_and_certificate};
use exoauth::http;
use exoauth::secret::Secret;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const GRAPH: &str = "https://graph.example";
const EXCHANGE_ONLINE: &str = "https://outlook.example";

#[expect(
    clippy::disallowed_methods,
    reason = "the script says by variables where the server is"
)]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set; run tests/peers/entra.sh"))
}

/// A file that the script made.
fn made(name: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(variable("ENTRA_PEER_FOLDER")?).join(name))
}

/// A sign-in, and how often the person was asked.
fn sign_in(credential: Credential) -> Result<(SignIn, Arc<AtomicUsize>), Box<dyn Error>> {
    sign_in_with(credential, Outside::default())
}

fn sign_in_with(
    credential: Credential,
    outside: Outside,
) -> Result<(SignIn, Arc<AtomicUsize>), Box<dyn Error>> {
    let authority = std::fs::read_to_string(made("ca.pem")?)?;
    let asked = Arc::new(AtomicUsize::new(0));
    let (trusted, counter) = (authority.clone(), Arc::clone(&asked));
    let ask: Ask = Arc::new(move |prompt| {
        counter.fetch_add(1, Ordering::SeqCst);
        let (trusted, prompt) = (trusted.clone(), prompt.clone());
        std::thread::spawn(move || {
            let mut typed = vec![("login", "admin"), ("password", "any")];
            let address = match &prompt {
                // This server knows no accounts to select from, and gives refresh tokens to who consents only.
                Prompt::Browser { address, .. } => {
                    &address.replace("&prompt=select_account", "&prompt=consent")
                }
                Prompt::DeviceCode { address, code, .. } => {
                    typed.push(("user_code", code));
                    address
                }
            };
            let visited = wait_for(visit(&trusted, address, &typed));
            assert!(visited.is_ok(), "{visited:?}");
        });
        Ok(())
    });
    let http = http::Client::new(http::Options {
        extra_ca: Some(authority),
        ..http::Options::default()
    })?;
    let (login, tenant) = (
        variable("ENTRA_PEER_URL")?,
        "contoso.onmicrosoft.com".to_owned(),
    );
    let outside = Outside {
        ask: Some(ask),
        ..outside
    };
    let sign_in = SignIn::new(http, login, tenant, credential, Clock::system())
        .with_outside(outside)
        .with_exchange_online(EXCHANGE_ONLINE.to_owned());
    Ok((sign_in, asked))
}

#[test]
#[ignore = "needs the certified server of tests/peers/entra.sh"]
fn applications_sign_in_to_a_certified_server() -> Result<(), Box<dyn Error>> {
    let file = |name: &str| -> Result<Secret, Box<dyn Error>> {
        Ok(Secret::new(
            BASE64_STANDARD.encode(std::fs::read(made(name)?)?),
        ))
    };
    let password = Secret::new(std::fs::read_to_string(made("client.password")?)?);
    let pem = key_and_certificate(&file("client.pem")?, None)?;
    let pfx = key_and_certificate(&file("client.pfx")?, Some(&password))?;
    let by_certificate = |client_id: &str, key: &Secret, algorithm| Credential::Certificate {
        client_id: client_id.to_owned(),
        pem: key.clone(),
        algorithm,
    };
    let credentials = [
        Credential::ClientSecret {
            client_id: "with-secret".to_owned(),
            secret: Secret::new("peer-secret"),
        },
        by_certificate("with-ps256", &pem, Algorithm::Ps256),
        by_certificate("with-rs256", &pem, Algorithm::Rs256),
        by_certificate("with-ps256", &pfx, Algorithm::Ps256),
        by_certificate("with-rs256", &pfx, Algorithm::Rs256),
    ];
    for credential in credentials {
        let (sign_in, _) = sign_in(credential)?;
        for resource in [GRAPH, EXCHANGE_ONLINE] {
            let found = wait_for(async { Ok(sign_in.token(resource).await?) })?;
            assert!(found.expires.is_some());
        }
    }
    Ok(())
}

/// The server takes an assertion once, so it is asked for one service only.
#[test]
#[ignore = "needs the certified server of tests/peers/entra.sh"]
fn a_workload_signs_in_to_a_certified_server() -> Result<(), Box<dyn Error>> {
    let (token, tenant) = (made("workload.token")?, "contoso.onmicrosoft.com");
    let path = token.display().to_string();
    let (sign_in, _) = sign_in_with(
        Credential::WorkloadIdentity {
            client_id: Some("with-rs256".to_owned()),
        },
        Outside {
            variable: Arc::new(move |name| match name {
                "AZURE_FEDERATED_TOKEN_FILE" => Some(path.clone()),
                "AZURE_TENANT_ID" => Some(tenant.to_owned()),
                _ => None,
            }),
            read_file: Arc::new(|path| match std::fs::read_to_string(path) {
                Ok(text) => Ok(Secret::new(text)),
                Err(error) => Err(error.to_string()),
            }),
            ..Outside::default()
        },
    )?;
    let found = wait_for(async { Ok(sign_in.token(GRAPH).await?) })?;
    assert!(found.expires.is_some());
    Ok(())
}

#[test]
#[ignore = "needs the certified server of tests/peers/entra.sh"]
fn people_sign_in_to_a_certified_server() -> Result<(), Box<dyn Error>> {
    for credential in [
        Credential::Browser { client_id: None },
        Credential::DeviceCode { client_id: None },
    ] {
        let (sign_in, asked) = sign_in(credential)?;
        wait_for(async {
            for resource in [GRAPH, EXCHANGE_ONLINE] {
                let found = sign_in.token(resource).await?;
                assert!(found.expires.is_some());
                // The second time the refresh token does it.
                let renewed = sign_in.renew(resource, &found, None).await?;
                assert_ne!(renewed.secret.expose(), found.secret.expose());
            }
            Ok(())
        })?;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
    Ok(())
}
