//! What a playbook can come to, through the functions that it calls: which inputs it uses, and which addresses of the
//! cloud it needs.

use super::{Finding, Severity, module, parser, variable};
use crate::cloud::{CLOUDS, Cell, Cloud};
use crate::failure::Failure;
use crate::native::NOUNS;
use crate::script::bundle::Bundle;
use crate::script::playbook::{Playbook, imports};
use crate::script::throw::placed;
use crate::script::without_shebang;
use crate::session::Need;
use crate::subject::Plane;
use crate::words::{did_you_mean, quoted};
use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Position, Stmt};
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
            && let Ok(included) = parser().compile(without_shebang(&source.text))
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

/// What a playbook asks of the services, through the functions that it calls and the playbooks that it includes; what it
/// only attempts is not among it.
///
/// With `only`, of the included playbooks that name or hold one of these steps.
pub fn needs(bundle: &Bundle, playbook: &Playbook, only: &[String]) -> Vec<Need> {
    let mut reach = Reach::new(bundle);
    if let Ok(program) = parser().compile(without_shebang(&playbook.source)) {
        reach.script(&playbook.name, &program);
    }
    let chosen = |name: &String| {
        let mut steps = playbook.steps.iter().filter(|step| step.playbook == *name);
        only.is_empty() || only.contains(name) || steps.any(|step| only.contains(&step.id))
    };
    for name in playbook.includes.iter().filter(|name| chosen(name)) {
        if let Ok(source) = bundle.source(name)
            && let Ok(included) = parser().compile(without_shebang(&source.text))
        {
            reach.script(&source.path, &included);
        }
    }
    let needs = reach.calls.iter().flat_map(|call| call.needs());
    let needs: BTreeSet<Need> = needs.collect();
    needs.into_iter().collect()
}

/// A call of a native function on a handle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    plane: Plane,
    function: String,
    /// The cmdlet that `invoke` is given, where it is written there.
    literal: Option<String>,
}

impl Call {
    fn needs(&self) -> Vec<Need> {
        let need = |call: &str, writes| Need {
            plane: self.plane,
            call: call.to_owned(),
            writes,
        };
        if let Some(cmdlet) = &self.literal {
            let reads = ["Get-", "Test-"]
                .iter()
                .any(|verb| cmdlet.starts_with(verb));
            return vec![need(cmdlet, !reads)];
        }
        let entries = NOUNS.iter().flat_map(|noun| noun.entries);
        entries
            .filter(|entry| entry.function == self.function && entry.planes.contains(&self.plane))
            .filter_map(|entry| Some(need(entry.cmdlet?, entry.effect?.writes())))
            // What is no cmdlet is not among those that Exchange lists.
            .filter(|need| need.plane == Plane::Entra || is_cmdlet(&need.call))
            .collect()
    }
}

/// Whether it is a verb and a noun.
fn is_cmdlet(call: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    call.contains('-') && call.chars().all(letter)
}

/// The plane that a handle stands for.
fn plane_of(handle: &str) -> Option<Plane> {
    match handle {
        "onprem" => Some(Plane::OnPremises),
        "online" => Some(Plane::ExchangeOnline),
        "entra" => Some(Plane::Entra),
        _ => None,
    }
}

/// How a function was come to: which of its arguments are handles, and whether only by an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    handles: BTreeMap<String, Plane>,
    attempted: bool,
}

impl Way {
    fn plane(&self, expression: &Expr) -> Option<Plane> {
        let name = variable(expression)?;
        self.handles.get(name).copied().or_else(|| plane_of(name))
    }
}

/// A function of a module; the whole of a script has no name.
type Place = (String, Option<String>, Way);

