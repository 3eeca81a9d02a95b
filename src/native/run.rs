//! Steps, messages, verdicts and the other things that a script does in a run and that ask no service.

use super::convert::{Unknown, to_dynamic, type_word};
use super::options::{self, Entry};
use super::{Thrown, throw};
use crate::failure::{Failure, FailureKind};
use crate::session::event::{Event, Level, StepOutcome, Verdict, VerdictOutcome};
use crate::session::{Mode, Session};
use crate::value::Value;
use crate::words::{did_you_mean, quoted};
use jiff::Timestamp;
use rhai::plugin::*;
use rhai::{Blob, FnPtr, ImmutableString, Map};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Reads a file for a script: its path as the script gave it.
pub type ReadFile = Arc<dyn Fn(&str) -> Result<Vec<u8>, Failure> + Send + Sync>;

/// Writes a file for a script: its path as the script gave it, and its bytes; while planning it only says whether it may.
pub type WriteFile = Arc<dyn Fn(Mode, &str, &[u8]) -> Result<(), Failure> + Send + Sync>;

/// Asks a person whether a step of that id and title is to be done; a failure stops the run.
pub type AskStep = Arc<dyn Fn(&str, &str) -> Result<bool, Failure> + Send + Sync>;

/// Runs another playbook of that name in the engine of the call.
pub type RunPlaybook = Arc<dyn Fn(&NativeCallContext, &str) -> Thrown<()> + Send + Sync>;

/// What the functions of this file need of the host; the engine carries it as its tag.
pub struct Surroundings {
    /// The session.
    pub session: Arc<Session>,
    /// Which steps run.
    pub choice: StepChoice,
    /// Asks before each step, where that is wanted.
    pub ask_step: Option<AskStep>,
    /// Reads files, where that is granted.
    pub read_file: Option<ReadFile>,
    /// Writes files, where that is granted.
    pub write_file: Option<WriteFile>,
    /// Runs another playbook.
    pub run_playbook: RunPlaybook,
}

/// Which steps of a run are asked for, by id or by the name of their playbook.
#[derive(Default)]
pub struct StepChoice {
    only: Vec<String>,
    waiting_for: Mutex<Option<String>>,
    playbooks: Mutex<Vec<String>>,
}

impl StepChoice {
    /// The choice of `--only` (all when empty) and `--start-at`.
    pub fn new(only: Vec<String>, start_at: Option<String>) -> Self {
        Self {
            only,
            waiting_for: Mutex::new(start_at),
            playbooks: Mutex::default(),
        }
    }

    /// Says that the steps that come belong to a playbook.
    pub fn enter(&self, playbook: &str) {
        locked(&self.playbooks).push(playbook.to_owned());
    }

    /// Says that the playbook that was entered last is over.
    pub fn leave(&self) {
        locked(&self.playbooks).pop();
    }

