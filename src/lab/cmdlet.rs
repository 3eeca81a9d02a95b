//! Runs a cmdlet by the table of nouns: binds its parameters, finds its objects, and lets `rules` have their say.
//!
//! The texts and codes are PowerShell's and Exchange's own.

use super::certificates;
use super::noun::{self, ADD, GET, Kind, NEW, Noun, Parameter, REMOVE, SET, Set, TEST};
use super::object::{self, is_true, mark_changed, object, text};
use super::overrides;
use super::rules;
use super::world::{Answer, Refusal, World, guid_of};
use crate::subject::Plane;
use crate::value::{Object, Value};
use jiff::Timestamp;

/// A cmdlet whose parameters are bound.
pub(super) struct Call<'a> {
    pub(super) plane: Plane,
    pub(super) verb: Set,
    pub(super) noun: &'static Noun,
    /// The name, as the table spells it.
    pub(super) cmdlet: String,
    /// The noun's own parameters, by the table's spelling.
    pub(super) parameters: &'a Object,
    /// Whether no question is to be asked.
    pub(super) confirmed: bool,
}

impl Call<'_> {
    /// A parameter's text, or nothing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        text(self.parameters, name)
    }

    /// Whether a switch or truth value is given and true.
    pub(super) fn is_on(&self, name: &str) -> bool {
        is_true(self.parameters, name)
    }

    /// The parameters given that set a property, in the order of the table, with their values.
    fn settings(&self) -> impl Iterator<Item = (&'static Parameter, &Value)> {
        let setting = self
            .noun
            .parameters
            .iter()
            .filter(|parameter| parameter.sets);
        setting.filter_map(|parameter| Some((parameter, self.parameters.get(parameter.name)?)))
    }
}

/// Runs a cmdlet.
pub(super) fn invoke(
    world: &mut World,
    plane: Plane,
    name: &str,
    given: &Object,
) -> Result<Answer, Refusal> {
    if plane == Plane::OnPremises && name.eq_ignore_ascii_case("Get-Command") {
        return get_command(world, given);
    }
    let found = noun::find(plane, name).filter(|_| !world.forbids(plane, name));
    let (verb, noun) = found.ok_or_else(|| unknown_cmdlet(name))?;
    let cmdlet = noun.cmdlet(verb);
    let bound = bind(plane, verb, noun, &cmdlet, given);
    certificates::roll_over(world);
    let is_trial = bound.as_ref().is_ok_and(|bound| is_true(bound, "WhatIf"));
    if verb & (GET | TEST) == 0 && !is_trial {
        world.count_write(plane);
    }
    let (common, parameters): (Object, Object) = bound?
        .into_iter()
        .partition(|(name, _)| noun::COMMON.iter().any(|(common, _, _)| common == name));
    let call = Call {
        plane,
        verb,
        noun,
        cmdlet,
        parameters: &parameters,
        confirmed: common.get("Confirm") == Some(&Value::Bool(false)),
    };
    if is_trial {
        return Ok(Answer::default());
    }
    if verb == REMOVE && plane == Plane::OnPremises && !call.confirmed {
        return Err(cannot_prompt(&call));
    }
    run(world, &call)
}

/// The cmdlets of a plane that the account may run.
pub(super) fn permitted(world: &World, plane: Plane) -> Vec<String> {
    let cmdlets = noun::NOUNS.iter().flat_map(|noun| {
        let verbs = noun::VERBS.iter().map(|(_, verb)| *verb);
        let verbs = verbs.filter(move |verb| noun.verbs_on(plane) & verb != 0);
        verbs.map(|verb| noun.cmdlet(verb))
    });
    cmdlets
        .filter(|cmdlet| !world.forbids(plane, cmdlet))
        .collect()
}

