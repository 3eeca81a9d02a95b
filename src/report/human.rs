//! [`HumanReport`]: a run as a person reads it.
//!
//! The first line names the organization. Results go to standard output; what passes by, such as what is being read,
//! goes to standard error. The plan pass is kept back until it is known whether there is anything to show.

use crate::failure::Failure;
use crate::report::{Paint, Stream, clean, failure, organization_line, plan, remark_lines};
use crate::session::Mode;
use crate::session::event::{
    Event, Level, Listener, Progress, StepOutcome, Summary, Verdict, VerdictOutcome,
};
use crate::words::count;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where and how a human report is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// For results.
    pub output: Stream,
    /// For what passes by and for questions.
    pub error: Stream,
    /// How results are written.
    pub paint: Paint,
    /// How what passes by is written; without colors, nothing is overwritten in place.
    pub error_paint: Paint,
    /// Whether each change shows its call.
    pub explain: bool,
    /// Whether nothing real is behind the organization.
    pub simulated: bool,
}

/// Writes events for people; clones write the same report.
#[derive(Clone, Debug)]
pub struct HumanReport {
    options: Options,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    mode: Option<Mode>,
    named: bool,
    /// The lines of the plan pass, until they are shown.
    kept: Vec<String>,
    /// The headings above the next line, not written yet.
    headings: Vec<String>,
    /// The title of the included playbook that the steps belong to.
    playbook: Option<String>,
    depth: usize,
    lines_in_step: usize,
    progress_shown: bool,
    /// Until when the lines of a plan pass are kept back; for good where there is no such moment.
    kept_until: Option<Instant>,
    /// How long a pass may keep its lines back.
    patience: Option<Duration>,
}

impl State {
    /// Whether the lines of the pass wait until it is known whether there is anything to show.
    fn keeps_back(&self) -> bool {
        self.mode == Some(Mode::Plan) && self.kept_until.is_none_or(|until| Instant::now() < until)
    }
}

