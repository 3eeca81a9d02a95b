//! The gate: every request passes [`Session::perform`], which plans it or sends it, and announces it.
//!
//! A session is one pass over a playbook, or one conversation. It is the only place that blocks: the script engine
//! calls it from a thread of its own, and the roads run on the runtime. It is not where it is decided what should be
//! true of an organization (scripts), nor how it is said to a service ([`exchange`](crate::exchange),
//! [`graph`](crate::graph)).

mod connections;
pub mod event;
mod half;
mod interrupt;
pub mod journal;
pub mod lock;
pub mod operation;
pub mod plan;
mod preflight;
mod sign_in;
pub mod undo;

pub use connections::{Patience, ReadSecret};
pub use half::{Done, Half, HandOver, Side};
pub use interrupt::Interrupt;
pub use operation::{Operation, Origin, Request, unknown_of, unknown_text};
pub use preflight::{Lack, Need};
pub use sign_in::{
    Ask, FoundCloud, Identity, Memory, Outside, Probed, Prompt, Who, find_cloud, identities, probe,
};

use crate::clock::Clock;
use crate::cloud::Addresses;
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::http::Sleep;
use crate::organization::Organization;
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value};
use connections::Connections;
use event::{Audience, Event, Level, Listener, Summary, Verdict, VerdictOutcome};
use jiff::Timestamp;
use plan::{Change, Learned, Observations, Plan, Prediction, agrees};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long to wait before looking again whether the directory shows a write, and for how long in all.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_LOOK: Duration = Duration::from_secs(300);

/// What a pass does with writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Predicts them; nothing is sent that writes.
    Plan,
    /// Sends them.
    Apply,
}

/// Where the log has what was sent and received, with its values; nothing listens there but the trace of the prompt.
pub const TRACE: &str = "exoauth_exchanged";

/// What a service answered, in JSON, without what may be a secret.
fn received(output: &[Value]) -> String {
    const LONGEST: usize = 2_000;
    let mut objects: serde_json::Value = output.iter().map(Value::to_json).collect();
    journal::without_secrets(&mut objects);
    without_tokens(&mut objects);
    let text = objects.to_string();
    let count = text.chars().count();
    match count > LONGEST {
        true => {
            let kept: String = text.chars().take(LONGEST).collect();
            format!("{kept}... ({count} characters)")
        }
        false => text,
    }
}

/// Takes away texts that hold a token: one begins with `{"` in base64.
fn without_tokens(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.contains("eyJ") => {
            "<not shown: a token is in it>".clone_into(text);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(without_tokens),
        serde_json::Value::Object(object) => object.values_mut().for_each(without_tokens),
        _ => {}
    }
}

/// What a session is started with.
pub struct Options {
    /// Where and who.
    pub organization: Organization,
    /// What is done with writes.
    pub mode: Mode,
    /// The playbook, or what stands for it, for reports and the journal.
    pub playbook: String,
    /// The name of the run, for reports and the journal.
    pub run: String,
    /// Where the roads run.
    pub runtime: Handle,
    /// The time.
    pub clock: Clock,
    /// How long services are waited for.
    pub patience: Patience,
    /// Reads secrets when they are needed.
    pub read_secret: ReadSecret,
    /// What signing in may ask of the world outside.
    pub outside: Outside,
    /// Who hears the events.
    pub listeners: Vec<Box<dyn Listener>>,
    /// The plan that this pass is held to.
    pub expected: Option<Plan>,
    /// How Ctrl-C reaches it.
    pub interrupt: Interrupt,
}

/// One pass over a playbook, or the passes of one conversation: its mode, its connections, its plan, its listeners.
pub struct Session {
    organization: Organization,
    addresses: Located,
    run: String,
    runtime: Handle,
    clock: Clock,
    sleep: Sleep,
    roads: Box<dyn Roads>,
    audience: Audience,
    interrupt: Interrupt,
    half: OnceLock<Half>,
    state: Mutex<State>,
    properties: Mutex<BTreeMap<(Plane, String), Vec<String>>>,
}

