//! `exoauth logout`: removes what `exoauth login` kept.

use crate::cli::args::Logout;
use crate::cli::place::{name_of, sign_in_file};
use crate::cli::{Env, ExitCode};
use crate::failure::Failure;
use std::fs;
use std::io::ErrorKind;

/// Removes the file of an organization; that its organization file is still there is not needed.
pub(super) fn main(env: &Env, asked: &Logout) -> Result<ExitCode, Failure> {
    let file = sign_in_file(env.folders()?, &name_of(&asked.org));
    let said = match fs::remove_file(&file) {
        Ok(()) => format!(
            "removed {}; in the tenant the sign-in ends by itself, or when an administrator revokes it",
            file.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            format!("nothing was kept: there is no {}", file.display())
        }
        Err(error) => {
            let message = format!("{} cannot be removed", file.display());
            return Err(Failure::input(message).with_detail(error.to_string()));
        }
    };
    env.output.stream.line(&said)?;
    Ok(ExitCode::DONE)
}
