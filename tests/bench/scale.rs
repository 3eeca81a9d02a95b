//! One organization that grows, and more and more organizations in one call: time and peak memory, and their ratios.
//!
//! What is in proportion grows by no more than the size does: sixteen times the objects, at most sixteen times the time.

use crate::process::{Watch, finish, program, tempfolder};
use exoauth::lab::seed::More;
use exoauth::lab::{Lab, LabOptions, Seed};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// The largest organization; the others are a quarter and a sixteenth of it.
const LARGEST: More = More {
    keys: 200,
    names: 5000,
    domains: 500,
    servers: 50,
};

/// What a run took.
struct Cost {
    time: Duration,
    /// In KiB; not known everywhere.
    peak: Option<u64>,
}

impl Cost {
    fn milliseconds(&self) -> f64 {
        self.time.as_secs_f64() * 1000.0
    }
}

/// Measures both, and writes down what was found.
///
/// # Errors
///
/// When a lab cannot be started or the program ends with another code than it should.
pub(crate) fn run(out: &mut dyn Write) -> io::Result<()> {
    let folder = tempfolder()?;
    let result = grow(out, &folder).and_then(|()| spread(out, &folder));
    std::fs::remove_dir_all(&folder)?;
    result
}

fn grow(out: &mut dyn Write, folder: &Path) -> io::Result<()> {
    writeln!(
        out,
        "scale: one organization with up to {} key credentials, {} names, {} domains, {} servers; the best of 3",
        LARGEST.keys, LARGEST.names, LARGEST.domains, LARGEST.servers
    )?;
    for (title, line) in [
        ("run configure --plan", "--plan"),
        ("run configure --apply", "--apply"),
    ] {
        let mut before: Option<Cost> = None;
        for part in [16, 4, 1] {
            let more = More {
                keys: LARGEST.keys / part,
                names: LARGEST.names / part,
                domains: LARGEST.domains / part,
                servers: LARGEST.servers / part,
            };
            let mut best: Option<Cost> = None;
            for _ in 0..3 {
                let runtime = runtime()?;
                let lab = start(&runtime, more)?;
                write_file(folder, "lab", &lab)?;
                let file = folder.join("lab.toml").display().to_string();
                let cost = measure(folder, &["run", "configure", line, "--org", &file])?;
                best = match best {
                    Some(best) if best.time <= cost.time => Some(best),
                    _ => Some(cost),
                };
            }
            if let Some(cost) = best {
                report(
                    out,
                    &format!("{title}, 1/{part} of that"),
                    &cost,
                    before.as_ref(),
                )?;
                before = Some(cost);
            }
        }
    }
    Ok(())
}

fn spread(out: &mut dyn Write, folder: &Path) -> io::Result<()> {
    writeln!(out, "scale: organizations planned in one call, 8 at a time")?;
    let runtime = runtime()?;
    let mut labs = Vec::new();
    let mut before: Option<Cost> = None;
    for number in [20, 200] {
        let inside = folder.join(number.to_string());
        std::fs::create_dir_all(&inside)?;
        while labs.len() < number {
            labs.push(start(&runtime, More::default())?);
        }
        for (at, lab) in labs.iter().enumerate() {
            write_file(&inside, &format!("lab{at:03}"), lab)?;
        }
        let inside = inside.display().to_string();
        let cost = measure(
            folder,
            &["run", "configure", "--plan", "--org-dir", &inside],
        )?;
        report(
            out,
            &format!("{number} organizations"),
            &cost,
            before.as_ref(),
        )?;
        before = Some(cost);
    }
    Ok(())
}

fn report(out: &mut dyn Write, title: &str, cost: &Cost, before: Option<&Cost>) -> io::Result<()> {
    let mebibytes = |peak: Option<u64>| peak.map(|kibibytes| kibibytes as f64 / 1024.0);
    write!(out, "  {title}: {:.0} ms", cost.milliseconds())?;
    if let Some(peak) = mebibytes(cost.peak) {
        write!(out, ", {peak:.1} MiB")?;
    }
    if let Some(before) = before {
        let slower = cost.milliseconds() / before.milliseconds();
        write!(out, "; {slower:.1} times the time of the one before")?;
        if let (Some(peak), Some(then)) = (mebibytes(cost.peak), mebibytes(before.peak)) {
            write!(out, ", {:.1} times its memory", peak / then)?;
        }
    }
    writeln!(out)
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

fn start(runtime: &Runtime, more: More) -> io::Result<Lab> {
    let guard = runtime.enter();
    #[expect(
        clippy::disallowed_methods,
        reason = "a program of its own, with a runtime of its own"
    )]
    let lab = runtime.block_on(Lab::start(LabOptions {
        seed: Seed {
            more,
            ..Seed::default()
        },
        ..LabOptions::default()
    }));
    drop(guard);
    lab.map_err(io::Error::other)
}

fn write_file(folder: &Path, name: &str, lab: &Lab) -> io::Result<()> {
    let authority = format!("{name}.pem");
    std::fs::write(folder.join(&authority), lab.authority())?;
    std::fs::write(
        folder.join(format!("{name}.toml")),
        lab.organization_file(&authority),
    )
}

fn measure(folder: &Path, arguments: &[&str]) -> io::Result<Cost> {
    let started = Instant::now();
    let child = program(folder, arguments).spawn()?;
    let watch = Watch::start(child.id());
    finish(child)?;
    Ok(Cost {
        time: started.elapsed(),
        peak: watch.peak(),
    })
}
