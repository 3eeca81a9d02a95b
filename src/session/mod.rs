//! The gate: every request passes [`Session::perform`], which plans it or sends it, and announces it.
//!
//! A session is one pass over a playbook, or one conversation. It is the only place that blocks: the script engine
//! calls it from a thread of its own, and the roads run on the runtime. It is not where it is decided what should be
//! true of an organization (scripts), nor how it is said to a service ([`exchange`](crate::exchange),
//! [`graph`](crate::graph)).

mod connections;
pub mod event;
mod half;
mod hand_over;
mod interrupt;
pub mod journal;
pub mod lock;
pub mod operation;
mod pass;
pub mod plan;
mod preflight;
mod probe;
mod sign_in;
mod trace;
pub mod undo;
mod write;

pub use connections::{Patience, ReadSecret, warm_up};
pub use half::{Half, Side};
pub use hand_over::{Done, HandOver};
pub use interrupt::Interrupt;
pub use operation::{Operation, Origin, Request, unknown_of, unknown_text};
pub use pass::{Mode, Outcome, Pass};
pub use preflight::{Lack, Need};
pub use probe::{Probed, probe};
pub use sign_in::{
    Ask, FoundCloud, Identity, Memory, Outside, Prompt, Who, find_cloud, identities,
};
pub use trace::TRACE;

use crate::clock::Clock;
use crate::cloud::Addresses;
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::http::Sleep;
use crate::organization::Organization;
use crate::subject::{Effect, Plane, Subject};
use crate::value::Value;
use connections::Connections;
use event::{Audience, Event, Level, Listener};
use jiff::Timestamp;
use pass::State;
use plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

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

    /// The names of all properties that objects were last seen with, in any pass.
    pub fn properties(&self) -> BTreeSet<String> {
        let properties = self.properties.lock();
        let properties = properties.unwrap_or_else(PoisonError::into_inner);
        properties.values().flatten().cloned().collect()
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
        if let Event::Verdict(verdict) = event {
            self.state().count(verdict);
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
        let outcome = state.into_outcome(requests);
        self.tell(&Event::RunFinished(outcome.summary.clone()));
        outcome
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

    /// The object of a noun that is planned to be made, one of whose unknown properties this is.
    ///
    /// ```text
    /// appId of Entra ID Application "Example" -> Entra ID Application "Example"
    /// ```
    pub fn planned_with(&self, unknown: &str, noun: &str) -> Option<Subject> {
        self.state().prediction.planned_with(unknown, noun)
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
                Ok(answer) => trace::received(&answer.output),
                Err(failure) => failure.to_string(),
            };
            tracing::trace!(target: TRACE, text, "received");
        }
        answer
    }

    /// Sends a request, whatever the person does meanwhile.
    fn send(&self, plane: Plane, request: &Request) -> Result<Answer, Failure> {
        self.block_on(self.exchange(plane, request))
    }

    /// Waits, unless the user interrupts.
    fn pause(&self, time: Duration) {
        self.block_on(async {
            tokio::select! {
                biased;
                () = self.interrupt.wait() => {}
                () = (self.sleep)(time) => {}
            }
        });
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

fn interrupted() -> Failure {
    Failure::new(FailureKind::Interrupted, "interrupted")
}

#[cfg(test)]
mod tests;
