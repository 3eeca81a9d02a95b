//! [`Conversation`]: what a prompt remembers between two lines; and [`Memory`], a copy of it to go back to.
//!
//! It answers what completion asks, from the values themselves and without copying them, since a variable may hold ten
//! thousand objects.

use super::apart;
use super::{parser, without_shebang};
use crate::native::convert::type_word;
use rhai::{AST, Array, Dynamic, FnPtr, LexError, Map, ParseErrorType, Position, Scope, Stmt};

/// The variables, functions and imports of the lines so far.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) scope: Scope<'static>,
    pub(super) functions: AST,
    /// The paths of imported modules, under their aliases.
    pub(super) imports: Vec<(String, String)>,
    /// How many variables of the name [`ANSWER`] are ours, and not made by a line.
    answers: usize,
}

/// The variable that holds the value of the line before.
pub const ANSWER: &str = "it";

/// What a conversation knew at a moment, see [`Host::remember`](super::Host::remember).
pub struct Memory {
    scope: Scope<'static>,
    functions: AST,
    imports: Vec<(String, String)>,
    answers: usize,
    /// The cells that closures share with variables, each with what it held.
    shared: Vec<(Dynamic, Dynamic)>,
}

/// A variable that a line made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// Whether it was made with `const`.
    pub constant: bool,
    /// What it holds, in words, such as `a list`.
    pub kind: &'static str,
    /// How many values it holds, where it is a list or a map.
    pub count: Option<usize>,
}

impl Variable {
    /// What it is, such as `a list of 3`.
    pub fn describe(&self) -> String {
        let count = self.count.map(|count| format!(" of {count}"));
        let constant = if self.constant { ", constant" } else { "" };
        let kind = self.kind.trim_end_matches(" #{...}");
        format!("{kind}{}{constant}", count.unwrap_or_default())
    }
}

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inside {
    /// A property of an object: `.name`.
    Property(String),
    /// A value of a list: `[0]`.
    Item,
}

impl Conversation {
    /// Keeps the value of a line as [`ANSWER`], unless a line made a variable of that name.
    pub(super) fn answer(&mut self, value: Dynamic) {
        let count = |scope: &Scope| {
            let names = scope.iter_raw().map(|(name, ..)| name);
            names.filter(|name| *name == ANSWER).count()
        };
        if value.is_unit() || count(&self.scope) > self.answers {
            return;
        }
        // One that holds a constant is not replaced but hidden by another.
        self.scope.set_or_push(ANSWER, value);
        self.answers = count(&self.scope);
    }

    pub(super) fn remember(&self) -> Memory {
        let mut shared = Cells::default();
        for (_, _, value) in self.scope.iter_raw() {
            shared.gather(value);
        }
        Memory {
            scope: self.scope.clone(),
            functions: self.functions.clone(),
            imports: self.imports.clone(),
            answers: self.answers,
            shared: shared.cells,
        }
    }

    pub(super) fn recall(&mut self, memory: Memory) {
        for (mut cell, held) in memory.shared {
            if let Some(mut cell) = cell.write_lock::<Dynamic>() {
                *cell = held;
            }
        }
        self.scope = memory.scope;
        self.functions = memory.functions;
        self.imports = memory.imports;
        self.answers = memory.answers;
    }

    /// The variables, each once: the one that a line sees.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for (name, constant, value) in self.scope.iter_raw() {
            variables.retain(|known| known.name != name);
            variables.push(Variable {
                name: name.to_owned(),
                constant,
                kind: type_word(value),
                count: count(value),
            });
        }
        variables
    }

    /// The kind of a value and its properties, if it has any.
    pub(super) fn inspect(
        &self,
        variable: &str,
        path: &[Inside],
    ) -> Option<(&'static str, Vec<String>)> {
        inspect(self.scope.get(variable)?, path)
    }

    /// The functions that lines made, as they are called.
    pub(super) fn functions(&self) -> Vec<(String, String)> {
        let mut functions: Vec<(String, String)> = self
            .functions
            .iter_functions()
            .filter(|function| apart::is_plain(function.name))
            .map(|function| {
                let signature = format!("{}({})", function.name, function.params.join(", "));
                (function.name.to_owned(), signature)
            })
            .collect();
        functions.sort();
        functions
    }
}

/// The cells of values that closures share, each once.
#[derive(Default)]
struct Cells {
    seen: Vec<usize>,
    cells: Vec<(Dynamic, Dynamic)>,
}

impl Cells {
    fn gather(&mut self, value: &Dynamic) {
        if !value.is_shared() {
            return self.inside(value);
        }
        let Some(cell) = value.read_lock::<Dynamic>() else {
            return;
        };
        let address = std::ptr::from_ref(&*cell).addr();
        if !self.seen.contains(&address) {
            self.seen.push(address);
            self.cells.push((value.clone(), cell.clone()));
            self.inside(&cell);
        }
    }

