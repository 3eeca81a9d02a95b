//! [`Session`]: the headers around each request (MS-WSMV 2.2.4, WS-Management 5), and [`Header`]: those headers as a
//! service reads them.

use super::error::Error;
use super::form::{duration, read_duration, upper};
use super::namespace::{ADDRESSING, ANONYMOUS, SHELL, SOAP, TRANSFER, WSMAN, WSMV};
use super::shell::{Body, Request, Response, selected_shell};
use super::xml::{Element, escaped};
use std::time::Duration;
use uuid::Uuid;

/// The addresses and limits that all requests of one shell share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The address of the endpoint.
    pub to: String,
    /// The resource URI, such as [`MICROSOFT_EXCHANGE`].
    pub resource_uri: String,
    /// The identifier of this session (MS-WSMV 3.1.4.1.30).
    pub session_id: Uuid,
    /// The largest answer that is asked for, in bytes (MS-WSMV 3.1.4.1.13).
    pub max_envelope_size: u32,
    /// How long the service may keep a request before it answers.
    pub operation_timeout: Duration,
    /// The language of messages, such as `en-US`.
    pub locale: String,
}

impl Session {
    /// Writes a request as an envelope.
    pub fn envelope(&self, request: &Request, message_id: Uuid) -> String {
        let options = request.options();
        let selectors = request.shell_id().map_or_else(String::new, |shell_id| {
            format!(
                "<w:SelectorSet><w:Selector Name=\"ShellId\">{}</w:Selector></w:SelectorSet>",
                escaped(shell_id)
            )
        });
        let locale = escaped(&self.locale);
        format!(
            "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\" xmlns:w=\"{WSMAN}\" xmlns:p=\"{WSMV}\"><s:Header>\
             <a:To>{to}</a:To>\
             <w:ResourceURI s:mustUnderstand=\"true\">{resource_uri}</w:ResourceURI>\
             <a:ReplyTo><a:Address s:mustUnderstand=\"true\">{ANONYMOUS}</a:Address></a:ReplyTo>\
             <a:Action s:mustUnderstand=\"true\">{action}</a:Action>\
             <w:MaxEnvelopeSize s:mustUnderstand=\"true\">{max_envelope_size}</w:MaxEnvelopeSize>\
             <a:MessageID>{message_id}</a:MessageID>\
             <w:Locale xml:lang=\"{locale}\" s:mustUnderstand=\"false\"/>\
             <p:DataLocale xml:lang=\"{locale}\" s:mustUnderstand=\"false\"/>\
             <p:SessionId s:mustUnderstand=\"false\">{session_id}</p:SessionId>\
             {selectors}{options}\
             <w:OperationTimeout>{operation_timeout}</w:OperationTimeout>\
             </s:Header><s:Body>{body}</s:Body></s:Envelope>",
            to = escaped(&self.to),
            resource_uri = escaped(&self.resource_uri),
            action = request.action(),
            max_envelope_size = self.max_envelope_size,
            message_id = uuid_uri(message_id),
            session_id = uuid_uri(self.session_id),
            operation_timeout = duration(self.operation_timeout),
            body = request.body(),
        )
    }

    /// How many bytes of protocol data fit into one request, base64 and headers considered.
    pub fn data_limit(&self) -> usize {
        let envelope = self.max_envelope_size as usize;
        envelope.saturating_sub(HEADER_ROOM) / 4 * 3
    }

    /// How large the body of an answer may be before it is refused.
    ///
    /// Services overstep the size they were asked for by what the HTTP sealing and their own headers take.
    pub fn answer_limit(&self) -> usize {
        (4 * self.max_envelope_size as usize).max(SMALLEST_ANSWER_LIMIT)
    }
}

/// Reads the answer to the request `message_id`.
///
/// # Errors
///
/// [`Error`] when it is not an envelope, or does not say that it is the answer to this request, which only a fault may
/// leave out: one about an unreadable request cannot say which one it was.
pub fn read_response(bytes: &[u8], message_id: Uuid) -> Result<Response, Error> {
    let envelope = Parts::read(bytes)?;
    let expected = uuid_uri(message_id);
    let relates_to = envelope.header_text(ADDRESSING, "RelatesTo");
    if let Some(found) = relates_to
        && !found.eq_ignore_ascii_case(&expected)
    {
        return Err(Error::Unrelated {
            expected,
            found: found.to_owned(),
        });
    }
    let response = Response::read(&Body {
        action: envelope.header_text(ADDRESSING, "Action"),
        element: envelope.body()?,
    })?;
    if relates_to.is_none() && !matches!(response, Response::Fault(_)) {
        return Err(Error::Missing {
            element: "a:RelatesTo",
        });
    }
    Ok(response)
}

