//! Envelopes against what Windows wrote, and against ourselves.

use exoauth::remoting::wsman::{
    CommandState, Error, Fault, FaultKind, MICROSOFT_EXCHANGE, Request, Response, Session, Shell,
    Signal, Stream, read_request, read_response, response_envelope,
};
use std::time::Duration;
use uuid::{Uuid, uuid};

const POOL: Uuid = uuid!("07a72572-c66d-438c-95e3-a2568109fd40");
const PIPELINE: Uuid = uuid!("58955c51-f72d-43d9-a2b8-deeea3b64869");

fn session() -> Session {
    Session {
        to: "https://ex01.contoso.com/PowerShell/?a=1&b=2".to_owned(),
        resource_uri: MICROSOFT_EXCHANGE.to_owned(),
        session_id: uuid!("769e6c32-b0d7-4e7c-86cd-a8f487343448"),
        max_envelope_size: 153_600,
        operation_timeout: Duration::from_secs(60),
        locale: "en-US".to_owned(),
    }
}

#[test]
fn answers_that_windows_gave_are_read() -> Result<(), Error> {
    assert_eq!(
        read_response(
            include_bytes!("fixtures/wsman/create-response.xml"),
            uuid!("69b3623e-e41c-400c-a66d-5a2bd041c3ec"),
        )?,
        Response::Created(Shell {
            shell_id: "07A72572-C66D-438C-95E3-A2568109FD40".to_owned(),
            resource_uri: "http://schemas.microsoft.com/powershell/Microsoft.PowerShell".to_owned(),
            owner: "WIN-NNMU24VVKJ0\\vagrant".to_owned(),
            idle_timeout: Some(Duration::from_secs(7200)),
        })
    );
    assert_eq!(
        read_response(
            include_bytes!("fixtures/wsman/command-response.xml"),
            uuid!("ddb02a67-e3d8-43c2-8285-af954eea5f7a"),
        )?,
        Response::Started {
            command_id: PIPELINE
        }
    );
    assert_eq!(
        read_response(
            include_bytes!("fixtures/wsman/delete-response.xml"),
            uuid!("4f6d88f6-d4ca-489e-b688-ea0c8fa586f5"),
        )?,
        Response::Deleted
    );
    Ok(())
}

#[test]
fn data_that_windows_gave_is_read_in_order() -> Result<(), Error> {
    let pool = read_response(
        include_bytes!("fixtures/wsman/receive-pool-response.xml"),
        uuid!("28083420-8d0d-4903-99c6-733d890ffb23"),
    )?;
    let command = read_response(
        include_bytes!("fixtures/wsman/receive-done-response.xml"),
        uuid!("5c4d68ea-bd81-42f2-8182-86d5ce5442d7"),
    )?;
    // A fragment says its object at 0..8 and the length of its data at 17..21 (MS-PSRP 2.2.4).
    let seen = |response: Response| match response {
        Response::Received {
            command_id,
            streams,
            state,
        } => {
            let fragments: Vec<_> = streams
                .iter()
                .map(|stream| {
                    let length = u32::from_be_bytes(stream.data[17..21].try_into().unwrap());
                    assert_eq!(stream.data.len(), 21 + length as usize);
                    (
                        stream.name.as_str().to_owned(),
                        stream.command_id,
                        stream.data[7],
                    )
                })
                .collect();
            (command_id, fragments, state)
        }
        other => panic!("{other:?}"),
    };
    let stdout = || "stdout".to_owned();
    assert_eq!(
        seen(pool),
        (None, vec![(stdout(), None, 1), (stdout(), None, 2)], None)
    );
    let of_pipeline = |object| (stdout(), Some(PIPELINE), object);
    assert_eq!(
        seen(command),
        (
            Some(PIPELINE),
            vec![of_pipeline(4), of_pipeline(5), of_pipeline(6)],
            Some(CommandState::Done)
        )
    );
    Ok(())
}

