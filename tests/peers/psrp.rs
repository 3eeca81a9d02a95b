//! The on-premises road against a server that is not ours; `psrp.sh` beside this file starts it and says where it is.
//!
//! The server's protocol engine is psrpcore, its cmdlets behave like Exchange's, and it counts every violation.

use crate::support::wait::wait_for;
use exoauth::certificate::Certificate;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{
    Answer, Error, ErrorKind, FixedScript, Invocation, Remark, Road, ScriptCall,
};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use exoauth::value::{Object, Value};
use std::error;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "Passw0rd!";

/// The way to sign in that is Kerberos with the ticket that is held already.
const TICKET: &str = "ticket";

fn road(password: &str, path: &str, times: Times) -> Result<OnPremises, Box<dyn error::Error>> {
    let url = format!("{}{path}", variable("PSRP_PEER_URL")?);
    road_to(url, password, times)
}

fn road_to(url: String, password: &str, times: Times) -> Result<OnPremises, Box<dyn error::Error>> {
    let exchange = settings(url)?;
    Ok(OnPremises::new(&exchange, &Secret::new(password), times)?)
}

/// The road to the endpoint of Windows itself.
fn windows() -> Result<OnPremises, Box<dyn error::Error>> {
    let mut exchange = settings(format!("{}/PowerShell/", variable("PSRP_PEER_URL")?))?;
    exchange.winrm = Some(format!("{}/wsman", variable("PSRP_PEER_URL")?));
    let password = Secret::new(PASSWORD);
    Ok(OnPremises::windows(
        "EX01",
        &exchange,
        &password,
        Times::default(),
    )?)
}

fn settings(url: String) -> Result<OnPremisesExchange, Box<dyn error::Error>> {
    let auth = match variable("PSRP_PEER_AUTH")?.as_str() {
        "kerberos" | TICKET => Authentication::Kerberos,
        "negotiate" => Authentication::Negotiate,
        "ntlm" => Authentication::Ntlm,
        _ => Authentication::Basic,
    };
    let ca = variable("PSRP_PEER_CA").ok().map(std::fs::read_to_string);
    Ok(OnPremisesExchange {
        url,
        auth,
        account: match variable("PSRP_PEER_AUTH")?.as_str() {
            TICKET => None,
            _ => Some(ExchangeAccount {
                username: variable("PSRP_PEER_USER")?,
                password: SecretSource::Prompt("exchange.password"),
            }),
        },
        kdc: variable("PSRP_PEER_KDC").ok(),
        ca: ca.transpose()?,
        winrm: None,
        redirect_hosts: Vec::new(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the script says by variables where the server is"
)]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set; run tests/peers/psrp.sh"))
}

fn call(cmdlet: &str) -> Invocation {
    Invocation::new(cmdlet)
}

fn names(answer: &Answer) -> Vec<Option<&str>> {
    answer
        .output
        .iter()
        .map(|value| value.text("Name"))
        .collect()
}

fn message(result: Result<Answer, Error>) -> String {
    match result {
        Ok(answer) => format!("no error but {answer:?}"),
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => format!(
            "{}: {} | {}",
            failure.kind.word(),
            failure.message,
            failure.hint.unwrap_or_default()
        ),
        Err(Error {
            kind: ErrorKind::Record(record),
            ..
        }) => format!("{}: {}", record.category, record.message),
        Err(other) => other.to_string(),
    }
}

/// The noun, the cmdlet that makes one, the parameter of its name, other parameters, and one to change.
type Noun<'test> = (
    &'test str,
    &'test str,
    &'test str,
    &'test [(&'test str, Value)],
    (&'test str, Value),
);

/// Passes bytes on to a port, and cuts one connection after so many pieces in all, in whichever direction. Gives its
/// own port, and whether it has cut.
async fn cutter(port: u16, after: usize) -> std::io::Result<(u16, Arc<AtomicBool>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = listener.local_addr()?.port();
    let cut = Arc::new(AtomicBool::new(false));
    let has_cut = Arc::clone(&cut);
    let pieces = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                return;
            };
            let (pieces, has_cut) = (Arc::clone(&pieces), Arc::clone(&has_cut));
            tokio::spawn(async move {
                let passed = pass(client, server, || {
                    let cut = pieces.fetch_add(1, Ordering::Relaxed) == after;
                    has_cut.fetch_or(cut, Ordering::Relaxed);
                    cut
                });
                passed.await.ok();
            });
        }
    });
    Ok((near, cut))
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    is_cut: impl Fn() -> bool,
) -> std::io::Result<()> {
    let (mut request, mut answer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => match read? {
                0 => return Ok(()),
                _ if is_cut() => return Ok(()),
                length => server.write_all(&request[..length]).await?,
            },
            read = server.read(&mut answer) => match read? {
                0 => return Ok(()),
                _ if is_cut() => return Ok(()),
                length => client.write_all(&answer[..length]).await?,
            },
        }
    }
}

