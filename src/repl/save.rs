//! The lines of a conversation as a playbook.

use super::secrets;
use crate::script::{Shape, shape};

/// What a playbook is made of.
#[derive(Debug)]
pub(super) struct Saved {
    /// Its text.
    pub(super) text: String,
    /// How many lines are in it.
    pub(super) lines: usize,
    /// How many lines are not, since they hold a secret.
    pub(super) left_out: usize,
}

/// Writes lines as a playbook: imports and functions at the top, the rest as one step.
///
/// Where a line is several of these at once, the order matters, and all lines stand one after the other.
pub(super) fn playbook(lines: &[String], organization: &str, date: &str) -> Saved {
    let (secret, lines): (Vec<&String>, Vec<&String>) =
        lines.iter().partition(|line| secrets::holds_one(line));
    let shapes: Vec<(Shape, &str)> = lines
        .iter()
        .map(|line| (shape(line), line.trim()))
        .collect();
    let of = |wanted: Shape| {
        let lines = shapes.iter().filter(move |(shape, _)| *shape == wanted);
        lines.map(|(_, line)| *line)
    };
    let header = format!(
        "//! What was done at the prompt.\n//!\n//! Saved on {date}, from a conversation with {organization}.\n"
    );
    let constant = "const PLAYBOOK = #{\n    title: \"What was done at the prompt\",\n};\n";
    let mut text = header;
    let mut add = |part: &str| {
        text.push('\n');
        text.push_str(part);
    };
    if of(Shape::Mixed).next().is_some() {
        add(constant);
        shapes.iter().for_each(|(_, line)| add(&ended(line)));
    } else {
        let imports: String = of(Shape::Imports).map(ended).collect();
        if !imports.is_empty() {
            add(&imports);
        }
        add(constant);
        of(Shape::Functions).for_each(|line| add(&format!("{line}\n")));
        let body: String = of(Shape::Statements)
            .map(|line| indented(&ended(line)))
            .collect();
        if !body.is_empty() {
            add(&format!(
                "step(\"at-the-prompt\", \"What was done at the prompt\", || {{\n{body}}});\n"
            ));
        }
    }
    Saved {
        text,
        lines: lines.len(),
        left_out: secret.len(),
    }
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
    use crate::script::Playbook;

    fn saved(lines: &[&str]) -> Saved {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        playbook(&lines, "lab", "2026-11-23")
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
        assert_eq!((saved.lines, saved.left_out), (4, 1));
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
