//! A cmdlet that asks its user something, on a server that is played by hand: its session has an identifier of its own, and
//! nobody can answer from here.

use crate::support::between::{Message, answering, trusting};
use crate::support::service::{Outcome, certified};
use crate::support::wait::wait_for;
use exoauth::exchange::onprem::{OnPremises, Times};
use exoauth::exchange::{Error, ErrorKind, Invocation, Road};
use exoauth::lab::{Front, Lab, LabOptions};
use exoauth::organization::{Authentication, ExchangeAccount, OnPremisesExchange, SecretSource};
use exoauth::remoting::clixml::{Object, Value};
use exoauth::remoting::psrp::{ErrorRecord, HostMethod, Server, ServerEvent, ServerOptions};
use exoauth::remoting::wsman::{
    CommandState, Fault, Request, Response, Shell, Stream, read_request, response_envelope,
};
use exoauth::secret::Secret;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The identifier that the server gives the session, whatever the client proposed.
const OWN: &str = "0D5E0C6C-0D5E-4C6C-8D5E-0C6C0D5E0C6C";

/// How often it waits for an answer of the host.
const PATIENCE: usize = 5;

struct Asking {
    server: Server,
    answers: Vec<Result<Value, Box<ErrorRecord>>>,
    waited: usize,
    deleted: bool,
}

impl Asking {
    fn answer(&mut self, request: Request) -> Result<Response, exoauth::remoting::psrp::Error> {
        match request {
            Request::Create { creation, .. } => {
                self.server.receive(None, &creation)?;
                Ok(Response::Created(Shell {
                    shell_id: OWN.to_owned(),
                    ..Shell::default()
                }))
            }
            other if other.shell_id() != Some(OWN) => Ok(Response::Fault(Fault::shell_unknown())),
            Request::Command {
                command_id,
                arguments,
                ..
            } => {
                self.take(Some(command_id), &arguments)?;
                Ok(Response::Started { command_id })
            }
            Request::Send {
                command_id, data, ..
            } => {
                self.take(command_id, &data)?;
                Ok(Response::Sent)
            }
            Request::Receive { command_id, .. } => self.give(command_id),
            Request::Signal { .. } => Ok(Response::Signaled),
            Request::Delete { .. } => {
                self.deleted = true;
                Ok(Response::Deleted)
            }
        }
    }

    fn take(
        &mut self,
        channel: Option<Uuid>,
        bytes: &[u8],
    ) -> Result<(), exoauth::remoting::psrp::Error> {
        self.server.receive(channel, bytes)?;
        while let Some(event) = self.server.next_event() {
            match event {
                ServerEvent::Invoke { pipeline, .. } => {
                    let choice = |label: &str| Object::new().with_extended("label", label).into();
                    let choices = Value::list([choice("&Yes"), choice("&No")]);
                    let question = vec!["Confirm".into(), "Sure?".into(), choices, 0.into()];
                    self.server
                        .host_call(pipeline, HostMethod::PromptForChoice, question)?;
                }
                ServerEvent::HostResponse(response) => {
                    self.answers.push(response.result);
                    if let Some(pipeline) = response.pipeline {
                        self.server.finish(pipeline)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn give(&mut self, channel: Option<Uuid>) -> Result<Response, exoauth::remoting::psrp::Error> {
        if !self.server.has_data(channel) {
            self.waited += 1;
            if self.waited < PATIENCE {
                return Ok(Response::Fault(Fault::timed_out()));
            }
            if let Some(pipeline) = channel {
                self.server.finish(pipeline)?;
            }
        }
        Ok(Response::Received {
            command_id: channel,
            streams: vec![Stream {
                name: "stdout".to_owned(),
                command_id: channel,
                data: self.server.data_to_send(channel, 1 << 16),
            }],
            state: channel.map(|_| CommandState::Running),
        })
    }
}

#[test]
fn a_question_is_refused_and_named_in_a_session_with_an_identifier_of_the_server() -> Outcome {
    wait_for(async {
        let asking = Arc::new(Mutex::new(Asking {
            server: Server::new(ServerOptions::default()),
            answers: Vec::new(),
            waited: 0,
            deleted: false,
        }));
        let played = Arc::clone(&asking);
        let answer = move |message: &Message| {
            let (header, request) = read_request(&message.body).ok()?;
            let mut asking = played.lock().unwrap_or_else(PoisonError::into_inner);
            let response = asking.answer(request).ok()?;
            let status = match response {
                Response::Fault(_) => "500 Internal Server Error",
                _ => "200 OK",
            };
            let id = Uuid::from_u128(1);
            Some(Message {
                head: format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/soap+xml;charset=UTF-8\r\ncontent-length: 0"
                ),
                body: response_envelope(&response, &header.message_id, id, "EX01").into_bytes(),
            })
        };
        // The lab is only there to be connected to.
        let lab = Lab::start(LabOptions::default()).await?;
        let (acceptor, ca) = certified()?;
        let connector = trusting(lab.authority())?;
        let (port, front) =
            answering(&lab.address(Front::OnPremises), acceptor, connector, answer).await?;
        let exchange = OnPremisesExchange {
            url: format!("https://localhost:{port}/PowerShell/"),
            auth: Authentication::Basic,
            account: Some(ExchangeAccount {
                username: "CONTOSO\\administrator".to_owned(),
                password: SecretSource::Prompt("exchange.password"),
            }),
            kdc: None,
            ca: Some(ca),
            winrm: None,
            redirect_hosts: Vec::new(),
        };
        let road = OnPremises::new(&exchange, &Secret::new("hush"), Times::default())?;
        let remove = Invocation::new("Remove-AuthServer").with("Identity", "evoSTS");
        let Err(Error {
            kind: ErrorKind::Road(failure),
            ..
        }) = road.invoke(&remove).await
        else {
            return Err("no failure of the road".into());
        };
        assert_eq!(
            failure.message,
            "the cmdlet asks for confirmation: Confirm: Sure? [Yes, No]"
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some("pass confirm: false to run it without the question")
        );
        road.close().await?;
        front.abort();
        let asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
        let [Err(refusal)] = asking.answers.as_slice() else {
            return Err(format!("not one refusal: {:?}", asking.answers).into());
        };
        assert!(refusal.message.ends_with("Confirm: Sure? [Yes, No]"));
        assert!(asking.deleted);
        Ok(())
    })
}
