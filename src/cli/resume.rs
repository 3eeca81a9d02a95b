//! `exoauth resume`: goes on with a run that did not come to its end.
//!
//! It runs the same playbook with the same inputs again, which starts by reading what is there. What the journal began
//! and did not end is settled by reading first.

use crate::cli::args::{self, Format, Where};
use crate::cli::journal::Past;
use crate::cli::{Env, ExitCode, run};
use crate::failure::Failure;

/// Runs the playbook of an earlier run again.
pub(super) fn main(env: &Env, asked: &args::Resume, format: Format) -> Result<ExitCode, Failure> {
    let past = match &asked.run {
        Some(start) => Past::find(env, start)?,
        None => Past::last_incomplete(env)?,
    };
    past.warn_of_damage(env)?;
    let header = &past.header;
    let Some(playbook) = header.asked.clone() else {
        return Err(Failure::input(format!(
            "the run {} was not of a playbook: {}",
            past.name, header.playbook
        ))
        .with_hint("only runs of playbooks can be resumed"));
    };
    let mut input = header.inputs.clone();
    input.extend(asked.input.iter().cloned());
    let run = args::Run {
        playbook,
        place: Where {
            org: vec![past.place()?],
            cloud: header.cloud.clone(),
            input,
            explain: asked.explain,
            ..Where::default()
        },
        plan: asked.plan,
        apply: asked.apply,
        only: header.only.clone(),
        hand_over: header.hand_over.clone(),
        start_at: header.start_at.clone(),
        ..args::Run::default()
    };
    run::playbook(env, &run, format, Some(&past))
}
