//! What a script threw becomes a [`ScriptFailure`]: the [`Failure`] with the place and the chain of calls.
//!
//! A failure of a service travels through the script as a value and comes out unchanged. What Rhai itself finds wrong
//! is said again in one lower-case sentence, with the nearest name where there is one. [`render`] draws it under the
//! line of the script.

use super::bundle::Bundle;
use super::catalog::{self, Catalog};
use super::{Sources, apart, meant};
use crate::failure::{Failure, FailureKind};
use crate::native::NOUNS;
use crate::native::convert::{to_value, type_word, undecidable, word_of_type};
use crate::value::Value;
use crate::words::{did_you_mean, nearest};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use rhai::{Dynamic, Engine, EvalAltResult, LexError, Map, ParseError, ParseErrorType, Position};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// A failure with the place in the script where it came up.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptFailure {
    /// What went wrong.
    pub failure: Failure,
    /// Where, innermost first; empty when no line is to blame.
    pub frames: Vec<Frame>,
    /// The line of the first frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The script, such as `stdlib/connectors.rhai`; empty at a prompt.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The function or module that was called there; absent where the failure came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

impl From<Failure> for ScriptFailure {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            frames: Vec::new(),
            snippet: None,
        }
    }
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(formatter)
    }
}

impl std::error::Error for ScriptFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.failure)
    }
}

/// Draws a failure under its line, in the way of compilers; plain or with colors.
///
/// ```text
/// error: there is no connector "Contoso"
///   --> stdlib/connectors.rhai:9:8
///    |
///  9 |     online.get_intraorg_connector("Contoso")
///    |            ^^^^^^^^^^^^^^^^^^^^^^
///    = note: called from scripts/07-connector-online.rhai:14:5
/// ```
pub fn render(failed: &ScriptFailure, colored: bool) -> String {
    draw(Level::ERROR, failed, colored)
}

/// Draws a failure, or what else is to be said of a script, under its line.
pub(super) fn draw(level: Level<'_>, failed: &ScriptFailure, colored: bool) -> String {
    let ScriptFailure {
        failure,
        frames,
        snippet,
    } = failed;
    let mut group =
        annotate_snippets::Group::with_title(level.primary_title(failure.message.as_str()));
    let mut frames = frames.iter();
    if let Some(first) = frames.next() {
        group = match snippet {
            Some(line) => group.element(
                Snippet::source(line.as_str())
                    .path(shown(&first.source))
                    .line_start(first.line)
                    .annotation(AnnotationKind::Primary.span(token_at(line, first.column))),
            ),
            None => group.element(Origin::path(format!(
                "{}:{}:{}",
                shown(&first.source),
                first.line,
                first.column
            ))),
        };
    }
    for frame in frames {
        let place = format!("{}:{}:{}", shown(&frame.source), frame.line, frame.column);
        group = group.element(Level::NOTE.message(format!("called from {place}")));
    }
    if let Some(subject) = &failure.subject {
        group = group.element(Level::NOTE.message(format!("about {subject}")));
    }
    if let Some(detail) = &failure.detail {
        group = group.element(Level::NOTE.message(detail.as_str()));
    }
    if let Some(hint) = &failure.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    let renderer = match colored {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    renderer.render(&[group])
}

fn shown(source: &str) -> &str {
    if source.is_empty() { "prompt" } else { source }
}

/// The bytes of the word, or of the one letter, that starts at a column.
fn token_at(line: &str, column: usize) -> std::ops::Range<usize> {
    let start = line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    let word = rest
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(rest.len());
    let length = match word {
        0 => rest.chars().next().map_or(0, char::len_utf8),
        word => word,
    };
    start..start + length
}

/// What is known about names, for "did you mean".
pub(super) struct Known<'host> {
    pub(super) engine: &'host Engine,
    pub(super) bundle: &'host Bundle,
    pub(super) sources: &'host Sources,
    /// The properties of objects that services answered with, where some did.
    pub(super) properties: BTreeSet<String>,
}

