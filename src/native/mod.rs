//! What scripts can call: one file per noun, and the handles [`Exchange`] and [`Entra`].
//!
//! A noun's file holds the parameter structs of its cmdlets, the functions with their documentation and examples, and
//! the [`Entry`] of each. Nothing here knows how a request travels: every function makes an [`Operation`] and hands it
//! to the [`Session`]. Policy, such as create-or-update, is not here either but in `stdlib/`.
//!
//! To write a noun, read `intra_org_connector.rs` first and copy it.

#![expect(unreachable_pub, reason = "export_module exports only what is pub")]
#![expect(clippy::unwrap_used, reason = "in what export_module generates")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "export_module takes the context and options by value"
)]

pub mod accepted_domain;
pub mod app_management_policy;
pub mod app_role;
pub mod app_role_assignment;
pub mod application;
pub mod auth_certificate;
pub mod auth_config;
pub mod auth_server;
pub mod availability_address_space;
pub mod cloud;
pub mod convert;
mod directory;
pub mod exchange_server;
pub mod intra_org_configuration;
pub mod intra_org_connector;
pub mod invoke;
pub mod mailbox;
pub mod oauth_connectivity;
pub mod options;
pub mod organization;
pub mod organization_config;
pub mod organization_relationship;
pub mod partner_application;
pub mod run;
pub mod service_principal;
pub mod setting_override;
pub mod virtual_directory;

pub use options::{Entry, OptionField};

use crate::exchange::{Answer, Cmdlet, Invocation, ScriptCall};
use crate::failure::{Failure, FailureKind};
use crate::graph;
use crate::session::{Operation, Origin, Request, Session};
use crate::subject::{Effect, Plane, Subject};
use crate::value::{Object, Value, snake_case};
use rhai::{Array, Dynamic, Engine, EvalAltResult, Map, Module, NativeCallContext, Position};
use std::sync::Arc;

/// What a native function returns: a value, or a failure on its way through the script.
pub type Thrown<T> = Result<T, Box<EvalAltResult>>;

/// One noun: its name, the entries of its functions, and the functions.
pub struct Noun {
    /// The name of the file, which is the chapter of the reference.
    pub name: &'static str,
    /// The entries of its functions.
    pub entries: &'static [Entry],
    /// Makes the module of its functions.
    pub module: fn() -> Module,
}

/// Makes the line of a noun from the name of its file.
macro_rules! noun {
    ($file:ident) => {
        Noun {
            name: stringify!($file),
            entries: $file::ENTRIES,
            module: || rhai::exported_module!($file::functions),
        }
    };
}

/// All nouns, in the order of the reference; one line each.
pub const NOUNS: &[Noun] = &[
    noun!(auth_server),
    noun!(partner_application),
    noun!(auth_certificate),
    noun!(auth_config),
    noun!(application),
    noun!(service_principal),
    noun!(app_role_assignment),
    noun!(app_role),
    noun!(app_management_policy),
    noun!(organization),
    noun!(intra_org_connector),
    noun!(intra_org_configuration),
    noun!(accepted_domain),
    noun!(availability_address_space),
    noun!(virtual_directory),
    noun!(exchange_server),
    noun!(organization_relationship),
    noun!(organization_config),
    noun!(setting_override),
    noun!(mailbox),
    noun!(oauth_connectivity),
    noun!(cloud),
    noun!(invoke),
    noun!(run),
];

/// Registers every function of every noun, and the types they speak of.
pub fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Exchange>("Exchange");
    engine.register_type_with_name::<Entra>("Entra");
    engine.register_type_with_name::<cloud::CloudHandle>("Cloud");
    engine.register_type_with_name::<run::Inputs>("Inputs");
    convert::register(engine);
    for noun in NOUNS {
        engine.register_global_module((noun.module)().into());
    }
}

/// An Exchange organization, as scripts hold it: `onprem` and `online` are two values of this.
#[derive(Clone)]
pub struct Exchange {
    plane: Plane,
    session: Arc<Session>,
}

/// The object of a noun that a cmdlet is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'call> {
    /// All objects, or the only one there is: no parameter.
    All,
    /// The object that `-Identity` names.
    Identity(&'call str),
    /// The new object of that `-Name`.
    Name(&'call str),
    /// The object that another parameter names, such as `-ForestName`.
    Key(&'static str, &'call str),
}

impl<'call> Target<'call> {
    fn name(self) -> Option<&'call str> {
        match self {
            Self::All => None,
            Self::Identity(name) | Self::Name(name) | Self::Key(_, name) => Some(name),
        }
    }

    fn parameter(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Identity(_) => Some("Identity"),
            Self::Name(_) => Some("Name"),
            Self::Key(parameter, _) => Some(parameter),
        }
    }
}

/// Parameters that every cmdlet has and that set no property.
const COMMON: &[&str] = &[
    "Confirm",
    "WhatIf",
    "Verbose",
    "Debug",
    "ErrorAction",
    "WarningAction",
    "DomainController",
];

impl Exchange {
    /// The handle of one organization.
    pub fn new(plane: Plane, session: Arc<Session>) -> Self {
        Self { plane, session }
    }

