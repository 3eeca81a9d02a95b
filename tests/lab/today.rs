//! The cmdlets that the dedicated application and the certificates' rotation need.
#![expect(
    clippy::disallowed_methods,
    reason = "each test has a runtime of its own"
)]

use super::hand::{Hand, Outcome};
use exoauth::clock::Clock;
use exoauth::lab::{Certificate, Front, World};
use exoauth::subject::Plane;
use exoauth::value::{Object, Value};
use serde_json::{Value as Json, json};

const STS: &str = "https://login.windows.net/contoso.onmicrosoft.com/federationmetadata/2007-06/federationmetadata.xml";

type Ran = Result<Vec<Value>, (String, String)>;

fn on(world: &mut World, plane: Plane, cmdlet: &str, parameters: Json) -> Ran {
    let parameters = match Value::from(parameters) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    match world.invoke(plane, cmdlet, &parameters) {
        Ok(answer) => Ok(answer.output),
        Err(refusal) => {
            let class = refusal.exception.rsplit('.').next().unwrap_or_default();
            Err((class.to_owned(), refusal.message))
        }
    }
}

fn run(world: &mut World, cmdlet: &str, parameters: Json) -> Ran {
    on(world, Plane::OnPremises, cmdlet, parameters)
}

fn class(ran: Ran) -> String {
    ran.err().map(|(class, _)| class).unwrap_or_default()
}

#[tokio::test]
async fn parameters_of_different_sets_are_refused_together() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let made = run(world, "New-AuthServer", json!({"Name": "evoSTS", "Type": "AzureAD", "AuthMetadataUrl": STS}));
        assert!(made.is_ok(), "{made:?}");
        let id = "0a1b2c3d-1111-4222-8333-444455556666";
        let graph = "https://graph.microsoft.com";
        let mixed = [
            ("Set-AuthServer", json!({"Identity": "evoSTS", "ApplicationIdentifier": id, "GraphBaseUrl": graph})),
            ("Set-AuthServer", json!({"Identity": "evoSTS", "ApplicationIdentifier": id, "RefreshAuthMetadata": true})),
            ("Set-AuthServer", json!({"Identity": "evoSTS", "IsDefaultAuthorizationEndpoint": true, "GraphBaseUrl": graph})),
            ("New-AuthServer", json!({"Name": "x", "ApplicationIdentifier": id, "AuthMetadataUrl": STS})),
            ("Set-AuthConfig", json!({"PublishCertificate": true, "ServiceName": "x"})),
            ("Set-AuthConfig", json!({"CertificateThumbprint": "00", "NewCertificateThumbprint": "00"})),
            ("Set-PartnerApplication", json!({"Identity": "Exchange Online", "Realm": "x", "RefreshAuthMetadata": true})),
        ];
        for (cmdlet, given) in mixed {
            let refused = run(world, cmdlet, given.clone()).err();
            let (_, message) = refused.unwrap_or_default();
            assert_eq!(message, "Parameter set cannot be resolved using the specified named parameters.", "{cmdlet} {given}");
        }
        for given in [
            json!({"Identity": "evoSTS", "ApplicationIdentifier": id, "DomainName": ["contoso.com"], "Enabled": true}),
            json!({"Identity": "evoSTS", "GraphBaseUrl": graph}),
            json!({"Identity": "evoSTS", "DomainName": {"Add": "contoso.mail.onmicrosoft.com"}}),
        ] {
            assert_eq!(run(world, "Set-AuthServer", given), Ok(Vec::new()));
        }
        let server = run(world, "Get-AuthServer", json!({"Identity": "evoSTS"})).unwrap_or_default();
        let server = server.first().cloned().unwrap_or_default();
        assert_eq!(server.text("ApplicationIdentifier"), Some(id));
        assert_eq!(server.text("GraphBaseUrl"), Some(graph));
        assert_eq!(server.get("DomainName"), Some(&vec!["contoso.com", "contoso.mail.onmicrosoft.com"].into()));
    });
    Ok(())
}

