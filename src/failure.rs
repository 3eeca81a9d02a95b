//! [`Failure`]: what a person, a script, the journal and the exit code learn when something goes wrong.
//!
//! Each lower module has an error type of its own with named fields and turns it into a `Failure` where it knows most.
//! The kind alone decides on retry, hint and exit code.

use crate::subject::Subject;
use serde::{Deserialize, Serialize};
use std::{error::Error, fmt, sync::Arc};

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The command line, an input, an option, a script or the organization file is wrong.
    Input,
    /// Signing in was refused.
    SignIn,
    /// The signed-in account may not do this.
    Denied,
    /// The object does not exist.
    NotFound,
    /// An object of that name or value exists.
    AlreadyExists,
    /// The service refused the request as wrong.
    Invalid,
    /// The service asked to wait, for longer than we were willing to.
    Throttled,
    /// The service could not be reached or did not answer in time.
    Unreachable,
    /// The service answered in a way that its protocol does not allow.
    Protocol,
    /// The present state is not the one that was planned for.
    Conflict,
    /// A verification answered no.
    Check,
    /// The run is limited to one side, and this is about the other.
    OtherHalf,
    /// The user interrupted.
    Interrupted,
    /// A defect of this program.
    Internal,
}

impl FailureKind {
    /// The word that scripts and JSON use, such as `not_found`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::SignIn => "sign_in",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Invalid => "invalid",
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Protocol => "protocol",
            Self::Conflict => "conflict",
            Self::Check => "check",
            Self::OtherHalf => "other_half",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}

/// Something that went wrong, said once.
///
/// `message` is one lower-case sentence without a full stop; `detail` is what the service said, in its own words and
/// codes; `hint` is what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The class.
    pub kind: FailureKind,
    /// One lower-case sentence without a full stop.
    pub message: String,
    /// The object it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The service's own words and codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether a write may have been done although it failed: read before anything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ambiguous: bool,
    /// The error below; shared, because script values are cloned.
    #[serde(skip)]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// Makes a failure of a kind with its sentence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            subject: None,
            detail: None,
            hint: None,
            ambiguous: false,
            source: None,
        }
    }

    /// Makes a failure of kind [`Input`](FailureKind::Input) with its sentence.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Input, message)
    }

    /// Says what it is about.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Adds the service's own words.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, where somebody knows.
    #[must_use]
    pub fn with_hint_if_any(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Adds the error below.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
