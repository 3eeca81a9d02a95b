//! `exoauth run`: plan, show, ask, apply.
//!
//! A playbook is run twice: once planning, then, after the user agrees, applying, held to the plan. [`Run`] keeps what
//! both passes share.

use crate::cli::args::{self, Format};
use crate::cli::files::Files;
use crate::cli::pass::{Pass, pass};
use crate::cli::place::Place;
use crate::cli::{Env, ExitCode, journal, runtime, scripts};
use crate::failure::{Failure, FailureKind};
use crate::report::clean;
use crate::report::human::{self, HumanReport};
use crate::report::json::{Ending, JsonReport};
use crate::script::{Bundle, HostOptions, Playbook, ScriptFailure};
use crate::session::event::{Event, Listener, Summary, VerdictOutcome};
use crate::session::journal::Journal;
use crate::session::plan::Plan;
use crate::session::{self, Mode, Outcome};
use crate::value::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use tokio::runtime::Handle;

/// Runs a playbook.
pub(super) fn main(env: &Env, asked: &args::Run, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let playbook = match scripts::playbook(env, &bundle, &asked.playbook) {
        Ok(playbook) => playbook,
        Err(stopped) => return Ok(scripts::refuse(env, &stopped, format)),
    };
    let inputs = inputs(&asked.place.input)?;
    let runtime = runtime()?;
    env.watch_signals(runtime.handle());
    let place = Place::open(env, &asked.place, runtime.handle())?;
    let report = Report::start(env, &place, asked.place.explain, format)?;
    let run = Run {
        env,
        asked,
        bundle,
        playbook,
        place,
        files: Files::named_by(env, &inputs),
        inputs,
        name: run_name(env),
        runtime: runtime.handle().clone(),
        report,
    };
    let code = run.plan_and_apply()?;
    drop(run);
    Ok(code)
}

/// What both passes share.
struct Run<'cli> {
    env: &'cli Env,
    asked: &'cli args::Run,
    bundle: Bundle,
    playbook: Playbook,
    place: Place,
    inputs: BTreeMap<String, Value>,
    files: Files,
    name: String,
    runtime: Handle,
    report: Report,
}

/// What a run came to.
struct End {
    code: ExitCode,
    summary: Option<Summary>,
    stopped: Option<ScriptFailure>,
    journal: Option<PathBuf>,
    resume: Option<String>,
}

impl End {
    /// A run that was stopped while planning.
    fn stopped(stopped: ScriptFailure, summary: &Summary) -> Self {
        let code = ExitCode::of(&stopped.failure, 0);
        Self {
            stopped: Some(stopped),
            ..Self::with(code, summary)
        }
    }

    fn with(code: ExitCode, summary: &Summary) -> Self {
        Self {
            code,
            summary: Some(summary.clone()),
            stopped: None,
            journal: None,
            resume: None,
        }
    }
}

