//! `clouds probe`: what a cloud says of itself, as keys for the organization file.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::runner::Runner;
use crate::support::served::Served;
use crate::support::service::{NOW, Reply, Service};
use exoauth::clock::Clock;
use exoauth::cloud::Cell;
use exoauth::lab::{Front, LabOptions};
use exoauth::session::probe;
use serde_json::json;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn a_sign_in_service_names_itself_graph_and_its_documents() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let login = served.lab.address(Front::Login);
    let runner = served.runner();
    let line = format!("clouds probe {login} --tenant contoso.onmicrosoft.com --ca-file ca.pem");
    let probed = runner.run(&format!("{line} --format json")).ends_with(0);
    let probed: serde_json::Value = serde_json::from_str(&probed.raw_stdout)?;
    assert_eq!(
        probed,
        json!({
            "endpoints": {
                "login": login,
                "graph": "https://graph.microsoft.com",
                "acs_metadata": format!("{login}/{{tenant}}/metadata/json/1"),
                "sts_metadata": format!("{login}/{{tenant}}/federationmetadata/2007-06/federationmetadata.xml"),
            },
            "not_found": [],
        })
    );
    // What is printed is what the organization file takes.
    let printed = runner.run(&line).ends_with(0);
    let file: toml::Value = toml::from_str(&printed.raw_stdout)?;
    assert_eq!(file["endpoints"]["login"].as_str(), Some(login.as_str()));
    let file = served.file();
    let (before, _) = file.split_once("[endpoints]").unwrap_or((&file, ""));
    Runner::new()
        .file("probed.toml", &format!("{before}{}", printed.raw_stdout))
        .file("ca.pem", served.lab.authority())
        .run("eval cloud.acs_metadata(cloud.tenant) --org probed.toml")
        .ends_with(0)
        .shows(&["contoso.onmicrosoft.com/metadata/json/1"]);
    // Without a tenant the documents are not looked for, and that is said.
    runner
        .run(&format!("clouds probe {login} --ca-file ca.pem"))
        .ends_with(0)
        .shows(&["# acs_metadata: give --tenant to look for it"]);
    Ok(())
}

#[test]
fn what_is_no_cloud_and_what_is_no_tenant_is_said() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let graph = served.lab.address(Front::Graph);
    let runner = served.runner();
    runner
        .run(&format!("clouds probe {graph} --ca-file ca.pem"))
        .ends_with(1)
        .complains(&["is neither Exchange Online nor a sign-in service"]);
    runner
        .run("clouds probe http://localhost:1")
        .ends_with(2)
        .complains(&["https://"]);
    runner
        .run("clouds probe outlook.example")
        .ends_with(2)
        .complains(&["outlook.example"]);
    runner
        .run(&format!("clouds probe {graph} --tenant 'a b'"))
        .ends_with(2)
        .complains(&["\"a b\" is neither a domain nor a tenant id"]);
    runner
        .run(&format!("clouds probe {graph} --ca-file nowhere.pem"))
        .ends_with(2)
        .complains(&["nowhere.pem cannot be read"]);
    Ok(())
}

/// The challenge is the one that 21Vianet's Exchange Online was seen to give, with another sign-in service.
#[tokio::test]
async fn exchange_online_names_its_token_service_and_its_sign_in_service() -> Outcome {
    let service = Service::start([]).await?.without_tokens();
    let challenge = format!(
        "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000001-0002-0000-c000-000000000000@*\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\", authorization_uri=\"{}/common/oauth2/authorize\",Basic Realm=\"\"",
        service.base
    );
    let unauthorized = || Reply::new(401, &[("www-authenticate", &challenge)], b"");
    let document = json!({"issuer": format!("{}/{{tenantid}}/v2.0", service.base), "msgraph_host": "graph.example"});
    service.then([
        unauthorized(),
        unauthorized(),
        Reply::json(200, &document),
        Reply::json(200, &json!({"allowedAudiences": []})),
        Reply::json(404, &json!({})),
    ]);
    let extra_ca = service.options()?.extra_ca;
    let clock = Clock::fixed(NOW.parse()?);
    let probed = probe(&service.base, Some("contoso.example"), extra_ca, clock).await?;
    let base = service.base.clone();
    assert_eq!(
        probed.cells,
        [
            (Cell::ExchangeOnline, base.clone()),
            (
                Cell::TokenService,
                "00000001-0002-0000-c000-000000000000".to_owned()
            ),
            (Cell::Autodiscover, base.clone()),
            (Cell::Login, base.clone()),
            (Cell::Graph, "https://graph.example".to_owned()),
            (
                Cell::AcsMetadata,
                format!("{base}/{{tenant}}/metadata/json/1")
            ),
        ]
    );
    assert_eq!(probed.notes, ["sts_metadata: localhost answered 404"]);
    let seen = service.all_seen();
    assert_eq!(seen[0].header("authorization"), Some("Bearer"));
    Ok(())
}
