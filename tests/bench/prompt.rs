//! The prompt: how long it takes to appear, and how long Tab takes with ten thousand objects in memory.

use crate::process::{PROGRAM, report, served_lab, tempfolder, times};
use exoauth::clock::Clock;
use exoauth::repl::Knowledge;
use exoauth::script::{Bundle, EngineThread, Host, HostOptions};
use exoauth::session::{Interrupt, Mode, Options, Session};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// As many objects as a large organization has mailboxes.
const OBJECTS: usize = 10_000;

/// Shows the prompt and completes, and writes down how long it took.
///
/// # Errors
///
/// When the program cannot be run, or nothing is completed.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let folder = tempfolder()?;
    let result = appear(out, &folder).and_then(|()| complete(out));
    std::fs::remove_dir_all(&folder)?;
    result
}

fn appear(out: &mut dyn Write, folder: &Path) -> io::Result<()> {
    let floor = times(|| {
        let started = Instant::now();
        Command::new(PROGRAM).arg("--version").output()?;
        Ok(started.elapsed())
    })?;
    report(out, "print the version (the floor)", &floor, &floor)?;
    let prompt = times(|| start_to_prompt(folder))?;
    report(
        out,
        "start to prompt of repl, with a fresh lab",
        &prompt,
        &floor,
    )
}

#[cfg(unix)]
fn start_to_prompt(folder: &Path) -> io::Result<Duration> {
    let mut command = Command::new(PROGRAM);
    command
        .arg("repl")
        .env("HOME", folder)
        .env("XDG_STATE_HOME", folder)
        .env("TERM", "xterm");
    let started = Instant::now();
    let mut terminal = expectrl::session::OsSession::spawn(command).map_err(io::Error::other)?;
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match terminal.try_read(&mut buffer) {
            Ok(read) => shown.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_micros(100));
            }
            Err(error) => return Err(error),
        }
        // The last letters of the prompt, in color.
        if String::from_utf8_lossy(&shown).contains("> ") {
            break;
        }
        if started.elapsed() > Duration::from_secs(20) {
            return Err(io::Error::other("no prompt came"));
        }
    }
    let elapsed = started.elapsed();
    terminal.write_all(b"\x04")?;
    terminal.get_process().wait().map_err(io::Error::other)?;
    Ok(elapsed)
}

#[cfg(not(unix))]
fn start_to_prompt(_: &Path) -> io::Result<Duration> {
    Err(io::Error::other(
        "the prompt is measured in a pseudo-terminal of Unix",
    ))
}

fn complete(out: &mut dyn Write) -> io::Result<()> {
    let (runtime, lab) = served_lab()?;
    let session = Session::start(Options {
        organization: lab.organization(),
        mode: Mode::Plan,
        playbook: "bench".to_owned(),
        run: "bench".to_owned(),
        runtime: runtime.handle().clone(),
        clock: Clock::system(),
        read_secret: Arc::new(|_| unreachable!("nothing is asked of anybody")),
        listeners: Vec::new(),
        expected: None,
        interrupt: Interrupt::new(),
        patience: Default::default(),
        outside: Default::default(),
    })
    .map_err(io::Error::other)?;
    let host = Host::new(session, Bundle::embedded(), HostOptions::default());
    let host = host.map_err(io::Error::other)?;
    let remembering = Arc::clone(&host);
    // The limit of scripts counts the properties of all maps inside a value.
    let objects = format!(
        "let all = []; for i in 0..{OBJECTS} {{ all.push(#{{ name: `mailbox ${{i}}` }}); }}"
    );
    let thread = EngineThread::start().map_err(io::Error::other)?;
    let made = thread.run(move || remembering.eval(&objects));
    made.map_err(io::Error::other)?.map_err(io::Error::other)?;

    let none: exoauth::repl::Names = Arc::new(|_| Vec::new());
    let knowledge = Knowledge::new(Bundle::embedded(), Arc::clone(&none), none);
    knowledge.set_host(Some(host));
    let started = Instant::now();
    let functions = knowledge.catalog().functions.len();
    writeln!(
        out,
        "catalog of {functions} functions, made once beside the prompt: {:.1} ms",
        started.elapsed().as_secs_f64() * 1000.0
    )?;
    let lines = [
        "all[0].na",
        "all.filter(|each| each.",
        "let x = al",
        "onprem.get_",
        "onprem.new_auth_server(\"a\", #{ ",
        ":run 0",
        "",
    ];
    for line in lines {
        let taken = times(|| {
            let started = Instant::now();
            let (_, candidates) = knowledge.complete(line, line.len());
            let elapsed = started.elapsed();
            match candidates.is_empty() {
                true => Err(io::Error::other(format!("nothing is offered for {line}"))),
                false => Ok(elapsed),
            }
        })?;
        let milliseconds = |at: usize| taken[at].as_secs_f64() * 1000.0;
        writeln!(
            out,
            "Tab after \"{line}\" with {OBJECTS} objects: {:.3} / {:.3} ms, at most {:.3} ms",
            milliseconds(0),
            milliseconds(taken.len() / 2),
            milliseconds(taken.len() - 1)
        )?;
    }
    Ok(())
}
