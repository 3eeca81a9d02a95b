//! A host for scripts whose organization nobody answers for: enough for all that asks no service.

#![expect(clippy::unwrap_used, reason = "in the helpers of tests")]

use exoauth::clock::Clock;
use exoauth::cloud::CloudName;
use exoauth::failure::{Failure, FailureKind};
use exoauth::organization::{Organization, SecretSource, SignIn, SignInMethod};
use exoauth::script::{
    Bundle, Host, HostOptions, Playbook, ScriptFailure, Severity, check_script, on_engine_thread,
    throw,
};
use exoauth::session::event::{Event, Listener};
use exoauth::session::{Interrupt, Mode, Options, Outside, Patience, Session};
use exoauth::value::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;

/// What was announced, as short lines, and whether something was sent that writes.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>, Arc<AtomicBool>);

impl Heard {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn wrote(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

impl Listener for Heard {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        let line = match event {
            Event::Said { text, .. } => format!("said {text}"),
            Event::StepStarted { id, .. } => format!("step {id}"),
            Event::StepFinished { id, outcome } => format!("{outcome:?} {id}"),
            Event::PlaybookStarted { name, .. } => format!("playbook {name}"),
            Event::Verdict(verdict) => format!("{} {}", verdict.outcome.word(), verdict.title),
            Event::Planned { change } => {
                let word = if change.same { "same" } else { "planned" };
                format!("{word} {}", change.call)
            }
            Event::Writing { change } => {
                self.1.store(true, Ordering::Relaxed);
                format!("writing {}", change.call)
            }
            _ => return Ok(()),
        };
        self.0.lock().unwrap().push(line);
        Ok(())
    }
}

/// A host that is being set up.
pub(crate) struct Scripts {
    pub(crate) mode: Mode,
    pub(crate) organization: Organization,
    pub(crate) runtime: Option<Handle>,
    pub(crate) options: HostOptions,
    pub(crate) files: BTreeMap<&'static str, &'static str>,
    pub(crate) heard: Heard,
    pub(crate) interrupt: Interrupt,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            organization: nobody(CloudName::Worldwide),
            runtime: None,
            options: HostOptions::default(),
            files: BTreeMap::new(),
            heard: Heard::default(),
            interrupt: Interrupt::new(),
        }
    }
}

impl Scripts {
    pub(crate) fn planning() -> Self {
        Self {
            mode: Mode::Plan,
            ..Self::default()
        }
    }

    pub(crate) fn of_cloud(cloud: CloudName) -> Self {
        Self {
            organization: nobody(cloud),
            ..Self::default()
        }
    }

    /// A host for an organization that is served on this runtime.
    pub(crate) fn on(organization: Organization, runtime: Handle) -> Self {
        Self {
            organization,
            runtime: Some(runtime),
            ..Self::default()
        }
    }

    pub(crate) fn with_file(mut self, path: &'static str, text: &'static str) -> Self {
        self.files.insert(path, text);
        self
    }

    pub(crate) fn with_input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.inputs.insert(name.to_owned(), value.into());
        self
    }

    /// Evaluates lines one after the other and gives the value of the last, or the message of the first failure.
    pub(crate) fn eval(&self, lines: &[&str]) -> Result<Value, String> {
        self.on_host(|host, _| {
            let mut value = Value::Null;
            for line in lines {
                value = host.eval(line)?;
            }
            Ok(value)
        })
        .map_err(|failed| match &failed.failure.hint {
            Some(hint) => format!("{failed} ({hint})"),
            None => failed.to_string(),
        })
    }

    /// Runs a script as a playbook of that path; a failure comes as it is drawn.
    pub(crate) fn run(&self, path: &str, source: &str) -> Result<(), String> {
        self.on_host(|host, bundle| {
            let playbook = Playbook::read(path, source)?.with_included(bundle)?;
            host.run(&playbook)
        })
        .map_err(|failed| throw::render(&failed, false))
    }

    /// The mistakes that a check finds in a script without running it, as they are drawn; lines need no header.
    pub(crate) fn check(&self, path: &str, text: &str) -> Vec<String> {
        check_script(&self.bundle(), path, text)
            .iter()
            .filter(|finding| finding.severity == Severity::Error && finding.code != "header")
            .map(|finding| throw::render(&finding.found, false))
            .collect()
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let (files, listed) = (self.files.clone(), self.files.clone());
        Bundle::embedded().with_folder(
            Arc::new(move |path| Ok(files.get(path).map(|text| (*text).to_owned()))),
            Arc::new(move || Ok(listed.keys().map(|path| (*path).to_owned()).collect())),
        )
    }

    /// A host that has evaluated these lines, for what asks no service.
    pub(crate) fn host_after(&self, lines: &[&str]) -> Arc<Host> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let session = self.session(runtime.handle().clone()).unwrap();
        let host = on_engine_thread(|| {
            let host = Host::new(session, self.bundle(), self.options.clone()).unwrap();
            for line in lines {
                host.eval(line).unwrap();
            }
            host
        });
        host.unwrap()
    }

    fn session(&self, runtime: Handle) -> Result<Arc<Session>, Failure> {
        Session::start(Options {
            organization: self.organization.clone(),
            mode: self.mode,
            playbook: "test".to_owned(),
            run: "test".to_owned(),
            runtime,
            clock: Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap()),
            patience: Patience::default(),
            outside: Outside::default(),
            read_secret: Arc::new(|source| match source {
                SecretSource::Plain(secret) => Ok(secret.clone()),
                _ => Err(Failure::new(FailureKind::SignIn, "no secrets in this test")),
            }),
            listeners: vec![Box::new(self.heard.clone())],
            expected: None,
            interrupt: self.interrupt.clone(),
        })
    }

    fn on_host<T: Send>(
        &self,
        act: impl FnOnce(&Host, &Bundle) -> Result<T, ScriptFailure> + Send,
    ) -> Result<T, ScriptFailure> {
        let own = match self.runtime {
            Some(_) => None,
            None => Some(tokio::runtime::Runtime::new().unwrap()),
        };
        let runtime = own
            .as_ref()
            .map_or(self.runtime.clone(), |own| Some(own.handle().clone()));
        let session = self.session(runtime.unwrap())?;
        let (bundle, options) = (self.bundle(), self.options.clone());
        let closing = session.clone();
        on_engine_thread(move || {
            let host = Host::new(session, bundle.clone(), options)?;
            let result = act(&host, &bundle);
            closing.finish();
            result
        })?
    }
}

/// An organization that nobody answers for.
fn nobody(cloud: CloudName) -> Organization {
    Organization {
        name: "contoso".to_owned(),
        cloud: Some(cloud),
        tenant: "contoso.onmicrosoft.com".to_owned(),
        exchange: None,
        sign_in: SignIn {
            method: SignInMethod::ClientSecret,
            client_id: None,
            secret: None,
            certificate: None,
            certificate_password: None,
            algorithm: exoauth::organization::Algorithm::default(),
        },
        endpoints: BTreeMap::new(),
        ca: None,
    }
}
