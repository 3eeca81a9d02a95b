//! Option maps that are written out where a function is called: their keys against the catalog.

use super::Severity;
use super::habits::Found;
use crate::failure::Failure;
use crate::native::options::check_keys;
use crate::script::catalog::{Catalog, Function};
use crate::script::playbook::each_call;
use rhai::{AST, Dynamic, Expr, FnCallExpr, Map, Stmt};
use std::collections::BTreeMap;

/// Maps with keys that the function does not take, or without those that it needs; `modules` are the paths of those that
/// the script imports, under their aliases.
pub(super) fn wrong_options(
    program: &AST,
    catalog: &Catalog,
    modules: &BTreeMap<String, String>,
) -> Vec<Found> {
    let mut findings = Vec::new();
    each_call(program, &mut |call, _, _| {
        let alias = call.namespace.path.first();
        let module = alias.map(|alias| modules.get(alias.as_str()));
        let is_called = |function: &&Function| match module {
            Some(module) => Some(&function.chapter) == module,
            None => !function.is_library(),
        };
        for function in catalog.find(&call.name).filter(is_called) {
            findings.extend(not_a_closure(function, call));
            findings.extend(wrong_values(function, call));
            let Some((map, position)) = literal_options(function, call) else {
                continue;
            };
            if let Err(failure) = check_keys(&function.name, &map, &function.options) {
                findings.push((Severity::Error, "options", position, failure));
            }
        }
    });
    findings
}

/// The map that stands where a function takes its options, if it is written out there.
fn literal_options(function: &Function, call: &FnCallExpr) -> Option<(Map, rhai::Position)> {
    let (at, count) = function.options_at()?;
    if function.options.is_empty() || count != call.args.len() {
        return None;
    }
    let Expr::Map(map, position) = call.args.get(at)? else {
        return None;
    };
    let given = map.0.iter().map(|(name, value)| {
        // Whether a value fits is seen when it is there; that of nothing is seen now.
        let value = match value {
            Expr::Unit(_) => Dynamic::UNIT,
            _ => Dynamic::TRUE,
        };
        (name.as_str().into(), value)
    });
    Some((given.collect(), *position))
}

/// Something else where a function takes a closure: a block would be run before, and its value handed over.
fn not_a_closure(function: &Function, call: &FnCallExpr) -> Option<Found> {
    let at = function
        .arguments
        .iter()
        .position(|argument| argument == "|| {...}")?;
    if function.arguments.len() != call.args.len() {
        return None;
    }
    let position = match call.args.get(at)? {
        // A closure that uses variables is a block that begins with sharing them.
        Expr::Stmt(block) if matches!(block.statements().first(), Some(Stmt::Share(..))) => {
            return None;
        }
        Expr::Stmt(block) => block.position(),
        literal @ (Expr::Map(..) | Expr::StringConstant(..) | Expr::Unit(..)) => literal.position(),
        _ => return None,
    };
    let name = &function.name;
    let failure = Failure::input(format!("\"{name}\" takes a closure at the end"));
    let arguments = function.arguments.join(", ");
    let failure = failure.with_hint(format!("write || before the bracket: {name}({arguments})"));
    Some((Severity::Error, "call", position, failure))
}

/// Values that are written out and are not what the option takes.
fn wrong_values(function: &Function, call: &FnCallExpr) -> Vec<Found> {
    let argument = function.options_at().and_then(|(at, count)| {
        let fits = count == call.args.len();
        call.args.get(at).filter(|_| fits)
    });
    let Some(Expr::Map(map, _)) = argument else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (name, value) in &map.0 {
        let field = function
            .options
            .iter()
            .find(|field| field.name == name.as_str());
        let (Some(field), Some(kind)) = (field, kind_of(value)) else {
            continue;
        };
        let choice = field.takes.starts_with("one of ");
        let wanted = match field.takes.as_str() {
            _ if choice => "a text",
            takes if takes.starts_with("a list") => "a list",
            takes if takes.starts_with("a map") => "a map",
            takes @ ("a text" | "true or false" | "a whole number") => takes,
            _ => continue,
        };
        let unknown = match value {
            Expr::StringConstant(text, _) if choice => {
                !field.takes.contains(&format!("\"{text}\""))
            }
            _ => false,
        };
        if kind == wanted && !unknown {
            continue;
        }
        let given = match value {
            Expr::StringConstant(text, _) => format!("the text {text:?}"),
            _ => kind.to_owned(),
        };
        let failure = Failure::input(format!(
            "the option \"{}\" of {} takes {}, and this is {given}",
            field.name, function.name, field.takes
        ));
        findings.push((Severity::Error, "options", value.position(), failure));
    }
    findings
}

/// What a value is that is written out; `None` for what is computed.
fn kind_of(value: &Expr) -> Option<&'static str> {
    Some(match value {
        Expr::BoolConstant(..) => "true or false",
        Expr::IntegerConstant(..) => "a whole number",
        Expr::FloatConstant(..) => "a number",
        Expr::StringConstant(..) | Expr::InterpolatedString(..) => "a text",
        Expr::Array(..) => "a list",
        Expr::Map(..) => "a map",
        _ => return None,
    })
}
