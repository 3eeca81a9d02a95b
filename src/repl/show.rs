//! How values, help and variables are shown at the prompt.

use super::command::{COMMANDS, Format};
use crate::report::{Paint, clean, folded, table};
use crate::script::catalog::Function;
use crate::script::{ANSWER, Catalog, Host};
use crate::subject::Effect;
use crate::value::Value;

/// A value in the format that was chosen; nothing for nothing.
pub(super) fn value(value: &Value, format: Format, width: usize) -> Option<String> {
    match (value, format) {
        (Value::Null, _) => None,
        (value, Format::Json) => Some(format!("{:#}", value.to_json())),
        (value, Format::Raw) => Some(literal(value, 0)),
        (Value::List(list), Format::Table) if list.len() > 1 => {
            Some(table::fitting(list, width).unwrap_or_else(|| table::value(value, width)))
        }
        (value, Format::Table) => Some(table::value(value, width)),
    }
}

/// A value as a script writes it.
pub(super) fn literal(value: &Value, depth: usize) -> String {
    let space = "    ".repeat(depth + 1);
    let end = "    ".repeat(depth);
    match value {
        Value::Null => "()".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(list) if list.is_empty() => "[]".to_owned(),
        Value::List(list) => {
            let items = list
                .iter()
                .map(|item| format!("{space}{},\n", literal(item, depth + 1)));
            format!("[\n{}{end}]", items.collect::<String>())
        }
        Value::Object(object) if object.is_empty() => "#{}".to_owned(),
        Value::Object(object) => {
            let properties = object.iter().map(|(name, value)| {
                format!("{space}{}: {},\n", clean(name), literal(value, depth + 1))
            });
            format!("#{{\n{}{end}}}", properties.collect::<String>())
        }
        Value::Unknown(what) => format!("/* known after apply: {} */ ()", clean(what)),
        other => other.to_json().to_string(),
    }
}

/// Explains a name, or lists what there is.
pub(super) fn help(catalog: &Catalog, name: Option<&str>, paint: Paint) -> Option<String> {
    let Some(name) = name else {
        return Some(overview(catalog, paint));
    };
    if let Some(command) = name.strip_prefix(':') {
        return about_command(command, paint);
    }
    // `onprem.get_auth_server` and `get_auth_server(` are the same function to a person.
    let name = name.split('(').next().unwrap_or(name);
    let name = name.rsplit(['.', ':']).next().unwrap_or(name);
    let functions: Vec<&Function> = catalog.find(name).collect();
    match functions.is_empty() {
        true => about_command(name, paint),
        false => {
            let parts = functions.iter().map(|function| explain(function, paint));
            Some(parts.collect::<Vec<_>>().join("\n\n"))
        }
    }
}

fn about_command(name: &str, paint: Paint) -> Option<String> {
    let known = COMMANDS.iter().find(|known| known.name == name)?;
    let line = format!(":{} {}", known.name, known.takes);
    let line = paint.text(Paint::STRONG, line.trim_end());
    Some(format!("{line}\n  {}", known.text))
}

fn overview(catalog: &Catalog, paint: Paint) -> String {
    let width = paint.width.clamp(60, 120);
    let explained = |name: &str, text: &str, column: usize| {
        let first = format!("{name:column$}  ");
        folded(text, width, &first, &" ".repeat(column + 2))
    };
    let mut lines = vec![paint.text(Paint::STRONG, "commands")];
    for known in COMMANDS {
        let line = format!("  :{} {}", known.name, known.takes);
        lines.extend(explained(&line, known.text, 30));
    }
    lines.push(String::new());
    lines.push(paint.text(Paint::STRONG, "functions (:help NAME explains one)"));
    let mut chapter = "";
    let mut last = "";
    for function in &catalog.functions {
        if function.chapter != chapter {
            chapter = &function.chapter;
            lines.push(paint.text(Paint::QUIET, format!("  {}", chapter.replace('_', " "))));
        }
        if function.name != last {
            let name = format!("    {}", function.name);
            lines.extend(explained(&name, function.summary(), 38));
        }
        last = &function.name;
    }
    lines.push(String::new());
    lines.push(
        "Tab completes, also option keys inside #{ } and properties of what was read.".to_owned(),
    );
    lines.push(format!(
        "`{ANSWER}` is the value of the line before. A line ends with a semicolon to show nothing."
    ));
    lines.push("Ctrl-C stops a line, Ctrl-R searches earlier lines, Ctrl-D leaves.".to_owned());
    lines.join("\n")
}