impl HumanReport {
    /// Makes a report that has not said anything yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            state: Arc::default(),
        }
    }

    /// Makes a report for the passes of a conversation, where the organization was named before.
    ///
    /// What a line says does not wait for its end when that takes more than a second.
    pub fn of_conversation(options: Options) -> Self {
        let report = Self::new(options);
        let mut state = report.state();
        state.named = true;
        state.patience = Some(Duration::from_secs(1));
        drop(state);
        report
    }

    /// Shows the plan pass: its changes under their steps, and their counts.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn show_plan(&self, summary: &Summary) -> Result<(), Failure> {
        self.show_kept()?;
        let mut state = self.state();
        self.write(&mut state, "")?;
        let counts = plan::counts(summary, false);
        self.write(&mut state, &format!("plan: {counts}"))?;
        if summary.partial {
            let warning = "the plan is incomplete: a value in it is known only after applying";
            let mark = self.options.paint.text(Paint::OPEN, "?");
            self.write(&mut state, &format!("{mark} {warning}"))?;
        }
        Ok(())
    }

    /// Shows the lines of the plan pass without a count, as after a failure.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn show_kept(&self) -> Result<(), Failure> {
        let mut state = self.state();
        for line in std::mem::take(&mut state.kept) {
            self.write(&mut state, &line)?;
        }
        Ok(())
    }

    /// Forgets the lines of the plan pass, when the apply pass says the same.
    pub fn drop_kept(&self) {
        self.state().kept.clear();
    }

    /// Says that there is nothing to do, and why.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn nothing_to_change(&self, summary: &Summary) -> Result<(), Failure> {
        self.show_kept()?;
        let same = summary.changes.get("same").copied().unwrap_or(0);
        let why = match same {
            0 => "the playbook asked for no change".to_owned(),
            1 => "1 object is as it should be".to_owned(),
            many => format!("{many} objects are as they should be"),
        };
        let mut state = self.state();
        self.write(&mut state, "")?;
        self.write(&mut state, &format!("nothing is to be changed: {why}"))
    }

    /// Says what an apply pass did, and whether it came to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn done(&self, summary: &Summary, completely: bool) -> Result<(), Failure> {
        let mut state = self.state();
        self.write(&mut state, "")?;
        let mut parts = Vec::new();
        let changes = plan::counts(summary, true);
        if !changes.is_empty() {
            parts.push(changes);
        }
        let verdicts = verdict_counts(summary);
        if !verdicts.is_empty() {
            parts.push(verdicts);
        }
        if parts.is_empty() {
            parts.push("nothing was asked for".to_owned());
        }
        let word = if completely { "done" } else { "stopped" };
        self.write(&mut state, &format!("{word}: {}", parts.join("; ")))?;
        self.write(&mut state, &requests(summary))
    }

    /// Writes a line that belongs to the result.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn say(&self, line: &str) -> Result<(), Failure> {
        self.write(&mut self.state(), line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &mut State, line: &str) -> Result<(), Failure> {
        self.clear_progress(state);
        self.options.output.line(line)
    }

    /// Writes a line of the current pass, with the headings it stands under.
    fn put(&self, state: &mut State, line: &str) -> Result<(), Failure> {
        let mut lines = std::mem::take(&mut state.headings);
        lines.push(format!("{}{line}", "  ".repeat(state.depth)));
        state.lines_in_step += 1;
        if state.keeps_back() {
            state.kept.extend(lines);
            return Ok(());
        }
        let kept = std::mem::take(&mut state.kept);
        for line in kept.into_iter().chain(lines) {
            self.write(state, &line)?;
        }
        Ok(())
    }

    /// Writes a sentence of the current pass after its beginning, folded where a person reads along.
    fn put_sentence(&self, state: &mut State, beginning: &str, text: &str) -> Result<(), Failure> {
        let indent = 2 * state.depth;
        let lines = self.options.paint.sentence(beginning, &clean(text), indent);
        lines.iter().try_for_each(|line| self.put(state, line))
    }

    fn started(&self, state: &mut State, event: &Event) -> Result<(), Failure> {
        let Event::RunStarted {
            organization,
            description,
            playbook,
            mode,
            ..
        } = event
        else {
            return Ok(());
        };
        state.mode = Some(*mode);
        state.kept.clear();
        state.kept_until = state.patience.map(|patience| Instant::now() + patience);
        (state.depth, state.lines_in_step) = (0, 0);
        state.playbook = None;
        state.headings.clear();
        if !state.named {
            state.named = true;
            let paint = self.options.paint;
            let name = paint.text(Paint::STRONG, clean(organization));
            self.write(state, &organization_line(name, self.options.simulated))?;
            self.write(state, &format!("              {}", clean(description)))?;
            self.write(state, &format!("playbook:     {}", clean(playbook)))?;
        }
        Ok(())
    }

    fn playbook(&self, state: &mut State, name: &str, title: &str) {
        state.headings = vec![String::new(), self.heading(name, title)];
        state.playbook = Some(title.to_owned());
        state.depth = 1;
    }

    /// A step of the title of its playbook needs no heading of its own.
    fn step(&self, state: &mut State, id: &str, title: &str) {
        state.lines_in_step = 0;
        state.depth = match state.playbook.as_deref() {
            None => {
                state.headings = vec![String::new(), self.heading(id, title)];
                1
            }
            Some(above) if above == title => 1,
            Some(_) => {
                let heading = self.heading(id, title);
                state.headings.push(format!("  {heading}"));
                2
            }
        };
    }

    fn heading(&self, name: &str, title: &str) -> String {
        let name = self.options.paint.text(Paint::STRONG, clean(name));
        format!("{name}  {}", clean(title))
    }

    fn step_finished(&self, state: &mut State, outcome: StepOutcome) -> Result<(), Failure> {
        let quiet = |text| self.options.paint.text(Paint::QUIET, text);
        match outcome {
            StepOutcome::Skipped => self.put(state, &quiet("skipped"))?,
            StepOutcome::Left => self.put(state, &quiet("left to the other half"))?,
            StepOutcome::Same if state.lines_in_step == 0 => {
                self.put(state, &quiet("nothing to change"))?;
            }
            StepOutcome::Failed => {
                self.put(state, &self.options.paint.text(Paint::BAD, "failed"))?;
            }
            StepOutcome::Same | StepOutcome::Changed => {}
        }
        state.headings.clear();
        state.depth = usize::from(state.playbook.is_some());
        Ok(())
    }

    fn verdict(&self, state: &mut State, verdict: &Verdict) -> Result<(), Failure> {
        let paint = self.options.paint;
        let word = match verdict.outcome {
            VerdictOutcome::Passed => paint.text(Paint::GOOD, "passed"),
            VerdictOutcome::Failed => paint.text(Paint::BAD, "failed"),
            VerdictOutcome::NotAsked => paint.text(Paint::OPEN, "could not be asked"),
        };
        self.put(state, &format!("{word}: {}", clean(&verdict.title)))?;
        for line in verdict.detail.iter().flat_map(|detail| detail.lines()) {
            self.put_sentence(state, "  ", line)?;
        }
        for line in verdict.hint.iter().flat_map(|hint| hint.lines()) {
            let hint = format!("  {}: ", paint.text(Paint::OPEN, "hint"));
            self.put_sentence(state, &hint, line)?;
        }
        Ok(())
    }

    /// Shows what is going on in the last line of the window, to be overwritten; elsewhere nothing.
    fn progress(&self, state: &mut State, text: &str) {
        let paint = self.options.error_paint;
        if !paint.colors {
            return;
        }
        let text: String = clean(text)
            .chars()
            .take(paint.width.saturating_sub(1))
            .collect();
        state.progress_shown = true;
        let shown = format!("\r\u{1b}[K{}", paint.text(Paint::QUIET, text));
        unimportant(&self.options.error.text(&shown));
    }

    /// Shows how far a cmdlet is: `Move-X: copying, 3 of 7 (40 %)`.
    fn progress_of(&self, state: &mut State, cmdlet: &str, progress: &Progress) {
        if progress.completed {
            self.clear_progress(state);
            return;
        }
        let status = progress.status.as_ref();
        let status = status.map_or_else(String::new, |status| format!(", {status}"));
        // A server that does not know says -1.
        let percent = progress
            .percent
            .filter(|percent| (0..=100).contains(percent));
        let percent = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
        let activity = &progress.activity;
        self.progress(state, &format!("{cmdlet}: {activity}{status}{percent}"));
    }

    fn clear_progress(&self, state: &mut State) {
        if std::mem::take(&mut state.progress_shown) {
            unimportant(&self.options.error.text("\r\u{1b}[K"));
        }
    }

    fn aside(&self, state: &mut State, text: &str) -> Result<(), Failure> {
        self.clear_progress(state);
        self.options.error.line(&clean(text))
    }
}

