//! Each scenario, by what `Test-OAuthConnectivity` says in both directions, with the documented text where there is one.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Hand, Outcome};
use exoauth::clock::Clock;
use exoauth::lab::scenario::APPLICATION;
use exoauth::lab::{LabOptions, Rules, SCENARIOS, Scenario, World};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use serde_json::{Value as Json, json};

/// What a direction gives: success, or texts of the failure.
type Expected = Result<(), &'static [&'static str]>;

const FORBIDDEN: Expected = Err(&["The remote server returned an error: (403) Forbidden."]);
const SHARED: Expected = Err(&[
    "L:00000002-0000-0ff1-ce00-000000000000-AS:",
    "The remote server returned an error: (403) Forbidden.",
]);
const NO_ISSUER: Expected = Err(&[
    "The trusted issuers contained the following entries '00000001-0000-0000-c000-000000000000@*'. None of them are configured locally.",
]);
const KEY_NOT_FOUND: Expected = Err(&[
    "Unable to get token from Auth Server. Error code: 'invalid_client'. Description: 'AADSTS700027: ",
    "[Reason - The key was not found., Thumbprint of key used by client: ",
]);
const NO_CERTIFICATE: Expected = Err(&["Missing signing certificate."]);

/// From on-premises to Exchange Online, and back.
fn expected(name: &str) -> [Expected; 2] {
    match name {
        "configured"
        | "override-server-mismatch"
        | "application-renamed"
        | "partner-relationship"
        | "clean-up-refused"
        | "shared-principal-leftovers"
        | "certificate-missing-on-servers"
        | "certificate-expires-in-60-days"
        | "next-certificate-expires-in-120-days"
        | "next-certificate-overdue"
        | "graph-flow"
        | "hybrid-agent"
        | "two-forests" => [Ok(()), Ok(())],
        // The wizard of before the dedicated application, its certificate not yet uploaded.
        "wizard-names"
        | "lifetime-capped"
        | "disabled-connector"
        | "build-too-old"
        | "permission-missing"
        | "directory-role-missing" => [
            KEY_NOT_FOUND,
            Err(&[
                "AADSTS500011: The resource principal named 00000002-0000-0ff1-ce00-000000000000/mail.contoso.com was not found",
            ]),
        ],
        "shared-principal" => [SHARED, Ok(())],
        "override-missing" | "override-disabled" | "override-doubled" | "override-elsewhere" => {
            [SHARED, Ok(())]
        }
        "consent-missing" => [
            Err(&[
                "reason=\"The token contains no permissions, or permissions can not be understood.\";error_category=\"invalid_grant\"",
            ]),
            Ok(()),
        ],
        "allow-list-missing" | "web-services-disabled" => [FORBIDDEN, Ok(())],
        "other-tenant-trust" => [
            Err(&["AADSTS700016: "]),
            // The servers say that they trust the other tenant, so that Exchange Online does not even try.
            Err(&[
                "The trusted issuers contained the following entries '00000001-0000-0000-c000-000000000000@d84a57c2-1f6e-4e0b-b6a7-95b3c7e20d18'. None of them are configured locally.",
            ]),
        ],
        "dauth-only" => [
            NO_ISSUER,
            Err(&[
                "The trusted issuers contained the following entries ''. None of them are configured locally.",
            ]),
        ],
        "tls-disabled" => [
            Err(&[
                "The underlying connection was closed: An unexpected error occurred on a receive",
            ]),
            Err(&[
                "The trusted issuers contained the following entries ''. None of them are configured locally.",
            ]),
        ],
        "certificate-not-uploaded" => [KEY_NOT_FOUND, Ok(())],
        "certificate-missing" => [NO_CERTIFICATE, Ok(())],
        "expired-certificate" => [
            Err(&["[Reason - The key used is expired., Thumbprint of key used by client: "]),
            Ok(()),
        ],
        "stale-metadata" => [
            Ok(()),
            Err(&[
                "2000000;reason=\"The token has an invalid signature.\";error_category=\"invalid_signature\"",
            ]),
        ],
        "linked-account" => [
            Ok(()),
            Err(&[
                "The application is missing a linked account for RBAC roles, or the linked account has no RBAC role assignments, or the calling users account is logon disabled.",
            ]),
        ],
        "unsynchronized-mailbox" => [
            Ok(()),
            Err(&[
                "2000005;reason=\"The user specified by the user-context in the token does not exist.\";error_category=\"invalid_user\"",
            ]),
        ],
        "ambiguous-mailbox" => [
            Ok(()),
            Err(&[
                "2000005;reason=\"The user specified by the user-context in the token is ambiguous.\";error_category=\"invalid_user\"",
            ]),
        ],
        "ssl-offloading" => [
            Ok(()),
            Err(&[
                "2000003;reason=\"The hostname component of the audience claim value is invalid. Expected 'https://mail.contoso.com'. Actual 'http://mail.contoso.com'.\";error_category=\"invalid_resource\"",
            ]),
        ],
        "wrong-issuer" => [
            NO_ISSUER,
            Err(&[
                "The trusted issuers contained the following entries '00000001-0002-0000-c000-000000000000@6f2c1b9e-4d3a-4c57-9a63-1d0c5e8b7f24'. None of them are configured locally.",
            ]),
        ],
        "proxy" => [
            Err(&[
                "Information:Using custom InternetWebProxy http://10.38.161.34:8080/.",
                "(403) Forbidden.",
                "System.Net.HttpWebRequest.GetRequestStream",
            ]),
            Ok(()),
        ],
        "graph-flow-fails" => [
            Err(&[
                "(403) Forbidden.",
                "Your server location could not be determined",
            ]),
            Ok(()),
        ],
        _ => [Err(&["an expectation, which is not written here"]), Ok(())],
    }
}

