//! Measures against the server that `speed.sh` started: this road, psrp-rs, and both readers of CLIXML.
//!
//! Each line is `client  what  milliseconds  requests`. Both clients are given the same endpoint, `/wsman`, because psrp-rs knows
//! no other, and the same authentication, NTLM with sealed messages.

use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Invocation, Road};
use exoauth::organization::{Authentication, OnPremisesExchange, SecretSource};
use exoauth::remoting::clixml::{Limits, read_str};
use exoauth::secret::Secret;
use psrp_rs::{
    AuthMethod, Command, Pipeline, PsValue, RunspacePool, WinrmClient, WinrmConfig,
    WinrmCredentials, WinrmPsrpTransport,
};
use quick_xml::events::Event;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const CMDLETS: u32 = 100;
const BULK: i32 = 10_000;
const PASSWORD: &str = "Passw0rd!";

fn main() -> Outcome {
    memory()?;
    decode()?;
    let port: u16 = env::args().nth(1).ok_or("no port")?.parse()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let (mut ours, mut theirs) = (Figures::default(), Figures::default());
        // In turn, so that what else the machine does meets both.
        for _ in 0..ROUNDS {
            ours.take(this_road(port).await?);
            theirs.take(psrp_rs(port).await?);
        }
        ours.print("exoauth");
        theirs.print("psrp-rs");
        Ok(())
    })
}