    /// Whether the step that comes is asked for.
    fn takes(&self, id: &str) -> bool {
        let playbooks = locked(&self.playbooks);
        let is_it = |wanted: &String| wanted == id || playbooks.contains(wanted);
        let mut waiting_for = locked(&self.waiting_for);
        if waiting_for.as_ref().is_some_and(is_it) {
            *waiting_for = None;
        }
        waiting_for.is_none() && (self.only.is_empty() || self.only.iter().any(is_it))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Surroundings {
    /// What the host gave the engine of a call.
    fn of(call: &NativeCallContext) -> Thrown<Arc<Self>> {
        call.tag()
            .and_then(|tag| tag.clone().try_cast::<Arc<Self>>())
            .ok_or_else(|| {
                throw(Failure::new(
                    FailureKind::Internal,
                    format!("{} was called outside a run", call.fn_name()),
                ))
            })
    }

    fn say(&self, level: Level, text: String) -> Thrown<()> {
        self.session
            .announce(&Event::Said { level, text })
            .map_err(throw)
    }
}

/// The inputs of the playbook, as scripts hold them: `inputs.tenant`.
#[derive(Clone, Default)]
pub struct Inputs {
    values: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl Inputs {
    /// Adds inputs with their values; one that may be left out and was is [`Value::Null`].
    pub fn add(&self, values: BTreeMap<String, Value>) {
        locked(&self.values).extend(values);
    }

    /// Takes these inputs in the place of those there were.
    pub fn replace(&self, values: BTreeMap<String, Value>) {
        *locked(&self.values) = values;
    }

    /// The inputs with their values.
    pub fn describe(&self) -> crate::value::Object {
        locked(&self.values).clone().into_iter().collect()
    }

    /// Whether there is an input of that name.
    pub fn has(&self, name: &str) -> bool {
        locked(&self.values).contains_key(name)
    }

    /// The names of the inputs.
    pub fn names(&self) -> Vec<String> {
        locked(&self.values).keys().cloned().collect()
    }

    fn get(&self, name: &str) -> Result<Dynamic, Failure> {
        let values = locked(&self.values);
        if let Some(value) = values.get(name) {
            return Ok(to_dynamic(value));
        }
        let known: Vec<&str> = values.keys().map(String::as_str).collect();
        let all = || match known.is_empty() {
            true => "no playbook with inputs is running; add it to the inputs of const PLAYBOOK"
                .to_owned(),
            false => format!("the playbook has {}", quoted(&known)),
        };
        let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(all);
        Err(Failure::input(format!("the playbook has no input \"{name}\"")).with_hint(hint))
    }
}

/// What a verdict may have besides its title and outcome.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictOptions {
    detail: Option<String>,
    hint: Option<String>,
}

/// The functions of this file.
pub(super) const ENTRIES: &[Entry] = &[
    Entry::plain("step"),
    Entry::plain("playbook"),
    Entry::plain("say"),
    Entry::plain("warn"),
    Entry::plain("verdict").with_options::<VerdictOptions>(),
    Entry::plain("planning"),
    Entry::plain("is_unknown"),
    Entry::plain("attempt"),
    Entry::plain("attempt_here"),
    Entry::plain("is_half_open"),
    Entry::plain("is_done_by_other_half"),
    Entry::plain("sleep"),
    Entry::plain("now"),
    Entry::plain("days_until"),
    Entry::plain("hours_until"),
    Entry::plain("hours_from_now"),
    Entry::plain("read_file"),
    Entry::plain("write_file"),
];

#[export_module]
pub(super) mod functions {
    #[rhai_fn(global, index_get, return_raw, pure)]
    pub fn input(inputs: &mut Inputs, name: &str) -> Thrown<Dynamic> {
        inputs.get(name).map_err(throw)
    }

    #[rhai_fn(global, name = "contains", pure)]
    pub fn has_input(inputs: &mut Inputs, name: &str) -> bool {
        inputs.has(name)
    }

    /// Does a part of a playbook that a person can name, skip or start at.
    ///
    /// Reports show whether it changed something. The value is that of the closure, `()` where the step is skipped.
    ///
    /// ```rhai
    /// step("greet", "Say hello", || {
    ///     say("hello");
    /// });
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn step(call: NativeCallContext, id: &str, title: &str, body: FnPtr) -> Thrown<Dynamic> {
        let surroundings = Surroundings::of(&call)?;
        take_step(&call, &surroundings, id, title, &body)
    }

    /// Runs another playbook in the same session, with the same inputs.
    ///
    /// ```rhai
    /// let before = planning();
    /// playbook("01-auth-servers");
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn playbook(call: NativeCallContext, name: &str) -> Thrown<()> {
        let surroundings = Surroundings::of(&call)?;
        (surroundings.run_playbook)(&call, name)
    }

    /// Tells the person something.
    ///
    /// ```rhai
    /// say("the certificate is valid for another year");
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn say(call: NativeCallContext, text: Dynamic) -> Thrown<()> {
        Surroundings::of(&call)?.say(Level::Info, shown(&call, text)?)
    }

    /// Tells the person something that should be read.
    ///
    /// ```rhai
    /// warn("the certificate expires in a week");
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn warn(call: NativeCallContext, text: Dynamic) -> Thrown<()> {
        Surroundings::of(&call)?.say(Level::Warning, shown(&call, text)?)
    }

    /// Says what a verification found: `"passed"`, `"failed"` or `"not_asked"`.
    ///
    /// One that failed makes the exit code 4.
    ///
    /// * `detail`: what was seen, in a sentence.
    /// * `hint`: what to do about it.
    ///
    /// ```rhai
    /// verdict("mail domains are known", "passed", #{ detail: "two domains" });
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn verdict(
        call: NativeCallContext,
        title: &str,
        outcome: &str,
        options: Map,
    ) -> Thrown<()> {
        let options = options::read::<VerdictOptions>(&call, options)?;
        let verdict = Verdict {
            title: title.to_owned(),
            outcome: outcome_of(outcome).map_err(throw)?,
            detail: options.detail.map(options::shown),
            hint: options.hint.map(options::shown),
        };
        let surroundings = Surroundings::of(&call)?;
        surroundings
            .session
            .announce(&Event::Verdict(verdict))
            .map_err(throw)
    }

    /// Says whether this is a plan, in which writes are predicted and not sent.
    ///
    /// ```rhai
    /// if planning() { say("nothing is changed yet") }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn planning(call: NativeCallContext) -> Thrown<bool> {
        Ok(Surroundings::of(&call)?.session.mode() == Mode::Plan)
    }

    /// Gives the time that the run goes by, as RFC 3339 writes it in UTC.
    ///
    /// ```rhai
    /// say(now());
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn now(call: NativeCallContext) -> Thrown<String> {
        in_seconds(Surroundings::of(&call)?.session.now()).map_err(throw)
    }

    /// Gives the whole days until a date or a moment, such as `"2026-10-10"` or what `now()` gives; negative after it.
    ///
    /// ```rhai
    /// let certificate = onprem.export_auth_certificate("current");
    /// if days_until(certificate.not_after) < 60 { warn("the certificate expires soon") }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn days_until(call: NativeCallContext, date: Dynamic) -> Thrown<i64> {
        Ok(seconds_until(&call, &date)?.div_euclid(24 * 60 * 60))
    }