/// What was reached so far.
struct Reach<'bundle> {
    bundle: &'bundle Bundle,
    programs: BTreeMap<String, AST>,
    seen: BTreeSet<Place>,
    waiting: Vec<Place>,
    inputs: Vec<(String, Position, String)>,
    computed_inputs: bool,
    cells: BTreeSet<Cell>,
    calls: BTreeSet<Call>,
    /// The closures that are only attempted, with the script in which they are.
    attempts: BTreeSet<(String, String)>,
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
            calls: BTreeSet::new(),
            attempts: BTreeSet::new(),
        }
    }

    /// Goes through a script, all of its functions, and what they call.
    fn script(&mut self, id: &str, program: &AST) {
        self.programs.insert(id.to_owned(), program.clone());
        self.call(id, None, Way::default());
        while let Some((id, function, way)) = self.waiting.pop() {
            let Some(program) = self.program(&id) else {
                continue;
            };
            let mut part = program.clone();
            if let Some(wanted) = &function {
                // Cloning with a filter keeps all functions (rhai 1.27), so the others are taken out.
                part.clear_statements();
                part.retain_functions(|_, _, name, _| name == wanted.as_str());
            }
            let aliases: BTreeMap<String, String> = imports(&program)
                .into_iter()
                .map(|(path, alias)| (alias, format!("{path}.rhai")))
                .collect();
            part.walk(&mut |path: &[ASTNode]| {
                if let Some(ASTNode::Expr(expression)) = path.last() {
                    self.expression(&id, &aliases, &way, expression);
                }
                if let Some(ASTNode::Stmt(Stmt::FnCall(call, position))) = path.last() {
                    let call = Expr::FnCall(call.clone(), *position);
                    self.expression(&id, &aliases, &way, &call);
                }
                true
            });
        }
    }

    fn program(&mut self, id: &str) -> Option<AST> {
        if !self.programs.contains_key(id) {
            let (text, _) = module(self.bundle, id.strip_suffix(".rhai").unwrap_or(id))?;
            let program = parser().compile(without_shebang(&text)).ok()?;
            self.programs.insert(id.to_owned(), program);
        }
        self.programs.get(id).cloned()
    }

    fn call(&mut self, id: &str, function: Option<&str>, way: Way) {
        let place = (id.to_owned(), function.map(str::to_owned), way);
        if self.seen.insert(place.clone()) {
            self.waiting.push(place);
        }
    }

    /// The way to a function that is called with these arguments.
    fn way_to(&mut self, id: &str, call: &FnCallExpr, from: &Way) -> Way {
        let program = self.program(id);
        let names: Vec<String> = program
            .iter()
            .flat_map(AST::iter_functions)
            .filter(|function| function.name == call.name.as_str())
            .filter(|function| function.params.len() == call.args.len())
            .flat_map(|function| function.params)
            .map(str::to_owned)
            .collect();
        let handles = names
            .into_iter()
            .zip(&call.args)
            .filter_map(|(name, argument)| Some((name, from.plane(argument)?)));
        Way {
            handles: handles.collect(),
            attempted: from.attempted,
        }
    }

    fn expression(
        &mut self,
        id: &str,
        aliases: &BTreeMap<String, String>,
        way: &Way,
        expression: &Expr,
    ) {
        match expression {
            Expr::FnCall(call, _) => match call.namespace.path.first() {
                Some(alias) => {
                    if let Some(module) = aliases.get(alias.as_str()) {
                        let to = self.way_to(module, call, way);
                        self.call(module, Some(&call.name), to);
                    }
                }
                None => {
                    if call.name == "attempt" {
                        let closures = call.args.iter().filter_map(closure_in);
                        let closures = closures.map(|name| (id.to_owned(), name));
                        self.attempts.extend(closures);
                    }
                    let to = self.way_to(id, call, way);
                    self.call(id, Some(&call.name), to);
                }
            },
            // A closure is a function without a name of its own, which sees the arguments around it.
            Expr::DynamicConstant(value, _) => {
                if let Some(closure) = value.read_lock::<FnPtr>() {
                    let name = closure.fn_name();
                    let attempted = self.attempts.contains(&(id.to_owned(), name.to_owned()));
                    let to = Way {
                        attempted: way.attempted || attempted,
                        ..way.clone()
                    };
                    self.call(id, Some(name), to);
                }
            }
            Expr::Dot(dot, ..) => {
                if let (Some(plane), Expr::MethodCall(call, _)) =
                    (way.plane(&dot.lhs), first(&dot.rhs))
                    && !way.attempted
                {
                    let literal = match call.args.first() {
                        Some(Expr::StringConstant(cmdlet, _)) if call.name == "invoke" => {
                            Some(cmdlet.to_string())
                        }
                        _ => None,
                    };
                    let function = call.name.to_string();
                    self.calls.insert(Call {
                        plane,
                        function,
                        literal,
                    });
                }
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
                let failure = Failure::input(format!("the playbook has no input \"{name}\""));
                let add =
                    || format!("add {name}: #{{ text: \"...\" }} to the inputs of const PLAYBOOK");
                let near = did_you_mean(name, known.iter().copied());
                let failure = failure.with_hint(near.unwrap_or_else(add));
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
                let failure =
                    Failure::input(format!("nothing uses the input \"{}\"", input.name)).with_hint(
                        format!("use inputs.{}, or take it out of the header", input.name),
                    );
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
                let failure = Failure::input(format!(
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

/// The closure that an argument is, with or without what it captures.
fn closure_in(argument: &Expr) -> Option<String> {
    match argument {
        Expr::DynamicConstant(value, _) => {
            let closure = value.read_lock::<FnPtr>()?;
            Some(closure.fn_name().to_owned())
        }
        Expr::FnCall(curry, _) => curry.args.first().and_then(closure_in),
        // One that captures: its variables are shared first.
        Expr::Stmt(block) => block.iter().find_map(|statement| match statement {
            Stmt::Expr(expression) => closure_in(expression),
            Stmt::FnCall(curry, _) => curry.args.first().and_then(closure_in),
            _ => None,
        }),
        _ => None,
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

fn finding(severity: Severity, code: &'static str, found: super::ScriptFailure) -> Finding {
    Finding {
        severity,
        code,
        found,
    }
}
