//! No Rust file is forgotten: each is reached by a `mod` line.

use crate::support::source::{self, Source};
use std::{collections::BTreeSet, error::Error};

#[test]
fn every_source_file_is_a_module() -> Result<(), Box<dyn Error>> {
    let sources = source::files("src", ".rs")?;
    let forgotten: Vec<&str> = sources
        .iter()
        .filter(|file| !["src/lib.rs", "src/main.rs"].contains(&file.path.as_str()))
        .filter(|file| !declared(file, &sources))
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(forgotten, Vec::<&str>::new(), "no `mod` line reaches these");
    Ok(())
}

#[test]
fn every_test_file_is_a_module_of_the_one_binary() -> Result<(), Box<dyn Error>> {
    let sources = source::files("tests", ".rs")?;
    let main = sources.iter().find(|file| file.path == "tests/main.rs");
    let listed = listed(main.map_or("", |file| &file.text));
    let forgotten: Vec<&str> = sources
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| *path != "tests/main.rs")
        .filter(|path| {
            ["tests/bench/", "tests/fuzz/", "tests/peers/"]
                .iter()
                .all(|other| !path.starts_with(other))
        })
        .filter(|path| !listed.contains(*path))
        .collect();
    assert_eq!(
        forgotten,
        Vec::<&str>::new(),
        "list these in tests/main.rs, as `mod folder {{ mod file; }}`"
    );
    Ok(())
}

/// Whether the file that owns this one has a `mod` line for it.
fn declared(file: &Source, sources: &[Source]) -> bool {
    let without_end = file.path.trim_end_matches(".rs");
    let module = without_end.trim_end_matches("/mod");
    let Some((folder, name)) = module.rsplit_once('/') else {
        return false;
    };
    let owners = [
        format!("{folder}/mod.rs"),
        format!("{folder}.rs"),
        format!("{folder}/lib.rs"),
    ];
    sources
        .iter()
        .filter(|owner| owners.contains(&owner.path))
        .any(|owner| {
            owner
                .text
                .lines()
                .any(|line| line.trim_end().ends_with(&format!("mod {name};")))
        })
}

/// The files that the modules of `tests/main.rs` stand for; folders may nest.
fn listed(main: &str) -> BTreeSet<String> {
    let mut folders = vec!["tests".to_owned()];
    let mut files = BTreeSet::new();
    for line in main.lines().map(str::trim) {
        let module = line.rsplit_once("mod ").map(|(_, name)| name);
        if let Some(name) = module.and_then(|name| name.strip_suffix(" {")) {
            folders.push(name.to_owned());
        } else if let Some(name) = module.and_then(|name| name.strip_suffix(';')) {
            files.insert(format!("{}/{name}.rs", folders.join("/")));
        } else if line == "}" {
            folders.pop();
        }
    }
    files
}

#[test]
fn nested_modules_are_listed() {
    let main = "mod a {\n    mod b;\n    pub(crate) mod c {\n        mod d;\n    }\n}\nmod e;";
    let expected = ["tests/a/b.rs", "tests/a/c/d.rs", "tests/e.rs"].map(str::to_owned);
    assert_eq!(listed(main), BTreeSet::from(expected));
}
