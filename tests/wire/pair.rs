//! The client's face of remoting against the server's, in memory: what one says, the other understands.
//!
//! Both share one codec, so these tests say nothing about other people's software; `psrp.rs` does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test may stop it at once"
)]

use exoauth::remoting::clixml::{Content, Object, Value};
use exoauth::remoting::psrp::{
    Client, ClientOptions, Command, Error, ErrorCategory, ErrorRecord, Event, HostInfo, HostMethod,
    InformationRecord, Limits, Parameter, PipelineState, PoolState, ProgressRecord,
    ProtocolVersion, Record, Server, ServerEvent, ServerOptions,
};
use uuid::Uuid;

const POOL: Uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_5555_5555_5555);
const FIRST: Uuid = Uuid::from_u128(0xAAAA_AAAA_2222_3333_4444_5555_5555_5555);
const SECOND: Uuid = Uuid::from_u128(0xBBBB_BBBB_2222_3333_4444_5555_5555_5555);
const LIMIT: usize = 32 << 10;

/// A client and a server that were opened for each other.
struct Pair {
    client: Client,
    server: Server,
    /// The most that travels at once towards the client.
    limit: usize,
}

impl Pair {
    fn new(client: ClientOptions, server: ServerOptions, limit: usize) -> Self {
        Self {
            client: Client::new(POOL, client),
            server: Server::new(server),
            limit,
        }
    }

    fn open() -> Self {
        Self::open_with(LIMIT, LIMIT)
    }

    fn open_with(max_fragment: usize, limit: usize) -> Self {
        let options = ClientOptions {
            max_fragment,
            ..ClientOptions::default()
        };
        let mut pair = Self::new(options, ServerOptions::default(), limit);
        let opening = pair.client.open().unwrap();
        pair.server.receive(None, &opening).unwrap();
        assert!(matches!(pair.requests()[..], [ServerEvent::Opened { .. }]));
        assert_eq!(pair.events(None), [Event::PoolOpened]);
        pair
    }

    /// Sends a command to the server and gives what it understood.
    fn invoke(&mut self, pipeline: Uuid, command: &Command) -> Command {
        for chunk in self.client.invoke(pipeline, command).unwrap() {
            self.server.receive(Some(pipeline), &chunk).unwrap();
        }
        match &self.requests()[..] {
            [
                ServerEvent::Invoke {
                    pipeline: id,
                    invocation,
                },
            ] if *id == pipeline => invocation.only_command().unwrap().clone(),
            other => panic!("not one invocation: {other:?}"),
        }
    }

    fn requests(&mut self) -> Vec<ServerEvent> {
        std::iter::from_fn(|| self.server.next_event()).collect()
    }

    /// Carries everything that waits for a pipeline to the client and gives what it understood.
    fn events(&mut self, pipeline: Option<Uuid>) -> Vec<Event> {
        while self.server.has_data(pipeline) {
            let bytes = self.server.data_to_send(pipeline, self.limit);
            assert!(!bytes.is_empty() && bytes.len() <= self.limit);
            self.client.receive(pipeline, &bytes).unwrap();
        }
        std::iter::from_fn(|| self.client.next_event()).collect()
    }
}

fn completed(pipeline: Uuid) -> Event {
    Event::PipelineEnded {
        pipeline,
        state: PipelineState::Completed,
        error: None,
    }
}

fn output(pipeline: Uuid, value: impl Into<Value>) -> Event {
    Event::Output {
        pipeline,
        value: value.into(),
    }
}

fn not_found() -> ErrorRecord {
    ErrorRecord::new(
        "The operation couldn't be performed because object 'x' couldn't be found on 'dc01.contoso.com'.",
        ErrorCategory::InvalidData,
        "[Server=EX01,RequestId=1,TimeStamp=2],Microsoft.Exchange.Management.SetAuthServer",
    )
    .with_exception("Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException")
    .with_activity("Set-AuthServer")
    .with_target("x")
}

