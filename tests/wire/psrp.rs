//! MS-PSRP as other people's software speaks it: recorded conversations, the examples of the specification, and bytes
//! that are wrong.
//!
//! A conversation is a file of `fixtures/psrp`, which names its origin. The client's face reads what its server said,
//! the server's face what its client said.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop it at once"
)]

use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoauth::remoting::clixml::Value;
use exoauth::remoting::psrp::{
    Client, ClientOptions, Command, Destination, Error, ErrorCategory, ErrorRecord, Event,
    HostMethod, HostResponse, InformationRecord, Limits, Message, MessageType, Parameter,
    PipelineState, PoolState, ProgressRecord, ProtocolVersion, Record, Server, ServerEvent,
    ServerOptions,
};
use std::collections::BTreeMap;
use uuid::{Uuid, uuid};

/// What travelled at once.
struct Line {
    from_client: bool,
    channel: Option<Uuid>,
    bytes: Vec<u8>,
}

impl Line {
    fn read(line: &str) -> Self {
        let [sign, channel, bytes] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a line of a conversation: {line}");
        };
        Self {
            from_client: sign == ">",
            channel: (channel != "-").then(|| channel.parse().unwrap()),
            bytes: BASE64_STANDARD.decode(bytes).unwrap(),
        }
    }

    /// The identifier at this place of the header of the first message.
    fn identifier(&self, place: usize) -> Uuid {
        Uuid::from_slice_le(&self.bytes[21 + place..][..16]).unwrap()
    }
}

fn conversation(text: &str) -> Vec<Line> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(Line::read)
        .collect()
}

/// What the client's face understands of a conversation.
fn heard_by_a_client(lines: &[Line]) -> (Client, Vec<Event>) {
    let mut client = Client::new(lines[0].identifier(8), ClientOptions::default());
    client.open().unwrap();
    let mut pipelines = BTreeMap::new();
    let mut events = Vec::new();
    for line in lines {
        if line.from_client {
            if let Some(channel) = line.channel {
                pipelines
                    .entry(channel)
                    .or_insert_with(|| line.identifier(24));
            }
            continue;
        }
        let pipeline = line.channel.map(|channel| pipelines[&channel]);
        if let Some(pipeline) = pipeline
            && client.pipeline_state(pipeline).is_none()
        {
            client.invoke(pipeline, &Command::new("Get-X")).unwrap();
        }
        client.receive(pipeline, &line.bytes).unwrap();
        events.extend(std::iter::from_fn(|| client.next_event()));
    }
    (client, events)
}

/// What the server's face understands of a conversation.
fn heard_by_a_server(lines: &[Line]) -> (Server, Vec<ServerEvent>) {
    let mut server = Server::new(ServerOptions::default());
    for line in lines.iter().filter(|line| line.from_client) {
        server.receive(line.channel, &line.bytes).unwrap();
    }
    let events = std::iter::from_fn(|| server.next_event()).collect();
    (server, events)
}

/// An event in a few words.
fn told(event: &Event) -> String {
    match event {
        Event::PoolOpened => "opened".to_owned(),
        Event::PoolEnded { state, error } => format!("{state}: {}", said(error)),
        Event::Output { value, .. } => format!("output {}", shown(value)),
        Event::Record { record, .. } => match record {
            Record::Error(error) => format!("error {error}"),
            Record::Warning(text) => format!("warning {text}"),
            Record::Verbose(text) => format!("verbose {text}"),
            Record::Debug(text) => format!("debug {text}"),
            Record::Information(record) => format!("information {}", record.text()),
            Record::Progress(record) => format!("progress {}", record.activity),
            other => panic!("a new record: {other:?}"),
        },
        Event::PipelineEnded { state, error, .. } => format!("{state}: {}", said(error)),
        Event::HostCall(call) if call.wants_an_answer() => format!("asked {}", call.question()),
        Event::HostCall(call) => format!("host {}", call.method),
        Event::Ignored { message, .. } => format!("ignored {message}"),
        other => panic!("a new event: {other:?}"),
    }
}