/// The commands of a session, all or those that are named; one that is not there is an error, unless that is silenced.
fn get_command(world: &World, given: &Object) -> Result<Answer, Refusal> {
    let parameter = |wanted: &str| {
        let mut found = given
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value)
    };
    let silent = parameter("ErrorAction")
        .and_then(Value::as_text)
        .is_some_and(|action| action.eq_ignore_ascii_case("SilentlyContinue"));
    let all = permitted(world, Plane::OnPremises);
    let named: Vec<String> = match parameter("Name") {
        None => all.clone(),
        Some(Value::List(names)) => {
            let names = names.iter().filter_map(Value::as_text);
            names.map(str::to_owned).collect()
        }
        Some(name) => name.as_text().map(str::to_owned).into_iter().collect(),
    };
    let mut answer = Answer::default();
    for name in named {
        match all.iter().find(|cmdlet| cmdlet.eq_ignore_ascii_case(&name)) {
            Some(cmdlet) => {
                let command = [
                    ("Name", cmdlet.as_str().into()),
                    ("CommandType", "Function".into()),
                ];
                answer.output.push(object(command).into());
            }
            None if silent => {}
            None => return Err(unknown_cmdlet(&name)),
        }
    }
    Ok(answer)
}

fn run(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    rules::check_parameter_sets(call)?;
    if call.noun.name == "SettingOverride" && call.verb != GET {
        overrides::before_change(world);
    }
    if let Some(answer) = rules::instead(world, call) {
        return answer;
    }
    match call.verb {
        GET => get(world, call),
        NEW | ADD => new(world, call),
        SET => set(world, call),
        _ => remove(world, call),
    }
}

fn get(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let objects = world.objects(call.plane, call.noun.name);
    let server = call.text("Server");
    let mut output: Vec<Value> = objects
        .iter()
        .filter(|object| {
            call.text("Identity")
                .is_none_or(|identity| fits(call.noun, object, identity))
        })
        .filter(|object| server.is_none_or(|server| is_on_server(object, server)))
        .filter(|object| {
            call.text("RecipientTypeDetails")
                .is_none_or(|kind| text(object, "RecipientTypeDetails") == Some(kind))
        })
        .map(|object| Value::from(rules::shown(world, call, object)))
        .collect();
    if output.is_empty() && !call.noun.single {
        match (call.text("Identity"), server) {
            (Some(identity), _) if !identity.contains('*') => {
                return Err(not_found(world, call, identity));
            }
            (None, Some(server)) if world.server(server).is_none() => {
                return Err(not_found(world, call, server));
            }
            _ => {}
        }
    }
    let limit = call.text("ResultSize").and_then(|size| size.parse().ok());
    output.truncate(limit.unwrap_or(usize::MAX));
    Ok(Answer::of(output))
}

/// Whether an object is of a server; one that names none is of all.
pub(super) fn is_on_server(object: &Object, server: &str) -> bool {
    let name = server.split('.').next().unwrap_or(server);
    text(object, "Server").is_none_or(|on| on.eq_ignore_ascii_case(name))
}

fn new(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let key = if call.verb == ADD {
        "ForestName"
    } else {
        "Name"
    };
    let name = call.text(key).unwrap_or_default().to_owned();
    check_name(call, &name)?;
    let mut properties = rules::learned(world, call)?;
    for (parameter, value) in call.settings() {
        properties.insert(
            parameter.name.to_owned(),
            merged(None, parameter.kind, value),
        );
    }
    let taken = world.objects(call.plane, call.noun.name);
    let is_taken = |object: &&Object| {
        text(object, "Name").is_some_and(|other| other.eq_ignore_ascii_case(&name))
    };
    if let Some(object) = taken.iter().find(is_taken) {
        return Err(already_exists(world, call, object));
    }
    let object = object::made(world, call.plane, call.noun, &name, properties);
    let shown = rules::shown(world, call, &object);
    world.put(call.plane, call.noun.name, object);
    Ok(Answer::of(vec![shown.into()]))
}

