//! Option maps that are written out where a native function is called: their keys against the catalog.

use super::Severity;
use super::habits::Found;
use crate::native::options::check_keys;
use crate::script::catalog::{Catalog, Function};
use crate::script::playbook::each_call;
use rhai::{AST, Dynamic, Expr, FnCallExpr, Map};

/// Maps with keys that the function does not take, or without those that it needs.
pub(super) fn wrong_options(program: &AST) -> Vec<Found> {
    let catalog = Catalog::native();
    let mut findings = Vec::new();
    each_call(program, &mut |call, _, _| {
        if !call.namespace.is_empty() {
            return;
        }
        for function in catalog.find(&call.name) {
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
