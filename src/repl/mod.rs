//! The conversation: a prompt for scripts, where a line that writes is planned, shown, asked for, and applied.
//!
//! [`converse`] is the whole of it. The editor is on the thread that calls; the engine has one of its own, and one
//! session for the whole conversation, so that a connection lasts from line to line. What a line is, and which words
//! begin with a colon, is decided here; what the outside is (files, signals, other organizations) is an [`Outside`].

mod command;
mod complete;
mod editor;
mod save;
mod secrets;
mod show;
mod text;

pub use command::{Argument, COMMANDS, Command, Format, Known, Writes};
pub use complete::{Candidate, Knowledge, Names};
pub use editor::{Editor, Line, Lines};
pub use show::{effect, explain};

use save::Said;

use crate::failure::{Failure, FailureKind};
use crate::report::human::{self, HumanReport};
use crate::report::{Paint, Stream, clean, organization_line};
use crate::script::{
    Bundle, EngineThread, Host, HostOptions, Memory, Playbook, ScriptFailure, Severity,
    check_script, throw,
};
use crate::session::event::{Event, Summary};
use crate::session::plan::Plan;
use crate::session::{self, Interrupt, Mode, Outcome, Pass, Session};
use crate::value::Value;
use crate::words::{count, did_you_mean};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The organization that a conversation speaks to, and what comes with it.
pub struct Site {
    /// What the session is started with; the report of the conversation listens too.
    pub session: session::Options,
    /// What the host is made with.
    pub host: HostOptions,
    /// Whether nothing real is behind it.
    pub simulated: bool,
    /// Where the journal is, once something was written.
    pub journal: Arc<Mutex<Option<PathBuf>>>,
    /// What has to live as long.
    pub keep: Box<dyn Any>,
}

/// What a conversation needs of the world outside.
pub trait Outside {
    /// Opens an organization; the lab if none is named.
    ///
    /// # Errors
    ///
    /// When there is none of that name, or it cannot be opened.
    fn open(&self, organization: Option<&str>) -> Result<Site, Failure>;

    /// Lets the person edit a text.
    ///
    /// # Errors
    ///
    /// When there is no editor.
    fn edit(&self, text: &str) -> Result<String, Failure>;

    /// The file of a playbook of one's own, by its name or path; `None` for one that is shipped.
    ///
    /// # Errors
    ///
    /// When there is none.
    fn own_file(&self, playbook: &str) -> Result<Option<PathBuf>, Failure>;

    /// Makes a copy of one's own of a shipped playbook, and says where it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn fork(&self, playbook: &str) -> Result<PathBuf, Failure>;

    /// Lets the person edit a file.
    ///
    /// # Errors
    ///
    /// When there is no editor.
    fn edit_file(&self, file: &Path) -> Result<(), Failure>;

    /// Shows a long text page by page; `false` where there is no program for that.
    ///
    /// # Errors
    ///
    /// When it cannot be shown.
    fn page(&self, text: &str) -> Result<bool, Failure>;

    /// Reads a file that the person named.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, file: &str) -> Result<String, Failure>;

    /// Writes a new file that the person named, and says where it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or is there already.
    fn write(&self, file: &str, text: &str) -> Result<PathBuf, Failure>;

    /// Finds a playbook by its name or path.
    ///
    /// # Errors
    ///
    /// When there is none, or its header is wrong.
    fn playbook(&self, name: &str) -> Result<Playbook, ScriptFailure>;

    /// Reads `name=value` words.
    ///
    /// # Errors
    ///
    /// When one is not such a word.
    fn inputs(&self, words: &[String]) -> Result<BTreeMap<String, Value>, Failure>;

    /// Lets scripts touch the files that these inputs name, and no others.
    fn grant(&self, inputs: &BTreeMap<String, Value>);

    /// Whether a plan met a file that applying would write.
    fn file_pending(&self) -> bool;

    /// Shows what is sent and received, or stops that.
    ///
    /// # Errors
    ///
    /// When it cannot be switched.
    fn trace(&self, on: bool) -> Result<(), Failure>;

    /// Says whether something is being done, so that Ctrl-C is meant for it.
    fn busy(&self, busy: bool);