fn set(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let at = position(world, call)?;
    let changed = rules::relearned(world, call, at)?;
    let now = world.now();
    let object = &mut world.objects_mut(call.plane, call.noun.name)[at];
    let before = object.clone();
    object.extend(changed);
    for (parameter, value) in call.settings() {
        let value = merged(object.get(parameter.name), parameter.kind, value);
        if parameter.name == "Name" {
            rename(object, &value);
        }
        object.insert(parameter.name.to_owned(), value);
    }
    let mut warnings = Vec::new();
    if *object == before {
        let identity = text(object, "Identity").unwrap_or_default();
        warnings.push(format!(
            "The command completed successfully but no settings of '{identity}' have been modified."
        ));
    } else {
        mark_changed(object, now);
    }
    Ok(Answer {
        output: Vec::new(),
        warnings,
    })
}

fn rename(object: &mut Object, name: &Value) {
    let Some(name) = name.as_text() else { return };
    let rest = text(object, "DistinguishedName")
        .and_then(|text| text.split_once(','))
        .map_or("", |(_, rest)| rest);
    let distinguished = format!("CN={name},{rest}");
    object.insert("DistinguishedName".to_owned(), distinguished.into());
    object.insert("Identity".to_owned(), name.into());
    object.insert("Id".to_owned(), name.into());
}

fn remove(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let at = position(world, call)?;
    world.objects_mut(call.plane, call.noun.name).remove(at);
    Ok(Answer::default())
}

/// Where the one object is that `Identity` names, or that there is.
fn position(world: &World, call: &Call<'_>) -> Result<usize, Refusal> {
    let objects = world.objects(call.plane, call.noun.name);
    if call.noun.single {
        return (!objects.is_empty())
            .then_some(0)
            .ok_or_else(|| not_found(world, call, call.noun.name));
    }
    let identity = call.text("Identity").unwrap_or_default();
    let fitting: Vec<usize> = objects
        .iter()
        .enumerate()
        .filter(|(_, object)| !identity.contains('*') && fits(call.noun, object, identity))
        .map(|(at, _)| at)
        .collect();
    match fitting.as_slice() {
        [at] => Ok(*at),
        [] => Err(not_found(world, call, identity)),
        _ => Err(exchange_refusal(
            world,
            call,
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException",
            "InvalidData",
            identity,
            format!(
                "The operation couldn't be performed because '{identity}' matches multiple entries."
            ),
        )),
    }
}

/// Whether an identity names an object: its name, GUID, distinguished name or key, an asterisk standing for anything.
fn fits(noun: &Noun, object: &Object, identity: &str) -> bool {
    [
        "Identity",
        "Name",
        "Guid",
        "DistinguishedName",
        "Alias",
        "UserPrincipalName",
        noun.key,
    ]
    .iter()
    .filter_map(|key| text(object, key))
    .any(|value| like(&identity.to_lowercase(), &value.to_lowercase()))
}

fn like(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    text.strip_prefix(head).is_some_and(|rest| {
        let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        ends.any(|at| rest.get(at..).is_some_and(|rest| like(tail, rest)))
    })
}

