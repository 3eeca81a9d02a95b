//! The on-premises road where something is wrong: on the server, in front of it, or between.

use crate::support::between::{Message, answering, trusting};
use crate::support::nobody::Nobody;
use crate::support::service::{Reply, Service, certified};
use crate::support::wait::wait_for;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Answer, Error, ErrorKind, FixedScript, Invocation, Road, ScriptCall};
use exoauth::lab::{Front, Lab, LabOptions};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::secret::Secret;
use exoauth::subject::Plane;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::error;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinHandle};

type Outcome = Result<(), Box<dyn error::Error>>;

const PASSWORD: &str = "hush-the-password";

/// What Windows Server says when an operation took as long as it was allowed to.
const TIMED_OUT: &str = include_str!("fixtures/wsman/fault-timed-out.xml");

fn settings(url: &str, ca: &str) -> OnPremisesExchange {
    OnPremisesExchange {
        url: url.to_owned(),
        auth: Authentication::Basic,
        account: Some(ExchangeAccount {
            username: "CONTOSO\\administrator".to_owned(),
            password: SecretSource::Prompt("exchange.password"),
        }),
        kdc: None,
        ca: Some(ca.to_owned()),
        winrm: None,
        redirect_hosts: Vec::new(),
    }
}

fn road_to(url: &str, ca: &str, times: Times) -> Result<OnPremises, Box<dyn error::Error>> {
    let exchange = settings(url, ca);
    Ok(OnPremises::new(&exchange, &Secret::new(PASSWORD), times)?)
}

/// The server of a lab, and its password.
fn settings_of(lab: &Lab) -> Result<(OnPremisesExchange, Secret), Box<dyn error::Error>> {
    let exchange = lab.organization().exchange.ok_or("no exchange")?;
    match exchange.account.clone().map(|account| account.password) {
        Some(SecretSource::Plain(password)) => Ok((exchange, password)),
        _ => Err("no password".into()),
    }
}

/// What a person learns: kind, message, detail and hint, a line each.
fn told(result: Result<Answer, Error>) -> String {
    match result {
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => {
            let everything = format!("{failure:?}");
            assert!(!everything.contains(PASSWORD), "{everything}");
            let parts = [
                Some(format!("{}: {}", failure.kind.word(), failure.message)),
                failure.detail,
                failure.hint,
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
        }
        other => format!("unexpected: {other:?}"),
    }
}

fn fault(subcode: &str, number: u32, message: &str) -> Reply {
    let body = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:w=\"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\"><s:Body><s:Fault>\
         <s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:{subcode}</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text>Refused.</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f=\"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault\" Code=\"{number}\">\
         <f:Message>{message}</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>"
    );
    let headers = [("content-type", "application/soap+xml;charset=UTF-8")];
    Reply::new(500, &headers, body.as_bytes())
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .unwrap_or_default()
}

async fn told_of(reply: Reply) -> Result<String, Box<dyn error::Error>> {
    // A session that could not be opened is tried once more, after what may be left of it is deleted, which is as well.
    let service = Service::start(vec![reply; 4]).await?;
    let url = format!("{}/PowerShell/", service.base);
    let road = road_to(&url, &service.ca, Times::default())?;
    let told = told(road.invoke(&Invocation::new("New-AuthServer")).await);
    Ok(told.replace(&url, "URL"))
}

