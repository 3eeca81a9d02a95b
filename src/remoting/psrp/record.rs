//! Records: what a pipeline says besides its output (MS-PSRP 2.2.2.20 to 2.2.2.26).
//!
//! Look at [`Record`] first, and at [`ErrorRecord`] for what a failed cmdlet says. Invocation information, which
//! servers add on request, is skipped.

use crate::remoting::clixml::{Object, Value};
use crate::remoting::psrp::code::coded;
use crate::remoting::psrp::data::{Data, property};
use crate::remoting::psrp::message_type::MessageType;
use std::fmt;

coded! {
    /// The category of an error (MS-PSRP 2.2.3.9).
    ErrorCategory: i32 {
        NotSpecified = 0,
        OpenError = 1,
        CloseError = 2,
        DeviceError = 3,
        DeadlockDetected = 4,
        InvalidArgument = 5,
        InvalidData = 6,
        InvalidOperation = 7,
        InvalidResult = 8,
        InvalidType = 9,
        MetadataError = 10,
        NotImplemented = 11,
        NotInstalled = 12,
        ObjectNotFound = 13,
        OperationStopped = 14,
        OperationTimeout = 15,
        SyntaxError = 16,
        ParserError = 17,
        PermissionDenied = 18,
        ResourceBusy = 19,
        ResourceExists = 20,
        ResourceUnavailable = 21,
        ReadError = 22,
        WriteError = 23,
        FromStdErr = 24,
        SecurityError = 25,
        ProtocolError = 26,
        ConnectionError = 27,
        AuthenticationError = 28,
        LimitsExceeded = 29,
        QuotaExceeded = 30,
        NotEnabled = 31,
    }
}

/// One thing that a pipeline says besides its output.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// An error that did not end the pipeline (MS-PSRP 2.2.2.20).
    Error(Box<ErrorRecord>),
    /// A warning (MS-PSRP 2.2.2.24).
    Warning(String),
    /// A verbose text (MS-PSRP 2.2.2.23).
    Verbose(String),
    /// A debug text (MS-PSRP 2.2.2.22).
    Debug(String),
    /// An information, such as `Write-Host` makes (MS-PSRP 2.2.2.26).
    Information(Box<InformationRecord>),
    /// How far the pipeline is (MS-PSRP 2.2.2.25).
    Progress(Box<ProgressRecord>),
}

/// What PowerShell says about an error (MS-PSRP 2.2.3.15).
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorRecord {
    /// The message of the exception.
    pub message: String,
    /// The class of the exception, such as `System.Management.Automation.CommandNotFoundException`, if it was sent.
    pub exception: Option<String>,
    /// The category.
    pub category: ErrorCategory,
    /// What the cmdlet was doing, such as `New-AuthServer`.
    pub activity: Option<String>,
    /// The reason, mostly the short name of the exception.
    pub reason: Option<String>,
    /// The name of the target.
    pub target_name: Option<String>,
    /// The type of the target.
    pub target_type: Option<String>,
    /// The object the error is about.
    pub target: Value,
    /// The fully qualified error identifier; Exchange puts server, request and failure category in it.
    pub identifier: Option<String>,
    /// A message that takes the place of the exception's when the error is shown.
    pub details: Option<String>,
    /// What the user could do.
    pub recommended_action: Option<String>,
}

/// An information (MS-PSRP 2.2.2.26).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InformationRecord {
    /// What is said: a text, or an object such as `HostInformationMessage`.
    pub data: Value,
    /// Where it comes from: a script or a function.
    pub source: Option<String>,
    /// When, as it was written.
    pub time: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The user on the server.
    pub user: Option<String>,
    /// The name of the server.
    pub computer: Option<String>,
}

/// How far a pipeline is (MS-PSRP 2.2.2.25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressRecord {
    /// What is going on.
    pub activity: String,
    /// The number of the activity, to tell several apart.
    pub activity_id: i32,
    /// The number of the activity it is a part of, if it is one.
    pub parent: Option<i32>,
    /// How it stands.
    pub status: Option<String>,
    /// The operation within the activity.
    pub current_operation: Option<String>,
    /// How much is done, if it is known.
    pub percent: Option<i32>,
    /// The seconds that remain, if they are known.
    pub seconds_remaining: Option<i32>,
    /// Whether the activity has ended.
    pub completed: bool,
}

impl Record {
    /// The type of the message it travels in.
    pub fn message_type(&self) -> MessageType {
        match self {
            Self::Error(_) => MessageType::ErrorRecord,
            Self::Warning(_) => MessageType::WarningRecord,
            Self::Verbose(_) => MessageType::VerboseRecord,
            Self::Debug(_) => MessageType::DebugRecord,
            Self::Information(_) => MessageType::InformationRecord,
            Self::Progress(_) => MessageType::ProgressRecord,
        }
    }

