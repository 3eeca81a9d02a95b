//! Tokens and refusals of Entra ID, against a scripted service; assertions checked by two others.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::service::{
    CLIENT_SECRET, NOW, Outcome, Reply, Service, assert_no_secret, everything_printed, fixtures,
    token,
};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use exoauth::certificate::Certificate;
use exoauth::clock::Clock;
use exoauth::entra::{Algorithm, Credential, Error, SignIn};
use exoauth::failure::{Failure, FailureKind};
use exoauth::organization::SignInMethod;
use exoauth::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{DecodingKey, Validation};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};

const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

async fn refused(sign_in: &SignIn) -> Outcome<Error> {
    let answer = sign_in.token("https://graph.example").await;
    answer.err().ok_or_else(|| "no error".into())
}

#[tokio::test]
async fn a_client_secret_is_exchanged_for_a_token_once() -> Outcome {
    let service = Service::start([]).await?;
    let sign_in = service.sign_in()?;
    let first = sign_in.token("https://graph.example").await?;
    let again = sign_in.token("https://graph.example").await?;
    assert_eq!(first, again);
    assert_eq!(first.secret.expose(), token(1));
    assert_eq!(
        first.tenant_id.as_deref(),
        Some("aaaabbbb-0000-cccc-1111-dddd2222eeee")
    );
    assert_eq!(first.app_id.as_deref(), Some(CLIENT_ID));
    assert_eq!(first.app_name.as_deref(), Some("exoauth"));
    assert_eq!(
        first.object_id.as_deref(),
        Some("99999999-0000-0000-0000-000000000000")
    );
    assert_eq!(first.roles, ["Exchange.ManageAsApp"]);
    assert_eq!(first.expires, Some("2026-11-23T09:59:59Z".parse()?));
    let asked = service.token_requests();
    assert_eq!((asked.len(), sign_in.requests()), (1, 1));
    assert_eq!(
        asked[0].line,
        "POST /contoso.onmicrosoft.com/oauth2/v2.0/token"
    );
    let fields = ["grant_type", "client_id", "client_secret", "scope"];
    assert_eq!(
        fields.map(|name| asked[0].field(name)),
        [
            "client_credentials",
            CLIENT_ID,
            CLIENT_SECRET,
            "https://graph.example/.default"
        ]
        .map(|value| Some(value.to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn each_resource_has_a_token_of_its_own() -> Outcome {
    let service = Service::start([]).await?;
    let sign_in = service.sign_in()?;
    sign_in.token("https://graph.example").await?;
    let other = sign_in.token("https://outlook.example").await?;
    assert_eq!(other.secret.expose(), token(2));
    Ok(())
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() -> Outcome {
    let service = Service::start([]).await?;
    let now = Arc::new(Mutex::new(NOW.parse::<Timestamp>()?));
    let shared = Arc::clone(&now);
    let clock = Clock::told_by(move || *shared.lock().unwrap_or_else(|error| error.into_inner()));
    let credential = Credential::ClientSecret {
        client_id: CLIENT_ID.to_owned(),
        secret: Secret::new(CLIENT_SECRET),
    };
    let sign_in = service.sign_in_with(credential, clock)?;
    for (minutes, number) in [(0, 1), (54, 1), (1, 2)] {
        *now.lock().map_err(|_| "poisoned")? += SignedDuration::from_mins(minutes);
        let token_now = sign_in.token("https://graph.example").await?;
        assert_eq!(token_now.secret.expose(), token(number), "{minutes}");
    }
    Ok(())
}

#[tokio::test]
async fn the_claims_of_a_challenge_are_asked_for_with_the_next_token() -> Outcome {
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1763888400"}}}"#;
    let service = Service::start([]).await?;
    let sign_in = service.sign_in()?;
    let old = sign_in.token("https://graph.example").await?;
    sign_in
        .renew("https://graph.example", &old, Some(claims))
        .await?;
    let asked: Vec<_> = service
        .token_requests()
        .iter()
        .map(|seen| seen.field("claims"))
        .collect();
    assert_eq!(asked, [None, Some(claims.to_owned())]);
    Ok(())
}

#[tokio::test]
async fn a_token_that_was_refused_is_replaced_once() -> Outcome {
    let service = Service::start([]).await?;
    let sign_in = service.sign_in()?;
    let old = sign_in.token("https://graph.example").await?;
    let new = sign_in.renew("https://graph.example", &old, None).await?;
    let same = sign_in.renew("https://graph.example", &old, None).await?;
    assert_eq!(
        (new.secret.expose(), new == same),
        (token(2).as_str(), true)
    );
    Ok(())
}

/// Two roads hold the token of one service: one is challenged while the other gets a token for nobody's claims.
#[tokio::test]
async fn a_newer_token_serves_a_challenge_only_if_it_was_issued_for_the_same_claims() -> Outcome {
    let (resource, claims) = ("https://graph.example", r#"{"access_token":{"nbf":{}}}"#);
    let service = Service::start([]).await?;
    let sign_in = service.sign_in()?;
    let old = sign_in.token(resource).await?;
    let newer = sign_in.renew(resource, &old, None).await?;
    let answered = sign_in.renew(resource, &old, Some(claims)).await?;
    assert_ne!(answered, newer, "that one would be challenged again");
    let same = sign_in.renew(resource, &old, Some(claims)).await?;
    assert_eq!(same, answered, "the other road takes what is there");
    let asked: Vec<_> = service
        .token_requests()
        .iter()
        .map(|seen| seen.field("claims"))
        .collect();
    assert_eq!(asked, [None, None, Some(claims.to_owned())]);
    Ok(())
}

#[tokio::test]
async fn numbers_may_be_texts_and_tokens_may_be_opaque() -> Outcome {
    let answer = json!({"access_token": "opaque", "expires_in": "60"});
    let service = Service::start([Reply::json(200, &answer)])
        .await?
        .without_tokens();
    let found = service.sign_in()?.token("https://graph.example").await?;
    assert_eq!(found.expires, Some("2026-11-23T09:01:00Z".parse()?));
    assert_eq!((found.tenant_id, found.roles), (None, Vec::new()));
    Ok(())
}

#[tokio::test]
async fn an_answer_without_a_token_is_an_error() -> Outcome {
    for answer in [
        json!({"expires_in": 3599}),
        json!({"access_token": ""}),
        json!([]),
    ] {
        let service = Service::start([Reply::json(200, &answer)])
            .await?
            .without_tokens();
        let failure = Failure::from(refused(&*service.sign_in()?).await?);
        assert_eq!(failure.kind, FailureKind::Protocol);
        assert!(
            failure
                .message
                .ends_with("answered without an access token"),
            "{failure}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_not_the_sign_in_service_is_named() -> Outcome {
    let page = Reply::new(404, &[("content-type", "text/html")], b"<html>Not here");
    let service = Service::start([page]).await?.without_tokens();
    let failure = Failure::from(refused(&*service.sign_in()?).await?);
    assert_eq!(failure.kind, FailureKind::Protocol);
    assert!(
        failure
            .message
            .starts_with("signing in was not possible: localhost:"),
        "{failure}"
    );
    assert!(
        failure
            .message
            .ends_with("answered 404 with HTML where JSON was expected"),
        "{failure}"
    );
    Ok(())
}

/// The fixture, the kind, what the message ends with, and the hint.
const REFUSALS: &[(&str, FailureKind, &str, &str)] = &[
    (
        "application-not-in-tenant",
        FailureKind::SignIn,
        "the application does not exist in this tenant",
        "client_id",
    ),
    (
        "application-of-another-cloud",
        FailureKind::SignIn,
        "the application belongs to another cloud",
        "cloud",
    ),
    (
        "assertion-of-another-cloud",
        FailureKind::SignIn,
        "the assertion is addressed to another cloud",
        "cloud",
    ),
    (
        "client-not-in-this-cloud",
        FailureKind::SignIn,
        "the application does not exist in this cloud",
        "cloud",
    ),
    (
        "expired-secret",
        FailureKind::SignIn,
        "the client secret has expired",
        "new client secret",
    ),
    (
        "key-not-registered",
        FailureKind::SignIn,
        "the certificate is not registered for the application",
        "upload",
    ),
    (
        "key-not-registered-older",
        FailureKind::SignIn,
        "the certificate is not registered for the application",
        "upload",
    ),
    (
        "no-consent",
        FailureKind::SignIn,
        "consent is missing",
        "administrator",
    ),
    (
        "not-microsoft",
        FailureKind::SignIn,
        "refused: invalid_client",
        "",
    ),
    (
        "other-json",
        FailureKind::SignIn,
        "refused with status 400",
        "",
    ),
    (
        "resource-not-in-tenant",
        FailureKind::SignIn,
        "the service is not known in this tenant",
        "[endpoints]",
    ),
    (
        "scope",
        FailureKind::SignIn,
        "the scope is not accepted",
        "[endpoints]",
    ),
    (
        "tenant-id-not-found",
        FailureKind::SignIn,
        "the tenant does not exist in this cloud",
        "tenant",
    ),
    (
        "tenant-not-found",
        FailureKind::SignIn,
        "the tenant does not exist in this cloud",
        "tenant",
    ),
    (
        "unknown-code",
        FailureKind::SignIn,
        "refused: invalid_client",
        "",
    ),
    (
        "without-description",
        FailureKind::SignIn,
        "refused: invalid_client",
        "",
    ),
    (
        "wrong-secret",
        FailureKind::SignIn,
        "the client secret is wrong",
        "not its id",
    ),
];

#[tokio::test]
async fn every_refusal_is_said_in_plain_words() -> Outcome {
    let fixtures = fixtures("entra")?;
    let tested: Vec<&str> = REFUSALS.iter().map(|refusal| refusal.0).collect();
    assert_eq!(fixtures.keys().collect::<Vec<_>>(), tested);
    for (name, kind, message, hint) in REFUSALS {
        let service = Service::start([Reply::fixture(&fixtures[*name])?])
            .await?
            .without_tokens();
        let error = refused(&*service.sign_in()?).await?;
        assert_no_secret(&everything_printed(&error));
        let failure = Failure::from(error);
        assert_eq!(failure.kind, *kind, "{name}");
        assert!(failure.message.ends_with(message), "{name}: {failure}");
        let given = failure.hint.unwrap_or_default();
        assert_eq!(
            (given.contains(hint), given.is_empty()),
            (true, hint.is_empty()),
            "{name}: {given}"
        );
        assert_eq!(
            service.all_seen().len(),
            1,
            "{name} does not pass by waiting"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_detail_keeps_the_words_and_the_correlation_of_microsoft() -> Outcome {
    let fixture = &fixtures("entra")?["wrong-secret"];
    let service = Service::start([Reply::fixture(fixture)?])
        .await?
        .without_tokens();
    let failure = Failure::from(refused(&*service.sign_in()?).await?);
    let detail = failure.detail.ok_or("no detail")?;
    assert!(
        detail.starts_with("AADSTS7000215: Invalid client secret provided. "),
        "{detail}"
    );
    assert!(
        detail.ends_with("Sent: [secret]; correlation id 0b1e2f3a-4c5d-6e7f-8091-a2b3c4d5e6f7"),
        "{detail}"
    );
    Ok(())
}

struct Identity {
    pem: String,
    key: String,
    certificate: Certificate,
}

fn identity() -> Outcome<Identity> {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let mut parameters = CertificateParams::new([])?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "app");
    let certificate = parameters.self_signed(&key)?;
    Ok(Identity {
        pem: certificate.pem(),
        key: key.serialize_pem(),
        certificate: Certificate::from_der(certificate.der())?,
    })
}

/// A private key and its certificate, made now.
pub(crate) fn client_pem() -> Outcome<String> {
    let identity = identity()?;
    Ok(format!("{}{}", identity.key, identity.pem))
}

fn by_certificate(pem: &str, algorithm: Algorithm) -> Credential {
    Credential::Certificate {
        client_id: CLIENT_ID.to_owned(),
        pem: Secret::new(pem),
        algorithm,
    }
}

async fn assertion(service: &Service, pem: &str, algorithm: Algorithm) -> Outcome<String> {
    let clock = Clock::fixed(NOW.parse()?);
    let sign_in = service.sign_in_with(by_certificate(pem, algorithm), clock)?;
    sign_in.token("https://graph.example").await?;
    assert_no_secret(&format!("{sign_in:?}"));
    let requests = service.token_requests();
    let request = requests.last().ok_or("no request")?;
    assert_eq!(request.field("client_secret"), None);
    assert_eq!(
        request.field("client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    request
        .field("client_assertion")
        .ok_or_else(|| "no assertion".into())
}

#[tokio::test]
async fn assertions_are_what_entra_documents_and_verify_with_two_others() -> Outcome {
    let identity = identity()?;
    let certificate = &identity.certificate;
    let ps256 = json!({"typ": "JWT", "alg": "PS256", "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(certificate.sha256())});
    let rs256 = json!({"typ": "JWT", "alg": "RS256", "x5t": BASE64_URL_SAFE_NO_PAD.encode(certificate.sha1())});
    let cases: [(_, _, _, &dyn VerificationAlgorithm); 2] = [
        (
            Algorithm::Ps256,
            ps256,
            jsonwebtoken::Algorithm::PS256,
            &RSA_PSS_2048_8192_SHA256,
        ),
        (
            Algorithm::Rs256,
            rs256,
            jsonwebtoken::Algorithm::RS256,
            &RSA_PKCS1_2048_8192_SHA256,
        ),
    ];
    let pem = format!("{}{}", identity.pem, identity.key);
    let public_key = certificate.public_key()?;
    for (algorithm, header, named, plain) in cases {
        let service = Service::start([]).await?;
        let text = assertion(&service, &pem, algorithm).await?;
        let parts: Vec<&str> = text.split('.').collect();
        let decode = |part: &str| -> Outcome<Json> {
            Ok(serde_json::from_slice(
                &BASE64_URL_SAFE_NO_PAD.decode(part)?,
            )?)
        };
        assert_eq!(decode(parts[0])?, header);
        let mut claims = decode(parts[1])?;
        let identifier = claims["jti"].take();
        assert_eq!(identifier.as_str().map(str::len), Some(36));
        let audience = format!("{}/contoso.onmicrosoft.com/oauth2/v2.0/token", service.base);
        let now = NOW.parse::<Timestamp>()?.as_second();
        assert_eq!(
            claims,
            json!({"aud": audience, "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": null,
                   "nbf": now, "iat": now, "exp": now + 600})
        );
        // With the library that many services use, ...
        let mut validation = Validation::new(named);
        validation.set_audience(&[&audience]);
        validation.validate_exp = false;
        jsonwebtoken::decode::<Json>(&text, &DecodingKey::from_rsa_der(&public_key), &validation)?;
        // ... and with bare RSA over the bytes that were signed.
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = BASE64_URL_SAFE_NO_PAD.decode(parts[2])?;
        UnparsedPublicKey::new(plain, &public_key)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| format!("{algorithm:?} does not verify"))?;
    }
    Ok(())
}

#[tokio::test]
async fn no_assertion_is_made_twice() -> Outcome {
    let identity = identity()?;
    let pem = [identity.key, identity.pem].concat();
    let service = Service::start([]).await?;
    let first = assertion(&service, &pem, Algorithm::Rs256).await?;
    assert_ne!(first, assertion(&service, &pem, Algorithm::Rs256).await?);
    Ok(())
}

#[tokio::test]
async fn a_key_of_the_older_form_signs_too() -> Outcome {
    let identity = identity()?;
    let body: String = identity
        .key
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    // PKCS #8 wraps PKCS #1 in 26 bytes for a key of 2048 bits.
    let older = BASE64_STANDARD.encode(&BASE64_STANDARD.decode(body)?[26..]);
    let pem = format!(
        "{}-----BEGIN RSA PRIVATE KEY-----\n{older}\n-----END RSA PRIVATE KEY-----\n",
        identity.pem
    );
    let service = Service::start([]).await?;
    let text = assertion(&service, &pem, Algorithm::Ps256).await?;
    let (signed, signature) = text.rsplit_once('.').ok_or("no signature")?;
    UnparsedPublicKey::new(
        &RSA_PSS_2048_8192_SHA256,
        identity.certificate.public_key()?,
    )
    .verify(
        signed.as_bytes(),
        &BASE64_URL_SAFE_NO_PAD.decode(signature)?,
    )
    .map_err(|_| "it does not verify")?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_sign_is_refused_before_anything_is_sent() -> Outcome {
    let (one, other) = (identity()?, identity()?);
    let curve = KeyPair::generate()?;
    let curve_pem = CertificateParams::new([])?.self_signed(&curve)?.pem();
    let cases = [
        (String::new(), "it holds no CERTIFICATE block"),
        (one.key.clone(), "it holds no CERTIFICATE block"),
        (one.pem.clone(), "it holds no private key"),
        (
            [&*one.pem, &*other.key].concat(),
            "the private key does not belong to the certificate",
        ),
        (
            [curve_pem, curve.serialize_pem()].concat(),
            "the key is not an RSA key",
        ),
        (
            [
                &*one.pem,
                &*one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            ]
            .concat(),
            "the private key is encrypted; only a key without a passphrase can be used",
        ),
        ([&*one.pem.replace('M', "!"), &*one.key].concat(), ""),
    ];
    for (pem, reason) in cases {
        let service = Service::start([]).await?;
        let credential = by_certificate(&pem, Algorithm::Ps256);
        let sign_in = service.sign_in_with(credential, Clock::fixed(NOW.parse()?))?;
        let error = refused(&sign_in).await?;
        assert_no_secret(&everything_printed(&error).replace(reason, ""));
        let failure = Failure::from(error);
        assert_eq!(failure.kind, FailureKind::Input);
        assert!(
            failure
                .message
                .starts_with("the certificate to sign in with cannot be used: "),
            "{failure}"
        );
        assert!(failure.message.ends_with(reason), "{failure}");
        assert_eq!(service.all_seen().len(), 0);
    }
    Ok(())
}

#[test]
fn what_a_method_needs_is_named_by_its_key() -> Outcome {
    let id = || Some(CLIENT_ID.to_owned());
    let secret = || Some(Secret::new(CLIENT_SECRET));
    let cases = [
        (
            SignInMethod::ClientSecret,
            None,
            "signing in by client-secret needs \"sign_in.client_id\" in the organization file",
        ),
        (
            SignInMethod::ClientSecret,
            id(),
            "signing in by client-secret needs \"sign_in.secret\" in the organization file",
        ),
        (
            SignInMethod::Certificate,
            id(),
            "signing in by certificate needs \"sign_in.certificate\" in the organization file",
        ),
    ];
    for (method, client_id, expected) in cases {
        let error = Credential::new(method, client_id, None, None, Algorithm::default())
            .err()
            .ok_or("no error")?;
        assert_eq!(error.to_string(), expected);
        assert_eq!(Failure::from(error).kind, FailureKind::Input);
    }
    let good = Credential::new(
        SignInMethod::ClientSecret,
        id(),
        secret(),
        None,
        Algorithm::default(),
    )?;
    assert_no_secret(&format!("{good:?}"));
    Ok(())
}
