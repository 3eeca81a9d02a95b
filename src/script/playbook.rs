//! [`Playbook`]: title, inputs and steps of a script, read from its header without running it.
//!
//! The header is the text of the `//!` lines and one literal constant:
//!
//! ```rhai
//! const PLAYBOOK = #{
//!     title: "Connect Exchange Online to on-premises Exchange",
//!     inputs: #{
//!         smtp_domains: #{ text: "SMTP domains of the on-premises organization", type: "list", default: [] },
//!         tenant: #{ text: "Tenant" },
//!     },
//! };
//! ```
//!
//! An input has a `text`; a `type` (see [`InputType`]), which is `text` unless `choices` are given; a `default`; and
//! `required`, which is true for an input without default unless the header says otherwise.

use super::bundle::{Bundle, path_of};
use super::throw::{self, ScriptFailure};
use super::{parser, without_shebang};
use crate::cloud::CloudName;
use crate::failure::Failure;
use crate::native::convert::{to_value, type_word};
use crate::value::Value;
use crate::words::{did_you_mean, quoted};
use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Position, Stmt};
use std::collections::BTreeMap;

/// A script that is run.
#[derive(Clone, Debug)]
pub struct Playbook {
    /// Its name, such as `07-connector-online`, or the path that was given for it.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The text of the `//!` lines.
    pub text: String,
    /// What it asks for, in the order of the header; those of included playbooks follow.
    pub inputs: Vec<Input>,
    /// The clouds it is made for; empty for all.
    pub clouds: Vec<CloudName>,
    /// The playbooks that it runs, by name.
    pub includes: Vec<String>,
    /// Its steps, in the order of the text; where it includes playbooks, theirs.
    pub steps: Vec<Step>,
    /// Its text.
    pub source: String,
}

/// A part of a playbook that can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The playbook it belongs to.
    pub playbook: String,
    /// The id.
    pub id: String,
    /// The title.
    pub title: String,
}

/// Something that a playbook asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The name.
    pub name: String,
    /// What it is, for people.
    pub text: String,
    /// What values it takes.
    pub r#type: InputType,
    /// The value when none is given.
    pub default: Option<Value>,
    /// Whether it must be given.
    pub required: bool,
}

/// What values an input takes; the word of the header is in backquotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputType {
    /// `text`: any text.
    Text,
    /// `list`: texts, separated by commas.
    List,
    /// `flag`: true or false.
    Flag,
    /// `number`: a whole number.
    Number,
    /// `choice`: one of the `choices`.
    Choice(Vec<String>),
    /// `url`: an address that starts with https:// or http://.
    Url,
    /// `domain`: a domain such as contoso.com.
    Domain,
    /// `domains`: domains, separated by commas.
    Domains,
}

impl InputType {
    /// The word of the header.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::List => "list",
            Self::Flag => "flag",
            Self::Number => "number",
            Self::Choice(_) => "choice",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Domains => "domains",
        }
    }

    /// What it takes, for people.
    pub fn takes(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::List => "texts, separated by commas".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Number => "a whole number".to_owned(),
            Self::Choice(choices) => {
                format!(
                    "one of {}",
                    quoted(&choices.iter().map(String::as_str).collect::<Vec<_>>())
                )
            }
            Self::Url => "an address that starts with https:// or http://".to_owned(),
            Self::Domain => "a domain, such as contoso.com".to_owned(),
            Self::Domains => "domains, separated by commas".to_owned(),
        }
    }

    /// Turns a value as it was given into one of this type; nothing stays nothing, and so does an empty text.
    fn read(&self, given: &Value) -> Option<Value> {
        if matches!(given, Value::Null) || given.as_text() == Some("") {
            return match (self, given) {
                (Self::List | Self::Domains, _) => Some(Value::List(Vec::new())),
                (Self::Flag | Self::Number | Self::Choice(_), Value::Text(_)) => None,
                _ => Some(given.clone()),
            };
        }
        match (self, given) {
            (Self::Text, Value::Text(_))
            | (Self::Flag, Value::Bool(_))
            | (Self::Number, Value::Integer(_)) => Some(given.clone()),
            (Self::Text, Value::Integer(number)) => Some(Value::Text(number.to_string())),
            (Self::Flag, Value::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
                "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            (Self::Number, Value::Text(text)) => text.trim().parse().ok().map(Value::Integer),
            (Self::Choice(choices), Value::Text(text)) => choices
                .iter()
                .find(|choice| choice.eq_ignore_ascii_case(text))
                .map(|choice| Value::Text(choice.clone())),
            (Self::Url, Value::Text(text)) => is_url(text).then(|| given.clone()),
            (Self::Domain, Value::Text(text)) => is_domain(text).then(|| given.clone()),
            (Self::List | Self::Domains, _) => {
                let texts = texts(given)?;
                let good = *self == Self::List || texts.iter().all(|text| is_domain(text));
                good.then(|| texts.into())
            }
            _ => None,
        }
    }
}

