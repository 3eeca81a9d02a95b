//! Every refusal of Entra ID that administrators meet: what is said in plain words, and who can mend it.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::service::{Outcome, Reply, Service, assert_no_secret, everything_printed};
use exoauth::failure::{Failure, FailureKind};
use serde_json::json;

/// Code, word of the protocol, what it means, and a word of the hint that says who mends it or how.
const REFUSALS: [(u64, &str, &str, &str); 27] = [
    (
        50034,
        "invalid_grant",
        "the account does not exist in this tenant",
        "\"tenant\"",
    ),
    (
        50020,
        "invalid_grant",
        "the account does not exist in this tenant",
        "\"tenant\"",
    ),
    (
        50059,
        "invalid_request",
        "the application does not exist in this cloud",
        "\"cloud\"",
    ),
    (
        50076,
        "interaction_required",
        "a second factor is needed",
        "method browser",
    ),
    (
        50079,
        "interaction_required",
        "a second factor is needed",
        "method browser",
    ),
    (
        50097,
        "interaction_required",
        "the tenant accepts known devices only",
        "an administrator",
    ),
    (
        50105,
        "invalid_grant",
        "the account is not assigned to the application",
        "an administrator",
    ),
    (
        50196,
        "invalid_grant",
        "the same request was sent too often",
        "wait",
    ),
    (
        53000,
        "interaction_required",
        "the tenant accepts known devices only",
        "an administrator",
    ),
    (
        53001,
        "interaction_required",
        "the tenant accepts known devices only",
        "an administrator",
    ),
    (
        53002,
        "interaction_required",
        "the tenant accepts known devices only",
        "an administrator",
    ),
    (
        53003,
        "interaction_required",
        "a Conditional Access policy blocks the sign-in",
        "an administrator",
    ),
    (
        65001,
        "invalid_grant",
        "consent is missing",
        "an administrator",
    ),
    (65004, "access_denied", "it was declined", "declined"),
    (
        65002,
        "invalid_request",
        "Microsoft did not authorize this application for that service",
        "application of your own",
    ),
    (
        90002,
        "invalid_request",
        "the tenant does not exist in this cloud",
        "\"cloud\"",
    ),
    (
        900_021,
        "invalid_tenant",
        "the tenant does not exist in this cloud",
        "\"cloud\"",
    ),
    (
        90094,
        "access_denied",
        "consent is missing",
        "an administrator",
    ),
    (
        500_011,
        "invalid_resource",
        "the service is not known in this tenant",
        "[endpoints]",
    ),
    (
        700_016,
        "unauthorized_client",
        "the application does not exist in this tenant",
        "\"client_id\"",
    ),
    (
        700_023,
        "invalid_client",
        "the assertion is addressed to another cloud",
        "\"cloud\"",
    ),
    (
        700_027,
        "invalid_client",
        "the certificate is not registered for the application",
        "upload",
    ),
    (
        700_082,
        "invalid_grant",
        "the earlier sign-in is no longer valid",
        "sign in again",
    ),
    (
        50173,
        "invalid_grant",
        "the earlier sign-in is no longer valid",
        "sign in again",
    ),
    (
        50078,
        "invalid_grant",
        "the earlier sign-in is no longer valid",
        "sign in again",
    ),
    (
        7_000_215,
        "invalid_client",
        "the client secret is wrong",
        "value",
    ),
    (
        7_000_222,
        "invalid_client",
        "the client secret has expired",
        "new client secret",
    ),
];

#[tokio::test]
async fn each_code_is_said_in_plain_words_with_what_to_do() -> Outcome {
    for (code, word, meaning, remedy) in REFUSALS {
        let body = json!({
            "error": word,
            "error_description": format!("AADSTS{code}: Words of the service.\r\nTrace ID: 1111\r\nCorrelation ID: 2222\r\nTimestamp: 2026-11-23 09:00:00Z"),
            "error_codes": [code],
            "timestamp": "2026-11-23 09:00:00Z",
            "trace_id": "1111",
            "correlation_id": "2222",
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        let status = if word == "invalid_client" { 401 } else { 400 };
        let service = Service::start([Reply::json(status, &body)])
            .await?
            .without_tokens();
        let answer = service.sign_in()?.token("https://graph.example").await;
        let error = answer.err().ok_or("no error")?;
        assert_no_secret(&everything_printed(&error));
        let failure = Failure::from(error);
        assert_eq!(
            failure.message,
            format!("signing in by client secret was refused: {meaning}"),
            "{code}"
        );
        assert_eq!(failure.kind, FailureKind::SignIn, "{code}");
        let hint = failure.hint.unwrap_or_default();
        assert!(hint.contains(remedy), "{code}: {hint}");
        let detail = failure.detail.unwrap_or_default();
        assert_eq!(
            detail,
            format!("AADSTS{code}: Words of the service.; correlation id 2222")
        );
        assert_eq!(service.all_seen().len(), 1, "a refusal is not repeated");
    }
    Ok(())
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_said_in_the_words_of_the_service() -> Outcome {
    let body =
        json!({"error": "strange_error", "error_description": "AADSTS99999: Something new."});
    let service = Service::start([Reply::json(400, &body)])
        .await?
        .without_tokens();
    let answer = service.sign_in()?.token("https://graph.example").await;
    let failure = Failure::from(answer.err().ok_or("no error")?);
    assert_eq!(
        (
            failure.message.as_str(),
            failure.detail.as_deref(),
            failure.hint
        ),
        (
            "signing in by client secret was refused: strange_error",
            Some("AADSTS99999: Something new."),
            None
        )
    );
    Ok(())
}
