//! The sign-in front: discovery, client credentials, and the metadata documents.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Back, Hand, Outcome, TENANT};
use exoauth::cloud::CloudName;
use exoauth::lab::{Certificate, Front, Rules, Seed};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value as Json, json};
use std::error::Error;

const NOW: i64 = 1_795_424_400;

#[tokio::test]
async fn the_discovery_document_leads_to_working_addresses() -> Outcome {
    let hand = Hand::new().await?;
    let path = "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration";
    let document = hand.get(Front::Login, path).await?.json();
    let base = hand.lab.address(Front::Login);
    let expected = [
        ("issuer", format!("{base}/{TENANT}/v2.0")),
        (
            "token_endpoint",
            format!("{base}/{TENANT}/oauth2/v2.0/token"),
        ),
        ("jwks_uri", format!("{base}/{TENANT}/discovery/v2.0/keys")),
        ("msgraph_host", "graph.microsoft.com".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(document[name], value, "{name}");
    }
    let keys = hand
        .get(Front::Login, &format!("/{TENANT}/discovery/v2.0/keys"))
        .await?
        .json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    Ok(())
}

#[tokio::test]
async fn a_government_tenant_says_which_cloud_it_is_of() -> Outcome {
    for (cloud, part, host) in [
        (CloudName::GccHigh, "DODCON", "graph.microsoft.us"),
        (CloudName::Dod, "DOD", "dod-graph.microsoft.us"),
    ] {
        let hand = Hand::with(cloud, Rules::BeforeBlock, Seed::default()).await?;
        let path = "/contoso.onmicrosoft.us/v2.0/.well-known/openid-configuration";
        let document = hand.get(Front::Login, path).await?.json();
        assert_eq!(document["tenant_region_sub_scope"], part);
        assert_eq!(document["msgraph_host"], host);
    }
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_refused_by_name_and_by_id() -> Outcome {
    let hand = Hand::new().await?;
    let unknown = "00000000-1111-4222-8333-444444444444";
    for (tenant, code) in [("nosuch.onmicrosoft.com", 90_002), (unknown, 900_021)] {
        let back = hand
            .get(
                Front::Login,
                &format!("/{tenant}/v2.0/.well-known/openid-configuration"),
            )
            .await?;
        let body = back.json();
        assert_eq!(
            (back.status, body["error"].as_str()),
            (400, Some("invalid_tenant"))
        );
        assert_eq!(body["error_codes"], json!([code]));
        let text = body["error_description"].as_str().unwrap_or_default();
        assert!(
            text.starts_with(&format!("AADSTS{code}: Tenant '{tenant}' not found.")),
            "{text}"
        );
        let metadata = hand
            .get(Front::Login, &format!("/{tenant}/metadata/json/1"))
            .await?;
        assert_eq!(metadata.status, 400);
    }
    Ok(())
}

async fn ask(hand: &Hand, changes: &[(&str, &str)]) -> Result<Back, Box<dyn Error>> {
    let (secret, client) = (hand.client_secret(), hand.client_id());
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("client_secret", secret.expose()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    for (name, value) in changes {
        fields.retain(|(other, _)| other != name);
        fields.push((name, value));
    }
    let fields: Vec<(&str, &str)> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    hand.post_form(
        Front::Login,
        "/contoso.onmicrosoft.com/oauth2/v2.0/token",
        &fields,
    )
    .await
}

#[tokio::test]
async fn a_secret_gets_a_token_for_the_resource_of_the_scope() -> Outcome {
    let hand = Hand::new().await?;
    let body = ask(&hand, &[]).await?.json();
    assert_eq!(
        (body["token_type"].as_str(), body["expires_in"].as_i64()),
        (Some("Bearer"), Some(3599))
    );
    let token = body["access_token"].as_str().unwrap_or_default();
    let claims: Json = jsonwebtoken::dangerous::insecure_decode(token)?.claims;
    assert_eq!(
        (claims["aud"].as_str(), claims["tid"].as_str()),
        (Some("https://graph.microsoft.com"), Some(TENANT))
    );
    assert_eq!(claims["appid"], hand.client_id());
    Ok(())
}

#[tokio::test]
async fn each_wrong_field_has_its_own_code() -> Outcome {
    let hand = Hand::new().await?;
    let foreign = "11111111-2222-4333-8444-555555555555";
    let cases: [(&str, &str, u16, &str, i64); 7] = [
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        ("client_secret", "", 401, "invalid_client", 7_000_218),
        ("client_id", foreign, 400, "unauthorized_client", 700_016),
        (
            "scope",
            "https://graph.example/.default",
            400,
            "invalid_resource",
            500_011,
        ),
        ("scope", "User.Read", 400, "invalid_scope", 1_002_012),
        (
            "grant_type",
            "password",
            400,
            "unsupported_grant_type",
            70_003,
        ),
        ("grant_type", "", 400, "invalid_request", 900_144),
    ];
    for (field, value, status, error, code) in cases {
        let back = ask(&hand, &[(field, value)]).await?;
        let body = back.json();
        assert_eq!(
            (back.status, body["error"].as_str()),
            (status, Some(error)),
            "{field}={value}"
        );
        assert_eq!(body["error_codes"], json!([code]), "{field}={value}");
    }
    Ok(())
}

/// An assertion as Microsoft's clients make it, with one thing changed.
struct Assertion {
    algorithm: Algorithm,
    key: &'static [u8],
    audience: String,
    issuer: String,
    expires: Json,
}

impl Assertion {
    fn of(hand: &Hand) -> Self {
        Self {
            algorithm: Algorithm::PS256,
            key: include_bytes!("../../src/lab/keys/application.pem"),
            audience: hand.url(Front::Login, &format!("/{TENANT}/oauth2/v2.0/token")),
            issuer: hand.client_id(),
            expires: json!(NOW + 600),
        }
    }

    fn signed(&self, hand: &Hand) -> Result<String, Box<dyn Error>> {
        let certificate = certificate(hand)?;
        let mut header = Header::new(self.algorithm);
        match self.algorithm {
            Algorithm::PS256 => header.x5t_s256 = Some(format!("{}=", certificate.x5t_s256())),
            _ => header.x5t = Some(certificate.x5t()),
        }
        let claims = json!({"aud": self.audience, "iss": self.issuer, "sub": self.issuer, "jti": "1", "exp": self.expires});
        Ok(jsonwebtoken::encode(
            &header,
            &claims,
            &EncodingKey::from_rsa_pem(self.key)?,
        )?)
    }
}

fn certificate(hand: &Hand) -> Result<Certificate, Box<dyn Error>> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let pem = hand.lab.client_certificate();
    let body = pem
        .expose()
        .split_once("-----BEGIN CERTIFICATE-----")
        .map_or("", |(_, rest)| rest);
    let body: String = body
        .lines()
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    Certificate::read(&BASE64_STANDARD.decode(body)?).ok_or_else(|| "no certificate".into())
}

async fn present(hand: &Hand, assertion: &str) -> Result<Back, Box<dyn Error>> {
    let changes = [
        ("client_secret", ""),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    ask(hand, &changes).await
}

#[tokio::test]
async fn both_kinds_of_assertion_sign_in() -> Outcome {
    let hand = Hand::new().await?;
    let fraction = json!(1_795_424_999.5);
    for (algorithm, expires) in [
        (Algorithm::PS256, fraction),
        (Algorithm::RS256, json!(NOW + 600)),
    ] {
        let assertion = Assertion {
            algorithm,
            expires,
            ..Assertion::of(&hand)
        };
        let back = present(&hand, &assertion.signed(&hand)?).await?;
        assert_eq!(back.status, 200, "{}", back.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_assertion_is_refused_for_what_is_wrong() -> Outcome {
    let hand = Hand::new().await?;
    let other: &[u8] = include_bytes!("../../src/lab/keys/exchange-online.pem");
    let good = Assertion::of(&hand);
    let cloud = good.audience.replace("localhost", "login.example");
    let cases = [
        (
            Assertion {
                key: other,
                ..Assertion::of(&hand)
            },
            700_027,
        ),
        (
            Assertion {
                audience: cloud,
                ..Assertion::of(&hand)
            },
            700_023,
        ),
        (
            Assertion {
                issuer: "somebody".to_owned(),
                ..Assertion::of(&hand)
            },
            700_021,
        ),
        (
            Assertion {
                expires: json!(NOW - 3600),
                ..Assertion::of(&hand)
            },
            700_024,
        ),
    ];
    for (assertion, code) in cases {
        let back = present(&hand, &assertion.signed(&hand)?).await?;
        assert_eq!(
            (back.status, &back.json()["error_codes"]),
            (401, &json!([code])),
            "{}",
            back.text()
        );
    }
    let back = present(&hand, "nonsense").await?;
    assert_eq!(back.json()["error_codes"], json!([50_027]));
    Ok(())
}

#[tokio::test]
async fn the_federation_metadata_names_tenant_and_certificate() -> Outcome {
    let hand = Hand::new().await?;
    let path = "/contoso.onmicrosoft.com/federationmetadata/2007-06/federationmetadata.xml";
    let text = hand.get(Front::Login, path).await?.text();
    assert!(
        text.contains(&format!("entityID=\"https://sts.windows.net/{TENANT}/\"")),
        "{text}"
    );
    let acs = hand
        .get(Front::Login, &format!("/metadata/json/1?realm={TENANT}"))
        .await?
        .json();
    let certificate = acs["keys"][0]["keyValue"]["value"]
        .as_str()
        .unwrap_or("none");
    assert!(text.contains(&format!("<X509Certificate>{certificate}</X509Certificate>")));
    Ok(())
}