#[test]
fn a_pool_opens_and_both_sides_know_of_each_other() {
    let private = ("Who".into(), "Exchange".into());
    let options = ServerOptions {
        private_data: vec![private],
        ..ServerOptions::default()
    };
    let mut pair = Pair::new(ClientOptions::default(), options, LIMIT);
    assert_eq!(pair.client.state(), PoolState::BeforeOpen);
    let opening = pair.client.open().unwrap();
    assert_eq!(pair.client.state(), PoolState::Opening);
    pair.server.receive(None, &opening).unwrap();
    let [
        ServerEvent::Opened {
            pool,
            capability,
            opening,
        },
    ] = &pair.requests()[..]
    else {
        panic!("not opened");
    };
    assert_eq!(*pool, POOL);
    assert_eq!(capability.protocol, ProtocolVersion::V2_3);
    assert_eq!(opening.host, HostInfo::default());
    assert_eq!((opening.min_runspaces, opening.max_runspaces), (1, 1));
    assert_eq!(pair.events(None), [Event::PoolOpened]);
    assert_eq!(pair.client.state(), PoolState::Opened);
    assert_eq!(pair.server.state(), PoolState::Opened);
    let data = pair.client.private_data().unwrap();
    assert_eq!(data.entry("Who"), Some(&"Exchange".into()));
    let versions = data.entry("PSVersionTable").unwrap();
    let version = versions.entry("PSRemotingProtocolVersion").unwrap();
    assert_eq!(version, &Value::Version("2.3".to_owned()));
}

#[test]
fn an_old_server_is_spoken_to_in_its_version() {
    let options = ServerOptions {
        protocol: ProtocolVersion::V2_1,
        ..ServerOptions::default()
    };
    let mut pair = Pair::new(ClientOptions::default(), options, LIMIT);
    let opening = pair.client.open().unwrap();
    pair.server.receive(None, &opening).unwrap();
    pair.requests();
    assert_eq!(pair.events(None), [Event::PoolOpened]);
    let server = pair.client.server_capability().unwrap();
    assert_eq!(server.protocol, ProtocolVersion::V2_1);
    let chunks = pair.client.invoke(FIRST, &Command::new("Get-X")).unwrap();
    let text = String::from_utf8_lossy(&chunks[0]).into_owned();
    assert!(text.contains("MergePreviousResults"));
    assert!(!text.contains("MergeError") && !text.contains("MergeInformation"));
    pair.server.receive(Some(FIRST), &chunks[0]).unwrap();
    let information = Record::Information(Box::default());
    pair.server.record(FIRST, &information).unwrap();
    assert!(!pair.server.has_data(Some(FIRST)));
}

#[test]
fn a_cmdlet_gives_its_output_and_ends() {
    let mut pair = Pair::open();
    let command = Command::new("Get-AuthServer").parameter("Identity", "evoSTS");
    assert_eq!(pair.invoke(FIRST, &command), command);
    pair.server.output(FIRST, &"ACS".into()).unwrap();
    pair.server.output(FIRST, &Value::Null).unwrap();
    pair.server.finish(FIRST).unwrap();
    assert_eq!(
        pair.events(Some(FIRST)),
        [
            output(FIRST, "ACS"),
            output(FIRST, Value::Null),
            completed(FIRST)
        ]
    );
    assert_eq!(
        pair.client.pipeline_state(FIRST),
        Some(PipelineState::Completed)
    );
    assert!(!pair.server.has_data(Some(FIRST)));
}

#[test]
fn every_type_of_parameter_arrives_as_it_was_sent() {
    let mut pair = Pair::open();
    let command = Command::new("New-PartnerApplication")
        .parameter("Name", "ends with _x000A_ and <&> \u{1F600}\r\n")
        .parameter("Enabled", false)
        .parameter("Count", 7)
        .parameter("Big", 1_i64 << 40)
        .parameter("UseAuthMetadata", true)
        .parameter(
            "AcceptedDomains",
            Value::text_array(["a.example", "b.example"]),
        )
        .parameter("Nothing", Value::text_array::<String>([]))
        .parameter("FileData", vec![0_u8, 255, 13, 10])
        .parameter("LinkedAccount", Value::Null)
        .parameter("Url", "https://contoso.example/")
        .parameter("Id", POOL);
    let received = pair.invoke(FIRST, &command);
    assert_eq!(received, command);
    assert_eq!(received.value_of("useauthmetadata"), Some(&true.into()));
    let domains = received.value_of("AcceptedDomains").unwrap();
    assert_eq!(domains.type_name(), Some("System.String[]"));
    assert_eq!(received.value_of("Absent"), None);
}

