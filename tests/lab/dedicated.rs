//! The dedicated application as `Test-OAuthConnectivity` sees it, with each part missing, and with each date passed.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{EXCHANGE, Hand, Outcome, TENANT, current_certificate};
use exoauth::clock::Clock;
use exoauth::lab::{KeyCredential, Rules, World};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use serde_json::{Value as Json, json};

const APPLICATION: &str = "0a1b2c3d-1111-4222-8333-444455556666";
const ACS: &str =
    "https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1";
const STS: &str = "https://login.windows.net/contoso.onmicrosoft.com/federationmetadata/2007-06/federationmetadata.xml";

fn run(
    world: &mut World,
    plane: Plane,
    cmdlet: &str,
    parameters: Json,
) -> Result<Vec<Value>, String> {
    let parameters = match Value::from(parameters) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    let answer = world.invoke(plane, cmdlet, &parameters);
    answer
        .map(|answer| answer.output)
        .map_err(|refusal| refusal.message)
}

fn local(world: &mut World, cmdlet: &str, parameters: Json) -> Result<Vec<Value>, String> {
    run(world, Plane::OnPremises, cmdlet, parameters)
}

/// What is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Override,
    Refresh,
    Identifier,
    Consent,
    Key,
    AllowList,
}

const PARTS: [Part; 6] = [
    Part::Override,
    Part::Refresh,
    Part::Identifier,
    Part::Consent,
    Part::Key,
    Part::AllowList,
];

fn with_override(world: &mut World, name: &str, server: &Json) -> Result<(), String> {
    local(
        world,
        "New-SettingOverride",
        json!({
            "Name": name, "Component": "Global", "Section": "ExchangeOnpremAsThirdPartyAppId",
            "Parameters": ["Enabled=true"], "Reason": "a test", "Server": server,
        }),
    )
    .map(drop)
}

fn refresh(world: &mut World) -> Result<(), String> {
    let given = json!({
        "Process": "Microsoft.Exchange.Directory.TopologyService",
        "Component": "VariantConfiguration", "Argument": "Refresh",
    });
    local(world, "Get-ExchangeDiagnosticInfo", given).map(drop)
}

fn configure(world: &mut World, without: &[Part]) -> Result<(), String> {
    world.set_rules(Rules::ByDate);
    local(
        world,
        "New-AuthServer",
        json!({"Name": "ACS", "AuthMetadataUrl": ACS}),
    )?;
    local(
        world,
        "New-AuthServer",
        json!({"Name": "STS", "Type": "AzureAD", "AuthMetadataUrl": STS}),
    )?;
    world
        .directory_mut()
        .register(APPLICATION, "ExchangeServerApp-1", Vec::new());
    for part in PARTS.into_iter().filter(|part| !without.contains(part)) {
        match part {
            Part::Override => {
                with_override(world, "EnableExchangeHybrid3PAppFeature", &Json::Null)?;
            }
            Part::Refresh => refresh(world)?,
            Part::Identifier => {
                let given = json!({"Identity": "STS", "ApplicationIdentifier": APPLICATION});
                local(world, "Set-AuthServer", given)?;
            }
            Part::Consent => {
                world
                    .directory_mut()
                    .grant(APPLICATION, EXCHANGE, "full_access_as_app");
            }
            Part::Key => {
                let certificate = current_certificate(world);
                if let (Some(application), Some(certificate)) = (
                    world.directory_mut().application_mut(APPLICATION),
                    certificate,
                ) {
                    application.keys.push(KeyCredential::of(&certificate));
                }
            }
            Part::AllowList => {
                let given = json!({"EwsAllowedAppIDs": format!("{EXCHANGE},{APPLICATION}")});
                run(
                    world,
                    Plane::ExchangeOnline,
                    "Set-OrganizationConfig",
                    given,
                )?;
            }
        }
    }
    Ok(())
}

fn test(world: &mut World) -> Result<(String, String), String> {
    let given = json!({"Service": "EWS", "TargetUri": "https://outlook.office365.com/ews/exchange.asmx", "Mailbox": "megan@contoso.com"});
    let output = local(world, "Test-OAuthConnectivity", given)?;
    let text = |name: &str| {
        output
            .first()
            .and_then(|node| node.text(name))
            .unwrap_or_default()
            .to_owned()
    };
    Ok((text("ResultType"), text("Detail")))
}

async fn tested(without: &[Part]) -> Result<(String, String), Box<dyn std::error::Error>> {
    let hand = Hand::new().await?;
    Ok(hand.lab.world().with(|world| {
        configure(world, without)?;
        // Uploaded to the shared principal, as the page does it: without the block this would pass.
        let certificate = current_certificate(world);
        if let (Some(shared), Some(certificate)) =
            (world.directory_mut().principal_mut(EXCHANGE), certificate)
        {
            shared.keys.push(KeyCredential::of(&certificate));
        }
        test(world)
    })?)
}

#[tokio::test]
async fn with_everything_in_place_the_test_runs_as_the_application() -> Outcome {
    let (result, detail) = tested(&[]).await?;
    assert_eq!(result, "Success", "{detail}");
    let log = format!("L:{APPLICATION}-AS:https://sts.windows.net/{TENANT}/@{TENANT}");
    assert!(detail.contains(&log), "{detail}");
    assert!(detail.contains("The SMTP address has no mailbox associated with it."));
    assert!(!detail.contains("eyJ"), "no token is shown: {detail}");
    Ok(())
}

