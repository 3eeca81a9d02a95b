//! [`Fault`]: a refusal in the service's own words (MS-WSMV 2.2.4.43), and [`FaultKind`]: what it means to us.

use super::error::Error;
use super::namespace::{ADDRESSING, FAULT, SOAP, WSMAN};
use super::xml::{Element, escaped};
use std::fmt;

/// A refusal of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The SOAP code without its prefix, such as `Sender`.
    pub code: String,
    /// The WS-Management code without its prefix, such as `InvalidSelectors`; empty when there is none.
    pub subcode: String,
    /// The reason, for people.
    pub reason: String,
    /// The detail address, such as `.../faultDetail/InvalidResourceURI`; empty when there is none.
    pub detail: String,
    /// The number of `WSManFault`.
    pub number: Option<u32>,
    /// The message of `WSManFault`, which is often more exact than the reason; empty when there is none.
    pub message: String,
}

/// What a fault means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing happened within the operation time-out: ask again.
    TimedOut,
    /// The shell or command is gone, or the cookie that leads to it was lost.
    InvalidSelectors,
    /// The endpoint does not know the resource URI: it is not an Exchange endpoint.
    ResourceUnknown,
    /// The account may not use remote PowerShell.
    AccessDenied,
    /// The account has as many shells as it may have.
    TooManyShells,
    /// The account asks too much, or too often.
    Quota,
    /// The server ended the operation, for example because its application pool was recycled.
    Aborted,
    /// Anything else.
    Other,
}

impl Fault {
    /// What it means.
    pub fn kind(&self) -> FaultKind {
        if self.is_load_quota() {
            return FaultKind::Quota;
        }
        match (self.number, self.subcode.as_str()) {
            (Some(OPERATION_TIMEDOUT), _) => FaultKind::TimedOut,
            (Some(UNEXPECTED_SELECTORS | INVALID_SELECTORS), _) => FaultKind::InvalidSelectors,
            (Some(INVALID_RESOURCE_URI), _) => FaultKind::ResourceUnknown,
            (Some(ACCESS_DENIED), _) => FaultKind::AccessDenied,
            (Some(QUOTA_MAX_SHELLS | QUOTA_MAX_SHELLS_PPQ | QUOTA_MAX_PLUGINSHELLS_PPQ), _) => {
                FaultKind::TooManyShells
            }
            (Some(OPERATION_ABORTED), _) => FaultKind::Aborted,
            (_, "TimedOut") => FaultKind::TimedOut,
            (_, "InvalidSelectors") => FaultKind::InvalidSelectors,
            (_, "AccessDenied") => FaultKind::AccessDenied,
            (_, "QuotaLimit") => FaultKind::Quota,
            _ => FaultKind::Other,
        }
    }

    /// The best of its words: the message, or else the reason.
    pub fn words(&self) -> &str {
        let message = self.message.trim();
        if message.is_empty() {
            self.reason.trim()
        } else {
            message
        }
    }

    /// How long the service asks to wait, if it says so.
    pub fn wait_milliseconds(&self) -> Option<u64> {
        let (_, after) = self.words().split_once("for at least ")?;
        let (number, unit) = after.split_once(' ')?;
        unit.starts_with("millisecond")
            .then(|| number.parse().ok())
            .flatten()
    }

    fn is_load_quota(&self) -> bool {
        self.words().contains("user load quota")
    }

    /// Nothing happened within the operation time-out.
    pub fn timed_out() -> Self {
        Self::new("Receiver", "TimedOut", OPERATION_TIMEDOUT, "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ")
            .with_detail("OperationTimeout")
    }

    /// The shell is gone.
    pub fn shell_unknown() -> Self {
        let mut fault = Self::new("Sender", "InvalidSelectors", UNEXPECTED_SELECTORS, "The WS-Management service cannot process the request because the request contained invalid selectors for the resource. ")
            .with_detail("UnexpectedSelectors");
        fault.message = "The request for the Windows Remote Shell with ShellId failed because the shell was not found on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. Provide the correct ShellId or create a new shell and retry the operation. ".to_owned();
        fault
    }