/// The value a property gets: a hashtable of `Add` and `Remove` changes a list, everything else replaces.
fn merged(before: Option<&Value>, kind: Kind, given: &Value) -> Value {
    let changes = given.as_object().filter(|_| kind == Kind::List);
    let Some(changes) = changes else {
        return given.clone();
    };
    let mut list = before.and_then(Value::as_list).unwrap_or_default().to_vec();
    for (key, values) in changes {
        let values = values
            .as_list()
            .map_or_else(|| vec![values.clone()], <[Value]>::to_vec);
        if key.eq_ignore_ascii_case("add") {
            for value in values {
                if !list.iter().any(|other| same(other, &value)) {
                    list.push(value);
                }
            }
        } else if key.eq_ignore_ascii_case("remove") {
            list.retain(|other| !values.iter().any(|value| same(other, value)));
        }
    }
    Value::List(list)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_text(), other.as_text()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

/// Binds what was given to the parameters of the table, as PowerShell does: any case, prefixes that fit once.
fn bind(
    plane: Plane,
    verb: Set,
    noun: &Noun,
    cmdlet: &str,
    given: &Object,
) -> Result<Object, Refusal> {
    let mut bound = Object::new();
    for (name, value) in given {
        let name = name.trim_start_matches('-').trim_end_matches(':');
        let (spelling, kind) = resolve(plane, verb, noun, cmdlet, name)?;
        let value = convert(plane, cmdlet, spelling, kind, value)?;
        if bound.insert(spelling.to_owned(), value).is_some() {
            return Err(binding(
                "ParameterBindingException",
                "ParameterAlreadyBound",
                cmdlet,
                format!(
                    "Cannot bind parameter because parameter '{spelling}' is specified more than once. To provide multiple values to parameters that can accept multiple values, use the array syntax. For example, \"-parameter value1,value2,value3\"."
                ),
            ));
        }
    }
    let missing: Vec<&str> = own(plane, verb, noun)
        .filter(|parameter| parameter.required & verb != 0)
        .map(|parameter| parameter.name)
        .filter(|name| bound.get(*name).is_none_or(|value| *value == Value::Null))
        .collect();
    if missing.is_empty() {
        Ok(bound)
    } else {
        Err(binding(
            "ParameterBindingException",
            "MissingMandatoryParameter",
            cmdlet,
            format!(
                "Cannot process command because of one or more missing mandatory parameters: {}.",
                missing.join(" ")
            ),
        ))
    }
}

fn own(plane: Plane, verb: Set, noun: &Noun) -> impl Iterator<Item = &Parameter> {
    noun.parameters.iter().filter(move |parameter| {
        parameter.verbs & verb != 0 && parameter.planes & noun::plane_bit(plane) != 0
    })
}

fn resolve(
    plane: Plane,
    verb: Set,
    noun: &Noun,
    cmdlet: &str,
    name: &str,
) -> Result<(&'static str, Kind), Refusal> {
    let writes = verb & (GET | TEST) == 0;
    let common = noun::COMMON
        .iter()
        .filter(|(_, planes, for_writes)| {
            planes & noun::plane_bit(plane) != 0 && (writes || !for_writes)
        })
        .map(|(name, _, _)| {
            let kind = match *name {
                "Confirm" | "WhatIf" | "Verbose" | "Debug" => Kind::Switch,
                _ => Kind::Text,
            };
            (*name, kind)
        });
    let all: Vec<(&'static str, Kind)> = own(plane, verb, noun)
        .map(|parameter| (parameter.name, parameter.kind))
        .chain(common)
        .collect();
    if let Some(exact) = all
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
    {
        return Ok(*exact);
    }
    let starts = |known: &str| {
        known
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let fitting: Vec<_> = all.iter().filter(|(known, _)| starts(known)).collect();
    match fitting.as_slice() {
        [one] if !name.is_empty() && plane == Plane::OnPremises => Ok(**one),
        [] | [_] => Err(unknown_parameter(plane, cmdlet, name)),
        _ if plane == Plane::OnPremises => {
            let names: Vec<String> = fitting
                .iter()
                .map(|(known, _)| format!("-{known}"))
                .collect();
            Err(binding(
                "ParameterBindingException",
                "AmbiguousParameter",
                cmdlet,
                format!(
                    "Parameter cannot be processed because the parameter name '{name}' is ambiguous. Possible matches include: {}.",
                    names.join(" ")
                ),
            ))
        }
        _ => Err(unknown_parameter(plane, cmdlet, name)),
    }
}

/// Turns a value into the kind that a parameter takes.
fn convert(
    plane: Plane,
    cmdlet: &str,
    name: &str,
    kind: Kind,
    given: &Value,
) -> Result<Value, Refusal> {
    let bad = |target: &str, reason: String| {
        let exception = match plane {
            Plane::OnPremises => "ParameterBindingArgumentTransformationException",
            _ => "ParameterTransformationException",
        };
        Err(Refusal {
            category: "InvalidData".to_owned(),
            ..binding(
                exception,
                "ParameterArgumentTransformationError",
                cmdlet,
                format!(
                    "Cannot process argument transformation on parameter '{name}'. Cannot convert value \"{}\" to type \"{target}\". Error: \"{reason}\"",
                    shown_value(given)
                ),
            )
        })
    };
    match (kind, given) {
        (_, Value::Null) => Ok(Value::Null),
        (Kind::Bool | Kind::Switch, Value::Bool(_)) => Ok(given.clone()),
        (Kind::Bool | Kind::Switch, Value::Integer(number)) => Ok((*number != 0).into()),
        (Kind::Bool | Kind::Switch, Value::Text(text)) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("$true") => Ok(true.into()),
        (Kind::Bool | Kind::Switch, Value::Text(text)) if text.eq_ignore_ascii_case("false") || text.eq_ignore_ascii_case("$false") => Ok(false.into()),
        (Kind::Bool | Kind::Switch, _) => bad("System.Boolean", "Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0.".to_owned()),
        (Kind::Uri, Value::Text(text)) if is_address(text) => Ok(given.clone()),
        (Kind::Uri, _) => bad("System.Uri", "Invalid URI: The format of the URI could not be determined.".to_owned()),
        (Kind::Date, Value::Text(text)) if text.parse::<Timestamp>().is_ok() => Ok(given.clone()),
        (Kind::Date, _) => bad("System.DateTime", "String was not recognized as a valid DateTime.".to_owned()),
        (Kind::Guid, Value::Text(text)) if uuid::Uuid::try_parse(text).is_ok() => Ok(given.clone()),
        (Kind::Guid, _) => bad("System.Guid", "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).".to_owned()),
        (Kind::Enum(class, words), Value::Text(text)) => {
            let starts = |word: &&&str| word.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
            let exact = words.iter().find(|word| word.eq_ignore_ascii_case(text));
            match exact.or_else(|| words.iter().find(starts).filter(|_| !text.is_empty())) {
                Some(word) => Ok((*word).into()),
                None => bad(class, format!("Unable to match the identifier name {text} to a valid enumerator name. Specify one of the following enumerator names and try again: {}", words.join(", "))),
            }
        }
        (Kind::Enum(class, _), _) => bad(class, "Invalid cast.".to_owned()),
        (Kind::List, Value::List(_) | Value::Object(_)) => Ok(given.clone()),
        (Kind::List, one) => Ok(Value::List(vec![one.clone()])),
        (Kind::Text | Kind::Identity, Value::Text(_)) => Ok(given.clone()),
        (Kind::Text | Kind::Identity, Value::Integer(_) | Value::Bool(_) | Value::Float(_)) => Ok(shown_value(given).into()),
        (Kind::Text | Kind::Identity, _) => bad("System.String", "Cannot convert value to type System.String.".to_owned()),
    }
}

fn is_address(text: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .filter_map(|scheme| {
            text.get(..scheme.len())
                .filter(|start| start.eq_ignore_ascii_case(scheme))
                .and(text.get(scheme.len()..))
        })
        .any(|rest| {
            !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
        })
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}

fn check_name(call: &Call<'_>, name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if length <= 64 {
        return Ok(());
    }
    Err(Refusal {
        category: "InvalidData".to_owned(),
        ..binding(
            "ParameterBindingArgumentTransformationException",
            "ParameterArgumentTransformationError",
            &call.cmdlet,
            format!(
                "The length of the property is too long. The maximum length is 64 and the length of the value provided is {length}."
            ),
        )
    })
}

fn binding(exception: &str, identifier: &str, cmdlet: &str, message: String) -> Refusal {
    let namespace = if exception.starts_with("Parameter")
        && !exception.starts_with("ParameterTransformation")
    {
        "System.Management.Automation"
    } else {
        "Microsoft.Exchange.Admin.OData.Core"
    };
    Refusal {
        exception: format!("{namespace}.{exception}"),
        category: "InvalidArgument".to_owned(),
        identifier: format!("{identifier},{cmdlet}"),
        target: String::new(),
        message,
    }
}

fn unknown_parameter(plane: Plane, cmdlet: &str, name: &str) -> Refusal {
    let exception = match plane {
        Plane::OnPremises => "ParameterBindingException",
        _ => "AmbiguousParameterSetException",
    };
    binding(
        exception,
        "NamedParameterNotFound",
        cmdlet,
        format!("A parameter cannot be found that matches parameter name '{name}'."),
    )
}

/// The exception of a cmdlet that is not there, which Exchange Online answers without saying so.
pub(super) const UNKNOWN_CMDLET: &str = "System.Management.Automation.CommandNotFoundException";

fn unknown_cmdlet(name: &str) -> Refusal {
    Refusal {
        exception: UNKNOWN_CMDLET.to_owned(),
        category: "ObjectNotFound".to_owned(),
        identifier: "CommandNotFoundException".to_owned(),
        target: name.to_owned(),
        message: format!(
            "The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again."
        ),
    }
}

/// What a cmdlet that must ask says where nobody can be asked.
pub(super) fn cannot_prompt(call: &Call<'_>) -> Refusal {
    Refusal {
        exception: "System.Management.Automation.Host.HostException".to_owned(),
        category: "NotSpecified".to_owned(),
        identifier: format!("System.Management.Automation.Host.HostException,{}", call.cmdlet),
        target: String::new(),
        message: "A command that prompts the user failed because the host program or the command type does not support user interaction. Try a host program that supports user interaction, such as the Windows PowerShell Console or Windows PowerShell ISE, and remove prompt-related commands from command types that do not support user interaction, such as Windows PowerShell workflows.".to_owned(),
    }
}

/// What Exchange itself refuses, with the server and the failure's class in the identifier.
pub(super) fn exchange_refusal(
    world: &World,
    call: &Call<'_>,
    exception: &str,
    category: &str,
    target: &str,
    message: String,
) -> Refusal {
    let class = exception.rsplit('.').next().unwrap_or(exception);
    let request = guid_of(&format!("{} {message} {}", call.cmdlet, world.now()));
    let code = guid_of(&message)
        .get(..8)
        .unwrap_or_default()
        .to_uppercase();
    Refusal {
        exception: exception.to_owned(),
        category: category.to_owned(),
        identifier: format!(
            "[Server={},RequestId={request},TimeStamp={}] [FailureCategory=Cmdlet-{class}] {code},Microsoft.Exchange.Management.SystemConfigurationTasks.{}",
            world.names().server(call.plane),
            world.now().strftime("%-m/%-d/%Y %-I:%M:%S %p"),
            call.cmdlet.replace('-', "")
        ),
        target: target.to_owned(),
        message,
    }
}

/// What Exchange says of an object that is not there.
pub(super) fn not_found(world: &World, call: &Call<'_>, identity: &str) -> Refusal {
    let controller = world.names().domain_controller(call.plane);
    exchange_refusal(
        world,
        call,
        "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        "NotSpecified",
        "",
        format!(
            "The operation couldn't be performed because object '{identity}' couldn't be found on '{controller}'."
        ),
    )
}

fn already_exists(world: &World, call: &Call<'_>, object: &Object) -> Refusal {
    let controller = world.names().domain_controller(call.plane);
    let shown = |name: &str| text(object, name).unwrap_or_default();
    exchange_refusal(
        world,
        call,
        "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
        "ResourceExists",
        shown("Name"),
        format!(
            "Active Directory operation failed on {controller}. The object '{}' already exists.",
            shown("DistinguishedName")
        ),
    )
}
