//! Several organizations in one call.

use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::LabOptions;
use exoauth::subject::Plane;
use serde_json::Value as Json;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

/// Labs by name, and a runner that has a file for each in the folder `orgs`, beside one that nobody answers.
fn labs(names: &[&str]) -> Result<(Vec<Served>, Runner), Box<dyn Error>> {
    let mut runner = Runner::new();
    let mut labs = Vec::new();
    for name in names {
        let served = Served::start(LabOptions::default())?;
        let authority = format!("{name}.pem");
        runner = runner
            .file(
                &format!("orgs/{name}.toml"),
                &served.lab.organization_file(&authority),
            )
            .file(&format!("orgs/{authority}"), served.lab.authority());
        labs.push(served);
    }
    Ok((labs, runner))
}

fn connectors(served: &Served) -> usize {
    served.lab.world().with(|world| {
        world
            .objects(Plane::ExchangeOnline, "IntraOrganizationConnector")
            .len()
    })
}

fn journals(runner: &Runner) -> Vec<(String, String)> {
    let listed = runner.run("journal --format json").ends_with(0);
    let listed: Vec<Json> = serde_json::from_str(&listed.raw_stdout).unwrap_or_default();
    let text = |run: &Json, key: &str| run[key].as_str().unwrap_or_default().to_owned();
    let mut journals: Vec<(String, String)> = listed
        .iter()
        .map(|run| (text(run, "organization"), text(run, "playbook")))
        .collect();
    journals.sort();
    journals
}

#[test]
fn each_has_its_own_report_and_journal_and_one_that_fails_stops_no_other() -> Outcome {
    let (mut labs, runner) = labs(&["contoso", "fabrikam", "tailspin"])?;
    // Nobody answers there any more.
    drop(labs.remove(1));
    let ran = runner
        .run("run 07-connector-online --org orgs/contoso.toml --org orgs/fabrikam.toml --org orgs/tailspin.toml --apply")
        .ends_with(1)
        .shows(&[
            "organization: contoso (simulated",
            "organization: tailspin (simulated",
            "3 organizations, 1 of them not as they should be",
        ])
        .complains(&[" of 3] contoso: done", " of 3] tailspin: done", " of 3] fabrikam: failed: "]);
    assert_eq!(labs.iter().map(connectors).collect::<Vec<_>>(), [1, 1]);
    let table: Vec<&str> = ran
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("organization  "))
        .collect();
    assert!(
        table[1].starts_with("contoso       done "),
        "{}",
        ran.stdout
    );
    assert!(table[1].contains("1 created"), "{}", ran.stdout);
    assert!(
        table[2].starts_with("fabrikam      failed: "),
        "{}",
        ran.stdout
    );
    let playbook = "07-connector-online".to_owned();
    assert_eq!(
        journals(&runner),
        [
            ("contoso".to_owned(), playbook.clone()),
            ("tailspin".to_owned(), playbook)
        ]
    );
    // Each can be gone on with and taken back by itself.
    runner
        .run("resume")
        .ends_with(2)
        .complains(&["nothing to resume"]);
    Ok(())
}

#[test]
fn the_plans_are_agreed_to_once_for_all() -> Outcome {
    let (labs, runner) = labs(&["contoso", "tailspin"])?;
    let line = "run 07-connector-online --org-dir orgs --parallel 1";
    runner.run(line).ends_with(2).complains(&[
        "there is nobody to ask whether to apply these plans",
        "--apply",
    ]);
    let runner = runner.answering(&["n"]);
    runner
        .run(line)
        .ends_with(1)
        .shows(&[
            "+ create Exchange Online IntraOrganizationConnector",
            "not applied",
        ])
        .complains(&["apply 2 changes to 2 organizations? [y/n]"]);
    assert_eq!(labs.iter().map(connectors).collect::<Vec<_>>(), [0, 0]);
    let runner = runner.answering(&["y"]);
    runner
        .run(line)
        .ends_with(0)
        .shows(&["2 organizations, all as they should be"]);
    assert_eq!(labs.iter().map(connectors).collect::<Vec<_>>(), [1, 1]);
    // With nothing to change nobody is asked.
    let ran = runner
        .run(&format!("{line} --plan --exit-code"))
        .ends_with(0)
        .shows(&["nothing to change"]);
    assert!(!ran.stderr.contains("apply"), "{}", ran.stderr);
    Ok(())
}

#[test]
fn programs_read_lines_that_name_their_organization() -> Outcome {
    let (labs, runner) = labs(&["contoso", "tailspin"])?;
    let ran = runner
        .run("run 07-connector-online --org-dir orgs --plan --exit-code --format json")
        .ends_with(3);
    let lines: Result<Vec<Json>, _> = ran.raw_stdout.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    assert_eq!(lines[0]["type"], "version");
    let last = &lines[lines.len() - 1];
    assert_eq!(last["type"], "summary");
    assert_eq!(last["exit"], 3);
    let names: Vec<&Json> = last["organizations"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|ending| &ending["organization"])
        .collect();
    assert_eq!(names, ["contoso", "tailspin"]);
    for line in &lines[1..lines.len() - 1] {
        assert!(names.contains(&&line["organization"]), "{line}");
    }
    let finished = lines
        .iter()
        .filter(|line| line["type"] == "organization_finished");
    assert_eq!(finished.count(), 2);
    assert_eq!(labs.iter().map(connectors).collect::<Vec<_>>(), [0, 0]);
    Ok(())
}

#[test]
fn several_are_verified_and_the_worst_decides() -> Outcome {
    let (_labs, runner) = labs(&["contoso", "tailspin"])?;
    runner
        .run("run configure --org orgs/contoso.toml --apply")
        .ends_with(0);
    runner.run("verify --org-dir orgs").ends_with(4).shows(&[
        "contoso       done",
        "tailspin      a check failed",
        "checks",
    ]);
    Ok(())
}

#[test]
fn what_cannot_be_meant_is_said() -> Outcome {
    let (_labs, runner) = labs(&["contoso"])?;
    let runner = runner.file("empty/readme.txt", "");
    for (line, texts) in [
        (
            "verify --org orgs/contoso.toml --org orgs/contoso.toml",
            &["contoso.toml is named twice"][..],
        ),
        (
            "verify --org-dir empty",
            &[
                "there is no organization file in",
                "their names end in .toml",
            ],
        ),
        ("verify --org-dir nowhere", &["nowhere cannot be read"]),
        (
            "run configure --org-dir orgs --step",
            &["--step is for one organization at a time"],
        ),
        (
            "run configure --org-dir orgs --emit powershell plan",
            &["--emit is for one organization at a time"],
        ),
        (
            "eval 1 --org orgs/contoso.toml --org orgs/contoso.toml",
            &["one organization at a time"],
        ),
        ("verify --org-dir orgs --parallel 0", &["--parallel"]),
    ] {
        runner.run(line).ends_with(2).complains(texts);
    }
    Ok(())
}
