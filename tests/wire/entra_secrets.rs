//! No flow of signing in says a secret: not in its log, its shape or its refusal.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::lab::hand::Hand;
use crate::support::service::{
    Outcome, Reply, Service, assert_no_secret, everything_printed, token,
};
use crate::wire::signing_in::{
    GRAPH, begun, device, granted, in_the_lab, listener, machine, outside, refusal, sign_in,
};
use exoauth::entra::{Algorithm, Credential, Outside};
use exoauth::lab::Front;
use exoauth::secret::Secret;
use serde_json::json;
use std::sync::{Arc, Mutex};

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