#[tokio::test]
async fn each_part_left_out_fails_with_its_text() -> Outcome {
    let forbidden = "(403) Forbidden.";
    let shared = "L:00000002-0000-0ff1-ce00-000000000000-AS:00000001-0000-0000-c000-000000000000@";
    let own = "L:0a1b2c3d-1111-4222-8333-444455556666-AS:";
    let cases = [
        (Part::Override, shared, forbidden),
        (Part::Refresh, shared, forbidden),
        (Part::Identifier, shared, forbidden),
        (
            Part::Consent,
            own,
            "reason=\"The token contains no permissions, or permissions can not be understood.\";error_category=\"invalid_grant\"",
        ),
        (
            Part::Key,
            own,
            "Unable to get token from Auth Server. Error code: 'invalid_client'. Description: 'AADSTS700027: ",
        ),
        (Part::AllowList, own, forbidden),
    ];
    assert_eq!(cases.map(|(part, ..)| part), PARTS);
    for (part, application, text) in cases {
        let (result, detail) = tested(&[part]).await?;
        assert_eq!(result, "Error", "without {part:?}: {detail}");
        for text in [application, text] {
            assert!(detail.contains(text), "without {part:?}: {detail}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn overrides_that_are_doubled_or_for_another_server_do_not_count() -> Outcome {
    let cases = [
        (vec![json!(null), json!(null)], "Error"),
        (vec![json!(["EX99"])], "Error"),
        (vec![json!(["EX16"]), json!(["EX99"])], "Success"),
        (vec![json!(["ex16.contoso.com", "EX99"])], "Success"),
    ];
    for (servers, expected) in cases {
        let hand = Hand::new().await?;
        let (result, detail) = hand.lab.world().with(|world| {
            configure(world, &[Part::Override])?;
            for (number, server) in servers.iter().enumerate() {
                with_override(world, &format!("number {number}"), server)?;
            }
            refresh(world)?;
            test(world)
        })?;
        assert_eq!(result, expected, "{servers:?}: {detail}");
    }
    Ok(())
}

#[tokio::test]
async fn an_override_is_read_within_the_hour_or_on_request() -> Outcome {
    let hand = Hand::new().await?;
    let results = hand.lab.world().with(|world| {
        configure(world, &[Part::Refresh])?;
        let mut results = Vec::new();
        for minutes in [0, 59, 60] {
            let at = format!("2026-11-23T{:02}:{:02}:00Z", 9 + minutes / 60, minutes % 60);
            world.set_clock(Clock::fixed(at.parse().map_err(|_| at.clone())?));
            results.push(test(world)?.0);
        }
        // What is taken away counts for as long.
        local(
            world,
            "Remove-SettingOverride",
            json!({"Identity": "EnableExchangeHybrid3PAppFeature", "Confirm": false}),
        )?;
        results.push(test(world)?.0);
        refresh(world)?;
        results.push(test(world)?.0);
        Ok::<_, String>(results)
    })?;
    assert_eq!(results, ["Error", "Error", "Success", "Success", "Error"]);
    Ok(())
}

#[tokio::test]
async fn each_date_brings_what_was_announced_for_it() -> Outcome {
    // The day, and the results: as the page has it, dedicated without the list, dedicated with the list.
    let cases = [
        ("2025-10-30T12:00:00Z", ["Success", "Success", "Success"]),
        ("2025-10-31T12:00:00Z", ["Error", "Success", "Success"]),
        ("2026-10-09T12:00:00Z", ["Error", "Success", "Success"]),
        ("2026-10-10T12:00:00Z", ["Error", "Error", "Success"]),
        ("2027-03-31T12:00:00Z", ["Error", "Error", "Success"]),
        ("2027-04-01T12:00:00Z", ["Error", "Error", "Error"]),
    ];
    for (day, expected) in cases {
        let mut results = Vec::new();
        for without in [
            &[Part::Override, Part::AllowList][..],
            &[Part::AllowList],
            &[],
        ] {
            let hand = Hand::at(Clock::fixed(day.parse()?)).await?;
            let result = hand.lab.world().with(|world| {
                configure(world, without)?;
                let certificate = current_certificate(world);
                if let (Some(shared), Some(certificate)) =
                    (world.directory_mut().principal_mut(EXCHANGE), certificate)
                {
                    shared.keys.push(KeyCredential::of(&certificate));
                }
                test(world)
            })?;
            results.push(result.0);
        }
        assert_eq!(results, expected, "{day}");
    }
    Ok(())
}

#[tokio::test]
async fn an_organization_that_says_no_or_nothing_has_no_web_services() -> Outcome {
    for (wanted, day, expected) in [
        (Value::Bool(false), "2026-09-30T12:00:00Z", "Error"),
        (Value::Null, "2026-09-30T12:00:00Z", "Success"),
        (Value::Null, "2026-10-01T12:00:00Z", "Error"),
        (Value::Bool(true), "2026-10-01T12:00:00Z", "Success"),
    ] {
        let hand = Hand::at(Clock::fixed(day.parse()?)).await?;
        let (result, detail) = hand.lab.world().with(|world| {
            configure(world, &[])?;
            for config in world.objects_mut(Plane::ExchangeOnline, "OrganizationConfig") {
                config.insert("EwsEnabled".to_owned(), wanted.clone());
            }
            test(world)
        })?;
        assert_eq!(result, expected, "{wanted:?} on {day}: {detail}");
    }
    Ok(())
}