/// A pass of a session.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The playbook, or what stands for it, for reports and the journal.
    pub playbook: String,
    /// What is done with writes.
    pub mode: Mode,
    /// The plan that it is held to.
    pub expected: Option<Plan>,
}

/// What a pass leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The counts.
    pub summary: Summary,
    /// The changes, planned or made.
    pub plan: Plan,
    /// How many writes were sent and answered well.
    pub written: usize,
    /// How many writes were sent and their outcome is not known.
    pub unsettled: usize,
    /// How many verifications answered no.
    pub failed_verdicts: usize,
    /// What the account lacks of what the playbook needs.
    pub lacks: Vec<Lack>,
}

impl Outcome {
    /// Why what was planned would be refused, where that is known before.
    pub fn refusal(&self) -> Option<Failure> {
        let changes = self.plan.changes.iter();
        preflight::refusal(&self.lacks, changes.filter(|change| !change.same))
    }
}

/// What is known of the pass that runs.
struct State {
    mode: Mode,
    expected: Option<Plan>,
    started: Instant,
    requests_before: BTreeMap<String, u64>,
    plan: Plan,
    prediction: Prediction,
    observations: Observations,
    verdicts: BTreeMap<String, usize>,
    failed_verdicts: usize,
    written: usize,
    unsettled: usize,
    learned: Vec<Learned>,
    lacks: Vec<Lack>,
}

impl State {
    fn new(mode: Mode, expected: Option<Plan>, requests_before: BTreeMap<String, u64>) -> Self {
        Self {
            mode,
            expected,
            started: Instant::now(),
            requests_before,
            plan: Plan::default(),
            prediction: Prediction::default(),
            observations: Observations::default(),
            verdicts: BTreeMap::new(),
            failed_verdicts: 0,
            written: 0,
            unsettled: 0,
            learned: Vec::new(),
            lacks: Vec::new(),
        }
    }
}

/// Carries a request to the service of its plane.
trait Roads: Send + Sync {
    fn send<'a>(&'a self, plane: Plane, request: &'a Request) -> Journey<'a, Answer>;
    fn lacks<'a>(&'a self, plane: Plane, needs: &'a [Need]) -> Journey<'a, Vec<Lack>>;
    fn requests(&self) -> BTreeMap<String, u64>;
    fn close(&self) -> Journey<'_, ()>;
}

type Journey<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

impl Session {
    /// Starts a session and announces it. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When the start cannot be recorded.
    pub fn start(mut options: Options) -> Result<Arc<Self>, Failure> {
        let addresses = located(&options.organization);
        let audience = Audience::new(std::mem::take(&mut options.listeners));
        connections::warm_up(&options.runtime);
        let roads = Connections::new(
            options.organization.clone(),
            Arc::clone(&addresses),
            options.read_secret.clone(),
            options.outside.clone(),
            options.clock.clone(),
            options.patience.clone(),
            audience.clone(),
        );
        Self::on(options, addresses, audience, Box::new(roads))
    }

    fn on(
        options: Options,
        addresses: Located,
        audience: Audience,
        roads: Box<dyn Roads>,
    ) -> Result<Arc<Self>, Failure> {
        let first = Pass {
            playbook: options.playbook,
            mode: options.mode,
            expected: options.expected,
        };
        let session = Arc::new(Self {
            organization: options.organization,
            addresses,
            run: options.run,
            runtime: options.runtime,
            clock: options.clock,
            sleep: options.patience.sleep,
            roads,
            audience,
            interrupt: options.interrupt,
            half: OnceLock::new(),
            state: Mutex::new(State::new(first.mode, None, BTreeMap::new())),
            properties: Mutex::default(),
        });
        session.begin(first)?;
        Ok(session)
    }

    /// Begins another pass of a conversation and announces it.
    ///
    /// The roads stay open; what was planned, predicted and observed before is forgotten.
    ///
    /// # Errors
    ///
    /// When the start cannot be recorded.
    pub fn begin(&self, pass: Pass) -> Result<(), Failure> {
        let organization = &self.organization;
        let cloud = organization
            .cloud
            .map_or("cloud to be found", |cloud| cloud.word());
        *self.state() = State::new(pass.mode, pass.expected, self.roads.requests());
        self.announce(&Event::RunStarted {
            run: self.run.clone(),
            organization: organization.name.clone(),
            description: format!("tenant {}, {cloud}", organization.tenant),
            playbook: pass.playbook,
            mode: pass.mode,
        })
    }