#[test]
fn a_parameter_bound_by_place_has_no_name() {
    let mut pair = Pair::open();
    let mut command = Command::new("Get-AuthServer");
    command.parameters.push(Parameter {
        name: None,
        value: "evoSTS".into(),
    });
    assert_eq!(pair.invoke(FIRST, &command), command);
}

#[test]
fn the_dash_and_colon_of_a_typed_parameter_are_not_part_of_its_name() {
    let mut pair = Pair::open();
    let command = Command::new("Get-AuthServer").parameter("-Identity:", "x");
    let expected = Command::new("Get-AuthServer").parameter("Identity", "x");
    assert_eq!(pair.invoke(FIRST, &command), expected);
}

#[test]
fn a_text_of_a_megabyte_arrives_in_many_fragments() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-Large"));
    let text: String = ('a'..='z').cycle().take(1 << 20).collect();
    pair.server.output(FIRST, &text.as_str().into()).unwrap();
    pair.server.finish(FIRST).unwrap();
    assert_eq!(
        pair.events(Some(FIRST)),
        [output(FIRST, text), completed(FIRST)]
    );
}

#[test]
fn a_large_parameter_leaves_in_chunks_within_the_fragment_size() {
    let mut pair = Pair::open();
    let bytes: Vec<u8> = (0..=255).cycle().take(300 << 10).collect();
    let command = Command::new("Import-Certificate").parameter("FileData", bytes);
    let chunks = pair.client.invoke(FIRST, &command).unwrap();
    assert!(chunks.len() > 10);
    assert!(chunks.iter().all(|chunk| chunk.len() <= LIMIT));
    for chunk in &chunks {
        assert_eq!(pair.requests(), []);
        pair.server.receive(Some(FIRST), chunk).unwrap();
    }
    let [ServerEvent::Invoke { invocation, .. }] = &pair.requests()[..] else {
        panic!("not invoked");
    };
    assert_eq!(invocation.only_command(), Some(&command));
}

#[test]
fn every_stream_arrives_apart_and_in_order() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Test-Streams"));
    let records = [
        Record::Error(Box::new(not_found())),
        Record::Warning("careful".to_owned()),
        Record::Verbose("verbose".to_owned()),
        Record::Debug(String::new()),
        Record::Information(Box::new(InformationRecord {
            data: "said".into(),
            source: Some("Test-Streams".to_owned()),
            time: Some("2026-11-23T03:00:00Z".to_owned()),
            tags: vec!["PSHOST".to_owned()],
            user: Some("CONTOSO\\admin".to_owned()),
            computer: Some("EX01".to_owned()),
        })),
        Record::Progress(Box::new(ProgressRecord {
            percent: Some(40),
            completed: true,
            ..ProgressRecord::new("Moving", "half way")
        })),
    ];
    for record in &records {
        pair.server.record(FIRST, record).unwrap();
    }
    pair.server.finish(FIRST).unwrap();
    let mut expected: Vec<Event> = records
        .into_iter()
        .map(|record| Event::Record {
            pipeline: FIRST,
            record,
        })
        .collect();
    expected.push(completed(FIRST));
    assert_eq!(pair.events(Some(FIRST)), expected);
}

#[test]
fn a_terminating_error_ends_the_pipeline_with_its_record() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Set-AuthServer"));
    let record = ErrorRecord {
        details: Some("shown instead".to_owned()),
        recommended_action: Some("look again".to_owned()),
        ..not_found()
    };
    pair.server.fail(FIRST, &record).unwrap();
    assert_eq!(record.text(), "shown instead");
    let ended = Event::PipelineEnded {
        pipeline: FIRST,
        state: PipelineState::Failed,
        error: Some(Box::new(record)),
    };
    assert_eq!(pair.events(Some(FIRST)), [ended]);
}

