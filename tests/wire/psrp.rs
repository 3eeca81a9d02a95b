//! MS-PSRP as other people's software speaks it: recorded conversations.
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
    Client, ClientOptions, Command, ErrorCategory, ErrorRecord, Event, HostMethod,
    InformationRecord, Parameter, PipelineState, PoolState, ProgressRecord, ProtocolVersion,
    Record, Server, ServerEvent, ServerOptions,
};
use std::collections::BTreeMap;
use uuid::{Uuid, uuid};

/// What travelled at once.
pub(super) struct Line {
    pub(super) from_client: bool,
    pub(super) channel: Option<Uuid>,
    pub(super) bytes: Vec<u8>,
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

pub(super) fn conversation(text: &str) -> Vec<Line> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(Line::read)
        .collect()
}

/// What the client's face understands of a conversation.
pub(super) fn heard_by_a_client(lines: &[Line]) -> (Client, Vec<Event>) {
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
pub(super) fn told(event: &Event) -> String {
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

pub(super) const PSRPCORE: &str = include_str!("fixtures/psrp/psrpcore.txt");
pub(super) const FIRST: Uuid = uuid!("aaaaaaaa-2222-3333-4444-555555555555");
pub(super) const SECOND: Uuid = uuid!("bbbbbbbb-2222-3333-4444-555555555555");
const THIRD: Uuid = uuid!("cccccccc-2222-3333-4444-555555555555");
pub(super) const POOL: Uuid = uuid!("11111111-2222-3333-4444-555555555555");

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
