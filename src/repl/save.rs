//! The lines of a conversation as a playbook.

use super::secrets;
use super::show::literal;
use super::text::{Kind, pieces};
use crate::script::playbook::{Input, InputType};
use crate::script::{ANSWER, Playbook, Shape, is_expression, shape};
use crate::value::Value;
use std::collections::BTreeMap;

/// Something that was said and did what it should.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// Lines, and whether they gave a value.
    Lines { text: String, gave: bool },
    /// A playbook of the bundle that was run with inputs.
    Played {
        playbook: Box<Playbook>,
        inputs: BTreeMap<String, Value>,
    },
    /// What cannot be saved, and why.
    Lost(String),
}

/// What a playbook is made of.
#[derive(Debug)]
pub(super) struct Saved {
    /// Its text.
    pub(super) text: String,
    /// How many lines are in it.
    pub(super) lines: usize,
    /// What is not in it, and why.
    pub(super) left_out: Vec<String>,
}

/// Writes what was said as a playbook: imports and functions at the top, the rest as one step. The inputs that playbooks
/// were run with become inputs of it, with these values where none are given.
///
/// Where a line is several of these at once, the order matters, and all lines stand one after the other.
pub(super) fn playbook(said: &[Said], organization: &str, date: &str) -> Saved {
    let mut gathered = Gathered::default();
    for each in said {
        gathered.add(each);
    }
    if gathered.secrets > 0 {
        let lines = if gathered.secrets == 1 {
            "1 line"
        } else {
            "some lines"
        };
        let why = format!("{lines}, since a secret may be in it");
        gathered.left_out.push(why);
    }
    let header = format!(
        "//! What was done at the prompt.\n//!\n//! Saved on {date}, from a conversation with {organization}.\n"
    );
    Saved {
        text: format!("{header}{}", gathered.script()),
        lines: gathered.lines.len(),
        left_out: gathered.left_out,
    }
}

/// What a playbook is made of, in the order in which it was said.
#[derive(Default)]
struct Gathered {
    /// Lines, and whether they gave a value.
    lines: Vec<(String, bool)>,
    /// The inputs that playbooks were run with, by their names.
    inputs: BTreeMap<String, (Input, Value)>,
    /// How many lines may hold a secret.
    secrets: usize,
    left_out: Vec<String>,
}

impl Gathered {
    fn add(&mut self, said: &Said) {
        match said {
            Said::Lost(why) => self.left_out.push(why.clone()),
            Said::Lines { text, .. } if secrets::holds_one(text) => self.secrets += 1,
            Said::Lines { text, gave } => {
                if mentions_answer(text) {
                    self.name_answer();
                }
                self.lines.push((text.trim().to_owned(), *gave));
            }
            Said::Played { playbook, inputs } => self.add_playbook(playbook, inputs),
        }
    }

    /// Gives the last value a name, since the line that comes uses it.
    fn name_answer(&mut self) {
        let gave = self.lines.iter_mut().rev().find(|(_, gave)| *gave);
        if let Some((line, _)) = gave
            && is_expression(line)
            && !line.starts_with("let ")
        {
            *line = format!("let {ANSWER} = {line}");
        }
    }

    fn add_playbook(&mut self, playbook: &Playbook, given: &BTreeMap<String, Value>) {
        let other = given.iter().find(|(name, value)| {
            let before = self.inputs.get(*name);
            before.is_some_and(|(_, before)| before != *value)
        });
        if let Some((name, _)) = other {
            self.left_out.push(format!(
                "{}, run again with another {name}: a playbook has one value for an input",
                playbook.name
            ));
            return;
        }
        for input in &playbook.inputs {
            if let Some(value) = given.get(&input.name) {
                let value = (input.clone(), value.clone());
                self.inputs.insert(input.name.clone(), value);
            }
        }
        let line = format!("playbook({:?});", playbook.name);
        // Run once more, a playbook finds nothing to do.
        if !self.lines.iter().any(|(before, _)| *before == line) {
            self.lines.push((line, false));
        }
    }

    /// The script below its header.
    fn script(&self) -> String {
        let lines = self.lines.iter();
        let shapes: Vec<(Shape, &str)> = lines
            .map(|(line, _)| (shape(line), line.as_str()))
            .collect();
        let of = |wanted: Shape| {
            let lines = shapes.iter().filter(move |(shape, _)| *shape == wanted);
            lines.map(|(_, line)| *line)
        };
        let constant = constant(&self.inputs);
        let mut text = String::new();
        let mut add = |part: &str| {
            text.push('\n');
            text.push_str(part);
        };
        if of(Shape::Mixed).next().is_some() {
            add(&constant);
            shapes.iter().for_each(|(_, line)| add(&ended(line)));
            return text;
        }
        let imports: String = of(Shape::Imports).map(ended).collect();
        if !imports.is_empty() {
            add(&imports);
        }
        add(&constant);
        of(Shape::Functions).for_each(|line| add(&format!("{line}\n")));
        let body: String = of(Shape::Statements)
            .map(|line| indented(&ended(line)))
            .collect();
        if !body.is_empty() {
            add(&format!(
                "step(\"at-the-prompt\", \"What was done at the prompt\", || {{\n{body}}});\n"
            ));
        }
        text
    }
}

