//! Pipelines: the commands that are asked for, and the states a pipeline goes through.
//!
//! Look at [`Command`] first: a cmdlet with typed parameters, which is all that a runspace in no-language mode accepts.
//! There are no scripts here on the way out; on the way in they are recognized, so that they can be refused.

use crate::remoting::clixml::{Content, Object, Value};
use crate::remoting::psrp::code::coded;
use crate::remoting::psrp::data::Data;
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::host::HostInfo;
use crate::remoting::psrp::message_type::MessageType;
use crate::remoting::psrp::pool::{ProtocolVersion, unknown_apartment};
use crate::remoting::psrp::record::ErrorRecord;

coded! {
    /// The state of a pipeline (MS-PSRP 2.2.3.5).
    PipelineState: i32 {
        NotStarted = 0,
        Running = 1,
        Stopping = 2,
        Stopped = 3,
        Completed = 4,
        Failed = 5,
        Disconnected = 6,
    }
}

impl PipelineState {
    /// Says whether the pipeline has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::Completed | Self::Failed)
    }
}

/// A cmdlet with typed parameters (MS-PSRP 2.2.3.12).
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The name, such as `Get-AuthServer`; the text of a script if it is one.
    pub name: String,
    /// The parameters in the order they were given.
    pub parameters: Vec<Parameter>,
    /// Whether it is a script, which no-language mode refuses.
    pub is_script: bool,
}

/// One parameter of a command (MS-PSRP 2.2.3.13).
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name without dash; `None` for a parameter that is bound by its place.
    pub name: Option<String>,
    /// The value.
    pub value: Value,
}

impl Command {
    /// A cmdlet without parameters.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parameters: Vec::new(),
            is_script: false,
        }
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.push(Parameter {
            name: Some(name.into()),
            value: value.into(),
        });
        self
    }

    /// The value of the parameter of that name, without regard to case.
    pub fn value_of(&self, name: &str) -> Option<&Value> {
        self.parameters
            .iter()
            .find(|parameter| {
                parameter
                    .name
                    .as_deref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
            })
            .map(|parameter| &parameter.value)
    }

    fn to_value(&self, protocol: ProtocolVersion) -> Value {
        let arguments = self.parameters.iter().map(Parameter::to_value);
        let mut command = Object::new()
            .with_to_string(self.name.as_str())
            .with_extended("Cmd", self.name.as_str())
            .with_extended("Args", Value::list(arguments))
            .with_extended("IsScript", self.is_script)
            .with_extended("UseLocalScope", Value::Null);
        for (name, since) in MERGES {
            if protocol >= since {
                command = command.with_extended(name, merge_nothing());
            }
        }
        command.into()
    }

    fn read(data: Data<'_>) -> Result<Self, Error> {
        let arguments = match data.optional("Args") {
            Some(_) => data.list("Args")?,
            None => &[],
        };
        Ok(Self {
            name: data.text("Cmd")?.to_owned(),
            parameters: arguments
                .iter()
                .map(|argument| Parameter::read(data.inside(argument)))
                .collect(),
            is_script: data.boolean("IsScript")?,
        })
    }
}

impl Parameter {
    fn to_value(&self) -> Value {
        Object::new()
            .with_extended("N", self.name.as_deref().map(Value::from))
            .with_extended("V", self.value.clone())
            .into()
    }

    fn read(data: Data<'_>) -> Self {
        let name = data.optional("N").and_then(Value::as_text);
        Self {
            // `-Name:` is what a parsed command line leaves; it means the same.
            name: name.map(|name| {
                let name = name.strip_prefix('-').unwrap_or(name);
                name.strip_suffix(':').unwrap_or(name).to_owned()
            }),
            value: data.optional("V").cloned().unwrap_or_default(),
        }
    }
}

/// What a client wants to run (MS-PSRP 2.2.2.10, 2.2.3.11).
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The statements, each with the commands whose output flows from one to the next.
    pub statements: Vec<Vec<Command>>,
    /// Whether the client sends no input.
    pub no_input: bool,
    /// What the host of the pipeline can do.
    pub host: HostInfo,
}

impl Invocation {
    /// The command, if there is exactly one.
    pub fn only_command(&self) -> Option<&Command> {
        match self.statements.as_slice() {
            [statement] => match statement.as_slice() {
                [command] => Some(command),
                _ => None,
            },
            _ => None,
        }
    }

