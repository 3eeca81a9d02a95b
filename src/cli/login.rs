//! `exoauth login`: signs in, and keeps that for later commands.

use crate::cli::args::{Format, Which};
use crate::cli::place::{Place, sign_in_file};
use crate::cli::{Env, ExitCode, runtime, whoami};
use crate::failure::Failure;
use crate::organization::SignInMethod;

/// Signs in for each service, keeps what a person signed in for, and shows as whom.
pub(super) fn main(env: &Env, asked: Which, format: Format) -> Result<ExitCode, Failure> {
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let mut place = Place::open_keeping(env, &asked.into(), runtime.handle(), true)?;
    place.find_cloud(env, runtime.handle())?;
    let code = whoami::show(env, &place, runtime.handle(), format)?;
    let method = place.organization.sign_in.method;
    let person = matches!(method, SignInMethod::Browser | SignInMethod::DeviceCode);
    let file = sign_in_file(env.folders()?, &place.organization.name);
    let said = match (person, file.is_file()) {
        (true, true) => format!(
            "kept in {}, which only you can read, until `exoauth logout`",
            file.display()
        ),
        (true, false) => "nothing was kept".to_owned(),
        (false, _) => format!("nothing is kept: {} needs nobody to sign in", method.word()),
    };
    env.error.stream.line(&said)?;
    Ok(code)
}
