//! `exoauth logout`: removes what `exoauth login` kept.

use crate::cli::args::Logout;
use crate::cli::place::sign_in_file;
use crate::cli::{Env, ExitCode};
use crate::failure::{Failure, FailureKind};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Removes the file of an organization; that its organization file is still there is not needed.
pub(super) fn main(env: &Env, asked: &Logout) -> Result<ExitCode, Failure> {
    let name = Path::new(&asked.org)
        .file_stem()
        .map_or(asked.org.as_str().into(), |stem| stem.to_string_lossy());
    let file = sign_in_file(env.folders()?, &name);
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
            return Err(Failure::new(FailureKind::Input, message).with_detail(error.to_string()));
        }
    };
    env.output.stream.line(&said)?;
    Ok(ExitCode::DONE)
}
