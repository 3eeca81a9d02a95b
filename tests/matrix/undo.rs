//! Taking runs back.

use crate::matrix::state::{bit_by_bit, difference, exactly};
use crate::support::runner::{Ran, Runner};
use crate::support::served::Served;
use exoauth::lab::{LabOptions, Scenario, Seed};
use exoauth::subject::Plane;
use exoauth::value::Value;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";

fn with_neighbors() -> Result<Served, Box<dyn Error>> {
    Served::start(LabOptions {
        seed: Seed {
            neighbors: true,
            ..Seed::default()
        },
        ..LabOptions::default()
    })
}

fn state(served: &Served) -> Vec<String> {
    served.lab.world().with(|world| exactly(world))
}

/// The names of the recorded runs, oldest first.
pub(crate) fn runs(runner: &Runner) -> Vec<String> {
    let listed = runner.run("journal --format json").ends_with(0);
    let runs: Vec<Value> = serde_json::from_str(&listed.raw_stdout).unwrap_or_default();
    runs.iter()
        .filter_map(|run| run.text("run").map(str::to_owned))
        .collect()
}

/// Applies a playbook and gives the name of the run.
fn apply(runner: &Runner, playbook: &str) -> String {
    runner
        .run(&format!("run {playbook} --org served.toml --apply"))
        .ends_with(0);
    runs(runner).pop().unwrap_or_default()
}

fn undo(runner: &Runner, run: &str) -> Ran {
    runner.run(&format!("undo {run} --apply"))
}

#[test]
fn undo_after_configure_returns_the_lab_to_what_it_was() -> Outcome {
    let served = with_neighbors()?;
    let runner = served.runner();
    let before = state(&served);
    let run = apply(&runner, "configure");
    let configured = state(&served);
    assert!(difference(&before, &configured).is_some());

    runner
        .run(&format!("undo {run} --plan"))
        .ends_with(0)
        .shows(&["- remove on-premises IntraOrganizationConnector"]);
    assert_eq!(
        difference(&configured, &state(&served)),
        None,
        "a plan changes nothing"
    );
    undo(&runner, &run).ends_with(0);
    assert_eq!(difference(&before, &state(&served)), None);
    // Once more: there is nothing left to take back.
    undo(&runner, &run)
        .ends_with(0)
        .shows(&["nothing is to be changed"]);
    Ok(())
}

/// The whole of what undoing leaves behind, named one by one: moments that a service stamps by itself, and a certificate
/// that had expired, which the directory drops with the first write and does not take again.
#[test]
fn what_undo_cannot_give_back_is_a_moment_and_an_expired_certificate() -> Outcome {
    let served = with_neighbors()?;
    let runner = served.runner();
    let before = served.lab.world().with(|world| bit_by_bit(world));
    let run = apply(&runner, "configure");
    let undone = undo(&runner, &run).ends_with(0);
    let after = served.lab.world().with(|world| bit_by_bit(world));
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|line| !those.contains(line));
        only.cloned().collect::<Vec<String>>()
    };
    let (gone, new) = (only(&before, &after), only(&after, &before));
    let without_moments = |line: &String| {
        let properties = line.split("; ");
        let properties = properties.filter(|property| !property.starts_with("WhenChanged"));
        properties.collect::<Vec<_>>().join("; ")
    };
    let (objects, keys): (Vec<String>, Vec<String>) =
        gone.into_iter().partition(|line| !line.starts_with("key "));
    assert_eq!(
        objects.iter().map(without_moments).collect::<Vec<_>>(),
        new.iter().map(without_moments).collect::<Vec<_>>()
    );
    // Two objects were changed and changed back; those that were made are gone without a trace.
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert!(objects[0].starts_with("on-premises PartnerApplication"));
    assert!(objects[1].starts_with("Exchange Online OrganizationConfig"));
    assert_eq!(keys.len(), 1, "{keys:?}");
    let expired = served.lab.world().with(|world| {
        let now = world.now();
        let all = world.directory().principals.iter();
        all.flat_map(|principal| &principal.keys)
            .filter(|key| key.certificate.not_after <= now)
            .count()
    });
    assert_eq!(expired, 0);
    // And it is said.
    let shown = format!("{}{}", undone.stdout, undone.stderr);
    assert!(shown.contains("has expired"), "{shown}");
    Ok(())
}