fn run(world: &mut World, plane: Plane, parameters: Json) -> Result<(String, String), String> {
    let parameters = match Value::from(parameters) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    let answer = world
        .invoke(plane, "Test-OAuthConnectivity", &parameters)
        .map_err(|refusal| refusal.message)?;
    let text = |name: &str| {
        let node = answer.output.first().and_then(|node| node.text(name));
        node.unwrap_or_default().to_owned()
    };
    Ok((text("ResultType"), text("Detail")))
}

fn test(world: &mut World) -> Result<[(String, String); 2], String> {
    let ews = "https://outlook.office365.com/ews/exchange.asmx";
    let to_cloud = json!({"Service": "EWS", "TargetUri": ews, "Mailbox": "megan@contoso.com"});
    let uri = "https://mail.contoso.com/ews/exchange.asmx";
    let to_servers = json!({"Service": "EWS", "TargetUri": uri, "Mailbox": "alex@contoso.com"});
    Ok([
        run(world, Plane::OnPremises, to_cloud)?,
        run(world, Plane::ExchangeOnline, to_servers)?,
    ])
}

async fn lab(scenarios: Vec<&'static Scenario>) -> Result<Hand, Box<dyn std::error::Error>> {
    Hand::start(LabOptions {
        rules: Rules::ByDate,
        clock: Clock::fixed("2026-11-23T09:00:00Z".parse()?),
        scenarios,
        ..LabOptions::default()
    })
    .await
}

#[tokio::test]
async fn each_scenario_has_its_texts() -> Outcome {
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let name = scenario.name;
        let hand = lab(vec![scenario]).await?;
        let tested = hand.lab.world().with(test)?;
        for (direction, (expected, (result, detail))) in ["to the cloud", "to the servers"]
            .iter()
            .zip(expected(name).into_iter().zip(tested))
        {
            let right = match expected {
                Ok(()) => result == "Success",
                Err(texts) => result == "Error" && texts.iter().all(|text| detail.contains(text)),
            };
            if !right {
                wrong.push(format!("{name}, {direction}: {result} {detail}"));
            }
            let own = format!("L:{APPLICATION}-AS:");
            if name == "configured" && *direction == "to the cloud" && !detail.contains(&own) {
                wrong.push(format!("{name} runs under another application: {detail}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[tokio::test]
async fn scenarios_are_combined_from_the_start_that_is_furthest_along() -> Outcome {
    let both = ["override-missing", "linked-account", "wizard-names"];
    let scenarios = both
        .iter()
        .filter_map(|name| Scenario::find(name))
        .collect();
    let hand = lab(scenarios).await?;
    let [cloud, servers] = hand.lab.world().with(test)?;
    assert_eq!((cloud.0.as_str(), servers.0.as_str()), ("Error", "Error"));
    assert!(
        servers.1.contains("missing a linked account"),
        "{}",
        servers.1
    );
    Ok(())
}

#[test]
fn every_scenario_has_a_name_of_its_own_and_a_sentence() {
    for (at, scenario) in SCENARIOS.iter().enumerate() {
        let name = scenario.name;
        assert_eq!(
            Scenario::find(name).map(|found| found.sentence),
            Some(scenario.sentence)
        );
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        assert!(name.chars().all(plain), "{name}");
        assert!(
            !scenario.sentence.ends_with('.') && scenario.sentence.len() > 30,
            "{name}"
        );
        assert!(
            SCENARIOS[at + 1..].iter().all(|other| other.name != name),
            "{name}"
        );
    }
}