/// Longer than anything takes here: whoever waits so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

type Outcome = Result<(), Box<dyn error::Error>>;

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn nouns_are_made_read_changed_and_removed() -> Outcome {
    wait_for(async {
        let road = road(PASSWORD, "/PowerShell/", Times::default())?;
        let texts = |texts: &[&str]| Value::from(texts.to_vec());
        let nouns: [Noun; 3] = [
            (
                "AuthServer",
                "New-AuthServer",
                "Name",
                &[
                    ("AuthMetadataUrl", "https://login.example/metadata".into()),
                    ("TrustAnySSLCertificate", true.into()),
                ],
                ("Enabled", false.into()),
            ),
            (
                "IntraOrganizationConnector",
                "New-IntraOrganizationConnector",
                "Name",
                &[
                    (
                        "DiscoveryEndpoint",
                        "https://autodiscover.example/autodiscover.svc".into(),
                    ),
                    ("TargetAddressDomains", texts(&["a.example", "b.example"])),
                ],
                ("TargetAddressDomains", texts(&["c.example"])),
            ),
            (
                "AvailabilityAddressSpace",
                "Add-AvailabilityAddressSpace",
                "ForestName",
                &[
                    ("AccessMethod", "InternalProxy".into()),
                    ("UseServiceAccount", true.into()),
                ],
                ("AccessMethod", "OrgWideFB".into()),
            ),
        ];
        for (noun, maker, key, parameters, (changed, new)) in nouns {
            let name = format!("Contoso's <{noun}> & Söhne 😀 _x0041_");
            let mut make = call(maker).with(key, name.as_str());
            for (parameter, value) in parameters {
                make = make.with(parameter, value.clone());
            }
            road.invoke(&make).await?;
            let get = call(&format!("Get-{noun}")).with("Identity", name.as_str());
            let answer = road.invoke(&get).await?;
            assert_eq!(names(&answer), [Some(name.as_str())]);
            for (parameter, value) in parameters {
                assert_eq!(answer.output[0].get(parameter), Some(value), "{noun}");
            }
            assert_eq!(answer.output[0].text("Identity"), Some(name.as_str()));
            assert_eq!(answer.output[0].text("ObjectState"), Some("Unchanged"));
            assert_eq!(
                answer.output[0].text("WhenCreatedUTC"),
                Some("2026-01-02T03:04:05Z")
            );
            let set = call(&format!("Set-{noun}"))
                .with("Identity", name.as_str())
                .with(changed, new.clone());
            assert_eq!(road.invoke(&set).await?, Answer::default());
            assert_eq!(
                road.invoke(&get).await?.output[0].get(changed),
                Some(&new),
                "{noun}"
            );
            let remove = call(&format!("Remove-{noun}")).with("Identity", name.as_str());
            assert!(
                message(road.invoke(&remove).await).contains("pass confirm: false"),
                "{noun}"
            );
            road.invoke(&remove.with("Confirm", false)).await?;
            assert!(message(road.invoke(&get).await).starts_with("InvalidData: "));
        }
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn what_the_organization_has_is_read() -> Outcome {
    wait_for(async {
        let road = road(PASSWORD, "/powershell", Times::default())?;
        let set = call("Set-PartnerApplication")
            .with("Identity", "Exchange Online")
            .with("Enabled", true);
        road.invoke(&set).await?;
        let applications = road.invoke(&call("Get-PartnerApplication")).await?;
        assert_eq!(names(&applications), [Some("Exchange Online")]);
        let config = road.invoke(&call("Get-AuthConfig")).await?;
        let thumbprint = config.output[0].text("CurrentCertificateThumbprint");
        let get = call("Get-ExchangeCertificate").with("Thumbprint", thumbprint.ok_or("none")?);
        let certificate = road.invoke(&get).await?;
        let properties: Vec<_> = certificate.output[0]
            .as_object()
            .ok_or("no object")?
            .iter()
            .collect();
        assert!(
            matches!(properties.as_slice(), [(name, Value::Bytes(der))] if *name == "RawData" && der[..2] == [0x30, 0x82]),
            "{properties:?}"
        );
        let test = call("Test-OAuthConnectivity")
            .with("Service", "EWS")
            .with("TargetUri", "https://outlook.example/");
        let test = road.invoke(&test).await?;
        assert_eq!(test.output[0].text("ResultType"), Some("Success"));
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn streams_errors_and_large_values_arrive() -> Outcome {
    wait_for(async {
        let road = road(PASSWORD, "/PowerShell/", Times::default())?;
        let large = call("Test-LargeString").with("Size", 1_i64 << 20);
        let large = road.invoke(&large).await?;
        assert_eq!(large.output[0].as_text().map(str::len), Some(1 << 20));
        let echo = "x".repeat(300_000);
        let echoed = road
            .invoke(&call("Test-Echo").with("A", echo.as_str()))
            .await?;
        // Compared without printing it.
        assert!(echoed.output[0].get("a").and_then(|a| a.text("Text")) == Some(echo.as_str()));
        let bulk = road.invoke(&call("Test-Bulk").with("Count", 2_000)).await?;
        assert_eq!(bulk.output.len(), 2_000);
        assert_eq!(
            message(road.invoke(&call("Test-Throw").with("Message", "no")).await),
            "OperationStopped: no"
        );
        assert!(
            message(road.invoke(&call("Get-Nothing")).await)
                .starts_with("ObjectNotFound: The term 'Get-Nothing' is not recognized")
        );
        assert!(
            message(
                road.invoke(&call("Get-AuthServer").with("Colour", "red"))
                    .await
            )
            .starts_with("InvalidArgument: A parameter cannot be found")
        );
        assert_eq!(
            message(
                road.invoke(&call("Test-Prompt").with("Question", "Sure?"))
                    .await
            ),
            "input: the cmdlet asks for confirmation: Sure? | pass confirm: false to run it without the question"
        );
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn every_stream_is_heard_while_the_cmdlet_runs() -> Outcome {
    wait_for(async {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = Arc::clone(&heard);
        let road = road(PASSWORD, "/PowerShell/", Times::default())?.heard_by(Arc::new(
            move |cmdlet, remark| {
                let line = match remark {
                    Remark::Progress(progress) => format!(
                        "{cmdlet} {} {} {}",
                        progress.activity,
                        progress.percent.unwrap_or_default(),
                        progress.completed
                    ),
                    other => format!("{cmdlet} {other:?}"),
                };
                listener
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            },
        ));
        let Err(Error {
            kind: ErrorKind::Record(record),
            ..
        }) = road.invoke(&call("Test-Streams")).await
        else {
            return Err("no error record".into());
        };
        assert_eq!(
            (
                record.message.as_str(),
                record.category.as_str(),
                record.identifier.as_str(),
                record.target.as_str(),
                record.exception.as_str()
            ),
            (
                "a non-terminating error",
                "InvalidData",
                "PeerError,Test-Streams",
                "tgt",
                "System.InvalidOperationException"
            )
        );
        assert_eq!(
            *heard.lock().unwrap_or_else(PoisonError::into_inner),
            [
                "Test-Streams Working 10 false",
                "Test-Streams Verbose(\"a verbose line\")",
                "Test-Streams Information(\"an information line\")",
                "Test-Streams Working 100 false",
            ]
        );
        let answer = road.invoke(&call("Test-Warning")).await?;
        assert_eq!(answer.warnings, ["careful"]);
        for (kind, expected) in [
            (
                "Choice",
                "input: the cmdlet asks for confirmation: Confirm: Sure? [Yes, No] | pass confirm: false to run it without the question",
            ),
            (
                "Parameters",
                "input: the cmdlet asks its user: Supply values: for these [Identity, TargetUri] | pass identity and target_uri",
            ),
            (
                "Line",
                "input: the cmdlet asks its user: ReadLine | nobody can answer it from here: run it in the Exchange Management Shell",
            ),
        ] {
            let asked = road.invoke(&call("Test-Question").with("Kind", kind)).await;
            assert_eq!(message(asked), expected);
        }
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn a_redirect_is_followed_where_its_host_is_allowed() -> Outcome {
    wait_for(async {
        let url = format!("{}/PowerShell-LiveID/", variable("PSRP_PEER_URL")?);
        let mut exchange = settings(url)?;
        let get = call("Get-AuthConfig");
        let refused = OnPremises::new(&exchange, &Secret::new(PASSWORD), Times::default())?;
        let said = message(refused.invoke(&get).await);
        assert!(
            said.starts_with("protocol: the web server answered 302: go to ")
                && said.contains("exchange.redirect_hosts"),
            "{said}"
        );
        exchange.redirect_hosts = vec!["localhost".to_owned()];
        let road = OnPremises::new(&exchange, &Secret::new(PASSWORD), Times::default())?;
        assert_eq!(road.invoke(&get).await?.output.len(), 1);
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn windows_own_endpoint_runs_the_fixed_scripts() -> Outcome {
    wait_for(async {
        let exchange = road(PASSWORD, "/PowerShell/", Times::default())?;
        let config = exchange.invoke(&call("Get-AuthConfig")).await?;
        let thumbprint = config.output[0].text("CurrentCertificateThumbprint");
        let thumbprint = thumbprint.ok_or("no thumbprint")?;
        let windows = windows()?;
        let export = |thumbprint: &str| {
            ScriptCall::on(None, FixedScript::ExportCertificate).with("Thumbprint", thumbprint)
        };
        let answer = windows.run_script(&export(thumbprint)).await?;
        let Some(Value::Bytes(der)) = answer.output[0].get("RawData") else {
            return Err("no bytes".into());
        };
        assert_eq!(Certificate::from_any(der)?.thumbprint(), thumbprint);
        assert_eq!(answer.output[0].text("Server"), Some("EX01"));
        let nobody = windows.run_script(&export("'; Remove-Item x; '")).await?;
        assert_eq!(nobody, Answer::default());
        let build = ScriptCall::on(None, FixedScript::ExchangeBuild);
        let answer = windows.run_script(&build).await?;
        assert_eq!(answer.output[0].text("Build"), Some("15.2.1748.39"));
        windows.close().await?;
        exchange.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn every_type_has_a_neutral_form() -> Outcome {
    wait_for(async {
        let road = road(
            PASSWORD,
            "/PowerShell/?serializationLevel=Full",
            Times::default(),
        )?;
        let answer = road.invoke(&call("Test-AllTypes")).await?;
        let all = answer.output[0].as_object().ok_or("no object")?;
        let bytes: Vec<u8> = (0..=255).collect();
        let expected: [(&str, Value); 24] = [
            ("String", "plain".into()),
            ("Empty", "".into()),
            ("Emoji", "smile \u{1F600} end".into()),
            ("Control", "a\tb\r\nc\u{7}d".into()),
            ("Underscore", "_x0041_ my_xml".into()),
            ("Markup", "<a href=\"x\">&'</a>".into()),
            ("True", true.into()),
            ("DateUtc", "2026-01-02T03:04:05.1234567Z".into()),
            ("DateLocal", "2026-01-02T03:04:05.1234567+05:30".into()),
            ("U64", "18446744073709551615".into()),
            ("I64", i64::MIN.into()),
            ("Double", Value::Float(std::f64::consts::PI)),
            ("DoubleInf", "INF".into()),
            ("Decimal", "79228162514264337593543950335".into()),
            ("Bytes", Value::Bytes(bytes)),
            ("Guid", "00000002-0000-0ff1-ce00-000000000000".into()),
            ("Uri", "https://ex01.contoso.test/EWS/?a=1&b=2".into()),
            ("Null", Value::Null),
            ("Version", "15.2.1544.4".into()),
            ("Enum", "Friday".into()),
            ("ListEmpty", Value::List(Vec::new())),
            ("Mvp", vec!["top", "container"].into()),
            (
                "Hash",
                Value::Object(Object::from_iter([
                    ("k1".to_owned(), "v1".into()),
                    ("k2".to_owned(), 2.into()),
                ])),
            ),
            ("SharedAgain", "shared".into()),
        ];
        for (name, value) in expected {
            assert_eq!(all.get(name), Some(&value), "{name}");
        }
        assert_eq!(all.get("Note"), Some(&"extended".into()));
        assert_eq!(
            answer.output[1..5],
            [
                "top-level string".into(),
                42.into(),
                true.into(),
                Value::Null
            ]
        );
        assert_eq!(answer.output.len(), 10);
        road.close().await?;
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn refusals_say_what_to_do() -> Outcome {
    wait_for(async {
        let get = call("Get-AuthConfig");
        // A ticket has no password that could be wrong.
        if variable("PSRP_PEER_AUTH")? != TICKET {
            let wrong = road("wrong", "/PowerShell/", Times::default())?;
            let said = message(wrong.invoke(&get).await);
            let expected = [
                "sign_in: the server refused the user name or the password | ",
                "sign_in: the server refused the account (NTLM) | ",
                "sign_in: the server refused the account (Negotiate) | ",
                "sign_in: Kerberos sign-in failed: the password is wrong | ",
            ];
            assert!(
                expected.iter().any(|start| said.starts_with(start))
                    && said.contains("exchange.password"),
                "{said}"
            );
            wrong.close().await?;
        }
        let elsewhere = road(PASSWORD, "/EWS/", Times::default())?;
        let said = message(elsewhere.invoke(&get).await);
        assert!(
            said.starts_with("protocol: the web server answered 404 and a web page | "),
            "{said}"
        );
        let other = road(PASSWORD, "/wsman", Times::default())?;
        let said = message(other.invoke(&get).await);
        assert!(
            said.starts_with("input: the server refused: it knows no Exchange at this address | "),
            "{said}"
        );
        Ok(())
    })
}

#[test]
#[ignore = "needs the independent server of tests/peers/psrp.sh"]
fn a_connection_that_is_cut_anywhere_ends_in_a_result_or_a_named_failure() -> Outcome {
    wait_for(async {
        let url = variable("PSRP_PEER_URL")?;
        let port: u16 = url.rsplit(':').next().ok_or("no port")?.parse()?;
        let whole = road(PASSWORD, "/PowerShell/", Times::default())?;
        let (mut cuts, mut failures) = (0, 0);
        for after in 0..40 {
            let name = format!("cut {after}");
            let (near, cut) = cutter(port, after).await?;
            let url = url.replace(&port.to_string(), &near.to_string()) + "/PowerShell/";
            let road = road_to(url, PASSWORD, Times::default())?;
            let make = call("New-AuthServer")
                .with("Name", name.as_str())
                .with("AuthMetadataUrl", "https://login.example/metadata");
            let get = call("Get-AuthServer").with("Identity", name.as_str());
            let made = tokio::time::timeout(PATIENCE, road.invoke(&make)).await?;
            if made.is_ok() {
                tokio::time::timeout(PATIENCE, road.invoke(&get)).await??;
            } else {
                failures += 1;
                let said = message(made);
                assert!(said.starts_with("unreachable: "), "{after}: {said}");
            }
            tokio::time::timeout(PATIENCE, road.close()).await??;
            let all = whole.invoke(&call("Get-AuthServer")).await?;
            let same = names(&all)
                .iter()
                .filter(|found| **found == Some(name.as_str()))
                .count();
            assert!(same <= 1, "{after}: made {same} times");
            cuts += usize::from(cut.load(Ordering::Relaxed));
        }
        whole.close().await?;
        assert!(cuts > 5 && failures > 0, "{cuts} cuts, {failures} failures");
        Ok(())
    })
}

#[cfg(not(feature = "native-tls"))]
#[test]
#[ignore = "needs the Apache of tests/peers/native_tls.sh"]
fn a_server_that_asks_for_a_client_certificate_after_the_request_is_explained() -> Outcome {
    wait_for(async {
        let road = road(PASSWORD, "/PowerShell/", Times::default())?;
        let said = message(road.invoke(&call("Get-AuthConfig")).await);
        // With TLS 1.3 this server cannot ask any more, and refuses.
        let expected = [
            "unreachable: the server broke the TLS connection when it saw the first request | the PowerShell virtual directory asks for a client certificate",
            "denied: the account may not use this endpoint | ",
        ];
        assert!(
            expected.iter().any(|start| said.starts_with(start)),
            "{said}"
        );
        Ok(())
    })
}
