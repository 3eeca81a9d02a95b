//! Host calls: what the server asks of the client's screen and keyboard (MS-PSRP 2.2.2.15, 2.2.2.27).
//!
//! A client without a person in front of it says so when it opens the pool ([`HostInfo::default`]); a server that asks
//! nevertheless gets a refusal. Look at [`HostCall`] first.

use crate::remoting::clixml::{Object, Value};
use crate::remoting::psrp::code::coded;
use crate::remoting::psrp::data::{Data, property};
use crate::remoting::psrp::error::Error;
use crate::remoting::psrp::record::{ErrorCategory, ErrorRecord};
use uuid::Uuid;

coded! {
    /// A method of the client's host (MS-PSRP 2.2.3.17).
    HostMethod: i32 {
        GetName = 1,
        GetVersion = 2,
        GetInstanceId = 3,
        GetCurrentCulture = 4,
        GetCurrentUICulture = 5,
        SetShouldExit = 6,
        EnterNestedPrompt = 7,
        ExitNestedPrompt = 8,
        NotifyBeginApplication = 9,
        NotifyEndApplication = 10,
        ReadLine = 11,
        ReadLineAsSecureString = 12,
        Write1 = 13,
        Write2 = 14,
        WriteLine1 = 15,
        WriteLine2 = 16,
        WriteLine3 = 17,
        WriteErrorLine = 18,
        WriteDebugLine = 19,
        WriteProgress = 20,
        WriteVerboseLine = 21,
        WriteWarningLine = 22,
        Prompt = 23,
        PromptForCredential1 = 24,
        PromptForCredential2 = 25,
        PromptForChoice = 26,
        GetForegroundColor = 27,
        SetForegroundColor = 28,
        GetBackgroundColor = 29,
        SetBackgroundColor = 30,
        GetCursorPosition = 31,
        SetCursorPosition = 32,
        GetWindowPosition = 33,
        SetWindowPosition = 34,
        GetCursorSize = 35,
        SetCursorSize = 36,
        GetBufferSize = 37,
        SetBufferSize = 38,
        GetWindowSize = 39,
        SetWindowSize = 40,
        GetWindowTitle = 41,
        SetWindowTitle = 42,
        GetMaxWindowSize = 43,
        GetMaxPhysicalWindowSize = 44,
        GetKeyAvailable = 45,
        ReadKey = 46,
        FlushInputBuffer = 47,
        SetBufferContents1 = 48,
        SetBufferContents2 = 49,
        GetBufferContents = 50,
        ScrollBufferContents = 51,
        PushRunspace = 52,
        PopRunspace = 53,
        GetIsRunspacePushed = 54,
        GetRunspace = 55,
        PromptForChoiceMultipleSelection = 56,
    }
}

impl HostMethod {
    /// Says whether the server waits for what the method returns.
    pub fn returns_a_value(self) -> bool {
        match self {
            Self::GetName
            | Self::GetVersion
            | Self::GetInstanceId
            | Self::GetCurrentCulture
            | Self::GetCurrentUICulture
            | Self::ReadLine
            | Self::ReadLineAsSecureString
            | Self::Prompt
            | Self::PromptForCredential1
            | Self::PromptForCredential2
            | Self::PromptForChoice
            | Self::PromptForChoiceMultipleSelection
            | Self::GetForegroundColor
            | Self::GetBackgroundColor
            | Self::GetCursorPosition
            | Self::GetWindowPosition
            | Self::GetCursorSize
            | Self::GetBufferSize
            | Self::GetWindowSize
            | Self::GetWindowTitle
            | Self::GetMaxWindowSize
            | Self::GetMaxPhysicalWindowSize
            | Self::GetKeyAvailable
            | Self::ReadKey
            | Self::GetBufferContents
            | Self::GetIsRunspacePushed
            | Self::GetRunspace => true,
            // Servers give calls that return nothing an identifier that nobody waits for (MS-PSRP 2.2.2.15).
            _ => false,
        }
    }

    /// Says whether the method asks a person.
    pub fn is_a_prompt(self) -> bool {
        matches!(
            self,
            Self::ReadLine
                | Self::ReadLineAsSecureString
                | Self::Prompt
                | Self::PromptForCredential1
                | Self::PromptForCredential2
                | Self::PromptForChoice
                | Self::PromptForChoiceMultipleSelection
                | Self::ReadKey
        )
    }
}

/// What the client's host can do (MS-PSRP 2.2.3.14); the default is a host that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// There is no host.
    pub no_host: bool,
    /// The host has no user interface.
    pub no_interface: bool,
    /// The user interface has no screen.
    pub no_screen: bool,
    /// A pipeline uses the host of its runspace pool.
    pub use_pool_host: bool,
}

impl Default for HostInfo {
    fn default() -> Self {
        Self {
            no_host: true,
            no_interface: true,
            no_screen: true,
            use_pool_host: false,
        }
    }
}

