//! Commands for those who write playbooks: `check`, `docs`, `definitions`, `fork`, `diff`; and `completions`, `man`.

use crate::support::runner::Runner;
use exoauth::script::{Bundle, Catalog};
use serde_json::Value as Json;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

const MISTAKES: &str = r#"//! Has every mistake.

import "stdlib/conectors" as connectors;

const PLAYBOOK = #{
    title: "Has every mistake",
    inputs: #{
        domain: #{ text: "Domain", type: "domain" },
        unused: #{ text: "Nothing", default: "" },
    },
};

fn warn(text) { text }

step("one", "One", || {
    let which = "stdlib/lists";
    import which as lists;
    online.new_intraorg_connector("x", #{ discovery_endpont: "https://x", target_address_domains: [inputs.domain] });
    onprem.invoke("Set-AuthConfig", #{ x: 1 });
    let found = onprem.get_intraorg_connector("x");
    switch found.enabled { true => warn("yes"), _ => 1 }
    let name = found.name ?? "nobody";
    sya(inputs.domian);
    say(cloud.acs_metadata(cloud.tenant), 2);
});
"#;

fn found(json: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let report: Json = serde_json::from_str(json)?;
    let findings = report["files"][0]["findings"].as_array();
    let findings = findings.ok_or("no findings")?.iter();
    Ok(findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            format!(
                "{}: {} {}",
                finding["line"],
                text("severity"),
                text("message")
            )
        })
        .collect())
}

#[test]
fn check_finds_every_mistake_without_running_anything() -> Outcome {
    let runner = Runner::new().file("mistakes.rhai", MISTAKES);
    let json = runner.run("check mistakes.rhai --format json").ends_with(2);
    assert_eq!(
        found(&json.stdout)?,
        [
            "3: error there is no module \"stdlib/conectors\"",
            "3: warning nothing uses the module \"connectors\"",
            "5: note in the cloud \"china\", \"bleu\" and \"delos\" this needs addresses that nobody documents: acs_metadata",
            "9: warning nothing uses the input \"unused\"",
            "17: warning the name of this module is computed, so what it holds cannot be checked",
            "18: warning \"new_intraorg_connector\" writes without looking first, so this playbook can be run only once",
            "18: error new_intraorg_connector has no option \"discovery_endpont\" and needs the option \"discovery_endpoint\"",
            "19: warning \"invoke\" writes without looking first, so this playbook can be run only once",
            "21: warning `switch` does not notice a value that is known only after apply",
            "21: warning the function \"warn\" of this script hides the native one of that name",
            "22: warning `??` takes a value that is known only after apply for one that is there",
            "23: error there is no function \"sya\"",
            "23: error the playbook has no input \"domian\"",
            "24: error \"say\" takes 1 argument, and 2 are given",
        ]
    );
    runner.run("check mistakes.rhai").ends_with(2).shows(&[
        "error: there is no function \"sya\"",
        "--> mistakes.rhai:23:5",
        "warning: nothing uses the input \"unused\"",
        "5 errors, 8 warnings",
    ]);
    Ok(())
}

#[test]
fn check_says_where_a_script_does_not_parse() -> Outcome {
    let runner = Runner::new().file("open.rhai", "step(\"a\", \"A\", || {\n    say(1;\n});\n");
    let json = runner.run("check open.rhai --format json").ends_with(2);
    assert_eq!(found(&json.stdout)?.len(), 1);
    runner
        .run("check open.rhai")
        .ends_with(2)
        .shows(&["open.rhai:2:"]);
    Runner::new()
        .run("check ./nowhere.rhai")
        .ends_with(2)
        .complains(&["nowhere.rhai cannot be read"]);
    Ok(())
}

#[test]
fn check_has_nothing_to_say_about_what_is_shipped() -> Outcome {
    for (path, _) in Bundle::rows() {
        let name = path
            .trim_start_matches("scripts/")
            .trim_end_matches(".rhai");
        let json = Runner::new()
            .run(&format!("check {name} --strict --format json"))
            .ends_with(0);
        let notes = found(&json.stdout)?;
        assert!(
            notes.iter().all(|note| note.contains("note in the cloud")),
            "{path}: {notes:?}"
        );
    }
    Ok(())
}

#[test]
fn check_is_strict_where_it_is_asked_to_be() {
    let runner = Runner::new().file("lib.rhai", "fn one() { 1 }\nsay(one());\n");
    runner.run("check lib.rhai").ends_with(0).shows(&[
        "warning: this is done whenever the file is imported",
        "0 errors, 1 warning",
    ]);
    runner.run("check lib.rhai --strict").ends_with(2);
}

#[test]
fn docs_show_every_function_in_every_form() -> Outcome {
    let list = Runner::new().run("docs").ends_with(0);
    let json = Runner::new().run("docs --format json").ends_with(0);
    let all: Vec<Json> = serde_json::from_str(&json.stdout)?;
    assert_eq!(all.len(), Catalog::of(&Bundle::embedded()).functions.len());
    for function in &all {
        for form in function["forms"].as_array().into_iter().flatten() {
            let form = form.as_str().unwrap_or("no form");
            assert!(list.stdout.contains(form), "{form}");
        }
    }
    Runner::new()
        .run("docs online.new_intraorg_connector")
        .ends_with(0)
        .shows(&[
            "onprem.new_intraorg_connector(name, #{...}) -> a map",
            "  on onprem and online",
            "  creates: New-IntraOrganizationConnector",
            "    discovery_endpoint      the address of Autodiscover of the other organization, which ends in",
            "(a text, must be given)",
            "    online.new_intraorg_connector(",
        ]);
    Runner::new()
        .run("docs connectors::find")
        .ends_with(0)
        .shows(&["import \"stdlib/connectors\" as connectors;"]);
    Runner::new()
        .run("docs get_auth_server")
        .ends_with(0)
        .shows(&["onprem.get_auth_server() -> a list\nonprem.get_auth_server(identity) -> a map"]);
    Runner::new()
        .run("docs new_intraorg_conector")
        .ends_with(2)
        .complains(&["did you mean \"new_intraorg_connector\"?"]);
    Ok(())
}