#[test]
fn odd_answers_are_explained() -> Outcome {
    let html = [("content-type", "text/html")];
    let soap = [("content-type", "application/soap+xml;charset=UTF-8")];
    let gzip = [soap[0], ("content-encoding", "GZip")];
    let brotli = [soap[0], ("content-encoding", "br")];
    let kerberos = [
        ("www-authenticate", "Kerberos"),
        ("www-authenticate", "Negotiate"),
    ];
    let elsewhere = [("location", "https://ex02.example/PowerShell/")];
    let quota = "The WS-Management service cannot process the request. The user load quota of 1000 requests per 2 seconds has been exceeded. Send future requests at a slower rate or raise the quota for this user. The next request from this user will not be approved for at least 1743 milliseconds.";
    let large = vec![b' '; 3 << 20];
    for (reply, expected) in [
        (
            Reply::new(404, &html, b"<html>"),
            "protocol: the web server answered 404 and a web page\nURL is not Exchange's PowerShell endpoint; its path is /PowerShell/",
        ),
        (
            Reply::new(200, &html, b"<html>sign in here</html>"),
            "protocol: the answer is a web page instead of SOAP\nURL is not Exchange's PowerShell endpoint; its path is /PowerShell/",
        ),
        (
            Reply::new(401, &[("www-authenticate", "Basic realm=\"EX01\"")], b""),
            "sign_in: the server refused the user name or the password\nthe server offers Basic realm=\"EX01\"\ncheck exchange.username and exchange.password; the name is DOMAIN\\user or a user principal name",
        ),
        (
            Reply::new(401, &kerberos, b""),
            "sign_in: the server does not take Basic authentication\nthe server offers Kerberos, Negotiate\nenable it on the PowerShell virtual directory (Set-PowerShellVirtualDirectory -BasicAuthentication $true)",
        ),
        (
            Reply::new(403, &html, b"<html>"),
            "denied: the account may not use this endpoint\nthe account may need remote PowerShell (Set-User NAME -RemotePowerShellEnabled $true), or the virtual directory may require a client certificate",
        ),
        (
            Reply::new(500, &[], b""),
            "protocol: the web server answered 500 and nothing else\nthe server refuses requests that are not encrypted, or cannot reach its back end; use an https:// address",
        ),
        (
            Reply::new(503, &html, b"<html>"),
            "unreachable: the web server answered 503 and a web page\nthe application pool of the PowerShell virtual directory is not running",
        ),
        (
            Reply::new(302, &elsewhere, b""),
            "protocol: the web server answered 302: go to https://ex02.example/PowerShell/\nredirects are followed only to hosts that exchange.redirect_hosts of the organization file names, since they carry the sign-in along, and never from https:// to http://; set exchange.url to the address of the server itself",
        ),
        (
            Reply::new(200, &gzip, b"\x1f\x8b"),
            "protocol: the answer is compressed, and damaged\nunexpected end of file\nturn off dynamic compression on the PowerShell virtual directory, or a proxy in between",
        ),
        (
            Reply::new(200, &brotli, b"x"),
            "protocol: the answer is compressed as br\nturn off dynamic compression on the PowerShell virtual directory, or a proxy in between",
        ),
        (
            Reply::new(200, &gzip, &zipped(b"<s:Envelope")),
            "protocol: the answer cannot be read: the envelope is not XML, at byte 0",
        ),
        // What is small on the way is measured as it is unpacked.
        (
            Reply::new(200, &gzip, &zipped(&large)),
            "protocol: an answer is larger than 2097152 bytes",
        ),
        (
            Reply::new(200, &soap, b"<s:Envelope"),
            "protocol: the answer cannot be read: the envelope is not XML, at byte 0",
        ),
        (
            Reply::new(200, &soap, &large),
            "protocol: an answer is larger than 2097152 bytes",
        ),
        (
            fault("QuotaLimit", 2_150_859_174, quota),
            "throttled: the server refused: the account sends too many requests\nThe WS-Management service cannot process the request. The user load quota",
        ),
        (
            fault("AccessDenied", 5, "Access is denied. "),
            "denied: the server refused: access is denied\nAccess is denied. (AccessDenied, 5)\nthe account needs remote PowerShell",
        ),
        (
            fault("InternalError", 42, "Something of its own."),
            "protocol: the server refused: Something of its own\nSomething of its own. (InternalError, 42)",
        ),
        (
            Reply::new(200, &soap, b"<s:Envelope></s:Envelope>").cut(5),
            "unreachable: the connection broke before the answer came",
        ),
        (
            Reply::hang_up(),
            "unreachable: the connection broke before the answer came",
        ),
    ] {
        let told = wait_for(told_of(reply))?;
        assert!(told.starts_with(expected), "{told}\n\nexpected: {expected}");
    }
    Ok(())
}