impl Run<'_> {
    fn plan_and_apply(&self) -> Result<ExitCode, Failure> {
        let end = match self.steps() {
            Ok(end) => end,
            Err(failure) => {
                self.report.failed(self.env, &failure)?;
                End {
                    code: ExitCode::of(&failure, 0),
                    summary: None,
                    stopped: None,
                    journal: None,
                    resume: None,
                }
            }
        };
        let code = self.signalled(end.code);
        self.report.end(&Ending {
            organization: Some(&self.place.organization.name),
            summary: end.summary.as_ref(),
            stopped: end
                .stopped
                .and_then(|stopped| serde_json::to_value(stopped).ok()),
            journal: end.journal.map(|path| path.display().to_string()),
            resume: end.resume,
            ..Ending::of(code.number(), code.meaning())
        })?;
        Ok(code)
    }

    fn steps(&self) -> Result<End, Failure> {
        let planned = self.pass(Mode::Plan, None, None)?;
        let summary = &planned.outcome.summary;
        if let Err(stopped) = planned.result {
            self.report.show_kept()?;
            self.report.stopped(self.env, &stopped)?;
            return Ok(End::stopped(stopped, summary));
        }
        let plan = &planned.outcome.plan;
        let pending = plan.pending();
        let to_do_here = !plan.tests.is_empty() || self.files.pending();
        if pending == 0 && (self.asked.plan || !to_do_here) {
            self.report.nothing_to_change(summary, true)?;
            return Ok(End::with(verdict_code(&planned.outcome), summary));
        }
        if pending == 0 {
            if !plan.changes.is_empty() {
                self.report.nothing_to_change(summary, false)?;
            }
            self.report.drop_kept();
            return self.apply(planned.outcome.plan, None);
        }
        self.report.show_plan(summary)?;
        if self.asked.plan {
            let code = if self.asked.exit_code {
                ExitCode::CHANGES
            } else {
                ExitCode::DONE
            };
            return Ok(End::with(code, summary));
        }
        if !self.asked.apply && !self.agreed(pending)? {
            self.report.say("not applied: nothing was changed")?;
            return Ok(End::with(ExitCode::FAILED, summary));
        }
        let journal = journal::start(
            self.env,
            &self.place,
            &self.name,
            &self.playbook.name,
            &self.playbook.source,
        )?;
        self.apply(planned.outcome.plan, journal)
    }

    /// Asks the person whether to apply.
    fn agreed(&self, pending: usize) -> Result<bool, Failure> {
        let name = clean(&self.place.organization.name);
        let what = if pending == 1 {
            "1 change"
        } else {
            &format!("{pending} changes")
        };
        match self.env.ask(&format!("apply {what} to {name}?"))? {
            Some(answer) => Ok(answer),
            None => Err(Failure::new(
                FailureKind::Input,
                "there is nobody to ask whether to apply this plan",
            )
            .with_hint("add --apply to apply it without asking, or --plan to only show it")),
        }
    }

    fn apply(&self, plan: Plan, journal: Option<Journal>) -> Result<End, Failure> {
        let path = journal.as_ref().map(|journal| journal.path().to_owned());
        let applied = self.pass(Mode::Apply, Some(plan), journal)?;
        let outcome = &applied.outcome;
        let mut end = End::with(verdict_code(outcome), &outcome.summary);
        self.report.done(&outcome.summary, applied.result.is_ok())?;
        if let Err(stopped) = &applied.result {
            end.code = ExitCode::of(&stopped.failure, applied.writes());
            self.report.stopped(self.env, stopped)?;
            end.stopped = Some(stopped.clone());
            if applied.writes() > 0 {
                // Of the lab of this process, nothing is left to go on with.
                end.resume = (!self.place.is_own_lab()).then(|| self.resume());
                self.report
                    .partly_applied(&applied, end.resume.as_deref())?;
            }
        }
        if let Some(path) = path {
            self.report
                .aside(self.env, &format!("journal: {}", path.display()))?;
            end.journal = Some(path);
        }
        Ok(end)
    }

    fn pass(
        &self,
        mode: Mode,
        expected: Option<Plan>,
        journal: Option<Journal>,
    ) -> Result<Pass<()>, Failure> {
        let mut listeners = vec![self.report.listener()];
        if let Some(journal) = journal {
            // The journal first: what could not be recorded is not shown as done either.
            listeners.insert(0, Box::new(journal));
        }
        let session = session::Options {
            organization: self.place.organization.clone(),
            mode,
            playbook: self.playbook.name.clone(),
            run: self.name.clone(),
            runtime: self.runtime.clone(),
            clock: self.env.clock.clone(),
            patience: self.env.patience.clone(),
            read_secret: self.env.read_secret(),
            outside: self.place.outside.clone(),
            listeners,
            expected,
            interrupt: self.env.interrupt.clone(),
        };
        let options = HostOptions {
            inputs: self.inputs.clone(),
            only: self.asked.only.clone(),
            start_at: self.asked.start_at.clone(),
            ..self.files.grant()
        };
        let playbook = self.playbook.clone();
        pass(session, self.bundle.clone(), options, move |host| {
            host.run(&playbook)
        })
    }

    /// The command that goes on from here: the same one, since a run starts by reading what is there.
    fn resume(&self) -> String {
        let words = self
            .env
            .arguments
            .iter()
            .skip(1)
            .map(|word| shell_word(word));
        let mut command = vec!["exoauth".to_owned()];
        command.extend(words);
        command.join(" ")
    }

    /// Tells Ctrl-C from the system's request to end.
    fn signalled(&self, code: ExitCode) -> ExitCode {
        match code {
            ExitCode::INTERRUPTED if self.env.terminated.load(Ordering::SeqCst) => {
                ExitCode::TERMINATED
            }
            code => code,
        }
    }
}

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

    fn human(
        &self,
        write: impl FnOnce(&HumanReport) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Human(report) => write(report),
            Self::Json(_) => Ok(()),
        }
    }

    fn show_plan(&self, summary: &Summary) -> Result<(), Failure> {
        self.human(|report| report.show_plan(summary))
    }

    fn show_kept(&self) -> Result<(), Failure> {
        self.human(HumanReport::show_kept)
    }

    fn drop_kept(&self) {
        if let Self::Human(report) = self {
            report.drop_kept();
        }
    }

    fn nothing_to_change(&self, summary: &Summary, with_steps: bool) -> Result<(), Failure> {
        self.human(|report| {
            if !with_steps {
                report.drop_kept();
            }
            report.nothing_to_change(summary)
        })
    }

    fn say(&self, line: &str) -> Result<(), Failure> {
        self.human(|report| report.say(line))
    }

    fn done(&self, summary: &Summary, completely: bool) -> Result<(), Failure> {
        self.human(|report| report.done(summary, completely))
    }

    /// Shows on standard error why a script stopped; JSON has it as an event.
    fn stopped(&self, env: &Env, stopped: &ScriptFailure) -> Result<(), Failure> {
        self.human(|_| scripts::show(env, stopped, Format::Human))
    }

    /// A failure outside of a pass.
    fn failed(&self, env: &Env, failure: &Failure) -> Result<(), Failure> {
        match self {
            Self::Human(_) => human::complain(&env.error.stream, failure, env.paint(&env.error)),
            Self::Json(report) => report.clone().hear(&Event::Failed {
                failure: failure.clone(),
            }),
        }
    }

    fn partly_applied(&self, applied: &Pass<()>, resume: Option<&str>) -> Result<(), Failure> {
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

    fn aside(&self, env: &Env, line: &str) -> Result<(), Failure> {
        self.human(|_| env.error.stream.line(&clean(line)))
    }

    fn end(&self, ending: &Ending<'_>) -> Result<(), Failure> {
        match self {
            Self::Human(_) => Ok(()),
            Self::Json(report) => report.end(ending),
        }
    }
}