    /// Gives the whole hours until a date or a moment; negative after it.
    ///
    /// ```rhai
    /// say(hours_until(hours_from_now(48)) == 48);
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn hours_until(call: NativeCallContext, date: Dynamic) -> Thrown<i64> {
        Ok(seconds_until(&call, &date)?.div_euclid(60 * 60))
    }

    /// Gives the moment so many hours from now, as RFC 3339 writes it in UTC.
    ///
    /// ```rhai
    /// say(`the next certificate takes over at ${hours_from_now(72)}`);
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn hours_from_now(call: NativeCallContext, hours: i64) -> Thrown<String> {
        let now = Surroundings::of(&call)?.session.now();
        let then = jiff::SignedDuration::try_from_hours(hours)
            .and_then(|hours| now.checked_add(hours).ok())
            .ok_or_else(|| {
                let message = format!("{hours} hours from now is no date");
                throw(Failure::input(message))
            })?;
        in_seconds(then).map_err(throw)
    }

    /// Says whether a value is one that only the service will know, met while planning.
    ///
    /// ```rhai
    /// say(is_unknown("a text"));
    /// ```
    #[rhai_fn(global)]
    pub fn is_unknown(value: Dynamic) -> bool {
        value.is::<Unknown>()
    }

    /// Calls a closure and catches what it throws: `#{ ok, value, error }`.
    ///
    /// A mistake in the script, such as a misspelled function, is not caught, nor is an interruption, nor, in a run that is
    /// limited to one side, a question to the other: what that would answer must not be taken for no.
    ///
    /// ```rhai
    /// let answer = attempt(|| onprem.get_intraorg_connector("nobody"));
    /// if !answer.ok { say(answer.error.message) }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn attempt(call: NativeCallContext, body: FnPtr) -> Thrown<Map> {
        match body.call_within_context::<Dynamic>(&call, ()) {
            Err(error) if is_away(&error) => Err(error),
            result => attempted(result),
        }
    }

    /// As `attempt`, and catches too what only the other half of a run can answer: the error has the kind `other_half`.
    ///
    /// ```rhai
    /// let answer = attempt_here(|| online.get_accepted_domain());
    /// if !answer.ok && answer.error.kind == "other_half" { say("asked elsewhere") }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn attempt_here(call: NativeCallContext, body: FnPtr) -> Thrown<Map> {
        attempted(body.call_within_context::<Dynamic>(&call, ()))
    }

    /// Says whether something of this playbook is still to be done by the other half, in a run that is limited to one side.
    ///
    /// ```rhai
    /// if is_half_open() { say("the test waits for the other half") }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn is_half_open(call: NativeCallContext) -> Thrown<bool> {
        let surroundings = Surroundings::of(&call)?;
        let half = surroundings.session.half();
        Ok(half.is_some_and(|half| !half.open().is_empty()))
    }

    /// Says whether the other half of this playbook has done a step, in a run that is limited to one side.
    ///
    /// ```rhai
    /// if is_done_by_other_half("example") { say("the servers are ready") }
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn is_done_by_other_half(call: NativeCallContext, id: &str) -> Thrown<bool> {
        let surroundings = Surroundings::of(&call)?;
        let half = surroundings.session.half();
        Ok(half.is_some_and(|half| half.has_done(id)))
    }

    /// Waits some seconds; not at all while planning. Ctrl-C ends it.
    ///
    /// ```rhai
    /// sleep(0);
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn sleep(call: NativeCallContext, seconds: i64) -> Thrown<()> {
        wait(
            &call,
            Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        )
    }

    #[rhai_fn(global, name = "sleep", return_raw, volatile)]
    pub fn sleep_fraction(call: NativeCallContext, seconds: f64) -> Thrown<()> {
        wait(
            &call,
            Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        )
    }

    /// Reads the bytes of a file, where the run was granted that.
    ///
    /// ```rhai
    /// let read = attempt(|| read_file("example.cer"));
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn read_file(call: NativeCallContext, path: &str) -> Thrown<Blob> {
        match &Surroundings::of(&call)?.read_file {
            Some(read_file) => read_file(path).map_err(throw),
            None => Err(throw(not_granted("read", path))),
        }
    }

    /// Writes a text or bytes to a file, where the run was granted that; only announced while planning.
    ///
    /// ```rhai
    /// let written = attempt(|| write_file("example.cer", "text"));
    /// ```
    #[rhai_fn(global, return_raw, volatile)]
    pub fn write_file(call: NativeCallContext, path: &str, content: &str) -> Thrown<()> {
        write(&call, path, content.as_bytes())
    }

    #[rhai_fn(global, name = "write_file", return_raw, volatile)]
    pub fn write_bytes(call: NativeCallContext, path: &str, content: Blob) -> Thrown<()> {
        write(&call, path, &content)
    }
}