#[test]
fn refusals_that_windows_gave_keep_its_words() {
    let faults = [
        include_str!("fixtures/wsman/fault-timed-out.xml"),
        include_str!("fixtures/wsman/fault-invalid-selectors.xml"),
        include_str!("fixtures/wsman/fault-command-unknown.xml"),
        include_str!("fixtures/wsman/fault-timeout-field.xml"),
    ]
    .map(|text| {
        let (_, after) = text.split_once("<a:RelatesTo>uuid:").unwrap();
        let message_id = Uuid::try_parse(&after[..36]).unwrap();
        match read_response(text.as_bytes(), message_id) {
            Ok(Response::Fault(fault)) => (fault.kind(), fault.to_string()),
            other => panic!("{other:?}"),
        }
    });
    let expected = [
        (
            FaultKind::TimedOut,
            "The WS-Management service cannot complete the operation within the time specified in OperationTimeout. (TimedOut, 2150858793)",
        ),
        (
            FaultKind::InvalidSelectors,
            "The WS-Management service cannot process the request because the request contained invalid selectors for the resource. (InvalidSelectors, 2150858843)",
        ),
        (
            FaultKind::InvalidSelectors,
            "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. Either the command has completed execution or the client specified an invalid command identifier. (InvalidSelectors, 2150858843)",
        ),
        (
            FaultKind::Other,
            "The WS-Management service cannot process the request. The XML contains an invalid timeout field in the SOAP header: PT-1S. (InvalidMessageInformationHeader, 2150858767)",
        ),
    ];
    assert_eq!(
        faults,
        expected.map(|(kind, words)| (kind, words.to_owned()))
    );
}

#[test]
fn requests_that_another_client_wrote_are_read() -> Result<(), Error> {
    let (header, create) = read_request(include_bytes!("fixtures/wsman/create-request.xml"))?;
    assert_eq!(
        header.message_id,
        "uuid:69B3623E-E41C-400C-A66D-5A2BD041C3EC"
    );
    assert_eq!(header.operation_timeout, Some(Duration::from_secs(20)));
    assert_eq!(header.max_envelope_size, Some(153_600));
    assert!(
        matches!(&create, Request::Create { shell_id: POOL, creation } if creation.len() == 1008),
        "{create:?}"
    );
    let (_, command) = read_request(include_bytes!("fixtures/wsman/command-request.xml"))?;
    assert!(
        matches!(&command, Request::Command { command_id: PIPELINE, arguments, .. } if arguments.len() == 2295),
        "{command:?}"
    );
    assert_eq!(
        command.shell_id(),
        Some("07A72572-C66D-438C-95E3-A2568109FD40")
    );
    Ok(())
}

#[test]
fn every_request_comes_back_as_it_was_written() -> Result<(), Error> {
    let shell_id = || "07A72572-C66D-438C-95E3-A2568109FD40".to_owned();
    let signal = |signal| Request::Signal {
        shell_id: shell_id(),
        command_id: PIPELINE,
        signal,
    };
    let receive = |command_id| Request::Receive {
        shell_id: shell_id(),
        command_id,
    };
    let send = |command_id| Request::Send {
        shell_id: shell_id(),
        command_id,
        data: vec![0, 255],
    };
    for request in [
        Request::Create {
            shell_id: POOL,
            creation: vec![1, 2, 3],
        },
        Request::Command {
            shell_id: shell_id(),
            command_id: PIPELINE,
            arguments: vec![0; 100],
        },
        send(None),
        send(Some(PIPELINE)),
        receive(None),
        receive(Some(PIPELINE)),
        signal(Signal::Stop),
        signal(Signal::Terminate),
        signal(Signal::Other("<&>".to_owned())),
        Request::Delete {
            shell_id: shell_id(),
        },
    ] {
        let envelope = session().envelope(&request, PIPELINE);
        let (header, read) = read_request(envelope.as_bytes())?;
        assert_eq!(read, request);
        assert_eq!(header.resource_uri, MICROSOFT_EXCHANGE);
        assert_eq!(
            header.session_id.as_deref(),
            Some("uuid:769E6C32-B0D7-4E7C-86CD-A8F487343448")
        );
    }
    Ok(())
}

