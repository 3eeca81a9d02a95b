//! The Graph front: registered applications, their keys, their service principals, and what they are granted.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Back, EXCHANGE, Hand, Outcome, current_certificate};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::error::Error;

type Made = Result<(String, String), Box<dyn Error>>;

async fn post(hand: &Hand, path: &str, body: &Json) -> Result<Back, Box<dyn Error>> {
    hand.graph(Method::POST, path, Some(body)).await
}

async fn get(hand: &Hand, path: &str) -> Result<Back, Box<dyn Error>> {
    hand.graph(Method::GET, path, None).await
}

/// Makes an application and gives its object id and its application id.
async fn application(hand: &Hand) -> Made {
    let body = json!({"displayName": "ExchangeServerApp-1", "signInAudience": "AzureADMyOrg"});
    let made = post(hand, "/v1.0/applications", &body).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    Ok((text("id"), text("appId")))
}

fn failed(back: &Back) -> (u16, String) {
    let code = back.json()["error"]["code"].as_str().map(str::to_owned);
    (back.status, code.unwrap_or_default())
}

fn key(hand: &Hand) -> String {
    let certificate = hand.lab.world().with(|world| current_certificate(world));
    certificate.map_or_else(String::new, |certificate| certificate.base64())
}

#[tokio::test]
async fn an_application_is_made_found_changed_and_removed() -> Outcome {
    let hand = Hand::new().await?;
    let (id, app_id) = application(&hand).await?;
    let access = json!([{"resourceAppId": EXCHANGE, "resourceAccess": [{"id": "dc890d15-9560-4a4c-9b7f-a736ec74ec40", "type": "Role"}]}]);
    let change = json!({"requiredResourceAccess": access, "notes": "made by a test"});
    let changed = hand
        .graph(
            Method::PATCH,
            &format!("/v1.0/applications/{id}"),
            Some(&change),
        )
        .await?;
    assert_eq!(changed.status, 204, "{}", changed.text());
    let selection = "$select=id,appId,notes,requiredResourceAccess,signInAudience";
    let expected = json!({"id": id, "appId": app_id, "notes": "made by a test", "requiredResourceAccess": access, "signInAudience": "AzureADMyOrg"});
    for path in [
        format!("/v1.0/applications(appId='{app_id}')?{selection}"),
        format!("/v1.0/applications/{id}?{selection}"),
    ] {
        let mut one = get(&hand, &path).await?.json();
        one.as_object_mut()
            .map(|one| one.shift_remove("@odata.context"));
        assert_eq!(one, expected, "{path}");
    }
    for filter in [
        format!("appId eq '{app_id}'"),
        "displayName eq 'exchangeserverapp-1'".to_owned(),
        "startswith(displayName,'ExchangeServerApp-')".to_owned(),
    ] {
        let path = format!("/v1.0/applications?$filter={filter}&{selection}");
        let found = get(&hand, &path).await?.json();
        assert_eq!(found["value"], json!([expected]), "{filter}");
    }
    let path = format!("/v1.0/applications/{id}");
    assert_eq!(hand.graph(Method::DELETE, &path, None).await?.status, 204);
    let gone = failed(&get(&hand, &path).await?);
    assert_eq!(gone, (404, "Request_ResourceNotFound".to_owned()));
    Ok(())
}

