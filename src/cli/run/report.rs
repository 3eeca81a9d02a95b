//! [`Report`]: a run for people or for programs, whichever was asked for.

use crate::cli::args::Format;
use crate::cli::pass::Pass;
use crate::cli::place::Place;
use crate::cli::{Env, scripts};
use crate::failure::Failure;
use crate::report::clean;
use crate::report::human::{self, HumanReport};
use crate::report::json::{Ending, JsonReport};
use crate::script::ScriptFailure;
use crate::session::event::{Event, Listener, Summary};

/// The report in the format that was asked for.
pub(super) enum Report {
    /// For people.
    Human(HumanReport),
    /// For programs.
    Json(JsonReport),
}

impl Report {
    /// Starts the report of a run.
    pub(super) fn start(
        env: &Env,
        place: &Place,
        explain: bool,
        format: Format,
    ) -> Result<Self, Failure> {
        Ok(match format {
            Format::Json => Self::Json(JsonReport::start(env.output.stream.clone())?),
            Format::Human => Self::Human(HumanReport::new(human::Options {
                output: env.output.stream.clone(),
                error: env.error.stream.clone(),
                paint: env.paint(&env.output),
                error_paint: env.paint(&env.error),
                explain,
                simulated: place.simulated,
            })),
        })
    }

    /// A listener for a session that writes this report.
    pub(super) fn listener(&self) -> Box<dyn Listener> {
        match self {
            Self::Human(report) => Box::new(report.clone()),
            Self::Json(report) => Box::new(report.clone()),
        }
    }

    /// Writes what only people read.
    fn human(
        &self,
        write: impl FnOnce(&HumanReport) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Human(report) => write(report),
            Self::Json(_) => Ok(()),
        }
    }

    pub(super) fn show_plan(&self, summary: &Summary) -> Result<(), Failure> {
        self.human(|report| report.show_plan(summary))
    }

    pub(super) fn show_kept(&self) -> Result<(), Failure> {
        self.human(HumanReport::show_kept)
    }

    pub(super) fn drop_kept(&self) {
        if let Self::Human(report) = self {
            report.drop_kept();
        }
    }

    /// Says that there is nothing to do; with `with_steps`, below the steps that were gone through.
    pub(super) fn nothing_to_change(
        &self,
        summary: &Summary,
        with_steps: bool,
    ) -> Result<(), Failure> {
        self.human(|report| {
            if !with_steps {
                report.drop_kept();
            }
            report.nothing_to_change(summary)
        })
    }

    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        self.human(|report| report.say(line))
    }

    pub(super) fn done(&self, summary: &Summary, completely: bool) -> Result<(), Failure> {
        self.human(|report| report.done(summary, completely))
    }

    /// Shows on standard error why a script stopped; JSON has it as an event.
    pub(super) fn stopped(&self, env: &Env, stopped: &ScriptFailure) -> Result<(), Failure> {
        self.human(|_| scripts::show(env, stopped, Format::Human))
    }

    /// A failure outside of a pass.
    pub(super) fn failed(&self, env: &Env, failure: &Failure) -> Result<(), Failure> {
        match self {
            Self::Human(_) => human::complain(&env.error.stream, failure, env.paint(&env.error)),
            Self::Json(report) => report.clone().hear(&Event::Failed {
                failure: failure.clone(),
            }),
        }
    }

    /// Says how far a run came that stopped after it had written.
    pub(super) fn partly_applied(
        &self,
        applied: &Pass<()>,
        resume: Option<&str>,
    ) -> Result<(), Failure> {
        self.human(|report| {
            let open = match applied.outcome.unsettled {
                0 => String::new(),
                number => format!(", and of {number} more it is not known whether it happened"),
            };
            report.say(&format!(
                "partly applied: {} done{open}",
                applied.outcome.written
            ))?;
            match resume {
                Some(resume) => report.say(&format!("to go on: {resume}")),
                None => Ok(()),
            }
        })
    }

    /// Says something beside the result, on standard error.
    pub(super) fn aside(&self, env: &Env, line: &str) -> Result<(), Failure> {
        self.human(|_| env.error.stream.line(&clean(line)))
    }

    pub(super) fn end(&self, ending: &Ending<'_>) -> Result<(), Failure> {
        match self {
            Self::Human(_) => Ok(()),
            Self::Json(report) => report.end(ending),
        }
    }
}