/// What passes by may be lost: a closed standard error stops no run.
fn unimportant(written: &std::io::Result<()>) {
    if let Err(error) = written {
        tracing::debug!(%error, "progress cannot be shown");
    }
}

impl Listener for HumanReport {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        let report = &*self;
        let paint = report.options.paint;
        let state = &mut *report.state();
        match event {
            Event::RunStarted { .. } => report.started(state, event),
            Event::PlaybookStarted { name, title } => {
                report.playbook(state, name, title);
                Ok(())
            }
            Event::StepStarted { id, title } => {
                report.step(state, id, title);
                Ok(())
            }
            Event::StepFinished { outcome, .. } => report.step_finished(state, *outcome),
            Event::Said { level, text } => report.said(state, *level, text),
            Event::Reading { subject, .. } => {
                report.progress(state, &format!("reading {subject}"));
                Ok(())
            }
            Event::Planned { change } if state.mode == Some(Mode::Apply) => {
                report.put(state, &plan::done(change, paint))
            }
            Event::Planned { change } => {
                let lines = plan::planned(change, report.options.explain, paint);
                lines.iter().try_for_each(|line| report.put(state, line))
            }
            Event::Writing { change } => {
                report.progress(state, &format!("writing {}", change.subject));
                Ok(())
            }
            Event::Written { change, .. } => report.put(state, &plan::done(change, paint)),
            Event::WriteFailed { change, .. } => {
                let mark = paint.text(Paint::BAD, "! failed");
                let subject = clean(&change.subject.to_string());
                report.put(state, &format!("{mark} {subject}"))
            }
            Event::Testing { subject, call, .. } => {
                let words = ["asking", "ask"];
                report.later(state, words, &subject.to_string(), call)
            }
            Event::Refreshing { subject, call, .. } => {
                let words = ["refreshing", "refresh"];
                report.later(state, words, &subject.to_string(), call)
            }
            Event::Verdict(verdict) => report.verdict(state, verdict),
            Event::ServiceWarning { plane, text } => {
                let mark = paint.text(Paint::CHANGED, "warning");
                report.put_sentence(state, &format!("{mark}: {plane}: "), text)
            }
            Event::Progress {
                cmdlet, progress, ..
            } => {
                report.progress_of(state, cmdlet, progress);
                Ok(())
            }
            Event::ServiceSaid {
                plane,
                verbose,
                text,
            } => {
                remark_lines(*plane, *verbose, text).try_for_each(|line| report.aside(state, &line))
            }
            Event::Waiting {
                reason,
                milliseconds,
            } => {
                let seconds = milliseconds.div_ceil(1000);
                report.aside(state, &format!("waiting {seconds} s: {reason}"))
            }
            // The front door says how a run ended, with the place in the script.
            Event::Failed { .. } | Event::RunFinished(_) => {
                report.clear_progress(state);
                Ok(())
            }
        }
    }
}

impl HumanReport {
    fn said(&self, state: &mut State, level: Level, text: &str) -> Result<(), Failure> {
        let mut lines = text.lines();
        let mark = match level {
            Level::Info => String::new(),
            Level::Warning => self.options.paint.text(Paint::CHANGED, "warning") + ": ",
        };
        self.put_sentence(state, &mark, lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| self.put_sentence(state, "", line))
    }

