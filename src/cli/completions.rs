//! `exoauth completions`: what a shell needs to complete the command line.

use crate::cli::args::{Args, Completions};
use crate::cli::{Env, ExitCode};
use crate::failure::Failure;
use clap::CommandFactory;

/// Prints the completions for a shell.
pub(super) fn main(env: &Env, asked: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(asked.shell, &mut Args::command(), "exoauth", &mut script);
    let script = String::from_utf8_lossy(&script);
    env.output.stream.line(script.trim_end())?;
    Ok(ExitCode::DONE)
}
