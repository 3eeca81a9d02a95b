//! A web service on loopback that answers by a script, also as no good service would: cut off, silent, in garbage.

use crate::support::source;
use exoauth::clock::Clock;
use exoauth::entra::{Credential, SignIn};
use exoauth::failure::Failure;
use exoauth::http;
use exoauth::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a test returns, and what helps it.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The time in all these tests.
pub(crate) const NOW: &str = "2026-11-23T09:00:00Z";

/// The secret that must not be seen anywhere.
pub(crate) const CLIENT_SECRET: &str = "hush~8Q~client-secret";

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `POST /path?query`.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Outcome<Json> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// A field of the form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", self.body)).ok()?;
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}

/// An answer, as bytes on the wire.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends this and closes the connection.
    Bytes(Vec<u8>),
    /// Never answers.
    Silence,
}

impl Reply {
    /// An answer with a body.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if status != 204 {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        Self::Bytes([head.as_bytes(), body].concat())
    }

    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Json) -> Self {
        let headers = [("content-type", "application/json")];
        Self::new(status, &headers, body.to_string().as_bytes())
    }

    /// An answer that a fixture holds: `status`, `headers`, and `body` or `text`.
    pub(crate) fn fixture(fixture: &Json) -> Outcome<Self> {
        let status = fixture["status"].as_u64().ok_or("no status")?;
        let headers = fixture["headers"].as_object().into_iter().flatten();
        let mut headers: Vec<(&str, &str)> = headers
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        let body = match (&fixture["body"], fixture["text"].as_str()) {
            (Json::Null, Some(text)) => text.to_owned(),
            (json, _) => {
                headers.push(("content-type", "application/json"));
                json.to_string()
            }
        };
        Ok(Self::new(u16::try_from(status)?, &headers, body.as_bytes()))
    }

    /// The same answer without its last bytes.
    pub(crate) fn cut(self, missing: usize) -> Self {
        match self {
            Self::Bytes(mut bytes) => {
                bytes.truncate(bytes.len().saturating_sub(missing));
                Self::Bytes(bytes)
            }
            Self::Silence => Self::Silence,
        }
    }

    /// The end of the connection instead of an answer.
    pub(crate) fn hang_up() -> Self {
        Self::Bytes(Vec::new())
    }
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    seen: Vec<Seen>,
    tokens: u64,
}

/// A service that answers requests for tokens by itself and all others by the script.
pub(crate) struct Service {
    /// `https://localhost:port`.
    pub(crate) base: String,
    /// The authority that issued its certificate, as PEM.
    pub(crate) ca: String,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// Starts it on a free port of loopback.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Outcome<Self> {
        let (acceptor, ca) = certified()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("https://localhost:{}", listener.local_addr()?.port());
        let script = Arc::new(Mutex::new(Script {
            replies: replies.into_iter().collect(),
            ..Script::default()
        }));
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
            }
        });
        Ok(Self {
            base,
            ca,
            script,
            task,
            pauses: Arc::default(),
        })
    }

    /// Adds answers to the script.
    pub(crate) fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.script).replies.extend(replies);
    }

    /// A client that trusts it, and notes its pauses instead of making them.
    pub(crate) fn client(&self) -> Outcome<http::Client> {
        Ok(http::Client::new(self.options()?)?)
    }

    pub(crate) fn options(&self) -> Outcome<http::Options> {
        let pauses = Arc::clone(&self.pauses);
        Ok(http::Options {
            extra_ca: Some(self.ca.clone()),
            clock: Clock::fixed(NOW.parse()?),
            sleep: Arc::new(move |duration| {
                lock(&pauses).push(duration);
                Box::pin(async {})
            }),
            ..http::Options::default()
        })
    }

    /// A sign-in with a client secret.
    pub(crate) fn sign_in(&self) -> Outcome<Arc<SignIn>> {
        let credential = Credential::ClientSecret {
            client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            secret: Secret::new(CLIENT_SECRET),
        };
        self.sign_in_with(credential, Clock::fixed(NOW.parse()?))
    }

    pub(crate) fn sign_in_with(
        &self,
        credential: Credential,
        clock: Clock,
    ) -> Outcome<Arc<SignIn>> {
        let tenant = "contoso.onmicrosoft.com".to_owned();
        let http = self.client()?.with_own_count();
        let sign_in = SignIn::new(http, self.base.clone(), tenant, credential, clock);
        Ok(Arc::new(sign_in))
    }

    /// The pauses in seconds.
    pub(crate) fn pauses(&self) -> Vec<f64> {
        lock(&self.pauses)
            .iter()
            .map(Duration::as_secs_f64)
            .collect()
    }

    /// The requests, those for tokens aside.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let all = self.all_seen();
        all.into_iter().filter(|seen| !is_for_token(seen)).collect()
    }

    /// The requests for tokens.
    pub(crate) fn token_requests(&self) -> Vec<Seen> {
        self.all_seen().into_iter().filter(is_for_token).collect()
    }

    pub(crate) fn all_seen(&self) -> Vec<Seen> {
        lock(&self.script).seen.clone()
    }

    /// How many answers were not asked for.
    pub(crate) fn left(&self) -> usize {
        lock(&self.script).replies.len()
    }
}

