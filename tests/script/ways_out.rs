//! A script is a guest: each way out of it is tried, and none leads anywhere.

use crate::support::runner::Runner;

fn refused(line: &str, texts: &[&str]) {
    let runner = Runner::new()
        .file("secret.txt", "a secret")
        .variable("SECRET", "a secret");
    let ran = runner.run(&format!("eval '{line}' --apply"));
    assert_ne!(ran.code, 0, "{line} gave {}", ran.stdout);
    assert!(
        !ran.stdout.contains("a secret") && !ran.stderr.contains("a secret"),
        "{line}"
    );
    for text in texts {
        assert!(ran.stderr.contains(text), "{line}: {}", ran.stderr);
    }
    assert!(!runner.folder.join("new.txt").exists(), "{line}");
}

#[test]
fn files_that_no_input_names_are_neither_read_nor_written() {
    for path in [
        "secret.txt",
        "./secret.txt",
        "/etc/hostname",
        "../secret.txt",
        "",
    ] {
        refused(&format!("read_file(\"{path}\")"), &["may not touch"]);
    }
    refused("write_file(\"new.txt\", \"text\")", &["may not touch"]);
    for function in [
        "open_file",
        "read",
        "write",
        "remove_file",
        "list_dir",
        "create_dir",
    ] {
        refused(&format!("{function}(\"secret.txt\")"), &[]);
    }
}

#[test]
fn naming_a_file_in_an_input_grants_that_file_alone() {
    let runner = Runner::new()
        .file("mine.txt", "mine")
        .file("secret.txt", "a secret");
    runner
        .run("eval 'read_file(\"mine.txt\").len()' --input file=mine.txt")
        .ends_with(0)
        .shows(&["4"]);
    let ran = runner.run("eval 'read_file(\"secret.txt\")' --input file=mine.txt");
    assert_ne!(ran.code, 0);
}

#[test]
fn there_is_no_environment_no_process_no_network_and_no_other_engine() {
    for line in [
        "env(\"SECRET\")",
        "getenv(\"SECRET\")",
        "env::var(\"SECRET\")",
        "args()",
        "exec(\"cat secret.txt\")",
        "system(\"cat secret.txt\")",
        "shell(\"cat secret.txt\")",
        "http_get(\"https://localhost/\")",
        "fetch(\"https://localhost/\")",
        "connect(\"localhost\", 443)",
        "eval(\"read_file(1)\")",
        "panic(\"x\")",
    ] {
        refused(line, &[]);
    }
}

#[test]
fn modules_come_from_the_two_known_places_only() {
    for path in [
        "secret",
        "../secret",
        "/etc/hostname",
        "stdlib/../secret",
        "stdlib/../../secret",
        "std:../secret",
        "file:///etc/hostname",
        "https://localhost/x",
        "stdlib\\\\..\\\\secret",
        "",
    ] {
        refused(&format!("import \"{path}\" as x; x"), &[]);
    }
}

#[test]
fn depth_and_sizes_are_limited() {
    for line in [
        "fn down(x) { down(x + 1) } down(0)",
        "let text = \"x\"; loop { text += text; }",
        "let list = [0]; loop { list += list; }",
    ] {
        refused(line, &[]);
    }
}
