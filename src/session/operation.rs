//! [`Operation`]: one request with what it is about, what it does, and which line of which script asked for it.

use crate::exchange::Invocation;
use crate::graph;
use crate::subject::{Effect, Subject};
use crate::value::Object;
use serde::{Deserialize, Serialize};

/// One thing to ask of a service.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The object, or all objects of a noun.
    pub subject: Subject,
    /// What it does to it.
    pub effect: Effect,
    /// What is sent.
    pub request: Request,
    /// For a write: the read that shows the subject's present state, sent right before and right after.
    pub observe: Option<Request>,
    /// For a write: the properties it sets, by their wire names. Equal ones make it a change of nothing, which is not sent.
    pub asked: Object,
    /// For a creation: the properties that only the service knows; unknown while planning.
    pub learned: Vec<String>,
    /// The line that asked.
    pub origin: Origin,
}

/// What is sent to a service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A cmdlet, on the plane of the subject.
    Cmdlet(Invocation),
    /// A request to Microsoft Graph.
    Graph(graph::Request),
}

/// The line of a script that asked for an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The script, such as `scripts/07-connector-online.rhai`; empty at a prompt.
    pub script: String,
    /// The line, from 1; 0 when unknown.
    pub line: usize,
    /// The column, from 1; 0 when unknown.
    pub column: usize,
    /// The native function, such as `new_intraorg_connector`.
    pub function: String,
}