/// What a person learns when the first server sends on to a second one, and how many requests that one saw.
async fn told_of_redirect(
    allowed: &[&str],
    location: impl Fn(&Service) -> String,
) -> Result<(String, usize), Box<dyn error::Error>> {
    let denied = || fault("AccessDenied", 5, "Access is denied. ");
    let second = Service::start([denied(), denied()]).await?;
    let location = location(&second);
    let redirect = Reply::new(302, &[("location", location.as_str())], b"");
    let first = Service::start([redirect.clone(), redirect]).await?;
    let mut exchange = settings(&format!("{}/PowerShell/", first.base), &first.ca);
    exchange.ca = Some(format!("{}{}", first.ca, second.ca));
    exchange.redirect_hosts = allowed.iter().map(|host| (*host).to_owned()).collect();
    let road = OnPremises::new(&exchange, &Secret::new(PASSWORD), Times::default())?;
    let told = told(road.invoke(&Invocation::new("Get-AuthConfig")).await);
    assert_eq!(first.seen().len(), 1);
    let seen = second.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.line == "POST /moved/?x=1 HTTP/1.1" || seen.line == "POST /moved/?x=1"),
        "{seen:?}"
    );
    Ok((told, seen.len()))
}

#[test]
fn a_redirect_is_followed_to_a_host_that_is_allowed_and_nowhere_else() -> Outcome {
    wait_for(async {
        let there = |second: &Service| format!("{}/moved/?x=1", second.base);
        let (told, requests) = told_of_redirect(&["LOCALHOST"], there).await?;
        assert!(
            told.starts_with("denied: the server refused: access is denied"),
            "{told}"
        );
        assert_eq!(requests, 1);
        let refused = "protocol: the web server answered 302: go to ";
        for allowed in [&[][..], &["ex02.example"]] {
            let (told, requests) = told_of_redirect(allowed, there).await?;
            assert!(told.starts_with(refused), "{told}");
            assert_eq!(requests, 0);
        }
        // Out of TLS is never allowed, nor is an address that says who signs in.
        for change in [
            ("https://", "http://"),
            ("https://localhost", "https://me:too@localhost"),
            ("https://localhost", "/elsewhere"),
        ] {
            let there = |second: &Service| there(second).replace(change.0, change.1);
            let (told, requests) = told_of_redirect(&["localhost"], there).await?;
            assert!(told.starts_with(refused), "{told}");
            assert_eq!(requests, 0);
        }
        Ok(())
    })
}

#[test]
fn a_redirect_in_a_circle_comes_to_an_end() -> Outcome {
    wait_for(async {
        let service = Service::start([]).await?;
        let url = format!("{}/PowerShell/", service.base);
        let redirect = Reply::new(307, &[("location", url.as_str())], b"");
        service.then((0..9).map(|_| redirect.clone()));
        let mut exchange = settings(&url, &service.ca);
        exchange.redirect_hosts = vec!["localhost".to_owned()];
        let road = OnPremises::new(&exchange, &Secret::new(PASSWORD), Times::default())?;
        let told = told(road.invoke(&Invocation::new("Get-AuthConfig")).await);
        assert!(
            told.starts_with("protocol: the web server answered 307: go to "),
            "{told}"
        );
        assert_eq!(service.seen().len(), 4);
        Ok(())
    })
}

