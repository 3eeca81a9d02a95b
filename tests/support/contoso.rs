//! Contoso: a lab of its own for a test, and playbooks and lines of script that are run on it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in the helpers of tests")]

use exoauth::clock::Clock;
use exoauth::cloud::CloudName;
use exoauth::failure::{Failure, FailureKind};
use exoauth::lab::{Lab, LabOptions, Rules, Scenario, Seed, Shared, World};
use exoauth::organization::SecretSource;
use exoauth::script::{Bundle, Host, HostOptions, ScriptFailure, on_engine_thread};
use exoauth::session::event::{Event, Listener};
use exoauth::session::journal::{self, Header, Journal, Recording};
use exoauth::session::plan::{Change, Plan};
use exoauth::session::undo;
use exoauth::session::{Interrupt, Mode, Options, Outcome, Outside, Patience, Session};
use exoauth::subject::{Plane, Subject};
use exoauth::value::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// When these tests take place.
pub(crate) const TODAY: &str = "2026-11-23T09:00:00Z";

/// A lab with the runtime that serves it.
pub(crate) struct Contoso {
    lab: Lab,
    /// What time the program takes it to be.
    pub(crate) clock: Clock,
    /// What is left out of the organization file, or put into it.
    pub(crate) endpoints: BTreeMap<exoauth::cloud::Cell, String>,
    /// The address of Windows' own PowerShell endpoint, where it is not the lab's.
    pub(crate) winrm: Option<String>,
    runtime: Runtime,
}

/// What a pass left.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) failure: Option<ScriptFailure>,
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Listener for Heard {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

impl Contoso {
    /// Contoso as it is before anything was done: with a server of Exchange 2010, without the wizard.
    pub(crate) fn new() -> Self {
        Self::seeded(Seed::default())
    }

    pub(crate) fn seeded(seed: Seed) -> Self {
        Self::with(LabOptions { seed, ..options() })
    }

    pub(crate) fn in_cloud(cloud: CloudName) -> Self {
        Self::with(LabOptions { cloud, ..options() })
    }

    /// Contoso with what a scenario of the lab says, by the rules of today.
    pub(crate) fn scenario(name: &str) -> Self {
        let scenario = Scenario::find(name).unwrap_or_else(|| panic!("no scenario {name}"));
        Self::with(LabOptions {
            rules: Rules::ByDate,
            scenarios: vec![scenario],
            ..options()
        })
    }

    pub(crate) fn with(options: LabOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = options.clock.clone();
        let (ready, started) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let lab = Lab::start(options).await;
            ready.send(lab).unwrap();
        });
        Self {
            lab: started.recv().unwrap().unwrap(),
            clock,
            endpoints: BTreeMap::new(),
            winrm: None,
            runtime,
        }
    }

    /// A handle on the world behind the servers.
    pub(crate) fn shared(&self) -> Shared {
        self.lab.world().clone()
    }

    /// Looks at the world behind the servers, or changes it.
    pub(crate) fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.lab.world().with(look)
    }

    /// How many writes the services were asked for so far.
    /// The address of a path on the on-premises servers.
    pub(crate) fn winrm(&self, path: &str) -> String {
        format!(
            "{}{path}",
            self.lab.address(exoauth::lab::Front::OnPremises)
        )
    }

    pub(crate) fn writes(&self) -> u64 {
        let planes = [Plane::OnPremises, Plane::ExchangeOnline, Plane::Entra];
        self.world(|world| planes.iter().map(|plane| world.writes(*plane)).sum())
    }

    pub(crate) fn plan(&self, playbook: &str) -> Run {
        self.run(Mode::Plan, playbook, &[])
    }

    /// Applies a playbook and expects that it ran to its end.
    pub(crate) fn apply(&self, playbook: &str) -> Run {
        let run = self.run(Mode::Apply, playbook, &[]);
        assert_eq!(run.failed(), None, "{playbook}");
        run
    }

    pub(crate) fn run(&self, mode: Mode, playbook: &str, inputs: &[(&str, &str)]) -> Run {
        let inputs = inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
            .collect();
        self.run_with(
            mode,
            playbook,
            HostOptions {
                inputs,
                ..HostOptions::default()
            },
        )
    }

    pub(crate) fn run_with(&self, mode: Mode, playbook: &str, options: HostOptions) -> Run {
        let heard = Heard::default();
        let session = self.session(mode, playbook, heard.clone());
        let bundle = Bundle::embedded();
        let failure = on_engine_thread(|| {
            let host = Host::new(session.clone(), bundle.clone(), options)?;
            let playbook = bundle.playbook(playbook)?.with_included(&bundle)?;
            host.run(&playbook)
        })
        .unwrap()
        .err();
        let outcome = session.finish();
        let events = heard.0.lock().unwrap().clone();
        Run {
            outcome,
            failure,
            events,
        }
    }

    /// Evaluates lines of script and gives the value, or the failure.
    pub(crate) fn eval(&self, mode: Mode, lines: &str) -> Result<Value, ScriptFailure> {
        self.eval_heard_by(Heard::default(), mode, lines)
    }

    /// The same, with somebody who hears what happens.
    pub(crate) fn eval_heard_by(
        &self,
        listener: impl Listener + 'static,
        mode: Mode,
        lines: &str,
    ) -> Result<Value, ScriptFailure> {
        let session = self.session(mode, "test", listener);
        let result = on_engine_thread(|| {
            let host = Host::new(session.clone(), Bundle::embedded(), HostOptions::default())?;
            host.eval(lines)
        })
        .unwrap();
        session.finish();
        result
    }

    /// Evaluates lines of script that must succeed.
    pub(crate) fn value(&self, lines: &str) -> Value {
        self.eval(Mode::Apply, lines).unwrap_or_else(|failed| {
            panic!(
                "{failed}: {:?} {:?}",
                failed.failure.detail, failed.failure.hint
            )
        })
    }

    /// Evaluates lines of script that must fail.
    pub(crate) fn refusal(&self, lines: &str) -> (FailureKind, String) {
        let failed = self.eval(Mode::Apply, lines).unwrap_err();
        (failed.failure.kind, failed.failure.to_string())
    }

    /// Applies lines of script under a journal, and gives what it recorded.
    pub(crate) fn recorded(&self, lines: &str) -> Recording {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journals");
        let header = Header {
            run: format!("{}-{count}", std::process::id()),
            ..Header::default()
        };
        let journal = Journal::create(&folder, &header, self.clock.clone()).unwrap();
        let path = journal.path().to_owned();
        self.eval_heard_by(journal, Mode::Apply, lines)
            .unwrap_or_else(|failed| {
                panic!(
                    "{failed}: {:?} {:?}",
                    failed.failure.detail, failed.failure.hint
                )
            });
        let recording = journal::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        recording
    }

    /// Plans lines of script, and applies them held to that plan; gives what each change is about, in both.
    pub(crate) fn planned_and_applied(&self, lines: &str) -> Vec<(String, String)> {
        let pass = |mode, expected| {
            let session = self.session_held_to(mode, "test", Heard::default(), expected);
            on_engine_thread(|| {
                let host = Host::new(session.clone(), Bundle::embedded(), HostOptions::default())?;
                host.eval(lines)
            })
            .unwrap()
            .unwrap_or_else(|failed| panic!("{failed}: {:?}", failed.failure.detail));
            session.finish().plan
        };
        let planned = pass(Mode::Plan, None);
        let made = pass(Mode::Apply, Some(planned.clone()));
        let name = |change: &Change| {
            let Subject { noun, name, .. } = &change.subject;
            format!("{noun} \"{}\"", name.clone().unwrap_or_default())
        };
        assert_eq!(planned.changes.len(), made.changes.len());
        let both = planned.changes.iter().zip(&made.changes);
        both.map(|(planned, made)| (name(planned), name(made)))
            .collect()
    }

    /// Takes back what was recorded, and gives what was refused.
    pub(crate) fn take_back(&self, recording: &Recording) -> Vec<String> {
        let writes = undo::writes(recording).unwrap();
        let session = self.session(Mode::Apply, "undo", Heard::default());
        let refused = undo::take_back(&session, &writes).unwrap();
        session.finish();
        refused.iter().map(ToString::to_string).collect()
    }

    fn session(
        &self,
        mode: Mode,
        playbook: &str,
        listener: impl Listener + 'static,
    ) -> Arc<Session> {
        self.session_held_to(mode, playbook, listener, None)
    }

    fn session_held_to(
        &self,
        mode: Mode,
        playbook: &str,
        listener: impl Listener + 'static,
        expected: Option<Plan>,
    ) -> Arc<Session> {
        let mut organization = self.lab.organization();
        organization.endpoints.extend(self.endpoints.clone());
        if let (Some(exchange), Some(winrm)) = (&mut organization.exchange, &self.winrm) {
            exchange.winrm = Some(winrm.clone());
        }
        Session::start(Options {
            organization,
            mode,
            playbook: playbook.to_owned(),
            run: "test".to_owned(),
            runtime: self.runtime.handle().clone(),
            clock: self.clock.clone(),
            patience: Patience::default(),
            outside: Outside::default(),
            read_secret: Arc::new(|source| match source {
                SecretSource::Plain(secret) => Ok(secret.clone()),
                _ => Err(Failure::new(
                    FailureKind::SignIn,
                    "this test has plain secrets only",
                )),
            }),
            listeners: vec![Box::new(listener)],
            expected,
            interrupt: Interrupt::new(),
        })
        .unwrap()
    }
}