    /// Reads the data of a CREATE_PIPELINE message.
    pub(crate) fn read(data: Data<'_>) -> Result<Self, Error> {
        let powershell = data.inside(data.value("PowerShell")?);
        let statements = match powershell.optional("ExtraCmds") {
            Some(_) => powershell
                .list("ExtraCmds")?
                .iter()
                .map(|statement| read_commands(data.inside(statement)))
                .collect::<Result<_, _>>()?,
            None => vec![read_commands(powershell)?],
        };
        Ok(Self {
            statements,
            no_input: data.boolean("NoInput")?,
            host: HostInfo::read(data.inside(data.value("HostInfo")?))?,
        })
    }
}

fn read_commands(data: Data<'_>) -> Result<Vec<Command>, Error> {
    data.list("Cmds")?
        .iter()
        .map(|command| Command::read(data.inside(command)))
        .collect()
}

/// The data of a CREATE_PIPELINE message for one command without input.
pub(crate) fn create_pipeline(command: &Command, protocol: ProtocolVersion) -> Value {
    let powershell = Object::new()
        .with_extended("Cmds", Value::list([command.to_value(protocol)]))
        .with_extended("IsNested", false)
        .with_extended("History", Value::Null)
        .with_extended("RedirectShellErrorOutputPipe", true);
    Object::new()
        .with_extended("NoInput", true)
        .with_extended("ApartmentState", unknown_apartment())
        .with_extended(
            "RemoteStreamOptions",
            Value::enumeration("System.Management.Automation.RemoteStreamOptions", "0", 0),
        )
        .with_extended("AddToHistory", false)
        .with_extended("HostInfo", HostInfo::of_the_pool().to_value())
        .with_extended("PowerShell", powershell)
        .with_extended("IsNested", false)
        .into()
}

/// Refuses what would need the session key.
pub(crate) fn refuse_secure_strings(command: &Command) -> Result<(), Error> {
    let mut parameters = command.parameters.iter();
    match parameters.find(|parameter| holds_secure_string(&parameter.value)) {
        None => Ok(()),
        Some(parameter) => {
            let name = parameter.name.as_deref().unwrap_or("without a name");
            Err(Error::SecureString {
                place: format!("the parameter {name} of {}", command.name),
            })
        }
    }
}

/// Says whether there is a secure string anywhere in the value.
fn holds_secure_string(value: &Value) -> bool {
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        let Value::Object(object) = value else {
            if matches!(value, Value::SecureString(_)) {
                return true;
            }
            continue;
        };
        match &object.content {
            Content::None => {}
            Content::Value(value) => pending.push(value),
            Content::Stack(items)
            | Content::Queue(items)
            | Content::List(items)
            | Content::Enumerable(items) => pending.extend(items),
            Content::Dictionary(entries) => {
                pending.extend(entries.iter().flat_map(|(key, value)| [key, value]));
            }
        }
        let properties = object.adapted.iter().chain(object.extended.iter());
        pending.extend(properties.map(|(_, value)| value));
    }
    false
}

/// The state of a pipeline, with the error that ended it (MS-PSRP 2.2.2.21).
pub(crate) fn read_state(
    data: Data<'_>,
) -> Result<(PipelineState, Option<Box<ErrorRecord>>), Error> {
    let state = PipelineState::from_code(data.small_number("PipelineState")?);
    Ok((state, read_error(data)))
}

/// The error of a state message, of a pipeline or of a pool.
pub(crate) fn read_error(data: Data<'_>) -> Option<Box<ErrorRecord>> {
    let record = data.optional("ExceptionAsErrorRecord")?;
    Some(Box::new(ErrorRecord::read(Data::new(
        MessageType::ErrorRecord,
        record,
    ))))
}

/// The data of a state message: `property` is the name of the state in it.
pub(crate) fn state_value(property: &str, code: i32, error: Option<&ErrorRecord>) -> Value {
    let mut state = Object::new().with_extended(property, code);
    if let Some(record) = error {
        state = state.with_extended("ExceptionAsErrorRecord", record.to_value());
    }
    state.into()
}

/// How streams are merged, and since which version of the protocol (MS-PSRP 2.2.3.12).
const MERGES: [(&str, ProtocolVersion); 8] = [
    ("MergeMyResult", ProtocolVersion::V2_1),
    ("MergeToResult", ProtocolVersion::V2_1),
    ("MergePreviousResults", ProtocolVersion::V2_1),
    ("MergeError", ProtocolVersion::V2_2),
    ("MergeWarning", ProtocolVersion::V2_2),
    ("MergeVerbose", ProtocolVersion::V2_2),
    ("MergeDebug", ProtocolVersion::V2_2),
    ("MergeInformation", ProtocolVersion::V2_3),
];

/// `PipelineResultTypes.None` (MS-PSRP 2.2.3.31): the streams stay apart.
fn merge_nothing() -> Value {
    Value::enumeration(
        "System.Management.Automation.Runspaces.PipelineResultTypes",
        "None",
        0,
    )
}