/// A verification is done only when every question was asked and answered yes.
///
/// One that got no answer at all, with nothing else done, is a failure like any other: signing in, most likely.
fn verdict_code(outcome: &Outcome) -> ExitCode {
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

/// Reads `name=value` words; whether the playbook has such inputs is the host's to say.
pub(super) fn inputs(words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut inputs = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Failure::new(
                FailureKind::Input,
                format!("the input \"{word}\" has no value"),
            )
            .with_hint(format!("write --input {word}=VALUE")));
        };
        let name = name.trim().to_owned();
        if inputs.insert(name.clone(), Value::from(value)).is_some() {
            let message = format!("the input \"{name}\" is given twice");
            return Err(Failure::new(FailureKind::Input, message));
        }
    }
    Ok(inputs)
}

/// A name for a run that sorts by time and is never used twice.
pub(super) fn run_name(env: &Env) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let time = env.clock.now().strftime("%Y%m%d-%H%M%S");
    format!("{time}-{}", &unique[..6])
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:@,+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resuming_command_survives_a_shell() {
        assert_eq!(shell_word("--org"), "--org");
        assert_eq!(shell_word("my org.toml"), "'my org.toml'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }

    #[test]
    fn an_input_is_a_name_and_a_value() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let given = inputs(&words(&["a=b=c", "d="])).map_err(|failure| failure.message);
        let expected =
            [("a", "b=c"), ("d", "")].map(|(name, value)| (name.to_owned(), value.into()));
        assert_eq!(given, Ok(BTreeMap::from(expected)));
        assert!(inputs(&words(&["a"])).is_err());
        assert!(inputs(&words(&["a=1", "a=2"])).is_err());
    }
}