/// What an attempt came to, as scripts see it.
fn attempted(result: Thrown<Dynamic>) -> Thrown<Map> {
    let (ok, value, error) = match result {
        Ok(value) => (true, value, Dynamic::UNIT),
        Err(error) => (false, Dynamic::UNIT, thrown_value(error)?),
    };
    Ok([("ok", ok.into()), ("value", value), ("error", error)]
        .map(|(name, value): (&str, Dynamic)| (name.into(), value))
        .into())
}

fn take_step(
    call: &NativeCallContext,
    surroundings: &Surroundings,
    id: &str,
    title: &str,
    body: &FnPtr,
) -> Thrown<Dynamic> {
    let session = &surroundings.session;
    let announce = |event: Event| session.announce(&event).map_err(throw);
    announce(Event::StepStarted {
        id: id.to_owned(),
        title: title.to_owned(),
    })?;
    let finished = |outcome| Event::StepFinished {
        id: id.to_owned(),
        outcome,
    };
    let asked_for = surroundings.choice.takes(id)
        && match &surroundings.ask_step {
            Some(ask) => ask(id, title).map_err(throw)?,
            None => true,
        };
    if !asked_for {
        announce(finished(StepOutcome::Skipped))?;
        return Ok(Dynamic::UNIT);
    }
    let before = session.changes_so_far();
    match body.call_within_context::<Dynamic>(call, ()) {
        Ok(value) => {
            let changed = session.changes_so_far() > before;
            announce(finished(if changed {
                StepOutcome::Changed
            } else {
                StepOutcome::Same
            }))?;
            Ok(value)
        }
        Err(error) if is_away(&error) => {
            if let Some(half) = session.half() {
                half.leave(id);
            }
            announce(finished(StepOutcome::Left))?;
            Ok(Dynamic::UNIT)
        }
        Err(error) => {
            announce(finished(StepOutcome::Failed))?;
            Err(error)
        }
    }
}

