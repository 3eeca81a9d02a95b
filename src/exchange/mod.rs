//! Exchange as cmdlets, whichever way they travel.
//!
//! An [`Invocation`] is one cmdlet with named values. A [`Road`] carries it: [`Online`](online::Online) speaks the REST
//! admin API of Exchange Online, [`OnPremises`](onprem::OnPremises) drives PowerShell remoting. Both answer with an [`Answer`] of
//! neutral [`Value`]s, or with an [`Error`] that keeps PowerShell's error record.

pub mod discovery;
pub mod online;
pub mod onprem;

mod error;

pub use crate::remoting::scripts::FixedScript;

use crate::failure::Failure;
use crate::subject::{Effect, Plane};
use crate::value::{Object, Value};
use serde::{Deserialize, Serialize};
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// A cmdlet as a parameter struct: its fields are the parameters.
///
/// Fields serialize in Pascal case; a field that is `None` is not sent.
pub trait Cmdlet: Serialize {
    /// The name, such as `New-AuthServer`.
    const NAME: &'static str;
    /// What it does to its subject.
    const EFFECT: Effect;
    /// Where it exists.
    const PLANES: &'static [Plane];
    /// Parameters whose property has another name: `(parameter, property)`.
    const RENAMED: &'static [(&'static str, &'static str)] = &[];
    /// Parameters that say how to run and set no property, besides the common ones.
    const CONTROLS: &'static [&'static str] = &[];
    /// Properties of the new object that only the service knows; unknown while planning.
    const LEARNED: &'static [&'static str] = &[];
}

/// One cmdlet with named values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// The name, such as `Get-AuthServer`.
    pub cmdlet: String,
    /// The parameters, in Pascal case.
    pub parameters: Object,
}

impl Invocation {
    /// A cmdlet without parameters.
    pub fn new(cmdlet: impl Into<String>) -> Self {
        Self {
            cmdlet: cmdlet.into(),
            parameters: Object::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(parameter.to_owned(), value.into());
        self
    }

    /// The noun, such as `AuthServer`.
    pub fn noun(&self) -> &str {
        self.cmdlet
            .split_once('-')
            .map_or(self.cmdlet.as_str(), |(_, noun)| noun)
    }
}

/// One of the fixed scripts, run by Windows' own PowerShell endpoint on one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScriptCall {
    /// Which one.
    pub script: FixedScript,
    /// The name of the server, as the network knows it; absent for the one that answers cmdlets.
    pub server: Option<String>,
    /// Its parameters, in Pascal case.
    pub parameters: Object,
}

impl ScriptCall {
    /// A script without parameters, on a server.
    pub fn on(server: Option<&str>, script: FixedScript) -> Self {
        Self {
            script,
            server: server.map(str::to_owned),
            parameters: Object::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, parameter: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(parameter.to_owned(), value.into());
        self
    }
}

/// What a cmdlet gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The objects, in order; empty when there were none.
    pub output: Vec<Value>,
    /// The warnings, as texts.
    pub warnings: Vec<String>,
}

/// What a cmdlet says while it runs, besides its objects and warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// How far it is.
    Progress(Progress),
    /// A text that says what it does, which servers send when they are asked for it.
    Verbose(String),
    /// A text for the person in front of it.
    Information(String),
}

/// How far a cmdlet is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is going on.
    pub activity: String,
    /// How it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How much is done, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// Whether the activity has ended.
    pub completed: bool,
}

/// Hears what a cmdlet of that name says while it runs.
pub type RemarkListener = Arc<dyn Fn(&str, &Remark) + Send + Sync>;

/// A future that a [`Road`] returns.
pub type Journey<'road, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'road>>;

/// A way to run cmdlets in one Exchange organization.
pub trait Road: Send + Sync {
    /// Runs one cmdlet and waits for its end.
    fn invoke<'road>(&'road self, invocation: &'road Invocation) -> Journey<'road, Answer>;

    /// How many requests were sent so far.
    fn requests(&self) -> u64;

    /// Gives back what the service holds for us, such as the runspace pool; also after errors.
    fn close(&self) -> Journey<'_, ()>;
}

/// A cmdlet that could not be run, or that failed.
#[derive(Debug)]
pub struct Error {
    /// Where.
    pub plane: Plane,
    /// Which cmdlet.
    pub cmdlet: String,
    /// What happened.
    pub kind: ErrorKind,
}

/// What happened to a cmdlet.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// PowerShell's error record, or what the REST API says in its place.
    Record(ErrorRecord),
    /// The road itself failed; it knows best how to say it.
    Road(Failure),
}

/// What PowerShell says about a cmdlet that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorRecord {
    /// The exception's message.
    pub message: String,
    /// The class of the exception, such as `Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException`.
    pub exception: String,
    /// The category, such as `ObjectNotFound` or `ResourceExists`.
    pub category: String,
    /// The fully qualified error identifier.
    pub identifier: String,
    /// The object it is about, as text.
    pub target: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Record(record) => write!(
                formatter,
                "{} on {} failed: {}",
                self.cmdlet, self.plane, record.message
            ),
            ErrorKind::Road(failure) => failure.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {}
