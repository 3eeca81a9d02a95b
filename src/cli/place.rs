//! [`Place`]: the organization that a command speaks to, be it that of a file or the lab of this process.

use crate::cli::args::Where;
use crate::cli::env::Folders;
use crate::cli::files::write_private;
use crate::cli::nearest::hint;
use crate::cli::{Env, lab, wait};
use crate::clock::Clock;
use crate::cloud::Cell;
use crate::failure::{Failure, FailureKind};
use crate::lab::Lab;
use crate::organization::{Organization, Problem};
use crate::report::clean;
use crate::secret::Secret;
use crate::session::{self, Memory, Outside};
use std::fs;
use std::io::{self, ErrorKind};
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
            [_, _, ..] => Err(wrong(
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
    let text = match fs::read_to_string(&path) {
        Ok(text) => Some(Secret::new(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            let message = format!("{} cannot be read", path.display());
            return Err(wrong(message).with_detail(error.to_string()));
        }
    };
    if text.is_none() && !keep {
        return Ok(Memory::default());
    }
    let file = path.clone();
    let keep = move |text: &Secret| {
        write_sign_in(&file, text).map_err(|error| {
            wrong(format!("{} cannot be written", file.display())).with_detail(error.to_string())
        })
    };
    Memory::kept(text.as_ref(), Arc::new(keep))
        .map_err(|error| Failure::from(error).with_detail(path.display().to_string()))
}

/// Where the sign-in to an organization is kept.
pub(super) fn sign_in_file(folders: &Folders, name: &str) -> PathBuf {
    folders.state.join("sign-in").join(format!("{name}.json"))
}

/// Replaces the file as a whole, so that one that is cut short is never read.
fn write_sign_in(path: &Path, text: &Secret) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    write_private(&new, text.expose())?;
    fs::rename(&new, path)
}

fn read(path: &Path) -> Result<Organization, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        wrong(format!(
            "the organization file {} cannot be read",
            path.display()
        ))
        .with_detail(error.to_string())
    })?;
    let name = path
        .file_stem()
        .map_or("organization".into(), |stem| stem.to_string_lossy());
    let folder = path.parent().unwrap_or(Path::new(""));
    Organization::parse(&name, &text, folder, &|path| fs::read_to_string(path))
        .map_err(|problem| refused(&problem, path))
}

/// A path is what looks like one; anything else is the name of a file in the user's configuration folder.
pub(super) fn find(env: &Env, org: &str) -> Result<PathBuf, Failure> {
    if org.contains(['/', '\\']) || org.ends_with(".toml") {
        let path = env.path(org);
        return match path.is_file() {
            true => Ok(path),
            false => Err(wrong(format!(
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
    let names = names(&folder);
    Err(wrong(format!(
        "there is no organization \"{org}\" in {}",
        folder.display()
    ))
    .with_hint(hint(org, names.iter().map(String::as_str))))
}

/// The organizations that have a file in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

fn refused(problem: &Problem, path: &Path) -> Failure {
    let failure = wrong(problem.to_string()).with_detail(path.display().to_string());
    match problem {
        Problem::Key { key, reason } => match nearest_key(key, reason) {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        },
        _ => failure,
    }
}

/// Out of "unknown field `auht`, expected one of `url`, `auth`" makes a hint.
fn nearest_key(key: &str, reason: &str) -> Option<String> {
    let given = reason
        .strip_prefix("unknown ")
        .and(reason.split('`').nth(1))?;
    let (_, known) = reason.split_once("expected ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let nearest = hint(given, known);
    Some(match key.rsplit_once('.') {
        Some((table, _)) if nearest.starts_with("there") => format!("in [{table}] {nearest}"),
        _ => nearest,
    })
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

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Input, message)
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
        assert_eq!(nearest_key("exchange.url", "missing field `url`"), None);
    }
}
