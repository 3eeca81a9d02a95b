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
    for (line, text) in [
        ("fn down(x) { down(x + 1) } down(0)", "too deeply"),
        ("let f = |f, x| f.call(f, x); f.call(f, 1)", "too deeply"),
        ("let text = \"x\"; loop { text += text; }", "too large"),
        (
            "let text = \"x\"; text.pad(1000000000, \"x\"); text",
            "too large",
        ),
        ("let list = [0]; loop { list += list; }", "too large"),
        ("let list = []; list.pad(1000000000, 0); list", "too large"),
        ("let bytes = blob(1000000000); bytes", "too large"),
    ] {
        refused(line, &[text]);
    }
    let nested = format!("eval '{}1{}'", "(".repeat(500), ")".repeat(500));
    Runner::new().run(&nested).ends_with(2);
}

/// What a script catches, it cannot go on from: neither Ctrl-C nor a limit is a thing to catch.
#[test]
fn a_loop_without_end_is_stopped_from_outside() {
    for line in [
        "loop {}",
        "loop { try { loop {} } catch {} }",
        "loop { attempt(|| { loop {} }); }",
        "loop { attempt(|| { onprem.get_auth_config() }); }",
        "sleep(3600)",
        "loop { attempt(|| { sleep(3600) }); }",
    ] {
        let runner = Runner::new();
        let interrupt = runner.interrupt.clone();
        let (asked, begun) = std::sync::mpsc::channel::<()>();
        let presses = std::thread::spawn(move || {
            // Ctrl-C comes once the script runs, or a little later.
            let waited = begun.recv_timeout(std::time::Duration::from_millis(700));
            interrupt.raise();
            waited.is_ok()
        });
        runner
            .run(&format!("eval '{line}' --apply"))
            .ends_with(130)
            .complains(&["interrupted"]);
        drop(asked);
        assert!(presses.join().is_ok(), "{line}");
    }
}

#[test]
fn nothing_that_a_script_says_moves_the_cursor() {
    let runner = Runner::new();
    let line = "eval 'say(\"a\\x1b[2Jb\"); print(\"c\\x1b]0;title\\x07d\"); \"e\\x1b[1mf\"'";
    let ran = runner.run(line).ends_with(0);
    let all = format!("{}{}", ran.raw_stdout, ran.stderr);
    assert!(!all.contains('\u{1b}') && !all.contains('\u{7}'), "{all:?}");
    for text in ["a\\u{1b}[2Jb", "e\\u{1b}[1mf"] {
        assert!(all.contains(text), "{all}");
    }
}

#[test]
fn a_link_in_the_folder_of_scripts_leads_nowhere() {
    #[cfg(unix)]
    {
        let runner = Runner::new()
            .file("outside.rhai", "fn taken() { \"a secret\" }")
            .file("data/stdlib/own.rhai", "fn own() { 1 }");
        let link = runner.folder.join("data/stdlib/link.rhai");
        assert!(std::os::unix::fs::symlink(runner.folder.join("outside.rhai"), link).is_ok());
        let ran = runner.run("eval 'import \"stdlib/link\" as link; link::taken()'");
        assert_ne!(ran.code, 0, "{}", ran.stdout);
        runner
            .run("eval 'import \"stdlib/own\" as own; own::own()'")
            .ends_with(0);
    }
}

/// A plan has no effect, whatever a cmdlet is called and whoever calls it.
#[test]
fn planning_sends_nothing_that_writes_by_whatever_name() -> Result<(), Box<dyn std::error::Error>> {
    let served = crate::support::served::Served::start(exoauth::lab::LabOptions::default())?;
    let runner = served.runner();
    for line in [
        "onprem.remove_auth_server(\"Exchange Online\")",
        "onprem.invoke(\"Remove-PartnerApplication\", #{ Identity: \"Exchange Online\", Confirm: false })",
        "onprem.invoke(\"set-partnerapplication\", #{ Identity: \"Exchange Online\", Enabled: true })",
        "online.invoke(\"New-IntraOrganizationConnector\", #{ Name: \"x\", DiscoveryEndpoint: \"https://x.example\", TargetAddressDomains: [\"x.example\"] })",
        "onprem.invoke(\"Get-AuthConfig; Remove-PartnerApplication\", #{})",
        "onprem.invoke(\"Get-AuthConfig | Remove-PartnerApplication\", #{})",
        "onprem.invoke(\"& Remove-PartnerApplication\", #{})",
    ] {
        runner.run(&format!("eval '{line}' --org served.toml"));
        let writes = served.lab.world().with(|world| world.all_writes());
        assert_eq!(writes, 0, "{line}");
    }
    Ok(())
}
