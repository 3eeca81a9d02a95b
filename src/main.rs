//! Makes the real [`Env`] and hands it to [`cli::main`](exoauth::cli::main).

use exoauth::cli::{self, Env};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(&Env::system()).into()
}
