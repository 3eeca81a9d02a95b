//! Going on with runs that were cut off, journals that are damaged, and two runs at once.

use crate::matrix::state::in_common;
use crate::matrix::undo::runs;
use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::{Front, LabOptions, Request};
use std::error::Error;
use std::fs::{self, File};
use std::sync::Arc;

type Outcome = Result<(), Box<dyn Error>>;

/// Cuts every connection for good from the write that holds a word on.
fn lose_the_network_at(served: &Served, word: &'static str, kind: Kind) {
    let lost = std::sync::atomic::AtomicBool::new(false);
    let is_meant = move |_: Front, request: &Request| {
        let found = String::from_utf8_lossy(&request.body).contains(word);
        lost.fetch_or(found, std::sync::atomic::Ordering::SeqCst) || found
    };
    served.lab.world().with(|world| {
        world.faults().add(Fault {
            when: When::Every(Arc::new(is_meant)),
            kind,
        });
    });
}

fn journal(runner: &Runner, run: &str) -> std::path::PathBuf {
    runner.folder.join(format!("state/runs/{run}.jsonl"))
}

/// A served lab with a run that was cut off before or after its write was done, and before it was answered.
fn cut_off(kind: Kind) -> Result<(Served, Runner, String), Box<dyn Error>> {
    let served = Served::start(LabOptions::default())?;
    let mut runner = served.runner();
    runner.patience.sleep = Arc::new(|_| Box::pin(async {}));
    lose_the_network_at(&served, "New-IntraOrganizationConnector", kind);
    runner
        .run("run 07-connector-online --org served.toml --apply")
        .ends_with(5)
        .shows(&[
            "of 1 more it is not known whether it happened",
            "to go on: exoauth resume ",
        ]);
    served.lab.world().with(|world| world.faults().clear());
    let run = runs(&runner).pop().ok_or("no run is recorded")?;
    Ok((served, runner, run))
}

#[test]
fn what_was_never_answered_is_settled_by_reading_and_not_done_twice() -> Outcome {
    let (served, runner, run) = cut_off(Kind::CutAfter)?;
    runner.run("resume --apply").ends_with(0).shows(&[
        "nobody saw the answer to New-IntraOrganizationConnector",
        "it was done",
    ]);
    let writes = served
        .lab
        .world()
        .with(|world| world.writes(exoauth::subject::Plane::ExchangeOnline));
    assert_eq!(writes, 1);
    // And it can be taken back, although the journal does not say that it happened.
    runner.run(&format!("undo {run} --apply")).ends_with(0);
    let left = served.lab.world().with(|world| in_common(world));
    let made = left
        .iter()
        .any(|line| line.contains("ExchangeHybridOnline"));
    assert!(!made, "{left:?}");
    Ok(())
}

#[test]
fn what_never_happened_is_not_taken_back_from_who_did_it_meanwhile() -> Outcome {
    let (served, runner, run) = cut_off(Kind::CutBefore)?;
    let theirs = "online.new_intraorg_connector(\"ExchangeHybridOnlineToOnPremises\", \
        #{ target_address_domains: [\"theirs.example\"], discovery_endpoint: \"https://theirs.example/\" })";
    served
        .runner()
        .run(&format!("eval '{theirs}' --org served.toml --apply"))
        .ends_with(0);
    let before = served.lab.world().with(|world| in_common(world));
    assert!(before.iter().any(|line| line.contains("theirs.example")));
    runner.run(&format!("undo {run} --apply")).ends_with(0);
    let left = served.lab.world().with(|world| in_common(world));
    assert_eq!(left, before);
    Ok(())
}

#[test]
fn a_half_written_journal_is_read_as_far_as_it_goes_and_said_so() -> Outcome {
    let (_served, runner, run) = cut_off(Kind::CutAfter)?;
    let path = journal(&runner, &run);
    let whole = fs::read(&path)?;
    fs::write(&path, &whole[..whole.len() - 10])?;
    runner
        .run(&format!("journal {run}"))
        .ends_with(0)
        .shows(&["writing", "New-IntraOrganizationConnector"])
        .complains(&["the journal is damaged at line"]);
    runner.run("journal").ends_with(0).shows(&["damaged"]);
    runner
        .run("resume --apply")
        .ends_with(0)
        .complains(&["is damaged at line"]);
    fs::write(&path, "{\"at\":")?;
    runner
        .run(&format!("undo {run} --apply"))
        .ends_with(2)
        .complains(&["damaged in its first line"]);
    Ok(())
}

