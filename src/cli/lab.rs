//! `exoauth lab`: serves the lab until stopped; and how other commands start one of their own.

use crate::cli::files::write_private;
use crate::cli::nearest::hint;
use crate::cli::{Env, ExitCode, args, runtime};
use crate::cloud::{CLOUDS, CloudName};
use crate::failure::{Failure, FailureKind};
use crate::lab::{Error, Lab, LabOptions, Rules};
use crate::organization::Authentication;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;

/// The words of the rules.
const RULES: [(&str, Rules); 2] = [
    ("before-block", Rules::BeforeBlock),
    ("since-block", Rules::SinceBlock),
];

/// Serves the lab until Ctrl-C.
pub(super) fn main(env: &Env, asked: &args::Lab) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let options = LabOptions {
        auth: asked
            .auth
            .as_deref()
            .map_or(Ok(Authentication::Basic), find_auth)?,
        ..options(env, asked.cloud.as_deref(), asked.rules.as_deref())?
    };
    let lab = serve(options, runtime.handle())?;
    let folder = match &asked.write {
        Some(folder) => env.path(folder),
        None => env.folders()?.state.join("lab"),
    };
    let file = folder.join("lab.toml");
    write(&lab, &folder).map_err(|error| {
        Failure::new(
            FailureKind::Input,
            format!("{} cannot be written", file.display()),
        )
        .with_detail(error.to_string())
    })?;
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
    while !env.interrupt.raised() {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(ExitCode::DONE)
}

/// Starts a lab on the runtime.
pub(super) fn start(
    env: &Env,
    cloud: Option<&str>,
    rules: Option<&str>,
    runtime: &Handle,
) -> Result<Lab, Failure> {
    serve(options(env, cloud, rules)?, runtime)
}

fn options(env: &Env, cloud: Option<&str>, rules: Option<&str>) -> Result<LabOptions, Failure> {
    Ok(LabOptions {
        cloud: cloud.map_or(Ok(CloudName::Worldwide), find_cloud)?,
        rules: rules.map_or(Ok(Rules::default()), find_rules)?,
        clock: env.clock.clone(),
        ..LabOptions::default()
    })
}

fn serve(options: LabOptions, runtime: &Handle) -> Result<Lab, Failure> {
    // Only the session blocks on the runtime; here the task itself says when it is ready.
    let (ready, wait) = mpsc::channel();
    runtime.spawn(async move { ready.send(Lab::start(options).await) });
    let broken = |reason: String| {
        Failure::new(FailureKind::Internal, "the lab could not be started").with_detail(reason)
    };
    match wait.recv() {
        Ok(lab) => lab.map_err(|error| match error {
            Error::Unspoken { .. } => Failure::new(FailureKind::Input, error.to_string()),
            _ => broken(error.to_string()).caused_by(error),
        }),
        Err(error) => Err(broken(error.to_string())),
    }
}

pub(super) fn find_cloud(word: &str) -> Result<CloudName, Failure> {
    CloudName::from_word(word).ok_or_else(|| {
        Failure::new(FailureKind::Input, format!("there is no cloud \"{word}\""))
            .with_hint(hint(word, CLOUDS.map(|cloud| cloud.word)))
    })
}

fn find_rules(word: &str) -> Result<Rules, Failure> {
    let found = RULES.into_iter().find(|(known, _)| *known == word);
    found.map(|(_, rules)| rules).ok_or_else(|| {
        Failure::new(
            FailureKind::Input,
            format!("the lab knows no rules \"{word}\""),
        )
        .with_hint(hint(word, RULES.map(|(known, _)| known)))
    })
}

fn find_auth(word: &str) -> Result<Authentication, Failure> {
    let found = Authentication::ALL
        .into_iter()
        .find(|auth| auth.word() == word);
    found.ok_or_else(|| {
        Failure::new(
            FailureKind::Input,
            format!("there is no authentication \"{word}\""),
        )
        .with_hint(hint(word, Authentication::ALL.map(Authentication::word)))
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