    /// What is done while applying only: the word for now, and the one for later.
    fn later(
        &self,
        state: &mut State,
        [now, later]: [&str; 2],
        subject: &str,
        call: &str,
    ) -> Result<(), Failure> {
        if state.mode == Some(Mode::Apply) {
            self.progress(state, &format!("{now} {subject}"));
        } else {
            let text = format!("? {later} after applying");
            let mark = self.options.paint.text(Paint::OPEN, text);
            self.put(state, &format!("{mark}: {}", clean(subject)))?;
        }
        if self.options.explain {
            let call = format!("    > {}", clean(call));
            self.put(state, &self.options.paint.text(Paint::QUIET, call))?;
        }
        Ok(())
    }
}

/// Draws what went wrong where no pass is running.
///
/// # Errors
///
/// When it cannot be written.
pub fn complain(stream: &Stream, failure: &Failure, paint: Paint) -> Result<(), Failure> {
    let lines = failure::lines(failure, paint);
    lines.iter().try_for_each(|line| stream.line(line))
}

pub(crate) fn verdict_counts(summary: &Summary) -> String {
    let of = |outcome: VerdictOutcome| summary.verdicts.get(outcome.word()).copied().unwrap_or(0);
    let words = [
        (VerdictOutcome::Passed, "passed"),
        (VerdictOutcome::Failed, "failed"),
        (VerdictOutcome::NotAsked, "could not be asked"),
    ];
    let parts: Vec<String> = words
        .into_iter()
        .filter(|(outcome, _)| of(*outcome) > 0)
        .map(|(outcome, word)| format!("{} {word}", count(of(outcome), "check", "checks")))
        .collect();
    parts.join(", ")
}

/// `38 requests (graph 2, on-premises 36) in 0.31 s`.
pub(crate) fn requests(summary: &Summary) -> String {
    let total: u64 = summary.requests.values().sum();
    let planes: Vec<String> = summary
        .requests
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(plane, number)| format!("{plane} {number}"))
        .collect();
    let where_to = match planes.is_empty() {
        true => String::new(),
        false => format!(" ({})", planes.join(", ")),
    };
    let total = count(
        usize::try_from(total).unwrap_or(usize::MAX),
        "request",
        "requests",
    );
    let (seconds, hundredths) = (
        summary.milliseconds / 1000,
        summary.milliseconds % 1000 / 10,
    );
    format!("{total}{where_to} in {seconds}.{hundredths:02} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::Event;
    use crate::subject::Plane;
    use std::io::{self, Write};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// What stands on both streams after a cmdlet has spoken.
    fn heard(colors: bool) -> (String, String) {
        let (output, error) = (Kept::default(), Kept::default());
        let paint = Paint {
            colors,
            width: 48,
            folds: false,
        };
        let mut report = HumanReport::new(Options {
            output: Stream::new(output.clone()),
            error: Stream::new(error.clone()),
            paint: Paint {
                colors: false,
                ..paint
            },
            error_paint: paint,
            explain: false,
            simulated: false,
        });
        let progress = |percent, completed| Event::Progress {
            plane: Plane::OnPremises,
            cmdlet: "Update-X".to_owned(),
            progress: Progress {
                activity: "Copying\u{1b}[2J".to_owned(),
                status: Some("3 of 7".to_owned()),
                percent: Some(percent),
                completed,
            },
        };
        let said = |verbose, text: &str| Event::ServiceSaid {
            plane: Plane::OnPremises,
            verbose,
            text: text.to_owned(),
        };
        for event in [
            progress(40, false),
            progress(-1, false),
            said(true, "first\nsecond"),
            said(false, "done\u{7}"),
            progress(100, true),
        ] {
            report.hear(&event).unwrap();
        }
        (output.text(), error.text())
    }

    #[test]
    fn progress_is_overwritten_at_a_terminal_and_left_out_elsewhere() {
        let said =
            "verbose: on-premises: first\nverbose: on-premises: second\non-premises: done\\u{7}\n";
        assert_eq!(heard(false), (String::new(), said.to_owned()));
        let (output, error) = heard(true);
        assert_eq!(output, "");
        assert!(!error.contains("\u{1b}[2J"), "{error:?}");
        let (shown, rest) = error.split_once("verbose: ").unwrap();
        assert!(
            shown.starts_with("\r\u{1b}[K")
                && shown.contains("Update-X: Copying\\u{1b}[2J, 3 of 7 (40 %)")
                && shown.contains("Update-X: Copying\\u{1b}[2J, 3 of 7\u{1b}")
                && shown.ends_with("\r\u{1b}[K"),
            "{shown:?}"
        );
        assert_eq!(format!("verbose: {rest}"), said);
    }
}
