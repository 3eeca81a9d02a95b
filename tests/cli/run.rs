//! `exoauth run` and `exoauth verify`: plan, ask, apply, exit codes.

use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::{LabOptions, Rules};
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn configure_does_everything_on_a_fresh_lab() {
    Runner::new()
        .run("run configure --apply")
        .ends_with(0)
        .shows(&[
            "organization: lab (simulated, nothing real is touched)",
            "+ created",
            "passed: on-premises to Exchange Online",
            "passed: Exchange Online to on-premises",
            "done: ",
        ]);
}

#[test]
fn a_second_run_changes_nothing() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner
        .run("run configure --org served.toml --apply")
        .ends_with(0);
    let second = runner
        .run("run configure --org served.toml --apply --format json")
        .ends_with(0);
    assert!(
        !second.stdout.contains("\"type\":\"writing\""),
        "{}",
        second.stdout
    );
    runner
        .run("run configure --org served.toml")
        .ends_with(0)
        .shows(&["nothing is to be changed"]);
    Ok(())
}

#[test]
fn a_plan_writes_nothing_anywhere() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let first = runner
        .run("run 07-connector-online --org served.toml --plan")
        .ends_with(0);
    assert!(
        first
            .stdout
            .contains("+ create Exchange Online IntraOrganizationConnector"),
        "{}",
        first.stdout
    );
    assert!(!runner.folder.join("state").exists());
    let second = runner
        .run("run 07-connector-online --org served.toml --plan --exit-code")
        .ends_with(3);
    assert_eq!(first.stdout, second.stdout);
    Ok(())
}

#[test]
fn explain_prints_the_call_of_each_change() {
    Runner::new()
        .run("run 07-connector-online --plan --explain")
        .ends_with(0)
        .shows(&["> New-IntraOrganizationConnector -Name 'ExchangeHybridOnlineToOnPremises'"]);
}

#[test]
fn where_nobody_can_be_asked_plan_or_apply_must_be_said() {
    Runner::new()
        .run("run 07-connector-online")
        .ends_with(2)
        .complains(&["there is nobody to ask", "--apply", "--plan"]);
}

#[test]
fn a_yes_applies_and_a_no_does_not() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let line = "run 07-connector-online --org served.toml";
    served
        .runner()
        .answering(&["no"])
        .run(line)
        .ends_with(1)
        .shows(&["not applied: nothing was changed"]);
    served
        .runner()
        .answering(&["what?", "yes"])
        .run(line)
        .ends_with(0)
        .shows(&["+ created Exchange Online IntraOrganizationConnector"])
        .complains(&["apply 1 change to served? [y/n]"]);
    served
        .runner()
        .run(line)
        .ends_with(0)
        .shows(&["nothing is to be changed"]);
    Ok(())
}

