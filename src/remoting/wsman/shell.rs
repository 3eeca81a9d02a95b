//! [`Request`] and [`Response`]: what is said about shells and commands (MS-WSMV 3.1.4, MS-PSRP 3.1.5.3).

use super::error::Error;
use super::fault::Fault;
use super::form::{duration, read_duration, upper};
use super::namespace::{ADDRESSING, POWERSHELL, SHELL, SOAP, TRANSFER, WSMAN};
use super::xml::{Element, escaped};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::borrow::Cow;
use std::time::Duration;
use uuid::Uuid;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Opens a shell, which is a runspace pool (MS-PSRP 3.1.5.3.1).
    Create {
        /// The identifier that the client proposes.
        shell_id: Uuid,
        /// The first fragments.
        creation: Vec<u8>,
    },
    /// Starts a command, which is a pipeline (MS-PSRP 3.1.5.3.3).
    Command {
        /// The shell.
        shell_id: String,
        /// The identifier of the pipeline.
        command_id: Uuid,
        /// The first fragment or fragments.
        arguments: Vec<u8>,
    },
    /// Sends more fragments (MS-PSRP 3.1.5.3.5).
    Send {
        /// The shell.
        shell_id: String,
        /// The command; absent for data of the runspace pool.
        command_id: Option<Uuid>,
        /// The fragments.
        data: Vec<u8>,
    },
    /// Asks for fragments and waits for them (MS-PSRP 3.1.5.3.7).
    Receive {
        /// The shell.
        shell_id: String,
        /// The command; absent for data of the runspace pool.
        command_id: Option<Uuid>,
    },
    /// Stops or ends a command (MS-PSRP 3.1.5.3.9).
    Signal {
        /// The shell.
        shell_id: String,
        /// The command.
        command_id: Uuid,
        /// What is to happen to it.
        signal: Signal,
    },
    /// Closes the shell (MS-PSRP 3.1.5.3.11).
    Delete {
        /// The shell.
        shell_id: String,
    },
}

/// What is to happen to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stop the pipeline and let it say so (MS-PSRP 3.1.5.3.9).
    Stop,
    /// Forget the command (MS-WSMV 2.2.4.38).
    Terminate,
    /// Another code; services end the command at it.
    Other(String),
}

/// What a service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The shell is open.
    Created(Shell),
    /// The command was taken.
    Started {
        /// The identifier of the command.
        command_id: Uuid,
    },
    /// The data was taken.
    Sent,
    /// Here is data.
    Received {
        /// The command that was asked about; absent for the runspace pool.
        command_id: Option<Uuid>,
        /// The data, in order.
        streams: Vec<Stream>,
        /// The state of the command, when one was asked about.
        state: Option<CommandState>,
    },
    /// The signal was taken.
    Signaled,
    /// The shell is closed.
    Deleted,
    /// The request was refused.
    Fault(Fault),
}

/// What a service says about a new shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shell {
    /// The identifier to use from now on; a service may choose its own.
    pub shell_id: String,
    /// The resource URI.
    pub resource_uri: String,
    /// The account it belongs to.
    pub owner: String,
    /// How long it may stay unused.
    pub idle_timeout: Option<Duration>,
}

/// One piece of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The name, which is `stdout` from a service.
    pub name: String,
    /// The command; absent for data of the runspace pool.
    pub command_id: Option<Uuid>,
    /// The fragments.
    pub data: Vec<u8>,
}

/// The state of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// More data will come.
    Running,
    /// All data was given.
    Done,
    /// It has not begun.
    Pending,
}

/// The body of an envelope with the action of its header.
pub(super) struct Body<'envelope> {
    pub(super) action: Option<&'envelope str>,
    pub(super) element: &'envelope Element,
}

impl Body<'_> {
    fn action(&self) -> Result<&str, Error> {
        self.action.ok_or(Error::Missing {
            element: "a:Action",
        })
    }

    fn child(&self, name: &'static str) -> Result<&Element, Error> {
        self.element.required(SHELL, name, name)
    }
}

