//! Keeps the functions of files apart: a function calls those of its own file, whoever called it.
//!
//! Rhai 1.27 remembers what a call without a namespace means by the name of the function and the number of its
//! arguments, and keeps that memory while functions of other modules run. So `find(id)` of one module may run the `find`
//! of another, or be unknown: only now and then, since it depends on hashes that are other ones in each process. Here
//! such calls, and what they call, get a name that says the file, which no two files have in common.

use super::playbook;
use rhai::{
    AST, Engine, FnAccess, Module, OptimizationLevel, ParseError, Position, Scope, ScriptFuncDef,
    Token,
};
use std::borrow::Cow;
use std::collections::HashSet;

/// Stands between the name of a function and that of its file.
const OF: &str = "__of__";

/// What a closure is called begins so.
const CLOSURE: &str = "anon$";

/// Compiles a file, whose functions find each other by names of their own.
///
/// All lines at the prompt are one file; `known` are the functions of earlier ones.
///
/// # Errors
///
/// What the compiler says.
pub(super) fn compile(
    engine: &Engine,
    names: &Scope,
    text: &str,
    file: &str,
    known: &AST,
) -> Result<AST, ParseError> {
    let program = engine.compile_with_scope(names, text)?;
    let functions: HashSet<&str> = program
        .iter_functions()
        .chain(known.iter_functions())
        .filter(|function| function.this_type.is_none() && !function.name.starts_with(CLOSURE))
        .map(|function| function.name)
        .collect();
    let mut calls = HashSet::new();
    playbook::each_call(&program, &mut |call, position, on_an_object| {
        let is_of_another = !call.namespace.is_empty() || call.op_token.is_some() || on_an_object;
        if !is_of_another && functions.contains(call.name.as_str()) {
            calls.insert(position);
        }
    });
    // Most playbooks call no function of their own, and are read once only.
    let renamed = match calls.is_empty() {
        true => Cow::Borrowed(&program),
        false => Cow::Owned(rename(names, text, file, calls)?),
    };
    let mut lib = Module::new();
    for (.., function) in renamed.shared_lib().iter_script_fn_info() {
        if functions.contains(function.name.as_str()) && function.this_type.is_none() {
            let mut own = ScriptFuncDef::clone(function);
            own.name = of(&function.name, file).into();
            own.access = FnAccess::Private;
            lib.set_script_fn(own);
        }
        // The plain name is what other files and pointers to functions know it by.
        lib.set_script_fn(function.clone());
    }
    let statements = renamed.statements().iter().cloned();
    Ok(AST::new_with_source(statements, lib, file))
}

/// Compiles once more, with other names at the positions of calls.
fn rename(
    names: &Scope,
    text: &str,
    file: &str,
    calls: HashSet<Position>,
) -> Result<AST, ParseError> {
    // The text is known to keep within all limits.
    let mut parser = Engine::new_raw();
    parser
        .set_optimization_level(OptimizationLevel::None)
        .set_max_expr_depths(0, 0);
    let file = file.to_owned();
    super::map_tokens(&mut parser, move |token, position| match token {
        Token::Identifier(name) if calls.contains(&position) => {
            Token::Identifier(Box::new(of(&name, &file).into()))
        }
        token => token,
    });
    parser.compile_with_scope(names, text)
}

/// Rhai takes what is no identifier for an operator, so the other letters of a file's name are written as numbers.
fn of(name: &str, file: &str) -> String {
    let mut whole = format!("{name}{OF}");
    for letter in file.chars() {
        match letter.is_ascii_alphanumeric() {
            true => whole.push(letter),
            false => whole += &format!("_{:x}_", u32::from(letter)),
        }
    }
    whole
}

/// Whether a function has the name that was written.
pub(super) fn is_plain(name: &str) -> bool {
    !name.contains(OF)
}

/// What people call a function, of its name or of its name and types.
pub(super) fn plain(signature: &str) -> String {
    let Some((name, more)) = signature.split_once(OF) else {
        return signature.to_owned();
    };
    match more.split_once(" (") {
        Some((_, types)) => format!("{name} ({types}"),
        None => name.to_owned(),
    }
}