    /// Whether the system asked the program to end.
    fn ending(&self) -> bool;

    /// The date of today, for people.
    fn today(&self) -> String;
}

/// The streams of a conversation.
#[derive(Clone)]
pub struct Streams {
    /// For values.
    pub output: Stream,
    /// For progress, questions and errors.
    pub error: Stream,
    /// How values are written.
    pub paint: Paint,
    /// How the rest is written.
    pub error_paint: Paint,
    /// Whether a person reads the values at a terminal.
    pub terminal: bool,
}

/// Speaks with the person until they leave.
///
/// # Errors
///
/// When the organization cannot be opened, or the person can no longer be spoken with.
pub fn converse(
    outside: &dyn Outside,
    lines: &mut dyn Lines,
    knowledge: &Arc<Knowledge>,
    bundle: Bundle,
    streams: &Streams,
    organization: Option<&str>,
) -> Result<(), Failure> {
    let running = Running::start(outside, &bundle, streams, organization)?;
    knowledge.set_host(Some(Arc::clone(&running.host)));
    let mut conversation = Conversation {
        outside,
        lines,
        knowledge,
        bundle,
        streams,
        running,
        writes: Writes::default(),
        format: Format::default(),
        said: Vec::new(),
        last_text: String::new(),
        last: None,
    };
    conversation.greet()?;
    let result = conversation.go_on();
    conversation.knowledge.set_host(None);
    conversation.running.leave();
    result
}

/// A session and its engine, with what they live on.
struct Running {
    host: Arc<Host>,
    session: Arc<Session>,
    thread: EngineThread,
    report: HumanReport,
    interrupt: Interrupt,
    organization: Option<String>,
    simulated: bool,
    journal: Arc<Mutex<Option<PathBuf>>>,
    _keep: Box<dyn Any>,
}

/// What is evaluated.
#[derive(Clone)]
enum Work {
    /// Lines, and the file they are from; nothing at the prompt.
    Lines { file: String, text: String },
    /// A playbook with inputs.
    Playbook {
        playbook: Box<Playbook>,
        inputs: BTreeMap<String, Value>,
    },
}

impl Work {
    fn title(&self) -> &str {
        match self {
            Self::Lines { .. } => "the prompt",
            Self::Playbook { playbook, .. } => &playbook.name,
        }
    }

    fn run(&self, host: &Host) -> Result<Value, ScriptFailure> {
        match self {
            Self::Lines { file, text } => host.eval_to_show(file, text),
            Self::Playbook { playbook, inputs } => {
                host.give(inputs.clone());
                let result = host.run(playbook);
                host.give(BTreeMap::new());
                result.map(|()| Value::Null)
            }
        }
    }
}

/// What a pass came to.
struct Passed {
    memory: Memory,
    result: Result<Value, ScriptFailure>,
    outcome: Outcome,
}

impl Running {
    fn start(
        outside: &dyn Outside,
        bundle: &Bundle,
        streams: &Streams,
        organization: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut site = outside.open(organization)?;
        let report = HumanReport::of_conversation(human::Options {
            output: streams.output.clone(),
            error: streams.error.clone(),
            paint: streams.paint,
            error_paint: streams.error_paint,
            explain: true,
            simulated: site.simulated,
        });
        site.session.listeners.push(Box::new(report.clone()));
        let interrupt = site.session.interrupt.clone();
        let thread = EngineThread::start()?;
        let (options, bundle) = (site.host, bundle.clone());
        let session = Session::start(site.session)?;
        let speaking = Arc::clone(&session);
        let host = thread.run(move || Host::new(speaking, bundle, options))??;
        Ok(Self {
            host,
            session,
            thread,
            report,
            interrupt,
            organization: organization.map(str::to_owned),
            simulated: site.simulated,
            journal: site.journal,
            _keep: site.keep,
        })
    }

    fn name(&self) -> String {
        clean(&self.session.organization().name)
    }