#[test]
fn the_page_of_the_reference_has_everything_and_needs_nothing() {
    let runner = Runner::new();
    runner.run("docs --html reference.html").ends_with(0);
    let page = runner.read("reference.html");
    for function in Catalog::of(&Bundle::embedded()).functions {
        let shown = format!("data-name=\"{}\"", function.name);
        assert!(page.contains(&shown), "{shown}");
    }
    for (path, _) in Bundle::rows() {
        if let Some(name) = path.strip_prefix("scripts/") {
            let shown = format!("id=\"playbook-{}\"", name.trim_end_matches(".rhai"));
            assert!(page.contains(&shown), "{shown}");
        }
    }
    for target in page.split("href=\"#").skip(1) {
        let target = target.split('"').next().unwrap_or_default();
        assert_eq!(
            page.matches(&format!("id=\"{target}\"")).count(),
            1,
            "{target}"
        );
    }
    assert!(!page.contains("src="), "the page loads something");
}

#[test]
fn definitions_are_written_for_editors() {
    let runner = Runner::new();
    runner
        .run("definitions editor")
        .ends_with(0)
        .shows(&["editor/exoauth.d.rhai", "editor/stdlib/connectors.d.rhai"]);
    let natives = runner.read("editor/exoauth.d.rhai");
    for line in [
        "module static;",
        "let onprem: Exchange;",
        "/// Creates an intra-organization connector.",
        "fn new_intraorg_connector(exchange: Exchange, name: ?, options: Map) -> Map;",
        "fn get_auth_server(exchange: Exchange, identity: ?) -> Map;",
        "fn step(id: ?, title: ?, body: FnPtr) -> ?;",
    ] {
        assert!(natives.lines().any(|found| found == line), "no {line:?}");
    }
    let library = runner.read("editor/stdlib/connectors.d.rhai");
    assert!(library.starts_with("module connectors;\n"), "{library}");
    assert!(
        library.contains("fn find(exchange: ?, domains: ?) -> ?;"),
        "{library}"
    );
    assert!(!runner.read("editor/rhai/__builtin__.d.rhai").is_empty());
}

#[test]
fn shells_and_man_are_served() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        Runner::new()
            .run(&format!("completions {shell}"))
            .ends_with(0)
            .shows(&["exoauth", "start-at"]);
    }
    Runner::new()
        .file(
            "data/scripts/mine.rhai",
            "const PLAYBOOK = #{ title: \"Mine\" };\n",
        )
        .run("completions bash")
        .ends_with(0)
        .shows(&[
            "07-connector-online",
            "mine",
            "stdlib/connectors",
            "gcc-high",
        ]);
    Runner::new().run("completions tcsh").ends_with(2);
    Runner::new()
        .run("man")
        .ends_with(0)
        .shows(&[".TH exoauth 1"]);
    Runner::new()
        .run("man run")
        .ends_with(0)
        .shows(&[".TH exoauth-run 1", "\\-\\-emit"]);
    Runner::new()
        .run("man veryfy")
        .ends_with(2)
        .complains(&["did you mean \"verify\"?"]);
}

#[test]
fn a_library_file_can_be_forked_and_compared() -> Outcome {
    let runner = Runner::new();
    runner
        .run("diff stdlib/connectors")
        .ends_with(2)
        .complains(&[
            "there is no fork",
            "exoauth fork stdlib/connectors makes one",
        ]);
    runner
        .run("fork stdlib/connectors")
        .ends_with(0)
        .shows(&["<folder>/data/stdlib/connectors.rhai"])
        .complains(&["every playbook that imports it now uses this copy"]);
    runner
        .run("diff connectors")
        .ends_with(0)
        .shows(&["the fork is as the shipped file is"]);
    let fork = runner.read("data/stdlib/connectors.rhai");
    let changed = fork.replace("if same_service { present } else { asked }", "asked");
    let runner = runner
        .file("data/stdlib/connectors.rhai", &changed)
        .variable("COLUMNS", "200");
    runner.run("diff stdlib/connectors").ends_with(0).shows(&[
        "--- shipped/stdlib/connectors.rhai",
        "+++ yours/stdlib/connectors.rhai",
        "-    if same_service { present } else { asked }",
        "+    asked",
    ]);
    let json = runner.run("diff connectors --format json").ends_with(0);
    let report: Json = serde_json::from_str(&json.stdout)?;
    assert_eq!(
        (&report["differs"], &report["shipped_moved"]),
        (&true.into(), &false.into())
    );
    runner
        .run("list")
        .ends_with(0)
        .shows(&["stdlib/connectors", "yours, in front of the shipped one"]);
    let memory = fork.lines().next().unwrap_or_default();
    let older = changed.replace(
        memory,
        "// forked from stdlib/connectors.rhai of exoauth 0.0.9, sha256 0",
    );
    let runner = runner.file("data/stdlib/connectors.rhai", &older);
    runner
        .run("list")
        .ends_with(0)
        .shows(&["which has changed since it was forked"]);
    runner
        .run("diff connectors")
        .ends_with(0)
        .complains(&["the shipped file has changed since it was forked"]);
    Ok(())
}
