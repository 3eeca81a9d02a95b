//! The flows of people, machines and the Azure CLI: against the lab, and against a scripted service where the answers
//! must be odd.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::lab::hand::Hand;
use crate::support::person::visit;
use crate::support::service::{
    NOW, Outcome, Reply, Service, assert_no_secret, everything_printed, token,
};
use crate::support::wait::wait_for;
use exoauth::clock::Clock;
use exoauth::entra::{Algorithm, Ask, Credential, Error, Memory, Outside, Prompt, SignIn};
use exoauth::failure::{Failure, FailureKind};
use exoauth::http;
use exoauth::lab::Front;
use exoauth::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const GRAPH: &str = "https://graph.example";

fn sign_in(service: &Service, credential: Credential, outside: Outside) -> Outcome<SignIn> {
    let clock = Clock::fixed(NOW.parse()?);
    let (http, tenant) = (service.client()?, "contoso.onmicrosoft.com".to_owned());
    Ok(SignIn::new(http, service.base.clone(), tenant, credential, clock).with_outside(outside))
}

/// Somebody who is told what to do and does not do it; what they were told is kept.
fn listener() -> (Outside, Arc<Mutex<Vec<Prompt>>>) {
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

fn refusal(error: &str) -> Reply {
    Reply::json(400, &json!({"error": error, "error_description": error}))
}

fn device() -> Credential {
    Credential::DeviceCode { client_id: None }
}

fn begun(more: &serde_json::Value) -> Reply {
    let mut body = json!({
        "device_code": "hush-device", "user_code": "ABCD-EFGH",
        "verification_uri": "https://login.example/device", "expires_in": 900,
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    Reply::json(200, &body)
}

fn granted() -> Reply {
    let answer = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token(1), "refresh_token": "hush-refresh"});
    Reply::json(200, &answer)
}

#[tokio::test]
async fn the_device_flow_waits_as_long_as_it_is_told() -> Outcome {
    let pending = || refusal("authorization_pending");
    let script = [
        begun(&json!({})),
        pending(),
        refusal("slow_down"),
        pending(),
        granted(),
    ];
    let service = Service::start(script).await?.without_tokens();
    let (outside, told) = listener();
    let sign_in = sign_in(&service, device(), outside)?;
    let found = sign_in.token(GRAPH).await?;
    assert_eq!(found.secret.expose(), token(1));
    assert_eq!(service.pauses(), [5.0, 5.0, 10.0, 10.0]);
    let told = told.lock().map_err(|_| "poisoned")?.clone();
    let expected = Prompt::DeviceCode {
        service: GRAPH.to_owned(),
        address: "https://login.example/device".to_owned(),
        code: "ABCD-EFGH".to_owned(),
        seconds: 900,
        note: None,
    };
    assert_eq!(told, [expected]);
    let seen = service.all_seen();
    assert_eq!(
        seen[0].line,
        "POST /contoso.onmicrosoft.com/oauth2/v2.0/devicecode"
    );
    let fields = ["grant_type", "client_id", "device_code"].map(|name| seen[1].field(name));
    let expected = [
        "urn:ietf:params:oauth:grant-type:device_code",
        "1950a258-227b-4e31-a9cf-717495945fc2",
        "hush-device",
    ];
    assert_eq!(fields, expected.map(|value| Some(value.to_owned())));
    assert_no_secret(&format!("{sign_in:?}"));
    Ok(())
}

#[tokio::test]
async fn the_device_flow_takes_the_pause_of_the_service_and_numbers_as_texts() -> Outcome {
    let script = [
        begun(&json!({"interval": "2", "expires_in": "60"})),
        granted(),
    ];
    let service = Service::start(script).await?.without_tokens();
    sign_in(&service, device(), listener().0)?
        .token(GRAPH)
        .await?;
    assert_eq!(service.pauses(), [2.0]);
    Ok(())
}

#[tokio::test]
async fn the_device_flow_ends_when_the_code_does_and_when_somebody_declines() -> Outcome {
    let pending = || refusal("authorization_pending");
    let short = || begun(&json!({"expires_in": 10}));
    let cases = [
        (
            vec![short(), pending(), pending()],
            FailureKind::SignIn,
            "signing in by device code took longer than 1 minutes",
        ),
        (
            vec![begun(&json!({})), refusal("expired_token")],
            FailureKind::SignIn,
            "signing in by device code took longer than 15 minutes",
        ),
        (
            vec![begun(&json!({})), refusal("code_expired")],
            FailureKind::SignIn,
            "signing in by device code took longer than 15 minutes",
        ),
        (
            vec![begun(&json!({})), refusal("authorization_declined")],
            FailureKind::SignIn,
            "signing in by device code was refused: it was declined",
        ),
        (
            vec![begun(&json!({})), refusal("access_denied")],
            FailureKind::SignIn,
            "signing in by device code was refused: it was declined",
        ),
        (
            vec![begun(&json!({})), refusal("bad_verification_code")],
            FailureKind::SignIn,
            "signing in by device code was refused: the device code is not the one that was given",
        ),
    ];
    for (script, kind, message) in cases {
        let service = Service::start(script).await?.without_tokens();
        let error = refused(&sign_in(&service, device(), listener().0)?).await?;
        assert_no_secret(&everything_printed(&error));
        let failure = Failure::from(error);
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    }
    Ok(())
}

async fn refused(sign_in: &SignIn) -> Outcome<Error> {
    let answer = sign_in.token(GRAPH).await;
    answer.err().ok_or_else(|| "no error".into())
}

#[tokio::test]
async fn a_refresh_token_serves_until_it_is_refused() -> Outcome {
    let short = json!({"expires_in": 1, "access_token": token(1), "refresh_token": "hush-1"});
    let script = [
        begun(&json!({})),
        Reply::json(200, &short),
        Reply::json(200, &short),
        refusal("invalid_grant"),
        begun(&json!({})),
        granted(),
    ];
    let service = Service::start(script).await?.without_tokens();
    let (outside, told) = listener();
    let sign_in = sign_in(&service, device(), outside)?;
    let first = sign_in.token(GRAPH).await?;
    let second = sign_in.renew(GRAPH, &first, None).await?;
    sign_in.renew(GRAPH, &second, None).await?;
    let seen = service.all_seen();
    assert_eq!(seen[2].field("refresh_token").as_deref(), Some("hush-1"));
    let notes: Vec<bool> = told
        .lock()
        .map_err(|_| "poisoned")?
        .iter()
        .map(|prompt| matches!(prompt, Prompt::DeviceCode { note: Some(_), .. }))
        .collect();
    assert_eq!(notes, [false, true]);
    Ok(())
}

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1763888400"}}}"#;

#[tokio::test]
async fn the_claims_of_a_challenge_are_asked_for_by_the_refresh_token_first_and_then_by_the_person()
-> Outcome {
    let others = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let refused =
        json!({"error": "interaction_required", "suberror": "basic_action", "claims": others});
    let script = [
        begun(&json!({})),
        granted(),
        Reply::json(400, &refused),
        begun(&json!({})),
        granted(),
    ];
    let service = Service::start(script).await?.without_tokens();
    let sign_in = sign_in(&service, device(), listener().0)?;
    let first = sign_in.token(GRAPH).await?;
    sign_in.renew(GRAPH, &first, Some(CLAIMS)).await?;
    let asked: Vec<_> = service
        .all_seen()
        .iter()
        .map(|seen| seen.field("claims"))
        .collect();
    let (claims, others) = (Some(CLAIMS.to_owned()), Some(others.to_owned()));
    assert_eq!(asked, [None, None, claims, others.clone(), others]);
    Ok(())
}

#[tokio::test]
async fn the_claims_of_a_challenge_are_get_a_person_a_token_for_them() -> Outcome {
    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let graph = hand.lab.address(Front::Graph);
    let browser = Credential::Browser { client_id: None };
    let by_browser = in_the_lab(&hand, browser, str::to_owned, &[])?;
    let first = by_browser.token(&graph).await?;
    let renewed = by_browser.renew(&graph, &first, Some(CLAIMS)).await?;
    let payload = renewed
        .secret
        .expose()
        .split('.')
        .nth(1)
        .unwrap_or_default();
    let payload = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload)?;
    let claims: serde_json::Value = serde_json::from_slice(&payload)?;
    assert_eq!(claims["lab_answered"], "1763888400");
    Ok(())
}