/// The whole of what each playbook did besides the eight steps.
#[test]
fn undo_takes_back_what_exchange_online_asks_for_today() -> Outcome {
    // The playbook, what was done before, and the lines that differ afterwards, each with its reason.
    let cases = [
        (
            "dedicated-app",
            vec!["configure --input dedicated_application=false"],
        ),
        ("clean-up-shared-principal", vec!["configure"]),
        (
            "ews-allow-list --input applications=11111111-2222-3333-4444-555555555555",
            vec!["configure"],
        ),
        (
            "ews-allow-list --input remove=11111111-2222-3333-4444-555555555555",
            vec![
                "ews-allow-list --input applications=11111111-2222-3333-4444-555555555555,22222222-2222-3333-4444-555555555555",
            ],
        ),
    ];
    for (playbook, first) in cases {
        let served = with_neighbors()?;
        let runner = served.runner();
        for first in first {
            runner.run(&format!("run {first} --org served.toml --apply"));
        }
        let before = state(&served);
        let run = apply(&runner, playbook);
        let after = state(&served);
        assert!(difference(&before, &after).is_some(), "{playbook}");
        undo(&runner, &run).ends_with(0);
        assert_eq!(difference(&before, &state(&served)), None, "{playbook}");
    }
    Ok(())
}

/// Without it, servers go by the former overrides for an hour.
#[test]
fn servers_read_their_setting_overrides_again_when_one_is_taken_back() -> Outcome {
    let served = Served::start(LabOptions {
        scenarios: Scenario::find("configured").into_iter().collect(),
        ..LabOptions::default()
    })?;
    let name = "EnableExchangeHybrid3PAppFeature";
    let changes = [
        format!("onprem.remove_setting_override(\"{name}\");"),
        format!("onprem.set_setting_override(\"{name}\", #{{ parameters: [\"Enabled=false\"] }});"),
        "onprem.new_setting_override(\"Another\", #{ component: \"Global\", section: \"ExchangeOnpremAsThirdPartyAppId\", parameters: [\"Enabled=true\"], reason: \"x\" });".to_owned(),
    ];
    for change in changes {
        let text = format!(
            "//! Changes.\n\nconst PLAYBOOK = #{{ title: \"Change\" }};\n\nstep(\"change\", \"Change\", || {{ {change} onprem.refresh_setting_overrides(); }});\n"
        );
        let runner = served.runner().file("change.rhai", &text);
        let without_names = |lines: Vec<String>| -> Vec<String> {
            let lines = lines.iter().map(|line| {
                let kept = line.split("; ").filter(|property| {
                    !["Guid=", "WhenCreated"]
                        .iter()
                        .any(|made| property.starts_with(made))
                });
                let mut kept: Vec<&str> = kept.collect();
                kept.sort_unstable();
                kept.join("; ")
            });
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            lines
        };
        let before = without_names(state(&served));
        let run = apply(&runner, "./change.rhai");
        runner.run("verify --org served.toml").ends_with(4);
        runner.run(&format!("undo {run} --plan")).ends_with(0);
        undo(&runner, &run).ends_with(0);
        assert_eq!(
            difference(&before, &without_names(state(&served))),
            None,
            "{change}"
        );
        runner
            .run("verify --org served.toml")
            .ends_with(0)
            .shows(&["passed: on-premises to Exchange Online"]);
    }
    Ok(())
}

#[test]
fn an_undo_is_a_run_and_can_be_taken_back() -> Outcome {
    let served = with_neighbors()?;
    let runner = served.runner();
    let run = apply(&runner, "configure");
    undo(&runner, &run).ends_with(0);
    let last = runs(&runner).pop().unwrap_or_default();
    undo(&runner, &last).ends_with(0);
    runner
        .run("run configure --org served.toml")
        .ends_with(0)
        .shows(&["nothing is to be changed"]);
    Ok(())
}

#[test]
fn what_others_added_since_stays() -> Outcome {
    let served = with_neighbors()?;
    let runner = served.runner();
    let run = apply(&runner, "05-host-names");
    let names = |served: &Served| {
        served.lab.world().with(|world| {
            let principal = world.directory().principal(EXCHANGE);
            principal.map_or_else(Vec::new, |principal| principal.names.clone())
        })
    };
    let after = names(&served);
    served.lab.world().with(|world| {
        if let Some(principal) = world.directory_mut().principal_mut(EXCHANGE) {
            principal
                .names
                .push("https://theirs.example.com/".to_owned());
        }
    });
    undo(&runner, &run).ends_with(0);
    let left = names(&served);
    assert!(left.contains(&"https://theirs.example.com/".to_owned()));
    assert!(after.contains(&"https://mail.contoso.com/".to_owned()));
    assert!(!left.contains(&"https://mail.contoso.com/".to_owned()));
    Ok(())
}

