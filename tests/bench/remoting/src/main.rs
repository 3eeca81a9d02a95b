//! Measures this road and psrp-rs against the server whose port is the argument, and both readers of CLIXML.
//!
//! Each line is `who`, `what`, `unit` and the figure, with tabs between; `speed.py` makes the table. Both clients are given the same
//! endpoint, `/wsman`, because psrp-rs knows no other, and the same authentication, NTLM with sealed messages.

use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Invocation, Road};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::remoting::clixml::{Limits, Names, read_next};
use exoauth::secret::Secret;
use psrp_rs::{
    AuthMethod, Command, Pipeline, PsValue, RunspacePool, WinrmClient, WinrmConfig,
    WinrmCredentials, WinrmPsrpTransport,
};
use quick_xml::events::Event;
use serde_json::Value as Json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const CMDLETS: u32 = 100;
const BULK: i32 = 10_000;
const PASSWORD: &str = "Passw0rd!";

const OPENING: &str = "opening and the first cmdlet";
const SMALL: &str = "a small cmdlet";
const LARGE: &str = "10,000 objects of 20 properties";

#[global_allocator]
static MEMORY: Counting = Counting;

fn main() -> Outcome {
    decode()?;
    let port: u16 = env::args().nth(1).ok_or("no port")?.parse()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut meter = Meter { port, seen: 0 };
        let (mut ours, mut theirs) = (Figures::default(), Figures::default());
        // In turn, so that what else the machine does meets both.
        for _ in 0..ROUNDS {
            ours.take(this_road(&mut meter, false).await?);
            theirs.take(persistent_psrp_rs(&mut meter, false).await?);
        }
        // Once more, since counting what is held takes time.
        ours.0.extend(this_road(&mut meter, true).await?);
        theirs.0.extend(persistent_psrp_rs(&mut meter, true).await?);
        ours.print("exoauth");
        theirs.print("psrp-rs");
        Ok(())
    })
}

/// What was measured, in which unit, and the figure.
type Figure = (&'static str, &'static str, f64);

/// The best of each.
#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    fn take(&mut self, round: Vec<Figure>) {
        if self.0.is_empty() {
            self.0 = round;
            return;
        }
        for (best, new) in self.0.iter_mut().zip(round) {
            best.2 = best.2.min(new.2);
        }
    }

    fn print(&self, who: &str) {
        for (what, unit, figure) in &self.0 {
            println!("{who}\t{what}\t{unit}\t{figure}");
        }
    }
}

/// Reads the log of the server, which is asked only between measurements.
struct Meter {
    port: u16,
    seen: usize,
}

impl Meter {
    /// Passes by what the server has seen so far.
    async fn start(&mut self) -> Outcome<Instant> {
        self.seen = self.log().await?.len();
        Ok(Instant::now())
    }

    /// The time, and the requests since then, for one of so many runs.
    async fn stop(&self, what: &'static str, start: Instant, runs: u32) -> Outcome<Vec<Figure>> {
        let time = start.elapsed() / runs;
        // What nobody waited for arrives as well.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let log = self.log().await?;
        let waited_for = connections_waited_for(&log);
        let new = log.get(self.seen..).unwrap_or_default();
        let waited = new
            .iter()
            .filter(|entry| waited_for.contains(&connection(entry)));
        Ok(vec![
            (what, "ms", time.as_secs_f64() * 1e3),
            (
                what,
                "requests waited for",
                waited.count() as f64 / f64::from(runs),
            ),
            (what, "requests in all", new.len() as f64 / f64::from(runs)),
        ])
    }

    /// The bytes of remoting messages that the server has given since.
    async fn bytes(&self) -> Outcome<f64> {
        let log = self.log().await?;
        let new = log.get(self.seen..).unwrap_or_default();
        Ok(new.iter().filter_map(|entry| entry["bytes"].as_f64()).sum())
    }

    async fn log(&self) -> Outcome<Vec<Json>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let request = b"GET /__peer__/log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, log) = answer.split_once("\r\n\r\n").ok_or("no log")?;
        Ok(log
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?)
    }
}

fn connection(entry: &Json) -> Option<&str> {
    entry["conn"].as_str()
}

