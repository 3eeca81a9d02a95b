//! `exoauth docs`: the reference of the functions that scripts can call, from the one catalog.

mod page;

use crate::cli::args::{self, Format};
use crate::cli::{Env, ExitCode, files, scripts};
use crate::failure::Failure;
use crate::repl::explain;
use crate::report::{Paint, clean};
use crate::script::catalog::{Catalog, Function};
use crate::words::meant_or_all;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Shows the list of all functions, or those of a name or chapter; or writes the page.
pub(super) fn main(env: &Env, asked: &args::Docs, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let catalog = Catalog::of(&bundle);
    let output = &env.output.stream;
    if let Some(file) = &asked.html {
        files::write(&env.path(file), &page::page(&catalog, &bundle)?)?;
        output.line(file)?;
        return Ok(ExitCode::DONE);
    }
    let functions = match &asked.name {
        Some(name) => named(&catalog, name)?,
        None => catalog.functions.iter().collect(),
    };
    let paint = env.paint(&env.output);
    let lines = match (format, &asked.name) {
        (Format::Json, _) => {
            let functions: Json = functions.into_iter().map(as_json).collect();
            vec![format!("{functions:#}")]
        }
        (Format::Human, None) => list(&functions, paint),
        (Format::Human, Some(_)) => functions
            .into_iter()
            .flat_map(|function| [explain(function, paint), String::new()])
            .collect(),
    };
    lines.iter().try_for_each(|line| output.line(line))?;
    Ok(ExitCode::DONE)
}

/// The functions of a name, with or without what it is called on, or of a chapter.
fn named<'catalog>(
    catalog: &'catalog Catalog,
    name: &str,
) -> Result<Vec<&'catalog Function>, Failure> {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let last = last.split('(').next().unwrap_or(last);
    let module = name.rsplit_once("::").map(|(module, _)| module);
    let fits = |function: &&Function| {
        function.name == last && module.is_none_or(|module| short(&function.chapter) == module)
    };
    let found: Vec<&Function> = catalog.functions.iter().filter(fits).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let of_chapter =
        |function: &&Function| function.chapter == name || short(&function.chapter) == name;
    let found: Vec<&Function> = catalog.functions.iter().filter(of_chapter).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: BTreeSet<&str> = catalog
        .functions
        .iter()
        .flat_map(|function| [function.name.as_str(), function.chapter.as_str()])
        .collect();
    let message = format!("there is no function and no chapter \"{name}\"");
    Err(Failure::input(message).with_hint(meant_or_all(last, names)))
}

/// A chapter without its folder.
fn short(chapter: &str) -> &str {
    chapter.rsplit('/').next().unwrap_or(chapter)
}

fn list(functions: &[&Function], paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above = "";
    for function in functions {
        if function.chapter != above {
            above = &function.chapter;
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(paint.text(Paint::STRONG, clean(above)));
        }
        let forms = function.forms();
        lines.extend(forms.iter().map(|form| format!("  {}", clean(form))));
        lines.push(paint.text(Paint::QUIET, format!("      {}", clean(function.summary()))));
    }
    lines
}

fn as_json(function: &Function) -> Json {
    let options: Json = function
        .options
        .iter()
        .map(|option| {
            json!({
                "name": option.name,
                "takes": option.takes,
                "required": option.required,
                "text": option.text,
            })
        })
        .collect();
    json!({
        "chapter": function.chapter,
        "name": function.name,
        "signature": function.signature(),
        "forms": function.forms(),
        "receivers": if function.is_library() { &[] } else { function.receivers.as_slice() },
        "arguments": function.arguments,
        "gives": function.gives,
        "options": options,
        "planes": function.planes,
        "cmdlet": function.cmdlet,
        "effect": function.effect,
        "text": function.text,
        "examples": function.examples,
    })
}