    /// Where it is.
    pub fn plane(&self) -> Plane {
        self.plane
    }

    /// The session that its requests pass.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Runs a cmdlet and gives its objects, as maps.
    pub(crate) fn list<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Thrown<Array> {
        let answer = self.perform(call, target, cmdlet)?;
        Ok(answer.output.iter().map(convert::to_dynamic).collect())
    }

    /// Runs a cmdlet that answers with exactly one object, and gives it.
    pub(crate) fn one<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Thrown<Map> {
        let operation = self.operation(call, target, cmdlet).map_err(throw)?;
        let mut answer = self.session.perform(&operation).map_err(throw)?;
        if answer.output.is_empty() && C::EFFECT == Effect::Create {
            // The service answered nothing and does not show the object yet: what was asked for is all that is known.
            answer.output.push(Value::Object(operation.asked));
        }
        only(answer, C::NAME, operation.subject).map_err(throw)
    }

    /// Runs a cmdlet that answers with exactly one object, and gives it by its wire names.
    pub(crate) fn object<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Thrown<Object> {
        let operation = self.operation(call, target, cmdlet).map_err(throw)?;
        let answer = self.session.perform(&operation).map_err(throw)?;
        single(answer, C::NAME, operation.subject).map_err(throw)
    }

    /// Runs a cmdlet whose answer does not matter.
    pub(crate) fn run<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Thrown<()> {
        self.perform(call, target, cmdlet).map(drop)
    }

    /// Runs a cmdlet on its target.
    pub(crate) fn perform<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Thrown<Answer> {
        let operation = self.operation(call, target, cmdlet).map_err(throw)?;
        self.session.perform(&operation).map_err(throw)
    }

    /// Runs one of the fixed scripts on a server of the organization itself; they all only read.
    ///
    /// What it answers must come from the machine that was `asked`, where its name is known.
    pub(crate) fn script(
        &self,
        call: &NativeCallContext,
        subject: Subject,
        script: ScriptCall,
        asked: Option<&str>,
    ) -> Result<Object, Failure> {
        let name = script.script.name();
        self.check_plane(call.fn_name(), name, &[Plane::OnPremises])?;
        let about = |failure: Failure| failure.about(subject.clone());
        let answer = self.session.perform(&Operation {
            subject: subject.clone(),
            effect: Effect::Read,
            request: Request::Script(script),
            observe: None,
            asked: Object::new(),
            learned: Vec::new(),
            origin: origin(call),
        })?;
        let mut output = answer.output.into_iter();
        let object = match (output.next(), output.next()) {
            (Some(Value::Object(object)), None) => object,
            (None, _) => {
                let message = format!("the server gave nothing for {name}");
                return Err(about(Failure::new(FailureKind::NotFound, message)));
            }
            _ => {
                let message = format!("the server gave something else than one object for {name}");
                return Err(about(Failure::new(FailureKind::Protocol, message)));
            }
        };
        match (object.get("Server").and_then(Value::as_text), asked) {
            (Some(answered), Some(asked)) if !answered.eq_ignore_ascii_case(asked) => {
                let message = format!("{asked} was asked, and {answered} answered");
                Err(about(Failure::new(FailureKind::Conflict, message)).with_hint(
                    "write {server} in exchange.winrm of the organization file where the name of the server belongs",
                ))
            }
            _ => Ok(object),
        }
    }

    /// Hands an operation on this organization to the session.
    pub(crate) fn send(&self, operation: &Operation) -> Thrown<Answer> {
        self.session.perform(operation).map_err(throw)
    }

    pub(crate) fn operation<C: Cmdlet>(
        &self,
        call: &NativeCallContext,
        target: Target,
        cmdlet: &C,
    ) -> Result<Operation, Failure> {
        self.check_plane(call.fn_name(), C::NAME, C::PLANES)?;
        let mut parameters = Object::new();
        if let (Some(parameter), Some(name)) = (target.parameter(), target.name()) {
            parameters.insert(parameter.to_owned(), name.into());
        }
        parameters.extend(options::parameters(cmdlet)?);
        let unknown = parameters.iter().find(|(_, value)| value.has_unknown());
        if let (Some((name, value)), false) = (unknown, C::EFFECT.writes()) {
            let name = snake_case(name);
            return Err(options::not_known_yet(call.fn_name(), &name, value));
        }
        let asked = match C::EFFECT {
            Effect::Create | Effect::Update => asked(&parameters, C::RENAMED, C::CONTROLS),
            _ => Object::new(),
        };
        if C::EFFECT.writes() {
            parameters.insert("Confirm".to_owned(), Value::Bool(false));
        }
        let noun = noun_of(C::NAME);
        Ok(Operation {
            subject: self.subject(noun, target),
            effect: C::EFFECT,
            request: Request::Cmdlet(Invocation {
                cmdlet: C::NAME.to_owned(),
                parameters,
            }),
            observe: C::EFFECT.writes().then(|| observation(noun, target.name())),
            asked,
            learned: C::LEARNED.iter().map(|&name| name.to_owned()).collect(),
            origin: origin(call),
        })
    }

