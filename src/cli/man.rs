//! `exoauth man`: the manual page, of the program or of one command.

use crate::cli::args::{self, Args};
use crate::cli::{Env, ExitCode};
use crate::failure::{Failure, FailureKind};
use crate::words::meant_or_all;
use clap::CommandFactory;
use clap_mangen::Man;

/// Prints a page for `man`, such as `exoauth man run | man -l -`.
pub(super) fn main(env: &Env, asked: &args::Man) -> Result<ExitCode, Failure> {
    let mut program = Args::command();
    // So that a page of a command has the options that all commands have.
    program.build();
    let command = match &asked.command {
        None => program,
        Some(name) => one(&program, name)?,
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(|error| {
        Failure::new(FailureKind::Internal, "the manual page cannot be made").caused_by(error)
    })?;
    env.output
        .stream
        .line(String::from_utf8_lossy(&page).trim_end())?;
    Ok(ExitCode::DONE)
}

fn one(program: &clap::Command, name: &str) -> Result<clap::Command, Failure> {
    if let Some(command) = program.find_subcommand(name) {
        return Ok(command.clone().version(env!("CARGO_PKG_VERSION")));
    }
    let names: Vec<&str> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let message = format!("there is no command \"{name}\"");
    Err(Failure::input(message).with_hint(meant_or_all(name, names)))
}
