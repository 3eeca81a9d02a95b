//! Writes what the search begins with: `seeds FOLDER FIXTURES` makes a folder for each target.

use exoauth::remoting::clixml;
use exoauth::remoting::psrp::{
    Client, ClientOptions, Command, ErrorCategory, ErrorRecord, Server, ServerOptions,
};
use exoauth::remoting::wsman::{
    CommandState, Fault, MICROSOFT_EXCHANGE, Protection, Request, Response, SealedPart, Session,
    Shell, Signal, Stream, frame, response_envelope,
};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, error::Error, fs};
use uuid::Uuid;

const POOL: Uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_5555_5555_5555);
const PIPELINE: Uuid = Uuid::from_u128(0xAAAA_AAAA_2222_3333_4444_5555_5555_5555);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1).map(PathBuf::from);
    let (folder, fixtures) = (arguments.next(), arguments.next());
    let folder = folder.ok_or("no folder")?;
    let write = |target: &str, name: String, bytes: &[u8]| {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    for (name, text) in documents(&fixtures.ok_or("no fixtures")?)? {
        write("clixml", name.clone(), &text)?;
        for kind in 0..18 {
            write("messages", format!("{kind}-{name}"), &[&[kind, 0][..], &text].concat())?;
        }
    }
    for (at, data) in data()?.into_iter().enumerate() {
        write("fragments", at.to_string(), &[&[200][..], &data].concat())?;
    }
    for (at, envelope) in envelopes().into_iter().enumerate() {
        write("soap", at.to_string(), envelope.as_bytes())?;
        let part = SealedPart {
            length: envelope.len(),
            signature: vec![1; 16],
            data: envelope.into_bytes(),
        };
        for protection in [Protection::Spnego, Protection::Kerberos] {
            let head = format!("{}\n", protection.content_type());
            let body = frame(protection, &part);
            let bytes = [head.as_bytes(), &body].concat();
            write("mime", format!("{at}-{protection:?}"), &bytes)?;
        }
    }
    Ok(())
}

fn documents(fixtures: &Path) -> Result<Vec<(String, Vec<u8>)>, Box<dyn Error>> {
    let mut documents = Vec::new();
    for file in fs::read_dir(fixtures)? {
        let path = file?.path();
        if path.extension().is_some_and(|end| end == "clixml") {
            let name = path.file_name().and_then(|name| name.to_str());
            documents.push((name.unwrap_or_default().to_owned(), fs::read(&path)?));
        }
    }
    Ok(documents)
}

/// What a server says of a pool and a pipeline, and what a client says.
fn data() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut client = Client::new(POOL, ClientOptions::default());
    let mut server = Server::new(ServerOptions::default());
    let opening = client.open()?;
    server.receive(None, &opening)?;
    let opened = server.data_to_send(None, 1 << 16);
    client.receive(None, &opened)?;
    let command = Command::new("Get-X").parameter("Identity", "x");
    let created = client.invoke(PIPELINE, &command)?.concat();
    server.receive(Some(PIPELINE), &created)?;
    let object = clixml::Object::new()
        .with_to_string("x")
        .with_adapted("Name", "x")
        .with_adapted("List", clixml::Value::list(["a".into(), "b".into()]));
    server.output(PIPELINE, &object.into())?;
    server.warning(PIPELINE, "careful")?;
    let record = ErrorRecord::new("no", ErrorCategory::InvalidData, "Id,Get-X").with_target("x");
    server.error(PIPELINE, &record)?;
    server.finish(PIPELINE)?;
    let answered = server.data_to_send(Some(PIPELINE), 1 << 16);
    Ok(vec![opening, opened, created, answered])
}

fn envelopes() -> Vec<String> {
    let session = Session {
        to: "http://ex01/PowerShell/".to_owned(),
        resource_uri: MICROSOFT_EXCHANGE.to_owned(),
        session_id: POOL,
        max_envelope_size: 153_600,
        operation_timeout: Duration::from_secs(60),
        locale: "en-US".to_owned(),
    };
    let shell_id = POOL.to_string().to_uppercase();
    let data = || b"data".to_vec();
    let shell = || shell_id.clone();
    let requests = [
        Request::Create { shell_id: POOL, creation: data() },
        Request::Command { shell_id: shell(), command_id: PIPELINE, arguments: data() },
        Request::Send { shell_id: shell(), command_id: Some(PIPELINE), data: data() },
        Request::Receive { shell_id: shell(), command_id: None },
        Request::Signal { shell_id: shell(), command_id: PIPELINE, signal: Signal::Terminate },
        Request::Delete { shell_id: shell() },
    ];
    let stream = Stream { name: "stdout".to_owned(), command_id: Some(PIPELINE), data: data() };
    let responses = [
        Response::Created(Shell { shell_id: shell(), ..Shell::default() }),
        Response::Started { command_id: PIPELINE },
        Response::Sent,
        Response::Received {
            command_id: Some(PIPELINE),
            streams: vec![stream],
            state: Some(CommandState::Done),
        },
        Response::Signaled,
        Response::Deleted,
        Response::Fault(Fault::timed_out()),
        Response::Fault(Fault::load_quota(1000)),
    ];
    let relates = format!("uuid:{}", POOL.to_string().to_uppercase());
    let requests = requests.iter().map(|request| session.envelope(request, PIPELINE));
    let responses = responses
        .iter()
        .map(|response| response_envelope(response, &relates, PIPELINE, "EX01"));
    requests.chain(responses).collect()
}