impl Request {
    /// The shell that is meant, unless it is yet to be made.
    pub fn shell_id(&self) -> Option<&str> {
        match self {
            Self::Create { .. } => None,
            Self::Command { shell_id, .. }
            | Self::Send { shell_id, .. }
            | Self::Receive { shell_id, .. }
            | Self::Signal { shell_id, .. }
            | Self::Delete { shell_id } => Some(shell_id),
        }
    }

    pub(super) fn action(&self) -> String {
        let (namespace, verb) = match self {
            Self::Create { .. } => (TRANSFER, "Create"),
            Self::Command { .. } => (SHELL, "Command"),
            Self::Send { .. } => (SHELL, "Send"),
            Self::Receive { .. } => (SHELL, "Receive"),
            Self::Signal { .. } => (SHELL, "Signal"),
            Self::Delete { .. } => (TRANSFER, "Delete"),
        };
        format!("{namespace}/{verb}")
    }

    pub(super) fn options(&self) -> String {
        let option = match self {
            Self::Create { .. } => format!(
                "<w:Option Name=\"protocolversion\" MustComply=\"true\">{PROTOCOL_VERSION}</w:Option>"
            ),
            Self::Receive { .. } => {
                "<w:Option Name=\"WSMAN_CMDSHELL_OPTION_KEEPALIVE\">TRUE</w:Option>".to_owned()
            }
            _ => return String::new(),
        };
        format!("<w:OptionSet s:mustUnderstand=\"true\">{option}</w:OptionSet>")
    }

    pub(super) fn body(&self) -> String {
        match self {
            Self::Create { shell_id, creation } => format!(
                "<rsp:Shell xmlns:rsp=\"{SHELL}\" ShellId=\"{}\"><rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams><creationXml xmlns=\"{POWERSHELL}\">{}</creationXml></rsp:Shell>",
                upper(*shell_id),
                BASE64_STANDARD.encode(creation)
            ),
            Self::Command {
                command_id,
                arguments,
                ..
            } => format!(
                "<rsp:CommandLine xmlns:rsp=\"{SHELL}\" CommandId=\"{}\"><rsp:Command/><rsp:Arguments>{}</rsp:Arguments></rsp:CommandLine>",
                upper(*command_id),
                BASE64_STANDARD.encode(arguments)
            ),
            Self::Send {
                command_id, data, ..
            } => format!(
                "<rsp:Send xmlns:rsp=\"{SHELL}\"><rsp:Stream Name=\"stdin\"{}>{}</rsp:Stream></rsp:Send>",
                command_attribute(*command_id),
                BASE64_STANDARD.encode(data)
            ),
            Self::Receive { command_id, .. } => format!(
                "<rsp:Receive xmlns:rsp=\"{SHELL}\"><rsp:DesiredStream{}>stdout</rsp:DesiredStream></rsp:Receive>",
                command_attribute(*command_id)
            ),
            Self::Signal {
                command_id, signal, ..
            } => format!(
                "<rsp:Signal xmlns:rsp=\"{SHELL}\" CommandId=\"{}\"><rsp:Code>{}</rsp:Code></rsp:Signal>",
                upper(*command_id),
                escaped(&signal.code())
            ),
            Self::Delete { .. } => String::new(),
        }
    }

