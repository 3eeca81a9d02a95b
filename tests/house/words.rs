//! Words that must not occur in a room, each with the reason.

use crate::support::source::{Source, files, has_word, lines_with};
use exoauth::cloud::{CLOUDS, Cell};
use std::{collections::BTreeSet, error::Error};

const CLIENT_ROOMS: [&str; 7] = [
    "native", "session", "exchange", "graph", "entra", "http", "remoting",
];

#[test]
fn the_quiet_core_names_no_input_and_output() -> Result<(), Box<dyn Error>> {
    let never = [
        "tokio",
        "reqwest",
        "hyper",
        "TcpStream",
        "std::net",
        "std::fs",
        "File",
        "Instant",
        "SystemTime",
        "Timestamp::now",
        "Clock",
        "new_v4",
        "now_v7",
        "SystemRandom",
        "std::env",
        "std::thread",
    ];
    check(
        |file| file.room() == "remoting",
        |line| never.iter().any(|word| has_word(line, word)),
    )
}

#[test]
fn clients_do_not_know_the_lab() -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    for file in files("src", ".rs")? {
        if CLIENT_ROOMS.contains(&file.room()) {
            wrong.extend(lines_with(&file, &file.text, names_the_lab));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

fn names_the_lab(line: &str) -> bool {
    let type_of_it = line
        .match_indices("Lab")
        .any(|(at, _)| line[at + 3..].starts_with(char::is_uppercase));
    has_word(&line.to_lowercase(), "lab") || type_of_it
}

#[test]
fn service_hosts_are_in_the_table_of_clouds_only() -> Result<(), Box<dyn Error>> {
    let hosts = service_hosts();
    let names_one = |line: &str| hosts.iter().any(|host| line.contains(host.as_str()));
    check(
        |file| file.path != "src/cloud.rs" && !file.path.starts_with("src/lab/seed/"),
        names_one,
    )?;
    let mut wrong = Vec::new();
    for folder in ["scripts", "stdlib"] {
        for file in files(folder, ".rhai")? {
            wrong.extend(lines_with(&file, &file.code(), names_one));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

/// The hosts of the table, and other names under which the same services are known.
fn service_hosts() -> BTreeSet<String> {
    let others = [
        "outlook.office.com",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
    ];
    CLOUDS
        .iter()
        .flat_map(|cloud| Cell::ALL.map(|cell| cloud.cell(cell)))
        .flatten()
        .filter_map(|address| address.strip_prefix("https://"))
        .map(|address| address.split('/').next().unwrap_or(address).to_owned())
        .chain(others.map(str::to_owned))
        .collect()
}

#[test]
fn only_the_session_blocks() -> Result<(), Box<dyn Error>> {
    check(
        |file| file.path != "src/session/mod.rs",
        |line| has_word(line, "block_on") || has_word(line, "block_in_place"),
    )
}

#[test]
fn lints_are_expected_with_a_reason_and_in_few_places() -> Result<(), Box<dyn Error>> {
    check(
        |_| true,
        |line| line.contains("#[allow(") || line.contains("#![allow("),
    )?;
    let outside = ["src/cli/env.rs", "src/clock.rs", "src/session/mod.rs"];
    check(
        |file| !outside.contains(&file.path.as_str()),
        |line| line.contains("clippy::disallowed_methods") || line.contains("clippy::print_std"),
    )
}

#[test]
fn steps_live_in_scripts() -> Result<(), Box<dyn Error>> {
    let never = [
        "00000002-0000-0ff1-ce00-000000000000",
        "ExchangeHybridOnPremisesToOnline",
        "ExchangeHybridOnlineToOnPremises",
        "HybridIOC",
    ];
    check(
        |file| !file.path.starts_with("src/lab/seed/"),
        |line| never.iter().any(|word| line.contains(word)) || names_a_step(line),
    )
}

/// Finds `step 7` and `step_7`.
fn names_a_step(line: &str) -> bool {
    let line = line.to_lowercase();
    line.match_indices("step").any(|(at, _)| {
        let mut after = line[at + 4..].chars();
        matches!(after.next(), Some(' ' | '_'))
            && after.next().is_some_and(|letter| letter.is_ascii_digit())
    })
}

#[test]
fn clients_are_made_by_the_session_only() -> Result<(), Box<dyn Error>> {
    let constructors = [
        "exchange::online",
        "exchange::onprem",
        "graph::client",
        "graph::Client",
    ];
    let own = |file: &Source| {
        ["exchange", "graph"].contains(&file.room()) || file.path == "src/session/connections.rs"
    };
    check(
        |file| !own(file),
        |line| constructors.iter().any(|word| line.contains(word)),
    )?;
    check(
        |file| {
            let signing_in = ["src/session/connections.rs", "src/session/sign_in.rs"];
            file.room() == "session" && !signing_in.contains(&file.path.as_str())
        },
        |line| line.contains("crate::entra"),
    )
}

#[test]
fn files_do_not_import_everything_of_their_parent() -> Result<(), Box<dyn Error>> {
    check(|_| true, |line| line.contains("use super::*"))
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() -> Result<(), Box<dyn Error>> {
    let never = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
    ];
    let mut wrong = Vec::new();
    for folder in ["src", "stdlib", "scripts", "tests", ".ci"] {
        for file in files(folder, "")? {
            wrong.extend(lines_with(&file, &file.text, |line| {
                never.iter().any(|path| line.contains(path))
            }));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

/// Fails with the lines of shipped code, comments and tests aside, that a rule forbids.
fn check(
    concerns: impl Fn(&Source) -> bool,
    bad: impl Fn(&str) -> bool,
) -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    for file in files("src", ".rs")? {
        if concerns(&file) {
            wrong.extend(lines_with(&file, &file.code(), &bad));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_words_are_recognized() {
    assert!(
        names_the_lab("// as the lab does")
            && names_the_lab("LabOptions")
            && !names_the_lab("Label")
    );
    assert!(names_a_step("Step 7") && names_a_step("step_3") && !names_a_step("steps 1"));
    assert!(service_hosts().contains("login.microsoftonline.us"));
}