    /// Keeps to one side from now on: nothing is sent to the other. A session keeps to the first that it is told.
    ///
    /// # Errors
    ///
    /// When the side that is here is not the one that the hand-over is about.
    pub fn keep_to(&self, half: Half) -> Result<(), Failure> {
        self.half.get_or_init(|| half).meet(self)
    }

    /// The half that it keeps to, where it does.
    pub fn half(&self) -> Option<&Half> {
        self.half.get()
    }

    /// The organization it speaks to.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// What it does with writes.
    pub fn mode(&self) -> Mode {
        self.state().mode
    }

    /// The addresses of the organization's cloud, which is looked for now where the organization file does not name it.
    ///
    /// # Errors
    ///
    /// When no cloud is found that has the tenant, or several are.
    pub fn addresses(&self) -> Result<&Addresses, Failure> {
        if let Some(addresses) = self.addresses.get() {
            return Ok(addresses);
        }
        let found = self.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.wait() => Err(interrupted()),
                found = find_cloud(&self.organization, self.clock.clone()) => found,
            }
        })?;
        self.say(Level::Info, found.said(&self.organization.tenant));
        for note in found.notes {
            self.say(Level::Warning, note);
        }
        let addresses = || self.organization.addresses(found.cloud);
        Ok(self.addresses.get_or_init(addresses))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the user interrupted; the engine's progress hook asks this.
    pub fn interrupted(&self) -> bool {
        self.interrupt.raised()
    }

    /// The names of the properties that objects of a noun were last seen with, in any pass.
    pub fn properties_of(&self, plane: Plane, noun: &str) -> Vec<String> {
        let properties = self.properties.lock();
        let properties = properties.unwrap_or_else(PoisonError::into_inner);
        let seen = properties.get(&(plane, noun.to_owned()));
        seen.cloned().unwrap_or_default()
    }

    /// How many changes of something were planned or made so far.
    pub fn changes_so_far(&self) -> usize {
        self.state().plan.pending()
    }

    /// Plans an operation or sends it, and announces it. Blocks; called on the engine's own thread.
    ///
    /// A read answers with what the service holds, while planning with the planned changes laid over it. A write
    /// answers with the object as it is afterwards, while planning as it is predicted. A test is not sent while
    /// planning: its answer is one unknown; nor is a refresh, which answers nothing then.
    ///
    /// # Errors
    ///
    /// What the service or the gate refuses; `Conflict` when the present state is not the one that was planned for;
    /// `Interrupted` after Ctrl-C.
    pub fn perform(&self, operation: &Operation) -> Result<Answer, Failure> {
        if self.interrupted() {
            return Err(interrupted());
        }
        if let Some(half) = self.half.get()
            && !half.side().has(operation.subject.plane)
        {
            return half
                .answer(operation)
                .map_err(|failure| failure.about(operation.subject.clone()));
        }
        if operation.subject.plane != Plane::OnPremises {
            self.addresses()
                .map_err(|failure| failure.about(operation.subject.clone()))?;
        }
        match operation.effect {
            Effect::Read => self.read(operation),
            Effect::Test => self.test(operation),
            Effect::Refresh => self.refresh(operation),
            Effect::Create | Effect::Update | Effect::Delete => self.write(operation),
        }
        .map_err(|failure| match failure.subject {
            Some(_) => failure,
            None => failure.about(operation.subject.clone()),
        })
    }

    /// Announces an event to all listeners.
    ///
    /// # Errors
    ///
    /// When a write that is about to be sent could not be recorded; other events that could not be are a warning to
    /// the other listeners.
    pub fn announce(&self, event: &Event) -> Result<(), Failure> {
        if let Event::Verdict(Verdict { outcome, .. }) = event {
            let mut state = self.state();
            *state.verdicts.entry(outcome.word().to_owned()).or_default() += 1;
            state.failed_verdicts += usize::from(*outcome == VerdictOutcome::Failed);
        }
        self.audience.hear(event)
    }

    /// Closes the roads, also after errors, and announces the end.
    pub fn finish(&self) -> Outcome {
        if let Err(failure) = self.block_on(self.roads.close()) {
            let text = format!("the connection could not be closed: {failure}");
            self.warn(text);
        }
        self.end()
    }

    /// Ends a pass of a conversation and announces it; the roads stay open for the next one.
    pub fn end(&self) -> Outcome {
        let requests = self.roads.requests();
        let next = State::new(self.mode(), None, requests.clone());
        let state = std::mem::replace(&mut *self.state(), next);
        let summary = Summary {
            changes: count_changes(&state.plan),
            verdicts: state.verdicts,
            requests: since(requests, &state.requests_before),
            partial: state.plan.partial,
            milliseconds: u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.tell(&Event::RunFinished(summary.clone()));
        Outcome {
            summary,
            plan: state.plan,
            written: state.written,
            unsettled: state.unsettled,
            failed_verdicts: state.failed_verdicts,
            lacks: state.lacks,
        }
    }

    fn read(&self, operation: &Operation) -> Result<Answer, Failure> {
        let Operation {
            subject, origin, ..
        } = operation;
        self.announce(&Event::Reading {
            subject: subject.clone(),
            origin: origin.clone(),
        })?;
        let only_planned = subject.name.is_some() && self.state().prediction.creates(subject);
        if self.mode() == Mode::Plan && (only_planned || operation.request.has_unknown()) {
            let output = self.predicted(subject, Vec::new());
            if output.is_empty() && subject.name.is_some() {
                let message = format!("{subject} is not there, and nothing so far would make it");
                return Err(Failure::new(FailureKind::NotFound, message));
            }
            return Ok(Answer {
                output,
                warnings: Vec::new(),
            });
        }
        let asked = self.ask(subject.plane, &operation.request);
        if self.mode() == Mode::Apply
            && let Some(half) = self.half.get()
        {
            half.hear(operation, &asked, self.now());
        }
        let mut answer = asked?;
        let there = !answer.output.is_empty();
        self.state().observations.remember(subject, &answer.output);
        if let Some(object) = answer.output.first().and_then(Value::as_object) {
            let names = object.keys().cloned().collect();
            let mut properties = self
                .properties
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            properties.insert((subject.plane, subject.noun.clone()), names);
        }
        answer.output = self.predicted(subject, answer.output);
        if there && answer.output.is_empty() && subject.name.is_some() {
            return Err(Failure::new(
                FailureKind::NotFound,
                format!("{subject} is planned to be removed"),
            ));
        }
        Ok(answer)
    }

    fn test(&self, operation: &Operation) -> Result<Answer, Failure> {
        let Operation {
            subject, request, ..
        } = operation;
        let call = request.call();
        self.state().plan.tests.push(subject.clone());
        self.announce(&Event::Testing {
            subject: subject.clone(),
            call: call.clone(),
            request: request.clone(),
        })?;
        match self.mode() {
            Mode::Plan => Ok(Answer {
                output: vec![Value::Unknown(format!("the answer of {call}"))],
                ..Answer::default()
            }),
            Mode::Apply => self.ask(subject.plane, request),
        }
    }

    fn refresh(&self, operation: &Operation) -> Result<Answer, Failure> {
        let Operation {
            subject, request, ..
        } = operation;
        self.announce(&Event::Refreshing {
            subject: subject.clone(),
            call: request.call(),
            request: request.clone(),
        })?;
        match self.mode() {
            Mode::Plan => Ok(Answer::default()),
            Mode::Apply => self.ask(subject.plane, request),
        }
    }

    fn write(&self, operation: &Operation) -> Result<Answer, Failure> {
        let present = self.observe(operation)?;
        let change = Change::of(operation, present.as_ref(), operation.request.call());
        let change = change.map_err(|refusal| {
            let state = self.state();
            let expected = state.expected.as_ref();
            expected
                .and_then(|expected| {
                    expected.overtaken(operation, present.as_ref(), &state.learned)
                })
                .unwrap_or(refusal)
        })?;
        if self.mode() == Mode::Apply {
            let state = self.state();
            state.observations.hold(operation, present.as_ref())?;
            if let Some(expected) = &state.expected {
                expected.hold(&change, &state.learned)?;
            }
        }
        let (plans, same) = (self.mode() == Mode::Plan, change.same);
        self.state().plan.record(change.clone());
        if plans || same {
            self.announce(&Event::Planned { change })?;
            let predicted = match same {
                true => present,
                false => self
                    .state()
                    .prediction
                    .remember(operation, present.as_ref()),
            };
            return Ok(Answer {
                output: predicted.into_iter().map(Value::Object).collect(),
                warnings: Vec::new(),
            });
        }
        self.announce(&Event::Writing {
            change: change.clone(),
        })?;
        if let Some(half) = self.half.get() {
            half.written(&operation.subject);
        }
        self.send_write(operation, change)
    }

    /// Sends a write that was recorded, and records what came of it.
    ///
    /// A write is never cut by Ctrl-C. When its answer did not come, the subject is read to see whether it happened; if
    /// it did not, it is sent once more, since every write here does the same when it is done twice: a second creation
    /// is refused, a second update sets the same values.
    fn send_write(&self, operation: &Operation, change: Change) -> Result<Answer, Failure> {
        let plane = operation.subject.plane;
        let send = || self.block_on(self.exchange(plane, &operation.request));
        // What is read by something that only the answer tells cannot be read without an answer.
        let blind = operation.observe.is_none() || operation.observes_what_it_learns();
        let mut sent = send();
        let mut repeated = false;
        let (mut answer, after) = loop {
            match sent {
                Ok(answer) => {
                    let answered = operation.answered(&answer);
                    match self.settle_shown(&answered, &change) {
                        Ok(after) if unshown(&answered, &change, after.as_ref()) => {
                            return self.never_shown(change);
                        }
                        after => break (answer, after),
                    }
                }
                Err(failure) if blind => {
                    let unsettled = failure.ambiguous;
                    return self.write_failed(change, failure, unsettled);
                }
                // A creation that is done twice may make two objects, so one that is not shown yet is waited for.
                Err(failure) if failure.ambiguous || repeated => match match operation.effect {
                    Effect::Create => self.settle_shown(operation, &change),
                    _ => self.settle(operation),
                } {
                    Ok(after) if happened(operation, after.as_ref()) => {
                        break (Answer::default(), Ok(after));
                    }
                    Ok(after)
                        if !repeated
                            && !self.interrupted()
                            && untouched(&change, after.as_ref()) =>
                    {
                        repeated = true;
                        sent = send();
                    }
                    Ok(_) => return self.write_failed(change, failure, false),
                    Err(_) => return self.write_failed(change, failure, true),
                },
                Err(failure) => return self.write_failed(change, failure, false),
            }
        };
        self.warn_of(plane, &answer);
        self.state().written += 1;
        let after = after.unwrap_or_else(|failure| {
            let text = format!(
                "{} was written, but reading it back failed: {failure}",
                operation.subject
            );
            self.warn(text);
            None
        });
        if operation.observe.is_some() && !happened(operation, after.as_ref()) {
            let text = format!(
                "{} was written, but the service does not show it yet",
                operation.subject
            );
            self.warn(text);
        }
        if let Some(after) = &after {
            let seen = [Value::Object(after.clone())];
            self.state()
                .observations
                .remember(&operation.subject, &seen);
            answer.output = seen.into();
        }
        self.learn(operation, answer.output.first());
        self.announce(&Event::Written {
            change,
            after: after.map(Value::Object),
        })?;
        Ok(answer)
    }

    /// Remembers what was unknown while planning a creation.
    fn learn(&self, operation: &Operation, made: Option<&Value>) {
        let made = made.filter(|_| operation.effect == Effect::Create);
        let learned = operation.learned.iter().filter_map(|property| {
            Some(Learned {
                property: property.clone(),
                subject: operation.subject.clone(),
                value: made?.text(property)?.to_owned(),
            })
        });
        self.state().learned.extend(learned);
    }

    /// The object of a noun that is planned to be made, one of whose unknown properties this is.
    ///
    /// ```text
    /// appId of Entra ID Application "Example" -> Entra ID Application "Example"
    /// ```
    pub fn planned_with(&self, unknown: &str, noun: &str) -> Option<Subject> {
        self.state().prediction.planned_with(unknown, noun)
    }

    fn write_failed(
        &self,
        change: Change,
        failure: Failure,
        unsettled: bool,
    ) -> Result<Answer, Failure> {
        self.state().unsettled += usize::from(unsettled);
        let failure = Failure {
            ambiguous: unsettled,
            ..failure
        };
        let failure = match unsettled {
            true => failure.with_hint(
                "whether it happened is not known: run the playbook again, it starts by reading",
            ),
            false => failure,
        };
        self.announce(&Event::WriteFailed {
            change,
            failure: failure.clone(),
        })?;
        Err(failure)
    }

    /// The subject of a write as it is now; `None` when it does not exist or cannot be observed.
    fn observe(&self, operation: &Operation) -> Result<Option<Object>, Failure> {
        let subject = &operation.subject;
        let Some(request) = &operation.observe else {
            return Ok(None);
        };
        let output = match self.mode() {
            Mode::Plan if self.state().prediction.creates(subject) => Vec::new(),
            _ if request.has_unknown() => Vec::new(),
            _ => found(self.ask(subject.plane, request))?,
        };
        only(subject, self.predicted(subject, output))
    }

    /// The subject of a write as the service shows it afterwards.
    fn settle(&self, operation: &Operation) -> Result<Option<Object>, Failure> {
        let Some(request) = &operation.observe else {
            return Ok(None);
        };
        let plane = operation.subject.plane;
        only(
            &operation.subject,
            found(self.block_on(self.exchange(plane, request)))?,
        )
    }

    /// The subject of a write as the service shows it, once it shows anything new: the directory answers reads from
    /// copies that take minutes to follow.
    fn settle_shown(
        &self,
        operation: &Operation,
        change: &Change,
    ) -> Result<Option<Object>, Failure> {
        let mut after = self.settle(operation)?;
        let (mut waited, mut pause) = (Duration::ZERO, FIRST_LOOK);
        while unshown(operation, change, after.as_ref())
            && waited < LONGEST_LOOK
            && !self.interrupted()
        {
            pause = pause.min(LONGEST_LOOK - waited);
            self.tell(&Event::Waiting {
                reason: format!(
                    "{} was written, and {} does not show it yet",
                    operation.subject, operation.subject.plane
                ),
                milliseconds: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            });
            self.block_on(async {
                tokio::select! {
                    biased;
                    () = self.interrupt.wait() => {}
                    () = (self.sleep)(pause) => {}
                }
            });
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
            after = self.settle(operation)?;
        }
        Ok(after)
    }

    /// Stops after a write that was accepted and is not shown: what comes next would start from the state before it,
    /// and could take it back.
    fn never_shown(&self, change: Change) -> Result<Answer, Failure> {
        let subject = change.subject.clone();
        self.state().written += 1;
        self.announce(&Event::Written {
            change,
            after: None,
        })?;
        let minutes = LONGEST_LOOK.as_secs() / 60;
        Err(Failure::new(
            FailureKind::Unreachable,
            format!(
                "{subject} was written, but {} did not show it within {minutes} minutes",
                subject.plane
            ),
        )
        .with_hint("go on later: a run starts by reading what is there"))
    }

    /// An answer with the planned changes laid over it; nothing is planned while applying.
    fn predicted(&self, subject: &Subject, output: Vec<Value>) -> Vec<Value> {
        match self.mode() {
            Mode::Plan => self.state().prediction.lay_over(subject, output),
            Mode::Apply => output,
        }
    }

    /// Sends a request that writes nothing, and gives up on it after Ctrl-C.
    fn ask(&self, plane: Plane, request: &Request) -> Result<Answer, Failure> {
        let answer = self.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.wait() => Err(interrupted()),
                answer = self.exchange(plane, request) => answer,
            }
        })?;
        self.warn_of(plane, &answer);
        Ok(answer)
    }

    /// Sends a request, and tells those who follow it at the prompt what was sent and what came back.
    async fn exchange(&self, plane: Plane, request: &Request) -> Result<Answer, Failure> {
        let followed = tracing::enabled!(target: TRACE, tracing::Level::TRACE);
        if followed {
            tracing::trace!(target: TRACE, %plane, call = request.call(), "sent");
        }
        let answer = self.roads.send(plane, request).await;
        if followed {
            let text = match &answer {
                Ok(answer) => received(&answer.output),
                Err(failure) => failure.to_string(),
            };
            tracing::trace!(target: TRACE, text, "received");
        }
        answer
    }

    /// What the account lacks of what is needed on a plane.
    fn ask_lacks(&self, plane: Plane, needs: &[Need]) -> Result<Vec<Lack>, Failure> {
        self.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.wait() => Err(interrupted()),
                lacks = self.roads.lacks(plane, needs) => lacks,
            }
        })
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that blocks, on the engine's own thread"
        )]
        self.runtime.block_on(future)
    }

    fn warn_of(&self, plane: Plane, answer: &Answer) {
        for text in &answer.warnings {
            self.tell(&Event::ServiceWarning {
                plane,
                text: text.clone(),
            });
        }
    }

    fn warn(&self, text: String) {
        self.say(Level::Warning, text);
    }

    fn say(&self, level: Level, text: String) {
        self.tell(&Event::Said { level, text });
    }

    /// Announces an event that need not be recorded.
    fn tell(&self, event: &Event) {
        if let Err(deaf) = self.announce(event) {
            tracing::warn!(%deaf, "an event was not heard");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses of a cloud, once it is known.
type Located = Arc<OnceLock<Addresses>>;

fn located(organization: &Organization) -> Located {
    let known = organization
        .cloud
        .map(|cloud| organization.addresses(cloud));
    Arc::new(known.map_or_else(OnceLock::new, OnceLock::from))
}

/// An answer's objects, none where the service says that the object does not exist.
fn found(answer: Result<Answer, Failure>) -> Result<Vec<Value>, Failure> {
    match answer {
        Ok(answer) => Ok(answer.output),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

fn only(subject: &Subject, output: Vec<Value>) -> Result<Option<Object>, Failure> {
    let count = output.len();
    let mut objects = output.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    });
    match count {
        0 | 1 => Ok(objects.next()),
        _ => Err(Failure::new(
            FailureKind::Conflict,
            format!("{subject} stands for {count} objects"),
        )
        .with_detail(
            Value::List(objects.map(Value::Object).collect())
                .to_json()
                .to_string(),
        )
        .with_hint("name one of them by its Identity or Guid")),
    }
}

/// Whether a write shows in what was read after it.
fn happened(operation: &Operation, after: Option<&Object>) -> bool {
    match (operation.effect, after) {
        (Effect::Delete, after) => after.is_none(),
        (_, Some(after)) => agrees(after, &operation.asked),
        (_, None) => false,
    }
}

/// Whether the subject of a write is as it was right before it.
fn untouched(change: &Change, now: Option<&Object>) -> bool {
    match (&change.before, now) {
        (Some(before), Some(now)) => agrees(now, before),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a write of the directory does not show in what was read after it.
fn unshown(operation: &Operation, change: &Change, after: Option<&Object>) -> bool {
    operation.subject.plane == Plane::Entra
        && operation.observe.is_some()
        && !happened(operation, after)
        && untouched(change, after)
}

fn interrupted() -> Failure {
    Failure::new(FailureKind::Interrupted, "interrupted")
}

/// The requests made since they were counted before.
fn since(now: BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    now.into_iter()
        .map(|(road, count)| {
            let before = before.get(&road).copied().unwrap_or(0);
            (road, count.saturating_sub(before))
        })
        .collect()
}

fn count_changes(plan: &Plan) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for change in &plan.changes {
        let word = match (change.same, change.effect) {
            (true, _) => "same",
            (false, Effect::Create) => "create",
            (false, Effect::Delete) => "delete",
            (false, _) => "update",
        };
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