/// Makes a failure with its place of what a script named `id` threw.
pub(super) fn explain(id: &str, error: &EvalAltResult, known: &Known) -> ScriptFailure {
    let mut frames = Vec::new();
    let mut source = id.to_owned();
    let mut error = error;
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(function, callee, inner, position) => {
                push(
                    &mut frames,
                    &source,
                    *position,
                    Some(&apart::plain(function)),
                );
                if !callee.is_empty() {
                    source.clone_from(callee);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(module, inner, position) => {
                push(&mut frames, &source, *position, Some(module));
                source.clone_from(module);
                error = inner;
            }
            _ => break,
        }
    }
    push(&mut frames, &source, error.position(), None);
    frames.reverse();
    let failure = failure_of(error, &source, known);
    let snippet = frames.first().and_then(|frame| {
        let text = known.sources.get(&frame.source)?;
        text.lines().nth(frame.line - 1).map(str::to_owned)
    });
    ScriptFailure {
        failure,
        frames,
        snippet,
    }
}

/// Makes a failure of what the compiler says about a script.
pub(super) fn explain_syntax(id: &str, source: &str, error: &ParseError) -> ScriptFailure {
    placed(id, source, error.1, syntax(error, source, None))
}

/// A failure at a place of a script.
pub(super) fn placed(
    id: &str,
    source: &str,
    position: Position,
    failure: Failure,
) -> ScriptFailure {
    let mut frames = Vec::new();
    push(&mut frames, id, position, None);
    ScriptFailure {
        failure,
        snippet: frames
            .first()
            .and_then(|frame| source.lines().nth(frame.line - 1).map(str::to_owned)),
        frames,
    }
}

fn push(frames: &mut Vec<Frame>, source: &str, position: Position, function: Option<&String>) {
    let Some(line) = position.line() else {
        return;
    };
    let frame = Frame {
        source: source.to_owned(),
        line,
        column: position.position().unwrap_or(1),
        function: function.map(|name| match name.starts_with("anon$") {
            true => "a closure".to_owned(),
            false => name.clone(),
        }),
    };
    let repeated = frames.last().is_some_and(|last: &Frame| {
        last.line == frame.line && last.column == frame.column && last.source == frame.source
    });
    if !repeated {
        frames.push(frame);
    } else if frame.function.is_none()
        && let Some(last) = frames.last_mut()
    {
        last.function = None;
    }
}

fn failure_of(error: &EvalAltResult, source: &str, known: &Known) -> Failure {
    use EvalAltResult as Error;
    match error {
        Error::ErrorRuntime(value, _) => thrown(value),
        Error::ErrorTerminated(value, _) => value
            .clone()
            .try_cast::<Failure>()
            .unwrap_or_else(|| Failure::new(FailureKind::Interrupted, "interrupted")),
        Error::ErrorParsing(kind, position) => syntax(
            &ParseError(Box::new(kind.clone()), *position),
            &known.sources.get(source).unwrap_or_default(),
            Some(known),
        ),
        Error::ErrorFunctionNotFound(signature, _) => known.no_function(&apart::plain(signature)),
        Error::ErrorVariableNotFound(name, _) => {
            no_variable(name, &known.sources.get(source).unwrap_or_default())
        }
        Error::ErrorPropertyNotFound(name, _) => known.no_property(name),
        Error::ErrorDotExpr(_, _) => known.no_property(&dotted(error)),
        Error::ErrorModuleNotFound(name, _) => known.no_module(name),
        Error::ErrorMismatchDataType(wanted, found, _)
        | Error::ErrorMismatchOutputType(wanted, found, _) => mismatch(wanted, found),
        Error::ErrorFor(_) => Failure::input("this cannot be gone through with `for`"),
        Error::ErrorIndexingType(name, _) => {
            Failure::input(format!("{} has no parts to take out", word_of_type(name)))
        }
        Error::ErrorArrayBounds(0, at, _) => Failure::input(format!(
            "the list is empty, and number {at} of it was asked for"
        )),
        Error::ErrorArrayBounds(length, at, _) => Failure::input(format!(
            "the list has {}, and number {at} was asked for",
            match length {
                1 => "1 item".to_owned(),
                length => format!("{length} items"),
            }
        ))
        .with_hint("the first item has the number 0"),
        Error::ErrorAssignmentToConstant(name, _) => {
            Failure::input(format!("\"{name}\" is a constant and cannot be changed"))
        }
        Error::ErrorTooManyOperations(_) => Failure::input("the script does not come to an end")
            .with_hint("it went on for long without asking any service: has a loop of it no end?"),
        Error::ErrorStackOverflow(_) => {
            Failure::input("the functions of the script call each other too deeply")
                .with_hint("a function that calls itself needs a way to stop")
        }
        Error::ErrorDataTooLarge(what, _) => {
            Failure::input(format!("too large: {}", what.to_lowercase()))
        }
        Error::ErrorArithmetic(what, _) => Failure::input(lower_first(what)),
        other => Failure::input(in_own_words(other)),
    }
}

