//! [`JsonReport`]: the events as JSON, one object a line.
//!
//! The first line names the schema, the last is the summary. A reader ignores types and keys that it does not know:
//! a new one does not change the schema's version, another meaning of an old one does.

use crate::failure::{Failure, FailureKind};
use crate::report::Stream;
use crate::session::event::{Event, Listener, Summary};
use serde::Serialize;
use serde_json::json;

/// The version of what the lines mean.
pub const SCHEMA: &str = "1.0";

/// Writes each event as a line of JSON.
#[derive(Clone, Debug)]
pub struct JsonReport {
    output: Stream,
    /// The organization that each line names, where it is one of several.
    organization: Option<String>,
}

/// What a whole command came to that was about several organizations: the last line.
#[derive(Clone, Debug, Serialize)]
pub struct Whole<'a> {
    /// The exit code.
    pub exit: u8,
    /// What the exit code means.
    pub meaning: &'a str,
    /// What each organization came to, in the order in which they were given.
    pub organizations: Vec<Ending<'a>>,
}

/// What a whole command came to: the last line.
#[derive(Clone, Debug, Serialize)]
pub struct Ending<'a> {
    /// The exit code.
    pub exit: u8,
    /// What the exit code means.
    pub meaning: &'a str,
    /// The organization by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'a str>,
    /// The counts of the last pass, or none where there was no pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<&'a Summary>,
    /// The file that holds the record of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// Why a script stopped, with its lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<serde_json::Value>,
    /// The command that goes on from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// The files that the plan was written to, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emitted: Vec<String>,
}

impl<'a> Ending<'a> {
    /// An ending that has only its exit code.
    pub fn of(exit: u8, meaning: &'a str) -> Self {
        Self {
            exit,
            meaning,
            organization: None,
            summary: None,
            journal: None,
            stopped: None,
            resume: None,
            emitted: Vec::new(),
        }
    }
}

impl JsonReport {
    /// Starts a report with its first line.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub fn start(output: Stream) -> Result<Self, Failure> {
        let report = Self {
            output,
            organization: None,
        };
        report.line(&json!({
            "type": "version",
            "schema": SCHEMA,
            "program": concat!("exoauth ", env!("CARGO_PKG_VERSION")),
        }))?;
        Ok(report)
    }

    /// The report of one of several organizations, within a report that was started.
    pub fn of_one(output: Stream, organization: &str) -> Self {
        Self {
            output,
            organization: Some(organization.to_owned()),
        }
    }

    /// Ends a report with the summary; that of one of several organizations with what this one came to.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub fn end(&self, ending: &Ending<'_>) -> Result<(), Failure> {
        let kind = match self.organization {
            Some(_) => "organization_finished",
            None => "summary",
        };
        self.last(kind, ending)
    }

    /// Ends a report about several organizations with the summary.
    ///
    /// # Errors
    ///
    /// When the line cannot be written.
    pub fn end_all(&self, whole: &Whole<'_>) -> Result<(), Failure> {
        self.last("summary", whole)
    }

    fn last(&self, kind: &str, ending: &impl Serialize) -> Result<(), Failure> {
        let mut line = json!({ "type": kind });
        let ending = serde_json::to_value(ending).map_err(not_json)?;
        if let (Some(line), serde_json::Value::Object(ending)) = (line.as_object_mut(), ending) {
            line.extend(ending);
        }
        self.line(&line)
    }

    fn line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match &self.organization {
            None => serde_json::to_string(value),
            Some(organization) => serde_json::to_value(value).map(|mut value| {
                value["organization"] = organization.as_str().into();
                value.to_string()
            }),
        };
        self.output.line(&text.map_err(not_json)?)
    }
}

impl Listener for JsonReport {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        self.line(event)
    }
}

fn not_json(error: serde_json::Error) -> Failure {
    Failure::new(FailureKind::Internal, "an event has no JSON form").caused_by(error)
}
