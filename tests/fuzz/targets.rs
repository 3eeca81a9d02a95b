//! What must hold for any bytes that a server sends: an answer or an error, never a panic, and the same answer however the
//! bytes were cut.
//!
//! `fuzz.sh` searches for bytes that break this; `cargo test` replays those that once did.

#![expect(unreachable_pub, reason = "the search is a crate of its own")]

use exoauth::remoting::clixml;
use exoauth::remoting::psrp::{
    Client, ClientOptions, Command, Destination, Event, Limits, Message, MessageType, PoolState,
    Server, ServerOptions,
};
use exoauth::remoting::wsman;
use uuid::Uuid;

const POOL: Uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_5555_5555_5555);
const PIPELINE: Uuid = Uuid::from_u128(0xAAAA_AAAA_2222_3333_4444_5555_5555_5555);

/// CLIXML of any origin. What was read is written, and read again it is the same.
pub fn clixml(data: &[u8]) {
    let limits = clixml::Limits {
        values: 1 << 16,
        ..clixml::Limits::default()
    };
    let Ok(values) = clixml::read(data, &limits) else {
        return;
    };
    for value in &values {
        value.to_text();
    }
    let written = clixml::write_document(&values);
    // References are written out where they were shared by value, so this may meet a limit; it may not differ.
    if let Ok(again) = clixml::read(written.as_bytes(), &limits) {
        let again = clixml::write_document(&again);
        assert!(written == again, "{written}\n{again}");
    }
}

/// The data of an opened runspace pool, for the pool and for a pipeline, whole and cut into pieces.
///
/// The first byte says how long the pieces are.
pub fn fragments(data: &[u8]) {
    let Some((&piece, data)) = data.split_first() else {
        return;
    };
    for channel in [None, Some(PIPELINE)] {
        let whole = given(channel, std::iter::once(data));
        let pieces = given(channel, data.chunks(usize::from(piece).max(1)));
        assert_eq!(whole.is_some(), pieces.is_some());
        if let (Some(whole), Some(pieces)) = (whole, pieces) {
            assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        }
    }
}

/// The events that data gives; nothing where it breaks the pool.
fn given<'data>(
    channel: Option<Uuid>,
    pieces: impl Iterator<Item = &'data [u8]>,
) -> Option<Vec<Event>> {
    let mut client = running()?;
    for piece in pieces {
        // One message that cannot be read does not stop the others; bytes that are no fragments break the pool.
        if client.receive(channel, piece).is_err() && client.state() != PoolState::Opened {
            return None;
        }
    }
    Some(std::iter::from_fn(|| client.next_event()).collect())
}

/// A client with a pipeline that runs, and little patience with what is not complete.
fn running() -> Option<Client> {
    let options = ClientOptions {
        limits: Limits {
            message: 1 << 20,
            incomplete_bytes: 2 << 20,
            incomplete_objects: 64,
        },
        ..ClientOptions::default()
    };
    let mut client = Client::new(POOL, options);
    let mut server = Server::new(ServerOptions::default());
    server.receive(None, &client.open().ok()?).ok()?;
    client
        .receive(None, &server.data_to_send(None, 1 << 16))
        .ok()?;
    client.invoke(PIPELINE, &Command::new("Get-X")).ok()?;
    while client.next_event().is_some() {}
    Some(client)
}

