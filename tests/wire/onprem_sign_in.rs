//! Signing in to the on-premises road by NTLM and Kerberos, where it is refused: each refusal has a name and a remedy.

use crate::support::nobody::Nobody;
use crate::support::service::{Outcome, Reply, Service};
use crate::support::wait::wait_for;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Answer, Error, ErrorKind, Invocation, Road};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PASSWORD: &str = "hush-the-password";

fn road(
    url: String,
    auth: Authentication,
    kdc: Option<String>,
    ca: Option<String>,
) -> Outcome<OnPremises> {
    let exchange = OnPremisesExchange {
        url,
        auth,
        account: Some(ExchangeAccount {
            username: "CONTOSO.EXAMPLE\\administrator".to_owned(),
            password: SecretSource::Prompt("exchange.password"),
        }),
        kdc,
        ca,
        winrm: None,
        redirect_hosts: Vec::new(),
    };
    Ok(OnPremises::new(
        &exchange,
        &Secret::new(PASSWORD),
        Times::default(),
    )?)
}

/// Kind, message and hint of a failure that names no secret.
fn told(result: Result<Answer, Error>) -> String {
    match result {
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => {
            let everything = format!("{failure:?}");
            assert!(!everything.contains(PASSWORD), "{everything}");
            let hint = failure.hint.unwrap_or_default();
            format!("{}: {} | {hint}", failure.kind.word(), failure.message)
        }
        other => format!("unexpected: {other:?}"),
    }
}

#[test]
fn a_server_that_does_not_let_ntlm_in_is_explained() -> Outcome {
    wait_for(async {
        let html = [("content-type", "text/html")];
        for (reply, expected) in [
            (
                Reply::new(
                    401,
                    &[
                        ("www-authenticate", "Basic realm=\"EX01\""),
                        ("www-authenticate", "Kerberos"),
                    ],
                    b"",
                ),
                "sign_in: the server does not take NTLM authentication | set exchange.auth to \"basic\", over https:// only or \"kerberos\"",
            ),
            (
                Reply::new(401, &[("www-authenticate", "Negotiate")], b""),
                "sign_in: the server refused the account (Negotiate) | check exchange.username and exchange.password",
            ),
            (
                Reply::new(401, &[("www-authenticate", "Negotiate dG9rZW4=")], b""),
                "protocol: Negotiate authentication failed: ",
            ),
            (
                Reply::new(200, &[], b""),
                "protocol: the server let the account in without proving who it is | ",
            ),
            (
                Reply::new(404, &html, b"<html>"),
                "protocol: the web server answered 404 and a web page | ",
            ),
        ] {
            let service = Service::start([reply]).await?;
            let url = format!("{}/PowerShell/", service.base);
            let road = road(url, Authentication::Ntlm, None, Some(service.ca.clone()))?;
            let said = told(road.invoke(&Invocation::new("Get-AuthServer")).await);
            assert!(said.starts_with(expected), "{said}");
            let seen = service.seen();
            let sent = seen.first().and_then(|seen| seen.header("authorization"));
            assert!(
                sent.is_some_and(|sent| sent.starts_with("Negotiate ")),
                "{sent:?}"
            );
        }
        Ok(())
    })
}

/// A `KRB-ERROR` with this code (RFC 4120 5.9.1), behind its length.
fn refusal(code: u8) -> Vec<u8> {
    let mut error = vec![
        0, 0, 0, 47, 0x7e, 0x2d, 0x30, 0x2b, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa4, 0x11, 0x18,
        0x0f,
    ];
    error.extend_from_slice(b"20261123040000Z");
    error.extend_from_slice(&[0xa5, 3, 2, 1, 0, 0xa6, 3, 2, 1, code, 0xa9, 2, 0x1b, 0]);
    error
}

/// Answers each message with the same bytes.
async fn answer_always(listener: TcpListener, answer: Vec<u8>) -> std::io::Result<()> {
    loop {
        let (mut stream, _): (TcpStream, _) = listener.accept().await?;
        let length = stream.read_u32().await?;
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await?;
        stream.write_all(&answer).await?;
    }
}

#[test]
fn what_a_domain_controller_refuses_is_named_with_its_remedy() -> Outcome {
    wait_for(async {
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!(
            "http://localhost:{}/PowerShell/",
            front.local_addr()?.port()
        );
        for (code, message, hint) in [
            (6, "the domain does not know the account", "DOMAIN\\user"),
            (
                7,
                "the domain does not know the service",
                "setspn -Q HTTP/localhost",
            ),
            (12, "a policy of the domain forbids it", "logon hours"),
            (
                14,
                "has no key of a type that is spoken here",
                "AES must be allowed",
            ),
            (
                18,
                "disabled, locked out, expired",
                "Active Directory Users and Computers",
            ),
            (23, "the password has expired", "change the password"),
            (24, "the password is wrong", "exchange.password"),
            (
                37,
                "the clocks differ by more than five minutes",
                "the same time source",
            ),
            (
                68,
                "the account belongs to another domain",
                "set exchange.kdc",
            ),
            (60, "error 60", "RFC 4120"),
        ] {
            let kdc = TcpListener::bind("127.0.0.1:0").await?;
            let address = kdc.local_addr()?.to_string();
            let serving = tokio::spawn(answer_always(kdc, refusal(code)));
            let road = road(url.clone(), Authentication::Kerberos, Some(address), None)?;
            let said = told(road.invoke(&Invocation::new("Get-AuthServer")).await);
            serving.abort();
            assert!(
                said.starts_with("sign_in: Kerberos sign-in failed: "),
                "{said}"
            );
            assert!(
                said.contains(message) && said.contains(hint),
                "{code}: {said}"
            );
        }
        Ok(())
    })
}

#[test]
fn a_key_distribution_center_that_is_none_is_named() -> Outcome {
    wait_for(async {
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!(
            "http://localhost:{}/PowerShell/",
            front.local_addr()?.port()
        );
        let nobody = Nobody::home()?;
        let closed = nobody.address()?.to_string();
        let get = Invocation::new("Get-AuthServer");
        let to = |kdc: &str| {
            road(
                url.clone(),
                Authentication::Kerberos,
                Some(kdc.to_owned()),
                None,
            )
        };
        let said = told(to(&closed)?.invoke(&get).await);
        let expected = format!(
            "unreachable: the key distribution center {closed} does not answer | set exchange.kdc"
        );
        assert!(said.starts_with(&expected), "{said}");
        let said = told(to("https://kdc.example/KdcProxy")?.invoke(&get).await);
        assert!(
            said.starts_with(
                "input: \"https://kdc.example/KdcProxy\" is no key distribution center | "
            ),
            "{said}"
        );
        let garbage = TcpListener::bind("127.0.0.1:0").await?;
        let address = garbage.local_addr()?.to_string();
        let serving = tokio::spawn(answer_always(garbage, vec![0xff; 64]));
        let said = told(to(&address)?.invoke(&get).await);
        serving.abort();
        assert!(
            said.starts_with("unreachable: the key distribution center"),
            "{said}"
        );
        Ok(())
    })
}
