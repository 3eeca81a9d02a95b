//! `exoauth definitions`: files that end in `.d.rhai`, from which editors complete and explain.
//!
//! One for what is there everywhere, one for each library file, and those of the language itself.

use crate::cli::{Env, ExitCode, args, files, scripts};
use crate::failure::Failure;
use crate::script::catalog::{self, Catalog, Function, HANDLES};
use std::collections::BTreeMap;

/// Writes the files, in the place of older ones.
pub(super) fn main(env: &Env, asked: &args::Definitions) -> Result<ExitCode, Failure> {
    let folder = env.path(&asked.folder);
    for (path, text) in definitions(&Catalog::of(&scripts::bundle(env))) {
        files::write(&folder.join(&path), &text)?;
        env.output
            .stream
            .line(&format!("{}/{path}", asked.folder))?;
    }
    Ok(ExitCode::DONE)
}

fn definitions(catalog: &Catalog) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = catalog::of_the_language()
        .into_iter()
        .map(|(name, text)| (format!("rhai/{name}"), text))
        .collect();
    let natives = catalog
        .functions
        .iter()
        .filter(|function| !function.is_library());
    let natives: Vec<String> = natives.flat_map(native).collect();
    files.insert(
        "exoauth.d.rhai".to_owned(),
        format!("module static;\n\n{}\n{}", handles(), natives.join("\n")),
    );
    let mut modules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for function in catalog
        .functions
        .iter()
        .filter(|function| function.is_library())
    {
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .map(|name| format!("{name}: ?"))
            .collect();
        let line = definition(function, &arguments, function.gives);
        modules.entry(&function.chapter).or_default().push(line);
    }
    for (module, lines) in modules {
        let name = module.rsplit('/').next().unwrap_or(module);
        let text = format!("module {name};\n\n{}", lines.join("\n"));
        files.insert(format!("{module}.d.rhai"), text);
    }
    files
}

/// What is there in every script besides functions.
fn handles() -> String {
    HANDLES
        .iter()
        .map(|handle| {
            format!(
                "/// {}.\nlet {}: {};\n",
                handle.text, handle.name, handle.r#type
            )
        })
        .collect()
}

/// A native function, in every form.
fn native(function: &Function) -> Vec<String> {
    let receiver = match function.receivers.first().copied() {
        Some("onprem" | "online") => Some("exchange: Exchange"),
        Some("entra") => Some("entra: Entra"),
        Some("cloud") => Some("cloud: Cloud"),
        Some(_) => return Vec::new(),
        None => None,
    };
    let others = function.others.iter();
    let others = others.map(|form| (&form.arguments, form.gives));
    std::iter::once((&function.arguments, function.gives))
        .chain(others)
        .map(|(names, gives)| {
            let mut arguments: Vec<String> = receiver.into_iter().map(str::to_owned).collect();
            arguments.extend(names.iter().map(|name| match name.as_str() {
                "#{...}" => "options: Map".to_owned(),
                "|| {...}" => "body: FnPtr".to_owned(),
                name => format!("{name}: ?"),
            }));
            definition(function, &arguments, gives)
        })
        .collect()
}

fn definition(function: &Function, arguments: &[String], gives: &str) -> String {
    let gives = match gives {
        "a map" => "Map",
        "a list" => "Array",
        "a text" => "String",
        "true or false" => "bool",
        "a whole number" => "int",
        "bytes" => "Blob",
        _ => "?",
    };
    let mut text = String::new();
    let mut comment = |line: &str| {
        text.push_str(format!("/// {line}").trim_end());
        text.push('\n');
    };
    function.text.lines().for_each(&mut comment);
    if !function.options.is_empty() {
        comment("");
        comment("Options:");
        for option in &function.options {
            let need = if option.required {
                ""
            } else {
                ", may be left out"
            };
            comment(&format!(
                "* `{}`: {} ({}{need})",
                option.name,
                option.text.trim_end_matches('.'),
                option.takes
            ));
        }
    }
    for example in &function.examples {
        comment("");
        comment("```rhai");
        example.lines().for_each(&mut comment);
        comment("```");
    }
    format!(
        "{text}fn {}({}) -> {gives};\n",
        function.name,
        arguments.join(", ")
    )
}