/// Whether a line uses the value of the line before.
fn mentions_answer(line: &str) -> bool {
    let pieces = pieces(line);
    pieces.iter().enumerate().any(|(at, piece)| {
        let before = at.checked_sub(1).and_then(|at| pieces.get(at));
        let of_something = [".", "?.", "::", "let"];
        match piece.kind {
            Kind::Word => {
                piece.text == ANSWER
                    && before.is_none_or(|before| !of_something.contains(&before.text))
            }
            Kind::Text if piece.text.starts_with('`') => {
                let parts = piece.text.split("${").skip(1);
                parts
                    .filter_map(|part| part.split('}').next())
                    .any(mentions_answer)
            }
            _ => false,
        }
    })
}

/// The header of the playbook, with its inputs.
fn constant(inputs: &BTreeMap<String, (Input, Value)>) -> String {
    let mut text = "const PLAYBOOK = #{\n    title: \"What was done at the prompt\",\n".to_owned();
    if !inputs.is_empty() {
        text += "    inputs: #{\n";
        for (name, (input, value)) in inputs {
            text += &format!("        {name}: #{{\n");
            text += &format!("            text: {:?},\n", input.text);
            text += &format!("            type: {:?},\n", input.r#type.word());
            if let InputType::Choice(choices) = &input.r#type {
                text += &format!("            choices: {choices:?},\n");
            }
            text += &format!("            default: {},\n        }},\n", literal(value, 3));
        }
        text += "    },\n";
    }
    text + "};\n"
}

/// A statement has its end; one that ends with a comment gets it on the next line.
fn ended(line: &str) -> String {
    let last = line.lines().last().unwrap_or_default();
    match line.ends_with(';') {
        true => format!("{line}\n"),
        false if last.contains("//") => format!("{line}\n;\n"),
        false => format!("{line};\n"),
    }
}

/// Lines inside a text in backquotes stay as they are, since white space matters there.
fn indented(text: &str) -> String {
    match text.contains('`') {
        true => format!("    {text}"),
        false => text.lines().map(|line| format!("    {line}\n")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Bundle;

    /// Lines that end with a value are those without a semicolon.
    fn saved(lines: &[&str]) -> Saved {
        let lines: Vec<Said> = lines
            .iter()
            .map(|line| Said::Lines {
                text: (*line).to_owned(),
                gave: !line.ends_with(';') && !line.starts_with("let "),
            })
            .collect();
        playbook(&lines, "lab", "2026-11-23")
    }

    #[test]
    fn what_was_asked_of_the_line_before_is_asked_in_the_playbook_too() {
        let saved = saved(&["1 + 1", "say(\"x\");", "say(`${it}`)", "it.to_string()"]);
        assert!(
            saved.text.contains(
                "    let it = 1 + 1;\n    say(\"x\");\n    let it = say(`${it}`);\n    it.to_string();\n"
            ),
            "{}",
            saved.text
        );
    }

    #[test]
    fn inputs_of_a_playbook_become_inputs_of_the_saved_one() {
        let played = |domains: &str| Said::Played {
            playbook: Box::new(Bundle::embedded().playbook("07-connector-online").unwrap()),
            inputs: [("smtp_domains".to_owned(), Value::from(domains))].into(),
        };
        let said = [
            played("contoso.com"),
            played("contoso.com"),
            played("tailspintoys.com"),
            Said::Lost("./mine.rhai, a file".to_owned()),
        ];
        let saved = playbook(&said, "lab", "2026-11-23");
        let playbook = Playbook::read("saved", &saved.text).unwrap();
        let input = &playbook.inputs[0];
        assert_eq!(
            (input.name.as_str(), &input.r#type, input.default.as_ref()),
            (
                "smtp_domains",
                &InputType::Domains,
                Some(&Value::from(vec!["contoso.com".to_owned()]))
            )
        );
        assert_eq!(saved.text.matches("playbook(\"07").count(), 1);
        assert_eq!(
            saved.left_out,
            [
                "07-connector-online, run again with another smtp_domains: a playbook has one value for an input",
                "./mine.rhai, a file",
            ]
        );
    }

    #[test]
    fn lines_become_a_playbook_that_is_read() {
        let saved = saved(&[
            "let x = 1",
            "fn twice(y) { y * 2 }",
            "import \"stdlib/lists\" as lists;",
            "let password = \"P@ssw0rd\";",
            "say(`${twice(x)}`)",
        ]);
        let expected = "\
//! What was done at the prompt.
//!
//! Saved on 2026-11-23, from a conversation with lab.

import \"stdlib/lists\" as lists;

const PLAYBOOK = #{
    title: \"What was done at the prompt\",
};

fn twice(y) { y * 2 }

step(\"at-the-prompt\", \"What was done at the prompt\", || {
    let x = 1;
    say(`${twice(x)}`);
});
";
        assert_eq!(saved.text, expected);
        let left_out = ["1 line, since a secret may be in it".to_owned()];
        assert_eq!((saved.lines, saved.left_out.as_slice()), (4, &left_out[..]));
        let playbook = Playbook::read("saved", &saved.text).unwrap();
        assert_eq!(playbook.steps[0].id, "at-the-prompt");
    }

    #[test]
    fn a_line_that_is_several_things_keeps_the_order() {
        let saved = saved(&[
            "let x = 1",
            "fn f() { 1 } let y = f()",
            "if x == 1 { say(\"one\") }",
        ]);
        let at = |text: &str| saved.text.find(text);
        assert!(at("let x = 1;") < at("fn f()") && at("fn f()") < at("if x"));
        assert!(Playbook::read("saved", &saved.text).is_ok());
    }
}
