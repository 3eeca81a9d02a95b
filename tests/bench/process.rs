//! The program as a whole process: start to first request, and the eight steps on the lab.
//!
//! The floor is this program printing its version: what any process of that size costs here. Peak memory is what Linux
//! reports as the high-water mark of the resident set; elsewhere it is not shown.

use exoauth::lab::{Front, Lab, LabOptions};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often each command is run; the machine is noisy, so the least and the middle are shown.
const RUNS: usize = 15;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_exoauth");

/// Runs the program and writes down how long it took.
///
/// # Errors
///
/// When the program cannot be run, or ends with another code than it should.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let state = tempfolder()?;
    let result = measure(out, &state);
    std::fs::remove_dir_all(&state)?;
    result
}

fn measure(out: &mut dyn Write, folder: &Path) -> io::Result<()> {
    writeln!(out, "whole process, {RUNS} runs each: least / median")?;
    let floor = times(|| {
        let started = Instant::now();
        finish(program(folder, &["--version"]).spawn()?)?;
        Ok(started.elapsed())
    })?;
    report(out, "print the version (the floor)", &floor, &floor)?;
    let first_request = times(|| start_to_first_request(folder))?;
    report(
        out,
        "start to first request answered by a service",
        &first_request,
        &floor,
    )?;

    let mut peaks = Vec::new();
    let mut requests = Value::Null;
    let configure = times(|| {
        let started = Instant::now();
        let (peak, summary) = configure(folder)?;
        let elapsed = started.elapsed();
        peaks.push(peak);
        requests = summary;
        Ok(elapsed)
    })?;
    report(
        out,
        "run configure --apply on a fresh lab",
        &configure,
        &floor,
    )?;
    writeln!(out, "  requests of the apply pass: {requests}")?;
    match peaks.into_iter().flatten().max() {
        Some(kibibytes) => writeln!(out, "  peak memory: {:.1} MiB", kibibytes as f64 / 1024.0),
        None => writeln!(out, "  peak memory: not known on this system"),
    }
}

/// From the start of the process to the first request that the service has counted.
fn start_to_first_request(folder: &Path) -> io::Result<Duration> {
    let (_runtime, lab) = served_lab()?;
    let file = folder.join("lab.toml");
    std::fs::write(folder.join("lab.pem"), lab.authority())?;
    std::fs::write(&file, lab.organization_file("lab.pem"))?;

    let file = file.to_string_lossy().into_owned();
    let started = Instant::now();
    let child = program(
        folder,
        &["eval", "onprem.get_auth_config()", "--org", &file],
    )
    .spawn()?;
    let counted = || {
        lab.world()
            .with(|world| Front::ALL.iter().any(|front| world.requests(*front) > 0))
    };
    while !counted() {
        if started.elapsed() > Duration::from_secs(20) {
            return Err(io::Error::other("no request came"));
        }
        thread::sleep(Duration::from_micros(50));
    }
    let elapsed = started.elapsed();
    finish(child)?;
    Ok(elapsed)
}

/// A lab, and the runtime that serves it.
pub(crate) fn served_lab() -> io::Result<(tokio::runtime::Runtime, Lab)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let guard = runtime.enter();
    #[expect(
        clippy::disallowed_methods,
        reason = "a program of its own, with a runtime of its own"
    )]
    let lab = runtime
        .block_on(Lab::start(LabOptions::default()))
        .map_err(io::Error::other)?;
    drop(guard);
    Ok((runtime, lab))
}

/// Runs the eight steps; gives the peak memory in KiB and the requests by road.
fn configure(folder: &Path) -> io::Result<(Option<u64>, Value)> {
    let mut child = program(folder, &["run", "configure", "--apply", "--format", "json"])
        .stdout(Stdio::piped())
        .spawn()?;
    let watch = Watch::start(child.id());
    let mut requests = Value::Null;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let event: Value = serde_json::from_str(&line?)?;
            if event["type"] == "summary" {
                requests = event["summary"]["requests"].clone();
            }
        }
    }
    finish(child)?;
    Ok((watch.peak(), requests))
}

/// Looks at the memory of a process until it ends.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Option<u64>>,
}

impl Watch {
    pub(crate) fn start(process: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut peak = None;
            while !ends.load(Ordering::Relaxed) {
                peak = peak.max(high_water_mark(process));
                thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        Self { over, thread }
    }

    pub(crate) fn peak(self) -> Option<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().ok().flatten()
    }
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub(crate) fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env("XDG_STATE_HOME", folder)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits for the program, and fails with what it said when it failed.
pub(crate) fn finish(child: Child) -> io::Result<()> {
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "the program ended with {}: {said}",
        output.status
    )))
}

/// Runs something often, and gives the durations, shortest first.
pub(crate) fn times(mut once: impl FnMut() -> io::Result<Duration>) -> io::Result<Vec<Duration>> {
    let mut times = (0..RUNS).map(|_| once()).collect::<io::Result<Vec<_>>>()?;
    times.sort();
    Ok(times)
}

/// Writes down the least and the middle of durations, and how they compare to the floor.
pub(crate) fn report(
    out: &mut dyn Write,
    what: &str,
    times: &[Duration],
    floor: &[Duration],
) -> io::Result<()> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (least, median) = (milliseconds(times[0]), milliseconds(times[times.len() / 2]));
    let ratio = median / milliseconds(floor[floor.len() / 2]);
    writeln!(
        out,
        "{what}: {least:.1} / {median:.1} ms, {ratio:.1} times the floor"
    )
}

/// Makes an empty folder.
pub(crate) fn tempfolder() -> io::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("exoauth-bench-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
