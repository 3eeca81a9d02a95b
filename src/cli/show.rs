//! `exoauth show`: what a playbook is for, what it asks for, what its steps are; or its text.

use crate::cli::args::Format;
use crate::cli::{Env, ExitCode, args, scripts};
use crate::failure::Failure;
use crate::report::plan::short;
use crate::report::{Paint, clean, folded};
use crate::script::Playbook;
use crate::script::playbook::Input;
use serde_json::json;

/// Shows a playbook without running it.
pub(super) fn main(env: &Env, asked: &args::Show, format: Format) -> Result<ExitCode, Failure> {
    let bundle = scripts::bundle(env);
    let playbook = match scripts::playbook(env, &bundle, &asked.playbook) {
        Ok(playbook) => playbook,
        Err(stopped) => return Ok(scripts::refuse(env, &stopped, format)),
    };
    let output = &env.output.stream;
    match (asked.source, format) {
        (true, _) => output.line(playbook.source.trim_end())?,
        (false, Format::Json) => output.line(&format!("{:#}", as_json(&playbook)))?,
        (false, Format::Human) => {
            for line in lines(&playbook, env.paint(&env.output)) {
                output.line(&line)?;
            }
        }
    }
    Ok(ExitCode::DONE)
}

fn lines(playbook: &Playbook, paint: Paint) -> Vec<String> {
    let name = paint.text(Paint::STRONG, clean(&playbook.name));
    let mut lines = vec![format!("{name}  {}", clean(&playbook.title))];
    if !playbook.text.is_empty() {
        for paragraph in playbook.text.split("\n\n") {
            lines.push(String::new());
            let items = items(paragraph);
            lines.extend(items.iter().flat_map(|item| {
                let below = if item.starts_with("* ") { "    " } else { "  " };
                folded(item, paint.width, "  ", below)
            }));
        }
    }
    lines.push(String::new());
    if playbook.inputs.is_empty() {
        lines.push("inputs: none".to_owned());
    } else {
        lines.push("inputs:".to_owned());
        lines.extend(
            playbook
                .inputs
                .iter()
                .flat_map(|input| describe(input, paint)),
        );
    }
    if !playbook.clouds.is_empty() {
        let words: Vec<&str> = playbook.clouds.iter().map(|cloud| cloud.word()).collect();
        lines.push(format!("clouds: {}", words.join(", ")));
    }
    lines.push("steps:".to_owned());
    let mut above = playbook.name.as_str();
    for step in &playbook.steps {
        if step.playbook != above {
            above = &step.playbook;
            lines.push(format!("  {}", clean(above)));
        }
        let id = paint.text(Paint::STRONG, format!("{:24}", clean(&step.id)));
        lines.push(format!("    {id} {}", clean(&step.title)));
    }
    if playbook.steps.is_empty() {
        lines.push("    none that can be named".to_owned());
    }
    lines
}

fn describe(input: &Input, paint: Paint) -> Vec<String> {
    let name = paint.text(Paint::STRONG, clean(&input.name));
    let need = match (&input.default, input.required) {
        (Some(default), _) if default.is_empty() => "may be left out".to_owned(),
        (Some(default), _) => format!("default: {}", short(default)),
        (None, true) => "must be given".to_owned(),
        (None, false) => "may be left out".to_owned(),
    };
    let indent = " ".repeat(8);
    let takes = format!("{name} ({}; {need})", input.r#type.takes());
    let mut lines = folded(&takes, paint.width, "    ", &indent);
    lines.extend(folded(&clean(&input.text), paint.width, &indent, &indent));
    lines
}

/// The lines of a paragraph put together; an item of a list begins a new one.
fn items(paragraph: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in paragraph.lines().map(str::trim) {
        match items.last_mut() {
            Some(item) if !line.starts_with("* ") => {
                item.push(' ');
                item.push_str(&clean(line));
            }
            _ => items.push(clean(line)),
        }
    }
    items
}

fn as_json(playbook: &Playbook) -> serde_json::Value {
    let input = |input: &Input| {
        json!({
            "name": input.name,
            "text": input.text,
            "type": input.r#type.word(),
            "takes": input.r#type.takes(),
            "default": input.default,
            "required": input.required,
        })
    };
    let inputs: Vec<_> = playbook.inputs.iter().map(input).collect();
    let steps: Vec<_> = playbook
        .steps
        .iter()
        .map(|step| json!({ "playbook": step.playbook, "id": step.id, "title": step.title }))
        .collect();
    json!({
        "name": playbook.name,
        "title": playbook.title,
        "text": playbook.text,
        "inputs": inputs,
        "clouds": playbook.clouds,
        "includes": playbook.includes,
        "steps": steps,
    })
}