    /// Runs one pass on the engine's thread.
    fn pass(&self, work: &Work, mode: Mode, expected: Option<Plan>) -> Result<Passed, Failure> {
        self.interrupt.lower();
        let (host, session) = (Arc::clone(&self.host), Arc::clone(&self.session));
        let work = work.clone();
        self.thread.run(move || {
            let memory = host.remember();
            session.begin(Pass {
                playbook: work.title().to_owned(),
                mode,
                expected,
            })?;
            let result = work.run(&host);
            if let Err(stopped) = &result {
                let failed = Event::Failed {
                    failure: stopped.failure.clone(),
                };
                if let Err(deaf) = session.announce(&failed) {
                    tracing::warn!(%deaf, "the failure could not be announced");
                }
            }
            Ok(Passed {
                memory,
                result,
                outcome: session.end(),
            })
        })?
    }

    /// Closes the roads; a remote shell that stays would be missing to others.
    fn leave(&self) {
        self.interrupt.lower();
        let session = Arc::clone(&self.session);
        if let Err(failure) = self.thread.run(move || session.finish()) {
            tracing::warn!(%failure, "the session could not be closed");
        }
    }
}

struct Conversation<'world> {
    outside: &'world dyn Outside,
    lines: &'world mut dyn Lines,
    knowledge: &'world Arc<Knowledge>,
    bundle: Bundle,
    streams: &'world Streams,
    running: Running,
    writes: Writes,
    format: Format,
    /// What did what it should, to be saved.
    said: Vec<Said>,
    last_text: String,
    last: Option<Summary>,
}