    fn inside(&mut self, value: &Dynamic) {
        if let Some(list) = value.read_lock::<Array>() {
            list.iter().for_each(|value| self.gather(value));
        } else if let Some(map) = value.read_lock::<Map>() {
            map.values().for_each(|value| self.gather(value));
        } else if let Some(function) = value.read_lock::<FnPtr>() {
            function.iter_curry().for_each(|value| self.gather(value));
        }
    }
}

fn inspect(value: &Dynamic, path: &[Inside]) -> Option<(&'static str, Vec<String>)> {
    let Some((first, rest)) = path.split_first() else {
        let names = value
            .read_lock::<Map>()
            .map(|map| map.keys().map(ToString::to_string).collect());
        return Some((type_word(value), names.unwrap_or_default()));
    };
    match first {
        Inside::Property(name) => inspect(value.read_lock::<Map>()?.get(name.as_str())?, rest),
        Inside::Item => inspect(value.read_lock::<Array>()?.first()?, rest),
    }
}

fn count(value: &Dynamic) -> Option<usize> {
    let list = value.read_lock::<Array>().map(|list| list.len());
    list.or_else(|| value.read_lock::<Map>().map(|map| map.len()))
}

/// Whether a text is the beginning of something, so that more lines have to follow.
pub fn is_unfinished(text: &str) -> bool {
    let text = without_shebang(text).trim_end();
    let Err(error) = parser().compile(text) else {
        return false;
    };
    let end = Position::new(
        u16::try_from(text.lines().count()).unwrap_or(u16::MAX),
        u16::try_from(text.lines().last().map_or(0, |line| line.chars().count()))
            .unwrap_or(u16::MAX),
    );
    let place = |position: Position| (position.line(), position.position());
    let opens_a_block = || {
        let line = error.1.line().and_then(|line| text.lines().nth(line - 1));
        let column = error.1.position().unwrap_or(1) - 1;
        line.and_then(|line| line.chars().nth(column)) == Some('`')
    };
    let unterminated = ParseErrorType::BadInput(LexError::UnterminatedString);
    matches!(*error.0, ParseErrorType::UnexpectedEOF)
        || (*error.0 == unterminated && opens_a_block())
        || error.1.is_none()
        || place(error.1) > place(end)
}

/// What a text is made of, as far as it matters where it may stand in a playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Imports alone.
    Imports,
    /// Functions alone.
    Functions,
    /// Statements that may stand in a block.
    Statements,
    /// Several of these.
    Mixed,
}

/// Whether a text is one expression and nothing else, so that `let x =` can stand before it.
pub fn is_expression(text: &str) -> bool {
    let program = parser().compile(without_shebang(text));
    program.is_ok_and(|program| {
        !program.has_functions()
            && matches!(program.statements(), [Stmt::Expr(_) | Stmt::FnCall(..)])
    })
}

/// The shape of a text; what does not compile is taken for statements.
pub fn shape(text: &str) -> Shape {
    let Ok(program) = parser().compile(without_shebang(text)) else {
        return Shape::Statements;
    };
    let is_import = |statement: &Stmt| matches!(statement, Stmt::Import(..));
    let (functions, statements) = (program.has_functions(), program.statements());
    let imports = statements.iter().filter(|each| is_import(each)).count();
    match (functions, imports, statements.len()) {
        (true, 0, 0) => Shape::Functions,
        (false, 0, _) => Shape::Statements,
        (false, imports, all) if imports == all => Shape::Imports,
        _ => Shape::Mixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_lines_follow_what_is_open_and_nothing_else() {
        for open in [
            "fn f(x) {",
            "let x = [1,",
            "onprem.new_auth_server(\"a\", #{",
            "if true {\n  1",
            "let t = `a\nb",
            "1 +",
            "f(",
        ] {
            assert!(is_unfinished(open), "{open}");
        }
        for closed in [
            "",
            "1",
            "let x = 1;",
            "let x",
            "f(x))",
            "let 1 = 2",
            "\"abc",
            "fn f() {}",
            "x.y",
            "a b",
            "// a comment",
        ] {
            assert!(!is_unfinished(closed), "{closed}");
        }
    }

    #[test]
    fn the_shape_of_a_text_says_where_it_may_stand() {
        let shapes = [
            ("import \"a\" as a;", Shape::Imports),
            ("fn f() { 1 }", Shape::Functions),
            ("let x = 1; x + 1", Shape::Statements),
            ("fn f() { 1 } f()", Shape::Mixed),
            ("import \"a\" as a; a::f()", Shape::Mixed),
        ];
        for (text, expected) in shapes {
            assert_eq!(shape(text), expected, "{text}");
        }
    }
}