#[tokio::test]
async fn setting_overrides_have_the_shape_of_the_product() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let given = |name: &str, server: Json| json!({
            "Name": name, "Component": "Global", "Section": "ExchangeOnpremAsThirdPartyAppId",
            "Parameters": ["Enabled=true"], "Reason": "a <test>", "Server": server,
        });
        for (name, server) in [("one", Json::Null), ("two", json!(["EX99"]))] {
            let made = run(world, "New-SettingOverride", given(name, server));
            assert!(made.is_ok(), "{made:?}");
        }
        let all = run(world, "Get-SettingOverride", json!({})).unwrap_or_default();
        let seen: Vec<[Option<&str>; 3]> = all.iter().map(|one| ["Name", "Status", "XmlRaw"].map(|name| one.text(name))).collect();
        let raw = "<S CN=\"Global\" SN=\"ExchangeOnpremAsThirdPartyAppId\" MB=\"contoso.com/Users/Administrator\" R=\"a &lt;test>\"><Ps><P>Enabled=true</P></Ps></S>";
        assert_eq!(seen, [
            [Some("one"), Some("Accepted"), Some(raw)],
            [Some("two"), Some("ServerMismatch"), Some(raw)],
        ]);
        assert_eq!(all[0].get("Server"), Some(&Value::Null));
        let refused = class(run(world, "New-SettingOverride", given("ONE", Json::Null)));
        assert_eq!(refused, "ADObjectAlreadyExistsException");
        let changed = run(world, "Set-SettingOverride", json!({"Identity": "one", "Parameters": ["Enabled=false"], "MinVersion": "15.2.0.0"}));
        assert_eq!(changed, Ok(Vec::new()));
        let one = run(world, "Get-SettingOverride", json!({"Identity": "one"})).unwrap_or_default();
        assert_eq!(one[0].text("Status"), Some("VersionMismatch"));
        assert_eq!(class(run(world, "Remove-SettingOverride", json!({"Identity": "one"}))), "HostException");
        assert_eq!(run(world, "Remove-SettingOverride", json!({"Identity": "one", "Confirm": false})), Ok(Vec::new()));
        let info = run(world, "Get-ExchangeDiagnosticInfo", json!({"Process": "Microsoft.Exchange.Directory.TopologyService", "Component": "VariantConfiguration"})).unwrap_or_default();
        let result = info[0].text("Result").unwrap_or_default();
        assert!(result.contains("<Override><Name>two</Name><Status>ServerMismatch</Status></Override>"), "{result}");
        assert_eq!(class(run(world, "Get-ExchangeDiagnosticInfo", json!({"Server": "EX99"}))), "ManagementObjectNotFoundException");
    });
    Ok(())
}

#[tokio::test]
async fn organization_relationships_are_on_both_planes() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        for plane in [Plane::OnPremises, Plane::ExchangeOnline] {
            let given = json!({
                "Name": "On-premises to O365", "DomainNames": "contoso.mail.onmicrosoft.com", "FreeBusyAccessEnabled": true,
                "FreeBusyAccessLevel": "limited", "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
            });
            assert!(on(world, plane, "New-OrganizationRelationship", given).is_ok());
            let epr = "https://outlook.office365.com/EWS/Exchange.asmx";
            let set = on(world, plane, "Set-OrganizationRelationship", json!({"Identity": "On-premises to O365", "TargetSharingEpr": epr}));
            assert_eq!(set, Ok(Vec::new()));
            let all = on(world, plane, "Get-OrganizationRelationship", json!({})).unwrap_or_default();
            let seen = ["FreeBusyAccessLevel", "TargetSharingEpr", "MailTipsAccessLevel"].map(|name| all[0].text(name));
            assert_eq!(seen, [Some("LimitedDetails"), Some(epr), Some("None")]);
            assert_eq!(all[0].get("DomainNames"), Some(&vec!["contoso.mail.onmicrosoft.com"].into()));
            assert_eq!(all[0].get("OAuthApplicationId").is_some(), plane == Plane::ExchangeOnline);
            let removed = on(world, plane, "Remove-OrganizationRelationship", json!({"Identity": "On-premises to O365", "Confirm": false}));
            assert_eq!(removed, Ok(Vec::new()));
        }
    });
    Ok(())
}

#[tokio::test]
async fn the_list_of_allowed_applications_is_shown_on_request_and_replaced_as_a_whole() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let shown = |world: &mut World, given: Json| {
            let all = on(
                world,
                Plane::ExchangeOnline,
                "Get-OrganizationConfig",
                given,
            )
            .unwrap_or_default();
            all[0].text("EwsAllowedAppIDs").map(str::to_owned)
        };
        for list in ["a,b", "c"] {
            let set = on(
                world,
                Plane::ExchangeOnline,
                "Set-OrganizationConfig",
                json!({"EwsAllowedAppIDs": list}),
            );
            assert_eq!(set, Ok(Vec::new()));
        }
        assert_eq!(shown(world, json!({})), None);
        assert_eq!(
            shown(world, json!({"RetrieveEwsOperationAccessPolicy": true})).as_deref(),
            Some("c")
        );
        let local = run(world, "Get-OrganizationConfig", json!({})).unwrap_or_default();
        assert_eq!(
            local[0].text("Guid"),
            Some("b1f7e0a4-93c8-4f0e-a6d5-20c94e7718ba")
        );
        assert_eq!(
            class(run(
                world,
                "Set-OrganizationConfig",
                json!({"EwsAllowedAppIDs": "c"})
            )),
            "ParameterBindingException"
        );
    });
    Ok(())
}

