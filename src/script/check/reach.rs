//! What a playbook can come to, through the functions that it calls: which inputs it uses, and which addresses of the
//! cloud it needs.

use super::{Finding, Severity, bare_engine, module, variable};
use crate::cloud::{CLOUDS, Cell, Cloud};
use crate::failure::{Failure, FailureKind};
use crate::native::options::{nearest, quoted};
use crate::script::bundle::Bundle;
use crate::script::playbook::{Playbook, imports};
use crate::script::throw::placed;
use crate::script::without_shebang;
use rhai::{AST, ASTNode, Expr, FnPtr, Position};
use std::collections::{BTreeMap, BTreeSet};

/// The inputs that a playbook uses and does not have, or has and does not use; the clouds on which it cannot run.
pub(super) fn of_playbook(
    bundle: &Bundle,
    id: &str,
    program: &AST,
    playbook: &Playbook,
) -> Vec<Finding> {
    let mut reach = Reach::new(bundle);
    reach.script(id, program);
    for name in &playbook.includes {
        if let Ok(source) = bundle.source(name)
            && let Ok(included) = bare_engine().compile(without_shebang(&source.text))
        {
            reach.script(&source.path, &included);
        }
    }
    let mut findings = reach.missing_inputs(id, playbook);
    if !reach.computed_inputs {
        findings.extend(reach.unused_inputs(id, playbook));
    }
    findings.extend(reach.clouds(id, playbook));
    findings
}

/// A function of a module; the whole of a script has no name.
type Place = (String, Option<String>);

/// What was reached so far.
struct Reach<'bundle> {
    bundle: &'bundle Bundle,
    programs: BTreeMap<String, AST>,
    seen: BTreeSet<Place>,
    waiting: Vec<Place>,
    inputs: Vec<(String, Position, String)>,
    computed_inputs: bool,
    cells: BTreeSet<Cell>,
}

impl<'bundle> Reach<'bundle> {
    fn new(bundle: &'bundle Bundle) -> Self {
        Self {
            bundle,
            programs: BTreeMap::new(),
            seen: BTreeSet::new(),
            waiting: Vec::new(),
            inputs: Vec::new(),
            computed_inputs: false,
            cells: BTreeSet::new(),
        }
    }

    /// Goes through a script, all of its functions, and what they call.
    fn script(&mut self, id: &str, program: &AST) {
        self.programs.insert(id.to_owned(), program.clone());
        self.call(id, None);
        while let Some((id, function)) = self.waiting.pop() {
            let Some(program) = self.program(&id) else {
                continue;
            };
            let part = match &function {
                None => program.clone(),
                Some(wanted) => program
                    .clone_functions_only_filtered(|_, _, _, name, _| name == wanted.as_str()),
            };
            let aliases: BTreeMap<String, String> = imports(&program)
                .into_iter()
                .map(|(path, alias)| (alias, format!("{path}.rhai")))
                .collect();
            part.walk(&mut |path: &[ASTNode]| {
                if let Some(ASTNode::Expr(expression)) = path.last() {
                    self.expression(&id, &aliases, expression);
                }
                if let Some(ASTNode::Stmt(rhai::Stmt::FnCall(call, position))) = path.last() {
                    let call = Expr::FnCall(call.clone(), *position);
                    self.expression(&id, &aliases, &call);
                }
                true
            });
        }
    }

    fn program(&mut self, id: &str) -> Option<AST> {
        if !self.programs.contains_key(id) {
            let (text, _) = module(self.bundle, id.strip_suffix(".rhai").unwrap_or(id))?;
            let program = bare_engine().compile(without_shebang(&text)).ok()?;
            self.programs.insert(id.to_owned(), program);
        }
        self.programs.get(id).cloned()
    }

    fn call(&mut self, id: &str, function: Option<&str>) {
        let place = (id.to_owned(), function.map(str::to_owned));
        if self.seen.insert(place.clone()) {
            self.waiting.push(place);
        }
    }