#[test]
fn a_server_that_cannot_be_trusted_or_reached_is_explained() -> Outcome {
    wait_for(async {
        let get = Invocation::new("Get-AuthConfig");
        let (one, other) = (Service::start([]).await?, Service::start([]).await?);
        let road = road_to(&one.base, &other.ca, Times::default())?;
        let authority = one.base.trim_start_matches("https://");
        let said = told(road.invoke(&get).await);
        assert!(
            said.starts_with(&format!(
                "unreachable: the certificate of {authority} is not trusted"
            )) && said.ends_with(
                "name the issuing authority in exchange.ca_file of the organization file, as PEM"
            ),
            "{said}"
        );
        let nobody = Nobody::home()?;
        let closed = nobody.address()?.port();
        let road = road_to(
            &format!("https://localhost:{closed}/PowerShell/"),
            &one.ca,
            Times::default(),
        )?;
        assert_eq!(
            told(road.invoke(&get).await),
            format!(
                "unreachable: localhost:{closed} refused the connection\ncheck exchange.url in the organization file; the server must be reachable from here"
            )
        );
        let silent = Service::start([Reply::Silence]).await?;
        let short = Times {
            operation: Duration::from_millis(40),
            grace: Duration::from_millis(10),
            ..Times::default()
        };
        let road = road_to(&silent.base, &silent.ca, short)?;
        assert!(
            told(road.invoke(&get).await)
                .starts_with("unreachable: the server gave no answer within")
        );
        Ok(())
    })
}

/// Carries bytes between a client and the lab, and can break connections at will.
struct Between {
    port: u16,
    /// How many answers are to be lost: the lab sees the request, the client sees the connection break.
    lose: Arc<AtomicUsize>,
    /// How many answers arrive before that.
    spare: Arc<AtomicUsize>,
    /// Whether losing an answer resets the connection, as a server does that refuses TLS.
    reset: bool,
    close_all: Arc<Notify>,
    listening: OnceLock<AbortHandle>,
}

impl Between {
    async fn start(lab: &Lab, reset: bool) -> Result<Arc<Self>, Box<dyn error::Error>> {
        let url = lab.organization().exchange.ok_or("no exchange")?.url;
        let url: reqwest::Url = url.parse()?;
        let lab_port = url.port().ok_or("no port")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let between = Arc::new(Self {
            port: listener.local_addr()?.port(),
            lose: Arc::default(),
            spare: Arc::default(),
            reset,
            close_all: Arc::default(),
            listening: OnceLock::new(),
        });
        let carrier = Arc::clone(&between);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&carrier).carry(client, lab_port));
            }
        });
        between.listening.get_or_init(|| task.abort_handle());
        Ok(between)
    }

    /// Closes all connections, and takes no new one.
    fn go_away(&self) {
        if let Some(task) = self.listening.get() {
            task.abort();
        }
        self.close_all.notify_waiters();
    }

    async fn carry(self: Arc<Self>, client: TcpStream, lab_port: u16) -> std::io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", lab_port)).await?;
        let closed = self.close_all.notified();
        tokio::pin!(closed);
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let mut asked = false;
        let mut shaken = false;
        let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                () = &mut closed => return Ok(()),
                read = from_client.read(&mut up) => match read? {
                    0 => return Ok(()),
                    length => {
                        // Application data; what comes before is the handshake.
                        asked = shaken && up[0] == APPLICATION_DATA;
                        shaken |= up[..length].windows(3).any(|bytes| bytes == FINISHED);
                        to_server.write_all(&up[..length]).await?;
                    }
                },
                read = from_server.read(&mut down) => match read? {
                    0 => return Ok(()),
                    length => {
                        if std::mem::take(&mut asked) && self.loses() {
                            if self.reset {
                                to_client.as_ref().set_zero_linger()?;
                                // Without a proper end before the reset.
                                to_client.forget();
                            }
                            return Ok(());
                        }
                        to_client.write_all(&down[..length]).await?;
                    }
                },
            }
        }
    }

    fn loses(&self) -> bool {
        let one_less = |counter: &AtomicUsize| {
            counter
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
        };
        !one_less(&self.spare) && one_less(&self.lose)
    }

    fn lose(&self, after: usize, answers: usize) {
        self.spare.store(after, Ordering::SeqCst);
        self.lose.store(answers, Ordering::SeqCst);
    }

    fn road(&self, lab: &Lab) -> Result<OnPremises, Box<dyn error::Error>> {
        let (mut exchange, password) = settings_of(lab)?;
        exchange.url = format!("https://localhost:{}/PowerShell/", self.port);
        Ok(OnPremises::new(&exchange, &password, Times::default())?)
    }
}

