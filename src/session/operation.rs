//! [`Operation`]: one request with what it is about, what it does, and which line of which script asked for it.

use crate::exchange::{Invocation, ScriptCall};
use crate::graph;
use crate::session::journal::is_secret;
use crate::subject::{Effect, Subject};
use crate::value::{Object, Value};
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A cmdlet, on the plane of the subject.
    Cmdlet(Invocation),
    /// A request to Microsoft Graph.
    Graph(graph::Request),
    /// A fixed script, on a server of the organization itself.
    Script(ScriptCall),
}

impl Request {
    /// The request that runs a cmdlet.
    pub fn cmdlet(name: &str, parameters: Object) -> Self {
        Self::Cmdlet(Invocation {
            cmdlet: name.to_owned(),
            parameters,
        })
    }

    /// The request as a person writes it: the cmdlet with its parameters, or the method and path with its body.
    ///
    /// ```
    /// use exoauth::{exchange::Invocation, session::Request};
    ///
    /// let request = Request::Cmdlet(Invocation::new("Set-AuthServer").with("Identity", "evoSTS").with("Enabled", true));
    /// assert_eq!(request.call(), "Set-AuthServer -Identity 'evoSTS' -Enabled $true");
    /// ```
    pub fn call(&self) -> String {
        match self {
            Self::Cmdlet(invocation) => {
                let parameters = invocation
                    .parameters
                    .iter()
                    .map(|(name, value)| match value {
                        Value::Bool(_) if name == "Confirm" => {
                            format!(" -{name}:{}", powershell(value))
                        }
                        _ if is_secret(name) => format!(" -{name} <secret>"),
                        value => format!(" -{name} {}", powershell(value)),
                    });
                parameters.fold(invocation.cmdlet.clone(), |call, parameter| {
                    call + parameter.as_str()
                })
            }
            Self::Script(call) => {
                let server = call.server.as_deref().unwrap_or("the Exchange server");
                let arguments: Vec<String> = call.parameters.values().map(powershell).collect();
                let arguments = match arguments.is_empty() {
                    true => String::new(),
                    false => format!(" -ArgumentList {}", arguments.join(",")),
                };
                let name = call.script.name();
                format!("Invoke-Command -ComputerName '{server}' -FilePath {name}.ps1{arguments}")
            }
            Self::Graph(request) => {
                let query: Vec<String> = request
                    .query
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let query = if query.is_empty() {
                    String::new()
                } else {
                    format!("?{}", query.join("&"))
                };
                let body = request
                    .body
                    .as_ref()
                    .map_or_else(String::new, |body| format!(" {}", body.to_json()));
                format!("{} {}{query}{body}", request.method, request.path)
            }
        }
    }
}

/// A value as PowerShell writes it; a single quote is doubled inside single quotes.
fn powershell(value: &Value) -> String {
    match value {
        Value::Null => "$null".to_owned(),
        Value::Bool(true) => "$true".to_owned(),
        Value::Bool(false) => "$false".to_owned(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
        Value::List(list) => list.iter().map(powershell).collect::<Vec<_>>().join(","),
        Value::Object(object) => {
            let entries: Vec<String> = object
                .iter()
                .map(|(name, value)| format!("{name}={}", powershell(value)))
                .collect();
            format!("@{{{}}}", entries.join("; "))
        }
        Value::Unknown(what) => format!("<{what}>"),
    }
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
