//! What a run came to: [`End`] before it was reported, and [`Ended`] after.

use super::one::{Run, Step};
use crate::cli::ExitCode;
use crate::failure::Failure;
use crate::report::json::Ending;
use crate::script::ScriptFailure;
use crate::session::Outcome;
use crate::session::event::{Summary, VerdictOutcome};
use std::path::PathBuf;

/// What a run came to.
pub(super) struct End {
    pub(super) code: ExitCode,
    /// The same in a word or two.
    pub(super) outcome: &'static str,
    pub(super) summary: Option<Summary>,
    pub(super) stopped: Option<ScriptFailure>,
    pub(super) journal: Option<PathBuf>,
    pub(super) resume: Option<String>,
    pub(super) emitted: Vec<String>,
}

impl End {
    /// A run that was stopped while planning.
    pub(super) fn stopped(stopped: ScriptFailure, summary: &Summary) -> Self {
        let code = ExitCode::of(&stopped.failure, 0);
        Self {
            stopped: Some(stopped),
            ..Self::with(code, "failed", summary)
        }
    }

    /// The end of a run with nothing else to tell.
    pub(super) fn with(code: ExitCode, outcome: &'static str, summary: &Summary) -> Self {
        Self {
            code,
            outcome,
            summary: Some(summary.clone()),
            stopped: None,
            journal: None,
            resume: None,
            emitted: Vec::new(),
        }
    }
}

/// What a run came to, once that was reported.
pub(super) struct Ended {
    /// The exit code.
    pub(super) code: ExitCode,
    /// The same in some words, with the reason of a failure.
    pub(super) outcome: String,
    /// The counts of the last pass.
    pub(super) summary: Option<Summary>,
    /// The command that goes on from here.
    pub(super) resume: Option<String>,
    /// Why the end could not be reported.
    pub(super) unreported: Option<Failure>,
    pub(super) journal: Option<String>,
    pub(super) stopped: Option<serde_json::Value>,
    pub(super) emitted: Vec<String>,
}

impl Ended {
    /// A run that could not be started.
    pub(super) fn failed(failure: &Failure) -> Self {
        Self {
            code: ExitCode::of(failure, 0),
            outcome: format!("failed: {failure}"),
            summary: None,
            resume: None,
            unreported: None,
            journal: None,
            stopped: None,
            emitted: Vec::new(),
        }
    }

    /// A run that was planned and not applied.
    pub(super) fn not_applied(code: ExitCode, run: &Run<'_>, step: &Step) -> Self {
        Self {
            code: run.signalled(code),
            outcome: "not applied".to_owned(),
            summary: match step {
                Step::Agree { summary, .. } | Step::Apply { summary, .. } => Some(summary.clone()),
                Step::Ended(_) => None,
            },
            resume: None,
            unreported: None,
            journal: None,
            stopped: None,
            emitted: Vec::new(),
        }
    }

    /// The same for programs.
    pub(super) fn ending<'all>(&'all self, organization: &'all str) -> Ending<'all> {
        Ending {
            organization: Some(organization),
            summary: self.summary.as_ref(),
            stopped: self.stopped.clone(),
            journal: self.journal.clone(),
            resume: self.resume.clone(),
            emitted: self.emitted.clone(),
            ..Ending::of(self.code.number(), self.code.meaning())
        }
    }
}

/// A verification is done only when every question was asked and answered yes.
///
/// One that got no answer at all, with nothing else done, is a failure like any other: signing in, most likely.
pub(super) fn verdict_code(outcome: &Outcome) -> ExitCode {
    let has = |found: VerdictOutcome| outcome.summary.verdicts.contains_key(found.word());
    let (failed, not_asked) = (has(VerdictOutcome::Failed), has(VerdictOutcome::NotAsked));
    if not_asked && !failed && !has(VerdictOutcome::Passed) && outcome.written == 0 {
        ExitCode::FAILED
    } else if failed || not_asked {
        ExitCode::REFUTED
    } else {
        ExitCode::DONE
    }
}