impl HostInfo {
    /// What a pipeline says that has no host of its own.
    pub(crate) fn of_the_pool() -> Self {
        Self {
            use_pool_host: true,
            ..Self::default()
        }
    }

    pub(crate) fn to_value(self) -> Value {
        Object::new()
            .with_extended("_isHostNull", self.no_host)
            .with_extended("_isHostUINull", self.no_interface)
            .with_extended("_isHostRawUINull", self.no_screen)
            .with_extended("_useRunspaceHost", self.use_pool_host)
            .into()
    }

    pub(crate) fn read(data: Data<'_>) -> Result<Self, Error> {
        Ok(Self {
            no_host: data.boolean("_isHostNull")?,
            no_interface: data.boolean("_isHostUINull")?,
            no_screen: data.boolean("_isHostRawUINull")?,
            use_pool_host: data.boolean("_useRunspaceHost")?,
        })
    }
}

/// A call of the server to the client's host (MS-PSRP 2.2.2.15, 2.2.2.27).
#[derive(Clone, Debug, PartialEq)]
pub struct HostCall {
    /// The pipeline that calls; `None` if it is the runspace pool.
    pub pipeline: Option<Uuid>,
    /// The identifier of the call, which the answer repeats.
    pub call: i64,
    /// The method.
    pub method: HostMethod,
    /// Its arguments, in order.
    pub parameters: Vec<Value>,
}

impl HostCall {
    /// Says whether the server waits for an answer.
    pub fn wants_an_answer(&self) -> bool {
        self.method.returns_a_value()
    }

    /// What a person would be asked, in one line: `Confirm: Are you sure? [Yes, No]`.
    pub fn question(&self) -> String {
        let mut parts: Vec<String> = self
            .parameters
            .iter()
            .filter_map(Value::to_text)
            .take(2)
            .filter(|text| !text.is_empty())
            .collect();
        if parts.is_empty() || !self.method.is_a_prompt() {
            parts = vec![self.method.to_string()];
        }
        let question = parts.join(": ");
        let choices = self.choices();
        if choices.is_empty() {
            return question;
        }
        format!("{question} [{}]", choices.join(", "))
    }

    /// The names of what can be chosen or has to be given.
    pub fn choices(&self) -> Vec<String> {
        let Some(items) = self.parameters.get(2).and_then(Value::as_list) else {
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                // What has to be given has a label too, which is empty where its name says it all.
                let text = |name| property(item, name).and_then(Value::to_text);
                let label = text("label").filter(|label| !label.is_empty());
                label.or_else(|| text("name"))
            })
            .map(|label| label.replace('&', ""))
            .collect()
    }

    /// What the server is told when nobody can be asked.
    pub(crate) fn refusal(&self) -> ErrorRecord {
        ErrorRecord::new(
            format!(
                "A command that prompts the user failed because the host program or the command type does not support \
                 user interaction. The host was attempting to request confirmation with the following message: {}",
                self.question()
            ),
            ErrorCategory::NotImplemented,
            "RemoteHostExecutionException",
        )
        .with_exception("System.Management.Automation.Host.HostException")
    }

    pub(crate) fn read(pipeline: Option<Uuid>, data: Data<'_>) -> Result<Self, Error> {
        Ok(Self {
            pipeline,
            call: data.number("ci")?,
            method: HostMethod::from_code(data.small_number("mi")?),
            parameters: data.list("mp")?.to_vec(),
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        Object::new()
            .with_extended("ci", self.call)
            .with_extended("mi", method_value(self.method))
            .with_extended("mp", Value::list(self.parameters.iter().cloned()))
            .into()
    }
}

/// The client's answer to a host call (MS-PSRP 2.2.2.16, 2.2.2.28).
#[derive(Clone, Debug, PartialEq)]
pub struct HostResponse {
    /// The pipeline that called; `None` if it was the runspace pool.
    pub pipeline: Option<Uuid>,
    /// The identifier of the call.
    pub call: i64,
    /// The method.
    pub method: HostMethod,
    /// What the method returned, or why it did not.
    pub result: Result<Value, Box<ErrorRecord>>,
}

impl HostResponse {
    pub(crate) fn read(pipeline: Option<Uuid>, data: Data<'_>) -> Result<Self, Error> {
        let failure = data.optional("me").map(|record| data.inside(record));
        Ok(Self {
            pipeline,
            call: data.number("ci")?,
            method: HostMethod::from_code(data.small_number("mi")?),
            result: match failure {
                Some(record) => Err(Box::new(ErrorRecord::read(record))),
                None => Ok(data.optional("mr").cloned().unwrap_or_default()),
            },
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        let response = Object::new()
            .with_extended("ci", self.call)
            .with_extended("mi", method_value(self.method));
        match &self.result {
            Ok(value) => response.with_extended("mr", value.clone()).into(),
            Err(record) => response.with_extended("me", record.to_value()).into(),
        }
    }
}

fn method_value(method: HostMethod) -> Value {
    Value::enumeration(
        "System.Management.Automation.Remoting.RemoteHostMethodId",
        method.name(),
        method.code(),
    )
}