fn texts(given: &Value) -> Option<Vec<String>> {
    match given {
        Value::Text(text) => Some(
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        ),
        Value::List(list) => list
            .iter()
            .map(|item| item.as_text().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
    })
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_')
    };
    text.contains('.')
        && text
            .strip_prefix("*.")
            .unwrap_or(text)
            .split('.')
            .all(label)
}

impl Playbook {
    /// Reads the header of a script.
    ///
    /// # Errors
    ///
    /// When the script does not parse or its header is wrong; the place is named.
    pub fn read(name: &str, source: &str) -> Result<Self, ScriptFailure> {
        let id = id_of(name);
        let program = parser()
            .compile(without_shebang(source))
            .map_err(|error| throw::explain_syntax(&id, source, &error))?;
        let wrong = |(failure, position): (Failure, Position)| {
            throw::placed(&id, source, position, failure)
        };
        let mut playbook = Self {
            name: name.to_owned(),
            title: String::new(),
            text: text_of(&program),
            inputs: Vec::new(),
            clouds: Vec::new(),
            includes: Vec::new(),
            steps: steps(name, &program),
            source: source.to_owned(),
        };
        let (header, position) = header(&program).map_err(wrong)?;
        playbook.read_header(&header, position).map_err(wrong)?;
        Ok(playbook)
    }

    /// What positions in it refer to: the path of a named playbook, or the path that was given.
    pub fn id(&self) -> String {
        id_of(&self.name)
    }

    /// Adds the inputs and steps of the playbooks that it includes.
    ///
    /// # Errors
    ///
    /// When one does not exist, is wrong, or includes a playbook that includes it.
    pub fn with_included(mut self, bundle: &Bundle) -> Result<Self, ScriptFailure> {
        let mut circle = vec![self.name.clone()];
        self.include(bundle, &mut circle)?;
        Ok(self)
    }

    fn include(&mut self, bundle: &Bundle, circle: &mut Vec<String>) -> Result<(), ScriptFailure> {
        for name in self.includes.clone() {
            if circle.contains(&name) {
                circle.push(name);
                return Err(Failure::input(format!(
                    "playbooks include each other in a circle: {}",
                    circle.join(" -> ")
                ))
                .into());
            }
            circle.push(name.clone());
            let source = bundle.source(&name)?;
            let mut included = Self::read(&name, &source.text)?;
            included.include(bundle, circle)?;
            circle.pop();
            for input in included.inputs {
                if !self.inputs.iter().any(|own| own.name == input.name) {
                    self.inputs.push(input);
                }
            }
            self.steps.extend(included.steps);
        }
        Ok(())
    }

