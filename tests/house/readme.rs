//! Every block of README.md is run: commands in memory, organization files read, scripts planned on the lab.

use crate::support::runner::{Runner, split};
use crate::support::source::top;
use exoauth::cli::ExitCode;
use exoauth::organization::Organization;
use std::error::Error;
use std::fs;
use std::path::Path;

/// A fenced block.
struct Block {
    language: String,
    text: String,
    line: usize,
}

fn blocks() -> Result<Vec<Block>, Box<dyn Error>> {
    let readme = fs::read_to_string(top().join("README.md"))?;
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in readme.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                    line: at + 1,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    Ok(blocks)
}

#[test]
fn no_block_is_left_out() -> Result<(), Box<dyn Error>> {
    for block in blocks()? {
        let known = ["console", "toml", "rhai", "text"].contains(&block.language.as_str());
        assert!(
            known,
            "line {}: nobody runs \"{}\"",
            block.line, block.language
        );
    }
    Ok(())
}

#[test]
fn commands_do_what_the_readme_says() -> Result<(), Box<dyn Error>> {
    let contoso = toml_blocks()?.remove(0);
    for block in blocks()?.iter().filter(|block| block.language == "console") {
        let runner = Runner::new()
            .file("contoso.toml", &contoso)
            .file("fabrikam.toml", &contoso);
        let mut shown = String::new();
        for line in block.text.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => shown = run(&runner, command)?,
                None if line == "..." => {}
                None => assert!(
                    shown.contains(line),
                    "line {}: no \"{line}\" in:\n{shown}",
                    block.line
                ),
            }
        }
    }
    Ok(())
}

/// Runs a command of the README; those of a real organization cannot reach it here, and have to say so.
fn run(runner: &Runner, command: &str) -> Result<String, Box<dyn Error>> {
    if command == "cargo test" {
        return Ok(String::new());
    }
    let line = ["cargo run --release -- ", "exoauth "]
        .iter()
        .find_map(|program| command.strip_prefix(program))
        .ok_or_else(|| format!("\"{command}\" is not ours"))?;
    let real = split(line).iter().any(|word| word == "contoso.toml");
    let ran = runner.run(line);
    if real {
        assert!(
            ran.stderr.contains("EXCHANGE_PASSWORD") || ran.stderr.contains("CLIENT_SECRET"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.code, ExitCode::WRONG_INPUT.number());
        return Ok(ran.stdout);
    }
    Ok(ran.ends_with(0).stdout)
}

fn toml_blocks() -> Result<Vec<String>, Box<dyn Error>> {
    let blocks = blocks()?.into_iter();
    Ok(blocks
        .filter(|block| block.language == "toml")
        .map(|block| block.text)
        .collect())
}

#[test]
fn organization_files_are_read() -> Result<(), Box<dyn Error>> {
    for text in toml_blocks()? {
        let none = |_: &Path| {
            Err(std::io::Error::other(
                "the README names no files that are read",
            ))
        };
        Organization::parse("contoso", &text, Path::new(""), &none)?;
    }
    Ok(())
}

#[test]
fn scripts_run_on_the_lab() -> Result<(), Box<dyn Error>> {
    for block in blocks()?.iter().filter(|block| block.language == "rhai") {
        let runner = Runner::new().file("connectors.rhai", &block.text);
        runner.run("check connectors.rhai --strict").ends_with(0);
        runner.run("run ./connectors.rhai --apply").ends_with(0);
    }
    Ok(())
}

#[test]
fn conversations_go_as_the_readme_says() -> Result<(), Box<dyn Error>> {
    for block in blocks()?.iter().filter(|block| block.language == "text") {
        let typed: Vec<&str> = block
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("lab> "))
            .collect();
        let ran = Runner::new().answering(&typed).run("repl").ends_with(0);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        for line in block.text.lines() {
            assert!(shown.contains(line), "no \"{line}\" in:\n{shown}");
        }
    }
    Ok(())
}

#[test]
fn the_checks_run_the_two_commands_of_the_readme() -> Result<(), Box<dyn Error>> {
    let checks = fs::read_to_string(top().join(".ci/run"))?;
    let commands: Vec<String> = blocks()?
        .iter()
        .flat_map(|block| block.text.lines())
        .filter_map(|line| {
            line.strip_prefix("$ cargo ")
                .map(|rest| format!("check cargo {rest}"))
        })
        .collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        assert!(checks.lines().any(|line| line == command), "{command}");
    }
    Ok(())
}
