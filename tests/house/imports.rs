//! Which room may import which: the arrow list, and a test that reads every path that starts at the crate.

use crate::support::source::{self, without_comments};
use std::{collections::BTreeSet, error::Error};

const LEAVES: &str = "clock organization cloud certificate value subject failure secret words";

/// A room and what it may import, besides itself; `leaves` stands for all of [`LEAVES`].
const ARROWS: &[(&str, &str)] = &[
    ("main", "cli"),
    ("cli", "repl report script session lab leaves"),
    ("repl", "script session report leaves"),
    ("report", "session leaves"),
    ("script", "native session leaves"),
    ("native", "session exchange graph leaves"),
    ("session", "exchange graph entra http leaves"),
    ("exchange", "remoting http entra leaves"),
    ("graph", "http entra leaves"),
    ("entra", "http leaves"),
    ("http", "clock failure secret"),
    ("remoting", ""),
    (
        "lab",
        "remoting clock organization cloud value subject secret",
    ),
    ("organization", "cloud secret"),
    ("failure", "subject"),
    ("clock", ""),
    ("cloud", "failure"),
    ("certificate", ""),
    ("value", ""),
    ("subject", ""),
    ("secret", ""),
    ("words", ""),
];

#[test]
fn rooms_import_only_what_the_arrow_list_allows() -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    for file in source::files("src", ".rs")? {
        let room = file.room();
        if room == "lib" {
            continue;
        }
        let Some(allowed) = allowed(room) else {
            wrong.push(format!(
                "{}: the room \"{room}\" is not in the arrow list",
                file.path
            ));
            continue;
        };
        for import in imports(&without_comments(&file.text)) {
            if import != room && !allowed.contains(import.as_str()) {
                wrong.push(format!("{}: \"{room}\" imports \"{import}\"", file.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_arrow_list_names_only_rooms_it_knows() {
    let known: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    for (room, arrows) in ARROWS {
        for arrow in arrows.split(' ').filter(|arrow| !arrow.is_empty()) {
            assert!(
                arrow == "leaves" || known.contains(arrow),
                "{room} -> {arrow}"
            );
        }
    }
    assert!(LEAVES.split(' ').all(|leaf| known.contains(leaf)));
}

fn allowed(room: &str) -> Option<BTreeSet<&'static str>> {
    let (_, arrows) = ARROWS.iter().find(|(name, _)| *name == room)?;
    let words = arrows.split(' ').flat_map(|arrow| match arrow {
        "leaves" => LEAVES.split(' '),
        _ => arrow.split(' '),
    });
    Some(words.collect())
}

/// The rooms that paths from the crate's root name, and `super::super` where it could leave the room unseen.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", "exoauth::"] {
        for (at, _) in code.match_indices(root) {
            let path = &code[at + root.len()..];
            match path.strip_prefix('{') {
                Some(group) => found.extend(group_rooms(group)),
                None => found.extend([first_name(path)]),
            }
        }
    }
    if code.contains("super::super::") {
        found.insert("super::super".to_owned());
    }
    found
}

/// The first names of each path in `a::b, c::{d, e}}`.
fn group_rooms(group: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                rooms.push(first_name(group[start..at].trim_start()));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn first_name(path: &str) -> String {
    path.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

#[test]
fn paths_are_found_in_all_their_forms() {
    let code = "use crate::value::Value;\nuse crate::{\n    cloud::{Cell, CLOUDS},\n    secret,\n};\n\
                let x = crate::lab::Lab::start();";
    let rooms = ["cloud", "lab", "secret", "value"].map(str::to_owned);
    assert_eq!(imports(code), BTreeSet::from(rooms));
}
