//! The on-premises cmdlets of the world, and the lab itself.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Hand, Outcome, TENANT, current_certificate};
use exoauth::cloud::{CLOUDS, Cell, CloudName};
use exoauth::lab::{Front, Rules, Seed, World};
use exoauth::organization::Organization;
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use serde_json::{Value as Json, json};
use std::path::Path;

fn run(
    world: &mut World,
    cmdlet: &str,
    parameters: Json,
) -> Result<Vec<Value>, (String, String, String)> {
    let parameters = match Value::from(parameters) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    match world.invoke(Plane::OnPremises, cmdlet, &parameters) {
        Ok(answer) => Ok(answer.output),
        Err(refusal) => Err((
            refusal
                .exception
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            refusal.category,
            refusal.message,
        )),
    }
}

fn refused(
    class: &str,
    category: &str,
    message: &str,
) -> Result<Vec<Value>, (String, String, String)> {
    Err((class.to_owned(), category.to_owned(), message.to_owned()))
}

const ACS: &str =
    "https://accounts.accesscontrol.windows.net/contoso.onmicrosoft.com/metadata/json/1";
const STS: &str = "https://login.windows.net/contoso.onmicrosoft.com/federationmetadata/2007-06/federationmetadata.xml";

#[tokio::test]
async fn auth_servers_learn_from_their_metadata_documents() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let acs = run(world, "New-AuthServer", json!({"Name": "WindowsAzureACS", "AuthMetadataUrl": ACS}));
        let sts = run(world, "new-authserver", json!({"name": "evoSTS", "type": "azuread", "AuthMetadata": STS}));
        let [acs, sts] = [acs, sts].map(|made| made.ok().and_then(|mut made| made.pop()).unwrap_or_default());
        let issuer = format!("https://sts.windows.net/{TENANT}/");
        let endpoint = format!("https://accounts.accesscontrol.windows.net/{TENANT}/tokens/OAuth/2");
        let expected = [
            (&acs, "Realm", TENANT),
            (&acs, "IssuerIdentifier", "00000001-0000-0000-c000-000000000000"),
            (&acs, "TokenIssuingEndpoint", &endpoint),
            (&acs, "Type", "MicrosoftACS"),
            (&acs, "DistinguishedName", "CN=WindowsAzureACS,CN=Auth Servers,CN=Auth Configuration,CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"),
            (&acs, "ObjectCategory", "contoso.com/Configuration/Schema/ms-Exch-Auth-Auth-Server"),
            (&sts, "Realm", TENANT),
            (&sts, "IssuerIdentifier", &issuer),
            (&sts, "Type", "AzureAD"),
            (&sts, "TokenIssuingEndpoint", "https://login.windows.net/common/oauth2/token"),
        ];
        for (object, property, value) in expected {
            assert_eq!(object.text(property), Some(value), "{property}");
        }
        assert_eq!(acs.get("CertificateStrings"), sts.get("CertificateStrings"));
    });
    Ok(())
}

#[tokio::test]
async fn metadata_that_cannot_be_had_is_refused_with_the_reason() -> Outcome {
    let hand = Hand::new().await?;
    let cases = [
        (
            ACS.replace("accounts.", "acounts."),
            "The remote name could not be resolved: 'acounts.accesscontrol.windows.net'.",
        ),
        (
            ACS.replace("contoso", "nosuch"),
            "The remote server returned an error: (400) Bad Request.",
        ),
        (
            ACS.replace("/json/1", ""),
            "The remote server returned an error: (404) Not Found.",
        ),
        (
            STS.to_owned(),
            "The document is not in a format that was expected.",
        ),
    ];
    hand.lab.world().with(|world| {
        for (url, reason) in cases {
            let made = run(
                world,
                "New-AuthServer",
                json!({"Name": "ACS", "AuthMetadataUrl": url}),
            );
            let message =
                format!("Cannot acquire auth metadata document from '{url}'. Error: {reason}");
            assert_eq!(
                made,
                refused(
                    "AuthMetadataClientException",
                    "ResourceUnavailable",
                    &message
                )
            );
        }
    });
    Ok(())
}