    pub(super) fn read(body: &Body<'_>, shell_id: Option<&str>) -> Result<Self, Error> {
        let action = body.action()?;
        let shell_id = || {
            shell_id.map(str::to_owned).ok_or(Error::Missing {
                element: "w:Selector ShellId",
            })
        };
        match (verb(action, TRANSFER), verb(action, SHELL)) {
            (Some("Create"), _) => Self::read_create(body.child("Shell")?),
            (Some("Delete"), _) => Ok(Self::Delete {
                shell_id: shell_id()?,
            }),
            (_, Some("Command")) => Self::read_command(body.child("CommandLine")?, shell_id()?),
            (_, Some("Send")) => Self::read_send(body.child("Send")?, shell_id()?),
            (_, Some("Receive")) => {
                let receive = body.child("Receive")?;
                let stream = receive.required(SHELL, "DesiredStream", "rsp:DesiredStream")?;
                Ok(Self::Receive {
                    shell_id: shell_id()?,
                    command_id: optional_command(stream)?,
                })
            }
            (_, Some("Signal")) => {
                let signal = body.child("Signal")?;
                let code = signal.required(SHELL, "Code", "rsp:Code")?;
                Ok(Self::Signal {
                    shell_id: shell_id()?,
                    command_id: required_command(signal)?,
                    signal: Signal::from_code(code.text.trim()),
                })
            }
            _ => Err(Error::UnknownAction {
                action: action.to_owned(),
            }),
        }
    }

    fn read_create(shell: &Element) -> Result<Self, Error> {
        let proposed = shell.attribute("ShellId").ok_or(Error::Missing {
            element: "rsp:Shell/@ShellId",
        })?;
        let creation = shell.required(POWERSHELL, "creationXml", "creationXml")?;
        Ok(Self::Create {
            shell_id: identifier("rsp:Shell/@ShellId", proposed)?,
            creation: data("creationXml", &creation.text)?,
        })
    }

    fn read_command(line: &Element, shell_id: String) -> Result<Self, Error> {
        let arguments: String = line
            .all(SHELL, "Arguments")
            .map(|argument| argument.text.as_str())
            .collect();
        Ok(Self::Command {
            shell_id,
            command_id: required_command(line)?,
            arguments: data("rsp:Arguments", &arguments)?,
        })
    }

    fn read_send(send: &Element, shell_id: String) -> Result<Self, Error> {
        let stream = send.required(SHELL, "Stream", "rsp:Stream")?;
        Ok(Self::Send {
            shell_id,
            command_id: optional_command(stream)?,
            data: data("rsp:Stream", &stream.text)?,
        })
    }
}

impl Signal {
    fn code(&self) -> Cow<'_, str> {
        match self {
            Self::Stop => Cow::Borrowed(STOP),
            Self::Terminate => Cow::Owned(format!("{SHELL}/signal/terminate")),
            Self::Other(code) => Cow::Borrowed(code),
        }
    }

    fn from_code(code: &str) -> Self {
        if code == STOP {
            Self::Stop
        } else if code.strip_prefix(SHELL) == Some("/signal/terminate") {
            Self::Terminate
        } else {
            Self::Other(code.to_owned())
        }
    }
}

impl Response {
    pub(super) fn action(&self) -> String {
        let (namespace, verb) = match self {
            Self::Created(_) => (TRANSFER, "CreateResponse"),
            Self::Started { .. } => (SHELL, "CommandResponse"),
            Self::Sent => (SHELL, "SendResponse"),
            Self::Received { .. } => (SHELL, "ReceiveResponse"),
            Self::Signaled => (SHELL, "SignalResponse"),
            Self::Deleted => (TRANSFER, "DeleteResponse"),
            Self::Fault(_) => return FAULT_ACTION.to_owned(),
        };
        format!("{namespace}/{verb}")
    }

    pub(super) fn body(&self, machine: &str) -> String {
        match self {
            Self::Created(shell) => shell.body(),
            Self::Started { command_id } => format!(
                "<rsp:CommandResponse><rsp:CommandId>{}</rsp:CommandId></rsp:CommandResponse>",
                upper(*command_id)
            ),
            Self::Sent => "<rsp:SendResponse/>".to_owned(),
            Self::Received {
                command_id,
                streams,
                state,
            } => received_body(*command_id, streams, *state),
            Self::Signaled => "<rsp:SignalResponse/>".to_owned(),
            Self::Deleted => String::new(),
            Self::Fault(fault) => fault.body(machine),
        }
    }

