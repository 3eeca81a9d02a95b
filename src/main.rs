//! Makes the real [`Env`] and hands it to [`cli::main`](exoauth::cli::main).

use exoauth::cli::{self, Env};
use std::process::ExitCode;

fn main() -> ExitCode {
    match Env::system() {
        Ok(env) => cli::main(&env).into(),
        // An argument or folder that cannot be used; there is no Env to say more with.
        Err(failure) => {
            tracing::error!(%failure);
            cli::ExitCode::WRONG_INPUT.into()
        }
    }
}
