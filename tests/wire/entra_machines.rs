//! The flows of machines and of the Azure CLI: against the lab, and against a scripted service where the answers must be
//! odd.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::lab::hand::Hand;
use crate::support::service::{
    NOW, Outcome, Reply, Service, assert_no_secret, everything_printed, token,
};
use crate::wire::signing_in::{GRAPH, in_the_lab_with, machine, outside, refused, sign_in};
use exoauth::entra::{Algorithm, Credential, Outside};
use exoauth::failure::Failure;
use exoauth::lab::Front;
use exoauth::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_virtual_machine_asks_its_metadata_service() -> Outcome {
    let answer = json!({"access_token": token(1), "expires_in": "60", "expires_on": "1", "token_type": "Bearer"});
    let starting = Reply::json(404, &json!({}));
    let service = Service::start([starting, Reply::json(200, &answer)]).await?;
    let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.base.as_str())];
    let sign_in = sign_in(
        &service,
        machine(Some("11111111")),
        outside(&variables, &[]),
    )?;
    let found = sign_in.token(GRAPH).await?;
    assert_eq!(found.expires, Some("2026-11-23T09:01:00Z".parse()?));
    let seen = &service.all_seen()[1];
    assert_eq!(
        seen.line,
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.example&client_id=11111111"
    );
    assert_eq!(seen.header("metadata"), Some("true"));
    Ok(())
}

#[tokio::test]
async fn a_web_application_shows_its_header() -> Outcome {
    let at = NOW.parse::<jiff::Timestamp>()?.as_second() + 90;
    let answer = json!({"access_token": token(1), "expires_on": at.to_string()});
    let service = Service::start([Reply::json(200, &answer)]).await?;
    let endpoint = format!("{}/msi/token", service.base);
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", "hush-header"),
    ];
    let sign_in = sign_in(&service, machine(None), outside(&variables, &[]))?;
    let found = sign_in.token(GRAPH).await?;
    assert_eq!(found.expires, Some("2026-11-23T09:01:30Z".parse()?));
    let seen = &service.all_seen()[0];
    assert_eq!(
        seen.line,
        "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.example"
    );
    assert_eq!(seen.header("x-identity-header"), Some("hush-header"));
    Ok(())
}

#[tokio::test]
async fn a_machine_of_arc_proves_that_it_may_read_the_key() -> Outcome {
    let challenge = |path: &str| {
        let header = format!("Basic realm={path}");
        Reply::new(401, &[("www-authenticate", header.as_str())], b"")
    };
    let key = "/var/opt/azcmagent/tokens/1234.key";
    let answer = json!({"access_token": token(1), "expires_in": 3599});
    let service = Service::start([challenge(key), Reply::json(200, &answer)]).await?;
    let endpoint = format!("{}/arc", service.base);
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IMDS_ENDPOINT", "http://localhost:1"),
    ];
    let files = [(key, "hush-key")];
    let found = sign_in(&service, machine(None), outside(&variables, &files))?
        .token(GRAPH)
        .await?;
    assert_eq!(found.secret.expose(), token(1));
    assert_eq!(
        service.all_seen()[1].header("authorization"),
        Some("Basic hush-key")
    );

    let elsewhere = [
        "/etc/shadow",
        "/var/opt/azcmagent/tokens/../../../../etc/x.key",
        "/var/opt/azcmagent/tokens/1234",
    ];
    for path in elsewhere {
        let service = Service::start([challenge(path)]).await?;
        let endpoint = format!("{}/arc", service.base);
        let variables = [
            ("IDENTITY_ENDPOINT", endpoint.as_str()),
            ("IMDS_ENDPOINT", "http://localhost:1"),
        ];
        let error = refused(&sign_in(
            &service,
            machine(None),
            outside(&variables, &[(path, "hush")]),
        )?)
        .await?;
        assert!(
            error.to_string().contains("a key in an unexpected place"),
            "{error}"
        );
        assert_eq!(service.all_seen().len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_machine_without_an_identity_is_told_so() -> Outcome {
    let answer = json!({"error": "invalid_request", "error_description": "Identity not found"});
    let service = Service::start([Reply::json(400, &answer)]).await?;
    let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.base.as_str())];
    let failure =
        Failure::from(refused(&sign_in(&service, machine(None), outside(&variables, &[]))?).await?);
    assert_eq!(
        failure.message,
        "signing in by managed identity was refused: invalid_request"
    );
    assert_eq!(failure.detail.as_deref(), Some("Identity not found"));
    Ok(())
}