    pub(super) fn read(body: &Body<'_>) -> Result<Self, Error> {
        if let Some(fault) = body.element.child(SOAP, "Fault") {
            return Fault::read(fault).map(Self::Fault);
        }
        let action = body.action()?;
        match (verb(action, TRANSFER), verb(action, SHELL)) {
            (Some("CreateResponse"), _) => Shell::read(body).map(Self::Created),
            (Some("DeleteResponse"), _) => Ok(Self::Deleted),
            (_, Some("CommandResponse")) => {
                let response = body.child("CommandResponse")?;
                let command = response.required(SHELL, "CommandId", "rsp:CommandId")?;
                Ok(Self::Started {
                    command_id: identifier("rsp:CommandId", &command.text)?,
                })
            }
            (_, Some("SendResponse")) => Ok(Self::Sent),
            (_, Some("ReceiveResponse")) => read_received(body.child("ReceiveResponse")?),
            (_, Some("SignalResponse")) => Ok(Self::Signaled),
            _ => Err(Error::UnknownAction {
                action: action.to_owned(),
            }),
        }
    }
}

impl Shell {
    fn body(&self) -> String {
        let uri = escaped(&self.resource_uri);
        let id = escaped(&self.shell_id);
        let idle = self.idle_timeout.map_or_else(String::new, |idle| {
            format!("<rsp:IdleTimeOut>{}</rsp:IdleTimeOut>", duration(idle))
        });
        format!(
            "<x:ResourceCreated><a:Address>http://localhost/PowerShell</a:Address><a:ReferenceParameters><w:ResourceURI>{uri}</w:ResourceURI><w:SelectorSet><w:Selector Name=\"ShellId\">{id}</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>\
             <rsp:Shell><rsp:ShellId>{id}</rsp:ShellId><rsp:ResourceUri>{uri}</rsp:ResourceUri><rsp:Owner>{owner}</rsp:Owner>{idle}<rsp:InputStreams>stdin pr</rsp:InputStreams><rsp:OutputStreams>stdout</rsp:OutputStreams><rsp:Locale>en-US</rsp:Locale><rsp:DataLocale>en-US</rsp:DataLocale><rsp:CompressionMode>NoCompression</rsp:CompressionMode><rsp:ProfileLoaded>Yes</rsp:ProfileLoaded><rsp:Encoding>UTF8</rsp:Encoding><rsp:BufferMode>Block</rsp:BufferMode><rsp:State>Connected</rsp:State></rsp:Shell>",
            owner = escaped(&self.owner),
        )
    }

    fn read(body: &Body<'_>) -> Result<Self, Error> {
        let shell = body.element.child(SHELL, "Shell");
        let text = |name: &str| {
            shell
                .and_then(|shell| shell.child(SHELL, name))
                .map(|element| element.text.trim().to_owned())
        };
        let selected = || {
            let created = body.element.child(TRANSFER, "ResourceCreated")?;
            let parameters = created.child(ADDRESSING, "ReferenceParameters")?;
            selected_shell(parameters).map(str::to_owned)
        };
        Ok(Self {
            shell_id: text("ShellId").or_else(selected).ok_or(Error::Missing {
                element: "rsp:ShellId",
            })?,
            resource_uri: text("ResourceUri").unwrap_or_default(),
            owner: text("Owner").unwrap_or_default(),
            idle_timeout: text("IdleTimeOut")
                .as_deref()
                .map(read_duration)
                .transpose()?,
        })
    }
}

/// The shell that the selectors in this element name (WS-Management 5.1.2.2).
pub(super) fn selected_shell(element: &Element) -> Option<&str> {
    element
        .child(WSMAN, "SelectorSet")?
        .all(WSMAN, "Selector")
        .find(|selector| selector.attribute("Name") == Some("ShellId"))
        .map(|selector| selector.text.trim())
}