#[tokio::test]
async fn the_engine_refuses_what_powershell_and_exchange_refuse() -> Outcome {
    let hand = Hand::new().await?;
    let configuration =
        "CN=Contoso,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com";
    let long = "x".repeat(65);
    let cases = [
        (
            "Get-Nothing",
            json!({}),
            "CommandNotFoundException",
            "ObjectNotFound",
            "The term 'Get-Nothing' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.".to_owned(),
        ),
        (
            "Get-AuthServer",
            json!({"Bogus": 1}),
            "ParameterBindingException",
            "InvalidArgument",
            "A parameter cannot be found that matches parameter name 'Bogus'.".to_owned(),
        ),
        (
            "Set-AuthServer",
            json!({"Identity": "X", "Domain": "contoso.com"}),
            "ParameterBindingException",
            "InvalidArgument",
            "Parameter cannot be processed because the parameter name 'Domain' is ambiguous. Possible matches include: -DomainName -DomainController.".to_owned(),
        ),
        (
            "New-IntraOrganizationConnector",
            json!({"Name": "C", "DiscoveryEndpoint": "https://h/", "TargetAddressDomains": "a.example", "TargetSharingEpr": "https://h/"}),
            "ParameterBindingException",
            "InvalidArgument",
            "A parameter cannot be found that matches parameter name 'TargetSharingEpr'.".to_owned(),
        ),
        (
            "Set-PartnerApplication",
            json!({"Identity": "Exchange Online", "Enabled": "perhaps"}),
            "ParameterBindingArgumentTransformationException",
            "InvalidData",
            "Cannot process argument transformation on parameter 'Enabled'. Cannot convert value \"perhaps\" to type \"System.Boolean\". Error: \"Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.\"".to_owned(),
        ),
        (
            "Set-AuthServer",
            json!({"Identity": "WindowsAzureACS", "Enabled": true}),
            "ManagementObjectNotFoundException",
            "NotSpecified",
            "The operation couldn't be performed because object 'WindowsAzureACS' couldn't be found on 'DC01.contoso.com'.".to_owned(),
        ),
        (
            "New-PartnerApplication",
            json!({"Name": "exchange online", "ApplicationIdentifier": "x"}),
            "ADObjectAlreadyExistsException",
            "ResourceExists",
            format!("Active Directory operation failed on DC01.contoso.com. The object 'CN=Exchange Online,CN=Partner Applications,CN=Auth Configuration,{configuration}' already exists."),
        ),
        (
            "New-AuthServer",
            json!({"Name": long, "AuthMetadataUrl": ACS}),
            "ParameterBindingArgumentTransformationException",
            "InvalidData",
            "The length of the property is too long. The maximum length is 64 and the length of the value provided is 65.".to_owned(),
        ),
        (
            "New-AuthServer",
            json!({"Name": "X"}),
            "ParameterBindingException",
            "InvalidArgument",
            "Parameter set cannot be resolved using the specified named parameters.".to_owned(),
        ),
        (
            "New-IntraOrganizationConnector",
            json!({"Name": "C", "DiscoveryEndpoint": "mail", "TargetAddressDomains": ["a.example"]}),
            "ParameterBindingArgumentTransformationException",
            "InvalidData",
            "Cannot process argument transformation on parameter 'DiscoveryEndpoint'. Cannot convert value \"mail\" to type \"System.Uri\". Error: \"Invalid URI: The format of the URI could not be determined.\"".to_owned(),
        ),
    ];
    hand.lab.world().with(|world| {
        for (cmdlet, parameters, class, category, message) in cases {
            assert_eq!(
                run(world, cmdlet, parameters),
                refused(class, category, &message),
                "{cmdlet}"
            );
        }
    });
    Ok(())
}

#[tokio::test]
async fn removing_asks_and_nobody_can_be_asked() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let made = run(
            world,
            "New-AuthServer",
            json!({"Name": "ACS", "AuthMetadataUrl": ACS}),
        );
        assert!(made.is_ok());
        let asked = run(world, "Remove-AuthServer", json!({"Identity": "ACS"}));
        assert_eq!(
            asked.err().map(|(class, _, _)| class).as_deref(),
            Some("HostException")
        );
        assert_eq!(
            run(
                world,
                "Remove-AuthServer",
                json!({"Identity": "ACS", "Confirm": false})
            ),
            Ok(Vec::new())
        );
        assert_eq!(run(world, "Get-AuthServer", json!({})), Ok(Vec::new()));
        assert_eq!(world.writes(Plane::OnPremises), 3);
    });
    Ok(())
}

#[tokio::test]
async fn a_set_that_changes_nothing_warns() -> Outcome {
    let hand = Hand::new().await?;
    let given = Object::from_iter([
        ("Identity".to_owned(), Value::from("Microsoft Graph")),
        ("Enabled".to_owned(), true.into()),
    ]);
    let answer = hand
        .lab
        .world()
        .with(|world| world.invoke(Plane::OnPremises, "Set-PartnerApplication", &given));
    let warnings = answer
        .map(|answer| answer.warnings)
        .map_err(|refusal| refusal.message);
    assert_eq!(
        warnings,
        Ok(vec!["The command completed successfully but no settings of 'Microsoft Graph' have been modified.".to_owned()])
    );
    Ok(())
}

