//! [`Run`]: a run for one organization, which plans and then applies what was planned.

use super::Report;
use super::end::{End, Ended, verdict_code};
use super::several::Waiting;
use super::{inputs, lock, run_name};
use crate::cli::args;
use crate::cli::emit::Emit;
use crate::cli::grant::Granted;
use crate::cli::half::{self, HalfRun};
use crate::cli::pass::{Pass, pass_without_engine};
use crate::cli::place::Place;
use crate::cli::steps::Steps;
use crate::cli::{Env, ExitCode, journal};
use crate::failure::{Failure, FailureKind};
use crate::report::clean;
use crate::script::{Bundle, Host, HostOptions, Playbook, ScriptFailure, needs};
use crate::session::event::{Listener, Summary};
use crate::session::journal::Journal;
use crate::session::plan::Plan;
use crate::session::undo::{self, Write};
use crate::session::{self, Mode, ReadSecret, Session};
use crate::value::Value;
use crate::words::count;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::runtime::Handle;

/// What both passes share.
pub(super) struct Run<'cli> {
    env: &'cli Env,
    asked: &'cli args::Run,
    work: Work,
    /// The run that this one goes on with, or takes back.
    pub(super) past: Option<String>,
    place: Place,
    inputs: BTreeMap<String, Value>,
    files: Granted,
    name: String,
    pub(super) emit: Option<Emit>,
    /// The side that it is limited to, where it is.
    half: Option<HalfRun>,
    steps: Steps,
    runtime: Handle,
    report: Report,
    read_secret: ReadSecret,
    /// Who hears besides the report.
    beside: Option<Waiting>,
}

/// What both passes do.
#[derive(Clone)]
pub(super) enum Work {
    /// Runs a playbook.
    Playbook {
        bundle: Bundle,
        playbook: Box<Playbook>,
        /// The writes of the run that is resumed whose outcome nobody saw.
        open: Vec<Write>,
    },
    /// Does the inverse of an earlier run.
    Undo {
        run: String,
        writes: Arc<Vec<Write>>,
    },
}

impl Work {
    /// What stands for it in reports and the journal.
    fn name(&self) -> String {
        match self {
            Self::Playbook { playbook, .. } => playbook.name.clone(),
            Self::Undo { run, .. } => format!("undo {run}"),
        }
    }
}

/// What comes after planning.
pub(super) enum Step {
    /// Nothing: the run has come to its end.
    Ended(Box<End>),
    /// Someone has to agree to the plan, or has asked to apply without that.
    Agree {
        /// What is planned.
        plan: Plan,
        /// Its counts.
        summary: Summary,
        /// How many changes change something.
        pending: usize,
    },
    /// The pass that applies: it changes nothing, and asks or writes files.
    Apply {
        /// What is planned.
        plan: Plan,
        /// Its counts.
        summary: Summary,
    },
}

impl Step {
    /// How many changes change something.
    pub(super) fn pending(&self) -> usize {
        match self {
            Self::Agree { pending, .. } => *pending,
            Self::Ended(_) | Self::Apply { .. } => 0,
        }
    }
}

impl<'cli> Run<'cli> {
    /// Makes a run that has not begun.
    pub(super) fn new(
        env: &'cli Env,
        asked: &'cli args::Run,
        work: Work,
        place: Place,
        report: Report,
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let inputs = inputs(&asked.place.input)?;
        Ok(Self {
            env,
            asked,
            work,
            past: None,
            place,
            files: Granted::named_by(env, &inputs),
            inputs,
            name: run_name(env),
            emit: None,
            half: None,
            steps: Steps::default(),
            runtime: runtime.clone(),
            report,
            read_secret: env.read_secret(),
            beside: None,
        })
    }

    /// Limits it to one side.
    pub(super) fn limited_to(mut self, half: Option<HalfRun>) -> Self {
        self.half = half;
        self
    }