impl Conversation<'_> {
    fn greet(&self) -> Result<(), Failure> {
        let organization = self.running.session.organization();
        let cloud = organization
            .cloud
            .map_or("cloud to be found", |cloud| cloud.word());
        let paint = self.streams.error_paint;
        let name = paint.text(Paint::STRONG, self.running.name());
        self.aside(&organization_line(name, self.running.simulated))?;
        self.aside(&format!(
            "              tenant {}, {cloud}",
            clean(&organization.tenant)
        ))?;
        let help = "Tab completes, :help explains, Ctrl-D leaves; a write is shown and asked for";
        self.aside(&paint.text(Paint::QUIET, help))
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        loop {
            let prompt = self.prompt();
            let line = match self.lines.next(&prompt)? {
                Line::Text(line) => line,
                Line::Dropped => continue,
                Line::End => return Ok(()),
            };
            let text = line.trim();
            self.outside.busy(true);
            let answered = match text.strip_prefix(':') {
                _ if text.is_empty() => continue,
                Some(command) => match Command::parse(command) {
                    Ok(Command::Quit) => return Ok(()),
                    Ok(command) => self.obey(command),
                    Err(failure) => Err(failure),
                },
                None => match (self.in_plain_words(text), command::of_the_shell(text)) {
                    (Some(Command::Quit), _) => return Ok(()),
                    (Some(command), _) => self.obey(command),
                    (None, Some(failure)) => Err(failure),
                    (None, None) => {
                        self.last_text = text.to_owned();
                        self.say_line("", text)
                    }
                },
            };
            self.outside.busy(false);
            if let Err(failure) = answered {
                human::complain(&self.streams.error, &failure, self.streams.error_paint)?;
            }
            if self.outside.ending() {
                return Ok(());
            }
        }
    }

    /// What a line means that is a command in other shells, unless there is a variable of that name.
    fn in_plain_words(&self, line: &str) -> Option<Command> {
        let command = Command::in_plain_words(line)?;
        let word = line.split_whitespace().next().unwrap_or_default();
        let variables = self.running.host.variables();
        (!variables.iter().any(|variable| variable == word)).then_some(command)
    }

    /// Plain, and in color: on a real organization, applying without asking is a warning.
    fn prompt(&self) -> (String, String) {
        let paint = self.streams.paint;
        let name = self.running.name();
        let (mode, style) = match self.writes {
            Writes::Ask => ("", Paint::GOOD),
            Writes::Plan => (" plan", Paint::OPEN),
            Writes::Apply if self.running.simulated => (" apply", Paint::CHANGED),
            Writes::Apply => (" apply", Paint::BAD),
        };
        let plain = format!("{name}{mode}> ");
        let styled = format!("{}> ", paint.text(style, format!("{name}{mode}")));
        (plain, styled)
    }

    /// Evaluates lines; those that did what they should are kept for a playbook.
    fn say_line(&mut self, file: &str, text: &str) -> Result<(), Failure> {
        let named = texts(text);
        self.outside.grant(&named);
        let work = Work::Lines {
            file: file.to_owned(),
            text: text.to_owned(),
        };
        if let Some(value) = self.evaluate(&work)? {
            self.said.push(Said::Lines {
                text: text.to_owned(),
                gave: value != Value::Null,
            });
        }
        Ok(())
    }

    /// Plans, shows, asks and applies; gives the value where all that was meant was done.
    fn evaluate(&mut self, work: &Work) -> Result<Option<Value>, Failure> {
        if self.writes == Writes::Apply {
            return self.apply(work, None);
        }
        let Passed {
            memory,
            result,
            outcome,
        } = self.running.pass(work, Mode::Plan, None)?;
        let report = self.running.report.clone();
        self.last = Some(outcome.summary.clone());
        let plan = outcome.plan;
        let pending = plan.pending();
        let value = match result {
            Ok(value) => value,
            Err(stopped) => {
                report.show_kept()?;
                if pending > 0 {
                    // What the line made of predictions must not stay.
                    self.running.host.recall(memory);
                }
                self.show_stopped(&stopped)?;
                return Ok(None);
            }
        };
        let to_do_here = !plan.tests.is_empty() || self.outside.file_pending();
        if pending == 0 && (!to_do_here || self.writes == Writes::Plan) {
            self.end_of_playbook(work, &outcome.summary, &report)?;
            report.show_kept()?;
            self.answer(work, &value)?;
            return Ok(Some(value));
        }
        self.running.host.recall(memory);
        if pending == 0 {
            report.drop_kept();
            return self.apply(work, Some(plan));
        }
        report.show_plan(&outcome.summary)?;
        if !self.agreed(pending)? {
            return Ok(None);
        }
        self.apply(work, Some(plan))
    }

    /// A playbook that changes nothing says so.
    fn end_of_playbook(
        &self,
        work: &Work,
        summary: &Summary,
        report: &HumanReport,
    ) -> Result<(), Failure> {
        match work {
            Work::Playbook { .. } => report.nothing_to_change(summary),
            Work::Lines { .. } => Ok(()),
        }
    }

    fn agreed(&mut self, pending: usize) -> Result<bool, Failure> {
        if self.writes == Writes::Plan {
            self.aside("only shown: nothing was changed, and variables are as before the line")?;
            return Ok(false);
        }
        let changes = count(pending, "change", "changes");
        let question = format!("apply {changes} to {}?", self.running.name());
        match self.lines.ask(&question)? {
            Some(true) => Ok(true),
            Some(false) => {
                self.aside(
                    "not applied: nothing was changed, and variables are as before the line",
                )?;
                Ok(false)
            }
            None => Err(
                Failure::input("there is nobody to ask whether to apply this plan")
                    .with_hint("write :apply before, to apply without asking"),
            ),
        }
    }

    fn apply(&mut self, work: &Work, expected: Option<Plan>) -> Result<Option<Value>, Failure> {
        let passed = self.running.pass(work, Mode::Apply, expected)?;
        let outcome = passed.outcome;
        let report = &self.running.report;
        let done = passed.result.is_ok();
        if matches!(work, Work::Playbook { .. }) || (!done && outcome.written > 0) {
            report.done(&outcome.summary, done)?;
        }
        self.last = Some(outcome.summary);
        match passed.result {
            Ok(value) => {
                self.answer(work, &value)?;
                Ok(Some(value))
            }
            Err(stopped) => {
                self.show_stopped(&stopped)?;
                Ok(None)
            }
        }
    }

    fn show_stopped(&self, stopped: &ScriptFailure) -> Result<(), Failure> {
        let paint = self.streams.error_paint;
        if stopped.failure.kind == FailureKind::Interrupted {
            return self.aside(&paint.text(Paint::CHANGED, "interrupted"));
        }
        if stopped.frames.is_empty() {
            return human::complain(&self.streams.error, &stopped.failure, paint);
        }
        self.aside(&throw::render(stopped, paint.colors))
    }

    /// Shows a value, unless the line ends with a semicolon.
    fn answer(&mut self, work: &Work, value: &Value) -> Result<(), Failure> {
        match work {
            Work::Lines { text, .. } if text.ends_with(';') => Ok(()),
            _ => self.show(value),
        }
    }

    fn show(&mut self, value: &Value) -> Result<(), Failure> {
        let window = self.lines.window();
        let width = window.map_or(self.streams.paint.width, |(columns, _)| columns);
        match show::value(value, self.format, width) {
            Some(text) => self.show_text(&text),
            None => Ok(()),
        }
    }

    /// Shows a text; one that does not fit the window page by page.
    fn show_text(&mut self, text: &str) -> Result<(), Failure> {
        let rows = self.lines.window().map(|(_, rows)| rows);
        match rows {
            Some(rows) if self.streams.terminal && text.lines().count() >= rows => {
                match self.outside.page(text)? {
                    true => Ok(()),
                    false => self.page_by_window(text, rows),
                }
            }
            _ => self.streams.output.line(text),
        }
    }

    /// Shows as much as fits the window, and more when that is wanted.
    fn page_by_window(&mut self, text: &str, rows: usize) -> Result<(), Failure> {
        let lines: Vec<&str> = text.lines().collect();
        let mut pages = lines.chunks(rows.saturating_sub(1).max(1)).peekable();
        while let Some(page) = pages.next() {
            self.streams.output.line(&page.join("\n"))?;
            if pages.peek().is_some() && !self.lines.more()? {
                break;
            }
        }
        Ok(())
    }

    fn aside(&self, line: &str) -> Result<(), Failure> {
        self.streams.error.line(line)
    }
}