#[test]
fn after_a_run_that_came_to_its_end_there_is_nothing_to_resume() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner
        .run("run 07-connector-online --org served.toml --apply")
        .ends_with(0);
    runner
        .run("resume --apply")
        .ends_with(2)
        .complains(&["there is nothing to resume"]);
    Ok(())
}

#[test]
fn a_playbook_that_has_changed_since_is_not_resumed() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let text = "//! Stops.\n\nconst PLAYBOOK = #{ title: \"Stop\", inputs: #{ name: #{ text: \"A name\" } } };\n\n\
        step(\"stop\", \"Stop\", || {\n\
            onprem.set_partner_application(\"Exchange Online\", #{ enabled: true });\n\
            if !planning() { throw #{ kind: \"conflict\", message: `${inputs.name} stops here` }; }\n\
        });\n";
    let runner = served.runner().file("stop.rhai", text);
    runner
        .run("run ./stop.rhai --org served.toml --input name=megan --apply")
        .ends_with(5);
    // The same inputs: it stops at the same place, but has nothing to write any more.
    runner.run("resume --apply").ends_with(0);
    let runner = runner.file("stop.rhai", &format!("{text}// changed\n"));
    let first = runs(&runner).first().cloned().unwrap_or_default();
    runner
        .run(&format!("resume {first} --apply"))
        .ends_with(2)
        .complains(&["has changed since", "exoauth run"]);
    Ok(())
}

#[test]
fn the_journal_holds_what_undoing_and_resuming_need() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner().variable("USER", "megan");
    runner
        .run("run 02-partner-application --org served.toml --apply")
        .ends_with(0);
    let run = runs(&runner).pop().unwrap_or_default();
    let text = fs::read_to_string(journal(&runner, &run))?;
    let records: Result<Vec<serde_json::Value>, _> =
        text.lines().map(serde_json::from_str).collect();
    let records = records?;
    let head = &records[0];
    for (key, value) in [
        ("type", "run"),
        ("who", "megan"),
        ("organization", "served"),
        ("tenant", "contoso.onmicrosoft.com"),
        ("playbook", "02-partner-application"),
        ("asked", "02-partner-application"),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(head[key], value, "{key}");
    }
    assert_eq!(head["playbook_hash"].as_str().map(str::len), Some(64));
    let of = |kind: &str| {
        let found = records.iter().find(|record| record["type"] == kind);
        found.cloned().unwrap_or_default()
    };
    let intent = of("writing");
    assert_eq!(intent["change"]["before"]["Enabled"], false);
    assert_eq!(
        intent["present"]["Realm"], "",
        "the whole object, not only what is set"
    );
    assert_eq!(
        intent["request"]["cmdlet"]["cmdlet"],
        "Set-PartnerApplication"
    );
    assert_eq!(of("written")["after"]["Enabled"], true);
    assert_eq!(of("run_finished")["changes"]["update"], 1);
    Ok(())
}

#[test]
fn while_one_run_writes_another_is_refused_and_told_who_writes() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let line = "run 02-partner-application --org served.toml --apply";
    runner
        .run("run 07-connector-online --org served.toml --apply")
        .ends_with(0);
    let folder = runner.folder.join("state/locks");
    let locks: Vec<_> = fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    assert_eq!(locks.len(), 1, "only the lock itself stays: {locks:?}");
    let other = File::options().write(true).open(&locks[0])?;
    other.lock()?;
    let holder =
        r#"{"run":"20261123-090000-abcdef","process":4711,"since":"2026-11-23T09:00:00Z"}"#;
    fs::write(locks[0].with_extension("json"), holder)?;
    runner.run(line).ends_with(6).complains(&[
        "the run <the-name-of-the-run-> (process 4711",
        "is writing to served",
    ]);
    other.unlock()?;
    runner.run(line).ends_with(0);
    Ok(())
}