    /// The command is gone.
    pub fn command_unknown() -> Self {
        let mut fault = Self::shell_unknown();
        fault.message = "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. Either the command has completed execution or the client specified an invalid command identifier. ".to_owned();
        fault
    }

    /// The endpoint does not know the resource URI.
    pub fn resource_unknown(uri: &str) -> Self {
        Self::new("Sender", "DestinationUnreachable", INVALID_RESOURCE_URI, &format!("The WS-Management service cannot process the request. The resource URI ({uri}) was not found in the WS-Management catalog. The catalog contains the metadata that describes resources, or logical endpoints. "))
            .with_detail("InvalidResourceURI")
    }

    /// The account may not use remote PowerShell.
    pub fn access_denied() -> Self {
        Self::new(
            "Sender",
            "AccessDenied",
            ACCESS_DENIED,
            "Access is denied. ",
        )
    }

    /// The account has as many shells as it may have.
    pub fn too_many_shells(allowed: usize) -> Self {
        Self::new(
            "Sender",
            "QuotaLimit",
            QUOTA_MAX_SHELLS,
            &format!(
                "The WS-Management service cannot process the request. This user is allowed a maximum number of {allowed} concurrent shells, which has been exceeded. Close existing shells or raise the quota for this user. "
            ),
        )
    }

    /// The account has sent more requests than it may, and is to wait.
    pub fn load_quota(milliseconds: u64) -> Self {
        Self::new(
            "Sender",
            "QuotaLimit",
            QUOTA_MAX_SHELLS,
            &format!(
                "The WS-Management service cannot process the request. The user load quota of 1000 requests per 2 seconds has been exceeded. Send future requests at a slower rate or raise the quota for this user. The next request from this user will not be approved for at least {milliseconds} milliseconds. "
            ),
        )
    }

    /// The request does not follow the schema.
    pub fn invalid(reason: &str) -> Self {
        Self::new(
            "Sender",
            "SchemaValidationError",
            SCHEMA_VALIDATION_ERROR,
            reason,
        )
    }

    /// The operation ended because the shell was deleted under it.
    pub fn aborted() -> Self {
        Self::new(
            "Receiver",
            "InternalError",
            OPERATION_ABORTED,
            "The I/O operation has been aborted because of either a thread exit or an application request. ",
        )
    }

    fn new(code: &str, subcode: &str, number: u32, reason: &str) -> Self {
        Self {
            code: code.to_owned(),
            subcode: subcode.to_owned(),
            reason: reason.to_owned(),
            detail: String::new(),
            number: Some(number),
            message: reason.to_owned(),
        }
    }

    fn with_detail(mut self, detail: &str) -> Self {
        self.detail = format!("{FAULT_DETAIL}{detail}");
        self
    }

    pub(super) fn read(fault: &Element) -> Result<Self, Error> {
        let code = fault.required(SOAP, "Code", "s:Code")?;
        let value = |of: &Element| {
            of.child(SOAP, "Value")
                .map(|value| local_part(&value.text).to_owned())
        };
        let detail = fault.child(SOAP, "Detail");
        let wsman = detail.and_then(|detail| detail.child(FAULT, "WSManFault"));
        Ok(Self {
            code: value(code).ok_or(Error::Missing {
                element: "s:Code/s:Value",
            })?,
            subcode: code
                .child(SOAP, "Subcode")
                .and_then(value)
                .unwrap_or_default(),
            reason: fault
                .child(SOAP, "Reason")
                .map(Element::whole_text)
                .unwrap_or_default(),
            detail: detail
                .and_then(|detail| detail.child(WSMAN, "FaultDetail"))
                .map(|detail| detail.text.trim().to_owned())
                .unwrap_or_default(),
            number: wsman
                .and_then(|wsman| wsman.attribute("Code"))
                .map(number)
                .transpose()?,
            message: wsman
                .and_then(|wsman| wsman.child(FAULT, "Message"))
                .map(Element::whole_text)
                .unwrap_or_default(),
        })
    }

