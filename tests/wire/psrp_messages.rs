//! The parts of MS-PSRP by themselves: headers, numbers, fragments, the examples of the specification, and bytes that are
//! wrong.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may stop it at once"
)]

use super::psrp::{FIRST, POOL, PSRPCORE, SECOND, conversation, told};
use exoauth::remoting::psrp::{
    Client, ClientOptions, Command, Destination, Error, Event, HostMethod, HostResponse, Limits,
    Message, MessageType, PoolState, ProtocolVersion, Server, ServerEvent, ServerOptions,
};
use uuid::{Uuid, uuid};

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
    let output = Message {
        destination: Destination::Client,
        kind: MessageType::PipelineOutput,
        pool: POOL,
        pipeline: Some(FIRST),
        data: "<Nil />",
    };
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
        (
            fragment(
                9,
                0,
                3,
                &Message {
                    destination: Destination::Server,
                    ..output.clone()
                }
                .write(),
            ),
            "it is meant for a server",
        ),
        (
            fragment(
                9,
                0,
                3,
                &Message {
                    pool: other,
                    ..output
                }
                .write(),
            ),
            "it belongs to another runspace pool",
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
    let ended = r#"<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>"#;
    let ended = whole(MessageType::PipelineState, ended);
    client.receive(Some(FIRST), &ended).unwrap();
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
