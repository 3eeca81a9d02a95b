//! The Graph front: reading service principals, and replacing their keys and names.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Back, EXCHANGE, Hand, Outcome, TENANT, current_certificate};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use exoauth::clock::Clock;
use exoauth::lab::Front;
use exoauth::lab::seed::{CLIENT, GRAPH};
use exoauth::subject::Plane;
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::error::Error;

const ONE: &str = "/v1.0/servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')";

async fn get(hand: &Hand, path: &str) -> Result<Back, Box<dyn Error>> {
    hand.graph(Method::GET, path, None).await
}

async fn patch(hand: &Hand, body: &Json) -> Result<Back, Box<dyn Error>> {
    let id = get(hand, ONE).await?.json()["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    hand.graph(
        Method::PATCH,
        &format!("/v1.0/servicePrincipals/{id}"),
        Some(body),
    )
    .await
}

async fn keys(hand: &Hand) -> Result<Vec<Json>, Box<dyn Error>> {
    let path = format!("{ONE}?$select=id,keyCredentials");
    let body = get(hand, &path).await?.json();
    Ok(body["keyCredentials"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

fn entry(key: &str) -> Json {
    json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": key})
}

fn current(hand: &Hand) -> Result<Vec<u8>, Box<dyn Error>> {
    let certificate = hand.lab.world().with(|world| current_certificate(world));
    Ok(certificate.ok_or("no certificate")?.der)
}

#[tokio::test]
async fn a_principal_is_found_by_key_by_filter_and_by_id() -> Outcome {
    let hand = Hand::new().await?;
    let by_key = get(&hand, &format!("{ONE}?$select=id,appId")).await?.json();
    assert_eq!(by_key["appId"], EXCHANGE);
    let id = by_key["id"].as_str().unwrap_or_default();
    for path in [
        format!("/v1.0/servicePrincipals?$filter=appId%20eq%20'{EXCHANGE}'&$select=id,appId"),
        format!("/v1.0/servicePrincipals?%24filter=appId+eq+%27{EXCHANGE}%27&%24select=id%2CappId"),
    ] {
        let list = get(&hand, &path).await?.json();
        assert_eq!(
            list["value"],
            json!([{"id": id, "appId": EXCHANGE}]),
            "{path}"
        );
    }
    let by_id = get(
        &hand,
        &format!("/v1.0/servicePrincipals/{id}?$select=servicePrincipalNames"),
    )
    .await?
    .json();
    let names = by_id["servicePrincipalNames"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(names.contains(&json!("https://outlook.office365.com/")));
    assert!(names.contains(&json!(format!("{EXCHANGE}/outlook.office365.com"))));
    Ok(())
}

#[tokio::test]
async fn key_bytes_come_for_one_object_and_only_when_selected() -> Outcome {
    let hand = Hand::new().await?;
    let with = keys(&hand).await?;
    assert_eq!(with.len(), 2);
    assert!(with.iter().all(|key| key["key"].is_string()));
    assert_eq!(
        with[0]["customKeyIdentifier"].as_str().map(str::len),
        Some(40)
    );
    let without = get(&hand, ONE).await?.json();
    let list = get(
        &hand,
        &format!("/v1.0/servicePrincipals?$filter=appId eq '{EXCHANGE}'&$select=keyCredentials"),
    )
    .await?
    .json();
    for keys in [
        &without["keyCredentials"],
        &list["value"][0]["keyCredentials"],
    ] {
        assert_eq!(
            (&keys[0]["key"], &keys[1]["key"]),
            (&Json::Null, &Json::Null)
        );
        assert_eq!(keys[0]["keyId"], with[0]["keyId"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_list_comes_in_pages() -> Outcome {
    let hand = Hand::new().await?;
    let mut path = "/v1.0/servicePrincipals?$top=3&$select=appId".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = get(&hand, &path).await?.json();
        sizes.push(page["value"].as_array().map_or(0, Vec::len));
        match page["@odata.nextLink"]
            .as_str()
            .and_then(|link| link.strip_prefix(&hand.lab.address(Front::Graph)))
        {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [3, 1]);
    Ok(())
}

/// The permission tables of these calls in the documentation of Microsoft Graph v1.0: what of it suffices, and what does not.
#[tokio::test]
async fn each_call_needs_its_permissions() -> Outcome {
    type Sets = &'static [&'static [&'static str]];
    let hand = Hand::new().await?;
    let id = get(&hand, ONE).await?.json()["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let one = format!("/servicePrincipals/{id}");
    let grants = format!("{one}/appRoleAssignedTo");
    let reads: Sets = &[
        &["Application.Read.All"],
        &["Application.ReadWrite.All"],
        &["Directory.Read.All"],
    ];
    let reads_not: Sets = &[
        &[],
        &["AppRoleAssignment.ReadWrite.All"],
        &["Organization.Read.All"],
    ];
    let calls: [(Method, &str, Sets, Sets); 11] = [
        (Method::GET, "/servicePrincipals", reads, reads_not),
        (Method::GET, &grants, reads, reads_not),
        (Method::GET, "/applications", reads, reads_not),
        (
            Method::PATCH,
            &one,
            &[&["Application.ReadWrite.All"], &["Directory.ReadWrite.All"]],
            &[&["Application.Read.All"], &["Directory.Read.All"]],
        ),
        (
            Method::POST,
            "/applications",
            &[&["Application.ReadWrite.All"]],
            &[&["Directory.ReadWrite.All"], &["Application.Read.All"]],
        ),
        (
            Method::POST,
            &grants,
            &[&["AppRoleAssignment.ReadWrite.All", "Application.Read.All"]],
            &[
                &["AppRoleAssignment.ReadWrite.All"],
                &["Application.ReadWrite.All"],
            ],
        ),
        (
            Method::DELETE,
            "/servicePrincipals/none/appRoleAssignments/none",
            &[&["AppRoleAssignment.ReadWrite.All", "Directory.Read.All"]],
            &[&["Application.ReadWrite.All"]],
        ),
        (
            Method::GET,
            "/organization",
            &[&["Organization.Read.All"], &["Directory.Read.All"]],
            &[&["Application.ReadWrite.All"]],
        ),
        (
            Method::GET,
            "/domains",
            &[&["Domain.Read.All"]],
            &[&["Organization.Read.All"]],
        ),
        (
            Method::GET,
            "/policies/defaultAppManagementPolicy",
            &[&["Policy.Read.All"]],
            &[&["Application.ReadWrite.All"]],
        ),
        (
            Method::POST,
            "/directory/deletedItems/none/restore",
            &[&["Application.ReadWrite.All"]],
            &[&["Application.Read.All"]],
        ),
    ];
    for (method, path, enough, lacking) in calls {
        let sets = enough.iter().map(|set| (set, true));
        for (roles, is_enough) in sets.chain(lacking.iter().map(|set| (set, false))) {
            hand.lab.world().with(|world| {
                let directory = world.directory_mut();
                directory.assignments.clear();
                for role in *roles {
                    directory.grant(CLIENT, GRAPH, role);
                }
                assert_eq!(directory.assignments.len(), roles.len(), "{roles:?}");
            });
            let path = format!("/v1.0{path}");
            let body = (method != Method::GET).then(|| json!({}));
            let back = hand.graph(method.clone(), &path, body.as_ref()).await?;
            assert_eq!(
                back.status != 403,
                is_enough,
                "{method} {path} with {roles:?}"
            );
            if !is_enough {
                assert_eq!(back.json()["error"]["code"], "Authorization_RequestDenied");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn tokens_are_checked() -> Outcome {
    let hand = Hand::new().await?;
    let url = hand.url(Front::Graph, ONE);
    let other = hand.token(Front::ExchangeOnline).await?;
    let good = hand.token(Front::Graph).await?;
    let (body, signature) = good.rsplit_once('.').ok_or("no token")?;
    let backwards: String = signature.chars().rev().collect();
    let forged = format!("{body}.{backwards}");
    let cases = [
        (String::new(), "Access token is empty."),
        (
            "nonsense".to_owned(),
            "IDX14100: JWT is not well formed, there are no dots (.).",
        ),
        (other, "Access token validation failure. Invalid audience."),
        (forged, "Signature validation failed. Invalid signature."),
    ];
    for (token, message) in cases {
        let back = hand.send(hand.client.get(&url).bearer_auth(token)).await?;
        let body = back.json();
        assert_eq!(
            (back.status, body["error"]["code"].as_str()),
            (401, Some("InvalidAuthenticationToken"))
        );
        assert_eq!(body["error"]["message"], message);
    }
    let later = Clock::fixed("2026-11-23T11:00:00Z".parse()?);
    hand.lab.world().with(|world| world.set_clock(later));
    let back = hand.send(hand.client.get(&url).bearer_auth(good)).await?;
    assert_eq!(
        back.json()["error"]["message"],
        "Lifetime validation failed, the token is expired."
    );
    Ok(())
}

#[tokio::test]
async fn keys_are_replaced_whole_and_described_anew() -> Outcome {
    let hand = Hand::new().await?;
    let before = keys(&hand).await?;
    let kept = before[1]["key"].as_str().unwrap_or_default();
    let der = current(&hand)?;
    let back = patch(
        &hand,
        &json!({"keyCredentials": [entry(kept), entry(&BASE64_STANDARD.encode(&der))]}),
    )
    .await?;
    assert_eq!((back.status, back.body.len()), (204, 0));
    let after = keys(&hand).await?;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[1]);
    assert_eq!(after[1]["key"], BASE64_STANDARD.encode(&der));
    assert_eq!(
        after[1]["displayName"],
        "CN=Microsoft Exchange Server Auth Certificate"
    );
    assert_eq!(hand.lab.world().with(|world| world.writes(Plane::Entra)), 1);
    Ok(())
}

#[tokio::test]
async fn one_and_two_layers_of_base64_in_both_alphabets_are_taken() -> Outcome {
    let hand = Hand::new().await?;
    let der = current(&hand)?;
    let once = BASE64_STANDARD.encode(&der);
    for key in [
        once.clone(),
        BASE64_URL_SAFE_NO_PAD.encode(&der),
        BASE64_STANDARD.encode(&once),
        BASE64_URL_SAFE_NO_PAD.encode(&once),
    ] {
        let back = patch(&hand, &json!({"keyCredentials": [entry(&key)]})).await?;
        assert_eq!(back.status, 204, "{}", back.text());
        assert_eq!(keys(&hand).await?[0]["key"], once);
    }
    Ok(())
}

#[tokio::test]
async fn keys_that_the_service_refuses_change_nothing() -> Outcome {
    let hand = Hand::new().await?;
    let before = keys(&hand).await?;
    let mut with_id = before[0].clone();
    with_id["displayName"] = "changed".into();
    let good = BASE64_STANDARD.encode(current(&hand)?);
    let mut late = entry(&good);
    late["endDateTime"] = "2099-01-01T00:00:00Z".into();
    let mut sign = entry(&good);
    sign["usage"] = "Sign".into();
    let cases = [
        (
            json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": null}),
            "KeyCredentialsInvalidValue",
        ),
        (entry(""), "KeyCredentialsInvalidValue"),
        (entry("MIIDKTCCAhGg"), "KeyCredentialsInvalidValue"),
        (entry("not base64!"), "Request_BadRequest"),
        (with_id, "KeyNotUpdatable"),
        (late, "KeyCredentialsInvalidEndDate"),
        (sign, "KeyCredentialsInvalidUsage"),
    ];
    for (key, code) in cases {
        let back = patch(&hand, &json!({"keyCredentials": [key]})).await?;
        assert_eq!(
            (back.status, back.json()["error"]["code"].as_str()),
            (400, Some(code)),
            "{}",
            back.text()
        );
    }
    assert_eq!(keys(&hand).await?, before);
    Ok(())
}

#[tokio::test]
async fn names_are_replaced_whole_and_must_be_alone() -> Outcome {
    let hand = Hand::new().await?;
    let names = get(&hand, ONE).await?.json()["servicePrincipalNames"].clone();
    let with = |more: &[&str]| {
        let mut all = names.as_array().cloned().unwrap_or_default();
        all.extend(more.iter().map(|name| json!(name)));
        json!({"servicePrincipalNames": all})
    };
    let twice = with(&["https://mail.contoso.com/", "https://MAIL.contoso.com/"]);
    for body in [twice, with(&["https://intranet.contoso.com/"])] {
        let back = patch(&hand, &body).await?;
        assert_eq!(
            (back.status, back.json()["error"]["code"].as_str()),
            (409, Some("Request_MultipleObjectsWithSameKeyValue"))
        );
    }
    assert_eq!(
        get(&hand, ONE).await?.json()["servicePrincipalNames"],
        names
    );
    let good = with(&["https://mail.contoso.com/"]);
    assert_eq!(patch(&hand, &good).await?.status, 204);
    assert_eq!(
        get(&hand, ONE).await?.json()["servicePrincipalNames"],
        good["servicePrincipalNames"]
    );
    Ok(())
}

#[tokio::test]
async fn errors_have_the_shape_of_the_service() -> Outcome {
    let hand = Hand::new().await?;
    let missing = get(
        &hand,
        "/v1.0/servicePrincipals(appId='11111111-2222-4333-8444-555555555555')",
    )
    .await?;
    let error = missing.json()["error"].clone();
    assert_eq!(
        (missing.status, error["code"].as_str()),
        (404, Some("Request_ResourceNotFound"))
    );
    assert_eq!(
        error["innerError"]["request-id"].as_str(),
        Some(missing.header("request-id"))
    );
    let cases = [
        ("/v1.0/nothing", 400, "BadRequest"),
        (
            "/v1.0/servicePrincipals?$filter=appId ne 'x'",
            400,
            "Request_UnsupportedQuery",
        ),
        ("/v1.0/servicePrincipals?$top=0", 400, "Request_BadRequest"),
        ("/v1.0/servicePrincipals?$select=nothing", 400, "BadRequest"),
    ];
    for (path, status, code) in cases {
        let back = get(&hand, path).await?;
        assert_eq!(
            (back.status, back.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
    }
    let back = patch(&hand, &json!({"appId": EXCHANGE})).await?;
    assert_eq!(back.status, 400);
    let back = hand.graph(Method::DELETE, ONE, None).await?;
    assert_eq!(back.status, 405);
    Ok(())
}

#[tokio::test]
async fn the_organization_and_its_domains_are_named() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let directory = world.directory_mut();
        directory.grant(CLIENT, GRAPH, "Domain.Read.All");
    });
    let organization = get(&hand, "/v1.0/organization").await?.json();
    assert_eq!(organization["value"][0]["id"], TENANT);
    let domains = get(&hand, "/v1.0/domains").await?.json();
    let initial = domains["value"].as_array().and_then(|all| {
        all.iter()
            .find(|domain| domain["isInitial"] == true)
            .cloned()
    });
    assert_eq!(
        initial.map(|domain| domain["id"].clone()),
        Some(json!("contoso.onmicrosoft.com"))
    );
    Ok(())
}