#[tokio::test]
async fn what_is_kept_is_used_by_the_next_process_and_nothing_else_is_accepted() -> Outcome {
    let kept: Arc<Mutex<Option<Secret>>> = Arc::default();
    let keeper = Arc::clone(&kept);
    let keep: exoauth::entra::Keep = Arc::new(move |text| {
        if let Ok(mut kept) = keeper.lock() {
            *kept = Some(text.clone());
        }
        Ok(())
    });
    let service = Service::start([begun(&json!({})), granted(), granted()])
        .await?
        .without_tokens();
    let outside = Outside {
        memory: Memory::kept(None, Arc::clone(&keep))?,
        ..listener().0
    };
    sign_in(&service, device(), outside)?.token(GRAPH).await?;
    let text = kept
        .lock()
        .map_err(|_| "poisoned")?
        .clone()
        .ok_or("not kept")?;
    assert!(text.expose().contains("hush-refresh"));
    // The next process has nobody to ask.
    let outside = Outside {
        memory: Memory::kept(Some(&text), Arc::clone(&keep))?,
        ..Outside::default()
    };
    assert_no_secret(&format!("{outside:?}"));
    sign_in(&service, device(), outside)?.token(GRAPH).await?;
    assert_eq!(service.left(), 0);
    for bad in ["", "{}", "[1]", "{\"schema\": \"exoauth.sign-in/9\"}"] {
        let error = Memory::kept(Some(&Secret::new(bad)), Arc::clone(&keep)).err();
        let failure = Failure::from(error.ok_or("no error")?);
        assert_eq!(failure.kind, FailureKind::Input);
        assert!(
            failure
                .message
                .starts_with("what was kept of the earlier sign-in"),
            "{failure}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_methods_for_machines_are_named() -> Outcome {
    let service = Service::start([]).await?;
    for credential in [device(), Credential::Browser { client_id: None }] {
        let failure =
            Failure::from(refused(&sign_in(&service, credential, Outside::default())?).await?);
        assert!(
            failure
                .message
                .ends_with("needs a person, and there is nobody to ask"),
            "{failure}"
        );
        let hint = failure.hint.unwrap_or_default();
        assert!(
            hint.contains("exoauth login") && hint.contains("managed-identity"),
            "{hint}"
        );
    }
    assert_eq!(service.all_seen().len(), 0);
    Ok(())
}

fn outside(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Outside {
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

fn machine(client_id: Option<&str>) -> Credential {
    let client_id = client_id.map(str::to_owned);
    Credential::ManagedIdentity { client_id }
}

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

/// What is changed of the address of a page.
type Change = fn(&str) -> String;

/// A sign-in to the lab; the person is sent to `change` of the page that they should open.
fn in_the_lab(
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

fn in_the_lab_with(hand: &Hand, credential: Credential, outside: Outside) -> Outcome<SignIn> {
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

#[tokio::test(flavor = "multi_thread")]
async fn each_flow_of_people_signs_in_to_both_services() -> Outcome {
    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let as_it_is = |address: &str| address.to_owned();
    let by_query =
        |address: &str| address.replace("response_mode=form_post", "response_mode=query");
    let browser = || Credential::Browser { client_id: None };
    let ways = [
        in_the_lab(&hand, browser(), as_it_is, &[])?,
        in_the_lab(&hand, browser(), by_query, &[])?,
        in_the_lab(&hand, device(), as_it_is, &[])?,
    ];
    for sign_in in ways {
        for (front, scope) in [
            (Front::Graph, "Directory.AccessAsUser.All"),
            (Front::ExchangeOnline, "AdminApi.AccessAsUser.All"),
        ] {
            let found = sign_in.token(&hand.lab.address(front)).await?;
            assert_eq!(
                found.account.as_deref(),
                Some("admin@contoso.onmicrosoft.com")
            );
            assert!(
                found.scopes.iter().any(|found| found == scope),
                "{:?}",
                found.scopes
            );
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_belongs_to_another_sign_in_is_not_taken() -> Outcome {
    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let graph = hand.lab.address(Front::Graph);
    let browser = || Credential::Browser { client_id: None };
    let cases: [(Change, &str); 2] = [
        (
            |address| address.replace("nonce=", "nonce=x"),
            "the sign-in service answered something else than this sign-in: its nonce is another one",
        ),
        (
            |address| address.replace("code_challenge=", "code_challenge=x"),
            "signing in by browser was refused: the code belongs to another sign-in",
        ),
    ];
    for (change, message) in cases {
        let answer = in_the_lab(&hand, browser(), change, &[])?
            .token(&graph)
            .await;
        assert_eq!(
            answer.map(drop).map_err(|error| error.to_string()),
            Err(message.to_owned())
        );
    }
    // With another state the browser is turned away, and waiting goes on.
    let strange = in_the_lab(
        &hand,
        browser(),
        |address| address.replace("&state=", "&state=x"),
        &[],
    )?;
    let waited = tokio::time::timeout(
        std::time::Duration::from_millis(1500),
        strange.token(&graph),
    );
    assert!(waited.await.is_err());
    let declined = in_the_lab(&hand, browser(), str::to_owned, &[("press", "decline")])?;
    let answer = declined
        .token(&graph)
        .await
        .map(drop)
        .map_err(|error| error.to_string());
    assert_eq!(
        answer,
        Err("signing in by browser was refused: it was declined".to_owned())
    );
    Ok(())
}

/// A log that is kept, of this thread alone.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut kept) = self.0.lock() {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Logs everything of this thread, until it is dropped.
struct Logging {
    log: Log,
    /// With one subscriber alone, whether a line is wanted is asked on the thread that comes to it first, which may be
    /// that of another test.
    _second: tracing::Dispatch,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Logging {
    fn begin() -> Self {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            log,
            _second: tracing::Dispatch::new(tracing_subscriber::registry()),
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// What was logged so far.
    fn text(&self) -> Outcome<String> {
        let kept = self.log.0.lock().map_err(|_| "poisoned")?.clone();
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }
}

/// The identities of machines, the Azure CLI and a certificate: each signs in, and each is refused by a service that
/// repeats what it was sent.
#[tokio::test]
async fn no_machine_says_a_secret_in_its_log_its_shape_or_its_refusal() -> Outcome {
    let logging = Logging::begin();
    let key = "/var/opt/azcmagent/tokens/1234.key";
    let challenge = || {
        let realm = format!("Basic realm={key}");
        Reply::new(401, &[("www-authenticate", &realm)], b"")
    };
    let granted = || Reply::json(200, &json!({"access_token": token(1), "expires_in": 3599}));
    // The service repeats what it was sent.
    let repeats = |secret: &str| {
        let said = format!("AADSTS700027: {} {secret}", token(1));
        Reply::json(
            400,
            &json!({"error": "invalid_client", "error_description": said}),
        )
    };
    let pem = crate::wire::entra::client_pem()?;
    let by_certificate = || Credential::Certificate {
        client_id: "2222".to_owned(),
        pem: Secret::new(pem.as_str()),
        algorithm: Algorithm::default(),
    };
    let workload = || Credential::WorkloadIdentity {
        client_id: Some("2222".to_owned()),
    };
    // The variables of each platform; BASE stands for the service.
    let imds: &[(&str, &str)] = &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "BASE")];
    let app_service: &[(&str, &str)] = &[
        ("IDENTITY_ENDPOINT", "BASE/msi"),
        ("IDENTITY_HEADER", "hush-header"),
    ];
    let arc: &[(&str, &str)] = &[
        ("IDENTITY_ENDPOINT", "BASE/arc"),
        ("IMDS_ENDPOINT", "http://localhost:1"),
    ];
    let federated: &[(&str, &str)] = &[("AZURE_FEDERATED_TOKEN_FILE", "/run/token")];
    let files = [("/run/token", "hush-federated"), (key, "hush-key")];
    for refused in [false, true] {
        let last = |secret: &str| {
            if refused { repeats(secret) } else { granted() }
        };
        for (credential, variables, script) in [
            (machine(None), imds, vec![last("")]),
            (
                machine(Some("3333")),
                app_service,
                vec![last("hush-header")],
            ),
            (machine(None), arc, vec![challenge(), last("hush-key")]),
            (workload(), federated, vec![last("hush-federated")]),
            (by_certificate(), &[], vec![last("")]),
        ] {
            let service = Service::start(script).await?.without_tokens();
            let variables: Vec<(&str, String)> = variables
                .iter()
                .map(|(name, value)| (*name, value.replace("BASE", &service.base)))
                .collect();
            let variables: Vec<(&str, &str)> = variables
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let sign_in = sign_in(&service, credential, outside(&variables, &files))?;
            let answer = sign_in.token(GRAPH).await;
            assert_eq!(answer.is_err(), refused, "{answer:?}");
            no_hush(&format!("{sign_in:?} {answer:?}"));
            if let Err(error) = answer {
                no_hush(&everything_printed(&error));
            }
            assert_eq!(service.left(), 0);
        }
        let answer = json!({"accessToken": token(1), "expires_on": 4_000_000_000_u32});
        let said = if refused {
            Err("Please run 'az login'.".to_owned())
        } else {
            Ok(Secret::new(answer.to_string()))
        };
        let outside = Outside {
            run_program: Arc::new(move |_| said.clone()),
            ..Outside::default()
        };
        let service = Service::start([]).await?;
        let by_cli = sign_in(&service, Credential::AzureCli, outside)?;
        let answer = by_cli.token(GRAPH).await;
        no_hush(&format!("{by_cli:?} {answer:?}"));
    }
    let text = logging.text()?;
    assert!(text.contains("oauth2/v2.0/token"), "the log is on");
    no_hush(&text);
    Ok(())
}

/// No secret, and nothing that starts as tokens and assertions do.
fn no_hush(text: &str) {
    assert_no_secret(text);
    for part in ["hush-", "eyJ", "client_assertion=", "PRIVATE KEY"] {
        let at = text.lines().find(|line| line.contains(part));
        assert_eq!(at, None, "{part}");
    }
}

#[tokio::test]
async fn no_flow_says_a_secret_at_the_most_talkative_level() -> Outcome {
    let logging = Logging::begin();

    let script = [
        begun(&json!({})),
        refusal("slow_down"),
        granted(),
        granted(),
    ];
    let service = Service::start(script).await?.without_tokens();
    let by_device = sign_in(&service, device(), listener().0)?;
    let first = by_device.token(GRAPH).await?;
    by_device.renew(GRAPH, &first, None).await?;

    let answer = Reply::json(200, &json!({"access_token": token(1), "expires_in": 60}));
    let service = Service::start([answer]).await?;
    let endpoint = format!("{}/msi", service.base);
    let variables = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", "hush-header"),
        ("AZURE_CLIENT_ID", "2222"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/run/token"),
    ];
    let files = [("/run/token", "hush-federated")];
    let workload = Credential::WorkloadIdentity { client_id: None };
    for credential in [machine(None), workload] {
        sign_in(&service, credential, outside(&variables, &files))?
            .token(GRAPH)
            .await?;
    }
    service.sign_in()?.token(GRAPH).await?;

    let hand = Hand::new().await.map_err(|error| error.to_string())?;
    let graph = hand.lab.address(Front::Graph);
    let browser = Credential::Browser { client_id: None };
    let by_browser = in_the_lab(&hand, browser, str::to_owned, &[])?;
    let found = by_browser.token(&graph).await?;
    by_browser.renew(&graph, &found, None).await?;

    let text = logging.text()?;
    assert!(text.contains("oauth2/v2.0/token"), "the log is on");
    assert_no_secret(&text);
    for field in [
        "code=",
        "client_assertion=",
        "code_verifier=",
        "refresh_token=",
    ] {
        let at = text.lines().find(|line| line.contains(field));
        assert_eq!(at, None, "{field}");
    }
    Ok(())
}