/// What an action of that namespace asks for, or answers to.
fn verb<'action>(action: &'action str, namespace: &str) -> Option<&'action str> {
    action.strip_prefix(namespace)?.strip_prefix('/')
}

fn received_body(
    command_id: Option<Uuid>,
    streams: &[Stream],
    state: Option<CommandState>,
) -> String {
    let mut body = "<rsp:ReceiveResponse>".to_owned();
    for stream in streams {
        body.push_str(&format!(
            "<rsp:Stream Name=\"{}\"{}>",
            escaped(&stream.name),
            command_attribute(stream.command_id)
        ));
        BASE64_STANDARD.encode_string(&stream.data, &mut body);
        body.push_str("</rsp:Stream>");
    }
    if let Some(state) = state {
        body.push_str(&format!(
            "<rsp:CommandState{} State=\"{SHELL}/CommandState/{}\"></rsp:CommandState>",
            command_attribute(command_id),
            state.word()
        ));
    }
    body.push_str("</rsp:ReceiveResponse>");
    body
}

fn read_received(received: &Element) -> Result<Response, Error> {
    let streams = received
        .all(SHELL, "Stream")
        .map(|stream| {
            Ok(Stream {
                name: stream.attribute("Name").unwrap_or_default().to_owned(),
                command_id: optional_command(stream)?,
                data: data("rsp:Stream", &stream.text)?,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let state = received.child(SHELL, "CommandState");
    let command_id = match state {
        Some(state) => optional_command(state)?,
        None => streams.iter().find_map(|stream| stream.command_id),
    };
    Ok(Response::Received {
        command_id,
        streams,
        state: state.map(CommandState::read).transpose()?,
    })
}

impl CommandState {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Done => "Done",
            Self::Pending => "Pending",
        }
    }

    fn read(element: &Element) -> Result<Self, Error> {
        let state = element.attribute("State").ok_or(Error::Missing {
            element: "rsp:CommandState/@State",
        })?;
        [Self::Running, Self::Done, Self::Pending]
            .into_iter()
            .find(|known| state.rsplit('/').next() == Some(known.word()))
            .ok_or_else(|| Error::Unreadable {
                element: "rsp:CommandState/@State",
                text: state.to_owned(),
                expected: "Running, Done or Pending",
            })
    }
}

fn command_attribute(command_id: Option<Uuid>) -> String {
    command_id.map_or_else(String::new, |id| format!(" CommandId=\"{}\"", upper(id)))
}

fn required_command(element: &Element) -> Result<Uuid, Error> {
    optional_command(element)?.ok_or(Error::Missing {
        element: "@CommandId",
    })
}

fn optional_command(element: &Element) -> Result<Option<Uuid>, Error> {
    element
        .attribute("CommandId")
        .map(|text| identifier("@CommandId", text))
        .transpose()
}

fn identifier(element: &'static str, text: &str) -> Result<Uuid, Error> {
    let text = text.trim();
    Uuid::try_parse(text).map_err(|_| Error::Unreadable {
        element,
        text: text.to_owned(),
        expected: "a unique identifier",
    })
}

/// Base64 as `xs:base64Binary` has it: white space may be anywhere.
fn data(element: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let text: Cow<'_, str> = if text.contains(|letter: char| letter.is_ascii_whitespace()) {
        Cow::Owned(text.split_ascii_whitespace().collect())
    } else {
        Cow::Borrowed(text)
    };
    BASE64_STANDARD
        .decode(text.as_bytes())
        .map_err(|error| Error::Unreadable {
            element,
            text: error.to_string(),
            expected: "base64",
        })
}

/// `protocolversion` of MS-PSRP 3.1.5.3.1.
const PROTOCOL_VERSION: &str = "2.3";

/// The spelling is the protocol's own (MS-PSRP 3.1.5.3.9); any other code ends the command without a word.
const STOP: &str = "powershell/signal/crtl_c";

const FAULT_ACTION: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";