#[test]
fn every_answer_comes_back_as_it_was_written() -> Result<(), Error> {
    let stream = |command_id| Stream {
        name: "stdout".to_owned(),
        command_id,
        data: b"fragment".to_vec(),
    };
    for response in [
        Response::Created(Shell {
            shell_id: "07A72572-C66D-438C-95E3-A2568109FD40".to_owned(),
            resource_uri: MICROSOFT_EXCHANGE.to_owned(),
            owner: "CONTOSO\\O'Neil & Söhne".to_owned(),
            idle_timeout: Some(Duration::from_secs(900)),
        }),
        Response::Started {
            command_id: PIPELINE,
        },
        Response::Sent,
        Response::Received {
            command_id: None,
            streams: vec![stream(None), stream(None)],
            state: None,
        },
        Response::Received {
            command_id: Some(PIPELINE),
            streams: Vec::new(),
            state: Some(CommandState::Done),
        },
        Response::Received {
            command_id: Some(PIPELINE),
            streams: vec![stream(Some(PIPELINE))],
            state: Some(CommandState::Running),
        },
        Response::Signaled,
        Response::Deleted,
        Response::Fault(Fault::timed_out()),
        Response::Fault(Fault::command_unknown()),
        Response::Fault(Fault::resource_unknown("http://<x>")),
        Response::Fault(Fault::too_many_shells(18)),
        Response::Fault(Fault::access_denied()),
    ] {
        let relates_to = format!("uuid:{POOL}");
        let envelope = response_envelope(&response, &relates_to, PIPELINE, "EX01.contoso.com");
        assert_eq!(read_response(envelope.as_bytes(), POOL)?, response);
    }
    Ok(())
}

#[test]
fn a_new_shell_is_known_by_its_selector_too() -> Result<(), Error> {
    let answer = include_str!("fixtures/wsman/create-response.xml");
    let id = "07A72572-C66D-438C-95E3-A2568109FD40";
    let element = format!("<rsp:ShellId>{id}</rsp:ShellId>");
    let asked = uuid!("69b3623e-e41c-400c-a66d-5a2bd041c3ec");
    assert!(answer.contains(&element));
    let without = answer.replace(&element, "");
    let Response::Created(shell) = read_response(without.as_bytes(), asked)? else {
        panic!("not created");
    };
    assert_eq!(shell.shell_id, id);
    let selector = format!("<w:Selector Name=\"ShellId\">{id}</w:Selector>");
    let nameless = without.replace(&selector, "");
    let refused = read_response(nameless.as_bytes(), asked).map_err(|error| error.to_string());
    assert_eq!(refused, Err("the envelope has no rsp:ShellId".to_owned()));
    Ok(())
}