const APPLICATION_DATA: u8 = 23;

/// The beginning of a record that only follows the client's part of the handshake.
const FINISHED: [u8; 3] = [APPLICATION_DATA, 3, 3];

#[test]
fn a_connection_that_was_closed_in_between_is_made_again() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let road = between.road(&lab)?;
        let set = Invocation::new("Set-PartnerApplication")
            .with("Identity", "Exchange Online")
            .with("Enabled", true);
        for _ in 0..3 {
            road.invoke(&set).await?;
            between.close_all.notify_waiters();
            // The road's own task has to see that the connection ended.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(lab.powershell().sessions(), 1);
        road.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

/// A road to the lab on which someone answers the first requests of one kind in its place; the lab does not see those.
struct InPlace {
    road: OnPremises,
    /// How many more it answers.
    left: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
    front: JoinHandle<()>,
}

impl Drop for InPlace {
    fn drop(&mut self) {
        self.front.abort();
    }
}

impl InPlace {
    /// Answers so many requests that hold `mark`.
    async fn start(
        lab: &Lab,
        mark: &'static str,
        most: usize,
        reply: impl Fn(&str) -> Message + Send + Sync + 'static,
        times: Times,
    ) -> Result<Self, Box<dyn error::Error>> {
        let (acceptor, ca) = certified()?;
        let left = Arc::new(AtomicUsize::new(most));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (counter, noted) = (Arc::clone(&left), Arc::clone(&seen));
        let answer = move |request: &Message| {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let is_meant = text.contains(mark);
            let identifier = identifier(&text).map(str::to_owned);
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text);
            let identifier = identifier.filter(|_| is_meant)?;
            let less = |left: usize| left.checked_sub(1);
            let counted = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
            counted.ok().map(|_| reply(&identifier))
        };
        let connector = trusting(lab.authority())?;
        let (port, front) =
            answering(&lab.address(Front::OnPremises), acceptor, connector, answer).await?;
        let (mut exchange, password) = settings_of(lab)?;
        exchange.url = format!("https://localhost:{port}/PowerShell/");
        exchange.ca = Some(ca);
        Ok(Self {
            road: OnPremises::new(&exchange, &password, times)?,
            left,
            seen,
            front,
        })
    }

    /// The envelopes so far that hold a text.
    fn seen(&self, mark: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let with_mark = seen.iter().filter(|text| text.contains(mark));
        with_mark.cloned().collect()
    }
}

fn identifier(envelope: &str) -> Option<&str> {
    let (_, rest) = envelope.split_once("MessageID>")?;
    rest.split_once('<').map(|(identifier, _)| identifier)
}

/// That an operation took as long as it was allowed to.
fn late(identifier: &str) -> Message {
    Message {
        head: "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/soap+xml;charset=UTF-8\r\ncontent-length: 0".to_owned(),
        body: TIMED_OUT.replace("uuid:9F5BDC50-0F4A-45FC-94F9-42B40948AB04", identifier).into_bytes(),
    }
}

const RECEIVE: &str = "windows/shell/Receive<";
const COMMAND: &str = "windows/shell/Command<";
const SIGNAL: &str = "windows/shell/Signal<";
const CREATE: &str = "transfer/Create<";
const RECEIVE_OF_A_PIPELINE: &str = "<rsp:DesiredStream CommandId=";

#[test]
fn a_server_that_has_nothing_to_say_in_time_is_asked_again() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let in_place = InPlace::start(&lab, RECEIVE, 3, late, Times::default()).await?;
        let road = &in_place.road;
        let get = Invocation::new("Get-AuthConfig");
        assert_eq!(road.invoke(&get).await?.output.len(), 1);
        road.close().await?;
        // Create, Receive and Delete; Command, Receive and Signal; and three times more than that.
        assert_eq!(road.requests(), 3 + 3 + 3);
        assert_eq!(lab.powershell().sessions(), 0);
        // What every version of Windows takes, and more once the session is open.
        let sizes = ["153600", "512000"].map(|size| {
            let size = format!("<w:MaxEnvelopeSize s:mustUnderstand=\"true\">{size}<");
            in_place.seen(&size).len()
        });
        assert_eq!(sizes, [1 + 4, 3 + 1]);
        Ok(())
    })
}