/// The text that token number `number` holds somewhere; it must not be seen anywhere else.
pub(crate) fn token(number: u64) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let part = |json: Json| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({
        "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee", "appid": "11111111-2222-3333-4444-555555555555",
        "app_displayname": "exoauth", "oid": "99999999-0000-0000-0000-000000000000",
        "roles": ["Exchange.ManageAsApp"], "number": number,
    });
    format!(
        "{}.{}.c2lnbmF0dXJl",
        part(json!({"typ": "JWT", "alg": "RS256"})),
        part(claims)
    )
}

fn is_for_token(seen: &Seen) -> bool {
    seen.line.ends_with("/oauth2/v2.0/token")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server side of TLS with a certificate of its own for loopback, and the authority that issued it, as PEM.
pub(crate) fn certified() -> Outcome<(TlsAcceptor, String)> {
    let mut authority = CertificateParams::new([])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, script: Arc<Mutex<Script>>) {
    // A client that does not trust the certificate ends here.
    if let Ok(stream) = acceptor.accept(stream).await {
        let _ = answer(stream, &script).await;
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    let Some(seen) = read_request(&mut stream).await? else {
        return Ok(());
    };
    match next_reply(script, seen) {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Reply::Silence => std::future::pending().await,
    }
}

fn next_reply(script: &Mutex<Script>, seen: Seen) -> Reply {
    let mut script = lock(script);
    let for_token = is_for_token(&seen);
    script.seen.push(seen);
    // A script that begins with `entra` answers requests for tokens too.
    if for_token && script.tokens != u64::MAX {
        script.tokens += 1;
        let token = token(script.tokens);
        return Reply::json(
            200,
            &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}),
        );
    }
    let over = || {
        Reply::json(
            418,
            &json!({"error": {"code": "ScriptIsOver", "message": ""}}),
        )
    };
    script.replies.pop_front().unwrap_or_else(over)
}

impl Service {
    /// Answers requests for tokens by the script as well.
    pub(crate) fn without_tokens(self) -> Self {
        lock(&self.script).tokens = u64::MAX;
        self
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let line = lines
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length
        .and_then(|(_, length)| length.parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length && stream.read_buf(&mut body).await? > 0 {}
    Ok(Some(Seen {
        line: line.to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

/// The fixtures of a folder under `tests/wire/fixtures`, by name.
pub(crate) fn fixtures(folder: &str) -> Outcome<BTreeMap<String, Json>> {
    let folder = format!("tests/wire/fixtures/{folder}/");
    let mut found = BTreeMap::new();
    for file in source::files(&folder, ".json")? {
        let name = file.path.strip_prefix(&folder).unwrap_or(&file.path);
        if !name.contains('/') {
            let fixture = serde_json::from_str(&file.text)?;
            found.insert(name.trim_end_matches(".json").to_owned(), fixture);
        }
    }
    Ok(found)
}

/// All that could be printed of an error and its failure, to look for secrets in.
pub(crate) fn everything_printed(error: &(impl Error + Clone + Into<Failure>)) -> String {
    let failure: Failure = error.clone().into();
    format!("{error} {error:?} {failure} {failure:?} {}", json!(failure))
}

/// Fails when a text holds the client secret or a token.
pub(crate) fn assert_no_secret(text: &str) {
    assert!(!text.contains("hush"), "the client secret is in: {text}");
    assert!(!text.contains("eyJ"), "a token is in: {text}");
    assert!(!text.contains("PRIVATE KEY"), "a key is in: {text}");
}
