//! The on-premises road against the lab: everything between a cmdlet and its answer.

use crate::support::wait::wait_for;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{
    Answer, Error, ErrorKind, ErrorRecord, FixedScript, Invocation, Road, ScriptCall,
};
use exoauth::lab::{Lab, LabOptions};
use exoauth::organization::{Authentication, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use exoauth::value::{Object, Value};
use std::error;
use std::time::Duration;

type Outcome = Result<(), Box<dyn error::Error>>;

fn settings(lab: &Lab) -> Result<(OnPremisesExchange, Secret), &'static str> {
    let exchange = lab.organization().exchange.ok_or("no exchange")?;
    match exchange.account.clone().map(|account| account.password) {
        Some(SecretSource::Plain(password)) => Ok((exchange, password)),
        _ => Err("no password"),
    }
}

fn road(lab: &Lab) -> Result<OnPremises, Box<dyn error::Error>> {
    let (exchange, password) = settings(lab)?;
    Ok(OnPremises::new(&exchange, &password, Times::default())?)
}

async fn lab() -> Result<Lab, exoauth::lab::Error> {
    Lab::start(LabOptions::default()).await
}

fn call(cmdlet: &str) -> Invocation {
    Invocation::new(cmdlet)
}

fn record(result: Result<Answer, Error>) -> Result<ErrorRecord, String> {
    match result {
        Err(Error {
            kind: ErrorKind::Record(record),
            ..
        }) => Ok(record),
        other => Err(format!("expected an error record, got {other:?}")),
    }
}

fn said(result: Result<Answer, Error>) -> Result<String, String> {
    match result {
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => Ok(format!("{}: {}", failure.kind.word(), failure.message)),
        other => Err(format!("expected a failure of the road, got {other:?}")),
    }
}

#[test]
fn windows_own_endpoint_runs_the_fixed_scripts_and_nothing_else() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let (exchange, password) = settings(&lab)?;
        let windows =
            OnPremises::windows("ex10.contoso.com", &exchange, &password, Times::default())?;
        let build = ScriptCall::on(None, FixedScript::ExchangeBuild);
        let answer = windows.run_script(&build).await?;
        assert_eq!(
            answer.output,
            [Value::Object(Object::from_iter([
                ("Server".to_owned(), "EX10".into()),
                ("Build".to_owned(), "14.3.123.4".into())
            ]))]
        );
        let nobody = ScriptCall::on(None, FixedScript::ExportCertificate)
            .with("Thumbprint", "0'; Remove-Item *");
        assert_eq!(windows.run_script(&nobody).await?, Answer::default());
        let other = record(windows.invoke(&call("Get-Process")).await)?;
        assert_eq!(
            other.message,
            "This endpoint of the lab runs the scripts export-certificate and exchange-build of exoauth, and no others."
        );
        // What belongs to one endpoint is unknown at the other.
        let exchange = road(&lab)?;
        exchange.invoke(&call("Get-AuthConfig")).await?;
        assert_eq!(lab.powershell().sessions(), 2);
        windows.close().await?;
        exchange.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn a_connector_is_made_read_changed_and_removed() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        let domains = |domains: &[&str]| Value::from(domains.to_vec());
        let make = call("New-IntraOrganizationConnector")
            .with("Name", "Zürich & <Söhne>")
            .with("DiscoveryEndpoint", "https://autodiscover.example/x.svc")
            .with("TargetAddressDomains", domains(&["a.example", "b.example"]));
        let made = road.invoke(&make).await?;
        let get = call("get-intraorganizationconnector").with("Identity", "Zürich & <Söhne>");
        assert_eq!(road.invoke(&get).await?, made);
        let connector = &made.output[0];
        assert_eq!(connector.get("Enabled"), Some(&true.into()));
        assert_eq!(
            connector.get("TargetAddressDomains"),
            Some(&domains(&["a.example", "b.example"]))
        );
        for (property, text) in [
            ("Identity", "Zürich & <Söhne>"),
            ("DiscoveryEndpoint", "https://autodiscover.example/x.svc"),
            ("ObjectState", "Unchanged"),
            ("ExchangeVersion", "0.20 (15.0.0.0)"),
            ("OrganizationId", ""),
        ] {
            assert_eq!(connector.text(property), Some(text), "{property}");
        }
        let set = call("Set-IntraOrganizationConnector")
            .with("Identity", "Zürich & <Söhne>")
            .with("TargetAddressDomains", Value::List(Vec::new()))
            .with("Enabled", false);
        assert_eq!(road.invoke(&set).await?, Answer::default());
        let changed = road.invoke(&get).await?;
        assert_eq!(
            changed.output[0].get("TargetAddressDomains"),
            Some(&Value::List(Vec::new()))
        );
        assert_eq!(
            road.invoke(&set).await?.warnings,
            [
                "The command completed successfully but no settings of 'Zürich & <Söhne>' have been modified."
            ]
        );
        let remove = call("Remove-IntraOrganizationConnector").with("Identity", "Zürich & <Söhne>");
        road.invoke(&remove.with("Confirm", false)).await?;
        let refused = record(road.invoke(&get).await)?;
        assert_eq!(
            refused.exception,
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
        );
        road.close().await?;
        Ok(())
    })
}

