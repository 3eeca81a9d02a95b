//! What is asked of the handles: whether `onprem`, `online`, `entra` and `cloud` have what is called on them.

use super::habits::{Found, each_node};
use super::{Severity, variable};
use crate::failure::Failure;
use crate::native::cloud;
use crate::script::catalog::Catalog;
use rhai::{AST, ASTNode, Expr};

/// The handles that functions are called on.
const HANDLES: [&str; 4] = ["onprem", "online", "entra", "cloud"];

/// Functions that do not exist on the handle they are called on, and addresses that no cloud has.
pub(super) fn misused(program: &AST) -> Vec<Found> {
    let catalog = Catalog::native();
    let mut findings = Vec::new();
    each_node(program, &mut |node| {
        let ASTNode::Expr(Expr::Dot(dot, ..)) = node else {
            return;
        };
        let Some(handle) = variable(&dot.lhs).filter(|name| HANDLES.contains(name)) else {
            return;
        };
        let member = match &dot.rhs {
            Expr::Dot(further, ..) | Expr::Index(further, ..) => &further.lhs,
            member => member,
        };
        let found = match member {
            Expr::MethodCall(call, position) => {
                let failure = not_there(&catalog, handle, &call.name);
                failure.map(|failure| (*position, failure))
            }
            Expr::Property(property, position) if handle == "cloud" => {
                let failure = no_address(property.2.as_str());
                failure.map(|failure| (*position, failure))
            }
            _ => None,
        };
        if let Some((position, failure)) = found {
            findings.push((Severity::Error, "call", position, failure));
        }
    });
    findings
}

/// A function that others have; one that nobody has is found by its name.
fn not_there(catalog: &Catalog, handle: &str, name: &str) -> Option<Failure> {
    let mut others: Vec<&str> = Vec::new();
    for function in catalog.find(name) {
        if function.receivers.is_empty() || function.receivers.contains(&handle) {
            return None;
        }
        others.extend(&function.receivers);
    }
    let first = others.first()?;
    let failure = Failure::input(format!("{handle} has no function \"{name}\""));
    Some(failure.with_hint(format!("it is called on {first}: {first}.{name}(...)")))
}

fn no_address(name: &str) -> Option<Failure> {
    let known = cloud::properties().any(|known| known == name);
    (!known).then(|| cloud::no_such_property(name))
}
