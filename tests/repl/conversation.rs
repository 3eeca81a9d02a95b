//! Conversations in memory: what a line does, what is kept of it, and the commands.

use crate::support::runner::{Ran, Runner};
use std::fs;

/// Says lines, one after the other, to the lab.
fn converse(lines: &[&str]) -> Ran {
    Runner::new().answering(lines).run("repl").ends_with(0)
}

const CREATE: &str = "let made = online.new_intraorg_connector(\"A\", #{ discovery_endpoint: \"https://a.example/x.svc\", target_address_domains: [\"a.example\"] })";

#[test]
fn values_variables_and_functions_last_from_line_to_line() {
    let ran = converse(&[
        "let x = 20",
        "fn twice(y) { y * 2 }",
        "twice(x) + 2",
        ":vars",
    ]);
    ran.shows(&["42\n", "x         a whole number", "twice(y)  a function"]);
}

#[test]
fn an_error_stands_under_its_place_and_the_conversation_goes_on() {
    converse(&["let x = 1;\nonprem.get_auth_confi()", "x", "40 + 2"])
        .complains(&[
            "error: there is no function \"get_auth_confi\"",
            "prompt:2:8",
            "did you mean \"get_auth_config\"?",
            "error: there is no variable \"x\"",
        ])
        .shows(&["42"]);
}

#[test]
fn a_declined_line_changes_nothing_and_leaves_no_variable_and_no_prediction() {
    let ran = converse(&[
        "let n = 0; let f = || n += 1;",
        &format!("f.call(); {CREATE}"),
        "n",
        "n",
        "made",
        "online.get_intraorg_connector()",
        ":journal",
    ]);
    ran.shows(&["plan: 1 to create", "(an empty list)"])
        .complains(&["not applied", "no variable \"made\"", "there is no journal"]);
}

#[test]
fn an_agreed_line_is_evaluated_as_if_once() {
    let lines = [
        "let n = 0; let f = || n += 1;",
        &format!("f.call(); {CREATE};"),
        "y",
        "`n is ${n}`",
        "online.get_intraorg_connector().map(|c| c.name)",
        "made.name == \"A\"",
    ];
    let runner = Runner::new().answering(&lines);
    let ran = runner.run("repl").ends_with(0);
    let text = ran.stdout.clone();
    ran.shows(&["plan: 1 to create", "+ created", "n is 1\n", "true"]);
    assert_eq!(text.matches("\nA\n").count(), 1, "{text}");
}

#[test]
fn there_is_one_journal_for_a_conversation_and_only_of_what_was_written() {
    let second = CREATE
        .replace("\"A\"", "\"B\"")
        .replace("a.example", "b.example");
    let runner = Runner::new().answering(&[
        "say(\"before\")",
        CREATE,
        "y",
        "say(\"between\")",
        &second,
        "y",
        ":journal",
    ]);
    runner.run("repl").ends_with(0).shows(&["runs/"]);
    let runs: Vec<_> = fs::read_dir(runner.folder.join("state/runs"))
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert_eq!(runs.len(), 1);
    let journal = fs::read_to_string(runs[0].path()).unwrap_or_default();
    let kinds: Vec<String> = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|record| record["type"].as_str().map(str::to_owned))
        .collect();
    let pass = ["run_started", "writing", "written", "run_finished"];
    let expected: Vec<&str> = ["run"].into_iter().chain(pass).chain(pass).collect();
    assert_eq!(kinds, expected);
}

#[test]
fn a_line_is_only_shown_or_applied_at_once_where_that_was_asked_for() {
    let ran = converse(&[
        ":plan",
        CREATE,
        "online.get_intraorg_connector()",
        ":apply",
        CREATE,
        "online.get_intraorg_connector().len()",
        ":ask",
    ]);
    ran.shows(&["plan: 1 to create", "(an empty list)", "+ created", "1\n"])
        .complains(&["only shown", "lab plan> ", "lab apply> "]);
}

