//! [`Place`]: the organization that a command speaks to, be it that of a file or the lab of this process.

use crate::cli::args::Where;
use crate::cli::env::Folders;
use crate::cli::{Env, files, lab, wait};
use crate::clock::Clock;
use crate::cloud::Cell;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::organization::{Organization, Problem};
use crate::report::clean;
use crate::secret::Secret;
use crate::session::{self, Memory, Mode, Outside};
use crate::words::{did_you_mean, meant_or_all};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The organization that a command speaks to.
pub(super) struct Place {
    /// Where and who.
    pub(super) organization: Organization,
    /// Its file; none for the lab of this process.
    pub(super) file: Option<PathBuf>,
    /// Whether nothing real is behind it.
    pub(super) simulated: bool,
    /// What signing in may ask of the world outside; with the tokens that all passes share.
    pub(super) outside: Outside,
    /// What time it is there.
    pub(super) clock: Clock,
    /// The lab, where it runs in this process; its servers end with it.
    lab: Option<Lab>,
}

impl Place {
    /// Whether everything behind it ends with this process.
    pub(super) fn is_own_lab(&self) -> bool {
        self.lab.is_some()
    }

    /// Reads the organization file that was asked for, or starts a lab.
    pub(super) fn open(env: &Env, asked: &Where, runtime: &Handle) -> Result<Self, Failure> {
        Self::open_keeping(env, asked, runtime, false)
    }

    /// The same; with `keep`, what a person signs in for is kept from now on.
    pub(super) fn open_keeping(
        env: &Env,
        asked: &Where,
        runtime: &Handle,
        keep: bool,
    ) -> Result<Self, Failure> {
        match asked.org.as_slice() {
            [_, _, ..] => Err(Failure::input(
                "this command speaks to one organization at a time".to_owned(),
            )
            .with_hint("only run and verify take --org several times")),
            [org] => {
                let file = find(env, org)?;
                let mut organization = read(&file)?;
                if let Some(word) = &asked.cloud {
                    organization.cloud = Some(lab::find_cloud(word)?);
                }
                Ok(Self {
                    file: Some(file),
                    simulated: is_simulated(&organization),
                    outside: env.outside(kept(env, &organization.name, keep)?),
                    organization,
                    clock: env.clock.clone(),
                    lab: None,
                })
            }
            [] => {
                let options = lab::options(env, asked.cloud.as_deref(), &asked.simulated)?;
                let clock = options.clock.clone();
                let lab = lab::start(options, runtime)?;
                Ok(Self {
                    clock,
                    organization: lab.organization(),
                    file: None,
                    simulated: true,
                    outside: env.outside(Memory::default()),
                    lab: Some(lab),
                })
            }
        }
    }
}

impl Place {
    /// What a session with it is started with: one that only plans, and that nobody hears yet.
    pub(super) fn session(
        &self,
        env: &Env,
        runtime: &Handle,
        playbook: &str,
        run: &str,
    ) -> session::Options {
        session::Options {
            organization: self.organization.clone(),
            mode: Mode::Plan,
            playbook: playbook.to_owned(),
            run: run.to_owned(),
            runtime: runtime.clone(),
            clock: self.clock.clone(),
            patience: env.patience.clone(),
            read_secret: env.read_secret(),
            outside: self.outside.clone(),
            listeners: Vec::new(),
            expected: None,
            interrupt: env.interrupt.clone(),
        }
    }

    /// Looks for the cloud of the tenant where the organization file does not name it.
    ///
    /// A command that speaks to the cloud in any case does so at once, so that it can say which one; otherwise the
    /// session does when the first request needs it.
    pub(super) fn find_cloud(&mut self, env: &Env, runtime: &Handle) -> Result<(), Failure> {
        let organization = &mut self.organization;
        if organization.cloud.is_some() {
            return Ok(());
        }
        let (searched, clock) = (organization.clone(), env.clock.clone());
        let found = wait::wait(env, runtime, async move {
            session::find_cloud(&searched, clock).await
        })??;
        let say = |line: String| env.error.stream.line(&clean(&line));
        say(found.said(&organization.tenant))?;
        for note in found.notes {
            say(format!("warning: {note}"))?;
        }
        organization.cloud = Some(found.cloud);
        Ok(())
    }
}

