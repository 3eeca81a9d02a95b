//! The on-premises road with NTLM and Negotiate against the lab: sealed over plain HTTP, bound to the connection over TLS.

use crate::support::between::{Between, Message, Way, in_the_middle, trusting};
use crate::support::served::Served;
use crate::support::service::{Outcome, certified};
use crate::support::wait::wait_for;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Answer, Error, ErrorKind, Invocation, Road};
use exoauth::lab::{Front, Lab, LabOptions};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const BOTH: [Authentication; 2] = [Authentication::Ntlm, Authentication::Negotiate];

async fn lab(auth: Authentication) -> Outcome<Lab> {
    Ok(Lab::start(LabOptions {
        auth,
        ..LabOptions::default()
    })
    .await?)
}

fn settings(lab: &Lab) -> Outcome<(OnPremisesExchange, Secret)> {
    let exchange = lab.organization().exchange.ok_or("no exchange")?;
    match exchange.account.clone().map(|account| account.password) {
        Some(SecretSource::Plain(password)) => Ok((exchange, password)),
        _ => Err("no password".into()),
    }
}

/// Whose password is told the road by itself.
fn account(username: &str) -> Option<ExchangeAccount> {
    Some(ExchangeAccount {
        username: username.to_owned(),
        password: SecretSource::Prompt("exchange.password"),
    })
}

fn road(exchange: &OnPremisesExchange, password: &Secret) -> Outcome<OnPremises> {
    Ok(OnPremises::new(exchange, password, Times::default())?)
}

fn get() -> Invocation {
    Invocation::new("Get-AuthConfig")
}

fn told(result: Result<Answer, Error>) -> String {
    match result {
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => format!("{}: {}", failure.kind.word(), failure.message),
        other => format!("unexpected: {other:?}"),
    }
}

#[test]
fn the_whole_job_is_done_over_sealed_http() -> Outcome {
    for auth in BOTH {
        let served = Served::start(LabOptions {
            auth,
            ..LabOptions::default()
        })?;
        let file = served.file();
        assert!(file.contains("url      = \"http://localhost:"), "{file}");
        assert!(
            file.contains(&format!("auth     = \"{}\"", auth.word())),
            "{file}"
        );
        let runner = served.runner();
        runner
            .run("run configure --org served.toml --apply")
            .ends_with(0)
            .shows(&[
                "+ created",
                "passed: on-premises to Exchange Online",
                "passed: Exchange Online to on-premises",
                "done: ",
            ]);
        runner
            .run("run configure --org served.toml")
            .ends_with(0)
            .shows(&["nothing is to be changed"]);
        // Windows' own endpoint seals as well.
        runner
            .run("eval 'onprem.get_exchange_build()' --org served.toml")
            .ends_with(0)
            .shows(&["15.1.2507.61  EX16"]);
        assert_eq!(served.lab.powershell().sessions(), 0);
    }
    Ok(())
}