    /// Reads the record of a message; `None` if the message is none, or has nothing to say.
    pub(crate) fn read(data: Data<'_>) -> Option<Self> {
        Some(match data.kind {
            MessageType::ErrorRecord => Self::Error(Box::new(ErrorRecord::read(data))),
            MessageType::WarningRecord => Self::Warning(informational_text(data)?),
            MessageType::VerboseRecord => Self::Verbose(informational_text(data)?),
            MessageType::DebugRecord => Self::Debug(informational_text(data)?),
            MessageType::InformationRecord => {
                Self::Information(Box::new(InformationRecord::read(data)))
            }
            MessageType::ProgressRecord => Self::Progress(Box::new(ProgressRecord::read(data)?)),
            _ => return None,
        })
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Error(record) => record.to_value(),
            Self::Warning(text) => informational("WarningRecord", text),
            Self::Verbose(text) => informational("VerboseRecord", text),
            Self::Debug(text) => informational("DebugRecord", text),
            Self::Information(record) => record.to_value(),
            Self::Progress(record) => record.to_value(),
        }
    }
}

impl ErrorRecord {
    /// A record with what every error has.
    pub fn new(
        message: impl Into<String>,
        category: ErrorCategory,
        identifier: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            exception: None,
            category,
            activity: None,
            reason: None,
            target_name: None,
            target_type: None,
            target: Value::Null,
            identifier: Some(identifier.into()),
            details: None,
            recommended_action: None,
        }
    }

    /// The same with the class of its exception, whose short name becomes the reason.
    #[must_use]
    pub fn with_exception(mut self, class: impl Into<String>) -> Self {
        let class = class.into();
        self.reason = class.rsplit('.').next().map(str::to_owned);
        self.exception = Some(class);
        self
    }

    /// The same with the cmdlet that failed.
    #[must_use]
    pub fn with_activity(mut self, cmdlet: impl Into<String>) -> Self {
        self.activity = Some(cmdlet.into());
        self
    }

    /// The same with the object it is about.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<Value>) -> Self {
        self.target = target.into();
        self.target_name = self.target.to_text();
        self.target_type = match &self.target {
            Value::Text(_) => Some("String".to_owned()),
            other => other.type_name().map(str::to_owned),
        };
        self
    }

    /// The text that PowerShell shows: the details if there are any, else the message.
    pub fn text(&self) -> &str {
        self.details.as_deref().unwrap_or(&self.message)
    }

    /// What the server says when a pipeline was stopped on request.
    pub(crate) fn stopped() -> Self {
        Self::new(
            "The pipeline has been stopped.",
            ErrorCategory::OperationStopped,
            "PipelineStopped",
        )
        .with_exception("System.Management.Automation.PipelineStoppedException")
    }

    /// Reads a record; an error is never dropped because a part of it is missing.
    pub(crate) fn read(data: Data<'_>) -> Self {
        let exception = data.optional("Exception");
        let category = data
            .optional("ErrorCategory_Category")
            .and_then(Value::as_i64)
            .and_then(|code| i32::try_from(code).ok());
        Self {
            message: exception
                .and_then(exception_message)
                .or_else(|| data.value.to_text())
                .or_else(|| data.optional_text("ErrorCategory_Message"))
                .unwrap_or_default(),
            exception: exception.and_then(exception_class),
            category: category.map_or(ErrorCategory::NotSpecified, ErrorCategory::from_code),
            activity: words(data, "ErrorCategory_Activity"),
            reason: words(data, "ErrorCategory_Reason"),
            target_name: words(data, "ErrorCategory_TargetName"),
            target_type: words(data, "ErrorCategory_TargetType"),
            target: data.optional("TargetObject").cloned().unwrap_or_default(),
            identifier: words(data, "FullyQualifiedErrorId"),
            details: words(data, "ErrorDetails_Message"),
            recommended_action: words(data, "ErrorDetails_RecommendedAction"),
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut record = Object::new()
            .with_type_names(["System.Management.Automation.ErrorRecord", "System.Object"])
            .with_to_string(self.text())
            .with_extended("Exception", self.exception_value())
            .with_extended("TargetObject", self.target.clone())
            .with_extended("FullyQualifiedErrorId", self.identifier.clone())
            .with_extended("InvocationInfo", Value::Null)
            .with_extended("ErrorCategory_Category", self.category.code())
            .with_extended("ErrorCategory_Activity", self.activity.clone())
            .with_extended("ErrorCategory_Reason", self.reason.clone())
            .with_extended("ErrorCategory_TargetName", self.target_name.clone())
            .with_extended("ErrorCategory_TargetType", self.target_type.clone())
            .with_extended("ErrorCategory_Message", self.category_message());
        if self.details.is_some() || self.recommended_action.is_some() {
            record = record
                .with_extended("ErrorDetails_Message", self.details.clone())
                .with_extended(
                    "ErrorDetails_RecommendedAction",
                    self.recommended_action.clone(),
                );
        }
        record.with_extended("SerializeExtendedInfo", false).into()
    }

    fn exception_value(&self) -> Value {
        let mut names = vec!["System.Exception", "System.Object"];
        if let Some(class) = self.exception.as_deref()
            && class != "System.Exception"
        {
            names.insert(0, class);
        }
        Object::new()
            .with_type_names(names)
            .with_to_string(self.message.as_str())
            .with_adapted("Message", self.message.as_str())
            .with_adapted("InnerException", Value::Null)
            .into()
    }

    /// The category as PowerShell words it: `ObjectNotFound: (target:type) [activity], reason`.
    fn category_message(&self) -> String {
        let word = |part: &Option<String>| part.clone().unwrap_or_default();
        format!(
            "{}: ({}:{}) [{}], {}",
            self.category,
            word(&self.target_name),
            word(&self.target_type),
            word(&self.activity),
            word(&self.reason)
        )
    }
}