/// The headers of a request, as a service reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The identifier of the message, as it was written.
    pub message_id: String,
    /// The resource URI.
    pub resource_uri: String,
    /// The identifier of the session, if there is one.
    pub session_id: Option<String>,
    /// The largest answer that is asked for, in bytes.
    pub max_envelope_size: Option<u32>,
    /// How long the service may keep the request.
    pub operation_timeout: Option<Duration>,
}

/// Reads a request as a service does.
///
/// # Errors
///
/// [`Error`] when it is not an envelope, or asks for something that is not spoken here.
pub fn read_request(bytes: &[u8]) -> Result<(Header, Request), Error> {
    let envelope = Parts::read(bytes)?;
    let required = |namespace, name, element: &'static str| {
        envelope
            .header_text(namespace, name)
            .map(str::to_owned)
            .ok_or(Error::Missing { element })
    };
    let header = Header {
        message_id: required(ADDRESSING, "MessageID", "a:MessageID")?,
        resource_uri: required(WSMAN, "ResourceURI", "w:ResourceURI")?,
        session_id: envelope.header_text(WSMV, "SessionId").map(str::to_owned),
        max_envelope_size: envelope
            .header_text(WSMAN, "MaxEnvelopeSize")
            .map(|text| {
                text.parse().map_err(|_| Error::Unreadable {
                    element: "w:MaxEnvelopeSize",
                    text: text.to_owned(),
                    expected: "a number of bytes",
                })
            })
            .transpose()?,
        operation_timeout: envelope
            .header_text(WSMAN, "OperationTimeout")
            .map(read_duration)
            .transpose()?,
    };
    let body = Body {
        action: envelope.header_text(ADDRESSING, "Action"),
        element: envelope.body()?,
    };
    let request = Request::read(&body, envelope.shell_id())?;
    Ok((header, request))
}

/// Writes an answer as an envelope; `relates_to` is the message it answers, `machine` the name in faults.
pub fn response_envelope(
    response: &Response,
    relates_to: &str,
    message_id: Uuid,
    machine: &str,
) -> String {
    let relates_to = if relates_to.is_empty() {
        String::new()
    } else {
        format!("<a:RelatesTo>{}</a:RelatesTo>", escaped(relates_to))
    };
    format!(
        "<s:Envelope xml:lang=\"en-US\" xmlns:s=\"{SOAP}\" xmlns:a=\"{ADDRESSING}\" xmlns:x=\"{TRANSFER}\" xmlns:w=\"{WSMAN}\" xmlns:rsp=\"{SHELL}\" xmlns:p=\"{WSMV}\"><s:Header>\
         <a:Action>{action}</a:Action><a:MessageID>{message_id}</a:MessageID><a:To>{ANONYMOUS}</a:To>{relates_to}\
         </s:Header><s:Body>{body}</s:Body></s:Envelope>",
        action = response.action(),
        message_id = uuid_uri(message_id),
        body = response.body(machine),
    )
}

/// The resource URI of Exchange's endpoint.
pub const MICROSOFT_EXCHANGE: &str = "http://schemas.microsoft.com/powershell/Microsoft.Exchange";

/// The resource URI of Windows' own PowerShell endpoint.
pub const MICROSOFT_POWERSHELL: &str =
    "http://schemas.microsoft.com/powershell/Microsoft.PowerShell";

/// The content type of envelopes (MS-WSMV 2.2.1).
pub const CONTENT_TYPE: &str = "application/soap+xml;charset=UTF-8";

struct Parts {
    root: Element,
}

impl Parts {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let root = Element::read(bytes)?;
        if root.is(SOAP, "Envelope") {
            Ok(Self { root })
        } else {
            Err(Error::NotAnEnvelope { root: root.name })
        }
    }

    fn header_text(&self, namespace: &str, name: &str) -> Option<&str> {
        self.root
            .child(SOAP, "Header")?
            .child(namespace, name)
            .map(|element| element.text.trim())
    }

    fn body(&self) -> Result<&Element, Error> {
        self.root.required(SOAP, "Body", "s:Body")
    }

    fn shell_id(&self) -> Option<&str> {
        selected_shell(self.root.child(SOAP, "Header")?)
    }
}

fn uuid_uri(id: Uuid) -> String {
    format!("uuid:{}", upper(id))
}

/// What the headers, names and tags of a request take besides its data, generously.
const HEADER_ROOM: usize = 8 * 1024;

const SMALLEST_ANSWER_LIMIT: usize = 2 * 1024 * 1024;