#[test]
fn nothing_is_said_in_clear_over_http() -> Outcome {
    for auth in BOTH {
        wait_for(async {
            let lab = lab(auth).await?;
            let (mut exchange, password) = settings(&lab)?;
            let between = Between::start(&lab.sealed_address(), |_, _| {}).await?;
            exchange.url = format!("http://localhost:{}/PowerShell/", between.port);
            // Over one connection, so that its sign-in can be counted.
            let road = road(&exchange, &password)?.one_at_a_time(true);
            road.invoke(&get()).await?;
            road.close().await?;
            let seen = between.seen();
            let with_body: Vec<&(Way, Message)> = seen
                .iter()
                .filter(|(_, message)| !message.body.is_empty())
                .collect();
            for (way, message) in &with_body {
                assert_eq!(
                    message.header("content-type"),
                    Some(
                        "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\";boundary=\"Encrypted Boundary\""
                    ),
                    "{way:?} {}",
                    message.head
                );
                let text = String::from_utf8_lossy(&message.body);
                assert!(
                    !text.contains("Envelope") && !text.contains("AuthConfig"),
                    "{text}"
                );
            }
            // Create, Receive until the pool is open, Command, Receive, Signal and Delete, each with its answer.
            assert!(with_body.len() >= 12, "{}", with_body.len());
            let proofs = seen
                .iter()
                .filter(|(_, message)| message.header("authorization").is_some());
            assert_eq!(proofs.count(), 2, "two legs, and nothing after them");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused() -> Outcome {
    for auth in BOTH {
        wait_for(async {
            let lab = lab(auth).await?;
            let (exchange, password) = settings(&lab)?;
            for (username, password) in [
                ("CONTOSO\\administrator", Secret::new("wrong")),
                ("CONTOSO\\nobody", password.clone()),
                ("FABRIKAM\\administrator", password.clone()),
                ("CONTOSO\\administrator", Secret::new("")),
            ] {
                for url in [&exchange.url, &lab.address(Front::OnPremises)] {
                    let exchange = OnPremisesExchange {
                        account: account(username),
                        url: format!("{}/PowerShell/", url.trim_end_matches("/PowerShell/")),
                        ..exchange.clone()
                    };
                    let road = road(&exchange, &password)?;
                    let said = told(road.invoke(&get()).await);
                    assert!(
                        said.starts_with("sign_in: the server refused the account ("),
                        "{username} {url}: {said}"
                    );
                }
            }
            let exchange = OnPremisesExchange {
                account: account("Administrator@Contoso.com"),
                auth: Authentication::Ntlm,
                ..exchange
            };
            let road = road(&exchange, &password)?;
            assert_eq!(road.invoke(&get()).await?.output.len(), 1);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn basic_is_refused_over_plain_http() -> Outcome {
    wait_for(async {
        let lab = lab(Authentication::Basic).await?;
        let (_, password) = settings(&lab)?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client
            .post(format!("{}/PowerShell/", lab.sealed_address()))
            .basic_auth("CONTOSO\\administrator", Some(password.expose()))
            .send()
            .await?;
        let offers: Vec<&str> = answer
            .headers()
            .get_all("www-authenticate")
            .iter()
            .filter_map(|offer| offer.to_str().ok())
            .collect();
        assert_eq!(
            (answer.status().as_u16(), offers),
            (401, vec!["Negotiate", "NTLM"])
        );
        Ok(())
    })
}

/// What the client says when the first sealed message of one direction is changed so.
async fn when_changed(
    auth: Authentication,
    which: Way,
    change: impl Fn(&mut Message) + Send + Sync + 'static,
) -> Outcome<String> {
    let lab = lab(auth).await?;
    let (mut exchange, password) = settings(&lab)?;
    let done = Arc::new(AtomicBool::new(false));
    let was_done = Arc::clone(&done);
    let between = Between::start(&lab.sealed_address(), move |way, message| {
        if way == which && message.is_sealed() && !done.swap(true, Ordering::SeqCst) {
            change(message);
        }
    })
    .await?;
    exchange.url = format!("http://localhost:{}/PowerShell/", between.port);
    let road = road(&exchange, &password)?;
    let said = told(road.invoke(&get()).await);
    assert!(was_done.load(Ordering::SeqCst), "nothing was sealed");
    Ok(said)
}

#[test]
fn a_flipped_bit_in_a_sealed_body_is_found_on_both_sides() -> Outcome {
    for auth in BOTH {
        wait_for(async {
            let flip = |message: &mut Message| {
                let at = message.body.len() - 100;
                message.body[at] ^= 1;
            };
            assert_eq!(
                when_changed(auth, Way::Request, flip).await?,
                "protocol: the web server answered 400 and nothing else"
            );
            let said = when_changed(auth, Way::Response, flip).await?;
            assert!(
                said.contains("authentication failed: signature verification failed"),
                "{said}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn what_is_not_sealed_over_http_is_refused_on_both_sides() -> Outcome {
    wait_for(async {
        let bare = |message: &mut Message| {
            message.set_header("content-type", "application/soap+xml;charset=UTF-8");
            message.body = b"<s:Envelope/>".to_vec();
        };
        for auth in BOTH {
            assert_eq!(
                when_changed(auth, Way::Request, bare).await?,
                "protocol: the web server answered 500 and nothing else"
            );
            assert_eq!(
                when_changed(auth, Way::Response, bare).await?,
                "protocol: the answer is not encrypted, although the request was"
            );
        }
        let other = |message: &mut Message| {
            let kind = message.header("content-type").unwrap_or_default();
            let kind = kind.replace("SPNEGO", "Kerberos");
            message.set_header("content-type", &kind);
        };
        assert_eq!(
            when_changed(Authentication::Ntlm, Way::Request, other).await?,
            "protocol: the web server answered 500 and nothing else"
        );
        Ok(())
    })
}

#[test]
fn a_server_that_forgot_who_signed_in_is_signed_in_to_again() -> Outcome {
    for auth in BOTH {
        wait_for(async {
            let lab = lab(auth).await?;
            let (mut exchange, password) = settings(&lab)?;
            let (sealed, forgets) = (AtomicUsize::new(0), AtomicBool::new(false));
            // The Receive of the cmdlet, after Create, its Receive and Command: the lab does nothing with it.
            let between = Between::start(&lab.sealed_address(), move |way, message| match way {
                Way::Request
                    if message.is_sealed() && sealed.fetch_add(1, Ordering::SeqCst) == 3 =>
                {
                    forgets.store(true, Ordering::SeqCst);
                    message.set_header("content-type", "application/soap+xml;charset=UTF-8");
                    message.body = b"<s:Envelope/>".to_vec();
                }
                Way::Response if forgets.swap(false, Ordering::SeqCst) => {
                    *message = Message {
                        head: "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Negotiate\r\ncontent-length: 0"
                            .to_owned(),
                        body: Vec::new(),
                    };
                }
                _ => {}
            })
            .await?;
            exchange.url = format!("http://localhost:{}/PowerShell/", between.port);
            let road = road(&exchange, &password)?.one_at_a_time(true);
            assert_eq!(road.invoke(&get()).await?.output.len(), 1);
            road.close().await?;
            let seen = between.seen();
            let proofs = seen
                .iter()
                .filter(|(_, message)| message.header("authorization").is_some());
            assert_eq!(proofs.count(), 2 + 2);
            assert_eq!(lab.powershell().sessions(), 0);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_sign_in_over_tls_is_bound_to_the_connection() -> Outcome {
    for auth in BOTH {
        wait_for(async {
            let lab = Lab::start(LabOptions {
                auth,
                extended_protection: true,
                ..LabOptions::default()
            })
            .await?;
            let (exchange, password) = settings(&lab)?;
            let direct = lab.address(Front::OnPremises);
            let exchange = OnPremisesExchange {
                url: format!("{direct}/PowerShell/"),
                ..exchange
            };
            let answer = road(&exchange, &password)?.invoke(&get()).await?;
            assert_eq!(answer.output.len(), 1);

            let (acceptor, ca) = certified()?;
            let connector = trusting(lab.authority())?;
            let (port, middle) = in_the_middle(&direct, acceptor, connector).await?;
            let relayed = OnPremisesExchange {
                url: format!("https://localhost:{port}/PowerShell/"),
                ca: Some(ca),
                ..exchange
            };
            let said = told(road(&relayed, &password)?.invoke(&get()).await);
            assert!(
                said.starts_with("sign_in: the server refused the account ("),
                "{said}"
            );
            middle.abort();
            Ok(())
        })?;
    }
    Ok(())
}
