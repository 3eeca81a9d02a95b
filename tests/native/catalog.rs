//! Every function has a text, an example and an entry, and every entry a function.

use exoauth::native::NOUNS;
use exoauth::script::catalog::names_in;
use exoauth::script::{Bundle, Catalog};
use std::collections::BTreeSet;

#[test]
fn every_function_has_a_text_an_example_and_an_entry() {
    let mut wrong = Vec::new();
    for function in Catalog::native().functions {
        let place = format!("{}: {}", function.chapter, function.name);
        if function.summary().is_empty() || !function.summary().ends_with(['.', ':', '`']) {
            wrong.push(format!("{place} has no sentence: {:?}", function.summary()));
        }
        if function.examples.is_empty() {
            wrong.push(format!("{place} has no example"));
        }
        for option in &function.options {
            if option.text.is_empty() || !option.text.ends_with('.') {
                let line = format!("/// * `{}`: what it means.", option.name);
                wrong.push(format!("{place} has no line {line:?} in its comment"));
            }
        }
        for line in function.text.lines().filter(|line| line.starts_with("* `")) {
            wrong.push(format!(
                "{place} explains an option that it does not take: {line}"
            ));
        }
    }
    for noun in NOUNS {
        let entries: Vec<&str> = noun.entries.iter().map(|entry| entry.function).collect();
        let (with_text, without) = names_in(noun);
        let functions: BTreeSet<String> = with_text.iter().cloned().collect();
        for name in &functions {
            if !entries.contains(&name.as_str()) {
                wrong.push(format!("{}: {name} has no entry", noun.name));
            }
        }
        for name in without
            .iter()
            .filter(|name| !functions.contains(*name) && *name != "contains")
        {
            wrong.push(format!("{}: {name} has no text", noun.name));
        }
        for entry in entries.iter().filter(|entry| !functions.contains(**entry)) {
            wrong.push(format!("{}: the entry {entry} has no function", noun.name));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_public_function_of_the_library_has_a_text_and_an_example() {
    let catalog = Catalog::of(&Bundle::embedded());
    let mut wrong = Vec::new();
    for (path, text) in Bundle::rows() {
        let Some(module) = path
            .strip_suffix(".rhai")
            .filter(|path| path.starts_with("stdlib/"))
        else {
            continue;
        };
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("fn ")?.split_once('('));
        for (name, _) in names {
            let found = catalog
                .find(name)
                .find(|function| function.chapter == module);
            if !found.is_some_and(|function| {
                !function.summary().is_empty() && !function.examples.is_empty()
            }) {
                wrong.push(format!("{module}: {name}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What a library function takes is written in its text, so that has to name what the module asks of its options.
#[test]
fn every_option_of_the_library_is_explained() {
    let catalog = Catalog::of(&Bundle::embedded());
    let mut explained = BTreeSet::new();
    for function in catalog
        .functions
        .iter()
        .filter(|function| function.is_library())
    {
        for option in &function.options {
            let is_whole = !option.takes.is_empty() && option.text.ends_with('.');
            assert!(is_whole, "{}: {option:?}", function.name);
            explained.insert((function.chapter.clone(), option.name.to_string()));
        }
    }
    let mut used = BTreeSet::new();
    let takes_options = |row: &&(&str, &str)| row.1.contains(", options) {");
    for (path, text) in Bundle::rows().iter().filter(takes_options) {
        let module = path.trim_end_matches(".rhai");
        for code in text.lines().filter(|line| !line.starts_with("///")) {
            for part in code.split(|letter: char| letter.is_whitespace() || "({!,".contains(letter))
            {
                let Some(rest) = part.strip_prefix("options.") else {
                    continue;
                };
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                let key = &rest[..end.unwrap_or(rest.len())];
                used.insert((module.to_owned(), key.to_owned()));
            }
        }
    }
    assert!(!used.is_empty());
    assert_eq!(explained, used);
}

#[test]
fn signatures_are_written_as_they_are_called() {
    let catalog = Catalog::native();
    let signatures: Vec<String> = ["new_intraorg_connector", "step", "invoke", "acs_metadata"]
        .into_iter()
        .flat_map(|name| {
            catalog
                .find(name)
                .map(|function| function.signature())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        signatures,
        [
            "onprem.new_intraorg_connector(name, #{...}) -> a map",
            "step(id, title, || {...})",
            "onprem.invoke(cmdlet, #{...}) -> a list",
            "cloud.acs_metadata(tenant) -> a text",
        ]
    );
}

#[test]
fn names_are_not_reserved_words_of_the_language() {
    let reserved = [
        "default", "new", "with", "sync", "shared", "thread", "use", "is", "match", "public",
        "static", "async", "go",
    ];
    let wrong: Vec<String> = Catalog::native()
        .functions
        .into_iter()
        .flat_map(|function| {
            let options = function
                .options
                .into_iter()
                .map(|option| option.name.to_string());
            options.chain([function.name]).collect::<Vec<_>>()
        })
        .filter(|name| reserved.contains(&name.as_str()))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}