fn shown(value: &Value) -> String {
    if let Some(text) = value.to_text() {
        return text;
    }
    if let Some(items) = value.as_list() {
        return format!("{items:?}");
    }
    match value.as_dictionary() {
        Some(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{key:?}: {value:?}"));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        None => format!("{value:?}"),
    }
}

fn said(error: &Option<Box<ErrorRecord>>) -> &str {
    error.as_deref().map_or("", ErrorRecord::text)
}

fn all_told(events: &[Event]) -> Vec<String> {
    events.iter().map(told).collect()
}

const PSRPCORE: &str = include_str!("fixtures/psrp/psrpcore.txt");
const FIRST: Uuid = uuid!("aaaaaaaa-2222-3333-4444-555555555555");
const SECOND: Uuid = uuid!("bbbbbbbb-2222-3333-4444-555555555555");
const THIRD: Uuid = uuid!("cccccccc-2222-3333-4444-555555555555");
const POOL: Uuid = uuid!("11111111-2222-3333-4444-555555555555");

#[test]
fn the_server_of_psrpcore_is_understood() {
    let (client, events) = heard_by_a_client(&conversation(PSRPCORE));
    assert_eq!(
        all_told(&events),
        [
            "opened",
            "output text",
            "output Null",
            "output [Int32(1), Text(\"a\")]",
            "output {Text(\"key\"): Text(\"value\")}",
            "error not there",
            "warning a warning",
            "verbose a verbose text",
            "debug a debug text",
            "progress Moving",
            "information an information",
            "host WriteLine2",
            "asked Confirm: Are you sure? [Yes, No]",
            "Completed: ",
            "Stopped: The pipeline has been stopped.",
            "Failed: no scripts here",
            "Broken: the pool is gone",
        ]
    );
    assert_eq!(client.state(), PoolState::Broken);
    let data = client.private_data().unwrap();
    assert_eq!(data.entry("Level"), Some(&3.into()));
}

#[test]
fn a_record_of_psrpcore_loses_nothing() {
    let (_, events) = heard_by_a_client(&conversation(PSRPCORE));
    let records: Vec<Record> = events
        .into_iter()
        .filter_map(|event| match event {
            Event::Record { record, .. } => Some(record),
            _ => None,
        })
        .collect();
    let error = ErrorRecord {
        message: "not there".to_owned(),
        exception: Some("System.Exception".to_owned()),
        category: ErrorCategory::ObjectNotFound,
        activity: Some("Get-AuthServer".to_owned()),
        reason: Some("ManagementObjectNotFoundException".to_owned()),
        target_name: Some("evoSTS".to_owned()),
        target_type: Some("String".to_owned()),
        target: "evoSTS".into(),
        identifier: Some("[Server=EX01],Microsoft.Exchange.GetAuthServer".to_owned()),
        details: None,
        recommended_action: None,
    };
    let progress = ProgressRecord {
        activity: "Moving".to_owned(),
        activity_id: 4,
        parent: None,
        status: Some("half way".to_owned()),
        current_operation: Some("now".to_owned()),
        percent: Some(50),
        seconds_remaining: Some(9),
        completed: false,
    };
    let information = InformationRecord {
        data: "an information".into(),
        source: Some("Write-Information".to_owned()),
        time: Some("2026-11-23T03:00:00".to_owned()),
        tags: vec!["PSHOST".to_owned()],
        user: Some("CONTOSO\\admin".to_owned()),
        computer: Some("EX01".to_owned()),
    };
    assert_eq!(
        records,
        [
            Record::Error(Box::new(error)),
            Record::Warning("a warning".to_owned()),
            Record::Verbose("a verbose text".to_owned()),
            Record::Debug("a debug text".to_owned()),
            Record::Progress(Box::new(progress)),
            Record::Information(Box::new(information)),
        ]
    );
}

#[test]
fn the_client_of_psrpcore_is_understood() {
    let (mut server, events) = heard_by_a_server(&conversation(PSRPCORE));
    let [
        ServerEvent::Opened {
            pool: POOL,
            capability,
            opening,
        },
        ServerEvent::Invoke {
            pipeline: FIRST,
            invocation: first,
        },
        ServerEvent::HostResponse(response),
        ServerEvent::Invoke {
            pipeline: SECOND,
            invocation: second,
        },
        ServerEvent::Input {
            pipeline: SECOND,
            value,
        },
        ServerEvent::InputEnded { pipeline: SECOND },
        ServerEvent::Invoke {
            pipeline: THIRD,
            invocation: third,
        },
    ] = &events[..]
    else {
        panic!("other events: {events:?}");
    };
    assert_eq!(capability.protocol, ProtocolVersion::V2_3);
    assert!(opening.host.no_host);
    let who = opening.application_arguments.entry("who");
    assert_eq!(who, Some(&"a test".into()));

    let every_byte: Vec<u8> = (0..=255).collect();
    let expected = Command::new("New-PartnerApplication")
        .parameter("Name", "a _x000A_ <&> \u{1F600}\r\n")
        .parameter("Enabled", true)
        .parameter("Count", 7)
        .parameter("Big", 1_i64 << 40)
        .parameter(
            "Domains",
            Value::list(["a.example".into(), "b.example".into()]),
        )
        .parameter("FileData", every_byte)
        .parameter("Nothing", Value::Null)
        .parameter("Id", POOL)
        .parameter("When", Value::DateTime("2026-11-23T03:00:00".to_owned()));
    assert_eq!(first.only_command(), Some(&expected));
    assert!(first.no_input);

    assert_eq!(response.pipeline, Some(FIRST));
    assert_eq!(response.method, HostMethod::PromptForChoice);
    let refusal = response.result.as_ref().unwrap_err();
    assert_eq!(refusal.message, "nobody is here");

    let by_place = Parameter {
        name: None,
        value: "evoSTS".into(),
    };
    let get = Command {
        parameters: vec![by_place],
        ..Command::new("Get-AuthServer")
    };
    let set = Command::new("Set-AuthServer").parameter("Enabled", false);
    let config = Command::new("Get-AuthConfig");
    assert_eq!(second.statements, [vec![get, set], vec![config]]);
    assert!(!second.no_input);
    assert_eq!(*value, "input".into());

    let script = Command {
        is_script: true,
        ..Command::new("Get-Date")
    };
    assert_eq!(third.only_command(), Some(&script));
    // The answer to SET_MAX_RUNSPACES waits behind those to the opening.
    let waiting = server.data_to_send(None, usize::MAX);
    let text = String::from_utf8_lossy(&waiting).into_owned();
    assert!(text.contains("<B N=\"SetMinMaxRunspacesResponse\">true</B><I64 N=\"ci\">1</I64>"));
}

#[test]
fn every_stream_of_windows_server_is_understood() {
    let text = include_str!("fixtures/psrp/windows-stream-output-invocation.txt");
    let (client, events) = heard_by_a_client(&conversation(text));
    assert_eq!(
        all_told(&events),
        [
            "opened",
            "progress Preparing modules for first use.",
            "debug debug stream",
            "verbose verbose stream",
            "error error stream",
            "output output stream",
            "warning warning stream",
            "information information stream",
            "Completed: ",
        ]
    );
    let versions = client.private_data().unwrap().entry("PSVersionTable");
    let version = versions.unwrap().entry("PSVersion");
    let expected = Value::Version("5.1.14393.2248".to_owned());
    assert_eq!(version, Some(&expected));
}

#[test]
fn a_client_whose_pipeline_is_not_named_as_its_command_gets_its_own_name_back() {
    let text = include_str!("fixtures/psrp/windows-stream-output-invocation.txt");
    let lines = conversation(text);
    let (mut server, events) = heard_by_a_server(&lines);
    let Some(ServerEvent::Invoke { pipeline, .. }) = events.last() else {
        panic!("not invoked: {events:?}");
    };
    let command = lines.iter().find_map(|line| line.channel);
    assert_eq!(command, Some(*pipeline));
    server.finish(*pipeline).unwrap();
    let line = Line {
        from_client: false,
        channel: command,
        bytes: server.data_to_send(command, usize::MAX),
    };
    let invoked = lines.iter().find(|line| line.channel.is_some()).unwrap();
    assert_eq!(line.identifier(24), invoked.identifier(24));
    assert_ne!(line.identifier(24), *pipeline);
}

#[test]
fn a_terminating_error_of_windows_server_is_understood() {
    let text = include_str!("fixtures/psrp/windows-error-failed.txt");
    let (_, events) = heard_by_a_client(&conversation(text));
    assert_eq!(
        all_told(&events),
        [
            "opened",
            "progress Preparing modules for first use.",
            "output before",
            "Failed: error",
        ]
    );
    let Some(Event::PipelineEnded {
        state: PipelineState::Failed,
        error: Some(error),
        ..
    }) = events.last()
    else {
        panic!("not failed: {events:?}");
    };
    let class = "Microsoft.PowerShell.Commands.WriteErrorException";
    let expected = ErrorRecord {
        activity: Some("Write-Error".to_owned()),
        ..ErrorRecord::new("error", ErrorCategory::NotSpecified, class).with_exception(class)
    };
    assert_eq!(**error, expected);
}

#[test]
fn no_language_mode_of_windows_server_refuses_what_is_no_cmdlet() {
    let text = include_str!("fixtures/psrp/windows-with-jea-configuration.txt");
    let (_, events) = heard_by_a_client(&conversation(text));
    assert_eq!(
        all_told(&events),
        [
            "opened",
            "output Microsoft.WSMan.Management.WSManConfigLeafElement",
            "Completed: ",
            "error Cannot find a provider with the name 'FileSystem'.",
            "Failed: The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.",
        ]
    );
}

#[test]
fn prompts_of_windows_server_name_their_questions() {
    let text = include_str!("fixtures/psrp/windows-pshost-ui-mocked-methods.txt");
    let lines = conversation(text);
    let (_, events) = heard_by_a_client(&lines);
    let mut told = all_told(&events);
    told.retain(|line| {
        line.starts_with("asked") || line.starts_with("host") || line.starts_with("ignored")
    });
    assert_eq!(
        told,
        [
            "ignored EncryptedSessionKey",
            "asked ReadLine",
            "asked ReadLineAsSecureString",
            "host Write1",
            "host Write2",
            "host WriteLine1",
            "host WriteLine2",
            "host WriteLine3",
            "host WriteErrorLine",
            "host WriteDebugLine",
            "host WriteProgress",
            "host WriteProgress",
            "host WriteVerboseLine",
            "host WriteWarningLine",
            "asked Prompt caption: Prompt message [PromptLabel]",
            "asked PromptForCredential caption: PromptForCredential message",
            "asked PromptForChoice caption: PromptForChoice message [Prompt1 label, Prompt2 label]",
        ]
    );
    let (_, requests) = heard_by_a_server(&lines);
    let answers: Vec<_> = requests
        .iter()
        .filter_map(|request| match request {
            ServerEvent::HostResponse(response) => Some((response.call, response.method)),
            _ => None,
        })
        .collect();
    assert_eq!(
        answers,
        [
            (1, HostMethod::ReadLine),
            (2, HostMethod::ReadLineAsSecureString),
            (3, HostMethod::Prompt),
            (4, HostMethod::PromptForCredential2),
            (5, HostMethod::PromptForChoice),
        ]
    );
}

#[test]
fn a_server_that_speaks_the_oldest_version_is_understood() {
    let text = include_str!("fixtures/psrp/windows-run-protocol-version-2.1.txt");
    let (client, events) = heard_by_a_client(&conversation(text));
    let server = client.server_capability().unwrap();
    assert_eq!(server.protocol, ProtocolVersion::V2_1);
    assert_eq!(
        all_told(&events),
        [
            "opened",
            "debug Start Block",
            "output error",
            "output message 1",
            "output 2",
            "output [Text(\"3\"), Int32(3)]",
            "debug End Block",
            "Completed: ",
        ]
    );
}

#[test]
fn questions_about_runspaces_are_answered() {
    let text = include_str!("fixtures/psrp/windows-set-runspaces.txt");
    let (mut server, events) = heard_by_a_server(&conversation(text));
    assert!(matches!(events[..], [ServerEvent::Opened { .. }]));
    let waiting = server.data_to_send(None, usize::MAX);
    let text = String::from_utf8_lossy(&waiting).into_owned();
    assert_eq!(text.matches("SetMinMaxRunspacesResponse").count(), 6);
}

/// An opened client with one running pipeline.
fn running_client(limits: Limits) -> Client {
    let options = ClientOptions {
        limits,
        ..ClientOptions::default()
    };
    let mut client = Client::new(POOL, options);
    let opening = client.open().unwrap();
    let mut server = Server::new(ServerOptions::default());
    server.receive(None, &opening).unwrap();
    let answer = server.data_to_send(None, usize::MAX);
    client.receive(None, &answer).unwrap();
    assert_eq!(client.next_event(), Some(Event::PoolOpened));
    client.invoke(FIRST, &Command::new("Get-X")).unwrap();
    client
}

fn fragment(object: u64, number: u64, flags: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    let mut bytes = header(object, number, flags, length);
    bytes.extend_from_slice(data);
    bytes
}

fn header(object: u64, number: u64, flags: u8, length: u32) -> Vec<u8> {
    let mut bytes = object.to_be_bytes().to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.push(flags);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

fn message(kind: MessageType, pipeline: Option<Uuid>, data: &str) -> Vec<u8> {
    Message {
        destination: Destination::Client,
        kind,
        pool: POOL,
        pipeline,
        data,
    }
    .write()
}

/// A message of the running pipeline in one fragment.
fn whole(kind: MessageType, data: &str) -> Vec<u8> {
    fragment(9, 0, 3, &message(kind, Some(FIRST), data))
}

#[test]
fn a_message_has_the_header_of_the_specification() {
    let message = Message {
        destination: Destination::Client,
        kind: MessageType::PipelineOutput,
        pool: uuid!("00112233-4455-6677-8899-aabbccddeeff"),
        pipeline: Some(uuid!("ffeeddcc-bbaa-9988-7766-554433221100")),
        data: "<Nil />",
    };
    let expected = [
        &[0x01, 0, 0, 0, 0x04, 0x10, 0x04, 0][..],
        b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF",
        b"\xCC\xDD\xEE\xFF\xAA\xBB\x88\x99\x77\x66\x55\x44\x33\x22\x11\x00",
        b"<Nil />",
    ]
    .concat();
    assert_eq!(message.write(), expected);
    assert_eq!(Message::read(&expected).unwrap(), message);
}

#[test]
fn the_mark_of_byte_order_in_front_of_the_data_is_no_part_of_it() {
    let marked = message(MessageType::PipelineOutput, None, "\u{FEFF}<Nil />");
    assert_eq!(Message::read(&marked).unwrap().data, "<Nil />");
}

#[test]
fn every_message_type_has_the_number_of_the_specification() {
    let numbers = [
        (MessageType::ConnectRunspacePool, 0x0001_0008),
        (MessageType::RunspacePoolInitData, 0x0002_100B),
        (MessageType::ResetRunspaceState, 0x0002_100C),
        (MessageType::ProgressRecord, 0x0004_1010),
        (MessageType::InformationRecord, 0x0004_1011),
        (MessageType::Unknown(0x0002_100E), 0x0002_100E),
    ];
    for (kind, number) in numbers {
        assert_eq!(kind.code(), number);
        assert_eq!(MessageType::from_code(number), kind);
    }
    assert_eq!(
        MessageType::Unknown(0x2_100E).to_string(),
        "Unknown (0x2100E)"
    );
}

#[test]
fn what_is_not_known_is_skipped_and_said() {
    let mut client = running_client(Limits::default());
    let other = uuid!("00000000-0000-0000-0000-000000000001");
    let ignored = [
        (
            whole(MessageType::Unknown(0x0004_2000), "not even CLIXML"),
            "its type is not known",
        ),
        (
            whole(
                MessageType::PipelineState,
                r#"<Obj RefId="0"><MS><I32 N="PipelineState">77</I32></MS></Obj>"#,
            ),
            "the state is not known",
        ),
        (
            whole(
                MessageType::RunspacePoolState,
                r#"<Obj RefId="0"><MS><I32 N="RunspaceState">77</I32></MS></Obj>"#,
            ),
            "the state is not known",
        ),
        (
            whole(MessageType::PublicKeyRequest, "<S></S>"),
            "no session key is needed without secure strings",
        ),
        (
            whole(MessageType::UserEvent, "<S></S>"),
            "it is of no use here",
        ),
        (
            whole(MessageType::WarningRecord, r#"<Obj RefId="0"><MS /></Obj>"#),
            "it has nothing to say",
        ),
        (
            fragment(
                9,
                0,
                3,
                &message(MessageType::PipelineOutput, Some(other), "<Nil />"),
            ),
            "the pipeline is not known",
        ),
    ];
    for (bytes, expected) in ignored {
        client.receive(Some(FIRST), &bytes).unwrap();
        let Some(Event::Ignored { reason, .. }) = client.next_event() else {
            panic!("not ignored: {expected}");
        };
        assert_eq!(reason, expected);
    }
    let bytes = whole(MessageType::PipelineOutput, "<S>still alive</S>");
    client.receive(Some(FIRST), &bytes).unwrap();
    assert_eq!(
        client.next_event().as_ref().map(told).as_deref(),
        Some("output still alive")
    );
}

#[test]
fn an_unreadable_message_is_an_error_and_the_next_one_is_read() {
    let mut client = running_client(Limits::default());
    let bytes = [
        whole(MessageType::PipelineOutput, "<S>cut"),
        whole(MessageType::PipelineOutput, "<S>whole</S>"),
    ]
    .concat();
    let refused = client.receive(Some(FIRST), &bytes).unwrap_err();
    assert!(matches!(
        refused,
        Error::Clixml {
            message: MessageType::PipelineOutput,
            ..
        }
    ));
    assert_eq!(
        client.next_event().as_ref().map(told).as_deref(),
        Some("output whole")
    );
    assert_eq!(client.state(), PoolState::Opened);
}

#[test]
fn malformed_messages_say_where_and_what_was_expected() {
    let cases: [(Vec<u8>, &str); 4] = [
        (
            vec![1, 0, 0],
            "malformed message at byte 3: expected a header of 40 bytes, found the end after 3 bytes",
        ),
        (
            vec![7; 40],
            "malformed message at byte 0: expected 1 (client) or 2 (server) as destination, found 117901063",
        ),
        (
            [
                message(MessageType::PipelineOutput, Some(FIRST), "<S>"),
                vec![0xFF],
            ]
            .concat(),
            "malformed message at byte 43: expected UTF-8, found other bytes",
        ),
        (
            message(MessageType::PipelineState, Some(FIRST), "<S>Completed</S>"),
            "the PipelineState message has no property PipelineState that is a whole number",
        ),
    ];
    for (data, expected) in cases {
        let mut client = running_client(Limits::default());
        let bytes = fragment(9, 0, 3, &data);
        let refused = client.receive(Some(FIRST), &bytes).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn fragments_out_of_order_break_the_pool_and_name_the_place() {
    let start = fragment(9, 0, 1, b"abc");
    let cases = [
        (
            fragment(9, 1, 0, b"abc"),
            "malformed fragment at byte 0 of object 9: expected fragment 0, found fragment 1",
        ),
        (
            fragment(9, 1, 1, b"abc"),
            "malformed fragment at byte 0 of object 9: expected fragment 0 at the start, found fragment 1 with the start flag",
        ),
        (
            fragment(9, 0, 2, b"abc"),
            "malformed fragment at byte 0 of object 9: expected the start flag, found fragment 0",
        ),
        (
            [start.clone(), start.clone()].concat(),
            "malformed fragment at byte 24 of object 9: expected fragment 1, found fragment 0 with the start flag",
        ),
        (
            [start.clone(), fragment(9, 2, 0, b"abc")].concat(),
            "malformed fragment at byte 24 of object 9: expected fragment 1, found fragment 2",
        ),
        (
            [start, fragment(9, 1, 0, b""), fragment(9, 1, 2, b"")].concat(),
            "malformed fragment at byte 45 of object 9: expected fragment 2, found fragment 1",
        ),
    ];
    for (bytes, expected) in cases {
        let mut client = running_client(Limits::default());
        let refused = client.receive(Some(FIRST), &bytes).unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert_eq!(client.state(), PoolState::Broken);
        let again = client.receive(Some(FIRST), &bytes).unwrap_err();
        assert!(matches!(
            again,
            Error::State {
                state: "Broken",
                ..
            }
        ));
    }
}

#[test]
fn a_huge_length_is_refused_by_its_header_alone() {
    let mut client = running_client(Limits::default());
    let bytes = header(9, 0, 1, u32::MAX);
    let refused = client.receive(Some(FIRST), &bytes).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the other side sends 4294967295 bytes in one message, more than the limit of 67108864"
    );
}

#[test]
fn a_message_of_many_fragments_is_refused_when_it_grows_too_large() {
    let limits = Limits {
        message: 1000,
        ..Limits::default()
    };
    let mut client = running_client(limits);
    let piece = [b'x'; 400];
    client
        .receive(Some(FIRST), &fragment(9, 0, 1, &piece))
        .unwrap();
    client
        .receive(Some(FIRST), &fragment(9, 1, 0, &piece))
        .unwrap();
    let refused = client
        .receive(Some(FIRST), &header(9, 2, 0, 400))
        .unwrap_err();
    assert!(matches!(
        refused,
        Error::Limit {
            limit: 1000,
            found: 1200,
            ..
        }
    ));
}

#[test]
fn too_many_incomplete_messages_are_refused() {
    let mut client = running_client(Limits::default());
    for object in 1..=64 {
        let begun = fragment(object, 0, 1, b"abc");
        client.receive(Some(FIRST), &begun).unwrap();
    }
    let whole = whole_of(100);
    client.receive(Some(FIRST), &whole).unwrap();
    assert!(client.next_event().is_some());
    let refused = client
        .receive(Some(FIRST), &fragment(65, 0, 1, b"abc"))
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the other side sends 65 incomplete messages, more than the limit of 64"
    );
}

fn whole_of(object: u64) -> Vec<u8> {
    let data = message(MessageType::PipelineOutput, Some(FIRST), "<Nil />");
    fragment(object, 0, 3, &data)
}

#[test]
fn incomplete_messages_are_limited_together_and_freed_with_their_pipeline() {
    let limits = Limits {
        incomplete_bytes: 1000,
        ..Limits::default()
    };
    let mut client = running_client(limits);
    client.invoke(SECOND, &Command::new("Get-X")).unwrap();
    let begun = fragment(1, 0, 1, &[0; 600]);
    client.receive(Some(FIRST), &begun).unwrap();
    client.abandon(FIRST);
    client.receive(Some(SECOND), &begun).unwrap();
    let refused = client
        .receive(Some(SECOND), &fragment(2, 0, 1, &[0; 600]))
        .unwrap_err();
    assert!(matches!(
        refused,
        Error::Limit {
            what: "bytes in incomplete messages",
            ..
        }
    ));
}

#[test]
fn no_cut_and_no_flipped_byte_makes_a_panic() {
    let lines = conversation(PSRPCORE);
    let bytes: Vec<u8> = lines
        .iter()
        .filter(|line| !line.from_client && line.channel == Some(FIRST))
        .flat_map(|line| line.bytes.iter().copied())
        .collect();
    for place in (0..bytes.len()).step_by(7) {
        let mut client = running_client(Limits::default());
        let _ = client.receive(Some(FIRST), &bytes[..place]);
        let mut changed = bytes.clone();
        changed[place] ^= 0x15;
        let mut client = running_client(Limits::default());
        let _ = client.receive(Some(FIRST), &changed);
        while client.next_event().is_some() {}
    }
}

#[test]
fn versions_that_are_not_understood_are_refused() {
    for (version, accepted) in [
        ("2.0", false),
        ("2.1", true),
        ("2.2", true),
        ("2.3", true),
        ("2.4", false),
        ("3.0", false),
        ("two", false),
    ] {
        let mut client = Client::new(POOL, ClientOptions::default());
        client.open().unwrap();
        let data = format!(
            r#"<Obj RefId="0"><MS><Version N="protocolversion">{version}</Version><Version N="PSVersion">2.0</Version><Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>"#
        );
        let data = data.replace(
            "<Version N=\"protocolversion\">two</Version>",
            "<S N=\"protocolversion\">two</S>",
        );
        let bytes = fragment(
            1,
            0,
            3,
            &message(MessageType::SessionCapability, None, &data),
        );
        let result = client.receive(None, &bytes);
        assert_eq!(result.is_ok(), accepted, "{version}");
        if !accepted {
            assert!(matches!(result, Err(Error::Version { found }) if found == version));
            assert_eq!(client.state(), PoolState::Broken);
        }
    }
}

#[test]
fn the_examples_of_the_specification_are_understood() {
    // MS-PSRP 3.1.5.3.15, 2.2.2.9, 2.2.2.6, 2.2.2.7 and 2.2.2.16, as published.
    let capability = "<Obj RefId=\"0\"> <MS> <Version N=\"protocolversion\">2.2</Version> <Version N=\"PSVersion\">2.0</Version> <Version N=\"SerializationVersion\">1.1.0.1</Version> </MS> </Obj>";
    let bytes = fragment(
        1,
        0,
        3,
        &message(MessageType::SessionCapability, None, capability),
    );
    let mut client = Client::new(POOL, ClientOptions::default());
    client.open().unwrap();
    client.receive(None, &bytes).unwrap();
    assert_eq!(client.state(), PoolState::NegotiationSucceeded);
    let server = client.server_capability().unwrap();
    assert_eq!(
        (server.protocol, server.powershell.as_str()),
        (ProtocolVersion::V2_2, "2.0")
    );

    let state = "<Obj RefId=\"1\"> <MS> <I32 N=\"RunspaceState\">2</I32> </MS> </Obj>";
    let bytes = fragment(
        2,
        0,
        3,
        &message(MessageType::RunspacePoolState, None, state),
    );
    client.receive(None, &bytes).unwrap();
    assert_eq!(client.next_event(), Some(Event::PoolOpened));

    let mut server = Server::new(ServerOptions::default());
    let opening = Client::new(POOL, ClientOptions::default()).open().unwrap();
    server.receive(None, &opening).unwrap();
    server.data_to_send(None, usize::MAX);
    let examples = [
        (
            MessageType::SetMaxRunspaces,
            "<Obj RefId=\"5\"> <MS> <I32 N=\"MaxRunspaces\">3</I32> <I64 N=\"ci\">1</I64> </MS> </Obj>",
        ),
        (
            MessageType::SetMinRunspaces,
            "<Obj RefId=\"6\"> <MS> <I32 N=\"MinRunspaces\">2</I32> <I64 N=\"ci\">2</I64> </MS> </Obj>",
        ),
    ];
    for (kind, data) in examples {
        let message = Message {
            destination: Destination::Server,
            kind,
            pool: POOL,
            pipeline: None,
            data,
        };
        server
            .receive(None, &fragment(7, 0, 3, &message.write()))
            .unwrap();
        assert!(server.has_data(None));
        server.data_to_send(None, usize::MAX);
    }
    while server.next_event().is_some() {}
    let response = r#"
 <Obj RefId="11">
   <MS>
     <S N="mr">Line read from the host</S>
     <I64 N="ci">1</I64>
     <Obj N="mi" RefId="12">
       <TN RefId="4">
         <T>System.Management.Automation.Remoting.RemoteHostMethodId</T>
         <T>System.Enum</T>
         <T>System.ValueType</T>
         <T>System.Object</T>
       </TN>
       <ToString>ReadLine</ToString>
       <I32>11</I32>
     </Obj>
   </MS>
 </Obj>"#;
    let message = Message {
        destination: Destination::Server,
        kind: MessageType::RunspacePoolHostResponse,
        pool: POOL,
        pipeline: None,
        data: response,
    };
    server
        .receive(None, &fragment(8, 0, 3, &message.write()))
        .unwrap();
    let expected = HostResponse {
        pipeline: None,
        call: 1,
        method: HostMethod::ReadLine,
        result: Ok("Line read from the host".into()),
    };
    assert_eq!(
        server.next_event(),
        Some(ServerEvent::HostResponse(expected))
    );
}