#[test]
fn a_cmdlet_that_takes_too_long_is_stopped_and_nobody_knows_its_effect() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        // Long enough for the session to be opened, which has the same limit.
        let times = Times {
            cmdlet: Duration::from_secs(2),
            ..Times::default()
        };
        let mark = RECEIVE_OF_A_PIPELINE;
        let in_place = InPlace::start(&lab, mark, usize::MAX, late, times).await?;
        let get = Invocation::new("Get-AuthConfig");
        let Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) = in_place.road.invoke(&get).await
        else {
            return Err("it came to an end".into());
        };
        assert!(
            failure.message.starts_with("the cmdlet is still running"),
            "{failure}"
        );
        assert!(failure.ambiguous);
        assert_eq!(in_place.seen("crtl_c").len(), 1);
        // The session in which it may still run is not used again.
        in_place.left.store(0, Ordering::SeqCst);
        assert_eq!(in_place.road.invoke(&get).await?.output.len(), 1);
        assert_eq!(in_place.seen(CREATE).len(), 2);
        in_place.road.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn a_read_is_run_again_when_its_answer_was_lost() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let get = Invocation::new("Get-AuthConfig");
        for after in 1..5 {
            let road = between.road(&lab)?;
            between.lose(after, 1);
            assert_eq!(road.invoke(&get).await?.output.len(), 1, "{after}");
            road.close().await?;
            assert_eq!(lab.powershell().sessions(), 0, "{after}");
        }
        let road = between.road(&lab)?;
        road.invoke(&get).await?;
        // Twice is enough: the answer, both deletions of the old session, and the new one are lost.
        between.lose(0, 4);
        assert!(told(road.invoke(&get).await).starts_with("unreachable: "));
        Ok(())
    })
}

#[test]
fn a_write_is_never_run_again() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let road = between.road(&lab)?;
        road.invoke(&Invocation::new("Get-AuthConfig")).await?;
        let writes = || lab.world().with(|world| world.writes(Plane::OnPremises));
        let make = |name: &str| {
            Invocation::new("Add-AvailabilityAddressSpace")
                .with("ForestName", name)
                .with("AccessMethod", "InternalProxy")
        };
        // The second one deletes the session of the first and opens one, which takes three answers.
        for (name, after) in [("a.example", 0), ("b.example", 3)] {
            let before = writes();
            between.lose(after, 1);
            let said = told(road.invoke(&make(name)).await);
            assert!(
                said.starts_with("unreachable: the connection broke before the answer came")
                    && said.ends_with(
                        "if the cmdlet changes something, look whether it did before running it again"
                    ),
                "{said}"
            );
            assert_eq!(writes() - before, 1, "{name}");
        }
        // Only the release of the ended pipeline is lost here: the answer is known.
        between.lose(5, 1);
        road.invoke(&make("c.example")).await?;
        road.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn a_write_that_was_not_run_for_want_of_a_session_is_run_in_another() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let writes = || lab.world().with(|world| world.writes(Plane::OnPremises));
        // The answer to Create is lost, then that of the Receive which shows that the pool is open.
        for after in [0, 1] {
            let road = between.road(&lab)?;
            let before = writes();
            between.lose(after, 1);
            let make = Invocation::new("Add-AvailabilityAddressSpace")
                .with("ForestName", format!("{after}.example"))
                .with("AccessMethod", "InternalProxy");
            road.invoke(&make).await?;
            road.close().await?;
            assert_eq!(writes() - before, 1, "{after}");
            // With the answer to Create the cookie is lost that leads to its session.
            assert_eq!(lab.powershell().sessions(), 1, "{after}");
        }
        Ok(())
    })
}

