//! [`Catalog`]: every function that scripts can call, with signature, options, text and examples.
//!
//! Nothing in it is written twice: names, parameters and texts come from the functions and their comments, options and
//! planes from the [`Entry`](crate::native::Entry) beside them, the library's from the scripts themselves.

use super::bundle::Bundle;
use super::{bare_engine, parser};
use crate::native::options::{Entry, OptionField};
use crate::native::{NOUNS, Noun};
use crate::subject::{Effect, Plane};
use rhai::{Engine, FuncInfo};

/// How options are shown among arguments.
pub const OPTIONS: &str = "#{...}";

/// A name that scripts see everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Handle {
    /// The name.
    pub name: &'static str,
    /// Its type, for editors.
    pub r#type: &'static str,
    /// What it is.
    pub text: &'static str,
}

/// The names that scripts see everywhere.
pub const HANDLES: [Handle; 5] = [
    Handle {
        name: "onprem",
        r#type: "Exchange",
        text: "the on-premises Exchange organization",
    },
    Handle {
        name: "online",
        r#type: "Exchange",
        text: "the Exchange Online organization",
    },
    Handle {
        name: "entra",
        r#type: "Entra",
        text: "the directory of the tenant, Entra ID",
    },
    Handle {
        name: "cloud",
        r#type: "Cloud",
        text: "the addresses of the cloud, and the tenant",
    },
    Handle {
        name: "inputs",
        r#type: "Map",
        text: "the inputs of the playbook",
    },
];

/// All functions.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The functions, natives first, in the order of their chapters.
    pub functions: Vec<Function>,
}

/// One function, or one way to call it.
#[derive(Clone, Debug)]
pub struct Function {
    /// The chapter: the noun's file, or the library module.
    pub chapter: String,
    /// The name.
    pub name: String,
    /// What it is called on, such as `onprem` and `online`; the alias of the module for a library function; empty for a
    /// function that is called alone.
    pub receivers: Vec<&'static str>,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// What it gives, in words; empty for nothing and for what is not known.
    pub gives: &'static str,
    /// Other ways to call it, where there are.
    pub others: Vec<Form>,
    /// The keys of its options.
    pub options: Vec<OptionField>,
    /// Where it exists; empty for one that belongs to no plane.
    pub planes: Vec<Plane>,
    /// The cmdlet or request it stands for.
    pub cmdlet: Option<&'static str>,
    /// What it does; absent for one that asks nobody.
    pub effect: Option<Effect>,
    /// What it is for, in paragraphs, without the examples.
    pub text: String,
    /// Its examples.
    pub examples: Vec<String>,
}

/// Another way to call a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// The names of the arguments.
    pub arguments: Vec<String>,
    /// What it gives then.
    pub gives: &'static str,
}

impl Function {
    /// How it is called, such as `onprem.new_auth_server(name, #{...}) -> a map`.
    pub fn signature(&self) -> String {
        self.signature_with(&self.arguments, self.gives)
    }

    /// The way to call it that takes at least so many arguments; the first where none does.
    pub fn signature_of(&self, arguments: usize) -> String {
        let other = self
            .others
            .iter()
            .filter(|_| self.arguments.len() < arguments)
            .find(|form| form.arguments.len() >= arguments);
        match other {
            Some(form) => self.signature_with(&form.arguments, form.gives),
            None => self.signature(),
        }
    }

    /// Every way to call it: its signature, and those with other arguments.
    pub fn forms(&self) -> Vec<String> {
        let others = self.others.iter();
        let others = others.map(|form| self.signature_with(&form.arguments, form.gives));
        std::iter::once(self.signature()).chain(others).collect()
    }

    fn signature_with(&self, arguments: &[String], gives: &str) -> String {
        let gives = match gives {
            "" => String::new(),
            gives => format!(" -> {gives}"),
        };
        let on = match self.receivers.as_slice() {
            [] => String::new(),
            _ if self.is_library() => {
                format!("{}::", self.chapter.rsplit('/').next().unwrap_or_default())
            }
            [first, ..] => format!("{first}."),
        };
        format!("{on}{}({}){gives}", self.name, arguments.join(", "))
    }

    /// Which argument its options are, and how many arguments there are then; `None` for a function without options.
    pub fn options_at(&self) -> Option<(usize, usize)> {
        let others = self.others.iter().map(|form| &form.arguments);
        std::iter::once(&self.arguments)
            .chain(others)
            .filter_map(|form| {
                let at = form.iter().position(|argument| argument == OPTIONS)?;
                Some((at, form.len()))
            })
            .next()
    }

