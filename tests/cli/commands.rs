//! The other commands: `list`, `show`, `fork`, `eval`, `clouds`, `lab`, help and version.

use crate::support::runner::Runner;
use crate::support::snapshot::expect_file;
use std::error::Error;
use std::time::Duration;

type Outcome = Result<(), Box<dyn Error>>;

const GREET: &str = r#"//! Greets someone.
//!
//! What it changes: nothing.

const PLAYBOOK = #{
    title: "Greet",
    inputs: #{
        who: #{ text: "Whom to greet" },
        how: #{ text: "In which way", choices: ["friendly", "briefly"], default: "friendly" },
        languages: #{ text: "In which languages", type: "list", default: [] },
    },
    clouds: ["worldwide", "gcc-high"],
};

step("greet", "Say hello", || { say(`hello ${inputs.who}`); });
"#;

#[test]
fn help_and_version_are_results() -> Outcome {
    let help = Runner::new().run("--help").ends_with(0);
    expect_file("cli/snapshots/help.txt", &help.stdout)?;
    let help = Runner::new().run("run --help").ends_with(0);
    expect_file("cli/snapshots/help_run.txt", &help.stdout)?;
    Runner::new()
        .run("--version")
        .ends_with(0)
        .shows(&["exoauth "]);
    Ok(())
}

#[test]
fn list_names_every_playbook() -> Outcome {
    let listed = Runner::new().run("list").ends_with(0);
    expect_file("cli/snapshots/list.txt", &listed.stdout)?;
    let json = Runner::new().run("list --format json").ends_with(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json.stdout)?;
    for row in &rows {
        let name = row["name"].as_str().unwrap_or("no name");
        assert!(listed.stdout.contains(name), "{name}");
    }
    Ok(())
}

#[test]
fn show_tells_what_a_playbook_asks_for() -> Outcome {
    let runner = Runner::new().file("greet.rhai", GREET);
    let shown = runner.run("show ./greet.rhai").ends_with(0);
    expect_file("cli/snapshots/show.txt", &shown.stdout)?;
    let json = runner.run("show ./greet.rhai --format json").ends_with(0);
    let greet: serde_json::Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(greet["inputs"][1]["default"], "friendly");
    Runner::new().run("show configure").ends_with(0).shows(&[
        "01-auth-servers",
        "connector-online",
        "verify-directions",
    ]);
    Runner::new()
        .run("show 07-connector-online --source")
        .ends_with(0)
        .shows(&["const PLAYBOOK = #{", "connectors::ensure"]);
    Runner::new()
        .run("show 07-conector-online")
        .ends_with(2)
        .complains(&["did you mean \"07-connector-online\"?"]);
    Ok(())
}

#[test]
fn a_fork_takes_the_place_of_the_shipped_playbook() {
    let runner = Runner::new();
    runner
        .run("fork 07-connector-online")
        .ends_with(0)
        .shows(&["<folder>/data/scripts/07-connector-online.rhai"]);
    runner
        .run("run 07-connector-online --plan")
        .ends_with(0)
        .shows(&["+ create"]);
    let fork = runner.read("data/scripts/07-connector-online.rhai");
    assert!(
        fork.starts_with("// forked from scripts/07-connector-online.rhai of exoauth "),
        "{fork}"
    );
    runner
        .run("fork 07-connector-online")
        .ends_with(2)
        .complains(&["exists and is not overwritten"]);
    runner
        .run("list")
        .ends_with(0)
        .shows(&["yours, in front of the shipped one"]);

    let changed = fork.replace("ExchangeHybridOnlineToOnPremises", "MyOwnConnector");
    let runner = runner.file("data/scripts/07-connector-online.rhai", &changed);
    runner
        .run("run 07-connector-online --plan")
        .ends_with(0)
        .shows(&["MyOwnConnector"]);

    runner
        .run("fork 07-conector-online")
        .ends_with(2)
        .complains(&["did you mean"]);
}

#[test]
fn a_fork_of_an_older_version_says_that_the_shipped_one_moved() {
    let runner = Runner::new();
    runner.run("fork 07-connector-online").ends_with(0);
    let fork = runner.read("data/scripts/07-connector-online.rhai");
    let first = fork.lines().next().unwrap_or_default();
    let older = fork.replace(
        first,
        "// forked from scripts/07-connector-online.rhai of exoauth 0.0.9, sha256 0",
    );
    runner
        .file("data/scripts/07-connector-online.rhai", &older)
        .variable("COLUMNS", "200")
        .run("list")
        .ends_with(0)
        .shows(&["which has changed since it was forked"]);
}

