//! Any cmdlet, by name: the way to a cmdlet that has no function of its own.

use super::options::Entry;
use super::{Exchange, Thrown, asked, convert, noun_of, observation, origin, throw};
use crate::exchange::Invocation;
use crate::failure::Failure;
use crate::session::{Operation, Request};
use crate::subject::{Effect, Subject};
use crate::value::{Object, Value, pascal_case};
use rhai::plugin::*;
use rhai::{Array, Map};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry] = &[Entry::plain("invoke")];

#[export_module]
pub(super) mod functions {
    /// Runs any cmdlet by its name and gives its objects.
    ///
    /// Parameters are written in snake case or as PowerShell writes them. The verb decides whether it reads, tests or
    /// writes; a write is planned, announced and recorded like any other.
    ///
    /// ```rhai
    /// let configuration = onprem.invoke("Get-OrganizationConfig", #{});
    /// say(`${configuration.len()} object`);
    /// ```
    #[rhai_fn(global, pure, return_raw, volatile)]
    pub fn invoke(
        call: NativeCallContext,
        organization: &mut Exchange,
        cmdlet: &str,
        parameters: Map,
    ) -> Thrown<Array> {
        let operation = operation(&call, organization, cmdlet, &parameters).map_err(throw)?;
        let answer = organization.session().perform(&operation).map_err(throw)?;
        Ok(answer.output.iter().map(convert::to_dynamic).collect())
    }
}

fn operation(
    call: &NativeCallContext,
    organization: &Exchange,
    cmdlet: &str,
    parameters: &Map,
) -> Result<Operation, Failure> {
    let effect = effect(cmdlet)?;
    let mut given = Object::new();
    for (name, value) in convert::to_object(parameters)? {
        given.insert(pascal_case(&name), value);
    }
    let noun = noun_of(cmdlet);
    let identity = ["Identity", "Name"]
        .into_iter()
        .find_map(|name| given.get(name).and_then(Value::as_text))
        .map(str::to_owned);
    let sets = match effect {
        Effect::Create | Effect::Update => asked(&given, &[], &[]),
        _ => Object::new(),
    };
    if effect.writes() {
        given
            .entry("Confirm".to_owned())
            .or_insert(Value::Bool(false));
    }
    Ok(Operation {
        subject: Subject {
            plane: organization.plane(),
            noun: noun.to_owned(),
            name: identity.clone(),
        },
        effect,
        observe: identity
            .filter(|_| effect.writes())
            .map(|identity| observation(noun, Some(&identity))),
        request: Request::Cmdlet(Invocation {
            cmdlet: cmdlet.to_owned(),
            parameters: given,
        }),
        asked: sets,
        learned: Vec::new(),
        origin: origin(call),
    })
}

/// What a cmdlet does, by its verb.
fn effect(cmdlet: &str) -> Result<Effect, Failure> {
    let wrong = |reason: &str| {
        Failure::input(format!(
            "\"{cmdlet}\" is not the name of a cmdlet: {reason}"
        ))
        .with_hint("a cmdlet is a verb, a hyphen and a noun, such as Get-OrganizationConfig")
    };
    let (verb, noun) = cmdlet
        .split_once('-')
        .ok_or_else(|| wrong("it has no hyphen"))?;
    let letters = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    if !letters(verb) || !letters(noun) {
        return Err(wrong("it may hold letters and digits only"));
    }
    Ok(match verb.to_ascii_lowercase().as_str() {
        "get" | "find" | "search" | "export" | "measure" => Effect::Read,
        "test" => Effect::Test,
        "new" | "add" | "import" => Effect::Create,
        "remove" => Effect::Delete,
        _ => Effect::Update,
    })
}