    /// Checks the inputs that were given, converts them to their types and adds the defaults.
    ///
    /// # Errors
    ///
    /// Kind `Input`: an input that the playbook does not have, a missing one, a value of the wrong type.
    pub fn read_inputs(
        &self,
        given: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, Value>, Failure> {
        self.check_names(given)?;
        let mut values = BTreeMap::new();
        for input in &self.inputs {
            let value = match given.get(&input.name) {
                Some(value) => input
                    .r#type
                    .read(value)
                    .ok_or_else(|| wrong_value(input, value))?,
                None => input.default.clone().unwrap_or_default(),
            };
            values.insert(input.name.clone(), value);
        }
        Ok(values)
    }

    fn check_names(&self, given: &BTreeMap<String, Value>) -> Result<(), Failure> {
        let known: Vec<&str> = self
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        if let Some(unknown) = given.keys().find(|name| !known.contains(&name.as_str())) {
            let all = || match known.is_empty() {
                true => "it has no inputs".to_owned(),
                false => format!("its inputs are {}", quoted(&known)),
            };
            let hint = did_you_mean(unknown, known.iter().copied()).unwrap_or_else(all);
            return Err(Failure::input(format!(
                "the playbook {} has no input \"{unknown}\"",
                self.name
            ))
            .with_hint(hint));
        }
        let missing: Vec<&Input> = self
            .inputs
            .iter()
            .filter(|input| input.required && !given.contains_key(&input.name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = missing.iter().map(|input| input.name.as_str()).collect();
        let what: Vec<String> = missing
            .iter()
            .map(|input| format!("{}: {}", input.name, input.text))
            .collect();
        Err(Failure::input(format!(
            "the playbook {} needs the input {}",
            self.name,
            quoted(&names)
        ))
        .with_detail(what.join("; "))
        .with_hint(format!("add --input {}=...", names.join("=... --input "))))
    }

    fn read_header(&mut self, header: &Header, position: Position) -> Result<(), Wrong> {
        const KEYS: [&str; 5] = ["title", "text", "inputs", "clouds", "includes"];
        for (key, value, at) in &header.entries {
            match key.as_str() {
                "title" => self.title = text(key, value, *at)?,
                "text" => self.text = text(key, value, *at)?,
                "inputs" => self.inputs = inputs(value, *at)?,
                "clouds" => {
                    for word in list(key, value, *at)? {
                        self.clouds
                            .push(cloud(&word).map_err(|failure| (failure, *at))?);
                    }
                }
                "includes" => self.includes = list(key, value, *at)?,
                _ => return Err((no_such_key("const PLAYBOOK", key, &KEYS), *at)),
            }
        }
        if self.title.is_empty() {
            return Err((Failure::input("const PLAYBOOK has no title"), position));
        }
        Ok(())
    }
}

fn wrong_value(input: &Input, given: &Value) -> Failure {
    let shown = match given {
        Value::Text(text) => format!("\"{text}\""),
        other => other.to_json().to_string(),
    };
    let failure = Failure::input(format!("the input \"{}\" cannot be {shown}", input.name));
    let near = match (&input.r#type, given) {
        (InputType::Choice(choices), Value::Text(text)) => {
            did_you_mean(text, choices.iter().map(String::as_str))
        }
        _ => None,
    };
    let takes = || format!("it takes {}: {}", input.r#type.takes(), input.text);
    failure.with_hint(near.unwrap_or_else(takes))
}

/// What is wrong with a header, and where.
type Wrong = (Failure, Position);

/// The literal map of the header in the order of the text.
struct Header {
    entries: Vec<(String, Entry, Position)>,
}

/// A value of the header: a map in the order of the text, or another literal.
enum Entry {
    Map(Header),
    Literal(Dynamic),
}

fn header(program: &AST) -> Result<(Header, Position), Wrong> {
    let constant = program
        .statements()
        .iter()
        .find_map(|statement| match statement {
            Stmt::Var(definition, _, position) if definition.0.as_str() == "PLAYBOOK" => {
                Some((&definition.1, *position))
            }
            _ => None,
        });
    let Some((value, position)) = constant else {
        return Err((
            Failure::input("the script has no const PLAYBOOK, so it is not a playbook")
                .with_hint("add const PLAYBOOK = #{ title: \"...\" };"),
            Position::NONE,
        ));
    };
    match entry(value)? {
        Entry::Map(header) => Ok((header, position)),
        Entry::Literal(_) => Err((
            Failure::input("const PLAYBOOK is not a map #{...}"),
            position,
        )),
    }
}

fn entry(value: &Expr) -> Result<Entry, Wrong> {
    if let Expr::Map(map, _) = value {
        let entries = map
            .0
            .iter()
            .map(|(name, value)| Ok((name.as_str().to_owned(), entry(value)?, value.position())))
            .collect::<Result<_, Wrong>>()?;
        return Ok(Entry::Map(Header { entries }));
    }
    value.get_literal_value(None).map(Entry::Literal).ok_or_else(|| {
        (
            Failure::input("const PLAYBOOK holds something that has to be computed",
            )
            .with_hint("it is read without running the script, so write texts, numbers, lists and maps only"),
            value.position(),
        )
    })
}

fn inputs(value: &Entry, at: Position) -> Result<Vec<Input>, Wrong> {
    let Entry::Map(header) = value else {
        return Err(not_a("inputs", "a map #{...} of inputs", value, at));
    };
    header
        .entries
        .iter()
        .map(|(name, value, at)| input(name, value, *at))
        .collect()
}

fn input(name: &str, value: &Entry, at: Position) -> Result<Input, Wrong> {
    const KEYS: [&str; 5] = ["text", "type", "default", "choices", "required"];
    let Entry::Map(header) = value else {
        return Err(not_a(name, "a map #{ text: \"...\" }", value, at));
    };
    let (mut about, mut word, mut default, mut choices, mut required) =
        (String::new(), None, None, None, None);
    for (key, value, at) in &header.entries {
        match key.as_str() {
            "text" => about = text(key, value, *at)?,
            "type" => word = Some((text(key, value, *at)?, *at)),
            "choices" => choices = Some(list(key, value, *at)?),
            "default" => default = Some((literal(key, value, *at)?, *at)),
            "required" => {
                let literal = literal(key, value, *at)?;
                required = Some(
                    literal
                        .as_bool()
                        .ok_or_else(|| not_a(key, "true or false", value, *at))?,
                );
            }
            _ => {
                return Err((
                    no_such_key(&format!("the input \"{name}\""), key, &KEYS),
                    *at,
                ));
            }
        }
    }
    let r#type = input_type(name, word, choices, at)?;
    let mut input = Input {
        name: name.to_owned(),
        text: about,
        required: required.unwrap_or(default.is_none()),
        r#type,
        default: None,
    };
    if let Some((value, at)) = default {
        let read = input.r#type.read(&value);
        input.default = Some(read.ok_or_else(|| (wrong_value(&input, &value), at))?);
    }
    Ok(input)
}

fn input_type(
    name: &str,
    word: Option<(String, Position)>,
    choices: Option<Vec<String>>,
    at: Position,
) -> Result<InputType, Wrong> {
    const WORDS: [&str; 8] = [
        "text", "list", "flag", "number", "choice", "url", "domain", "domains",
    ];
    let Some((word, position)) = word else {
        return Ok(choices.map_or(InputType::Text, InputType::Choice));
    };
    Ok(match word.as_str() {
        "text" => InputType::Text,
        "list" => InputType::List,
        "flag" => InputType::Flag,
        "number" => InputType::Number,
        "url" => InputType::Url,
        "domain" => InputType::Domain,
        "domains" => InputType::Domains,
        "choice" => InputType::Choice(choices.ok_or_else(|| {
            let message = format!("the input \"{name}\" is a choice and has no choices");
            (Failure::input(message), at)
        })?),
        _ => {
            let message = format!("\"{word}\" is not the type of an input");
            let all = || format!("the types are {}", quoted(&WORDS));
            let hint = did_you_mean(&word, WORDS).unwrap_or_else(all);
            return Err((Failure::input(message).with_hint(hint), position));
        }
    })
}

fn literal(key: &str, value: &Entry, at: Position) -> Result<Value, Wrong> {
    match value {
        Entry::Literal(value) => to_value(value).map_err(|failure| (failure, at)),
        Entry::Map(_) => Err(not_a(
            key,
            "a text, a number, a list, true or false",
            value,
            at,
        )),
    }
}

fn text(key: &str, value: &Entry, at: Position) -> Result<String, Wrong> {
    literal(key, value, at)?
        .as_text()
        .map(str::to_owned)
        .ok_or_else(|| not_a(key, "a text", value, at))
}

fn list(key: &str, value: &Entry, at: Position) -> Result<Vec<String>, Wrong> {
    let literal = literal(key, value, at)?;
    let texts = literal.as_list().and_then(|list| {
        list.iter()
            .map(|item| item.as_text().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    });
    texts.ok_or_else(|| not_a(key, "a list of texts", value, at))
}

fn cloud(word: &str) -> Result<CloudName, Failure> {
    CloudName::from_word(word).ok_or_else(|| {
        let words = crate::cloud::CLOUDS.map(|cloud| cloud.word);
        let failure = Failure::input(format!("there is no cloud \"{word}\""));
        let all = || format!("the clouds are {}", quoted(&words));
        failure.with_hint(did_you_mean(word, words).unwrap_or_else(all))
    })
}

fn not_a(key: &str, wanted: &str, found: &Entry, at: Position) -> Wrong {
    let found = match found {
        Entry::Map(_) => "a map #{...}",
        Entry::Literal(value) => type_word(value),
    };
    let message = format!("\"{key}\" of const PLAYBOOK is {found}, not {wanted}");
    (Failure::input(message), at)
}

fn no_such_key(owner: &str, key: &str, known: &[&str]) -> Failure {
    let failure = Failure::input(format!("{owner} has no key \"{key}\""));
    let all = || format!("its keys are {}", quoted(known));
    failure.with_hint(did_you_mean(key, known.iter().copied()).unwrap_or_else(all))
}

fn id_of(name: &str) -> String {
    match name.ends_with(".rhai") {
        true => name.to_owned(),
        false => path_of(name),
    }
}

/// The `//!` lines without their marks.
fn text_of(program: &AST) -> String {
    let lines: Vec<&str> = program
        .doc()
        .lines()
        .map(|line| {
            let line = line.trim_start().trim_start_matches("//!");
            line.strip_prefix(' ').unwrap_or(line)
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The steps that are named literally, in the order of the text.
fn steps(playbook: &str, program: &AST) -> Vec<Step> {
    let mut found = Vec::new();
    each_call(program, &mut |call, position, _| {
        if call.name == "step"
            && let [
                Expr::StringConstant(id, _),
                Expr::StringConstant(title, _),
                ..,
            ] = &call.args[..]
        {
            let step = Step {
                playbook: playbook.to_owned(),
                id: id.to_string(),
                title: title.to_string(),
            };
            found.push((place(position), step));
        }
    });
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, step)| step).collect()
}

/// Paths and names of the modules that a script imports at its top.
pub(super) fn imports(program: &AST) -> Vec<(String, String)> {
    program
        .statements()
        .iter()
        .filter_map(|statement| match statement {
            Stmt::Import(import, _) => match &import.0 {
                Expr::StringConstant(path, _) => {
                    Some((path.to_string(), import.1.as_str().to_owned()))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// Visits every call of a function, with its place and whether it is called on an object.
pub(super) fn each_call(program: &AST, visit: &mut dyn FnMut(&FnCallExpr, Position, bool)) {
    program.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => visit(call, *position, false),
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => visit(call, *position, true),
            _ => {}
        }
        true
    });
}

fn place(position: Position) -> (usize, usize) {
    (
        position.line().unwrap_or(0),
        position.position().unwrap_or(0),
    )
}