/// The best of each, with the requests it took.
#[derive(Default)]
struct Figures(Vec<(&'static str, Duration, f64)>);

impl Figures {
    fn take(&mut self, round: Vec<(&'static str, Duration, f64)>) {
        if self.0.is_empty() {
            self.0 = round;
            return;
        }
        for (best, new) in self.0.iter_mut().zip(round) {
            best.1 = best.1.min(new.1);
        }
    }

    fn print(&self, client: &str) {
        for (what, time, requests) in &self.0 {
            let milliseconds = time.as_secs_f64() * 1e3;
            println!("{client:8} {what:30} {milliseconds:10.2} ms {requests:8.2} requests");
        }
    }
}

/// How many requests the server has seen.
async fn seen(port: u16) -> Outcome<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = b"GET /__peer__/stats HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, rest) = answer.split_once("\"http\": ").ok_or("no counter")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

async fn this_road(port: u16) -> Outcome<Vec<(&'static str, Duration, f64)>> {
    let exchange = OnPremisesExchange {
        url: format!("http://localhost:{port}/PowerShell/"),
        auth: Authentication::Ntlm,
        username: "CONTOSO\\admin".to_owned(),
        password: SecretSource::Prompt("exchange.password"),
        kdc: None,
        ca: None,
        winrm: Some(format!("http://localhost:{port}/wsman")),
        redirect_hosts: Vec::new(),
    };
    let password = Secret::new(PASSWORD);
    let road = OnPremises::windows("localhost", &exchange, &password, Times::default())?;
    let small = Invocation::new("Test-Warning");
    let mut figures = Vec::new();
    let (before, start) = (seen(port).await?, Instant::now());
    road.invoke(&small).await?;
    let time = start.elapsed();
    figures.push(("opening and the first cmdlet", time, settled(port).await? - before));
    let (before, start) = (seen(port).await?, Instant::now());
    for _ in 0..CMDLETS {
        road.invoke(&small).await?;
    }
    let time = start.elapsed() / CMDLETS;
    let requests = (settled(port).await? - before) / f64::from(CMDLETS);
    figures.push(("a small cmdlet", time, requests));
    let (before, start) = (seen(port).await?, Instant::now());
    let bulk = Invocation::new("Test-Bulk").with("Count", i64::from(BULK));
    let answer = road.invoke(&bulk).await?;
    figures.push(("10,000 objects", start.elapsed(), settled(port).await? - before));
    assert_eq!(answer.output.len(), 10_000);
    road.close().await?;
    Ok(figures)
}

/// The counter, after what nobody waited for has arrived as well.
async fn settled(port: u16) -> Outcome<f64> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    seen(port).await
}

async fn psrp_rs(port: u16) -> Outcome<Vec<(&'static str, Duration, f64)>> {
    let config = WinrmConfig {
        port: Some(port),
        auth_method: AuthMethod::Ntlm,
        ..WinrmConfig::http()
    };
    let mut figures = Vec::new();
    let (before, start) = (seen(port).await?, Instant::now());
    let client = WinrmClient::new(config, WinrmCredentials::new("admin", PASSWORD, "CONTOSO"))?;
    let (id, creation) = RunspacePool::<WinrmPsrpTransport>::build_creation_fragments(1, 1)?;
    let transport = WinrmPsrpTransport::open(&client, "localhost", &creation).await?;
    let mut pool = RunspacePool::open_from_transport(transport, id, 1, 1).await?;
    let small = || Pipeline::empty().add_command(Command::new("Test-Warning"));
    small().run(&mut pool).await?;
    let time = start.elapsed();
    figures.push(("opening and the first cmdlet", time, settled(port).await? - before));
    let (before, start) = (seen(port).await?, Instant::now());
    for _ in 0..CMDLETS {
        small().run(&mut pool).await?;
    }
    let time = start.elapsed() / CMDLETS;
    let requests = (settled(port).await? - before) / f64::from(CMDLETS);
    figures.push(("a small cmdlet", time, requests));
    let (before, start) = (seen(port).await?, Instant::now());
    let bulk = Command::new("Test-Bulk").with_parameter("Count", PsValue::I32(BULK));
    let output = Pipeline::empty().add_command(bulk).run(&mut pool).await?;
    figures.push(("10,000 objects", start.elapsed(), settled(port).await? - before));
    assert_eq!(output.len(), 10_000);
    pool.close().await?;
    Ok(figures)
}

/// Reads the messages of 10,000 objects of 20 properties, one by one as they travel.
fn decode() -> Outcome {
    let objects: Vec<String> = (0..10_000).map(object).collect();
    let bytes: usize = objects.iter().map(String::len).sum();
    let mut best = [Duration::MAX; 3];
    for _ in 0..7 {
        best[0] = best[0].min(timed(|| objects.iter().map(|text| events(text)).sum::<usize>()));
        best[1] = best[1].min(timed(|| {
            let read = |text: &String| read_str(text, &Limits::default());
            objects.iter().map(read).collect::<Result<Vec<_>, _>>()
        }));
        best[2] = best[2].min(timed(|| {
            let read = |text: &String| psrp_rs::parse_clixml(text);
            objects.iter().map(read).collect::<Result<Vec<_>, _>>()
        }));
    }
    for (what, time) in ["quick-xml", "exoauth", "psrp-rs"].iter().zip(best) {
        let megabytes = bytes as f64 / 1e6 / time.as_secs_f64();
        println!("{what:10} decoding {:8.1} ms {megabytes:8.1} MB/s", time.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// What the values of an answer take, against the bytes that they came in; on Linux only.
fn memory() -> Outcome {
    let objects: Vec<String> = (0..10_000).map(object).collect();
    let bytes: usize = objects.iter().map(String::len).sum();
    let Some(before) = resident() else {
        return Ok(());
    };
    let read = |text: &String| read_str(text, &Limits::default());
    let values = objects.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let held = resident().unwrap_or(before).saturating_sub(before);
    println!("memory: {bytes} bytes of CLIXML become values of {held} bytes, {:.2} times", held as f64 / bytes as f64);
    drop(black_box(values));
    Ok(())
}

/// The bytes in memory of this process.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = black_box(work());
    let time = start.elapsed();
    drop(result);
    time
}

fn events(text: &str) -> usize {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return events,
            Ok(event) => {
                black_box(&event);
                events += 1;
            }
        }
    }
}

/// An object of twenty properties.
fn object(n: usize) -> String {
    let mut xml = String::from(
        "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.Exchange.Data.Directory.Management.Mailbox</T>\
         <T>System.Object</T></TN><ToString>user</ToString><Props>",
    );
    for k in 0..20 {
        let _ = match k % 5 {
            0 => write!(xml, "<S N=\"Prop{k}\">value {n:06} {}</S>", "x".repeat(24)),
            1 => write!(xml, "<I32 N=\"Prop{k}\">{}</I32>", n * 7 + k),
            2 => write!(xml, "<B N=\"Prop{k}\">{}</B>", n % 2 == 0),
            3 => write!(xml, "<DT N=\"Prop{k}\">2026-01-02T03:04:{:02}.1234567Z</DT>", n % 60),
            _ => write!(xml, "<G N=\"Prop{k}\">00000000-0000-0000-0000-{n:012x}</G>"),
        };
    }
    xml.push_str("</Props></Obj>");
    xml
}