    /// Has it read secrets in another way.
    pub(super) fn reading_secrets_by(mut self, read_secret: ReadSecret) -> Self {
        self.read_secret = read_secret;
        self
    }

    /// Has somebody hear it besides the report.
    pub(super) fn heard_by(mut self, listener: Waiting) -> Self {
        self.beside = Some(listener);
        self
    }
}

impl Run<'_> {
    /// Plans, asks where that is needed, and applies.
    pub(super) fn plan_and_apply(&self) -> Ended {
        match self.steps() {
            Ok(end) => self.end(end),
            Err(failure) => self.failed(&failure),
        }
    }

    /// Reports a failure outside of a pass, and the end.
    pub(super) fn failed(&self, failure: &Failure) -> Ended {
        let mut ended = Ended::failed(failure);
        ended.code = self.signalled(ended.code);
        let reported = self.report.failed(self.env, failure);
        self.close(ended, reported)
    }

    /// Reports the end.
    pub(super) fn end(&self, end: End) -> Ended {
        let outcome = match &end.stopped {
            Some(stopped) => format!("{}: {}", end.outcome, stopped.failure),
            None => end.outcome.to_owned(),
        };
        let ended = Ended {
            code: self.signalled(end.code),
            outcome,
            summary: end.summary,
            resume: end.resume,
            unreported: None,
            journal: end.journal.map(|path| path.display().to_string()),
            stopped: end
                .stopped
                .and_then(|stopped| serde_json::to_value(stopped).ok()),
            emitted: end.emitted,
        };
        self.close(ended, Ok(()))
    }

    /// Says the last of it.
    fn close(&self, ended: Ended, reported: Result<(), Failure>) -> Ended {
        let ending = ended.ending(&self.place.organization.name);
        let written = reported.and_then(|()| self.report.end(&ending));
        Ended {
            unreported: written.err(),
            ..ended
        }
    }

    fn steps(&self) -> Result<End, Failure> {
        let step = self.plan()?;
        if let Step::Agree {
            summary, pending, ..
        } = &step
            && !self.asked.apply
            && !self.asked.step
            && !self.agreed(*pending)?
        {
            self.report.say("not applied: nothing was changed")?;
            return Ok(End::with(ExitCode::FAILED, "not applied", summary));
        }
        self.go_on(step)
    }

    /// Plans, and shows the plan.
    pub(super) fn plan(&self) -> Result<Step, Failure> {
        let planned = self.pass(Mode::Plan, None, None)?;
        let summary = planned.outcome.summary.clone();
        if let Err(stopped) = planned.result {
            self.report.show_kept()?;
            self.report.stopped(self.env, &stopped)?;
            let end = End::stopped(stopped, &summary);
            return Ok(Step::Ended(Box::new(end)));
        }
        let plan = &planned.outcome.plan;
        let pending = plan.pending();
        if let Some(emit) = &self.emit {
            let end = self.emit(emit, &summary, pending)?;
            return Ok(Step::Ended(Box::new(end)));
        }
        let hands_over = self.half.as_ref().is_some_and(HalfRun::hands_over);
        let to_do_here = !plan.tests.is_empty() || self.files.pending() || hands_over;
        if pending == 0 && (self.asked.plan || !to_do_here) {
            self.report.nothing_to_change(&summary, true)?;
            let code = verdict_code(&planned.outcome);
            let end = End::with(code, "nothing to change", &summary);
            return Ok(Step::Ended(Box::new(end)));
        }
        if pending == 0 {
            if !plan.changes.is_empty() {
                self.report.nothing_to_change(&summary, false)?;
            }
            self.report.drop_kept();
            return Ok(Step::Apply {
                plan: planned.outcome.plan,
                summary,
            });
        }
        self.report.show_plan(&summary)?;
        if self.asked.plan {
            let code = if self.asked.exit_code {
                ExitCode::CHANGES
            } else {
                ExitCode::DONE
            };
            let end = End::with(code, "planned", &summary);
            return Ok(Step::Ended(Box::new(end)));
        }
        if let Some(refused) = planned.outcome.refusal() {
            let stopped = ScriptFailure::from(refused);
            self.report.stopped(self.env, &stopped)?;
            let end = End::stopped(stopped, &summary);
            return Ok(Step::Ended(Box::new(end)));
        }
        Ok(Step::Agree {
            plan: planned.outcome.plan,
            summary,
            pending,
        })
    }

    /// Applies what was planned.
    pub(super) fn go_on(&self, step: Step) -> Result<End, Failure> {
        match step {
            Step::Ended(end) => Ok(*end),
            Step::Apply { plan, .. } => self.apply(plan, None),
            Step::Agree { plan, .. } => {
                let _lock = lock(self.env, &self.place, &self.name)?;
                let journal = self.journal()?;
                self.apply(plan, journal)
            }
        }
    }

    fn journal(&self) -> Result<Option<Journal>, Failure> {
        let past = self.past.as_deref();
        let name = self.work.name();
        let about = journal::About {
            run: &self.name,
            playbook: &name,
            ..journal::About::default()
        };
        let about = match &self.work {
            Work::Playbook { playbook, .. } => journal::About {
                text: &playbook.source,
                asked: Some(self.asked),
                resumes: past,
                ..about
            },
            Work::Undo { .. } => journal::About {
                undoes: past,
                ..about
            },
        };
        journal::start(self.env, &self.place, &about)
    }

    /// Writes the plan as scripts, and applies nothing.
    fn emit(&self, emit: &Emit, summary: &Summary, pending: usize) -> Result<End, Failure> {
        match pending {
            0 => self.report.nothing_to_change(summary, true)?,
            _ => self.report.show_plan(summary)?,
        }
        let Work::Playbook {
            bundle, playbook, ..
        } = &self.work
        else {
            return Ok(End::with(ExitCode::DONE, "planned", summary));
        };
        let written = emit.write(self.env, bundle, playbook, &self.place.organization)?;
        for file in written {
            self.report.say(&format!("written: {}", clean(file)))?;
        }
        let emitted = written.map(str::to_owned).into();
        let code = match (pending, self.asked.exit_code) {
            (1.., true) => ExitCode::CHANGES,
            _ => ExitCode::DONE,
        };
        Ok(End {
            emitted,
            ..End::with(code, "planned", summary)
        })
    }

    /// Asks the person whether to apply.
    fn agreed(&self, pending: usize) -> Result<bool, Failure> {
        let name = clean(&self.place.organization.name);
        let what = count(pending, "change", "changes");
        match self.env.ask(&format!("apply {what} to {name}?"))? {
            Some(answer) => Ok(answer),
            None => Err(
                Failure::input("there is nobody to ask whether to apply this plan")
                    .with_hint("add --apply to apply it without asking, or --plan to only show it"),
            ),
        }
    }

    fn apply(&self, plan: Plan, journal: Option<Journal>) -> Result<End, Failure> {
        let path = journal.as_ref().map(|journal| journal.path().to_owned());
        let applied = self.pass(Mode::Apply, Some(plan), journal)?;
        let outcome = &applied.outcome;
        let code = verdict_code(outcome);
        let word = match code {
            ExitCode::DONE => "done",
            ExitCode::REFUTED => "a check failed",
            _ => "no check could be made",
        };
        let mut end = End::with(code, word, &outcome.summary);
        self.report.done(&outcome.summary, applied.result.is_ok())?;
        if let Err(stopped) = &applied.result {
            end.code = ExitCode::of(&stopped.failure, applied.writes());
            end.outcome = match applied.writes() {
                0 => "failed",
                _ => "partly applied",
            };
            self.report.stopped(self.env, stopped)?;
            end.stopped = Some(stopped.clone());
            if applied.writes() > 0 {
                // Of the lab of this process, nothing is left to go on with.
                end.resume = (!self.place.is_own_lab()).then(|| self.resume());
                self.report
                    .partly_applied(&applied, end.resume.as_deref())?;
            }
        }
        if let (Some(half), Ok(())) = (&self.half, &applied.result) {
            for line in half.finish(self.env)? {
                self.report.aside(self.env, &line)?;
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
        let asks = self.asked.step && mode == Mode::Apply;
        let session = session::Options {
            mode,
            read_secret: Arc::clone(&self.read_secret),
            listeners: self.listeners(mode, journal),
            expected,
            ..self
                .place
                .session(self.env, &self.runtime, &self.work.name(), &self.name)
        };
        let options = HostOptions {
            inputs: self.inputs.clone(),
            only: half::split(&self.asked.only)?.1,
            start_at: self.asked.start_at.clone(),
            ask_step: asks.then(|| self.steps.question(self.env)),
            ..self.files.grant()
        };
        match &self.work {
            Work::Playbook {
                bundle,
                playbook,
                open,
            } => {
                let (bundle, playbook, open) = (bundle.clone(), playbook.clone(), open.clone());
                let (half, only) = (self.half.clone(), options.only.clone());
                pass_without_engine(session, move |session| {
                    undo::settle(session, &open)?;
                    if let Some(half) = &half {
                        half.keep(session)?;
                    }
                    if session.mode() == Mode::Plan {
                        session.preflight(&needs(&bundle, &playbook, &only))?;
                    }
                    let host = Host::new(session.clone(), bundle, options)?;
                    host.run(&playbook)?;
                    match &half {
                        Some(half) if mode == Mode::Apply => half.gather(&host),
                        _ => Ok(()),
                    }
                })
            }
            Work::Undo { writes, .. } => {
                let writes = Arc::clone(writes);
                pass_without_engine(session, move |session| take_back_all(session, &writes))
            }
        }
    }

    /// Who hears a pass.
    fn listeners(&self, mode: Mode, journal: Option<Journal>) -> Vec<Box<dyn Listener>> {
        let mut listeners = vec![self.report.listener()];
        if let Some(journal) = journal {
            // The journal first: what could not be recorded is not shown as done either.
            listeners.insert(0, Box::new(journal));
        }
        if let Some(beside) = &self.beside {
            listeners.push(Box::new(beside.clone()));
        }
        if mode == Mode::Plan {
            listeners.push(Box::new(self.steps.clone()));
            if let Some(emit) = &self.emit {
                listeners.push(Box::new(emit.listener()));
            }
        }
        if let Some(half) = &self.half {
            listeners.push(half.listener());
        }
        listeners
    }

    /// The command that goes on from here; both start by reading what is there.
    fn resume(&self) -> String {
        let apply = if self.asked.apply { " --apply" } else { "" };
        match &self.work {
            Work::Undo { run, .. } => format!("exoauth undo {run}{apply}"),
            Work::Playbook { .. } => format!("exoauth resume {}{apply}", self.name),
        }
    }

    /// Tells Ctrl-C from the system's request to end.
    pub(super) fn signalled(&self, code: ExitCode) -> ExitCode {
        match code {
            ExitCode::INTERRUPTED if self.env.terminated.load(Ordering::SeqCst) => {
                ExitCode::TERMINATED
            }
            code => code,
        }
    }
}

/// Takes back what can be. While planning, what is refused is shown, and the rest can still be agreed to.
fn take_back_all(session: &Session, writes: &[Write]) -> Result<(), ScriptFailure> {
    let refused = undo::take_back(session, writes)?;
    let goes_on = session.mode() == Mode::Plan && session.changes_so_far() > 0;
    match refused.len() {
        0 => Ok(()),
        _ if goes_on => Ok(()),
        1 => Err(refused.into_iter().next().unwrap_or_else(conflict).into()),
        number => Err(Failure::new(
            FailureKind::Conflict,
            format!("{number} changes are not taken back"),
        )
        .with_hint("each is named above with what differs")
        .into()),
    }
}

fn conflict() -> Failure {
    Failure::new(FailureKind::Conflict, "a change is not taken back")
}
