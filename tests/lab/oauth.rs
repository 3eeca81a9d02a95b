//! Server-to-server OAuth: by hand over HTTPS, and as `Test-OAuthConnectivity` sees it.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Back, EXCHANGE, Hand, Outcome, TENANT, current_certificate};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use exoauth::clock::Clock;
use exoauth::cloud::CloudName;
use exoauth::lab::{Front, KeyCredential, Refusal, Rules, Seed, World};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value as Json, json};
use std::error::Error;

const TOKEN_SERVICE: &str = "00000001-0000-0000-c000-000000000000";
const ACS_METADATA: &str =
    "https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1";
const EWS: &str = "https://outlook.office365.com/ews/exchange.asmx";

fn parameters(json: Json) -> Object {
    match Value::from(json) {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

type Tested = Result<(String, String), Refusal>;

fn test(world: &mut World, plane: Plane, uri: &str, mailbox: &str) -> Tested {
    let given = parameters(json!({"Service": "EWS", "TargetUri": uri, "Mailbox": mailbox}));
    let answer = world.invoke(plane, "Test-OAuthConnectivity", &given)?;
    let text = |name: &str| {
        let node = answer.output.first();
        node.and_then(|node| node.text(name))
            .unwrap_or_default()
            .to_owned()
    };
    Ok((text("ResultType"), text("Detail")))
}

fn to_cloud(world: &mut World) -> Tested {
    test(world, Plane::OnPremises, EWS, "megan@contoso.com")
}

fn to_premises(world: &mut World) -> Tested {
    let uri = "https://mail.contoso.com/metadata/json/1";
    test(world, Plane::ExchangeOnline, uri, "alex@contoso.com")
}

/// What the page configures for the two tests, part by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    AuthServer,
    Partner,
    Key,
    Names,
}

fn configure(world: &mut World, without: Option<Part>) -> Result<(), Refusal> {
    let parts = [Part::AuthServer, Part::Partner, Part::Key, Part::Names];
    for part in parts.into_iter().filter(|part| Some(*part) != without) {
        match part {
            Part::AuthServer => {
                let given = json!({"Name": "WindowsAzureACS", "AuthMetadataUrl": ACS_METADATA});
                world.invoke(Plane::OnPremises, "New-AuthServer", &parameters(given))?;
            }
            Part::Partner => {
                let given = json!({"Identity": "Exchange Online", "Enabled": true});
                world.invoke(
                    Plane::OnPremises,
                    "Set-PartnerApplication",
                    &parameters(given),
                )?;
            }
            Part::Key => {
                let certificate = current_certificate(world);
                if let (Some(principal), Some(certificate)) =
                    (world.directory_mut().principal_mut(EXCHANGE), certificate)
                {
                    let id = "0ae2b1f4-0000-4000-a000-000000000001".to_owned();
                    principal.keys.push(KeyCredential {
                        id,
                        ..KeyCredential::of(&certificate)
                    });
                }
            }
            Part::Names => {
                if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
                    principal.names.push("https://mail.contoso.com/".to_owned());
                }
            }
        }
    }
    Ok(())
}

async fn configured(without: Option<Part>) -> Result<Hand, Box<dyn Error>> {
    let hand = Hand::new().await?;
    let done = hand.lab.world().with(|world| configure(world, without));
    done.map_err(|refusal| refusal.message)?;
    Ok(hand)
}

fn both(hand: &Hand) -> Result<[(String, String); 2], String> {
    let tested = hand
        .lab
        .world()
        .with(|world| Ok([to_cloud(world)?, to_premises(world)?]));
    tested.map_err(|refusal: Refusal| refusal.message)
}

#[tokio::test]
async fn both_directions_pass_when_everything_is_configured() -> Outcome {
    let hand = configured(None).await?;
    for (result, detail) in both(&hand)? {
        assert_eq!(result, "Success", "{detail}");
        assert!(detail.contains("The SMTP address has no mailbox associated with it."));
        assert!(!detail.contains("eyJ"), "no token is shown: {detail}");
    }
    Ok(())
}

