//! Tokens of hostile servers and key distribution centers: tokens of Windows and of MIT, changed in hundreds of ways.
//!
//! What they were before is in `fixtures/tokens`, each with where it is from. Whatever arrives ends in a named failure.

use crate::support::service::{Outcome, fixtures};
use crate::support::wait::wait_for;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{ErrorKind, Invocation, Road};
use exoauth::failure::FailureKind;
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Numbers that are the same each time (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 8] = [0, 1, 0x7f, 0x80, 0x82, 0x84, 0xfe, 0xff];
        match self.below(3) {
            0 => TELLING[self.below(TELLING.len())],
            _ => u8::try_from(self.below(256)).unwrap_or_default(),
        }
    }

    /// The token with some bytes changed, left out, added or doubled.
    fn changed(&mut self, token: &[u8]) -> Vec<u8> {
        let mut token = token.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(token.len());
            let run = 1 + self.below(4);
            let end = (at + run).min(token.len());
            match self.below(8) {
                0 => token.truncate(at),
                1 => drop(token.drain(at..end)),
                2 => token.insert(at, self.byte()),
                3 => token.extend_from_within(at..),
                4 => token[at..end].fill(0xff),
                _ => {
                    if let Some(byte) = token.get_mut(at) {
                        *byte = self.byte();
                    }
                }
            }
        }
        token
    }
}

type Shared = Arc<Mutex<Vec<u8>>>;

fn put(shared: &Shared, bytes: Vec<u8>) {
    *shared.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
}