#[test]
fn a_test_is_made_without_asking_since_it_writes_nothing() {
    let ran = converse(&[
        "type_of(online.test_oauth(\"EWS\", cloud.exchange_online, \"a@contoso.com\"))",
    ]);
    assert!(!ran.stdout.contains("plan:"), "{}", ran.stdout);
    assert!(!ran.stderr.contains("nobody to ask"), "{}", ran.stderr);
}

#[test]
fn a_playbook_is_run_with_its_inputs_and_the_lines_are_saved_as_one() {
    let runner = Runner::new().answering(&[
        "fn name_of(c) { c.name }",
        ":run 07-connector-online smtp_domains=contoso.com",
        "y",
        ":run 07-connector-online smtp_domains=contoso.com",
        "for c in online.get_intraorg_connector() { say(`found ${name_of(c)}`); }",
        "let password = \"P@ssw0rd\"",
        "onprem.get_no_such_thing()",
        ":save mine.rhai",
        ":save mine.rhai",
    ]);
    let ran = runner.run("repl").ends_with(0);
    ran.shows(&[
        "+ create Exchange Online IntraOrganizationConnector",
        "done: 1 created",
        "nothing is to be changed",
        "saved 3 lines to ",
    ])
    .complains(&[
        "left out: 1 line, since a secret may be in it",
        "exists and is not overwritten",
    ]);
    let saved = runner.read("mine.rhai");
    assert!(!saved.contains("P@ssw0rd"), "{saved}");
    assert!(saved.contains("const PLAYBOOK"), "{saved}");
    runner.run("run ./mine.rhai --apply").ends_with(0).shows(&[
        "TargetAddressDomains: [contoso.com]",
        "found ExchangeHybrid",
    ]);
    runner
        .run("run ./mine.rhai --apply --input smtp_domains=tailspintoys.com")
        .ends_with(0)
        .shows(&["TargetAddressDomains: [tailspintoys.com]"]);
}

#[test]
fn what_people_bring_from_other_shells_is_understood_or_explained() {
    let ran = converse(&[
        "get_mailbox?",
        "help :save",
        "Get-AuthServer",
        "onprem.Get-AuthConfig",
        "Get-DistributionGroup",
        "x = 1",
        "$x = 1",
        "onprem.get_auth_server() | fl",
        "get_auth_server()",
        "onprem.get_auth_server(\"a\", 1)",
        ":run 07",
        ":undo",
        "exit",
        "1 / 0",
    ]);
    assert!(!ran.stderr.contains("1 / 0"), "{}", ran.stderr);
    ran.shows(&[
        "onprem.get_mailbox(#{...}) -> a list\nonprem.get_mailbox() -> a list",
        ":save FILE\n",
    ])
    .complains(&[
        "Get-AuthServer is written onprem.get_auth_server() here",
        "Get-AuthConfig is written onprem.get_auth_config() here",
        "any cmdlet is run as onprem.invoke(\"Get-DistributionGroup\", #{...})",
        "a variable is made with let: let x = ...",
        "a name has no \"$\" here",
        "there is no pipeline",
        "\"get_auth_server\" has to be called on something",
        "\"get_auth_server\" cannot be called with a text, a whole number",
        "did you mean \"07-connector-online\"?",
        "leave with Ctrl-D and write: exoauth undo",
    ]);
}

#[test]
fn the_value_of_the_line_before_is_at_hand() {
    let lines = [
        "cloud",
        "it.name",
        "onprem.get_accepted_domain()",
        "it[0].name",
        "`first: ${it}`",
        "let nothing = 1",
        "it.len()",
        "40 + 3;",
        "`quiet: ${it}`",
        "let f = |x| x; f",
        "let it = 5",
        "40 + 2",
        "it",
    ];
    let ran = converse(&lines);
    let shown: Vec<&str> = ran.stdout.lines().collect();
    for line in [
        "worldwide",
        "contoso.com",
        "first: contoso.com",
        "18",
        "a function",
        "quiet: 43",
    ] {
        assert!(shown.contains(&line), "no {line:?} in {}", ran.stdout);
    }
    assert_eq!(shown.last(), Some(&"5"));
    assert!(!shown.contains(&"43"), "{}", ran.stdout);
}