/// What a script threw: a failure, a map `#{ kind, message, detail, hint }`, or a text.
fn thrown(value: &Dynamic) -> Failure {
    let value = value.flatten_clone();
    if let Some(failure) = value.read_lock::<Failure>() {
        return failure.clone();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return thrown_map(&map);
    }
    let message = match to_value(&value) {
        Ok(Value::Text(text)) => text,
        Ok(other) => other.to_json().to_string(),
        Err(_) => format!("the script stopped with {}", type_word(&value)),
    };
    Failure::new(FailureKind::Invalid, message)
}

fn thrown_map(map: &Map) -> Failure {
    let text = |key: &str| {
        map.get(key)
            .filter(|value| !value.is_unit())
            .map(ToString::to_string)
    };
    // Rhai's own errors are maps with `error` when they were caught and thrown again.
    let message = text("message")
        .or_else(|| text("error"))
        .unwrap_or_else(|| format!("the script stopped with {map:?}"));
    let kind = text("kind")
        .and_then(|word| KINDS.into_iter().find(|kind| kind.word() == word))
        .unwrap_or(FailureKind::Invalid);
    let mut failure = Failure::new(kind, message);
    failure.detail = text("detail");
    failure.hint = text("hint");
    failure
}

const KINDS: [FailureKind; 14] = [
    FailureKind::Input,
    FailureKind::SignIn,
    FailureKind::Denied,
    FailureKind::NotFound,
    FailureKind::AlreadyExists,
    FailureKind::Invalid,
    FailureKind::Throttled,
    FailureKind::Unreachable,
    FailureKind::Protocol,
    FailureKind::Conflict,
    FailureKind::Check,
    FailureKind::OtherHalf,
    FailureKind::Interrupted,
    FailureKind::Internal,
];

fn mismatch(wanted: &str, found: &str) -> Failure {
    if found.ends_with("Unknown") {
        return undecidable("this value");
    }
    Failure::input(format!(
        "{} is needed here, and this is {}",
        word_of_type(wanted),
        word_of_type(found)
    ))
}