/// One message of any type with any data, for a client and for a server.
///
/// The first byte says the type, the second to whom it goes.
pub fn messages(data: &[u8]) {
    let [kind, destination, data @ ..] = data else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let kind = TYPES[usize::from(*kind) % TYPES.len()];
    let destination = match destination % 2 {
        0 => Destination::Client,
        _ => Destination::Server,
    };
    let message = Message {
        destination,
        kind,
        pool: POOL,
        pipeline: Some(PIPELINE),
        data: text,
    };
    let bytes = message.write();
    // A byte-order mark is no part of the data.
    if !text.starts_with('\u{feff}') {
        assert_eq!(Message::read(&bytes).ok().as_ref(), Some(&message));
    }
    let Ok(length) = u32::try_from(bytes.len()) else {
        return;
    };
    // One fragment, the first and the last of its object (MS-PSRP 2.2.4).
    let mut fragment = Vec::with_capacity(21 + bytes.len());
    fragment.extend(1000_u64.to_be_bytes());
    fragment.extend(0_u64.to_be_bytes());
    fragment.push(3);
    fragment.extend(length.to_be_bytes());
    fragment.extend(bytes);
    if let Some(mut client) = running() {
        client.receive(Some(PIPELINE), &fragment).ok();
        while let Some(event) = client.next_event() {
            if let Event::HostCall(call) = event {
                call.question();
                client.refuse(&call).ok();
            }
        }
    }
    let mut server = Server::new(ServerOptions::default());
    server.receive(None, &fragment).ok();
    while server.next_event().is_some() {}
}

const TYPES: [MessageType; 18] = [
    MessageType::SessionCapability,
    MessageType::InitRunspacePool,
    MessageType::PublicKeyRequest,
    MessageType::RunspaceAvailability,
    MessageType::RunspacePoolState,
    MessageType::CreatePipeline,
    MessageType::ApplicationPrivateData,
    MessageType::RunspacePoolInitData,
    MessageType::RunspacePoolHostCall,
    MessageType::PipelineOutput,
    MessageType::ErrorRecord,
    MessageType::PipelineState,
    MessageType::WarningRecord,
    MessageType::ProgressRecord,
    MessageType::InformationRecord,
    MessageType::PipelineHostCall,
    MessageType::PipelineHostResponse,
    MessageType::Unknown(7),
];

/// A sealed body: its content type up to the first line break, then the body. What was read is framed, and read again it is
/// the same.
pub fn mime(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n');
    let Some((content_type, body)) = end.map(|end| (&data[..end], &data[end + 1..])) else {
        return;
    };
    let Ok(content_type) = std::str::from_utf8(content_type) else {
        return;
    };
    let protection = wsman::protection(content_type).unwrap_or(wsman::Protection::Spnego);
    let Ok(parts) = wsman::unframe(content_type, body) else {
        return;
    };
    let held: usize = parts
        .iter()
        .map(|part| part.signature.len() + part.data.len())
        .sum();
    assert!(held <= body.len());
    for part in &parts {
        let framed = wsman::frame(protection, part);
        let again = wsman::unframe(&protection.content_type(), &framed);
        // Data that holds the delimiter itself cannot be told apart from the end.
        if let Ok([again]) = again.as_deref() {
            assert!(again.length == part.length && again.signature == part.signature);
        }
    }
}

/// An envelope, as an answer and as a request. What was read as a request is written, and read again it is the same.
pub fn soap(data: &[u8]) {
    if let Ok(wsman::Response::Fault(fault)) = wsman::read_response(data, POOL) {
        assert!(!fault.to_string().is_empty());
        fault.wait_milliseconds();
    }
    let Ok((header, request)) = wsman::read_request(data) else {
        return;
    };
    let session = wsman::Session {
        to: "http://ex01/PowerShell/".to_owned(),
        resource_uri: header.resource_uri,
        session_id: POOL,
        max_envelope_size: header.max_envelope_size.unwrap_or(153_600),
        operation_timeout: header.operation_timeout.unwrap_or_default(),
        locale: "en-US".to_owned(),
    };
    let written = session.envelope(&request, PIPELINE);
    match wsman::read_request(written.as_bytes()) {
        Ok((_, again)) => assert_eq!(again, request),
        Err(error) => assert!(has_odd_text(&request), "{error}: {written}"),
    }
}

/// Whether a request has a text that XML cannot carry as it is.
fn has_odd_text(request: &wsman::Request) -> bool {
    let odd = |text: &str| text.trim() != text || text.chars().any(char::is_control);
    let signal = match request {
        wsman::Request::Signal { signal, .. } => format!("{signal:?}"),
        _ => String::new(),
    };
    request.shell_id().is_some_and(odd) || odd(&signal)
}
