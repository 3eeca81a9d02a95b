//! The flows of people: against the lab, and against a scripted service where the answers must be odd.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::lab::hand::Hand;
use crate::support::service::{
    Outcome, Reply, Service, assert_no_secret, everything_printed, token,
};
use crate::wire::signing_in::{
    Change, GRAPH, begun, device, granted, in_the_lab, listener, refusal, refused, sign_in,
};
use exoauth::entra::{Credential, Memory, Outside, Prompt};
use exoauth::failure::{Failure, FailureKind};
use exoauth::lab::Front;
use exoauth::secret::Secret;
use serde_json::json;
use std::sync::{Arc, Mutex};

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
async fn the_claims_of_a_challenge_get_a_person_a_token_for_them() -> Outcome {
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
