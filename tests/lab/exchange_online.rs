//! The front of Exchange Online's administration: `InvokeCommand` in the service's own shapes.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Back, EXCHANGE, Hand, Outcome, TENANT};
use exoauth::lab::Front;
use exoauth::subject::Plane;
use serde_json::{Value as Json, json};
use std::error::Error;

fn connector(name: &str) -> Json {
    json!({
        "Name": name,
        "DiscoveryEndpoint": "https://autodiscover.contoso.com/autodiscover/autodiscover.svc",
        "TargetAddressDomains": ["contoso.com", "tailspintoys.com"],
    })
}

#[tokio::test]
async fn objects_are_annotated_as_the_service_does() -> Outcome {
    let hand = Hand::new().await?;
    let made = hand
        .online("New-IntraOrganizationConnector", connector("To premises"))
        .await?;
    assert_eq!(
        (made.status, made.header("content-type")),
        (200, "application/json;odata.metadata=minimal")
    );
    let body = hand
        .online("Get-IntraOrganizationConnector", json!({}))
        .await?
        .json();
    let one = &body["value"][0];
    assert_eq!(
        one["TargetAddressDomains@odata.type"],
        "#Collection(String)"
    );
    assert_eq!(
        one["TargetAddressDomains"],
        json!(["contoso.com", "tailspintoys.com"])
    );
    assert_eq!(
        (&one["Guid@data.type"], &one["Guid@odata.type"]),
        (&json!("System.Guid"), &json!("#Guid"))
    );
    assert_eq!(one["WhenCreatedUTC"], "2026-11-23T09:00:00.0000000+00:00");
    assert_eq!(
        (&one["Enabled"], &one["TargetSharingEpr"]),
        (&json!(true), &Json::Null)
    );
    assert_eq!(body["@adminapi.warnings"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_hashtable_changes_a_list_only_when_it_is_annotated() -> Outcome {
    let hand = Hand::new().await?;
    hand.online("New-IntraOrganizationConnector", connector("C"))
        .await?;
    let table = json!({"@odata.type": "#Exchange.GenericHashTable", "Add": ["a.example"], "Remove": "TAILSPINTOYS.com"});
    let set = hand
        .online(
            "Set-IntraOrganizationConnector",
            json!({"Identity": "C", "TargetAddressDomains": table}),
        )
        .await?;
    assert_eq!(set.status, 200);
    let domains = |body: &Json| body["value"][0]["TargetAddressDomains"].clone();
    let body = hand
        .online("Get-IntraOrganizationConnector", json!({"Identity": "c"}))
        .await?
        .json();
    assert_eq!(domains(&body), json!(["contoso.com", "a.example"]));
    let bare = json!({"Identity": "C", "TargetAddressDomains": {"Add": ["b.example"]}});
    hand.online("Set-IntraOrganizationConnector", bare).await?;
    let body = hand
        .online("Get-IntraOrganizationConnector", json!({}))
        .await?
        .json();
    assert_eq!(domains(&body), json!(["{\"Add\":[\"b.example\"]}"]));
    Ok(())
}

fn exception(back: &Back) -> (u16, String, String) {
    let inner = back.json()["error"]["innererror"]["internalexception"].clone();
    let text = |name: &str| inner[name].as_str().unwrap_or_default().to_owned();
    let class = text("type")
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    (back.status, class, text("message"))
}

#[tokio::test]
async fn each_refusal_has_its_class_and_its_words() -> Outcome {
    let hand = Hand::new().await?;
    hand.online("New-IntraOrganizationConnector", connector("C"))
        .await?;
    let controller = "AM6PR05A10DC001.EURPR05A010.PROD.OUTLOOK.COM";
    let cases = [
        (
            "New-IntraOrganizationConnector",
            connector("c"),
            400,
            "ADObjectAlreadyExistsException",
            format!("Active Directory operation failed on {controller}. The object 'CN=C,CN=Intra Organization Connectors,CN=Configuration,CN=contoso.onmicrosoft.com,CN=ConfigurationUnits,DC=EURPR05A010,DC=PROD,DC=OUTLOOK,DC=COM' already exists."),
        ),
        (
            "Get-IntraOrganizationConnector",
            json!({"Identity": "X"}),
            404,
            "ManagementObjectNotFoundException",
            format!("The operation couldn't be performed because object 'X' couldn't be found on '{controller}'."),
        ),
        (
            "Get-IntraOrganizationConnector",
            json!({"DomainController": "DC01"}),
            400,
            "AmbiguousParameterSetException",
            "A parameter cannot be found that matches parameter name 'DomainController'.".to_owned(),
        ),
        (
            "New-IntraOrganizationConnector",
            json!({"Name": "D"}),
            400,
            "ParameterBindingException",
            "Cannot process command because of one or more missing mandatory parameters: DiscoveryEndpoint TargetAddressDomains.".to_owned(),
        ),
        (
            "Add-AvailabilityAddressSpace",
            json!({"ForestName": "contoso.com", "AccessMethod": "Telepathy"}),
            400,
            "ParameterTransformationException",
            "Cannot process argument transformation on parameter 'AccessMethod'. Cannot convert value \"Telepathy\" to type \"Microsoft.Exchange.Data.Directory.SystemConfiguration.AvailabilityAccessMethod\". Error: \"Unable to match the identifier name Telepathy to a valid enumerator name. Specify one of the following enumerator names and try again: PerUserFB, OrgWideFB, PublicFolder, InternalProxy, OrgWideFBBasic, OrgWideFBToken\"".to_owned(),
        ),
    ];
    for (cmdlet, parameters, status, class, message) in cases {
        let back = hand.online(cmdlet, parameters).await?;
        assert_eq!(
            exception(&back),
            (status, class.to_owned(), message),
            "{cmdlet}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_cmdlet_gets_bytes_of_zero_that_claim_to_be_gzip() -> Outcome {
    let hand = Hand::new().await?;
    for cmdlet in ["New-AuthServer", "Get-Nothing", "nonsense"] {
        let back = hand.online(cmdlet, json!({})).await?;
        assert_eq!(
            (back.status, back.header("content-encoding")),
            (403, "gzip"),
            "{cmdlet}"
        );
        assert!(!back.body.is_empty() && back.body.iter().all(|byte| *byte == 0));
    }
    Ok(())
}

async fn post(hand: &Hand, path: &str, token: &str) -> Result<Back, Box<dyn Error>> {
    let body = json!({"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}});
    let url = hand.url(Front::ExchangeOnline, path);
    let request = hand
        .client
        .post(url)
        .header("authorization", format!("Bearer {token}").trim());
    hand.send(request.header("prefer", "odata.maxpagesize=3").json(&body))
        .await
}

#[tokio::test]
async fn the_envelope_is_checked_before_the_cmdlet() -> Outcome {
    let hand = Hand::new().await?;
    let token = hand.token(Front::ExchangeOnline).await?;
    let path = format!("/adminapi/beta/{TENANT}/InvokeCommand");
    let anonymous = post(&hand, &path, "").await?;
    assert_eq!(anonymous.status, 401);
    assert!(
        anonymous
            .header("www-authenticate")
            .contains(&format!("client_id=\"{EXCHANGE}\""))
    );
    let foreign = post(&hand, &path, &hand.token(Front::Graph).await?).await?;
    assert_eq!(
        foreign.header("x-ms-diagnostics"),
        "2000001;reason=\"Access token validation failure. Invalid audience.\";error_category=\"invalid_token\""
    );
    assert_eq!(
        post(
            &hand,
            &format!("/adminapi/v1.0/{TENANT}/InvokeCommand"),
            &token
        )
        .await?
        .status,
        405
    );
    assert_eq!(
        post(&hand, "/adminapi/beta/nosuch.example/InvokeCommand", &token)
            .await?
            .status,
        401
    );
    assert_eq!(post(&hand, "/nothing", &token).await?.status, 404);
    let url = hand.url(Front::ExchangeOnline, &path);
    let broken = hand
        .send(hand.client.post(url).bearer_auth(&token).body("{"))
        .await?;
    assert_eq!(broken.status, 400);
    Ok(())
}

#[tokio::test]
async fn the_next_page_is_asked_for_with_the_same_body() -> Outcome {
    let hand = Hand::new().await?;
    let token = hand.token(Front::ExchangeOnline).await?;
    let first = post(
        &hand,
        &format!("/adminapi/beta/{TENANT}/InvokeCommand"),
        &token,
    )
    .await?
    .json();
    let next = first["@odata.nextLink"]
        .as_str()
        .and_then(|link| link.strip_prefix(&hand.lab.address(Front::ExchangeOnline)));
    let second = post(&hand, next.ok_or("no next page")?, &token)
        .await?
        .json();
    let names = |page: &Json| -> Vec<String> {
        let all = page["value"].as_array().into_iter().flatten();
        all.filter_map(|domain| domain["DomainName"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(
        names(&first),
        [
            "contoso.com",
            "tailspintoys.com",
            "contoso.mail.onmicrosoft.com"
        ]
    );
    assert_eq!(names(&second), ["contoso.onmicrosoft.com"]);
    assert_eq!(second["@odata.nextLink"], Json::Null);
    Ok(())
}

#[tokio::test]
async fn what_if_writes_nothing_and_reads_are_no_writes() -> Outcome {
    let hand = Hand::new().await?;
    let mut given = connector("C");
    given["WhatIf"] = true.into();
    hand.online("New-IntraOrganizationConnector", given).await?;
    let body = hand
        .online("Get-IntraOrganizationConnector", json!({}))
        .await?
        .json();
    assert_eq!(body["value"], json!([]));
    hand.online("New-IntraOrganizationConnector", connector("C"))
        .await?;
    let removed = hand
        .online(
            "Remove-IntraOrganizationConnector",
            json!({"Identity": "C", "Confirm": false}),
        )
        .await?;
    assert_eq!(removed.status, 200);
    hand.lab.world().with(|world| {
        assert_eq!(world.writes(Plane::ExchangeOnline), 2);
        assert_eq!(
            world
                .objects(Plane::ExchangeOnline, "IntraOrganizationConnector")
                .len(),
            0
        );
        assert_eq!(world.requests(Front::ExchangeOnline), 4);
    });
    Ok(())
}

#[tokio::test]
async fn the_configuration_names_the_routing_domain() -> Outcome {
    let hand = Hand::new().await?;
    let body = hand
        .online("Get-IntraOrganizationConfiguration", json!({}))
        .await?
        .json();
    let one = &body["value"][0];
    assert_eq!(one["OnlineTargetAddress"], "contoso.mail.onmicrosoft.com");
    assert_eq!(
        one["OnPremiseTargetAddresses"],
        json!(["contoso.com", "tailspintoys.com"])
    );
    let other = json!({"OrganizationGuid": "11111111-2222-4333-8444-555555555555"});
    assert_eq!(
        hand.online("Get-IntraOrganizationConfiguration", other)
            .await?
            .status,
        404
    );
    Ok(())
}
