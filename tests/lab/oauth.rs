//! Server-to-server OAuth: by hand, and as `Test-OAuthConnectivity` sees it.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{EXCHANGE, Hand, Outcome};
use exoauth::lab::{Refusal, World};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use serde_json::{Value as Json, json};

fn parameters(json: Json) -> Object {
    match Value::from(json) {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn test(
    world: &mut World,
    plane: Plane,
    uri: &str,
    mailbox: &str,
) -> Result<(String, String), Refusal> {
    let given = parameters(json!({"Service": "EWS", "TargetUri": uri, "Mailbox": mailbox}));
    let answer = world.invoke(plane, "Test-OAuthConnectivity", &given)?;
    let text = |name: &str| {
        answer
            .output
            .first()
            .and_then(|node| node.text(name))
            .unwrap_or_default()
            .to_owned()
    };
    Ok((text("ResultType"), text("Detail")))
}

fn to_cloud(world: &mut World) -> Result<(String, String), Refusal> {
    test(
        world,
        Plane::OnPremises,
        "https://outlook.office365.com/ews/exchange.asmx",
        "megan@contoso.com",
    )
}

fn to_premises(world: &mut World) -> Result<(String, String), Refusal> {
    test(
        world,
        Plane::ExchangeOnline,
        "https://mail.contoso.com/metadata/json/1",
        "alex@contoso.com",
    )
}

/// The configuration of the page, its parts one by one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    AuthServer,
    Partner,
    Key,
    Names,
}

const PARTS: [Part; 4] = [Part::AuthServer, Part::Partner, Part::Key, Part::Names];

fn configure(world: &mut World, without: Option<Part>) -> Result<(), Refusal> {
    for part in PARTS.into_iter().filter(|part| Some(*part) != without) {
        match part {
            Part::AuthServer => {
                let url = "https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1";
                world.invoke(
                    Plane::OnPremises,
                    "New-AuthServer",
                    &parameters(json!({"Name": "WindowsAzureACS", "AuthMetadataUrl": url})),
                )?;
            }
            Part::Partner => {
                world.invoke(
                    Plane::OnPremises,
                    "Set-PartnerApplication",
                    &parameters(json!({"Identity": "Exchange Online", "Enabled": true})),
                )?;
            }
            Part::Key => upload(world),
            Part::Names => {
                if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
                    principal.names.push("https://mail.contoso.com/".to_owned());
                }
            }
        }
    }
    Ok(())
}

fn upload(world: &mut World) {
    let current = world.objects(Plane::OnPremises, "ExchangeCertificate")[0].clone();
    let Some(Value::Bytes(der)) = current.get("RawData") else {
        return;
    };
    let certificate = exoauth::lab::Certificate::read(der);
    if let (Some(principal), Some(certificate)) =
        (world.directory_mut().principal_mut(EXCHANGE), certificate)
    {
        principal.keys.push(exoauth::lab::KeyCredential {
            id: "an id".to_owned(),
            certificate,
        });
    }
}

#[tokio::test]
async fn both_directions_pass_when_everything_is_configured() -> Outcome {
    let hand = Hand::new().await?;
    let (cloud, premises) = hand.lab.world().with(|world| {
        configure(world, None).map_err(|refusal| refusal.message)?;
        let cloud = to_cloud(world).map_err(|refusal| refusal.message)?;
        let premises = to_premises(world).map_err(|refusal| refusal.message)?;
        Ok::<_, String>((cloud, premises))
    })?;
    assert_eq!(cloud.0, "Success", "{}", cloud.1);
    assert_eq!(premises.0, "Success", "{}", premises.1);
    Ok(())
}