#[test]
fn requests_are_spelled_as_the_specification_has_them() {
    let written = |request| session().envelope(&request, PIPELINE);
    let shell_id = || POOL.to_string();
    let signal = |signal| {
        written(Request::Signal {
            shell_id: shell_id(),
            command_id: PIPELINE,
            signal,
        })
    };
    let shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
    let transfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
    let create = written(Request::Create {
        shell_id: POOL,
        creation: Vec::new(),
    });
    let receive = written(Request::Receive {
        shell_id: shell_id(),
        command_id: Some(PIPELINE),
    });
    let send = written(Request::Send {
        shell_id: shell_id(),
        command_id: Some(PIPELINE),
        data: Vec::new(),
    });
    let delete = written(Request::Delete {
        shell_id: shell_id(),
    });
    // MS-PSRP 3.1.5.3.1, 3.1.5.3.5, 3.1.5.3.7, 3.1.5.3.9 and 3.1.5.3.11, MS-WSMV 2.2.4.38.
    for (envelope, expected) in [
        (&create, format!("{transfer}/Create</a:Action>")),
        (
            &create,
            "<w:Option Name=\"protocolversion\" MustComply=\"true\">2.3</w:Option>".to_owned(),
        ),
        (
            &create,
            "<rsp:InputStreams>stdin pr</rsp:InputStreams>".to_owned(),
        ),
        (
            &create,
            "<rsp:OutputStreams>stdout</rsp:OutputStreams>".to_owned(),
        ),
        (&receive, format!("{shell}/Receive</a:Action>")),
        (
            &receive,
            "<w:Option Name=\"WSMAN_CMDSHELL_OPTION_KEEPALIVE\">TRUE</w:Option>".to_owned(),
        ),
        (
            &receive,
            "<rsp:DesiredStream CommandId=\"58955C51-F72D-43D9-A2B8-DEEEA3B64869\">stdout<"
                .to_owned(),
        ),
        (&send, format!("{shell}/Send</a:Action>")),
        (
            &send,
            "<rsp:Stream Name=\"stdin\" CommandId=\"58955C51-F72D-43D9-A2B8-DEEEA3B64869\">"
                .to_owned(),
        ),
        (
            &signal(Signal::Stop),
            "<rsp:Code>powershell/signal/crtl_c</rsp:Code>".to_owned(),
        ),
        (&signal(Signal::Stop), format!("{shell}/Signal</a:Action>")),
        (
            &signal(Signal::Terminate),
            format!("<rsp:Code>{shell}/signal/terminate</rsp:Code>"),
        ),
        (&delete, format!("{transfer}/Delete</a:Action>")),
        (
            &delete,
            "<w:Selector Name=\"ShellId\">07a72572-c66d-438c-95e3-a2568109fd40</w:Selector>"
                .to_owned(),
        ),
    ] {
        assert!(envelope.contains(&expected), "{expected}\n{envelope}");
    }
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let relates_to = format!("uuid:{POOL}");
    let envelope = response_envelope(&Response::Sent, &relates_to, PIPELINE, "EX01");
    assert!(matches!(
        read_response(envelope.as_bytes(), PIPELINE),
        Err(Error::Unrelated { .. })
    ));
}

#[test]
fn only_a_fault_may_leave_out_what_it_answers() {
    let without = |response| {
        let envelope = response_envelope(&response, "", PIPELINE, "EX01");
        read_response(envelope.as_bytes(), POOL)
    };
    assert_eq!(
        without(Response::Deleted),
        Err(Error::Missing {
            element: "a:RelatesTo"
        })
    );
    let fault = Response::Fault(Fault::access_denied());
    assert_eq!(without(fault.clone()), Ok(fault));
}

#[test]
fn what_is_no_envelope_says_what_is_missing() {
    let in_envelope = |body: &str| {
        format!(
            "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\">{body}</e:Envelope>"
        )
    };
    for (text, expected) in [
        ("<html><body/></html>".to_owned(), "found <html>"),
        (in_envelope(""), "no s:Body"),
        (in_envelope("<e:Body/>"), "no a:Action"),
        (in_envelope("<e:Body><e:Fault/></e:Body>"), "no s:Code"),
        ("404 - not found".to_owned(), "not XML"),
    ] {
        let message = read_response(text.as_bytes(), POOL).map_err(|error| error.to_string());
        assert!(
            matches!(&message, Err(message) if message.contains(expected)),
            "{text}: {message:?}"
        );
    }
}

#[test]
fn a_request_stays_below_the_size_that_was_agreed() {
    let session = session();
    let request = Request::Command {
        shell_id: "07A72572-C66D-438C-95E3-A2568109FD40".to_owned(),
        command_id: PIPELINE,
        arguments: vec![0; session.data_limit()],
    };
    let length = session.envelope(&request, PIPELINE).len();
    assert!(length < session.max_envelope_size as usize, "{length}");
}