#[tokio::test]
async fn certificates_come_as_bytes_and_are_found_by_thumbprint() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let certificate =
            current_certificate(world).map(|certificate| (certificate.thumbprint, certificate.der));
        let (thumbprint, der) = certificate.unwrap_or_default();
        let config = run(world, "Get-AuthConfig", json!({})).unwrap_or_default();
        assert_eq!(
            config[0].text("CurrentCertificateThumbprint"),
            Some(thumbprint.as_str())
        );
        let raw = Value::from(Object::from_iter([(
            "RawData".to_owned(),
            Value::Bytes(der),
        )]));
        for identity in [
            json!({"Thumbprint": thumbprint.to_lowercase()}),
            json!({"Identity": format!("EX16\\{thumbprint}")}),
        ] {
            assert_eq!(
                run(world, "Get-ExchangeCertificate", identity),
                Ok(vec![raw.clone()])
            );
        }
        assert_eq!(
            run(world, "Get-ExchangeCertificate", json!({"Server": "EX16"})).map(|all| all.len()),
            Ok(5)
        );
        let missing = run(
            world,
            "Get-ExchangeCertificate",
            json!({"Thumbprint": "00"}),
        );
        assert_eq!(
            missing,
            refused(
                "InvalidOperationException",
                "InvalidOperation",
                "The certificate with thumbprint 00 was not found."
            )
        );
    });
    Ok(())
}

#[tokio::test]
async fn the_next_certificate_is_published() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let thumbprints = |world: &mut World| {
            let config = run(world, "Get-AuthConfig", json!({})).unwrap_or_default();
            ["Previous", "Current", "Next"].map(|which| config[0].text(&format!("{which}CertificateThumbprint")).unwrap_or_default().to_owned())
        };
        let [_, current, next] = thumbprints(world);
        let soon = json!({"NewCertificateThumbprint": next, "NewCertificateEffectiveDate": "2026-11-24T09:00:00Z"});
        assert_eq!(run(world, "Set-AuthConfig", soon).err().map(|(class, _, _)| class).as_deref(), Some("HostException"));
        assert_eq!(run(world, "Set-AuthConfig", json!({"PublishCertificate": true})), Ok(Vec::new()));
        assert_eq!(thumbprints(world), [current, next, String::new()]);
        assert_eq!(run(world, "Set-AuthConfig", json!({"ClearPreviousCertificate": true})), Ok(Vec::new()));
        assert_eq!(thumbprints(world)[0], "");
    });
    Ok(())
}

#[tokio::test]
async fn the_old_server_is_there_unless_the_seed_leaves_it_out() -> Outcome {
    for (old_server, servers) in [(true, &["EX16", "EX10"][..]), (false, &["EX16"][..])] {
        let seed = Seed {
            old_server,
            ..Seed::default()
        };
        let hand = Hand::with(CloudName::Worldwide, Rules::BeforeBlock, seed).await?;
        hand.lab.world().with(|world| {
            let found = run(world, "Get-ExchangeServer", json!({})).unwrap_or_default();
            let names: Vec<&str> = found
                .iter()
                .filter_map(|server| server.text("Name"))
                .collect();
            assert_eq!(names, servers);
            let configuration =
                run(world, "Get-IntraOrganizationConfiguration", json!({})).unwrap_or_default();
            assert_eq!(
                configuration[0].get("DeploymentIsCompleteIOCReady"),
                Some(&Value::Bool(!old_server))
            );
            assert_eq!(
                configuration[0].text("OnPremiseWebServiceEndpoint"),
                Some("https://mail.contoso.com/ews/exchange.asmx")
            );
        });
    }
    Ok(())
}

#[tokio::test]
async fn directories_are_listed_by_server() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let found = run(world, "Get-WebServicesVirtualDirectory", json!({"Server": "ex16", "ADPropertiesOnly": true})).unwrap_or_default();
        let urls: Vec<_> = found.iter().map(|directory| (directory.text("InternalUrl"), directory.text("ExternalUrl"))).collect();
        assert_eq!(urls, [(Some("https://ex16.contoso.com/EWS/Exchange.asmx"), Some("https://mail.contoso.com/EWS/Exchange.asmx"))]);
        let missing = run(world, "Get-OutlookAnywhere", json!({"Server": "EX99"}));
        assert_eq!(missing, refused("ManagementObjectNotFoundException", "NotSpecified", "The operation couldn't be performed because object 'EX99' couldn't be found on 'DC01.contoso.com'."));
    });
    Ok(())
}