/// The connections on which anything but a signal was said, which is what a client waits for.
fn connections_waited_for(log: &[Json]) -> BTreeSet<Option<&str>> {
    let says = |entry: &&Json| {
        entry["action"]
            .as_str()
            .is_some_and(|action| action != "Signal")
    };
    log.iter().filter(says).map(connection).collect()
}

async fn this_road(meter: &mut Meter, counting: bool) -> Outcome<Vec<Figure>> {
    let port = meter.port;
    let exchange = OnPremisesExchange {
        url: format!("http://localhost:{port}/PowerShell/"),
        auth: Authentication::Ntlm,
        account: Some(ExchangeAccount {
            username: "CONTOSO\\admin".to_owned(),
            password: SecretSource::Prompt("exchange.password"),
        }),
        kdc: None,
        ca: None,
        winrm: Some(format!("http://localhost:{port}/wsman")),
        redirect_hosts: Vec::new(),
    };
    let password = Secret::new(PASSWORD);
    let road = OnPremises::windows("localhost", &exchange, &password, Times::default())?;
    let small = Invocation::new("Test-Warning");
    let bulk = Invocation::new("Test-Bulk").with("Count", i64::from(BULK));
    let mut figures = Vec::new();
    let start = meter.start().await?;
    road.invoke(&small).await?;
    if counting {
        figures.push(held(meter, async || Ok(road.invoke(&bulk).await?.output.len())).await?);
        road.close().await?;
        return Ok(figures);
    }
    figures.extend(meter.stop(OPENING, start, 1).await?);
    let start = meter.start().await?;
    for _ in 0..CMDLETS {
        road.invoke(&small).await?;
    }
    figures.extend(meter.stop(SMALL, start, CMDLETS).await?);
    let start = meter.start().await?;
    let answer = road.invoke(&bulk).await?;
    figures.extend(meter.stop(LARGE, start, 1).await?);
    assert_eq!(answer.output.len(), 10_000);
    road.close().await?;
    Ok(figures)
}

/// Its connections come from a pool, and on a busy machine the second half of its sign-in may go over another one than the
/// first, which fails; so it is let try again.
async fn persistent_psrp_rs(meter: &mut Meter, counting: bool) -> Outcome<Vec<Figure>> {
    let mut failures = 0;
    loop {
        match psrp_rs(meter, counting).await {
            Err(error) if failures < 20 => {
                failures += 1;
                eprintln!("psrp-rs failed and is tried again: {error}");
            }
            ended => return ended,
        }
    }
}

async fn psrp_rs(meter: &mut Meter, counting: bool) -> Outcome<Vec<Figure>> {
    let config = WinrmConfig {
        port: Some(meter.port),
        auth_method: AuthMethod::Ntlm,
        ..WinrmConfig::http()
    };
    let small = || Pipeline::empty().add_command(Command::new("Test-Warning"));
    let bulk = || {
        let command = Command::new("Test-Bulk").with_parameter("Count", PsValue::I32(BULK));
        Pipeline::empty().add_command(command)
    };
    let mut figures = Vec::new();
    let start = meter.start().await?;
    let client = WinrmClient::new(config, WinrmCredentials::new("admin", PASSWORD, "CONTOSO"))?;
    let (id, creation) = RunspacePool::<WinrmPsrpTransport>::build_creation_fragments(1, 1)?;
    let transport = WinrmPsrpTransport::open(&client, "localhost", &creation).await?;
    let mut pool = RunspacePool::open_from_transport(transport, id, 1, 1).await?;
    small().run(&mut pool).await?;
    if counting {
        figures.push(held(meter, async || Ok(bulk().run(&mut pool).await?.len())).await?);
        pool.close().await?;
        return Ok(figures);
    }
    figures.extend(meter.stop(OPENING, start, 1).await?);
    let start = meter.start().await?;
    for _ in 0..CMDLETS {
        small().run(&mut pool).await?;
    }
    figures.extend(meter.stop(SMALL, start, CMDLETS).await?);
    let start = meter.start().await?;
    let output = bulk().run(&mut pool).await?;
    figures.extend(meter.stop(LARGE, start, 1).await?);
    assert_eq!(output.len(), 10_000);
    pool.close().await?;
    Ok(figures)
}

