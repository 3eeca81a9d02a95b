//! What is wrong with a script, found without running it; the compiler of Rhai looks for little of it.
//!
//! [`check_script`] is the whole of it, and needs no organization. Mistakes are what cannot work; warnings are what
//! works and is not what a person wants who writes playbooks; notes are for information.

mod habits;
mod handles;
mod options;
mod reach;

pub use reach::needs;

use super::bundle::{Bundle, ScriptOrigin};
use super::catalog::Catalog;
use super::playbook::{Playbook, each_call, imports};
use super::throw::{Known, ScriptFailure, draw, placed};
use super::{Sources, bare_engine, names_of_handles, parser, without_shebang};
use crate::failure::Failure;
use crate::native;
use annotate_snippets::Level;
use rhai::{AST, ASTFlags, Engine, Expr, Position, Stmt};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Functions by name, with the numbers of arguments that they take.
type Functions = BTreeMap<String, BTreeSet<usize>>;

/// Functions that are part of the language and in no module.
const KEYWORDS: [&str; 11] = [
    "call",
    "curry",
    "Fn",
    "print",
    "debug",
    "type_of",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "eval",
    "exit",
];

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot work.
    Error,
    /// It works, and is probably not what is wanted.
    Warning,
    /// To be known.
    Note,
}

impl Severity {
    /// The word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something that was found in a script, with its place.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing it is, in a word that stays the same: `call`, `options`, `inputs`, `bypass`, and so on.
    pub code: &'static str,
    /// What, and where.
    #[serde(flatten)]
    pub found: ScriptFailure,
}

impl Finding {
    /// Draws it under its line, in the way of compilers; plain or with colors.
    pub fn render(&self, colored: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        draw(level, &self.found, colored)
    }
}

/// Looks at a script and the modules that it imports, without running anything.
pub fn check_script(bundle: &Bundle, id: &str, text: &str) -> Vec<Finding> {
    let mut engine = bare_engine();
    engine.set_strict_variables(true);
    native::register(&mut engine);
    let sources = Sources::default();
    sources.add(id, text);
    let known = Known {
        engine: &engine,
        bundle,
        sources: &sources,
        properties: BTreeSet::new(),
    };
    let mut findings = check(id, text, &known);
    let broken = findings.iter().any(|finding| finding.code == "syntax");
    if broken {
        return findings;
    }
    findings.extend(of_playbook(bundle, id, text));
    let place = |finding: &Finding| {
        let frame = finding.found.frames.first();
        frame.map(|frame| {
            (
                frame.source != id,
                frame.source.clone(),
                frame.line,
                frame.column,
            )
        })
    };
    findings.sort_by_key(place);
    findings
}

/// What is wrong with the header of a playbook, and between it and the script; of a library file, nothing.
fn of_playbook(bundle: &Bundle, id: &str, text: &str) -> Vec<Finding> {
    let Ok(program) = parser().compile(without_shebang(text)) else {
        return Vec::new();
    };
    if !is_playbook(&program) {
        return habits::of_library(id, text, &program);
    }
    let variable_header = program
        .statements()
        .iter()
        .find_map(|statement| match statement {
            Stmt::Var(definition, flags, position)
                if definition.0.as_str() == "PLAYBOOK" && !flags.intersects(ASTFlags::CONSTANT) =>
            {
                Some(*position)
            }
            _ => None,
        });
    if let Some(position) = variable_header {
        let failure = Failure::input("the header of a playbook is a constant")
            .with_hint("write const PLAYBOOK = #{ ... }");
        return vec![Finding {
            severity: Severity::Error,
            code: "header",
            found: placed(id, text, position, failure),
        }];
    }
    let playbook = Playbook::read(id, text).and_then(|playbook| playbook.with_included(bundle));
    match playbook {
        Ok(playbook) => reach::of_playbook(bundle, id, &program, &playbook),
        Err(found) => vec![Finding {
            severity: Severity::Error,
            code: "header",
            found,
        }],
    }
}

/// The name of a variable.
fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        _ => None,
    }
}

/// A script with a header, or with steps, is meant to be run; any other is a library file.
fn is_playbook(program: &AST) -> bool {
    let header = |statement: &Stmt| matches!(statement, Stmt::Var(definition, ..) if definition.0.as_str() == "PLAYBOOK");
    let mut runs = program.statements().iter().any(header);
    each_call(program, &mut |call, _, _| {
        runs |= call.namespace.is_empty() && ["step", "playbook"].contains(&call.name.as_str());
    });
    runs
}