#[test]
fn eval_prints_a_value() -> Outcome {
    Runner::new()
        .run("eval 'onprem.get_auth_config()'")
        .ends_with(0)
        .shows(&[
            "current_certificate_thumbprint",
            "<THE-THUMBPRINT-OF-A-CERTIFICATE",
        ])
        .complains(&["organization: lab (simulated, nothing real is touched)"]);
    let json = Runner::new()
        .run("eval 'cloud.tenant' --format json")
        .ends_with(0);
    let tenant: String = serde_json::from_str(&json.stdout)?;
    assert!(tenant.contains('.'), "{tenant}");
    Runner::new().run("eval '1 + 1'").ends_with(0).shows(&["2"]);
    Runner::new()
        .run("eval '1 +'")
        .ends_with(2)
        .complains(&["prompt:1"]);
    Runner::new()
        .run("eval 'onprem.get_auth_confg()'")
        .ends_with(2)
        .complains(&["did you mean", "get_auth_config"]);
    Ok(())
}

#[test]
fn eval_predicts_what_writes_unless_it_is_told_to_apply() {
    let expression =
        "'onprem.new_auth_server(\"x\", #{ auth_metadata_url: cloud.acs_metadata(cloud.tenant) })'";
    let line = format!("eval {expression}");
    let predicted = Runner::new()
        .run(&line)
        .ends_with(0)
        .complains(&["+ create on-premises AuthServer \"x\""]);
    assert!(!predicted.stderr.contains("created"));
    Runner::new()
        .run(&format!("{line} --apply"))
        .ends_with(0)
        .complains(&["+ created on-premises AuthServer \"x\""]);
}

#[test]
fn clouds_shows_unknown_cells_as_unknown() -> Outcome {
    let shown = Runner::new().run("clouds").ends_with(0);
    expect_file("cli/snapshots/clouds.txt", &shown.stdout)?;
    let json = Runner::new().run("clouds --format json").ends_with(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json.stdout)?;
    assert_eq!(rows[3]["cloud"], "china");
    assert_eq!(rows[3]["acs_metadata"], serde_json::Value::Null);
    Ok(())
}

#[test]
fn a_served_lab_is_an_organization_like_any_other() -> Outcome {
    let runner = Runner::new();
    let toml = runner.folder.join("here/lab.toml");
    std::thread::scope(|scope| {
        let served = scope.spawn(|| runner.run("lab --write here"));
        let mut waited = 0;
        while !toml.is_file() && waited < 1200 {
            std::thread::sleep(Duration::from_millis(50));
            waited += 1;
        }
        let client = Runner::new();
        let line = |command: &str| format!("{command} --org '{}'", toml.display());
        let applied = client.run(&line("run configure --apply"));
        let again = client.run(&line("run configure --apply"));
        runner.interrupt.raise();
        applied
            .ends_with(0)
            .shows(&["organization: lab (simulated, nothing real is touched)"]);
        again.ends_with(0).shows(&["nothing is to be changed"]);
        let served = served.join().map_err(|_| "the lab panicked")?;
        served
            .ends_with(0)
            .shows(&["<folder>/here/lab.toml"])
            .complains(&["exoauth run configure --org"]);
        Ok(())
    })
}

#[test]
fn an_empty_list_of_runs_says_why() {
    Runner::new()
        .run("journal")
        .ends_with(0)
        .shows(&["no run was recorded: there is no journal in <folder>/state/runs"]);
}

#[test]
fn verify_can_be_watched_and_tells_the_last_result() {
    let mut runner = Runner::new();
    let (interrupt, left) = (
        runner.interrupt.clone(),
        std::sync::atomic::AtomicUsize::new(2),
    );
    // The second pause is cut short by Ctrl-C.
    runner.patience.sleep = std::sync::Arc::new(move |_| {
        let interrupt = interrupt.clone();
        let last = left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1;
        Box::pin(async move {
            if last {
                interrupt.raise();
                std::future::pending::<()>().await;
            }
        })
    });
    let ran = runner.run("verify --watch 6h --format json").ends_with(4);
    let summaries = ran.stdout.matches("a verification answered no").count();
    assert_eq!(summaries, 2, "{}", ran.stdout);
    Runner::new()
        .run("verify --watch sometimes")
        .ends_with(2)
        .complains(&[
            "\"sometimes\" is not how often to verify",
            "such as 30s, 15m, 6h or 1d",
        ]);
}
