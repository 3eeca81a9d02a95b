//! `exoauth lab`: serves the lab until stopped; and how other commands start one of their own.

use crate::cli::files::write_private;
use crate::cli::{Env, ExitCode, args, files, runtime};
use crate::clock::Clock;
use crate::cloud::{CLOUDS, CloudName};
use crate::failure::{Failure, FailureKind};
use crate::lab::fault::{Fault, Faults, NAMED, Named, When};
use crate::lab::{Error, Lab, LabOptions, SCENARIOS, Scenario};
use crate::organization::Authentication;
use crate::report::table;
use crate::words::{did_you_mean, meant_or_all};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Serves the lab until Ctrl-C.
pub(super) fn main(env: &Env, asked: &args::Lab) -> Result<ExitCode, Failure> {
    if asked.scenarios {
        let all: Vec<_> = SCENARIOS
            .iter()
            .map(|one| (one.name, one.sentence))
            .collect();
        return list(env, ["scenario", "what is the matter"], &all);
    }
    if asked.faults {
        let all: Vec<_> = NAMED.iter().map(|one| (one.name, one.sentence)).collect();
        return list(env, ["fault", "what happens"], &all);
    }
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let options = LabOptions {
        auth: asked
            .auth
            .as_deref()
            .map_or(Ok(Authentication::Basic), find_auth)?,
        ..options(env, asked.cloud.as_deref(), &asked.simulated)?
    };
    let lab = start(options, runtime.handle())?;
    let folder = match &asked.write {
        Some(folder) => env.path(folder),
        None => env.folders()?.state.join("lab"),
    };
    let file = folder.join("lab.toml");
    write(&lab, &folder).map_err(|error| files::unwritable(&file, &error))?;
    let output = &env.output.stream;
    output.line(&file.display().to_string())?;
    let path = file.display();
    for line in [
        "the lab is served until Ctrl-C; nothing real is touched; try in another window:"
            .to_owned(),
        format!("  exoauth run configure --org {path}"),
        format!("  exoauth verify --org {path}"),
        format!("  exoauth eval 'onprem.get_auth_config()' --org {path}"),
    ] {
        env.error.stream.line(&line)?;
    }
    let mut told = 0;
    while !env.interrupt.raised() {
        std::thread::sleep(Duration::from_millis(50));
        for line in lab.world().with(|world| happened(world.faults(), told)) {
            env.error.stream.line(&line)?;
            told += 1;
        }
    }
    Ok(ExitCode::DONE)
}

/// What went wrong since so many were told, each with its request.
fn happened(faults: &Faults, told: usize) -> Vec<String> {
    let happened = faults.happened().iter().skip(told);
    let lines = happened.map(|(number, kind)| {
        let at = usize::try_from(*number).unwrap_or_default().checked_sub(1);
        let asked = at.and_then(|at| faults.asked().get(at));
        let name = NAMED.iter().find(|named| named.kind == *kind);
        format!(
            "fault: {} at request {number}, {}",
            // What goes on from one request to the next has a number in it that counts down.
            name.map_or("the same", |named| named.name),
            asked.map_or("", String::as_str)
        )
    });
    lines.collect()
}

/// Lists names, each with its sentence.
fn list(env: &Env, header: [&str; 2], all: &[(&str, &str)]) -> Result<ExitCode, Failure> {
    let rows = all
        .iter()
        .map(|(name, sentence)| vec![(*name).to_owned(), (*sentence).to_owned()]);
    let width = env.paint(&env.output).width;
    env.output
        .stream
        .line(&table::rows(&header, rows.collect(), width))?;
    Ok(ExitCode::DONE)
}

/// How a lab is to be that was asked for so.
pub(super) fn options(
    env: &Env,
    cloud: Option<&str>,
    asked: &args::Simulated,
) -> Result<LabOptions, Failure> {
    if asked.rules.is_some() {
        return Err(Failure::input("the rules of the lab follow its day, and --rules is gone",
        )
        .with_hint("give the day with --as-of: 2025-10-30 is the last one before the block of the shared principal"));
    }
    let scenarios: Result<Vec<&'static Scenario>, Failure> = asked
        .scenario
        .iter()
        .map(|name| find_scenario(name))
        .collect();
    let options = LabOptions {
        cloud: cloud.map_or(Ok(CloudName::Worldwide), find_cloud)?,
        clock: env.clock.clone(),
        scenarios: scenarios?,
        faults: asked
            .fault
            .iter()
            .map(|text| find_fault(text))
            .collect::<Result<_, _>>()?,
        ..LabOptions::default()
    };
    let Some(day) = &asked.as_of else {
        return Ok(options);
    };
    Ok(LabOptions {
        clock: clock_of(env, day)?,
        ..options
    })
}

