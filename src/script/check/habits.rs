//! What works and is probably not wanted: names that hide native ones, writes that pass by the library, decisions that a
//! plan cannot see through, modules that do something when they are imported.

use super::{Finding, Severity, is_playbook, variable};
use crate::failure::Failure;
use crate::script::bundle::Bundle;
use crate::script::catalog::Catalog;
use crate::script::playbook::each_call;
use crate::script::throw::placed;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::BTreeMap;

/// Something that was found, not yet placed in its text.
pub(super) type Found = (Severity, &'static str, Position, Failure);

/// The findings of a script of one's own.
pub(super) fn of_script(program: &AST, bundle: &Bundle) -> Vec<Found> {
    let catalog = Catalog::native();
    let mut findings = hidden_natives(program, &catalog);
    findings.extend(computed_imports(program));
    findings.extend(planning_holes(program));
    if is_playbook(program) {
        findings.extend(bypasses(program, &catalog, bundle));
        findings.extend(steps(program));
    }
    findings
}

/// Modules of which nothing is called, and those of which nothing can be.
pub(super) fn unused_imports(program: &AST, text: &str) -> Vec<Found> {
    let mut findings = Vec::new();
    each_node(program, &mut |node| {
        let ASTNode::Stmt(Stmt::Import(import, position)) = node else {
            return;
        };
        let Expr::StringConstant(path, _) = &import.0 else {
            return;
        };
        let alias = import.1.name.as_str();
        if alias.is_empty() {
            let name = path.rsplit('/').next().unwrap_or(path);
            let failure =
                warning("nothing of a module can be called that is imported without `as`")
                    .with_hint(format!("write import \"{path}\" as {name};"));
            findings.push((Severity::Error, "import", *position, failure));
        } else if !text.contains(&format!("{alias}::")) {
            let failure = warning(format!("nothing uses the module \"{alias}\"")).with_hint(
                format!("its functions are called as {alias}::function(...)"),
            );
            findings.push((Severity::Warning, "import", *position, failure));
        }
    });
    findings
}

/// Steps of one id, which cannot be told apart, and a playbook without steps.
fn steps(program: &AST) -> Vec<Found> {
    let mut findings = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut any = false;
    each_call(program, &mut |call, position, _| {
        any |= ["step", "playbook"].contains(&call.name.as_str());
        if call.name != "step" {
            return;
        }
        let Some(Expr::StringConstant(id, _)) = call.args.first() else {
            return;
        };
        if ids.iter().any(|known| known == id.as_str()) {
            let failure = warning(format!("there is another step \"{id}\""))
                .with_hint("--only, --start-at and reports tell steps apart by their ids");
            findings.push((Severity::Warning, "step", position, failure));
        }
        ids.push(id.to_string());
    });
    if !any {
        let failure = warning("this playbook has no step")
            .with_hint("put what it does into step(\"id\", \"title\", || { ... }), so that it can be reported and skipped");
        findings.push((Severity::Warning, "step", Position::new(1, 1), failure));
    }
    findings
}

/// What a library file does besides giving functions: it would be done by every script that imports it.
pub(super) fn of_library(id: &str, text: &str, program: &AST) -> Vec<Finding> {
    let gives = |statement: &&Stmt| {
        matches!(
            statement,
            Stmt::Noop(_) | Stmt::Var(..) | Stmt::Import(..) | Stmt::Export(..)
        )
    };
    let first = program
        .statements()
        .iter()
        .find(|statement| !gives(statement));
    let finding = first.map(|statement| Finding {
        severity: Severity::Warning,
        code: "library",
        found: placed(
            id,
            text,
            statement.position(),
            warning("this is done whenever the file is imported").with_hint(
                "a library file holds functions; a playbook has const PLAYBOOK and steps",
            ),
        ),
    });
    finding.into_iter().collect()
}

fn warning(message: impl Into<String>) -> Failure {
    Failure::input(message)
}

fn hidden_natives(program: &AST, catalog: &Catalog) -> Vec<Found> {
    let natives: Vec<&str> = catalog
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    let own = program
        .iter_functions()
        .filter(|function| natives.contains(&function.name));
    // The place of a definition is not kept; that of its first call says enough.
    let mut calls = BTreeMap::new();
    each_call(program, &mut |call, position, _| {
        calls.entry(call.name.to_string()).or_insert(position);
    });
    own.map(|function| {
        let position = calls.get(function.name).copied();
        let failure = warning(format!(
            "the function \"{}\" of this script hides the native one of that name",
            function.name
        ))
        .with_hint("give it another name");
        let position = position.unwrap_or(Position::new(1, 1));
        (Severity::Warning, "hidden", position, failure)
    })
    .collect()
}

fn computed_imports(program: &AST) -> Vec<Found> {
    let mut findings = Vec::new();
    each_node(program, &mut |node| {
        if let ASTNode::Stmt(Stmt::Import(import, position)) = node
            && !matches!(import.0, Expr::StringConstant(..))
        {
            let failure =
                warning("the name of this module is computed, so what it holds cannot be checked")
                    .with_hint("write the name out: import \"stdlib/connectors\" as connectors;");
            findings.push((Severity::Warning, "import", *position, failure));
        }
    });
    findings
}

/// `switch` and `??` do not notice a value that only the service will know: a plan goes another way than the run.
fn planning_holes(program: &AST) -> Vec<Found> {
    let mut findings = Vec::new();
    each_node(program, &mut |node| match node {
        ASTNode::Stmt(Stmt::Switch(switch, position)) if may_be_unknown(&switch.0) => {
            let failure =
                warning("`switch` does not notice a value that is known only after apply")
                    .with_hint("write `if` with ==, which says so, or ask is_unknown() first");
            findings.push((Severity::Warning, "planning", *position, failure));
        }
        ASTNode::Expr(Expr::Coalesce(parts, position))
            if parts.first().is_some_and(may_be_unknown) =>
        {
            let failure =
                warning("`??` takes a value that is known only after apply for one that is there")
                    .with_hint("ask is_unknown() first, or leave the value as it is");
            findings.push((Severity::Warning, "planning", *position, failure));
        }
        _ => {}
    });
    findings
}

/// Whether an expression can be an answer of a service: not what is written out, an input, or the type of something.
fn may_be_unknown(expression: &Expr) -> bool {
    match expression {
        Expr::FnCall(call, _) => call.name != "type_of",
        Expr::Dot(dot, ..) => {
            let asks_for_type =
                matches!(&dot.rhs, Expr::MethodCall(call, _) if call.name == "type_of");
            let given = variable(&dot.lhs);
            !asks_for_type && !given.is_some_and(|name| ["inputs", "cloud"].contains(&name))
        }
        Expr::Variable(..) | Expr::Index(..) | Expr::MethodCall(..) | Expr::Stmt(_) => true,
        _ => false,
    }
}

/// Native functions that write, called in a playbook: what `stdlib` does besides, looking first, is left out.
fn bypasses(program: &AST, catalog: &Catalog, bundle: &Bundle) -> Vec<Found> {
    let mut findings = Vec::new();
    each_call(program, &mut |call, position, _| {
        let writes = catalog
            .find(&call.name)
            .any(|function| function.effect.is_some_and(crate::subject::Effect::writes));
        if !call.namespace.is_empty() || !(writes || invokes_a_write(call)) {
            return;
        }
        let failure = warning(format!(
            "\"{}\" writes without looking first, so this playbook can be run only once",
            call.name
        ));
        let library = match writes {
            true => in_library(&call.name, bundle),
            false => Vec::new(),
        };
        let failure = match library.as_slice() {
            [] => failure.with_hint("look first, and write only what differs"),
            [module] => failure.with_hint(format!(
                "{module} looks first and writes what differs; `exoauth docs` shows its functions"
            )),
            modules => failure.with_hint(format!(
                "{} look first and write what differs; `exoauth docs` shows their functions",
                modules.join(" and ")
            )),
        };
        findings.push((Severity::Warning, "bypass", position, failure));
    });
    findings
}

fn invokes_a_write(call: &FnCallExpr) -> bool {
    const READS: [&str; 6] = ["get", "find", "search", "export", "measure", "test"];
    match call.args.first() {
        Some(Expr::StringConstant(cmdlet, _)) if call.name == "invoke" => {
            let verb = cmdlet.split('-').next().unwrap_or_default().to_lowercase();
            !READS.contains(&verb.as_str())
        }
        _ => false,
    }
}

/// The shipped library modules that call a function.
fn in_library(function: &str, bundle: &Bundle) -> Vec<String> {
    let modules = bundle.modules().unwrap_or_default();
    let calls = |module: &String| {
        let source = bundle.shipped(&format!("{module}.rhai"));
        source.is_some_and(|source| {
            let call = format!(".{function}(");
            let mut code = source.text.lines().filter(|line| !line.starts_with("//"));
            // What stands in a text is said and not called.
            code.any(|line| {
                line.split_once(&call)
                    .is_some_and(|(before, _)| !before.contains(['"', '`']))
            })
        })
    };
    modules.into_iter().filter(calls).collect()
}

/// Visits every node of a script.
pub(super) fn each_node(program: &AST, visit: &mut dyn FnMut(&ASTNode)) {
    program.walk(&mut |path: &[ASTNode]| {
        if let Some(node) = path.last() {
            visit(node);
        }
        true
    });
}