/// Whether nobody knows if a cmdlet had its effect.
fn in_doubt(result: Result<Answer, Error>) -> Result<bool, String> {
    match result {
        Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) => Ok(failure.ambiguous),
        other => Err(format!("no failure of the road: {other:?}")),
    }
}

#[test]
fn a_write_is_in_doubt_when_the_server_may_have_seen_it_and_only_then() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let road = between.road(&lab)?.one_at_a_time(true);
        let set = Invocation::new("Set-PartnerApplication")
            .with("Identity", "Exchange Online")
            .with("Enabled", true);
        road.invoke(&set).await?;
        between.lose(0, 1);
        assert!(in_doubt(road.invoke(&set).await)?, "the answer was lost");
        road.invoke(&set).await?;
        between.go_away();
        // The road's own task has to see that the connection ended.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let refused = road.invoke(&set).await;
        assert!(!in_doubt(refused)?, "nobody took the connection");

        let times = Times::default();
        let in_place = InPlace::start(&lab, COMMAND, 1, late, times).await?;
        let given_up = in_place.road.invoke(&set).await;
        assert!(in_doubt(given_up)?, "the server gave up waiting for it");
        // What a web server says of itself comes before PowerShell, unless it is in trouble.
        for (status, expected) in [
            ("200 OK", true),
            ("302 Found", false),
            ("403 Forbidden", false),
            ("404 Not Found", false),
            ("500 Internal Server Error", true),
            ("503 Service Unavailable", true),
        ] {
            let reply = move |_: &str| Message {
                head: format!("HTTP/1.1 {status}\r\ncontent-length: 0"),
                body: Vec::new(),
            };
            let in_place = InPlace::start(&lab, COMMAND, 1, reply, times).await?;
            let doubt = in_doubt(in_place.road.invoke(&set).await)?;
            in_place.road.close().await?;
            assert_eq!(doubt, expected, "{status}");
        }
        Ok(())
    })
}

#[test]
fn a_signal_that_is_sent_again_is_another_message() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let damaged = |_: &str| Message {
            head: "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0".to_owned(),
            body: b"\x1f\x8b".to_vec(),
        };
        let in_place = InPlace::start(&lab, SIGNAL, 1, damaged, Times::default()).await?;
        in_place
            .road
            .invoke(&Invocation::new("Get-AuthConfig"))
            .await?;
        in_place.road.close().await?;
        let seen = in_place.seen(SIGNAL);
        let identifiers: Vec<Option<&str>> = seen.iter().map(|text| identifier(text)).collect();
        assert!(
            matches!(identifiers.as_slice(), [Some(one), Some(other)] if one != other),
            "{identifiers:?}"
        );
        Ok(())
    })
}

#[test]
fn a_session_whose_opening_was_not_answered_is_deleted() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, false).await?;
        let (mut exchange, password) = settings_of(&lab)?;
        // Windows' own endpoint gives no cookies, which would be lost with the answer.
        exchange.winrm = Some(format!("https://localhost:{}/wsman", between.port));
        let windows = OnPremises::windows("localhost", &exchange, &password, Times::default())?;
        between.lose(0, 1);
        let build = ScriptCall::on(None, FixedScript::ExchangeBuild);
        assert_eq!(windows.run_script(&build).await?.output.len(), 1);
        assert_eq!(lab.powershell().sessions(), 1);
        between.lose(0, 1);
        windows.close().await?;
        assert_eq!(lab.powershell().sessions(), 0);
        Ok(())
    })
}

#[test]
fn a_server_that_wants_a_client_certificate_later_is_recognized() -> Outcome {
    wait_for(async {
        let lab = Lab::start(LabOptions::default()).await?;
        let between = Between::start(&lab, true).await?;
        let road = between.road(&lab)?;
        between.lose(0, 9);
        let said = told(road.invoke(&Invocation::new("Get-AuthConfig")).await);
        assert!(
            said.starts_with(
                "unreachable: the server broke the TLS connection when it saw the first request"
            ) && said.contains("clientcertnegotiation=enable"),
            "{said}"
        );
        Ok(())
    })
}