fn find_scenario(name: &str) -> Result<&'static Scenario, Failure> {
    Scenario::find(name).ok_or_else(|| {
        let known = SCENARIOS.iter().map(|scenario| scenario.name);
        let all = || "exoauth lab --scenarios lists them".to_owned();
        Failure::input(format!("the lab has no scenario \"{name}\""))
            .with_hint(did_you_mean(name, known).unwrap_or_else(all))
    })
}

/// Reads what goes wrong, and with which request: `NAME` or `NAME@N`.
fn find_fault(text: &str) -> Result<Fault, Failure> {
    let (name, number) = text.split_once('@').unwrap_or((text, "1"));
    let named = Named::find(name).ok_or_else(|| {
        let known = NAMED.iter().map(|named| named.name);
        let all = || "exoauth lab --faults lists them".to_owned();
        Failure::input(format!("the lab has no fault \"{name}\""))
            .with_hint(did_you_mean(name, known).unwrap_or_else(all))
    })?;
    let number = number.parse().ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| {
        Failure::input(format!("\"{text}\" names no request")).with_hint(format!(
            "write the number of the request after the sign, from 1: {name}@3"
        ))
    })?;
    Ok(Fault {
        when: When::NthPossible(number),
        kind: named.kind,
    })
}

/// The days that certificates and tokens can be made for.
const YEARS: std::ops::RangeInclusive<i16> = 2015..=2099;

/// A clock that goes on from a day, at noon, or from a moment.
fn clock_of(env: &Env, day: &str) -> Result<Clock, Failure> {
    let noon = || {
        let date: civil::Date = day.parse().ok()?;
        let at = date.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?;
        Some(at.timestamp())
    };
    let then: Option<Timestamp> = day.parse().ok().or_else(noon);
    let in_reach = |then: &Timestamp| YEARS.contains(&then.to_zoned(TimeZone::UTC).year());
    let then = then.filter(in_reach).ok_or_else(|| {
        Failure::input(format!("\"{day}\" is no day of the lab"))
            .with_hint("write it as 2027-04-01, of the years 2015 to 2099")
    })?;
    let (real, ahead) = (env.clock.clone(), then.duration_since(env.clock.now()));
    Ok(Clock::told_by(move || {
        let now = real.now();
        now.saturating_add(ahead).unwrap_or(now)
    }))
}

/// Starts a lab on the runtime.
pub(super) fn start(options: LabOptions, runtime: &Handle) -> Result<Lab, Failure> {
    // Only the session blocks on the runtime; here the task itself says when it is ready.
    let (ready, wait) = mpsc::channel();
    runtime.spawn(async move { ready.send(Lab::start(options).await) });
    let broken = |reason: String| {
        Failure::new(FailureKind::Internal, "the lab could not be started").with_detail(reason)
    };
    match wait.recv() {
        Ok(lab) => lab.map_err(|error| match error {
            Error::Unspoken { .. } => {
                Failure::input(error.to_string()).with_hint("--auth is basic, negotiate or ntlm")
            }
            _ => broken(error.to_string()).caused_by(error),
        }),
        Err(error) => Err(broken(error.to_string())),
    }
}

pub(super) fn find_cloud(word: &str) -> Result<CloudName, Failure> {
    CloudName::from_word(word).ok_or_else(|| {
        Failure::input(format!("there is no cloud \"{word}\""))
            .with_hint(meant_or_all(word, CLOUDS.map(|cloud| cloud.word)))
    })
}

fn find_auth(word: &str) -> Result<Authentication, Failure> {
    let found = Authentication::ALL
        .into_iter()
        .find(|auth| auth.word() == word);
    found.ok_or_else(|| {
        Failure::input(format!("there is no authentication \"{word}\"")).with_hint(meant_or_all(
            word,
            Authentication::ALL.map(Authentication::word),
        ))
    })
}

/// Writes the organization file, which holds passwords; beside it the certificate authority, and the client's own
/// certificate with its key for who would rather sign in with that.
fn write(lab: &Lab, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("lab-ca.pem"), lab.authority())?;
    write_private(
        &folder.join("lab-client.pem"),
        lab.client_certificate().expose(),
    )?;
    write_private(
        &folder.join("lab.toml"),
        &lab.organization_file("lab-ca.pem"),
    )
}
