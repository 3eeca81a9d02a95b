//! `exoauth undo`: takes a run back, as its journal says what it wrote.

use crate::cli::args::{self, Format, Where};
use crate::cli::journal::Past;
use crate::cli::{Env, ExitCode, run};
use crate::failure::Failure;

/// Plans the inverse of a run, shows it, asks, and does it.
pub(super) fn main(env: &Env, asked: &args::Undo, format: Format) -> Result<ExitCode, Failure> {
    let past = Past::find(env, &asked.run)?;
    past.warn_of_damage(env)?;
    let run = args::Run {
        playbook: String::new(),
        place: Where {
            org: vec![past.place()?],
            cloud: past.header.cloud.clone(),
            explain: asked.explain,
            ..Where::default()
        },
        plan: asked.plan,
        apply: asked.apply,
        ..args::Run::default()
    };
    run::take_back(env, &run, format, &past)
}
