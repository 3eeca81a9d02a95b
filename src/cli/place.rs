//! [`Place`]: the organization that a command speaks to, be it that of a file or the lab of this process.

use crate::cli::args::Where;
use crate::cli::nearest::hint;
use crate::cli::{Env, lab};
use crate::cloud::Cell;
use crate::failure::{Failure, FailureKind};
use crate::lab::Lab;
use crate::organization::{Organization, Problem};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;

/// The organization that a command speaks to.
pub(super) struct Place {
    /// Where and who.
    pub(super) organization: Organization,
    /// Whether nothing real is behind it.
    pub(super) simulated: bool,
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
        match &asked.org {
            Some(org) => {
                let organization = read(env, org)?;
                Ok(Self {
                    simulated: is_simulated(&organization),
                    organization,
                    lab: None,
                })
            }
            None => {
                let lab = lab::start(env, asked.cloud.as_deref(), asked.rules.as_deref(), runtime)?;
                Ok(Self {
                    organization: lab.organization(),
                    simulated: true,
                    lab: Some(lab),
                })
            }
        }
    }
}

fn read(env: &Env, org: &str) -> Result<Organization, Failure> {
    let path = find(env, org)?;
    let text = fs::read_to_string(&path).map_err(|error| {
        wrong(format!(
            "the organization file {} cannot be read",
            path.display()
        ))
        .with_detail(error.to_string())
    })?;
    let name = path
        .file_stem()
        .map_or(org.into(), |stem| stem.to_string_lossy());
    let folder = path.parent().unwrap_or(Path::new(""));
    Organization::parse(&name, &text, folder, &|path| fs::read_to_string(path))
        .map_err(|problem| refused(&problem, &path))
}

/// A path is what looks like one; anything else is the name of a file in the user's configuration folder.
fn find(env: &Env, org: &str) -> Result<PathBuf, Failure> {
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

fn names(folder: &Path) -> Vec<String> {
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
    cloud && exchange.is_none_or(|exchange| here(&exchange.url))
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