/// Explains a function: every way to call it, what it stands for, its text, its options and its examples.
pub fn explain(function: &Function, paint: Paint) -> String {
    let width = paint.width.clamp(40, 120);
    let forms = function.forms();
    let forms = forms
        .iter()
        .map(|form| paint.text(Paint::STRONG, clean(form)));
    let mut lines: Vec<String> = forms.collect();
    lines.extend(
        facts(function).map(|fact| paint.text(Paint::QUIET, format!("  {}", clean(&fact)))),
    );
    lines.push(String::new());
    for paragraph in function.text.split("\n\n") {
        lines.extend(folded(
            &clean(&paragraph.replace('\n', " ")),
            width,
            "  ",
            "  ",
        ));
        lines.push(String::new());
    }
    if !function.options.is_empty() {
        lines.push("  options:".to_owned());
        let longest = function.options.iter().map(|field| field.name.len()).max();
        let longest = longest.unwrap_or(0);
        let below = " ".repeat(longest + 6);
        for field in &function.options {
            let must = if field.required {
                ", must be given"
            } else {
                ""
            };
            let meaning = field.text.trim_end_matches('.');
            let text = clean(&format!("{meaning} ({}{must})", field.takes));
            let name = format!("    {:longest$}  ", field.name);
            let mut explained = folded(&text, width, &name, &below);
            if let Some(first) = explained.first_mut() {
                *first = first.replacen(&*field.name, &paint.text(Paint::STRONG, &field.name), 1);
            }
            lines.extend(explained);
        }
        lines.push(String::new());
    }
    for example in &function.examples {
        lines.push("  example:".to_owned());
        lines.extend(
            example
                .lines()
                .map(|line| format!("    {}", clean(line)).trim_end().to_owned()),
        );
        lines.push(String::new());
    }
    lines.join("\n").trim_end().to_owned()
}

/// What it does where, and what it stands for.
fn facts(function: &Function) -> impl Iterator<Item = String> + '_ {
    let handles = match function.receivers.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => {
            Some(format!("on {first} and {}", rest.join(" and ")))
        }
        _ if function.is_library() => Some(format!(
            "import \"{}\" as {};",
            function.chapter,
            function.chapter.rsplit('/').next().unwrap_or_default()
        )),
        _ => None,
    };
    let cmdlet = function
        .cmdlet
        .map(|cmdlet| format!("{}: {cmdlet}", effect(function)));
    handles.into_iter().chain(cmdlet)
}

/// What a function does to its subject, in a word.
pub fn effect(function: &Function) -> &'static str {
    match function.effect {
        Some(Effect::Read) => "reads",
        Some(Effect::Create) => "creates",
        Some(Effect::Update) => "updates",
        Some(Effect::Delete) => "removes",
        Some(Effect::Test) => "tries out",
        Some(Effect::Refresh) => "refreshes",
        None => "asks nobody",
    }
}

/// The variables and functions of a conversation.
pub(super) fn variables(host: &Host, width: usize) -> String {
    let mut rows: Vec<Vec<String>> = host
        .describe_variables()
        .iter()
        .map(|variable| vec![variable.name.clone(), variable.describe()])
        .collect();
    let functions = host.functions().into_iter();
    rows.extend(functions.map(|(_, signature)| vec![signature, "a function".to_owned()]));
    let imports = host.imports().into_iter();
    rows.extend(imports.map(|(alias, path)| vec![format!("{alias}::"), path]));
    match rows.is_empty() {
        true => "no variables yet: let x = ...".to_owned(),
        false => table::rows(&["name", "what it is"], rows, width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_shown_as_it_was_asked_for() {
        let connector = Value::from(json!({ "name": "a\"b", "domains": ["x"], "none": null }));
        assert_eq!(
            value(&connector, Format::Raw, 80).as_deref(),
            Some(
                "#{\n    name: \"a\\\"b\",\n    domains: [\n        \"x\",\n    ],\n    none: (),\n}"
            )
        );
        assert_eq!(
            value(&Value::Integer(1), Format::Json, 80).as_deref(),
            Some("1")
        );
        assert_eq!(value(&Value::Null, Format::Table, 80), None);
    }

    #[test]
    fn help_knows_functions_by_any_way_of_writing_them() {
        let catalog = Catalog::native();
        let paint = Paint {
            colors: false,
            width: 80,
            folds: false,
        };
        let help = |name| help(&catalog, Some(name), paint);
        let expected = help("get_auth_server");
        assert!(
            expected
                .as_deref()
                .is_some_and(|text| text.contains("Get-AuthServer"))
        );
        assert_eq!(help("onprem.get_auth_server"), expected);
        assert_eq!(help("get_auth_server()"), expected);
        assert!(help(":run").is_some() && help("run").is_some());
        assert_eq!(help("no_such_thing"), None);
    }
}