    pub(super) fn body(&self, machine: &str) -> String {
        let prefix = if ADDRESSING_SUBCODES.contains(&self.subcode.as_str()) {
            "a"
        } else {
            "w"
        };
        let subcode = if self.subcode.is_empty() {
            String::new()
        } else {
            format!(
                "<s:Subcode><s:Value>{prefix}:{}</s:Value></s:Subcode>",
                escaped(&self.subcode)
            )
        };
        let detail = if self.detail.is_empty() {
            String::new()
        } else {
            format!("<w:FaultDetail>{}</w:FaultDetail>", escaped(&self.detail))
        };
        let wsman = self.number.map_or_else(String::new, |number| {
            format!(
                "<f:WSManFault xmlns:f=\"{FAULT}\" Code=\"{number}\" Machine=\"{}\"><f:Message>{}</f:Message></f:WSManFault>",
                escaped(machine),
                escaped(&self.message)
            )
        });
        format!(
            "<s:Fault xmlns:a=\"{ADDRESSING}\" xmlns:w=\"{WSMAN}\"><s:Code><s:Value>s:{}</s:Value>{subcode}</s:Code><s:Reason><s:Text xml:lang=\"en-US\">{}</s:Text></s:Reason><s:Detail>{detail}{wsman}</s:Detail></s:Fault>",
            escaped(&self.code),
            escaped(&self.reason)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.subcode.is_empty() {
            &self.code
        } else {
            &self.subcode
        };
        write!(formatter, "{} ({name}", self.words())?;
        if let Some(number) = self.number {
            write!(formatter, ", {number}")?;
        }
        formatter.write_str(")")
    }
}

impl std::error::Error for Fault {}

fn local_part(name: &str) -> &str {
    let name = name.trim();
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Some services write the number signed.
fn number(text: &str) -> Result<u32, Error> {
    let text = text.trim();
    text.parse::<u32>()
        .or_else(|_| text.parse::<i32>().map(i32::cast_unsigned))
        .map_err(|_| Error::Unreadable {
            element: "f:WSManFault/@Code",
            text: text.to_owned(),
            expected: "a number of 32 bits",
        })
}

const FAULT_DETAIL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

/// Subcodes that belong to WS-Addressing; the others belong to WS-Management.
const ADDRESSING_SUBCODES: [&str; 4] = [
    "DestinationUnreachable",
    "InvalidMessageInformationHeader",
    "MessageInformationHeaderRequired",
    "ActionNotSupported",
];

// Numbers of wsmerror.h (`ERROR_WSMAN_...`) and winerror.h.
const ACCESS_DENIED: u32 = 5;
const OPERATION_ABORTED: u32 = 995;
const OPERATION_TIMEDOUT: u32 = 2_150_858_793;
const INVALID_RESOURCE_URI: u32 = 2_150_858_811;
const INVALID_SELECTORS: u32 = 2_150_858_813;
const SCHEMA_VALIDATION_ERROR: u32 = 2_150_858_817;
const UNEXPECTED_SELECTORS: u32 = 2_150_858_843;
const QUOTA_MAX_SHELLS: u32 = 2_150_859_173;
const QUOTA_MAX_SHELLS_PPQ: u32 = 2_150_859_236;
const QUOTA_MAX_PLUGINSHELLS_PPQ: u32 = 2_150_859_238;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_quota_names_its_wait() {
        let mut fault = Fault::load_quota(1743);
        assert_eq!(fault.kind(), FaultKind::Quota);
        assert_eq!(fault.wait_milliseconds(), Some(1743));
        fault.message = "for at least two minutes".to_owned();
        assert_eq!(fault.wait_milliseconds(), None);
        assert_eq!(fault.kind(), FaultKind::TooManyShells);
    }

    #[test]
    fn a_signed_number_is_the_same_number() {
        assert_eq!(number("-2144108453"), Ok(UNEXPECTED_SELECTORS));
        assert!(number("4294967296").is_err());
    }
}