#[cfg(unix)]
#[test]
fn lines_and_playbooks_are_edited_with_the_editor_of_the_person() {
    let runner = Runner::new()
        .variable("VISUAL", "sed -i -e s/40/41/ -e s/let.lost/lett.lost/")
        .file(
            "data/scripts/mine.rhai",
            "const PLAYBOOK = #{ title: \"Mine\" };\nsay(\"it is 40\");\n",
        )
        .file(
            "data/scripts/bad.rhai",
            "const PLAYBOOK = #{ title: \"Bad\" };\nlet lost = 1;\nsay(lost);\n",
        )
        .answering(&[
            ":edit",
            "40 + 1",
            ":edit",
            ":edit mine",
            ":run mine",
            ":edit bad",
            ":edit nobody",
            ":edit 07-connector-online",
            "n",
            ":edit 07-connector-online",
            "y",
        ]);
    let ran = runner.run("repl").ends_with(0);
    ran.shows(&["41 + 1\n42\n", "it is 41"]).complains(&[
        "nothing to evaluate",
        "no mistake; :run mine runs it",
        "bad.rhai:2:1",
        ":edit bad opens it again",
        "there is no playbook and no library file \"nobody\"",
        "07-connector-online is shipped with exoauth: edit a copy of your own?",
        "nothing was copied",
        "no mistake; :run 07-connector-online runs it",
    ]);
    assert!(
        runner
            .read("data/scripts/07-connector-online.rhai")
            .starts_with("// forked from")
    );
    Runner::new()
        .variable("VISUAL", "no-such-editor")
        .answering(&["1", ":edit"])
        .run("repl")
        .ends_with(0)
        .complains(&[
            "the editor no-such-editor failed",
            "VISUAL or EDITOR names the editor",
        ]);
}

#[test]
fn values_are_shown_as_asked() {
    let ran = converse(&[
        ":json",
        "#{ a: [1] }",
        ":raw",
        "#{ a: \"x\" }",
        ":table",
        "#{ a: 1 }",
    ]);
    ran.shows(&[
        "{\n  \"a\": [\n    1\n  ]\n}",
        "#{\n    a: \"x\",\n}",
        "a : 1",
    ]);
}

#[test]
fn help_time_and_loading() {
    let runner = Runner::new()
        .file(
            "lines.rhai",
            "fn three() { 3 }\nlet nine = three() * three();\n",
        )
        .file("broken.rhai", "let ok = 1;\nno_such();\n")
        .answering(&[
            ":help get_auth_server",
            ":help",
            ":load lines.rhai",
            "nine",
            ":load broken.rhai",
            "onprem.get_auth_config().identity",
            ":time",
            ":help get_auth_serve",
            ":nonsense",
        ]);
    runner
        .run("repl")
        .ends_with(0)
        .shows(&[
            "onprem.get_auth_server()",
            "  reads: Get-AuthServer",
            ":save FILE",
            "9\n",
            "(on-premises ",
        ])
        .complains(&[
            "broken.rhai:2:1",
            "did you mean \"get_auth_server\"?",
            "there is no command :nonsense",
        ]);
}

#[test]
fn a_reset_gives_a_fresh_lab_and_an_unknown_organization_changes_nothing() {
    let ran = converse(&[
        CREATE,
        "y",
        ":org nowhere",
        "online.get_intraorg_connector().len()",
        ":reset",
        "online.get_intraorg_connector()",
        "made",
    ]);
    ran.shows(&["1\n", "(an empty list)"]).complains(&[
        "there is no organization \"nowhere\"",
        "no variable \"made\"",
    ]);
}

#[test]
fn a_pool_is_opened_once_for_many_lines() {
    let ran = converse(&[
        "onprem.get_auth_config();",
        "onprem.get_auth_config();",
        ":time",
    ]);
    // Opening a shell takes several requests; a cmdlet in an open one takes a few.
    let requests = ran
        .stdout
        .lines()
        .find_map(|line| line.split_once(" request")?.0.parse::<u32>().ok());
    assert!(requests.is_some_and(|number| number <= 4), "{}", ran.stdout);
}