/// A value as scripts print it.
fn shown(call: &NativeCallContext, value: Dynamic) -> Thrown<String> {
    if value.is_string() {
        return Ok(value.to_string());
    }
    call.call_native_fn::<ImmutableString>("to_string", (value,))
        .map(Into::into)
}

fn outcome_of(word: &str) -> Result<VerdictOutcome, Failure> {
    const OUTCOMES: [VerdictOutcome; 3] = [
        VerdictOutcome::Passed,
        VerdictOutcome::Failed,
        VerdictOutcome::NotAsked,
    ];
    OUTCOMES
        .into_iter()
        .find(|outcome| outcome.word() == word)
        .ok_or_else(|| {
            Failure::input(format!("\"{word}\" is not the outcome of a verdict")).with_hint(
                format!(
                    "it is one of {}",
                    quoted(&OUTCOMES.map(VerdictOutcome::word))
                ),
            )
        })
}

/// Whether something is for the other half of a run to do.
fn is_away(error: &EvalAltResult) -> bool {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => value
            .read_lock::<Failure>()
            .is_some_and(|failure| failure.kind == FailureKind::OtherHalf),
        _ => false,
    }
}

/// The value that a script or a native function threw; any other error passes on.
fn thrown_value(error: Box<EvalAltResult>) -> Thrown<Dynamic> {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => Ok(value.clone()),
        _ => Err(error),
    }
}

fn wait(call: &NativeCallContext, time: Duration) -> Thrown<()> {
    const SLICE: Duration = Duration::from_millis(20);
    let session = &Surroundings::of(call)?.session;
    if session.mode() == Mode::Plan || time.is_zero() {
        return Ok(());
    }
    session
        .announce(&Event::Waiting {
            reason: "the script asked to wait".to_owned(),
            milliseconds: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        })
        .map_err(throw)?;
    let mut left = time;
    while !left.is_zero() {
        if session.interrupted() {
            return Err(throw(Failure::new(FailureKind::Interrupted, "interrupted")));
        }
        let slice = left.min(SLICE);
        std::thread::sleep(slice);
        left -= slice;
    }
    Ok(())
}

fn write(call: &NativeCallContext, path: &str, content: &[u8]) -> Thrown<()> {
    let surroundings = Surroundings::of(call)?;
    let Some(write_file) = &surroundings.write_file else {
        return Err(throw(not_granted("write", path)));
    };
    let mode = surroundings.session.mode();
    write_file(mode, path, content).map_err(throw)?;
    let verb = match mode {
        Mode::Plan => "would write",
        Mode::Apply => "wrote",
    };
    surroundings.say(
        Level::Info,
        format!("{verb} {} bytes to {path}", content.len()),
    )
}

fn not_granted(what: &str, path: &str) -> Failure {
    Failure::input(format!(
        "this run may not {what} files, and the script asks to {what} {path}"
    ))
    .with_hint(format!(
        "a script that {what}s files must be granted it where it is started"
    ))
}
/// A moment without a fraction of a second, which some services do not take.
fn in_seconds(moment: Timestamp) -> Result<String, Failure> {
    let whole = Timestamp::from_second(moment.as_second());
    whole.map(|moment| moment.to_string()).map_err(|error| {
        Failure::new(FailureKind::Internal, "the time is no moment").caused_by(error)
    })
}

fn seconds_until(call: &NativeCallContext, date: &Dynamic) -> Thrown<i64> {
    let now = Surroundings::of(call)?.session.now();
    let then = moment(date).map_err(throw)?;
    Ok(then.as_second() - now.as_second())
}

/// A moment, or a date, which begins at midnight in UTC.
fn moment(date: &Dynamic) -> Result<Timestamp, Failure> {
    let wrong = |what: &str| {
        Failure::input(format!("{what} is no date"))
            .with_hint("a date is a text like \"2026-10-10\" or \"2026-10-10T09:00:00Z\"")
    };
    let text = date
        .as_immutable_string_ref()
        .map_err(|_| wrong(type_word(date)))?;
    let text = text.as_str();
    let midnight = |date: jiff::civil::Date| date.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| midnight(text.parse().ok()?).map(|at| at.timestamp()))
        .ok_or_else(|| wrong(&format!("\"{text}\"")))
}
