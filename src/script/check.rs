//! Finds calls of functions that do not exist, without running a script; the compiler of Rhai does not look for them.

use super::bundle::Bundle;
use super::playbook::{each_call, imports};
use super::throw::{Known, placed};
use super::{Names, bare_engine, without_shebang};
use crate::native::options::nearest;
use rhai::{AST, Engine, Position};
use std::collections::{BTreeMap, BTreeSet};

pub(super) use super::throw::ScriptFailure;

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

/// What is wrong with a script and the modules that it imports, in the order of the text.
pub(super) fn check(id: &str, text: &str, known: &Known) -> Vec<ScriptFailure> {
    let natives = natives(known.engine);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![(id.to_owned(), text.to_owned())];
    while let Some((id, text)) = waiting.pop() {
        let text = without_shebang(&text);
        let program = match known.engine.compile_with_scope(&Names.scope(), text) {
            Ok(program) => program,
            Err(error) => {
                let failure = known.of_syntax(&error.0, text);
                findings.push(placed(&id, text, error.1, failure));
                continue;
            }
        };
        let mut modules = BTreeMap::new();
        for (path, alias) in imports(&program) {
            let Some(source) = module(known.bundle, &path) else {
                continue;
            };
            modules.insert(alias, functions(&source));
            let module = format!("{path}.rhai");
            if seen.insert(module.clone()) {
                waiting.push((module, source));
            }
        }
        findings.extend(wrong_calls(&id, text, &program, &natives, &modules, known));
    }
    findings
}

fn wrong_calls(
    id: &str,
    text: &str,
    program: &AST,
    natives: &Functions,
    modules: &BTreeMap<String, Functions>,
    known: &Known,
) -> Vec<ScriptFailure> {
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
                    Some(counts) => known.wrong_count(name, counts, given),
                    None => {
                        known.no_such(name, nearest(name, functions.keys().map(String::as_str)))
                    }
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
                    (false, Some(counts)) => known.wrong_count(name, counts, with_receiver),
                    (false, None) => {
                        let names = natives.keys().chain(own.keys()).map(String::as_str);
                        known.no_such(name, nearest(name, names))
                    }
                }
            }
        };
        findings.push((position, failure));
    });
    let order = |position: Position| (position.line(), position.position());
    findings.sort_by_key(|(position, _)| order(*position));
    findings
        .into_iter()
        .map(|(position, failure)| placed(id, text, position, failure))
        .collect()
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

fn module(bundle: &Bundle, path: &str) -> Option<String> {
    let source = match path.strip_prefix("std:") {
        Some(path) => bundle.shipped(&format!("{path}.rhai")),
        None => bundle.file(&format!("{path}.rhai")).ok()?,
    };
    source.map(|source| source.text)
}

fn functions(source: &str) -> Functions {
    bare_engine()
        .compile(source)
        .map(|program| own_functions(&program))
        .unwrap_or_default()
}