#[test]
fn the_target_of_an_error_can_be_an_object() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Set-AuthServer"));
    let target: Value = Object::new()
        .with_type_names([
            "Microsoft.Exchange.Data.Directory.ADObjectId",
            "System.Object",
        ])
        .with_to_string("evoSTS")
        .with_content(Content::List(vec![1.into()]))
        .into();
    let record = not_found().with_target(target);
    assert_eq!(record.target_name.as_deref(), Some("evoSTS"));
    pair.server.error(FIRST, &record).unwrap();
    let events = pair.events(Some(FIRST));
    let expected = Record::Error(Box::new(record));
    assert_eq!(
        events,
        [Event::Record {
            pipeline: FIRST,
            record: expected
        }]
    );
}

#[test]
fn two_pipelines_run_at_once_without_disturbing_each_other() {
    let mut pair = Pair::open_with(64, 64);
    pair.invoke(FIRST, &Command::new("Get-First"));
    pair.invoke(SECOND, &Command::new("Get-Second"));
    for (pipeline, text) in [(FIRST, "one"), (SECOND, "two")] {
        pair.server
            .output(pipeline, &text.repeat(100).into())
            .unwrap();
        pair.server.finish(pipeline).unwrap();
    }
    let mut events = Vec::new();
    while pair.server.has_data(Some(FIRST)) || pair.server.has_data(Some(SECOND)) {
        for pipeline in [FIRST, SECOND] {
            let bytes = pair.server.data_to_send(Some(pipeline), 64);
            pair.client.receive(Some(pipeline), &bytes).unwrap();
            events.extend(std::iter::from_fn(|| pair.client.next_event()));
        }
    }
    assert_eq!(
        events,
        [
            output(FIRST, "one".repeat(100)),
            output(SECOND, "two".repeat(100)),
            completed(FIRST),
            completed(SECOND),
        ]
    );
}

#[test]
fn a_stopped_pipeline_ends_as_stopped_and_the_pool_lives_on() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-Slow"));
    pair.server.stopped(FIRST).unwrap();
    let events = pair.events(Some(FIRST));
    let [
        Event::PipelineEnded {
            state,
            error: Some(error),
            ..
        },
    ] = &events[..]
    else {
        panic!("not ended: {events:?}");
    };
    assert_eq!(*state, PipelineState::Stopped);
    assert_eq!(error.identifier.as_deref(), Some("PipelineStopped"));
    pair.invoke(SECOND, &Command::new("Get-Quick"));
    pair.server.finish(SECOND).unwrap();
    assert_eq!(pair.events(Some(SECOND)), [completed(SECOND)]);
}

#[test]
fn what_comes_after_the_end_of_a_pipeline_is_dropped() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-X"));
    pair.server.output(FIRST, &"once".into()).unwrap();
    pair.server.finish(FIRST).unwrap();
    let bytes = pair.server.data_to_send(Some(FIRST), LIMIT);
    for expected in [vec![output(FIRST, "once"), completed(FIRST)], Vec::new()] {
        pair.client.receive(Some(FIRST), &bytes).unwrap();
        let events: Vec<Event> = std::iter::from_fn(|| pair.client.next_event()).collect();
        assert_eq!(events, expected);
    }
}

#[test]
fn a_prompt_names_its_question_and_is_refused() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Remove-AuthServer"));
    let choice = |label: &str| {
        Value::from(
            Object::new()
                .with_extended("label", label)
                .with_extended("helpMessage", "help"),
        )
    };
    let choices = Value::list([choice("&Yes"), choice("&No")]);
    let parameters = vec!["Confirm".into(), "Are you sure?".into(), choices, 0.into()];
    let id = pair
        .server
        .host_call(FIRST, HostMethod::PromptForChoice, parameters)
        .unwrap();
    let events = pair.events(Some(FIRST));
    let [Event::HostCall(call)] = &events[..] else {
        panic!("no host call: {events:?}");
    };
    assert!(call.wants_an_answer());
    assert_eq!(call.question(), "Confirm: Are you sure? [Yes, No]");
    for chunk in pair.client.refuse(call).unwrap() {
        pair.server.receive(Some(FIRST), &chunk).unwrap();
    }
    let requests = pair.requests();
    let [ServerEvent::HostResponse(response)] = &requests[..] else {
        panic!("no response: {requests:?}");
    };
    assert_eq!((response.call, response.pipeline), (id, Some(FIRST)));
    let record = response.result.as_ref().unwrap_err();
    assert!(record.message.contains("Are you sure?"));
    assert_eq!(
        record.exception.as_deref(),
        Some("System.Management.Automation.Host.HostException")
    );
}