/// What is wrong with the text of a script and of the modules that it imports, in the order of the text.
fn check(id: &str, text: &str, known: &Known) -> Vec<Finding> {
    let natives = natives(known.engine);
    let catalog = Catalog::of(known.bundle);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(id.to_owned(), text.to_owned(), true)];
    while let Some((id, text, yours)) = waiting.pop() {
        let text = without_shebang(&text);
        let program = match known.engine.compile_with_scope(&names_of_handles(), text) {
            Ok(program) => program,
            Err(error) => {
                let failure = known.of_syntax(&error, text);
                findings.push(Finding {
                    severity: Severity::Error,
                    code: "syntax",
                    found: placed(&id, text, error.1, failure),
                });
                continue;
            }
        };
        let (mut modules, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for (path, alias) in imports(&program) {
            let Some((source, shipped)) = module(known.bundle, &path) else {
                findings.push(Finding {
                    severity: Severity::Error,
                    code: "import",
                    found: placed(
                        &id,
                        text,
                        import_of(&program, &path),
                        known.no_module(&path),
                    ),
                });
                continue;
            };
            paths.insert(alias.clone(), path.trim_start_matches("std:").to_owned());
            modules.insert(alias, functions(&source));
            let module = format!("{path}.rhai");
            if seen.insert(module.clone()) {
                waiting.push((module, source, !shipped));
            }
        }
        let errors = wrong_calls(&program, &natives, &modules, known)
            .into_iter()
            .map(|(position, failure)| (Severity::Error, "call", position, failure));
        let mut here: Vec<habits::Found> = errors.collect();
        here.extend(options::wrong_options(&program, &catalog, &paths));
        here.extend(handles::misused(&program));
        if yours {
            here.extend(habits::of_script(&program, known.bundle));
            here.extend(habits::unused_imports(&program, text));
        }
        here.sort_by_key(|(_, _, position, _)| (position.line(), position.position()));
        findings.extend(
            here.into_iter()
                .map(|(severity, code, position, failure)| Finding {
                    severity,
                    code,
                    found: placed(&id, text, position, failure),
                }),
        );
    }
    findings
}

/// Where a module is imported.
fn import_of(program: &AST, path: &str) -> Position {
    let found = program
        .statements()
        .iter()
        .find_map(|statement| match statement {
            Stmt::Import(import, position) => match &import.0 {
                Expr::StringConstant(name, _) if name == path => Some(*position),
                _ => None,
            },
            _ => None,
        });
    found.unwrap_or(Position::NONE)
}

fn wrong_calls(
    program: &AST,
    natives: &Functions,
    modules: &BTreeMap<String, Functions>,
    known: &Known,
) -> Vec<(Position, Failure)> {
    let own = own_functions(program);
    let mut findings = Vec::new();
    each_call(program, &mut |call, position, is_method| {
        let name = call.name.as_str();
        let is_name = name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
        if call.is_operator_call() || !is_name || KEYWORDS.contains(&name) {
            return;
        }
        let given = call.args.len();
        let failure = match call.namespace.path.first() {
            Some(alias) => {
                let Some(functions) = modules.get(alias.as_str()) else {
                    return;
                };
                let counts = functions.get(name);
                match counts {
                    Some(counts) if counts.contains(&given) => return,
                    Some(counts) => known.wrong_count(name, counts, given, false),
                    None => known.no_such(name, functions.keys().map(String::as_str)),
                }
            }
            None => {
                let native = natives.get(name);
                let scripted = own.get(name);
                let with_receiver = given + usize::from(is_method);
                let fits = native.is_some_and(|counts| counts.contains(&with_receiver))
                    || scripted.is_some_and(|counts| counts.contains(&given));
                match (fits, native.or(scripted)) {
                    (true, _) => return,
                    (false, Some(counts)) => {
                        known.wrong_count(name, counts, with_receiver, is_method)
                    }
                    (false, None) => {
                        let names = natives.keys().chain(own.keys()).map(String::as_str);
                        known.no_such(name, names)
                    }
                }
            }
        };
        findings.push((position, failure));
    });
    findings
}

fn natives(engine: &Engine) -> Functions {
    let mut functions = Functions::new();
    let all = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
        true,
    );
    for (name, count) in all {
        functions.entry(name).or_default().insert(count);
    }
    functions
}

fn own_functions(program: &AST) -> Functions {
    let mut functions = Functions::new();
    for function in program.iter_functions() {
        functions
            .entry(function.name.to_owned())
            .or_default()
            .insert(function.params.len());
    }
    functions
}

/// The text of a module, and whether it is shipped.
fn module(bundle: &Bundle, path: &str) -> Option<(String, bool)> {
    let source = match path.strip_prefix("std:") {
        Some(path) => bundle.shipped(&format!("{path}.rhai")),
        None => bundle.file(&format!("{path}.rhai")).ok()?,
    };
    source.map(|source| (source.text, source.origin == ScriptOrigin::Shipped))
}

fn functions(source: &str) -> Functions {
    parser()
        .compile(source)
        .map(|program| own_functions(&program))
        .unwrap_or_default()
}
