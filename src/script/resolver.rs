//! [`Resolver`]: finds what a script imports, in the [`Bundle`] and nowhere else.
//!
//! `import "stdlib/connectors"` gives the user's file if there is one, also to shipped modules; `std:` before the path
//! gives the shipped original. Paths that leave the folder and imports in a circle are refused; the resolvers that come
//! with Rhai follow the first and overflow the stack on the second.

use super::apart;
use super::bundle::Bundle;
use super::{Sources, locked, names_of_handles};
use crate::failure::Failure;
use crate::native::throw;
use crate::words::meant_or_all;
use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::collections::HashMap;
use std::sync::Mutex;

/// Finds modules in a bundle.
pub(super) struct Resolver {
    bundle: Bundle,
    sources: Sources,
    loaded: Mutex<HashMap<String, Shared<Module>>>,
    loading: Mutex<Vec<String>>,
}

/// A path that was checked.
struct Wanted<'path> {
    path: &'path str,
    shipped: bool,
}

impl Resolver {
    pub(super) fn new(bundle: Bundle, sources: Sources) -> Self {
        Self {
            bundle,
            sources,
            loaded: Mutex::default(),
            loading: Mutex::default(),
        }
    }

    fn load(
        &self,
        engine: &Engine,
        id: &str,
        wanted: &Wanted,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let file = format!("{}.rhai", wanted.path);
        let source = match wanted.shipped {
            true => self.bundle.shipped(&file),
            false => self
                .bundle
                .file(&file)
                .map_err(|failure| at(failure, position))?,
        };
        let source = source.ok_or_else(|| at(self.no_such_module(wanted), position))?;
        self.sources.add(id, &source.text);
        let inside = |error| Box::new(EvalAltResult::ErrorInModule(id.to_owned(), error, position));
        let names = names_of_handles();
        let program = apart::compile(engine, &names, &source.text, id, &AST::empty())
            .map_err(|error| inside(error.into()))?;
        Module::eval_ast_as_new(Scope::new(), &program, engine)
            .map(Into::into)
            .map_err(inside)
    }

    fn no_such_module(&self, wanted: &Wanted) -> Failure {
        let failure = Failure::input(format!("there is no module \"{}\"", wanted.path));
        let Ok(modules) = self.bundle.modules() else {
            return failure;
        };
        failure.with_hint(meant_or_all(
            wanted.path,
            modules.iter().map(String::as_str),
        ))
    }

    /// Refuses an import of a module that is being loaded.
    fn enter(&self, id: &str) -> Result<(), Failure> {
        let mut loading = locked(&self.loading);
        if let Some(first) = loading.iter().position(|other| other == id) {
            let mut circle: Vec<&str> = loading[first..].iter().map(String::as_str).collect();
            circle.push(id);
            return Err(Failure::input(format!(
                "modules import each other in a circle: {}",
                circle.join(" -> ")
            )));
        }
        loading.push(id.to_owned());
        Ok(())
    }
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        _source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let wanted = check(path).map_err(|failure| at(failure, position))?;
        let id = match wanted.shipped {
            true => format!("std:{}.rhai", wanted.path),
            false => format!("{}.rhai", wanted.path),
        };
        if let Some(module) = locked(&self.loaded).get(&id) {
            return Ok(module.clone());
        }
        self.enter(&id).map_err(|failure| at(failure, position))?;
        let module = self.load(engine, &id, &wanted, position);
        locked(&self.loading).pop();
        let module = module?;
        locked(&self.loaded).insert(id, module.clone());
        Ok(module)
    }
}

/// Refuses a path that is not one below the folder.
fn check(given: &str) -> Result<Wanted<'_>, Failure> {
    let (shipped, path) = match given.strip_prefix("std:") {
        Some(path) => (true, path),
        None => (false, given),
    };
    let refuse = |reason: &str| {
        Err(Failure::input(format!("\"{given}\" cannot be imported: {reason}"),
        )
        .with_hint("a module is named by its path below the folder and without ending, such as \"stdlib/connectors\""))
    };
    if path.starts_with('/') || path.contains(':') {
        return refuse("the path starts at a root");
    }
    if path.contains('\\') {
        return refuse("a path has / between its parts");
    }
    if path.split('/').any(|part| part == "..") {
        return refuse("the path leaves the folder");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return refuse("a part of the path is empty");
    }
    if path.ends_with(".rhai") {
        return refuse("the ending is left out");
    }
    Ok(Wanted { path, shipped })
}

fn at(failure: Failure, position: Position) -> Box<EvalAltResult> {
    let mut error = throw(failure);
    error.set_position(position);
    error
}