#[tokio::test]
async fn an_address_space_is_added_once_and_removed() -> Outcome {
    let hand = Hand::new().await?;
    let given = json!({"AccessMethod": "InternalProxy", "ProxyUrl": "https://mail.contoso.com/EWS/Exchange.asmx", "ForestName": "contoso.mail.onmicrosoft.com", "UseServiceAccount": true});
    hand.lab.world().with(|world| {
        let made = run(world, "Add-AvailabilityAddressSpace", given.clone()).unwrap_or_default();
        assert_eq!(made[0].text("Name"), Some("contoso.mail.onmicrosoft.com"));
        assert_eq!(made[0].get("TargetTenantId"), None);
        let again = run(world, "Add-AvailabilityAddressSpace", given);
        assert_eq!(
            again.err().map(|(class, _, _)| class).as_deref(),
            Some("ADObjectAlreadyExistsException")
        );
        let removed = run(
            world,
            "Remove-AvailabilityAddressSpace",
            json!({"Identity": "contoso.mail.onmicrosoft.com", "Confirm": false}),
        );
        assert_eq!(removed, Ok(Vec::new()));
    });
    Ok(())
}

#[tokio::test]
async fn every_cloud_has_a_lab_and_its_unknown_cells_stay_unknown() -> Outcome {
    for cloud in CLOUDS {
        let hand = Hand::with(cloud.name, Rules::BeforeBlock, Seed::default()).await?;
        let organization = hand.lab.organization();
        let replaced: Vec<Cell> = organization.endpoints.keys().copied().collect();
        assert_eq!(replaced, [Cell::Login, Cell::Graph, Cell::ExchangeOnline]);
        let addresses = organization.addresses(cloud.name);
        assert_eq!(
            addresses.get(Cell::AcsMetadata).is_ok(),
            cloud.cell(Cell::AcsMetadata).is_some()
        );
        if let Some(suffix) = cloud.cell(Cell::InitialDomainSuffix) {
            assert_eq!(organization.tenant, format!("contoso.{suffix}"));
        }
        assert_eq!(
            hand.online("Get-AcceptedDomain", json!({})).await?.status,
            200,
            "{}",
            cloud.word
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_organization_file_describes_the_lab() -> Outcome {
    let hand = Hand::new().await?;
    let authority = hand.lab.authority().to_owned();
    let read = |_: &Path| Ok(authority.clone());
    let file = hand.lab.organization_file("lab-ca.pem");
    let parsed = Organization::parse("lab", &file, Path::new(""), &read)?;
    assert_eq!(
        format!("{parsed:?}"),
        format!("{:?}", hand.lab.organization())
    );
    assert!(
        file.contains(hand.client_secret().expose()),
        "the secrets are in that file"
    );
    Ok(())
}

/// So that nobody has to look for what this program itself serves.
#[tokio::test]
async fn the_organization_file_names_what_nobody_documents() -> Outcome {
    for cloud in CLOUDS {
        let hand = Hand::with(cloud.name, Rules::BeforeBlock, Seed::default()).await?;
        let read = |_: &Path| Ok(hand.lab.authority().to_owned());
        let file = hand.lab.organization_file("lab-ca.pem");
        let mut parsed = Organization::parse("lab", &file, Path::new(""), &read)?;
        let addresses = parsed.addresses(cloud.name);
        for cell in Cell::ALL {
            addresses.get(cell)?;
        }
        parsed
            .endpoints
            .retain(|cell, _| cloud.cell(*cell).is_some());
        assert_eq!(
            format!("{parsed:?}"),
            format!("{:?}", hand.lab.organization())
        );
        let said = file.contains("# Nobody documents these of this cloud");
        let documented = Cell::ALL.iter().all(|cell| cloud.cell(*cell).is_some());
        assert_eq!(said, !documented, "{}", cloud.word);
    }
    Ok(())
}

#[tokio::test]
async fn two_labs_of_one_seed_differ_in_their_secrets_only() -> Outcome {
    let (one, other) = (Hand::new().await?, Hand::new().await?);
    let servers = |hand: &Hand| {
        hand.lab
            .world()
            .with(|world| world.objects(Plane::OnPremises, "ExchangeServer").to_vec())
    };
    assert_eq!(servers(&one), servers(&other));
    assert_ne!(one.client_secret(), other.client_secret());
    Ok(())
}

#[tokio::test]
async fn the_servers_end_with_the_lab() -> Outcome {
    let Hand { lab, client } = Hand::new().await?;
    let url = format!("{}/metadata/json/1", lab.address(Front::OnPremises));
    assert_eq!(client.get(&url).send().await?.status(), 200);
    drop(lab);
    tokio::task::yield_now().await;
    assert!(client.get(&url).send().await.is_err());
    Ok(())
}