#[test]
fn a_host_call_that_waits_for_nothing_is_not_refused() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Test-Host"));
    pair.server
        .host_call(FIRST, HostMethod::WriteLine2, vec!["hello".into()])
        .unwrap();
    pair.server
        .host_call(FIRST, HostMethod::ReadLine, Vec::new())
        .unwrap();
    let events = pair.events(Some(FIRST));
    let [Event::HostCall(write), Event::HostCall(read)] = &events[..] else {
        panic!("not two host calls: {events:?}");
    };
    assert_eq!(read.question(), "ReadLine");
    assert!(pair.client.refuse(read).is_ok());
    assert!(matches!(
        pair.client.refuse(write),
        Err(Error::NoAnswerWanted { .. })
    ));
}

#[test]
fn the_smallest_fragments_carry_everything_both_ways() {
    let mut pair = Pair::open_with(22, 22);
    let command = Command::new("Get-AuthServer").parameter("Identity", "x");
    assert_eq!(pair.invoke(FIRST, &command), command);
    pair.server.output(FIRST, &"tiny".into()).unwrap();
    pair.server.finish(FIRST).unwrap();
    assert_eq!(
        pair.events(Some(FIRST)),
        [output(FIRST, "tiny"), completed(FIRST)]
    );
    let options = ClientOptions {
        max_fragment: 21,
        ..ClientOptions::default()
    };
    let refused = Client::new(POOL, options).open();
    assert!(matches!(
        refused,
        Err(Error::FragmentSize {
            found: 21,
            smallest: 22
        })
    ));
    assert!(pair.server.data_to_send(Some(FIRST), 21).is_empty());
}

#[test]
fn fragments_may_be_cut_at_any_byte() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-X"));
    for text in ["one", "two"] {
        pair.server.output(FIRST, &text.repeat(40).into()).unwrap();
    }
    let mut bytes = Vec::new();
    while pair.server.has_data(Some(FIRST)) {
        bytes.extend(pair.server.data_to_send(Some(FIRST), 60));
    }
    let expected = [
        output(FIRST, "one".repeat(40)),
        output(FIRST, "two".repeat(40)),
    ];
    for cut in 0..=bytes.len() {
        let mut client = opened_client();
        client.invoke(FIRST, &Command::new("Get-X")).unwrap();
        let (before, after) = bytes.split_at(cut);
        client.receive(Some(FIRST), before).unwrap();
        client.receive(Some(FIRST), after).unwrap();
        let events: Vec<Event> = std::iter::from_fn(|| client.next_event()).collect();
        assert_eq!(events, expected, "cut at {cut}");
    }
    let mut client = opened_client();
    client.invoke(FIRST, &Command::new("Get-X")).unwrap();
    for byte in &bytes {
        client
            .receive(Some(FIRST), std::slice::from_ref(byte))
            .unwrap();
    }
    let events: Vec<Event> = std::iter::from_fn(|| client.next_event()).collect();
    assert_eq!(events, expected);
}

#[test]
fn an_envelope_is_filled_with_as_many_messages_as_fit() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-X"));
    for number in 0..100 {
        pair.server.output(FIRST, &number.into()).unwrap();
    }
    let bytes = pair.server.data_to_send(Some(FIRST), LIMIT);
    assert!(!pair.server.has_data(Some(FIRST)));
    pair.client.receive(Some(FIRST), &bytes).unwrap();
    let events: Vec<Event> = std::iter::from_fn(|| pair.client.next_event()).collect();
    let expected: Vec<Event> = (0..100).map(|number| output(FIRST, number)).collect();
    assert_eq!(events, expected);
}