fn syntax(error: &ParseError, source: &str, known: Option<&Known>) -> Failure {
    let ParseError(kind, position) = error;
    let failure = match &**kind {
        ParseErrorType::VariableUndefined(name) => return no_variable(name, source),
        ParseErrorType::ModuleUndefined(name) => {
            return match known {
                Some(known) => known.no_alias(name),
                None => Failure::input(format!("nothing was imported as \"{name}\"")),
            };
        }
        ParseErrorType::Reserved(word) if word == "$" => {
            return Failure::input("a name has no \"$\" here")
                .with_hint("a variable is made with let: let x = 1");
        }
        ParseErrorType::UnexpectedEOF => Failure::input("the script ends too early")
            .with_hint("a bracket, a brace or a quote is not closed"),
        ParseErrorType::Reserved(word) => Failure::input(format!(
            "\"{word}\" is a reserved word and cannot be a name"
        )),
        ParseErrorType::MissingToken(token, what) => Failure::input(
            format!("\"{token}\" is missing {what}")
                .trim_end()
                .to_owned(),
        ),
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            Failure::input("this text has no end")
        }
        ParseErrorType::BadInput(LexError::MalformedChar(text)) => {
            Failure::input(format!("'{text}' is not a single letter"))
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(sign, _)) => {
            Failure::input(format!("\"{sign}\" cannot stand here"))
        }
        ParseErrorType::PropertyExpected => {
            Failure::input("the name of a property is missing after the dot")
        }
        other => Failure::input(lower_first(&other.to_string())),
    };
    match meant::at(kind, source, *position) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn no_variable(name: &str, source: &str) -> Failure {
    let failure = Failure::input(format!("there is no variable \"{name}\""));
    let mut declared = BTreeSet::new();
    for line in source.lines() {
        let at_top = line.starts_with("let ") || line.starts_with("const ");
        let declaration = line
            .trim_start()
            .strip_prefix("let ")
            .or_else(|| line.trim_start().strip_prefix("const "));
        let Some(declaration) = declaration else {
            continue;
        };
        let word = declaration.trim_start();
        let word = word
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .map_or(word, |end| &word[..end]);
        if word == name && at_top {
            return failure.with_hint(format!(
                "functions do not see the variables of the script: hand \"{name}\" to the function as an argument, or use inputs"
            ));
        }
        declared.insert(word);
    }
    if source.contains(&format!(" as {name};")) {
        return failure.with_hint(format!(
            "{name} is a module: its functions are called as {name}::function(...)"
        ));
    }
    let hint = meant::word(name).map(str::to_owned);
    if let Some(hint) = hint.or_else(|| from_powershell(name, source)) {
        return failure.with_hint(hint);
    }
    let handles = catalog::HANDLES.map(|handle| handle.name);
    let names = handles.into_iter().chain(declared);
    failure.with_hint_if_any(did_you_mean(name, names))
}

/// What people write who come from PowerShell: a cmdlet, a pipeline, a variable that is not declared.
fn from_powershell(name: &str, source: &str) -> Option<String> {
    const VERBS: [&str; 8] = [
        "get", "set", "new", "add", "remove", "test", "enable", "disable",
    ];
    let is_of_cmdlet = |letter: char| letter.is_alphanumeric() || letter == '-';
    let words = source.split(|letter| !is_of_cmdlet(letter));
    let cmdlet = words
        .filter_map(|word| Some((word, word.split_once('-')?)))
        .filter(|(_, (verb, _))| VERBS.contains(&verb.to_lowercase().as_str()))
        .find(|(_, (verb, noun))| *verb == name || *noun == name);
    if let Some((cmdlet, _)) = cmdlet {
        let catalog = Catalog::native();
        let function = catalog.functions.iter().find(|function| {
            let its = function.cmdlet.unwrap_or_default();
            its.eq_ignore_ascii_case(cmdlet)
        });
        return Some(match function {
            Some(function) => {
                let form = function.signature();
                let form = form.split(" -> ").next().unwrap_or_default();
                format!("{cmdlet} is written {form} here")
            }
            None => format!("any cmdlet is run as onprem.invoke(\"{cmdlet}\", #{{...}})"),
        });
    }
    let piped = |line: &str| {
        line.split('|').skip(1).any(|after| {
            let after = after.trim_start();
            after.strip_prefix(name).is_some_and(|rest| {
                !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')
            })
        })
    };
    let assigned = |line: &str| {
        let rest = line.trim_start().strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('=') && !rest.starts_with("=="))
    };
    if source.lines().any(assigned) {
        return Some(format!("a variable is made with let: let {name} = ..."));
    }
    source.lines().any(piped).then(|| {
        "there is no pipeline: list.filter(|each| each.enabled) takes some of a list, list.map(|each| each.name) \
         one property of each"
            .to_owned()
    })
}