/// The tokens of a person who signed in with `exoauth login`; with `keep`, also of one who does now.
fn kept(env: &Env, name: &str, keep: bool) -> Result<Memory, Failure> {
    let Some(folders) = &env.folders else {
        return Ok(Memory::default());
    };
    let path = sign_in_file(folders, name);
    let text = files::read_if_there(&path)?.map(Secret::new);
    if text.is_none() && !keep {
        return Ok(Memory::default());
    }
    let file = path.clone();
    let keep = move |text: &Secret| files::replace_private(&file, text.expose());
    Memory::kept(text.as_ref(), Arc::new(keep))
        .map_err(|error| Failure::from(error).with_detail(path.display().to_string()))
}

/// Where the sign-in to an organization is kept.
pub(super) fn sign_in_file(folders: &Folders, name: &str) -> PathBuf {
    folders.state.join("sign-in").join(format!("{name}.json"))
}

fn read(path: &Path) -> Result<Organization, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        files::unreadable(
            format_args!("the organization file {}", path.display()),
            &error,
        )
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Organization::parse(&stem(path), &text, folder, &|path| fs::read_to_string(path))
        .map_err(|problem| refused(&problem, path))
}

/// A path is what looks like one; anything else is the name of a file in the user's configuration folder.
pub(super) fn find(env: &Env, org: &str) -> Result<PathBuf, Failure> {
    if is_path(org) {
        let path = env.path(org);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Failure::input(format!(
                "there is no organization file {}",
                path.display()
            ))),
        };
    }
    let folder = env.folders()?.configuration.join("organizations");
    let path = folder.join(format!("{org}.toml"));
    if path.is_file() {
        return Ok(path);
    }
    let names = names(&folder)?;
    Err(Failure::input(format!(
        "there is no organization \"{org}\" in {}",
        folder.display()
    ))
    .with_hint(match names.is_empty() {
        true => format!("write {}, or name a file by its path", path.display()),
        false => meant_or_all(org, names.iter().map(String::as_str)),
    }))
}

/// What an organization is called that is named so: the name of its file without the ending.
pub(super) fn name_of(org: &str) -> String {
    match is_path(org) {
        true => stem(Path::new(org)),
        false => org.to_owned(),
    }
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem();
    stem.map_or_else(
        || "organization".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

fn is_path(org: &str) -> bool {
    org.contains(['/', '\\']) || org.ends_with(".toml")
}

/// The organizations that have a file in a folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    files::names(folder, ".toml")
}

fn refused(problem: &Problem, path: &Path) -> Failure {
    let failure = Failure::input(problem.to_string()).with_detail(path.display().to_string());
    let hint = match problem {
        Problem::Key { key, reason } => nearest_key(key, reason),
        _ => problem.hint().map(str::to_owned),
    };
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Out of "unknown field `auht`, expected one of `url`, `auth`" makes a hint.
fn nearest_key(key: &str, reason: &str) -> Option<String> {
    let given = reason
        .strip_prefix("unknown ")
        .and(reason.split('`').nth(1))?;
    let (_, known) = reason.split_once("expected ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let all = || {
        let table = key
            .rsplit_once('.')
            .map(|(table, _)| format!("in [{table}] "));
        format!(
            "{}there are: {}",
            table.unwrap_or_default(),
            known.join(", ")
        )
    };
    Some(did_you_mean(given, known.iter().copied()).unwrap_or_else(all))
}

/// Whether every service is on this machine, as with a lab that another process serves.
fn is_simulated(organization: &Organization) -> bool {
    let here = |address: &str| {
        ["https://localhost:", "https://127.0.0.1:"]
            .iter()
            .any(|loopback| address.starts_with(loopback))
    };
    let services = [Cell::Login, Cell::Graph, Cell::ExchangeOnline];
    let cloud = services.iter().all(|cell| {
        let address = organization.endpoints.get(cell);
        address.is_some_and(|address| here(address))
    });
    let exchange = organization.exchange.as_ref();
    cloud
        && exchange.is_none_or(|exchange| {
            here(&exchange.url) && here(&exchange.winrm_url(exchange.host()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_named() {
        let reason = "unknown field `auht`, expected one of `url`, `auth`, `kdc`";
        assert_eq!(
            nearest_key("exchange.auht", reason).as_deref(),
            Some("did you mean \"auth\"?")
        );
        assert_eq!(nearest_key("tenant", "invalid type: integer"), None);
    }
}