#[test]
fn one_session_serves_the_whole_run_and_is_closed_at_its_end() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        road.close().await?;
        assert_eq!((lab.powershell().sessions(), road.requests()), (0, 0));
        for _ in 0..3 {
            road.invoke(&call("Get-AuthConfig")).await?;
            assert_eq!(lab.powershell().sessions(), 1);
        }
        road.invoke(&call("Get-Nothing")).await.unwrap_err();
        road.close().await?;
        // Create and one Receive, then Command, Receive and Signal for each cmdlet, and Delete.
        assert_eq!(road.requests(), 2 + 4 * 3 + 1);
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn what_the_server_forgot_is_opened_again() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        road.invoke(&call("Get-AuthConfig")).await?;
        lab.powershell().recycle();
        let make = call("New-AuthServer")
            .with("Name", "once")
            .with("Type", "AzureAD")
            .with("Colour", "red");
        assert_eq!(
            record(road.invoke(&make).await)?.category,
            "InvalidArgument"
        );
        lab.powershell().recycle();
        road.close().await?;
        Ok(())
    })
}

#[test]
fn what_exchange_refuses_keeps_its_record() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        let unknown = record(road.invoke(&call("Get-Nothing")).await)?;
        assert_eq!(
            unknown,
            ErrorRecord {
                message: "The term 'Get-Nothing' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again.".to_owned(),
                exception: "System.Management.Automation.CommandNotFoundException".to_owned(),
                category: "ObjectNotFound".to_owned(),
                identifier: "CommandNotFoundException".to_owned(),
                target: "Get-Nothing".to_owned(),
            }
        );
        let missing = call("Get-AuthServer").with("Identity", "nobody");
        let missing = record(road.invoke(&missing).await)?;
        assert!(
            missing.message.starts_with(
                "The operation couldn't be performed because object 'nobody' couldn't be found on "
            ),
            "{missing:?}"
        );
        let remove = call("Remove-AvailabilityAddressSpace").with("Identity", "x");
        assert!(
            said(road.invoke(&remove).await)?
                .starts_with("input: the cmdlet asks for confirmation"),
        );
        road.close().await?;
        Ok(())
    })
}

#[test]
fn a_certificate_is_its_bytes_and_nothing_else() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        let config = road.invoke(&call("Get-AuthConfig")).await?;
        let thumbprint = config.output[0]
            .text("CurrentCertificateThumbprint")
            .ok_or("no thumbprint")?;
        let get = call("Get-ExchangeCertificate").with("Thumbprint", thumbprint);
        let certificate = road.invoke(&get).await?;
        let properties = certificate.output[0].as_object().ok_or("no object")?;
        assert!(
            matches!(properties.iter().collect::<Vec<_>>().as_slice(), [(name, Value::Bytes(_))] if *name == "RawData"),
            "{properties:?}"
        );
        road.close().await?;
        Ok(())
    })
}