fn read(made: &Value) -> Option<Certificate> {
    match made.get("RawData") {
        Some(Value::Bytes(der)) => Certificate::read(der),
        _ => None,
    }
}

#[tokio::test]
async fn a_certificate_is_made_staged_and_published_on_its_day() -> Outcome {
    let hand = Hand::new().await?;
    hand.lab.world().with(|world| {
        let given = json!({"SubjectName": "CN=Microsoft Exchange Server Auth Certificate", "Services": "SMTP", "KeySize": 2048, "PrivateKeyExportable": true, "DomainName": []});
        assert_eq!(class(run(world, "New-ExchangeCertificate", given.clone())), "HostException");
        let mut forced = given;
        forced["Force"] = true.into();
        let made = run(world, "New-ExchangeCertificate", forced).unwrap_or_default();
        let made = made.first().and_then(read).ok_or("no certificate")?;
        assert_eq!(made.subject, "CN=Microsoft Exchange Server Auth Certificate");
        assert_eq!(made.not_after.to_string(), "2031-11-23T09:00:00Z");
        let thumbprint = made.thumbprint;
        let on_server = |world: &mut World, server: &str| run(world, "Get-ExchangeCertificate", json!({"Server": server, "Thumbprint": thumbprint})).is_ok();
        assert!(on_server(world, "EX16") && !on_server(world, "EX10"));
        let staged = |hours: i64, confirm: Json| {
            let at = format!("2026-11-{}T09:00:00Z", 23 + hours / 24);
            let mut given = json!({"NewCertificateThumbprint": thumbprint, "NewCertificateEffectiveDate": at});
            if let (Some(given), Some(confirm)) = (given.as_object_mut(), confirm.as_object()) {
                given.extend(confirm.clone());
            }
            given
        };
        assert_eq!(class(run(world, "Set-AuthConfig", staged(24, json!({"Confirm": false})))), "HostException");
        assert_eq!(run(world, "Set-AuthConfig", staged(24, json!({"Force": true}))), Ok(Vec::new()));
        assert_eq!(run(world, "Set-AuthConfig", staged(48, json!({}))), Ok(Vec::new()));
        let current = |world: &mut World| {
            let config = run(world, "Get-AuthConfig", json!({})).unwrap_or_default();
            config[0].text("CurrentCertificateThumbprint").unwrap_or_default().to_owned()
        };
        assert_ne!(current(world), thumbprint);
        world.set_clock(Clock::fixed("2026-11-25T09:00:00Z".parse().map_err(|_| "no date")?));
        assert_eq!(current(world), thumbprint);
        Ok::<_, String>(())
    })?;
    Ok(())
}

#[tokio::test]
async fn autodiscover_says_where_web_services_are() -> Outcome {
    let hand = Hand::new().await?;
    let migration = "Migration.8f3e7716-2011-43e4-96b1-aba62d229136@contoso.onmicrosoft.com";
    let path = |mailbox: &str, query: &str| {
        format!("/autodiscover/autodiscover.json/v1.0/{mailbox}?{query}")
    };
    let found = hand
        .get(
            Front::ExchangeOnline,
            &path(migration, "Protocol=EWS&ServerLocation=true"),
        )
        .await?;
    assert_eq!(
        (found.status, found.json()["Url"].as_str()),
        (200, Some("https://outlook.office365.com/EWS/Exchange.asmx"))
    );
    let cases = [
        (path("alex@contoso.com", "Protocol=ews"), 200),
        (path("megan@contoso.com", "Protocol=EWS"), 302),
        (path("nobody@nowhere.example", "Protocol=EWS"), 404),
        (path(migration, "Protocol=Nothing"), 400),
        (path(migration, ""), 400),
    ];
    for (path, status) in cases {
        let back = hand.get(Front::ExchangeOnline, &path).await?;
        assert_eq!(back.status, status, "{path}");
    }
    Ok(())
}