fn options() -> LabOptions {
    LabOptions {
        clock: Clock::fixed(TODAY.parse().unwrap()),
        ..LabOptions::default()
    }
}

impl Run {
    /// What went wrong, with its hint.
    pub(crate) fn failed(&self) -> Option<String> {
        self.failure
            .as_ref()
            .map(|failed| match &failed.failure.hint {
                Some(hint) => format!("{failed} ({hint})"),
                None => failed.to_string(),
            })
    }

    /// The changes that change something, as `create on-premises AuthServer "evoSTS"`.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.outcome
            .plan
            .changes
            .iter()
            .filter(|change| !change.same)
            .map(|change| {
                let effect = format!("{:?}", change.effect).to_lowercase();
                format!("{effect} {}", change.subject)
            })
            .collect()
    }

    /// The verdicts, as `passed step 1: authorization servers`.
    pub(crate) fn verdicts(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Verdict(verdict) => {
                    Some(format!("{} {}", verdict.outcome.word(), verdict.title))
                }
                _ => None,
            })
            .collect()
    }

    /// Detail and hint of the verdict whose title begins so.
    pub(crate) fn verdict(&self, title: &str) -> String {
        self.events
            .iter()
            .find_map(|event| match event {
                Event::Verdict(verdict) if verdict.title.starts_with(title) => Some(format!(
                    "{}: {} ({})",
                    verdict.outcome.word(),
                    verdict.detail.as_deref().unwrap_or_default(),
                    verdict.hint.as_deref().unwrap_or_default()
                )),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no verdict {title} among {:?}", self.verdicts()))
    }

    /// What was said.
    pub(crate) fn said(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Said { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