fn taken(shared: &Shared) -> Vec<u8> {
    shared
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Answers every request with what is in `answer`.
async fn web_server(listener: TcpListener, answer: Shared) -> std::io::Result<()> {
    loop {
        let (mut stream, _): (TcpStream, _) = listener.accept().await?;
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            let mut request = [0; 1 << 14];
            while stream.read(&mut request).await? > 0 {
                stream.write_all(&taken(&answer)).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
}

/// Answers every message with what is in `answer`, after its length.
async fn key_distribution_center(listener: TcpListener, answer: Shared) -> std::io::Result<()> {
    loop {
        let (mut stream, _): (TcpStream, _) = listener.accept().await?;
        let length = stream.read_u32().await?;
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await?;
        let answer = taken(&answer);
        stream
            .write_u32(u32::try_from(answer.len()).unwrap_or(0))
            .await?;
        stream.write_all(&answer).await?;
    }
}

fn road(url: &str, auth: Authentication, kdc: Option<String>) -> Outcome<OnPremises> {
    let exchange = OnPremisesExchange {
        url: url.to_owned(),
        auth,
        account: Some(ExchangeAccount {
            username: "DOMAIN\\vagrant-domain".to_owned(),
            password: SecretSource::Prompt("exchange.password"),
        }),
        kdc,
        winrm: None,
        redirect_hosts: Vec::new(),
        ca: None,
    };
    Ok(OnPremises::new(
        &exchange,
        &Secret::new("hush"),
        Times::default(),
    )?)
}

/// Kind and message of the failure that a sign-in ends in, which it does soon.
async fn failure(road: OnPremises) -> Outcome<(FailureKind, String)> {
    let patience = Duration::from_secs(60);
    let get = Invocation::new("Get-AuthServer");
    match tokio::time::timeout(patience, road.invoke(&get)).await? {
        Err(error) => match error.kind {
            ErrorKind::Road(failure) => Ok((failure.kind, failure.message)),
            other => Err(format!("{other:?}").into()),
        },
        Ok(answer) => Err(format!("let in: {answer:?}").into()),
    }
}

fn seeds() -> Outcome<BTreeMap<String, Vec<u8>>> {
    let decode = |(name, fixture): (String, serde_json::Value)| {
        let token = BASE64_STANDARD.decode(fixture["token"].as_str().unwrap_or_default())?;
        Ok((name, token))
    };
    fixtures("tokens")?.into_iter().map(decode).collect()
}

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        length @ 0..0x80 => vec![u8::try_from(length).unwrap_or_default()],
        length => [
            &[0x82],
            &u16::try_from(length).unwrap_or(0).to_be_bytes()[..],
        ]
        .concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}

/// The answer of SPNEGO that goes on with NTLM (RFC 4178 4.2.2).
fn negotiated(challenge: &[u8]) -> Vec<u8> {
    const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];
    let fields = [
        element(0xa0, &[0x0a, 1, 1]),
        element(0xa1, &element(6, NTLM)),
        element(0xa2, &element(4, challenge)),
    ];
    element(0xa1, &element(0x30, &fields.concat()))
}

fn answer(status: u16, scheme: &str, token: &[u8]) -> Vec<u8> {
    let token = BASE64_STANDARD.encode(token);
    format!("HTTP/1.1 {status} Scripted\r\nwww-authenticate: {scheme} {token}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[test]
fn changed_tokens_of_a_web_server_end_in_a_named_failure() -> Outcome {
    wait_for(async {
        let seeds = seeds()?;
        let challenge = &seeds["ntlm-challenge"];
        let negotiated = negotiated(challenge);
        let said = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!(
            "http://localhost:{}/PowerShell/",
            listener.local_addr()?.port()
        );
        let server = tokio::spawn(web_server(listener, Arc::clone(&said)));
        // The whole challenge is understood: the second leg is sent, and refused.
        put(&said, answer(401, "Negotiate", &negotiated));
        assert_eq!(
            failure(road(&url, Authentication::Ntlm, None)?).await?,
            (
                FailureKind::SignIn,
                "the server refused the account (Negotiate)".to_owned()
            )
        );
        let mut numbers = Numbers(0x5eed_0000_0000_0001);
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for round in 0..600 {
            let token = match round % 4 {
                0 => numbers.changed(&seeds["neg-token-resp"]),
                1 => numbers.changed(challenge),
                _ => numbers.changed(&negotiated),
            };
            let status = if round % 5 == 0 { 200 } else { 401 };
            put(&said, answer(status, "Negotiate", &token));
            let (kind, message) = failure(road(&url, Authentication::Ntlm, None)?).await?;
            let named = match kind {
                FailureKind::SignIn => message == "the server refused the account (Negotiate)",
                FailureKind::Protocol => {
                    message.starts_with("Negotiate authentication failed: ")
                        || message == "the server let the account in without proving who it is"
                }
                _ => false,
            };
            assert!(named, "{round}, {kind:?}: {message}");
            *kinds.entry(message).or_default() += 1;
        }
        server.abort();
        // Changes that reach the tokens' meaning, not only their frame.
        assert!(kinds.len() > 5, "{kinds:#?}");
        Ok(())
    })
}

#[test]
fn bare_ntlm_challenges_that_were_changed_end_in_a_named_failure() -> Outcome {
    wait_for(async {
        let challenge = &seeds()?["ntlm-challenge"];
        let said = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!(
            "http://localhost:{}/PowerShell/",
            listener.local_addr()?.port()
        );
        let server = tokio::spawn(web_server(listener, Arc::clone(&said)));
        let mut numbers = Numbers(0x5eed_0000_0000_0002);
        for round in 0..300 {
            let token = numbers.changed(challenge);
            put(&said, answer(401, "NTLM", &token));
            let (kind, message) = failure(road(&url, Authentication::Ntlm, None)?).await?;
            assert!(
                kind == FailureKind::SignIn && message == "the server refused the account (NTLM)"
                    || message.starts_with("NTLM authentication failed: "),
                "{round}, {kind:?}: {message}"
            );
        }
        put(&said, answer(401, "NTLM", &vec![0x4e; 70_000]));
        let (_, message) = failure(road(&url, Authentication::Ntlm, None)?).await?;
        assert_eq!(
            message,
            "NTLM authentication failed: the server's token is larger than 65536 bytes"
        );
        server.abort();
        Ok(())
    })
}

#[test]
fn changed_answers_of_a_key_distribution_center_end_in_a_named_failure() -> Outcome {
    wait_for(async {
        let seeds = seeds()?;
        // The recorded messages lack the tags that say what they are (RFC 4120 5.10).
        let as_reply = element(0x6b, &seeds["krb-as-rep"]);
        let tgs_reply = element(0x6d, &seeds["krb-tgs-rep"]);
        let error = element(0x7e, &seeds["krb-error"]);
        let web = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://localhost:{}/PowerShell/", web.local_addr()?.port());
        let _web = tokio::spawn(web_server(web, Shared::default()));
        let said = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let kdc = listener.local_addr()?.to_string();
        let server = tokio::spawn(key_distribution_center(listener, Arc::clone(&said)));
        let mut numbers = Numbers(0x5eed_0000_0000_0003);
        for round in 0..200 {
            let message = match round % 4 {
                0 => numbers.changed(&as_reply),
                1 => numbers.changed(&tgs_reply),
                _ => numbers.changed(&error),
            };
            put(&said, message.clone());
            let road = road(&url, Authentication::Kerberos, Some(kdc.clone()))?;
            let (kind, told) = failure(road).await?;
            assert!(
                told.starts_with("Kerberos sign-in failed: ")
                    || told.starts_with("Kerberos authentication failed: ")
                    || told.starts_with("the key distribution center "),
                "{round}, {kind:?}: {told}"
            );
        }
        server.abort();
        Ok(())
    })
}