impl Known<'_> {
    /// Explains what the compiler says.
    pub(super) fn of_syntax(&self, error: &ParseError, source: &str) -> Failure {
        syntax(error, source, Some(self))
    }

    /// Explains a call with a number of arguments that the function does not take.
    pub(super) fn wrong_count(
        &self,
        name: &str,
        counts: &BTreeSet<usize>,
        given: usize,
        is_method: bool,
    ) -> Failure {
        let functions = self.functions();
        let forms: BTreeSet<&str> = functions
            .iter()
            .filter(|function| function.name == name)
            .map(|function| function.form.as_str())
            .collect();
        let on_something = |form: &&str| {
            let (before, _) = form.split_once('(').unwrap_or((form, ""));
            before.contains('.')
        };
        // What it is called on is counted as an argument by the language, and by nobody else.
        let hidden = usize::from(!forms.is_empty() && forms.iter().all(on_something));
        let counts: Vec<String> = counts
            .iter()
            .map(|count| count.saturating_sub(hidden).to_string())
            .collect();
        let message = match (hidden, is_method) {
            (1, false) => format!("\"{name}\" has to be called on something"),
            _ => {
                let given = given.saturating_sub(hidden);
                let arguments = match counts.as_slice() {
                    [only] if only == "1" => "argument",
                    _ => "arguments",
                };
                let are = if given == 1 { "is" } else { "are" };
                let counts = counts.join(" or ");
                format!("\"{name}\" takes {counts} {arguments}, and {given} {are} given")
            }
        };
        let failure = Failure::input(message);
        match forms.is_empty() {
            true => failure,
            false => failure.with_hint(format!(
                "it is called as {}",
                forms.into_iter().collect::<Vec<_>>().join(" or ")
            )),
        }
    }

    /// Explains a call of a function that no one has.
    pub(super) fn no_such<'known>(
        &self,
        name: &str,
        known: impl Iterator<Item = &'known str>,
    ) -> Failure {
        let failure = Failure::input(format!("there is no function \"{name}\""));
        failure.with_hint_if_any(did_you_mean(name, known))
    }

    /// Explains a call of a function that is not there, by its signature such as `get_foo (Exchange, string)`.
    fn no_function(&self, signature: &str) -> Failure {
        let (path, arguments) = signature
            .split_once(" (")
            .map_or((signature, ""), |(path, rest)| {
                (path, rest.trim_end_matches(')'))
            });
        let name = path.rsplit("::").next().unwrap_or(path);
        let given: Vec<&str> = arguments
            .split(", ")
            .filter(|word| !word.is_empty())
            .collect();
        if let Some(property) = name
            .strip_prefix("get$")
            .or_else(|| name.strip_prefix("set$"))
        {
            return self.no_property(property);
        }
        if given.contains(&"Unknown") {
            return undecidable("this value");
        }
        if !name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
        {
            let given: Vec<&str> = given.iter().map(|word| word_of_type(word)).collect();
            return Failure::input(format!(
                "\"{name}\" does not work on {}",
                given.join(" and ")
            ));
        }
        let functions = self.functions();
        let same: Vec<&Callable> = functions
            .iter()
            .filter(|other| other.name == name)
            .collect();
        let failure = Failure::input(format!("there is no function \"{path}\""));
        if same.is_empty() {
            let names = functions.iter().map(|other| other.name.as_str());
            return failure.with_hint_if_any(did_you_mean(name, names));
        }
        let forms: BTreeSet<&str> = same.iter().map(|other| other.form.as_str()).collect();
        // What it is called on comes first, and is no argument to a person.
        let on = given
            .first()
            .is_some_and(|first| TYPES_OF_HANDLES.contains(first));
        let arguments: Vec<&str> = given
            .iter()
            .skip(usize::from(on))
            .map(|word| word_of_type(word))
            .collect();
        let called_on_something = forms.iter().all(|form| {
            let (before, _) = form.split_once('(').unwrap_or((form, ""));
            before.contains('.')
        });
        let message = match (on, arguments.is_empty()) {
            (false, _) if called_on_something => {
                format!("\"{path}\" has to be called on something")
            }
            (_, true) => format!("\"{path}\" cannot be called without arguments"),
            (_, false) => format!("\"{path}\" cannot be called with {}", arguments.join(", ")),
        };
        Failure::input(message).with_hint(format!(
            "it is called as {}",
            forms.into_iter().collect::<Vec<_>>().join(" or ")
        ))
    }

    fn no_property(&self, name: &str) -> Failure {
        let failure = Failure::input(format!("the object has no property \"{name}\""));
        let seen = self.properties.iter().filter(|seen| *seen != name);
        if let Some(hint) = did_you_mean(name, seen.map(String::as_str)) {
            return failure.with_hint(hint);
        }
        let mut names: BTreeSet<String> = NOUNS
            .iter()
            .flat_map(|noun| noun.entries)
            .flat_map(|entry| entry.options())
            .map(|option| option.name.into_owned())
            .collect();
        for text in self.sources.all() {
            names.extend(properties_in(&text));
        }
        names.remove(name);
        let ask = || format!("`\"{name}\" in object` says whether it is there");
        let near = did_you_mean(name, names.iter().map(String::as_str));
        failure.with_hint(near.unwrap_or_else(ask))
    }

    pub(super) fn no_module(&self, name: &str) -> Failure {
        let failure = Failure::input(format!("there is no module \"{name}\""));
        let modules = self.bundle.modules().unwrap_or_default();
        failure.with_hint_if_any(did_you_mean(name, modules.iter().map(String::as_str)))
    }

    fn no_alias(&self, alias: &str) -> Failure {
        let failure = Failure::input(format!("nothing was imported as \"{alias}\""));
        let modules = self.bundle.modules().unwrap_or_default();
        let last = |module: &'_ str| module.rsplit('/').next().unwrap_or(module).to_owned();
        let names: Vec<String> = modules.iter().map(|module| last(module)).collect();
        match nearest(alias, names.iter().map(String::as_str)) {
            Some(near) => failure.with_hint(format!(
                "add import \"stdlib/{near}\" as {near}; at the top"
            )),
            None => failure,
        }
    }

    fn functions(&self) -> Vec<Callable> {
        let mut functions: Vec<Callable> = Catalog::native()
            .functions
            .iter()
            .flat_map(|function| {
                function.forms().into_iter().map(|form| Callable {
                    name: function.name.clone(),
                    form,
                })
            })
            .collect();
        let library = self.engine.collect_fn_metadata(
            None,
            |info| {
                let name = info.metadata.name.as_str();
                let plain = name
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '_');
                plain.then(|| Callable {
                    name: name.to_owned(),
                    form: format!("{name}(...)"),
                })
            },
            true,
        );
        let ours: BTreeSet<String> = functions.iter().map(|own| own.name.clone()).collect();
        functions.extend(
            library
                .into_iter()
                .filter(|other| !ours.contains(&other.name)),
        );
        for text in self.sources.all() {
            functions.extend(functions_in(&text));
        }
        functions
    }
}

/// The names of the types that functions are called on.
const TYPES_OF_HANDLES: [&str; 4] = ["Exchange", "Entra", "Cloud", "Inputs"];

/// A function and how it is called.
struct Callable {
    name: String,
    form: String,
}

/// The words after a dot in a script.
fn properties_in(text: &str) -> impl Iterator<Item = String> {
    text.split('.').skip(1).map(|rest| {
        rest.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    })
}

/// The functions that a script defines.
fn functions_in(text: &str) -> impl Iterator<Item = Callable> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("private ").unwrap_or(line);
        let (form, _) = line.strip_prefix("fn ")?.split_once('{')?;
        let (name, _) = form.split_once('(')?;
        Some(Callable {
            name: name.trim().to_owned(),
            form: form.trim().to_owned(),
        })
    })
}

fn dotted(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorDotExpr(text, _) => text
            .split(['\'', '"', '`'])
            .nth(1)
            .unwrap_or(text)
            .to_owned(),
        _ => String::new(),
    }
}

/// What Rhai says, without the place and with a small first letter.
fn in_own_words(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let text = text.split(" (line ").next().unwrap_or(&text);
    let text = text.split(" @ ").next().unwrap_or(text);
    lower_first(text)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