    fn subject(&self, noun: &str, target: Target) -> Subject {
        Subject {
            plane: self.plane,
            noun: noun.to_owned(),
            name: target.name().map(str::to_owned),
        }
    }

    fn check_plane(
        &self,
        function: &str,
        cmdlet: &str,
        planes: &'static [Plane],
    ) -> Result<(), Failure> {
        if planes.contains(&self.plane) {
            return Ok(());
        }
        let place = |plane: Plane| match plane {
            Plane::OnPremises => plane.to_string(),
            _ => format!("in {plane}"),
        };
        let places: Vec<String> = planes.iter().map(|&plane| place(plane)).collect();
        let handles: Vec<String> = planes
            .iter()
            .map(|&plane| format!("{}.{function}", handle_name(plane)))
            .collect();
        Err(Failure::input(format!(
            "{cmdlet} exists {} and not {}",
            places.join(" and "),
            place(self.plane)
        ))
        .with_hint(format!("call {}", handles.join(" or "))))
    }
}

/// The directory of the tenant, as scripts hold it.
#[derive(Clone)]
pub struct Entra {
    session: Arc<Session>,
}

impl Entra {
    /// The handle of the directory.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// The session that its requests pass.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Reads from Microsoft Graph.
    ///
    /// # Errors
    ///
    /// What the service refuses, as something that a script can catch.
    pub fn read(
        &self,
        call: &NativeCallContext,
        subject: Subject,
        request: graph::Request,
    ) -> Thrown<Answer> {
        self.perform(&Operation {
            subject,
            effect: Effect::Read,
            request: Request::Graph(request),
            observe: None,
            asked: Object::new(),
            learned: Vec::new(),
            origin: origin(call),
        })
    }

    /// Hands an operation on Microsoft Graph to the session.
    ///
    /// # Errors
    ///
    /// What the service or the gate refuses, as something that a script can catch.
    pub fn perform(&self, operation: &Operation) -> Thrown<Answer> {
        self.session.perform(operation).map_err(throw)
    }
}

/// The name that scripts know a plane's handle by.
pub fn handle_name(plane: Plane) -> &'static str {
    match plane {
        Plane::OnPremises => "onprem",
        Plane::ExchangeOnline => "online",
        Plane::Entra => "entra",
    }
}

/// The line of the script that called.
pub fn origin(call: &NativeCallContext) -> Origin {
    let position = call.call_position();
    Origin {
        script: call.call_source().unwrap_or_default().to_owned(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
        function: call.fn_name().to_owned(),
    }
}

/// Makes a failure something that a script can catch; an interruption cannot be caught.
pub fn throw(failure: Failure) -> Box<EvalAltResult> {
    let interrupted = failure.kind == FailureKind::Interrupted;
    let value = Dynamic::from(failure);
    Box::new(if interrupted {
        EvalAltResult::ErrorTerminated(value, Position::NONE)
    } else {
        EvalAltResult::ErrorRuntime(value, Position::NONE)
    })
}

/// The one object of an answer, as a script sees it.
pub(crate) fn only(answer: Answer, cmdlet: &str, subject: Subject) -> Result<Map, Failure> {
    single(answer, cmdlet, subject).map(|object| convert::to_map(&object))
}

/// The one object of an answer.
fn single(answer: Answer, cmdlet: &str, subject: Subject) -> Result<Object, Failure> {
    let count = answer.output.len();
    let mut objects = answer.output.into_iter();
    match (objects.next(), count) {
        (Some(Value::Object(object)), 1) => Ok(object),
        (None, _) => Err(
            Failure::new(FailureKind::NotFound, format!("{cmdlet} gave no object")).about(subject),
        ),
        (Some(_), 1) => Err(Failure::new(
            FailureKind::Protocol,
            format!("{cmdlet} gave something that is not an object"),
        )
        .about(subject)),
        _ => Err(Failure::new(
            FailureKind::Conflict,
            format!("{cmdlet} gave {count} objects where one was expected"),
        )
        .about(subject)),
    }
}

/// The noun of a cmdlet's name.
pub(crate) fn noun_of(cmdlet: &str) -> &str {
    cmdlet.split_once('-').map_or(cmdlet, |(_, noun)| noun)
}

/// The read that shows one object of a noun, or all.
pub(crate) fn observation(noun: &str, identity: Option<&str>) -> Request {
    let get = Invocation::new(format!("Get-{noun}"));
    Request::Cmdlet(match identity {
        Some(identity) => get.with("Identity", identity),
        None => get,
    })
}

/// The properties that parameters set.
pub(crate) fn asked(parameters: &Object, renamed: &[(&str, &str)], controls: &[&str]) -> Object {
    parameters
        .iter()
        .filter(|(name, _)| {
            let is = |other: &&str| other.eq_ignore_ascii_case(name);
            !is(&"Identity") && !COMMON.iter().any(is) && !controls.iter().any(is)
        })
        .map(|(name, value)| {
            let property = renamed
                .iter()
                .find(|(parameter, _)| parameter == name)
                .map_or(name.as_str(), |(_, property)| property);
            (property.to_owned(), value.clone())
        })
        .collect()
}