#[test]
fn what_someone_changed_since_is_refused_with_the_difference_and_the_rest_is_taken_back() -> Outcome
{
    let served = with_neighbors()?;
    let runner = served.runner();
    let before = state(&served);
    let run = apply(&runner, "configure");
    served.lab.world().with(|world| {
        world.set(
            Plane::ExchangeOnline,
            "IntraOrganizationConnector",
            "ExchangeHybridOnlineToOnPremises",
            "DiscoveryEndpoint",
            &"https://moved.contoso.com/autodiscover/autodiscover.svc".into(),
        );
    });
    runner
        .run(&format!("undo {run} --plan"))
        .ends_with(0)
        .shows(&[
            "it is no longer what the run made",
            "now \"https://moved.contoso.com/autodiscover/autodiscover.svc\"",
        ]);
    undo(&runner, &run).ends_with(5);
    let left = state(&served);
    let theirs: Vec<&String> = left.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    assert!(theirs[0].contains("moved.contoso.com"), "{theirs:?}");
    // Only that one is left: refused, and nothing else to do.
    undo(&runner, &run).ends_with(6);
    Ok(())
}

#[test]
fn a_property_that_was_set_and_that_someone_set_since_stays_theirs() -> Outcome {
    let served = with_neighbors()?;
    let text = "//! Sets.\n\nconst PLAYBOOK = #{ title: \"Set\" };\n\n\
        step(\"set\", \"Set\", || {\n\
            online.set_intraorg_connector(\"Fabrikam\", #{ discovery_endpoint: \"https://ours.example/\", enabled: false });\n\
            onprem.set_intraorg_connector(\"Fabrikam\", #{ enabled: false });\n\
        });\n";
    let runner = served.runner().file("set.rhai", text);
    let before = state(&served);
    let run = apply(&runner, "./set.rhai");
    served.lab.world().with(|world| {
        world.set(
            Plane::ExchangeOnline,
            "IntraOrganizationConnector",
            "Fabrikam",
            "DiscoveryEndpoint",
            &"https://theirs.example/".into(),
        );
    });
    let theirs = state(&served);
    undo(&runner, &run).ends_with(5).shows(&[
        "someone changed DiscoveryEndpoint since",
        "the run left \"https://ours.example/\", now \"https://theirs.example/\"",
    ]);
    // The other connector is as it was; of theirs nothing was touched, not even what nobody else set.
    let is_theirs = |line: &&String| line.contains("https://theirs.example/");
    let left = state(&served);
    assert_eq!(
        left.iter().filter(is_theirs).collect::<Vec<_>>(),
        theirs.iter().filter(is_theirs).collect::<Vec<_>>()
    );
    let others: Vec<&String> = left.iter().filter(|line| !is_theirs(line)).collect();
    let changed: Vec<_> = others
        .iter()
        .filter(|line| !before.contains(line))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
    Ok(())
}

#[test]
fn what_was_removed_is_made_again_and_what_was_set_gets_its_former_value() -> Outcome {
    let served = with_neighbors()?;
    let runner = served.runner();
    let text = "//! Removes.\n\nconst PLAYBOOK = #{ title: \"Remove\" };\n\n\
        step(\"remove\", \"Remove\", || {\n\
            onprem.remove_intraorg_connector(\"Fabrikam\");\n\
            onprem.remove_auth_server(\"Fabrikam ACS\");\n\
            onprem.remove_availability_address_space(\"fabrikam.com\");\n\
            online.set_intraorg_connector(\"Fabrikam\", #{ enabled: false, target_address_domains: [\"x.example\"] });\n\
        });\n";
    let runner = runner.file("remove.rhai", text);
    let without_guids = |served: &Served| {
        let lines = state(served).into_iter().map(|line| {
            let (of, properties) = line.split_once(": ").unwrap_or((line.as_str(), ""));
            let mut properties: Vec<&str> = properties
                .split("; ")
                .filter(|property| !property.starts_with("Guid=") && !property.starts_with("When"))
                .collect();
            properties.sort_unstable();
            format!("{of}: {}", properties.join("; "))
        });
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        lines
    };
    let before = without_guids(&served);
    let run = apply(&runner, "./remove.rhai");
    assert!(difference(&before, &without_guids(&served)).is_some());
    // No parameter sets the user on whose behalf free/busy is asked for: that is lost, and said.
    undo(&runner, &run).ends_with(0).shows(&[
        "on-premises AvailabilityAddressSpace \"fabrikam.com\" is made again, but UserName was left as",
    ]);
    let left = without_guids(&served);
    let missing: Vec<&String> = before.iter().filter(|line| !left.contains(line)).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].contains("UserName"), "{missing:?}");
    Ok(())
}

#[test]
fn a_run_on_the_lab_inside_the_program_cannot_be_taken_back_or_resumed() {
    let runner = Runner::new();
    runner.run("run 07-connector-online --apply").ends_with(0);
    let run = runs(&runner).pop().unwrap_or_default();
    for command in ["undo", "resume"] {
        runner
            .run(&format!("{command} {run} --apply"))
            .ends_with(2)
            .complains(&["which ended with it", "exoauth lab"]);
    }
}