impl fmt::Display for ErrorRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl InformationRecord {
    /// What is said, as text.
    pub fn text(&self) -> String {
        self.data
            .property("Message")
            .and_then(Value::to_text)
            .or_else(|| self.data.to_text())
            .unwrap_or_default()
    }

    fn read(data: Data<'_>) -> Self {
        let tags = data.optional("Tags").and_then(Value::as_list);
        Self {
            data: data.optional("MessageData").cloned().unwrap_or_default(),
            source: words(data, "Source"),
            time: words(data, "TimeGenerated"),
            tags: tags
                .unwrap_or_default()
                .iter()
                .filter_map(Value::to_text)
                .collect(),
            user: words(data, "User"),
            computer: words(data, "Computer"),
        }
    }

    fn to_value(&self) -> Value {
        let tags = self.tags.iter().map(|tag| tag.as_str().into());
        Object::new()
            .with_extended("MessageData", self.data.clone())
            .with_extended("Source", self.source.clone())
            .with_extended("TimeGenerated", self.time.clone().map(Value::DateTime))
            .with_extended("Tags", Value::list(tags))
            .with_extended("User", self.user.clone())
            .with_extended("Computer", self.computer.clone())
            .with_extended("ProcessId", Value::UInt32(0))
            .with_extended("NativeThreadId", Value::UInt32(0))
            .with_extended("ManagedThreadId", Value::UInt32(0))
            .into()
    }
}

impl ProgressRecord {
    /// A record of an activity that goes on.
    pub fn new(activity: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            activity: activity.into(),
            activity_id: 0,
            parent: None,
            status: Some(status.into()),
            current_operation: None,
            percent: None,
            seconds_remaining: None,
            completed: false,
        }
    }

    fn read(data: Data<'_>) -> Option<Self> {
        let number = |name| data.small_number(name).ok();
        let known = |name| number(name).filter(|&number| number >= 0);
        Some(Self {
            activity: data.optional_text("Activity")?,
            activity_id: number("ActivityId")?,
            parent: known("ParentActivityId"),
            status: words(data, "StatusDescription"),
            current_operation: words(data, "CurrentOperation"),
            percent: known("PercentComplete"),
            seconds_remaining: known("SecondsRemaining"),
            completed: number("Type") == Some(1),
        })
    }

    fn to_value(&self) -> Value {
        let (kind, code) = if self.completed {
            ("Completed", 1)
        } else {
            ("Processing", 0)
        };
        Object::new()
            .with_extended("Activity", self.activity.as_str())
            .with_extended("ActivityId", self.activity_id)
            .with_extended("StatusDescription", self.status.clone())
            .with_extended("CurrentOperation", self.current_operation.clone())
            .with_extended("ParentActivityId", self.parent.unwrap_or(-1))
            .with_extended("PercentComplete", self.percent.unwrap_or(-1))
            .with_extended(
                "Type",
                Value::enumeration(
                    "System.Management.Automation.ProgressRecordType",
                    kind,
                    code,
                ),
            )
            .with_extended("SecondsRemaining", self.seconds_remaining.unwrap_or(-1))
            .into()
    }
}

/// A text that says something; an empty one is how .NET writes that there is none.
fn words(data: Data<'_>, name: &str) -> Option<String> {
    data.optional_text(name).filter(|text| !text.is_empty())
}

fn exception_message(exception: &Value) -> Option<String> {
    property(exception, "Message")
        .and_then(Value::to_text)
        .or_else(|| exception.to_text())
}

fn exception_class(exception: &Value) -> Option<String> {
    let name = exception.type_name()?;
    Some(
        name.strip_prefix("Deserialized.")
            .unwrap_or(name)
            .to_owned(),
    )
}

fn informational_text(data: Data<'_>) -> Option<String> {
    data.optional_text("InformationalRecord_Message")
        .or_else(|| data.value.to_text())
}

fn informational(class: &str, text: &str) -> Value {
    Object::new()
        .with_type_names([
            format!("System.Management.Automation.{class}"),
            "System.Management.Automation.InformationalRecord".to_owned(),
            "System.Object".to_owned(),
        ])
        .with_to_string(text)
        .with_extended("InformationalRecord_Message", text)
        .with_extended("InformationalRecord_SerializeInvocationInfo", false)
        .into()
}
