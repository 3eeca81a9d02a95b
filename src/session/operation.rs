//! [`Operation`]: one request with what it is about, what it does, and which line of which script asked for it.

use crate::certificate::Certificate;
use crate::exchange::discovery::Discovery;
use crate::exchange::{Answer, Invocation, ScriptCall};
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

impl Operation {
    /// Whether the subject can be read only by a property that its creation gives it.
    pub(super) fn observes_what_it_learns(&self) -> bool {
        self.observe.as_ref().is_some_and(Request::has_unknown)
    }

    /// The operation after it was answered: with what the answer says in the place of what was unknown in how its
    /// subject is read; not to be read where the answer does not say it.
    pub(super) fn answered(&self, answer: &Answer) -> Self {
        let mut answered = self.clone();
        if self.observes_what_it_learns() {
            let made = answer.output.first().and_then(Value::as_object);
            answered.observe = answered
                .observe
                .and_then(|observe| observe.filled(made?, &self.subject));
        }
        answered
    }
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
    /// A question to Autodiscover of Exchange Online.
    Discovery(Discovery),
}

impl Request {
    /// The request that runs a cmdlet.
    pub fn cmdlet(name: &str, parameters: Object) -> Self {
        Self::Cmdlet(Invocation {
            cmdlet: name.to_owned(),
            parameters,
        })
    }

    /// Whether it holds something that only the service will know, so that it cannot be sent.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Cmdlet(invocation) => invocation.parameters.values().any(Value::has_unknown),
            Self::Script(call) => call.parameters.values().any(Value::has_unknown),
            Self::Discovery(_) => false,
            Self::Graph(request) => {
                let texts = request.query.iter().map(|(_, value)| value);
                request.body.as_ref().is_some_and(Value::has_unknown)
                    || request.matching.values().any(Value::has_unknown)
                    || texts
                        .chain([&request.path])
                        .any(|text| text.contains(UNKNOWN))
            }
        }
    }

    /// A cmdlet with the properties of an object in the place of what was unknown of it; none where it lacks one.
    pub(super) fn filled(&self, made: &Object, subject: &Subject) -> Option<Self> {
        let Self::Cmdlet(invocation) = self else {
            return None;
        };
        let mut filled = invocation.clone();
        let made = &with_thumbprint(made);
        for value in filled.parameters.values_mut() {
            // A journal has an unknown in this form.
            let what = match &*value {
                Value::Unknown(what) => Some(what.clone()),
                Value::Object(object) if object.len() == 1 => object
                    .get("unknown")
                    .and_then(Value::as_text)
                    .map(str::to_owned),
                _ => None,
            };
            if let Some(what) = what {
                let known = made
                    .iter()
                    .find(|(property, _)| what == unknown_of(property, subject))
                    .map(|(_, known)| known.clone())
                    .filter(|known| !matches!(known, Value::Null | Value::Unknown(_)))?;
                *value = known;
            }
        }
        Some(Self::Cmdlet(filled))
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
            Self::Discovery(question) => question.call(),
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

/// An object with the thumbprint of the certificate that it is, where it has the bytes alone: a server that signs what
/// it serializes gives nothing else.
fn with_thumbprint(made: &Object) -> Object {
    let mut made = made.clone();
    let bytes = match made.get("RawData") {
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        Some(Value::Text(text)) => text.as_bytes(),
        _ => return made,
    };
    if let (false, Ok(certificate)) = (
        made.contains_key("Thumbprint"),
        Certificate::from_any(bytes),
    ) {
        made.insert("Thumbprint".to_owned(), certificate.thumbprint().into());
    }
    made
}

/// How a text begins that stands for something that only the service will know.
const UNKNOWN: &str = "(known after apply: ";

/// The text that stands for something that only the service will know: in the name of a subject, or in a path.
///
/// ```
/// assert_eq!(exoauth::session::unknown_text("the id"), "(known after apply: the id)");
/// ```
pub fn unknown_text(what: &str) -> String {
    format!("{UNKNOWN}{what})")
}

/// What is unknown of a subject that is planned to be made.
///
/// ```
/// use exoauth::subject::{Plane, Subject};
///
/// let subject = Subject::one(Plane::Entra, "Application", "Example");
/// let unknown = exoauth::session::unknown_of("appId", &subject);
/// assert_eq!(unknown, "appId of Entra ID Application \"Example\"");
/// ```
pub fn unknown_of(property: &str, subject: &Subject) -> String {
    format!("{property} of {subject}")
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