/// What begins with a colon.
impl Conversation<'_> {
    fn obey(&mut self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Help(name) => self.help(name.as_deref()),
            Command::Vars => {
                let width = self
                    .lines
                    .window()
                    .map_or(self.streams.paint.width, |(columns, _)| columns);
                let text = show::variables(&self.running.host, width);
                self.show_text(&text)
            }
            Command::Writes(writes) => self.set_writes(writes),
            Command::Show(format) => {
                self.format = format;
                Ok(())
            }
            Command::Trace(on) => self.outside.trace(on),
            Command::Time => match &self.last {
                Some(summary) => self.streams.output.line(&human::requests(summary)),
                None => self.aside("nothing was evaluated yet"),
            },
            Command::Journal => self.journal(),
            Command::Load(file) => {
                let text = self.outside.read(&file)?;
                self.say_line(&file, &text)
            }
            Command::Edit(None) => {
                let text = self.outside.edit(&self.last_text)?;
                let text = text.trim().to_owned();
                if text.is_empty() {
                    return self.aside("nothing to evaluate");
                }
                self.last_text.clone_from(&text);
                self.streams.output.line(&text)?;
                self.lines.remember(&text);
                self.say_line("", &text)
            }
            Command::Edit(Some(playbook)) => self.edit_playbook(&playbook),
            Command::Run(name, inputs) => self.run(&name, &inputs),
            Command::Save(file) => self.save(&file),
            Command::Organization(organization) => self.move_to(organization.as_deref()),
            Command::Reset => {
                let organization = self.running.organization.clone();
                self.move_to(organization.as_deref())
            }
            Command::Clear => self.lines.clear(),
            Command::Quit => Ok(()),
        }
    }

    /// Opens a playbook in the editor, makes a copy of a shipped one where that is wanted, and checks what came back.
    fn edit_playbook(&mut self, name: &str) -> Result<(), Failure> {
        let file = match self.outside.own_file(name)? {
            Some(file) => file,
            None => {
                let question = format!("{name} is shipped with exoauth: edit a copy of your own?");
                if self.lines.ask(&question)? != Some(true) {
                    return self.aside("nothing was copied");
                }
                let file = self.outside.fork(name)?;
                self.aside(&format!(
                    "{} is run from now on; delete it to have the shipped one back",
                    file.display()
                ))?;
                file
            }
        };
        self.outside.edit_file(&file)?;
        let id = file.display().to_string();
        let text = self.outside.read(&id)?;
        let findings = check_script(&self.bundle, &id, &text);
        let findings = findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note);
        let mut good = true;
        for finding in findings {
            good &= finding.severity != Severity::Error;
            let colors = self.streams.error_paint.colors;
            self.aside(&finding.render(colors))?;
        }
        match good {
            true => self.aside(&format!("no mistake; :run {name} runs it")),
            false => self.aside(&format!(":edit {name} opens it again")),
        }
    }

    fn help(&mut self, name: Option<&str>) -> Result<(), Failure> {
        let paint = self.streams.paint;
        match show::help(self.knowledge.catalog(), name, paint) {
            Some(text) => self.show_text(&text),
            None => {
                let name = name.unwrap_or_default();
                let functions = self.knowledge.catalog().functions.iter();
                let names = functions.map(|function| function.name.as_str());
                let failure = Failure::input(format!("nothing here is called \"{name}\""));
                let all = || ":help lists everything".to_owned();
                Err(failure.with_hint(did_you_mean(name, names).unwrap_or_else(all)))
            }
        }
    }

    fn set_writes(&mut self, writes: Writes) -> Result<(), Failure> {
        self.writes = writes;
        let name = self.running.name();
        match writes {
            Writes::Ask => self.aside("lines that write are shown and asked for"),
            Writes::Plan => self.aside("lines that write are shown and not applied"),
            Writes::Apply => self.aside(&format!(
                "lines that write are applied to {name} without asking; :ask goes back"
            )),
        }
    }

    fn journal(&self) -> Result<(), Failure> {
        let journal = self.running.journal.lock();
        let journal = journal.unwrap_or_else(PoisonError::into_inner);
        match &*journal {
            Some(path) => self.streams.output.line(&path.display().to_string()),
            None => self.aside("nothing was written in this conversation, so there is no journal"),
        }
    }

    fn run(&mut self, name: &str, words: &[String]) -> Result<(), Failure> {
        let inputs = self.outside.inputs(words)?;
        let playbook = match self.outside.playbook(name) {
            Ok(playbook) => playbook,
            Err(stopped) => return self.show_stopped(&stopped),
        };
        self.outside.grant(&inputs);
        let name = playbook.name.clone();
        let said = match self.bundle.playbook(&name).is_ok() {
            true => Said::Played {
                playbook: Box::new(playbook.clone()),
                inputs: inputs.clone(),
            },
            false => Said::Lost(format!(
                "{name}, since only a playbook with a name can be run by another one"
            )),
        };
        let work = Work::Playbook {
            playbook: Box::new(playbook),
            inputs,
        };
        if self.evaluate(&work)?.is_some() {
            self.said.push(said);
        }
        Ok(())
    }

    fn save(&self, file: &str) -> Result<(), Failure> {
        let organization = self.running.name();
        let saved = save::playbook(&self.said, &organization, &self.outside.today());
        if saved.lines == 0 {
            let message = "there is no line to save yet";
            return Err(Failure::input(message)
                .with_hint("lines that failed, or whose changes were declined, are not saved"));
        }
        let path = self.outside.write(file, &saved.text)?;
        let lines = count(saved.lines, "line", "lines");
        self.streams
            .output
            .line(&format!("saved {lines} to {}", path.display()))?;
        saved
            .left_out
            .iter()
            .try_for_each(|what| self.aside(&format!("left out: {what}")))
    }

    /// Leaves the organization and starts anew with another one; where that cannot be opened, all stays as it is.
    fn move_to(&mut self, organization: Option<&str>) -> Result<(), Failure> {
        let next = Running::start(self.outside, &self.bundle, self.streams, organization)?;
        self.knowledge.set_host(Some(Arc::clone(&next.host)));
        let before = std::mem::replace(&mut self.running, next);
        before.leave();
        drop(before);
        self.said.clear();
        self.last = None;
        if self.writes == Writes::Apply {
            self.writes = Writes::Ask;
        }
        self.greet()
    }
}

/// The texts of a line, as names of files that a script may touch.
fn texts(line: &str) -> BTreeMap<String, Value> {
    let pieces = text::pieces(line);
    let texts = pieces
        .iter()
        .filter(|piece| piece.kind == text::Kind::Text && piece.closed && piece.text.len() > 1)
        .map(|piece| piece.text[1..piece.text.len() - 1].to_owned());
    texts
        .map(|text| (text.clone(), Value::Text(text)))
        .collect()
}