/// The most memory that a large answer takes while it is read, as a multiple of its bytes.
async fn held(meter: &mut Meter, large: impl AsyncFnOnce() -> Outcome<usize>) -> Outcome<Figure> {
    meter.start().await?;
    let before = Counting::start();
    assert_eq!(large().await?, 10_000);
    let held = Counting::stop().saturating_sub(before);
    Ok((
        LARGE,
        "times its bytes in memory",
        held as f64 / meter.bytes().await?,
    ))
}

/// Reads the messages of 10,000 objects of 20 properties, one by one as they travel.
fn decode() -> Outcome {
    let what = "decoding 10,000 objects";
    let objects: Vec<String> = (0..10_000).map(object).collect();
    let bytes: usize = objects.iter().map(String::len).sum();
    let mut names = Names::default();
    let mut ours = |text: &String| read_next(text, &Limits::default(), &mut names);
    let theirs = |text: &String| psrp_rs::parse_clixml(text);
    let mut best = [Duration::MAX; 3];
    for _ in 0..7 {
        best[0] = best[0].min(timed(|| {
            objects.iter().map(|text| events(text)).sum::<usize>()
        }));
        best[1] = best[1].min(timed(|| {
            objects.iter().map(&mut ours).collect::<Result<Vec<_>, _>>()
        }));
        best[2] = best[2].min(timed(|| {
            objects.iter().map(theirs).collect::<Result<Vec<_>, _>>()
        }));
    }
    for (who, time) in ["quick-xml", "exoauth", "psrp-rs"].iter().zip(best) {
        println!("{who}\t{what}\tms\t{}", time.as_secs_f64() * 1e3);
        println!(
            "{who}\t{what}\tMB/s\t{}",
            bytes as f64 / 1e6 / time.as_secs_f64()
        );
    }
    let before = Counting::start();
    let values = objects
        .iter()
        .map(&mut ours)
        .collect::<Result<Vec<_>, _>>()?;
    print_values("exoauth", what, Counting::stop() - before, bytes);
    drop(black_box(values));
    let before = Counting::start();
    let values = objects.iter().map(theirs).collect::<Result<Vec<_>, _>>()?;
    print_values("psrp-rs", what, Counting::stop() - before, bytes);
    drop(black_box(values));
    Ok(())
}

fn print_values(who: &str, what: &str, held: usize, bytes: usize) {
    println!(
        "{who}\t{what}\ttimes its bytes in memory\t{}",
        held as f64 / bytes as f64
    );
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
            3 => write!(
                xml,
                "<DT N=\"Prop{k}\">2026-01-02T03:04:{:02}.1234567Z</DT>",
                n % 60
            ),
            _ => write!(xml, "<G N=\"Prop{k}\">00000000-0000-0000-0000-{n:012x}</G>"),
        };
    }
    xml.push_str("</Props></Obj>");
    xml
}

/// The system's allocator, with a count of what is held; what was taken before counting began is not in it.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

impl Counting {
    /// Begins, at a height from which what is given back can be taken off.
    fn start() -> usize {
        let base = usize::MAX / 2;
        HELD.store(base, Ordering::Relaxed);
        MOST.store(base, Ordering::Relaxed);
        ON.store(true, Ordering::Relaxed);
        base
    }

    /// Ends; gives the highest.
    fn stop() -> usize {
        ON.store(false, Ordering::Relaxed);
        MOST.load(Ordering::Relaxed)
    }

    fn add(bytes: usize) {
        if ON.load(Ordering::Relaxed) {
            let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
            MOST.fetch_max(held, Ordering::Relaxed);
        }
    }

    fn take(bytes: usize) {
        if ON.load(Ordering::Relaxed) {
            HELD.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

// SAFETY: it passes everything on to the system's allocator as it is, and counts beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Self::take(layout.size());
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the bytes are moved.
        Self::add(size);
        let moved = unsafe { System.realloc(memory, layout, size) };
        Self::take(layout.size());
        moved
    }
}