#[tokio::test]
async fn a_workload_shows_the_token_of_its_platform() -> Outcome {
    let service = Service::start([]).await?;
    let variables = [
        ("AZURE_CLIENT_ID", "2222"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/run/token"),
    ];
    let credential = || Credential::WorkloadIdentity { client_id: None };
    let outside_of = |files: &[(&str, &str)]| outside(&variables, files);
    sign_in(
        &service,
        credential(),
        outside_of(&[("/run/token", "hush-federated")]),
    )?
    .token(GRAPH)
    .await?;
    let seen = &service.token_requests()[0];
    let fields = [
        "grant_type",
        "client_id",
        "client_assertion",
        "client_secret",
    ]
    .map(|name| seen.field(name));
    let expected = [
        Some("client_credentials"),
        Some("2222"),
        Some("hush-federated"),
        None,
    ];
    assert_eq!(fields, expected.map(|value| value.map(str::to_owned)));

    let missing = refused(&sign_in(&service, credential(), outside_of(&[]))?).await?;
    assert_eq!(
        missing.to_string(),
        "signing in by workload identity is not possible here: /run/token cannot be read: no such file"
    );
    let nothing = refused(&sign_in(&service, credential(), Outside::default())?).await?;
    assert_eq!(
        nothing.to_string(),
        "signing in by workload identity is not possible here: the variable AZURE_CLIENT_ID is not set"
    );
    Ok(())
}

#[tokio::test]
async fn the_azure_cli_is_asked_for_the_scope_and_the_tenant() -> Outcome {
    let service = Service::start([]).await?;
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let at = NOW.parse::<jiff::Timestamp>()?.as_second() + 600;
    let outside = Outside {
        run_program: Arc::new(move |words| {
            if let Ok(mut heard) = heard.lock() {
                *heard = words.iter().map(|word| (*word).to_owned()).collect();
            }
            let answer = json!({"accessToken": token(1), "expires_on": at, "expiresOn": "2026-11-23 10:10:00.000000"});
            Ok(Secret::new(answer.to_string()))
        }),
        ..Outside::default()
    };
    let found = sign_in(&service, Credential::AzureCli, outside)?
        .token(GRAPH)
        .await?;
    assert_eq!(found.expires, Some("2026-11-23T09:10:00Z".parse()?));
    assert_eq!(
        asked.lock().map_err(|_| "poisoned")?.join(" "),
        "az account get-access-token --scope https://graph.example/.default --tenant contoso.onmicrosoft.com --output json"
    );
    for (said, message) in [
        (
            Err("Please run 'az login' to setup account.".to_owned()),
            "Please run 'az login' to setup account.",
        ),
        (
            Ok(Secret::new("hush")),
            "the Azure CLI answered without a token",
        ),
    ] {
        let outside = Outside {
            run_program: Arc::new(move |_| said.clone()),
            ..Outside::default()
        };
        let error = refused(&sign_in(&service, Credential::AzureCli, outside)?).await?;
        assert_no_secret(&everything_printed(&error));
        assert_eq!(
            error.to_string(),
            format!("signing in by the Azure CLI is not possible here: {message}")
        );
        assert_eq!(
            Failure::from(error).hint.as_deref(),
            Some("run `az login` with the tenant first")
        );
    }
    Ok(())
}

/// What a platform tells a process about the identity of the lab's machine, and the key files that it may read.
fn of_platform(hand: &Hand, variables: &[(&str, &str)]) -> Outcome<Outside> {
    let (secret, login) = (hand.client_secret(), hand.lab.address(Front::Login));
    let owned: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| {
            let value = value.replace("LOGIN", &login);
            ((*name).to_owned(), value.replace("SECRET", secret.expose()))
        })
        .collect();
    Ok(Outside {
        variable: Arc::new(move |name| owned.get(name).cloned()),
        // The agent of Azure Arc writes the key, and platforms the federated token.
        read_file: Arc::new(move |_| Ok(secret.clone())),
        ..Outside::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flow_of_machines_signs_in_to_both_services() -> Outcome {
    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let (client_id, secret) = (hand.client_id(), hand.client_secret());
    let certificate = |algorithm| Credential::Certificate {
        client_id: client_id.clone(),
        pem: hand.lab.client_certificate(),
        algorithm,
    };
    let imds = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "LOGIN")];
    let app_service = [
        ("IDENTITY_ENDPOINT", "LOGIN/msi/token"),
        ("IDENTITY_HEADER", "SECRET"),
    ];
    let arc = [
        ("IDENTITY_ENDPOINT", "LOGIN/metadata/identity/oauth2/token"),
        ("IMDS_ENDPOINT", "LOGIN"),
    ];
    // A workload shows a token of its own for the exchange; here it is the machine's.
    let federated = in_the_lab_with(&hand, machine(None), of_platform(&hand, &imds)?)?
        .token("api://AzureADTokenExchange")
        .await?
        .secret;
    let workload = Outside {
        read_file: Arc::new(move |_| Ok(federated.clone())),
        ..of_platform(&hand, &[("AZURE_FEDERATED_TOKEN_FILE", "/run/token")])?
    };
    let application = Credential::ClientSecret {
        client_id: client_id.clone(),
        secret,
    };
    let of_workload = Credential::WorkloadIdentity {
        client_id: Some(client_id.clone()),
    };
    let ways = [
        (application, Outside::default()),
        (certificate(Algorithm::Ps256), Outside::default()),
        (certificate(Algorithm::Rs256), Outside::default()),
        (machine(None), of_platform(&hand, &imds)?),
        (machine(Some(&client_id)), of_platform(&hand, &app_service)?),
        (machine(None), of_platform(&hand, &arc)?),
        (of_workload, workload),
    ];
    let all = ways.len();
    for (at, (credential, outside)) in ways.into_iter().enumerate() {
        let sign_in = in_the_lab_with(&hand, credential, outside)?;
        for (front, role) in [
            (Front::Graph, "Application.ReadWrite.All"),
            (Front::ExchangeOnline, "Exchange.ManageAsApp"),
        ] {
            let found = sign_in.token(&hand.lab.address(front)).await?;
            assert!(
                found.roles.iter().any(|found| found == role),
                "{at} of {all}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_proves_nothing_gets_no_token() -> Outcome {
    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let resource = format!("resource={}", hand.lab.address(Front::Graph));
    let metadata = |more: &str| format!("/metadata/identity/oauth2/token?{resource}{more}");
    let back = hand.get(Front::Login, &metadata("")).await;
    assert_eq!(back.map_err(|error| error.to_string())?.status, 400);
    let url = hand.url(Front::Login, &metadata("&api-version=2020-06-01"));
    let asked = hand.client.get(&url).header("Metadata", "true");
    let back = hand.send(asked).await.map_err(|error| error.to_string())?;
    assert_eq!(back.status, 401);
    let back = hand
        .get(Front::Login, &format!("/msi/token?{resource}"))
        .await;
    assert_eq!(back.map_err(|error| error.to_string())?.status, 401);
    // A token for a service is none for the exchange.
    let graph = hand
        .token(Front::Graph)
        .await
        .map_err(|error| error.to_string())?;
    let outside = Outside {
        read_file: Arc::new(move |_| Ok(Secret::new(graph.as_str()))),
        ..of_platform(&hand, &[("AZURE_FEDERATED_TOKEN_FILE", "/run/token")])?
    };
    let workload = Credential::WorkloadIdentity {
        client_id: Some(hand.client_id()),
    };
    let error = refused(&in_the_lab_with(&hand, workload, outside)?).await?;
    assert!(format!("{error:?}").contains("700212"), "{error:?}");
    Ok(())
}