#[test]
fn a_broken_pool_says_why_and_runs_nothing_more() {
    let mut pair = Pair::open();
    pair.invoke(FIRST, &Command::new("Get-X"));
    let record = ErrorRecord::new(
        "out of memory",
        ErrorCategory::ResourceUnavailable,
        "Memory",
    )
    .with_exception("System.OutOfMemoryException");
    pair.server.break_pool(&record).unwrap();
    assert!(matches!(
        pair.events(Some(FIRST))[..],
        [Event::PipelineEnded {
            state: PipelineState::Stopped,
            ..
        }]
    ));
    let ended = Event::PoolEnded {
        state: PoolState::Broken,
        error: Some(Box::new(record)),
    };
    assert_eq!(pair.events(None), [ended]);
    let refused = pair.client.invoke(SECOND, &Command::new("Get-X"));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "cannot run a pipeline while the state is Broken, only while it is Opened"
    );
}

#[test]
fn actions_in_the_wrong_state_name_the_right_ones() {
    let mut client = Client::new(POOL, ClientOptions::default());
    let refused = client.invoke(FIRST, &Command::new("Get-X")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot run a pipeline while the state is BeforeOpen, only while it is Opened"
    );
    client.open().unwrap();
    assert_eq!(
        client.open().unwrap_err().to_string(),
        "cannot open the runspace pool while the state is Opening, only while it is BeforeOpen"
    );
    client.closing();
    assert_eq!(client.state(), PoolState::Closing);
    let closing = client.invoke(FIRST, &Command::new("Get-X")).unwrap_err();
    assert_eq!(
        closing.to_string(),
        "cannot run a pipeline while the state is Closing, only while it is Opened"
    );

    let mut pair = Pair::open();
    assert!(matches!(
        pair.server.output(FIRST, &Value::Null),
        Err(Error::UnknownPipeline {
            pipeline: FIRST,
            ..
        })
    ));
    pair.invoke(FIRST, &Command::new("Get-X"));
    assert!(matches!(
        pair.client.invoke(FIRST, &Command::new("Get-X")),
        Err(Error::PipelineExists { pipeline: FIRST })
    ));
    pair.server.finish(FIRST).unwrap();
    assert!(matches!(
        pair.server.finish(FIRST),
        Err(Error::State {
            state: "Completed",
            ..
        })
    ));
    pair.server.forget(FIRST);
    assert_eq!(pair.server.pipeline_state(FIRST), None);
    assert!(!pair.server.has_data(Some(FIRST)));
    assert!(matches!(
        pair.client.receive(Some(SECOND), &[]),
        Err(Error::UnknownPipeline {
            pipeline: SECOND,
            ..
        })
    ));
}

#[test]
fn a_secure_string_is_refused_by_name() {
    let mut client = opened_client();
    let secret = Value::SecureString("ciphertext".to_owned());
    let inside = Value::list([Object::new().with_extended("Password", secret).into()]);
    let command = Command::new("Export-ExchangeCertificate").parameter("Password", inside);
    let refused = client.invoke(FIRST, &command).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the parameter Password of Export-ExchangeCertificate is a secure string, and secure strings are not \
         supported on this connection"
    );
    assert_eq!(client.pipeline_state(FIRST), None);
}

#[test]
fn a_message_above_the_limit_breaks_the_pool_before_it_is_held() {
    let options = ClientOptions {
        limits: Limits {
            message: 10_000,
            ..Limits::default()
        },
        ..ClientOptions::default()
    };
    let mut pair = Pair::new(options, ServerOptions::default(), LIMIT);
    let opening = pair.client.open().unwrap();
    pair.server.receive(None, &opening).unwrap();
    pair.requests();
    pair.events(None);
    pair.invoke(FIRST, &Command::new("Get-Large"));
    pair.server
        .output(FIRST, &"x".repeat(20_000).into())
        .unwrap();
    let bytes = pair.server.data_to_send(Some(FIRST), LIMIT);
    let refused = pair.client.receive(Some(FIRST), &bytes).unwrap_err();
    assert!(matches!(
        refused,
        Error::Limit {
            what: "bytes in one message",
            limit: 10_000,
            ..
        }
    ));
    assert_eq!(pair.client.state(), PoolState::Broken);
}

fn opened_client() -> Client {
    Pair::open().client
}