    /// Moves the lines of the text that explain options to their options.
    fn explain_options(&mut self) {
        let mut text: Vec<&str> = Vec::new();
        let mut explained: Option<usize> = None;
        for line in self.text.lines() {
            let key = line
                .strip_prefix("* `")
                .and_then(|rest| rest.split_once("`: "));
            let option = key.and_then(|(name, meaning)| {
                let at = self.options.iter().position(|field| field.name == name)?;
                Some((at, meaning))
            });
            match (option, explained, line.strip_prefix("  ")) {
                (Some((at, meaning)), _, _) => {
                    meaning.clone_into(&mut self.options[at].text);
                    explained = Some(at);
                }
                (None, Some(at), Some(rest)) => {
                    let meaning = &mut self.options[at].text;
                    meaning.push(' ');
                    meaning.push_str(rest.trim());
                }
                _ => {
                    explained = None;
                    text.push(line);
                }
            }
        }
        self.text = text.join("\n").trim().replace("\n\n\n", "\n\n");
    }

    /// Takes the options of a library function from its text, which says of each what it means and, in brackets, what
    /// it takes; all of them must be given.
    ///
    /// ```text
    /// * `keep_endpoint`: whether a connector that is there keeps its endpoint (true or false).
    /// ```
    fn take_options(&mut self) {
        let keys = self.text.lines().filter_map(|line| {
            let (key, _) = line.strip_prefix("* `")?.split_once("`: ")?;
            Some(key.to_owned())
        });
        self.options = keys
            .map(|key| OptionField {
                name: key.into(),
                takes: String::new(),
                required: true,
                text: String::new(),
            })
            .collect();
        self.explain_options();
        for option in &mut self.options {
            let parts = option
                .text
                .strip_suffix(").")
                .and_then(|text| text.rsplit_once(" ("));
            if let Some((text, takes)) = parts {
                (option.takes, option.text) = (takes.to_owned(), format!("{text}."));
            }
        }
    }

    /// Whether it is one of the library, written in Rhai.
    pub fn is_library(&self) -> bool {
        self.receivers == ["library"]
    }

    /// The first sentence of its text.
    pub fn summary(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

impl Catalog {
    /// The native functions and those of a bundle's library.
    pub fn of(bundle: &Bundle) -> Self {
        let mut functions = Self::native().functions;
        let modules = bundle.modules().unwrap_or_default();
        for module in modules {
            if let Ok(Some(source)) = bundle.file(&format!("{module}.rhai")) {
                functions.extend(library(&module, &source.text));
            }
        }
        Self { functions }
    }

    /// The native functions.
    pub fn native() -> Self {
        Self {
            functions: NOUNS.iter().flat_map(of_noun).collect(),
        }
    }

    /// The functions of that name.
    pub fn find<'catalog>(&'catalog self, name: &str) -> impl Iterator<Item = &'catalog Function> {
        self.functions
            .iter()
            .filter(move |function| function.name == name)
    }
}

/// A function as its module has it, with or without an entry.
struct Found {
    name: String,
    parameters: Vec<(String, String)>,
    returns: String,
    comment: String,
}

fn of_noun(noun: &Noun) -> Vec<Function> {
    let mut engine = Engine::new_raw();
    engine.register_global_module((noun.module)().into());
    let found = engine.collect_fn_metadata(None, |info| Some(found(&info)), false);
    let (found, others): (Vec<Found>, Vec<Found>) = found
        .into_iter()
        .filter(|found| is_name(&found.name))
        .partition(|found| !found.comment.is_empty());
    let mut functions: Vec<Function> = found
        .into_iter()
        .map(|found| {
            let entry = noun
                .entries
                .iter()
                .find(|entry| entry.function == found.name);
            native_function(noun.name, found, entry)
        })
        .collect();
    let rank = |function: &Function| {
        let entry = noun
            .entries
            .iter()
            .position(|entry| entry.function == function.name);
        (entry.unwrap_or(usize::MAX), function.arguments.len())
    };
    functions.sort_by_key(rank);
    for other in others {
        // A form without a text of its own is another one of the first that has one.
        if let Some(function) = functions
            .iter_mut()
            .find(|function| function.name == other.name)
        {
            let form = Form {
                arguments: arguments(&other, usize::from(!function.receivers.is_empty())),
                gives: gives(&other.returns),
            };
            let known = |other: &Form| other.arguments == form.arguments;
            if form.arguments != function.arguments && !function.others.iter().any(known) {
                function.others.push(form);
            }
        }
    }
    for function in &mut functions {
        function.others.sort();
        let entry = noun
            .entries
            .iter()
            .find(|entry| entry.function == function.name);
        if let Some(entry) = entry
            && function.options_at().is_some()
        {
            function.options = entry.options();
            function.explain_options();
        }
    }
    functions
}

/// The names of the arguments after what it is called on.
fn arguments(found: &Found, skipped: usize) -> Vec<String> {
    let rest = found.parameters.iter().skip(skipped);
    rest.map(|(name, r#type)| match last_word(r#type) {
        "Map" => OPTIONS.to_owned(),
        "FnPtr" => "|| {...}".to_owned(),
        _ => name.clone(),
    })
    .collect()
}

/// The definitions of the language itself, for editors: names of files and their texts.
pub fn of_the_language() -> Vec<(String, String)> {
    bare_engine().definitions().iter_files().collect()
}