#[tokio::test]
async fn an_application_without_a_name_is_refused() -> Outcome {
    let hand = Hand::new().await?;
    let back = post(&hand, "/v1.0/applications", &json!({})).await?;
    assert_eq!(failed(&back), (400, "Request_BadRequest".to_owned()));
    assert_eq!(back.json()["error"]["details"][0]["target"], "displayName");
    let body = json!({"displayName": "x", "requiredResourceAccess": [{"resourceAppId": "nobody"}]});
    let back = post(&hand, "/v1.0/applications", &body).await?;
    assert_eq!(failed(&back), (400, "Request_BadRequest".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_service_principal_needs_its_application_and_is_one_of_a_kind() -> Outcome {
    let hand = Hand::new().await?;
    let (_, app_id) = application(&hand).await?;
    let nobody = json!({"appId": "11111111-2222-4333-8444-555555555555"});
    let back = post(&hand, "/v1.0/servicePrincipals", &nobody).await?;
    assert_eq!(
        back.json()["error"]["details"][0]["code"],
        "NoBackingApplicationObject"
    );
    let body = json!({"appId": app_id, "accountEnabled": true, "notes": "n", "tags": ["HideApp"]});
    let made = post(&hand, "/v1.0/servicePrincipals", &body).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["servicePrincipalNames"], json!([app_id]));
    let again = post(&hand, "/v1.0/servicePrincipals", &json!({"appId": app_id})).await?;
    let expected = (409, "Request_MultipleObjectsWithSameKeyValue".to_owned());
    assert_eq!(failed(&again), expected);
    let path = format!("/v1.0/servicePrincipals(appId='{app_id}')");
    let tags = json!({"tags": ["WindowsAzureActiveDirectoryIntegratedApp", "HideApp"]});
    let changed = hand.graph(Method::PATCH, &path, Some(&tags)).await?;
    assert_eq!(changed.status, 204);
    let read = get(&hand, &format!("{path}?$select=tags,notes"))
        .await?
        .json();
    assert_eq!(
        (&read["tags"], &read["notes"]),
        (&tags["tags"], &json!("n"))
    );
    Ok(())
}

#[tokio::test]
async fn keys_of_an_application_keep_their_rules() -> Outcome {
    let hand = Hand::new().await?;
    let (id, app_id) = application(&hand).await?;
    let path = format!("/v1.0/applications/{id}");
    let key = key(&hand);
    let named = "7c2f0d11-9b37-4f0e-8d12-0f6a5b1c3e77";
    let entry = json!({"displayName": "first", "keyId": named, "type": "AsymmetricX509Cert", "usage": "Verify", "key": key});
    let patch = |keys: Json| {
        let (hand, path) = (&hand, &path);
        async move {
            hand.graph(Method::PATCH, path, Some(&json!({"keyCredentials": keys})))
                .await
        }
    };
    assert_eq!(patch(json!([entry])).await?.status, 204);
    let read = format!("/v1.0/applications(appId='{app_id}')?$select=keyCredentials");
    let kept = get(&hand, &read).await?.json()["keyCredentials"].clone();
    assert_eq!(
        (&kept[0]["keyId"], &kept[0]["displayName"]),
        (&json!(named), &json!("first"))
    );
    // An application's entries may be sent back whole.
    assert_eq!(patch(kept.clone()).await?.status, 204);
    let again = get(&hand, &read).await?.json()["keyCredentials"].clone();
    assert_eq!(again, kept);
    let mut without = kept.clone();
    without[0]["key"] = Json::Null;
    let mut other = kept.clone();
    other[0]["key"] = hand
        .lab
        .world()
        .with(|world| world.directory().principals[0].keys[0].certificate.base64())
        .into();
    for (keys, code) in [
        (without, "KeyCredentialsInvalidValue"),
        (other, "KeyNotUpdatable"),
    ] {
        assert_eq!(failed(&patch(keys).await?), (400, code.to_owned()));
    }
    assert_eq!(patch(json!([])).await?.status, 204);
    assert_eq!(get(&hand, &read).await?.json()["keyCredentials"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_policy_caps_the_lifetime_of_new_certificates() -> Outcome {
    let hand = Hand::new().await?;
    let policy = "/v1.0/policies/defaultAppManagementPolicy";
    assert_eq!(get(&hand, policy).await?.json()["isEnabled"], false);
    hand.lab
        .world()
        .with(|world| world.directory_mut().certificate_days = Some(365));
    let read = get(&hand, policy).await?.json();
    let cap = &read["applicationRestrictions"]["keyCredentials"][0];
    assert_eq!(
        (
            &read["isEnabled"],
            &cap["restrictionType"],
            &cap["maxLifetime"]
        ),
        (
            &json!(true),
            &json!("asymmetricKeyLifetime"),
            &json!("P365D")
        )
    );
    let (id, _) = application(&hand).await?;
    let entry = json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": key(&hand)});
    let back = hand
        .graph(
            Method::PATCH,
            &format!("/v1.0/applications/{id}"),
            Some(&json!({"keyCredentials": [entry]})),
        )
        .await?;
    let error = &back.json()["error"];
    assert_eq!(error["code"], "CredentialInvalidLifetimeAsPerAppPolicy");
    assert_eq!(
        error["message"],
        "Credential lifetime exceeds the max value allowed as per assigned policy '00000000-0000-0000-0000-000000000000'."
    );
    assert_eq!(error["details"][0]["code"], "InvalidKeyEndDate");
    Ok(())
}

#[tokio::test]
async fn roles_are_granted_once_by_the_identifiers_that_the_resource_offers() -> Outcome {
    let hand = Hand::new().await?;
    let (_, app_id) = application(&hand).await?;
    let made = post(&hand, "/v1.0/servicePrincipals", &json!({"appId": app_id})).await?;
    let principal = made.json()["id"].clone();
    let resource = get(
        &hand,
        &format!("/v1.0/servicePrincipals(appId='{EXCHANGE}')?$select=id,appRoles"),
    )
    .await?
    .json();
    let offered = resource["appRoles"].as_array().cloned().unwrap_or_default();
    let role = offered
        .iter()
        .find(|role| role["value"] == "full_access_as_app");
    let role = role.map(|role| role["id"].clone()).unwrap_or_default();
    let id = principal.as_str().unwrap_or_default();
    let path = format!("/v1.0/servicePrincipals/{id}/appRoleAssignments");
    let body = json!({"principalId": principal, "resourceId": resource["id"], "appRoleId": role});
    let granted = post(&hand, &path, &body).await?;
    assert_eq!(granted.status, 201, "{}", granted.text());
    let granted = granted.json();
    assert_eq!(granted["resourceDisplayName"], "Office 365 Exchange Online");
    assert_eq!(granted["principalType"], "ServicePrincipal");
    let again = post(&hand, &path, &body).await?;
    assert_eq!(
        again.json()["error"]["message"],
        "Permission being assigned already exists on the object"
    );
    let mut unknown = body.clone();
    unknown["appRoleId"] = principal.clone();
    let unknown = post(&hand, &path, &unknown).await?;
    assert_eq!(
        unknown.json()["error"]["message"],
        "Permission being assigned was not found on application"
    );
    let listed = get(&hand, &path).await?.json();
    assert_eq!(listed["value"].as_array().map(Vec::len), Some(1));
    let of_resource = resource["id"].as_str().unwrap_or_default();
    let on_it = format!("/v1.0/servicePrincipals/{of_resource}/appRoleAssignedTo");
    let on_it = get(&hand, &on_it).await?.json();
    let holders: Vec<&Json> = on_it["value"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|assignment| assignment["appRoleId"] == role)
        .map(|assignment| &assignment["principalId"])
        .collect();
    assert_eq!(holders, [&principal]);
    let one = granted["id"].as_str().unwrap_or_default();
    let removed = hand
        .graph(Method::DELETE, &format!("{path}/{one}"), None)
        .await?;
    assert_eq!(removed.status, 204);
    assert_eq!(get(&hand, &path).await?.json()["value"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_locked_directory_keeps_the_keys_of_the_shared_principal() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab
        .world()
        .with(|world| world.directory_mut().locked = true);
    let path = format!("/v1.0/servicePrincipals(appId='{EXCHANGE}')");
    let body = json!({"keyCredentials": []});
    let back = hand.graph(Method::PATCH, &path, Some(&body)).await?;
    assert_eq!(
        failed(&back),
        (403, "Authorization_RequestDenied".to_owned())
    );
    Ok(())
}
