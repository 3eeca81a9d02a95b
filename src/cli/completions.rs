//! `exoauth completions`: what a shell needs to complete the command line.

use crate::cli::args::{Args, Completions};
use crate::cli::{Env, ExitCode, place, scripts};
use crate::cloud::CLOUDS;
use crate::failure::Failure;
use crate::lab::SCENARIOS;
use crate::organization::Authentication;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory};

/// Prints the completions for a shell, with the names of playbooks, library files, clouds and organizations as they are
/// now.
pub(super) fn main(env: &Env, asked: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let mut command = with_names(Args::command(), &Names::of(env)?);
    clap_complete::generate(asked.shell, &mut command, "exoauth", &mut script);
    let script = String::from_utf8_lossy(&script);
    env.output.stream.line(script.trim_end())?;
    Ok(ExitCode::DONE)
}

/// Names that a person knows and clap does not.
struct Names {
    playbooks: Vec<String>,
    scripts: Vec<String>,
    clouds: Vec<String>,
    organizations: Vec<String>,
    scenarios: Vec<String>,
    ways_to_sign_in: Vec<String>,
}

impl Names {
    fn of(env: &Env) -> Result<Self, Failure> {
        let bundle = scripts::bundle(env);
        let listed = bundle.playbooks()?.into_iter();
        let playbooks: Vec<String> = listed.map(|listed| listed.name).collect();
        let modules = bundle.modules()?;
        let folder = env
            .folders
            .as_ref()
            .map(|folders| folders.configuration.join("organizations"));
        Ok(Self {
            scripts: playbooks.iter().cloned().chain(modules).collect(),
            playbooks,
            scenarios: SCENARIOS.iter().map(|each| each.name.to_owned()).collect(),
            ways_to_sign_in: Authentication::ALL
                .map(|way| way.word().to_owned())
                .to_vec(),
            clouds: CLOUDS.iter().map(|cloud| cloud.word.to_owned()).collect(),
            organizations: match folder {
                Some(folder) => place::names(&folder)?,
                None => Vec::new(),
            },
        })
    }

    /// What an argument of a command can be; nothing where that is any file or word.
    fn of_argument(&self, command: &str, argument: &str) -> &[String] {
        match (command, argument) {
            (_, "cloud") => &self.clouds,
            (_, "org") => &self.organizations,
            (_, "scenario") => &self.scenarios,
            ("lab", "auth") => &self.ways_to_sign_in,
            ("run" | "show", "playbook") => &self.playbooks,
            ("fork" | "diff", "name") | ("check", "files") => &self.scripts,
            _ => &[],
        }
    }
}

fn with_names(command: Command, names: &Names) -> Command {
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        subcommand.mut_args(|argument: Arg| {
            let known = names.of_argument(&name, argument.get_id().as_str());
            match known.is_empty() {
                true => argument,
                false => argument.value_parser(PossibleValuesParser::new(known.to_vec())),
            }
        })
    })
}