    fn expression(&mut self, id: &str, aliases: &BTreeMap<String, String>, expression: &Expr) {
        match expression {
            Expr::FnCall(call, _) => match call.namespace.path.first() {
                Some(alias) => {
                    if let Some(module) = aliases.get(alias.as_str()) {
                        self.call(module, Some(&call.name));
                    }
                }
                None => self.call(id, Some(&call.name)),
            },
            // A closure is a function without a name of its own.
            Expr::DynamicConstant(value, _) => {
                if let Some(closure) = value.read_lock::<FnPtr>() {
                    self.call(id, Some(closure.fn_name()));
                }
            }
            Expr::Dot(dot, ..) => {
                let (name, position) = match first(&dot.rhs) {
                    Expr::Property(property, position) => (property.2.as_str(), *position),
                    Expr::MethodCall(call, position) => (call.name.as_str(), *position),
                    _ => return,
                };
                match variable(&dot.lhs) {
                    Some("inputs") if name == "contains" => self.computed_inputs = true,
                    Some("inputs") => self.input(id, position, name),
                    Some("cloud") => self.cells.extend(Cell::from_key(name)),
                    _ => {}
                }
            }
            Expr::Index(index, ..) if variable(&index.lhs) == Some("inputs") => {
                match first(&index.rhs) {
                    Expr::StringConstant(name, position) => {
                        self.input(id, *position, name);
                    }
                    _ => self.computed_inputs = true,
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, id: &str, position: Position, name: &str) {
        let used = (id.to_owned(), position, name.to_owned());
        // A closure is a part of its script, and a function of its own.
        if !self.inputs.contains(&used) {
            self.inputs.push(used);
        }
    }

    fn missing_inputs(&self, id: &str, playbook: &Playbook) -> Vec<Finding> {
        let known: Vec<&str> = playbook
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        let missing = self
            .inputs
            .iter()
            .filter(|(_, _, name)| !known.contains(&name.as_str()));
        missing
            .map(|(source, position, name)| {
                let failure = wrong(format!("the playbook has no input \"{name}\""));
                let failure = match nearest(name, known.iter().copied()) {
                    Some(near) => failure.with_hint(format!("did you mean \"{near}\"?")),
                    None => failure.with_hint(format!(
                        "add {name}: #{{ text: \"...\" }} to the inputs of const PLAYBOOK"
                    )),
                };
                let text = match source == id {
                    true => playbook.source.clone(),
                    false => self.text(source),
                };
                finding(
                    Severity::Error,
                    "inputs",
                    placed(source, &text, *position, failure),
                )
            })
            .collect()
    }

    fn unused_inputs(&self, id: &str, playbook: &Playbook) -> Vec<Finding> {
        let used: BTreeSet<&str> = self
            .inputs
            .iter()
            .map(|(_, _, name)| name.as_str())
            .collect();
        let unused = playbook
            .inputs
            .iter()
            .filter(|input| !used.contains(input.name.as_str()));
        unused
            .map(|input| {
                let failure = wrong(format!("nothing uses the input \"{}\"", input.name))
                    .with_hint(format!(
                        "use inputs.{}, or take it out of the header",
                        input.name
                    ));
                let place = declared(&playbook.source, &input.name);
                finding(
                    Severity::Warning,
                    "inputs",
                    placed(id, &playbook.source, place, failure),
                )
            })
            .collect()
    }

    /// The clouds it is made for and cannot run in, because nobody documents an address that it needs.
    fn clouds(&self, id: &str, playbook: &Playbook) -> Vec<Finding> {
        let made_for =
            |cloud: &&Cloud| playbook.clouds.is_empty() || playbook.clouds.contains(&cloud.name);
        let mut by_need: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for cloud in CLOUDS.iter().filter(made_for) {
            let needs: Vec<&str> = self
                .cells
                .iter()
                .filter(|cell| cloud.cell(**cell).is_none())
                .map(|cell| cell.key())
                .collect();
            if !needs.is_empty() {
                by_need.entry(needs).or_default().push(cloud.word);
            }
        }
        by_need
            .into_iter()
            .map(|(needs, clouds)| {
                let failure = wrong(format!(
                    "in the cloud {} this needs addresses that nobody documents: {}",
                    quoted(&clouds),
                    needs.join(", ")
                ))
                .with_hint("give them under [endpoints] in the organization file");
                let place = declared(&playbook.source, "PLAYBOOK");
                finding(
                    Severity::Note,
                    "clouds",
                    placed(id, &playbook.source, place, failure),
                )
            })
            .collect()
    }

    fn text(&self, id: &str) -> String {
        let path = id.strip_suffix(".rhai").unwrap_or(id);
        module(self.bundle, path).map_or_else(String::new, |(text, _)| text)
    }
}

/// The first part of a chain of dots.
fn first(expression: &Expr) -> &Expr {
    match expression {
        Expr::Dot(dot, ..) | Expr::Index(dot, ..) => first(&dot.lhs),
        other => other,
    }
}

/// Where a name of the header stands.
fn declared(source: &str, name: &str) -> Position {
    let colon = format!("{name}:");
    let found = source.lines().enumerate().find_map(|(at, line)| {
        let code = line.trim_start();
        let is_it = code.starts_with(&colon)
            || code
                .strip_prefix("const ")
                .is_some_and(|rest| rest.starts_with(name));
        let column = line.find(name)?;
        (is_it && !code.starts_with("//")).then_some((at + 1, column + 1))
    });
    match found {
        Some((line, column)) => Position::new(
            u16::try_from(line).unwrap_or(u16::MAX),
            u16::try_from(column).unwrap_or(u16::MAX),
        ),
        None => Position::NONE,
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Input, message)
}

fn finding(severity: Severity, code: &'static str, found: super::ScriptFailure) -> Finding {
    Finding {
        severity,
        code,
        found,
    }
}