#[test]
fn an_account_has_eighteen_sessions() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let mut roads = Vec::new();
        for _ in 0..18 {
            let road = road(&lab)?;
            road.invoke(&call("Get-AuthConfig")).await?;
            roads.push(road);
        }
        let one_more = road(&lab)?;
        assert_eq!(
            said(one_more.invoke(&call("Get-AuthConfig")).await)?,
            "throttled: the server refused: the account has too many open sessions"
        );
        one_more.close().await?;
        // What Windows' own endpoint of a server has is counted there.
        let (exchange, password) = settings(&lab)?;
        let build = ScriptCall::on(None, FixedScript::ExchangeBuild);
        let windows =
            OnPremises::windows("ex10.contoso.com", &exchange, &password, Times::default())?;
        windows.run_script(&build).await?;
        roads[7].close().await?;
        one_more.invoke(&call("Get-AuthConfig")).await?;
        Ok(())
    })
}

#[test]
fn a_cmdlet_that_was_given_up_does_not_disturb_the_next_one() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let road = road(&lab)?;
        road.invoke(&call("Get-AuthConfig")).await?;
        let get = call("Get-AuthConfig");
        for microseconds in [1, 50, 200, 500, 1_000, 2_000] {
            // What matters is that it is dropped somewhere on its way.
            let limit = Duration::from_micros(microseconds);
            drop(tokio::time::timeout(limit, road.invoke(&get)).await);
            assert_eq!(road.invoke(&get).await?.output.len(), 1);
        }
        road.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() -> Outcome {
    wait_for(async {
        let lab = lab().await?;
        let (exchange, password) = settings(&lab)?;
        let refused = |exchange: OnPremisesExchange| {
            let password = exchange.account.is_some().then_some(&password);
            OnPremises::new(&exchange, password, Times::default())
                .err()
                .map(|failure| (failure.to_string(), failure.hint.unwrap_or_default()))
                .unwrap_or_default()
        };
        let with = |url: &str, auth: Authentication| OnPremisesExchange {
            url: url.to_owned(),
            auth,
            ..exchange.clone()
        };
        let without_account = |auth: Authentication| OnPremisesExchange {
            account: None,
            ..with("http://ex01.example/PowerShell/", auth)
        };
        for (exchange, expected, hint) in [
            (
                without_account(Authentication::Ntlm),
                "NTLM authentication needs a user name and a password",
                "only auth = \"kerberos\" does without both",
            ),
            #[cfg(all(feature = "sspi", not(feature = "single-sign-on")))]
            (
                without_account(Authentication::Kerberos),
                "this build does not use a Kerberos ticket that is held already",
                "build with the cargo feature single-sign-on",
            ),
            (
                with("http://ex01.example/PowerShell/", Authentication::Basic),
                "Basic authentication would show the password on the way to http://ex01.example/PowerShell/",
                "auth = \"basic\" with an https:// address",
            ),
            #[cfg(feature = "sspi")]
            (
                with("http://127.0.0.1/PowerShell/", Authentication::Kerberos),
                "Kerberos knows servers by name, and 127.0.0.1 is an address",
                "write the server's full name in exchange.url",
            ),
            #[cfg(not(feature = "sspi"))]
            (
                with("http://ex01.example/PowerShell/", Authentication::Kerberos),
                "this build does not speak Kerberos authentication",
                "the cargo feature sspi",
            ),
            (
                with("https://me:secret@ex01.example/", Authentication::Basic),
                "the address \"https://ex01.example/\" cannot be used: a user name",
                "",
            ),
        ] {
            let (message, said_hint) = refused(exchange);
            assert!(message.starts_with(expected), "{message}");
            assert!(said_hint.contains(hint), "{said_hint}");
        }
        Ok(())
    })
}