#[test]
fn verify_answers_no_on_a_fresh_lab_and_names_each_step() {
    // The certificate of the third step is there from the start.
    let mut names: Vec<String> = [1, 2, 4, 5, 6, 7, 8]
        .iter()
        .map(|step| format!("failed: step {step}"))
        .collect();
    names.push("hint: run 07-connector-online".to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Runner::new().run("verify").ends_with(4).shows(&names);
}

#[test]
fn since_the_block_verify_names_the_remedy() -> Outcome {
    let served = Served::start(LabOptions {
        rules: Rules::SinceBlock,
        ..LabOptions::default()
    })?;
    served
        .runner()
        .run("run configure --org served.toml --input dedicated_application=false --apply")
        .ends_with(4)
        .shows(&[
            "failed: on-premises to Exchange Online",
            "run dedicated-app",
        ]);
    Ok(())
}

#[test]
fn a_run_that_wrote_leaves_a_journal() -> Outcome {
    let runner = Runner::new();
    runner
        .run("run 07-connector-online --apply")
        .ends_with(0)
        .complains(&["journal: <folder>/state/runs/"]);
    let listed = runner
        .run("journal")
        .ends_with(0)
        .shows(&["07-connector-online", "lab"]);
    let run = listed
        .raw_stdout
        .lines()
        .nth(1)
        .and_then(|line| line.split(' ').next());
    runner
        .run(&format!("journal {}", run.ok_or("no run is listed")?))
        .ends_with(0)
        .shows(&["written", "New-IntraOrganizationConnector"]);
    runner
        .run("journal nobody")
        .ends_with(2)
        .complains(&["no run in", "nobody"]);
    Ok(())
}

#[test]
fn an_interrupt_before_the_run_stops_it() {
    let runner = Runner::new();
    runner.interrupt.raise();
    runner
        .run("run configure --apply")
        .ends_with(130)
        .complains(&["interrupted"]);
}

#[test]
fn a_script_of_ones_own_runs_by_its_path() {
    let text = "//! Greets.\n\nconst PLAYBOOK = #{ title: \"Greet\", inputs: #{ name: #{ text: \"Who\" } } };\n\n\
                step(\"greet\", \"Greet\", || { say(`hello ${inputs.name}`); });\n";
    Runner::new()
        .file("greet.rhai", text)
        .run("run ./greet.rhai --input name=you --apply")
        .ends_with(0)
        .shows(&[
            "hello you",
            "nothing is to be changed: the playbook asked for no change",
        ]);
}

#[test]
fn json_starts_with_the_schema_and_ends_with_the_summary() -> Outcome {
    let ran = Runner::new()
        .run("run configure --apply --format json")
        .ends_with(0);
    let lines: Result<Vec<serde_json::Value>, _> =
        ran.raw_stdout.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    let (first, last) = (
        lines.first().ok_or("nothing")?,
        lines.last().ok_or("nothing")?,
    );
    assert_eq!(
        (&first["type"], &first["schema"]),
        (&"version".into(), &"1.0".into())
    );
    assert_eq!(
        (&last["type"], &last["exit"]),
        (&"summary".into(), &0.into())
    );
    assert!(last["summary"]["requests"].is_object(), "{last}");
    Ok(())
}

#[test]
fn only_one_step_runs_and_an_unknown_one_is_named() {
    Runner::new()
        .run("run configure --only connector-online --plan")
        .ends_with(0)
        .shows(&[
            "+ create Exchange Online IntraOrganizationConnector",
            "plan: 1 to create",
        ]);
    Runner::new()
        .run("run configure --only conector-online --plan")
        .ends_with(2)
        .complains(&[
            "no step \"conector-online\"",
            "did you mean \"connector-online\"?",
        ]);
}

#[test]
fn colors_are_for_terminals_only() {
    let plain = Runner::new().run("run 07-connector-online --plan");
    assert!(!plain.stdout.contains('\u{1b}'));
    let line = "run 07-connector-online --plan";
    let colored = Runner::new().terminal().run(line);
    assert!(colored.stdout.contains('\u{1b}'));
    let without = Runner::new().terminal().variable("NO_COLOR", "1").run(line);
    assert!(!without.stdout.contains('\u{1b}') && !without.stderr.contains('\u{1b}'));
}

/// A playbook that makes a connector and then does something else while applying.
fn then(rest: &str) -> String {
    format!(
        "const PLAYBOOK = #{{ title: \"A test\" }};\n\
         online.new_intraorg_connector(\"one\", #{{ discovery_endpoint: \"https://a.example\", \
         target_address_domains: [\"a.example\"] }});\n\
         if !planning() {{ {rest} }}\n"
    )
}

#[test]
fn what_is_partly_applied_says_what_is_done_and_how_to_go_on() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let ran = served
        .runner()
        .file("a.rhai", &then("throw \"stop here\";"))
        .run("run ./a.rhai --org served.toml --apply")
        .ends_with(5)
        .complains(&["stop here", "./a.rhai:3"]);
    ran.shows(&[
        "+ created Exchange Online IntraOrganizationConnector \"one\"",
        "stopped: 1 created",
        "partly applied: 1 done",
        "to go on: exoauth resume ",
    ]);
    Ok(())
}

#[test]
fn a_write_that_was_not_planned_is_refused() {
    // A test makes an apply pass although nothing is planned to be written.
    let text = "const PLAYBOOK = #{ title: \"A test\" };\n\
                if !planning() {\n\
                    online.new_intraorg_connector(\"two\", #{ discovery_endpoint: \"https://b.example\", \
                    target_address_domains: [\"b.example\"] });\n\
                }\n\
                let mailbox = online.get_mailbox(#{ result_size: 1 })[0].primary_smtp_address;\n\
                online.test_oauth(\"EWS\", \"https://localhost/\", mailbox);\n";
    Runner::new()
        .file("a.rhai", text)
        .run("run ./a.rhai --apply")
        .ends_with(6)
        .complains(&["was not planned", "run it again"]);
}

#[test]
fn a_file_is_granted_by_naming_it() {
    let line = "run 03-auth-certificate --apply";
    let runner = Runner::new();
    runner
        .run(&format!("{line} --input certificate_file=auth.cer"))
        .ends_with(0);
    assert!(runner.folder.join("auth.cer").is_file());
    let header = "const PLAYBOOK = #{ title: \"A test\" };\n";
    Runner::new()
        .file(
            "a.rhai",
            &format!("{header}if planning() {{ read_file(\"/etc/hostname\") }}\n"),
        )
        .run("run ./a.rhai --plan")
        .ends_with(2)
        .complains(&["may not touch /etc/hostname"]);
}