/// A part that is left out, and the texts that the tests of the two directions then give; absent for a success.
type Expected<'a> = (Part, Option<&'a [&'a str]>, Option<&'a [&'a str]>);

#[tokio::test]
async fn each_part_left_out_fails_with_its_documented_text() -> Outcome {
    let not_found = "[Reason - The key was not found., Thumbprint of key used by client: ";
    let cases: [Expected; 4] = [
        (
            Part::AuthServer,
            Some(&[
                "The trusted issuers contained the following entries '00000001-0000-0000-c000-000000000000@*'. None of them are configured locally.",
            ]),
            Some(&[
                "The trusted issuers contained the following entries ''. None of them are configured locally.",
            ]),
        ),
        (
            Part::Partner,
            None,
            Some(&[
                "(401) Unauthorized",
                "2000008;reason=\"The token should have valid permissions or linked account associated with partner application '00000002-0000-0ff1-ce00-000000000000'.\";error_category=\"invalid_grant\"",
            ]),
        ),
        (
            Part::Key,
            Some(&[
                "Unable to get token from Auth Server. Error code: 'invalid_client'. Description: 'AADSTS700027: ",
                not_found,
            ]),
            None,
        ),
        (
            Part::Names,
            None,
            Some(&[
                "Error code: 'invalid_resource'. Description: 'AADSTS500011: The resource principal named 00000002-0000-0ff1-ce00-000000000000/mail.contoso.com was not found in the tenant named Contoso.",
            ]),
        ),
    ];
    for (part, cloud, premises) in cases {
        let hand = configured(Some(part)).await?;
        for (expected, (result, detail)) in [cloud, premises].into_iter().zip(both(&hand)?) {
            match expected {
                None => assert_eq!(result, "Success", "without {part:?}: {detail}"),
                Some(texts) => {
                    assert_eq!(result, "Error", "without {part:?}");
                    for text in texts {
                        assert!(detail.contains(text), "without {part:?}: {detail}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn since_the_end_of_october_2025_the_shared_principal_is_forbidden() -> Outcome {
    let hand = configured(None).await?;
    hand.lab
        .world()
        .with(|world| world.set_rules(Rules::SinceBlock));
    let [cloud, premises] = both(&hand)?;
    assert_eq!(
        (cloud.0.as_str(), premises.0.as_str()),
        ("Error", "Success")
    );
    assert!(cloud.1.contains("(403) Forbidden."), "{}", cloud.1);
    Ok(())
}

#[tokio::test]
async fn a_mailbox_that_the_other_side_does_not_know_is_an_invalid_user() -> Outcome {
    let hand = configured(None).await?;
    let tested = hand.lab.world().with(|world| {
        let uri = "https://mail.contoso.com/ews/exchange.asmx";
        Ok::<_, Refusal>([
            test(world, Plane::OnPremises, EWS, "lee@contoso.com")?,
            test(world, Plane::ExchangeOnline, uri, "Pradeep Gupta")?,
        ])
    });
    let text = "2000005;reason=\"The user specified by the user-context in the token does not exist.\";error_category=\"invalid_user\"";
    for (result, detail) in tested.map_err(|refusal| refusal.message)? {
        assert_eq!(result, "Error");
        assert!(detail.contains(text), "{detail}");
    }
    let missing = hand
        .lab
        .world()
        .with(|world| test(world, Plane::OnPremises, EWS, "nobody"));
    assert_eq!(
        missing.err().map(|refusal| refusal.message).as_deref(),
        Some(
            "The operation couldn't be performed because object 'nobody' couldn't be found on 'DC01.contoso.com'."
        )
    );
    Ok(())
}

#[tokio::test]
async fn an_expired_certificate_gets_no_token() -> Outcome {
    let hand = configured(None).await?;
    let later = Clock::fixed("2031-11-23T09:00:00Z".parse()?);
    hand.lab.world().with(|world| {
        // Otherwise the next one would have taken its place on its day.
        for config in world.objects_mut(Plane::OnPremises, "AuthConfig") {
            config.insert("NextCertificateEffectiveDate".to_owned(), Value::Null);
        }
        world.set_clock(later);
    });
    let [cloud, _] = both(&hand)?;
    assert_eq!(cloud.0, "Error");
    assert!(
        cloud
            .1
            .contains("[Reason - The key used is expired., Thumbprint of key used by client: "),
        "{}",
        cloud.1
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_not_there_cannot_sign() -> Outcome {
    let hand = configured(None).await?;
    hand.lab.world().with(|world| {
        world
            .objects_mut(Plane::OnPremises, "ExchangeCertificate")
            .remove(0)
    });
    let [cloud, _] = both(&hand)?;
    assert!(
        cloud.1.contains("Missing signing certificate."),
        "{}",
        cloud.1
    );
    Ok(())
}

#[tokio::test]
async fn two_auth_servers_of_one_realm_stop_the_asking_side() -> Outcome {
    let hand = configured(None).await?;
    let again = json!({"Name": "ACS again", "AuthMetadataUrl": ACS_METADATA});
    let made = hand
        .lab
        .world()
        .with(|world| world.invoke(Plane::OnPremises, "New-AuthServer", &parameters(again)));
    assert!(made.is_ok());
    let [cloud, _] = both(&hand)?;
    assert!(
        cloud.1.contains(&format!(
            "Multiple Auth Servers have same realm '{TENANT}'."
        )),
        "{}",
        cloud.1
    );
    Ok(())
}

#[tokio::test]
async fn a_partner_companys_auth_server_does_not_disturb() -> Outcome {
    let seed = Seed {
        neighbors: true,
        ..Seed::default()
    };
    let hand = Hand::with(CloudName::Worldwide, Rules::BeforeBlock, seed).await?;
    let done = hand.lab.world().with(|world| configure(world, None));
    assert_eq!(done, Ok(()));
    for (result, detail) in both(&hand)? {
        assert_eq!(result, "Success", "{detail}");
    }
    Ok(())
}

#[tokio::test]
async fn after_the_wizard_only_certificate_and_names_are_missing() -> Outcome {
    let seed = Seed {
        wizard: true,
        ..Seed::default()
    };
    let hand = Hand::with(CloudName::Worldwide, Rules::BeforeBlock, seed).await?;
    let [cloud, premises] = both(&hand)?;
    assert!(cloud.1.contains("AADSTS700027"), "{}", cloud.1);
    assert!(premises.1.contains("AADSTS500011"), "{}", premises.1);
    Ok(())
}

#[tokio::test]
async fn an_unknown_host_and_a_page_without_oauth_are_told_apart() -> Outcome {
    let hand = configured(None).await?;
    let given = json!({"Identity": "EX16\\EWS (Default Web Site)", "OAuthAuthentication": false});
    let tested = hand.lab.world().with(|world| {
        let nowhere = test(
            world,
            Plane::ExchangeOnline,
            "https://mail.fabrikam.com/ews/exchange.asmx",
            "alex",
        )?;
        world.invoke(
            Plane::OnPremises,
            "Set-WebServicesVirtualDirectory",
            &parameters(given),
        )?;
        let switched_off = test(
            world,
            Plane::ExchangeOnline,
            "https://mail.contoso.com/ews/exchange.asmx",
            "alex",
        )?;
        Ok::<_, Refusal>([nowhere.1, switched_off.1])
    });
    let [nowhere, switched_off] = tested.map_err(|refusal| refusal.message)?;
    assert!(
        nowhere.contains("The remote name could not be resolved: 'mail.fabrikam.com'"),
        "{nowhere}"
    );
    assert!(
        switched_off.contains("The URL may not support OAuth."),
        "{switched_off}"
    );
    Ok(())
}

/// On-premises Exchange's side of the exchange, done by hand with its private key.
struct Exchange<'a> {
    hand: &'a Hand,
    x5t: String,
}

impl Exchange<'_> {
    fn assertion(&self, audience: &str) -> Result<String, Box<dyn Error>> {
        let key = include_bytes!("../../src/lab/keys/exchange-auth.pem");
        let now = 1_795_424_400;
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(self.x5t.clone());
        let claims = json!({"iss": format!("{EXCHANGE}@{TENANT}"), "aud": audience, "nbf": now, "exp": now + 600});
        Ok(jsonwebtoken::encode(
            &header,
            &claims,
            &EncodingKey::from_rsa_pem(key)?,
        )?)
    }

    async fn ask(&self, assertion: &str, host: &str) -> Result<Back, Box<dyn Error>> {
        let fields = [
            ("grant_type", "http://oauth.net/grant_type/jwt/1.0/bearer"),
            ("assertion", assertion),
            ("resource", &format!("{EXCHANGE}/{host}@{TENANT}")),
        ];
        let path = format!("/{TENANT}/tokens/OAuth/2");
        self.hand.post_form(Front::Login, &path, &fields).await
    }

    async fn actor(&self, host: &str) -> Result<String, Box<dyn Error>> {
        let assertion = self.assertion(&acs_audience())?;
        let back = self.ask(&assertion, host).await?;
        let token = back.json()["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| back.text().into())
    }

    async fn call(&self, front: Front, bearer: &str) -> Result<Back, Box<dyn Error>> {
        let url = self.hand.url(front, "/EWS/Exchange.asmx");
        let request = self
            .hand
            .client
            .post(url)
            .header("authorization", format!("Bearer {bearer}").trim());
        self.hand.send(request).await
    }
}

fn acs_audience() -> String {
    format!("{TOKEN_SERVICE}/accounts.accesscontrol.windows.net@{TENANT}")
}

fn outer(host: &str, actor: &str, address: &str) -> String {
    let now = 1_795_424_400;
    let claims = json!({
        "iss": format!("{EXCHANGE}@{TENANT}"), "aud": format!("{EXCHANGE}/{host}@{TENANT}"),
        "nbf": now, "exp": now + 28_800, "nameid": "10033fff8a1b2c3d", "nii": "urn:federation:MicrosoftOnline",
        "smtp": address, "upn": address, "actortoken": actor,
    });
    let part = |json: &Json| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.",
        part(&json!({"typ": "JWT", "alg": "none"})),
        part(&claims)
    )
}

async fn exchange(hand: &Hand) -> Result<Exchange<'_>, Box<dyn Error>> {
    let certificate = hand.lab.world().with(|world| current_certificate(world));
    Ok(Exchange {
        hand,
        x5t: certificate.ok_or("no certificate")?.x5t(),
    })
}

#[tokio::test]
async fn the_whole_exchange_can_be_done_by_hand() -> Outcome {
    let hand = configured(None).await?;
    let exchange = exchange(&hand).await?;
    let challenge = exchange.call(Front::ExchangeOnline, "").await?;
    assert_eq!(
        (challenge.status, challenge.header("www-authenticate")),
        (
            401,
            "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@*\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\",Basic Realm=\"\""
        )
    );
    for (front, host) in [
        (Front::ExchangeOnline, "outlook.office365.com"),
        (Front::OnPremises, "mail.contoso.com"),
    ] {
        let actor = exchange.actor(host).await?;
        let alone = exchange.call(front, &actor).await?;
        assert_eq!(alone.status, 200, "{}", alone.header("x-ms-diagnostics"));
        let believed = exchange
            .call(front, &outer(host, &actor, "megan@contoso.com"))
            .await?;
        assert_eq!(
            believed.status,
            200,
            "{}",
            believed.header("x-ms-diagnostics")
        );
        let expected = if front == Front::OnPremises {
            "NoError"
        } else {
            "ErrorNonExistentMailbox"
        };
        assert!(believed.text().contains(expected), "{}", believed.text());
    }
    Ok(())
}

#[tokio::test]
async fn the_actor_token_is_signed_by_a_key_of_the_realm_metadata() -> Outcome {
    let hand = configured(None).await?;
    let metadata = hand
        .get(Front::Login, "/contoso.onmicrosoft.com/metadata/json/1")
        .await?
        .json();
    let service = format!("{TOKEN_SERVICE}@{TENANT}");
    assert_eq!(
        (metadata["realm"].as_str(), metadata["issuer"].as_str()),
        (Some(TENANT), Some(service.as_str()))
    );
    let endpoint = metadata["endpoints"][0]["location"]
        .as_str()
        .map(str::to_owned);
    assert_eq!(
        endpoint,
        Some(hand.url(Front::Login, &format!("/{TENANT}/tokens/OAuth/2")))
    );
    let actor = exchange(&hand)
        .await?
        .actor("outlook.office365.com")
        .await?;
    let header = jsonwebtoken::decode_header(&actor)?;
    assert_eq!(
        header.x5t.as_deref(),
        metadata["keys"][0]["keyValue"]["keyInfo"]["x5t"].as_str()
    );
    let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(
        &hand
            .get(Front::Login, &format!("/{TENANT}/discovery/v2.0/keys"))
            .await?
            .body,
    )?;
    let key = jwks
        .find(&header.kid.unwrap_or_default())
        .ok_or("the key set lacks the key")?;
    let mut validation = jsonwebtoken::Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[format!("{EXCHANGE}/outlook.office365.com@{TENANT}")]);
    let claims = jsonwebtoken::decode::<Json>(
        &actor,
        &jsonwebtoken::DecodingKey::from_jwk(key)?,
        &validation,
    )?
    .claims;
    assert_eq!(claims["iss"], service);
    assert_eq!(claims["nameid"], format!("{EXCHANGE}@{TENANT}"));
    assert_eq!(claims["trustedfordelegation"], "true");
    assert_eq!(claims["oid"], claims["sub"]);
    Ok(())
}

#[tokio::test]
async fn the_access_control_service_looks_at_every_part_of_an_assertion() -> Outcome {
    let hand = configured(None).await?;
    let exchange = exchange(&hand).await?;
    let good = exchange.assertion(&acs_audience())?;
    let (body, signature) = good.rsplit_once('.').ok_or("no token")?;
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    let cases = [
        (forged, "outlook.office365.com", "invalid_client", 700_027),
        (
            exchange.assertion("somebody else")?,
            "outlook.office365.com",
            "invalid_client",
            50_027,
        ),
        (
            "nonsense".to_owned(),
            "outlook.office365.com",
            "invalid_client",
            50_027,
        ),
        (
            good.clone(),
            "mail.fabrikam.com",
            "invalid_resource",
            500_011,
        ),
    ];
    for (assertion, host, error, code) in cases {
        let answer = exchange.ask(&assertion, host).await?.json();
        assert_eq!(
            (answer["error"].as_str(), answer["error_codes"][0].as_i64()),
            (Some(error), Some(code)),
            "{answer}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_receiving_side_looks_at_every_part_of_a_token() -> Outcome {
    let hand = configured(None).await?;
    let exchange = exchange(&hand).await?;
    let host = "mail.contoso.com";
    let actor = exchange.actor(host).await?;
    let (body, signature) = actor.rsplit_once('.').ok_or("no token")?;
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    let elsewhere = exchange.actor("outlook.office365.com").await?;
    let cases = [
        ("nonsense".to_owned(), "2000001;"),
        (
            outer(
                host,
                &outer(host, "", "megan@contoso.com"),
                "megan@contoso.com",
            ),
            "2000001;",
        ),
        (outer(host, &forged, "megan@contoso.com"), "2000000;"),
        (
            outer("outlook.office365.com", &elsewhere, "megan@contoso.com"),
            "2000003;",
        ),
        (
            outer("ex16.contoso.com", &actor, "megan@contoso.com"),
            "2000001;",
        ),
        (outer(host, &actor, "nobody@contoso.com"), "2000005;"),
    ];
    for (bearer, code) in cases {
        let back = exchange.call(Front::OnPremises, &bearer).await?;
        assert_eq!(back.status, 401);
        assert!(
            back.header("x-ms-diagnostics").starts_with(code),
            "{code} {}",
            back.header("x-ms-diagnostics")
        );
    }
    hand.lab.world().with(|world| {
        world.set(
            Plane::OnPremises,
            "AuthServer",
            "WindowsAzureACS",
            "Enabled",
            &false.into(),
        );
    });
    let back = exchange
        .call(Front::OnPremises, &outer(host, &actor, "megan@contoso.com"))
        .await?;
    assert_eq!(
        back.header("x-ms-diagnostics"),
        format!(
            "2000009;reason=\"The issuer of the token is unknown. Issuer was '{TOKEN_SERVICE}@{TENANT}'.\";error_category=\"invalid_issuer\""
        )
    );
    Ok(())
}

#[tokio::test]
async fn exchanges_own_metadata_documents_name_its_certificates() -> Outcome {
    let hand = Hand::new().await?;
    let certificate = hand
        .lab
        .world()
        .with(|world| current_certificate(world))
        .ok_or("no certificate")?;
    for path in ["/metadata/json/1", "/autodiscover/metadata/json/1"] {
        let document = hand.get(Front::OnPremises, path).await?.json();
        assert_eq!(document["serviceName"], EXCHANGE);
        assert_eq!(document["realm"], "contoso.com");
        assert_eq!(document["keys"][0]["keyinfo"]["x5t"], certificate.x5t());
        assert_eq!(
            document["keys"][0]["keyvalue"]["value"],
            certificate.base64()
        );
        assert_eq!(document["keys"].as_array().map(Vec::len), Some(2));
    }
    let silent = hand.get(Front::OnPremises, "/ews/exchange.asmx").await?;
    assert_eq!(
        (silent.status, silent.header("www-authenticate")),
        (401, "Negotiate,NTLM")
    );
    assert_eq!(hand.get(Front::OnPremises, "/nothing").await?.status, 404);
    Ok(())
}