/// The names of the functions of a noun that have a comment, and those that have none.
pub fn names_in(noun: &Noun) -> (Vec<String>, Vec<String>) {
    let mut engine = Engine::new_raw();
    engine.register_global_module((noun.module)().into());
    let (with, without): (Vec<Found>, Vec<Found>) = engine
        .collect_fn_metadata(None, |info| Some(found(&info)), false)
        .into_iter()
        .filter(|found| is_name(&found.name))
        .partition(|found| !found.comment.is_empty());
    let names = |found: Vec<Found>| found.into_iter().map(|found| found.name).collect();
    (names(with), names(without))
}

fn is_name(name: &str) -> bool {
    name.chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_')
}

fn found(info: &FuncInfo) -> Found {
    let metadata = info.metadata;
    Found {
        name: metadata.name.to_string(),
        parameters: metadata
            .params_info
            .iter()
            .map(|parameter| match parameter.split_once(':') {
                Some((name, r#type)) => (name.trim().to_owned(), r#type.trim().to_owned()),
                None => (String::new(), parameter.trim().to_owned()),
            })
            .collect(),
        returns: metadata.return_type.to_string(),
        comment: metadata.comments.join("\n"),
    }
}

fn native_function(chapter: &str, found: Found, entry: Option<&Entry>) -> Function {
    let first = found
        .parameters
        .first()
        .map(|(_, r#type)| last_word(r#type));
    let planes = entry.map_or_else(Vec::new, |entry| entry.planes.to_vec());
    let receivers = match first {
        Some("Exchange") if planes.is_empty() => vec!["onprem", "online"],
        Some("Exchange") => planes
            .iter()
            .map(|&plane| crate::native::handle_name(plane))
            .collect(),
        Some("Entra") => vec!["entra"],
        Some("CloudHandle") => vec!["cloud"],
        Some("Inputs") => vec!["inputs"],
        _ => Vec::new(),
    };
    let skipped = usize::from(!receivers.is_empty());
    let (text, examples) = split(&found.comment);
    let arguments = arguments(&found, skipped);
    Function {
        chapter: chapter.to_owned(),
        name: found.name,
        receivers,
        gives: gives(&found.returns),
        options: Vec::new(),
        arguments,
        others: Vec::new(),
        planes,
        cmdlet: entry.and_then(|entry| entry.cmdlet),
        effect: entry.and_then(|entry| entry.effect),
        text,
        examples,
    }
}

fn last_word(r#type: &str) -> &str {
    r#type
        .trim_start_matches('&')
        .trim_start_matches("mut ")
        .rsplit("::")
        .next()
        .unwrap_or(r#type)
}

fn gives(returns: &str) -> &'static str {
    let inner = returns
        .trim_start_matches("Thrown<")
        .trim_start_matches("RhaiResultOf<")
        .trim_end_matches('>');
    match last_word(inner).trim_end() {
        "Map" => "a map",
        "Array" => "a list",
        "String" | "&str" | "ImmutableString" | "str" => "a text",
        "bool" => "true or false",
        "i64" | "INT" => "a whole number",
        "Blob" => "bytes",
        _ => "",
    }
}

/// The functions of a library module that have a comment; private ones are not shown.
fn library(module: &str, text: &str) -> Vec<Function> {
    let Ok(program) = parser().compile(text) else {
        return Vec::new();
    };
    let mut functions: Vec<Function> = program
        .iter_functions()
        .filter(|function| function.access.is_public() && !function.comments.is_empty())
        .map(|function| {
            let (text, examples) = split(&function.comments.join("\n"));
            let arguments = function.params.iter().map(|name| match *name {
                "options" => OPTIONS.to_owned(),
                name => name.to_owned(),
            });
            let mut function = Function {
                chapter: module.to_owned(),
                name: function.name.to_owned(),
                receivers: vec!["library"],
                arguments: arguments.collect(),
                others: Vec::new(),
                gives: "",
                options: Vec::new(),
                planes: Vec::new(),
                cmdlet: None,
                effect: None,
                text,
                examples,
            };
            if function.options_at().is_some() {
                function.take_options();
            }
            function
        })
        .collect();
    let place = |function: &Function| text.find(&format!("fn {}(", function.name));
    functions.sort_by_key(place);
    functions
}

/// Splits a comment into its text and its examples.
fn split(comment: &str) -> (String, Vec<String>) {
    let mut text = Vec::new();
    let mut examples = Vec::new();
    let mut example: Option<Vec<&str>> = None;
    for line in comment.lines() {
        let line = line.trim_start().trim_start_matches("///");
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (&mut example, line.trim().starts_with("```")) {
            (Some(lines), true) => {
                examples.push(lines.join("\n"));
                example = None;
            }
            (Some(lines), false) => lines.push(line),
            (None, true) => example = Some(Vec::new()),
            (None, false) => text.push(line),
        }
    }
    (text.join("\n").trim().to_owned(), examples)
}
