//! A playbook in two halves, each of which reaches one side only, with nothing between them but a file.

use crate::matrix::state::{difference, in_common};
use crate::support::runner::{Ran, Runner};
use crate::support::served::Served;
use exoauth::lab::{Front, LabOptions, Scenario};
use serde_json::Value as Json;
use std::error::Error;
use std::fs;

type Outcome = Result<(), Box<dyn Error>>;

/// An address where nobody listens.
const NOBODY: &str = "https://localhost:1";

/// The two computers: a server that does not reach the cloud, and one at home that does not reach the servers.
struct Computers {
    server: Runner,
    home: Runner,
}

impl Computers {
    fn of(served: &Served) -> Self {
        let text = served.file();
        let lab = &served.lab;
        let mut no_cloud = text.clone();
        for front in [Front::Login, Front::Graph] {
            no_cloud = no_cloud.replace(&lab.address(front), NOBODY);
        }
        let no_servers = text.replace(&lab.address(Front::OnPremises), NOBODY);
        assert!(no_cloud != text && no_servers != text && no_cloud != no_servers);
        Self {
            server: served.runner_with(&no_cloud),
            home: served.runner_with(&no_servers),
        }
    }

    fn onprem(&self, playbook: &str) -> Ran {
        self.server.run(&format!(
            "run {playbook} --org served.toml --only onprem --hand-over between.json --apply"
        ))
    }

    fn cloud(&self, playbook: &str) -> Ran {
        self.home.run(&format!(
            "run {playbook} --org served.toml --only cloud --hand-over between.json --apply"
        ))
    }

    /// Carries the file from the server home.
    fn carry_home(&self) -> Outcome {
        fs::copy(
            self.server.folder.join("between.json"),
            self.home.folder.join("between.json"),
        )?;
        Ok(())
    }

    /// Carries the file from home to the server.
    fn carry_back(&self) -> Outcome {
        fs::copy(
            self.home.folder.join("between.json"),
            self.server.folder.join("between.json"),
        )?;
        Ok(())
    }
}

#[test]
fn two_halves_after_each_other_leave_the_same_as_one_run() -> Outcome {
    let whole = Served::start(LabOptions::default())?;
    let runner = whole.runner();
    runner.run("run configure --org served.toml --apply");

    let split = Served::start(LabOptions::default())?;
    let computers = Computers::of(&split);
    computers.onprem("configure").ends_with(0).complains(&[
        "left to the cloud half: upload-certificate, host-names, connector-online, application, ",
        "to go on there: exoauth run configure --only cloud --hand-over between.json",
    ]);
    // Nothing is turned on before there is an application.
    let overrides = split.lab.world().with(|world| {
        let plane = exoauth::subject::Plane::OnPremises;
        world.objects(plane, "SettingOverride").len()
    });
    assert_eq!(overrides, 0);
    computers.carry_home()?;
    computers
        .cloud("configure")
        .ends_with(0)
        .complains(&["hand-over: from the on-premises half, written 0 minutes ago"])
        .complains(&[
            "left to the on-premises half: application-id, ",
            "application-override",
        ]);
    computers.carry_back()?;
    computers
        .onprem("configure")
        .ends_with(0)
        .complains(&["nothing is left to the cloud half"])
        .shows(&["passed: on-premises to Exchange Online"]);
    computers.carry_home()?;

    let state = |served: &Served| served.lab.world().with(|world| in_common(world));
    assert_eq!(difference(&state(&split), &state(&whole)), None);

    // The next time, there is nothing to do on either side.
    for ran in [computers.onprem("configure"), computers.cloud("configure")] {
        assert!(!ran.stdout.contains("created") && !ran.stdout.contains("updated"));
    }
    Ok(())
}

#[test]
fn a_half_sends_nothing_to_the_other_side() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let requests = || {
        served.lab.world().with(|world| {
            [
                Front::Login,
                Front::Graph,
                Front::ExchangeOnline,
                Front::OnPremises,
            ]
            .map(|front| world.requests(front))
        })
    };
    runner.run("run configure --org served.toml --only onprem --hand-over a.json --apply");
    let [login, graph, online, on_premises] = requests();
    assert_eq!([login, graph, online], [0, 0, 0]);
    assert!(on_premises > 0);
    runner.run("run configure --org served.toml --only cloud --hand-over a.json --apply");
    assert_eq!(requests()[3], on_premises);
    Ok(())
}

#[test]
fn a_half_that_lacks_the_other_says_which_to_run_first() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner
        .run("run configure --org served.toml --only cloud --hand-over a.json --apply")
        .complains(&[
            "left to the on-premises half: ",
            "upload-certificate",
            "to go on there: exoauth run configure --only onprem --hand-over a.json",
        ]);
    // Outside of a step there is nothing to leave.
    let runner = runner.file(
        "outside.rhai",
        "const PLAYBOOK = #{ title: \"x\" };\nsay(onprem.get_auth_config().realm);\n",
    );
    runner
        .run("run outside.rhai --org served.toml --only cloud --apply")
        .ends_with(1)
        .complains(&[
            "this needs on-premises AuthConfig, which the on-premises half of the playbook has not handed over",
            "run it there first: exoauth run outside.rhai --only onprem",
        ]);
    Ok(())
}

/// A file that the on-premises half wrote, and a runner to read it with.
fn handed_over() -> Result<(Served, Runner, Json), Box<dyn Error>> {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner.run("run configure --org served.toml --only onprem --hand-over a.json --apply");
    let json = serde_json::from_str(&runner.read("a.json"))?;
    Ok((served, runner, json))
}

fn arrives(runner: &Runner, json: &Json) -> Result<Ran, Box<dyn Error>> {
    fs::write(runner.folder.join("b.json"), serde_json::to_string(json)?)?;
    Ok(runner.run("run configure --org served.toml --only cloud --hand-over b.json --apply"))
}

#[test]
fn what_is_handed_over_by_others_or_changed_on_the_way_is_refused() -> Outcome {
    let (served, runner, json) = handed_over()?;
    let writes = || {
        let planes = [
            exoauth::subject::Plane::ExchangeOnline,
            exoauth::subject::Plane::Entra,
        ];
        served
            .lab
            .world()
            .with(|world| planes.iter().map(|plane| world.writes(*plane)).sum::<u64>())
    };
    let other = "11111111-2222-3333-4444-555555555555";
    let changes: [(&str, Json, &str); 6] = [
        ("/format", 2.into(), "has the format 2"),
        (
            "/tenant",
            "fabrikam.onmicrosoft.com".into(),
            "is about the tenant fabrikam.onmicrosoft.com",
        ),
        ("/tenant_id", other.into(), "is about the tenant <"),
        ("/cloud", "china".into(), "is about the cloud china"),
        (
            "/answers/0/noun",
            "Mailbox".into(),
            "does not belong there: objects of Mailbox",
        ),
        ("/answers/0/more", true.into(), "unknown field `more`"),
    ];
    for (place, value, sentence) in changes {
        let mut changed = json.clone();
        match changed.pointer_mut(place) {
            Some(old) => *old = value,
            None => changed["answers"][0]["more"] = value,
        }
        arrives(&runner, &changed)?
            .ends_with(2)
            .complains(&[sentence]);
    }
    let mut more = json;
    more["answers"][0]["objects"][0]["Password"] = "secret".into();
    arrives(&runner, &more)?
        .ends_with(2)
        .complains(&["the property Password of "]);
    fs::write(runner.folder.join("b.json"), "{}")?;
    runner
        .run("run configure --org served.toml --only cloud --hand-over b.json --apply")
        .ends_with(2)
        .complains(&["this is not a hand-over file"]);
    assert_eq!(writes(), 0);
    Ok(())
}

#[test]
fn the_file_of_another_exchange_organization_is_refused() -> Outcome {
    let (served, runner, mut json) = handed_over()?;
    let before = served.lab.world().with(|world| in_common(world));
    json["exchange_organization"] = "11111111-2222-3333-4444-555555555555".into();
    fs::write(runner.folder.join("b.json"), serde_json::to_string(&json)?)?;
    runner
        .run("run configure --org served.toml --only onprem --hand-over b.json --apply")
        .ends_with(2)
        .complains(&["is about the Exchange organization <"]);
    assert_eq!(served.lab.world().with(|world| in_common(world)), before);
    Ok(())
}

#[test]
fn nothing_secret_and_nobody_s_name_is_handed_over() -> Outcome {
    let (served, runner, _) = handed_over()?;
    runner.run("run configure --org served.toml --only cloud --hand-over a.json --apply");
    // The one address is that of a mailbox that every tenant has.
    let everybodys = "Migration.8f3e7716-2011-43e4-96b1-aba62d229136@contoso";
    let text = runner.read("a.json").replace(everybodys, "");
    let file = served.file();
    let secrets = file
        .lines()
        .filter(|line| line.starts_with("password") || line.starts_with("secret"))
        .filter_map(|line| line.split('"').nth(1));
    let secrets: Vec<&str> = secrets.collect();
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        assert!(!text.contains(secret));
    }
    for word in [
        "PRIVATE KEY",
        "Password",
        "Secret",
        "SerializationData",
        "@contoso",
    ] {
        assert!(
            !text.to_lowercase().contains(&word.to_lowercase()),
            "{word}"
        );
    }
    Ok(())
}

#[test]
fn a_half_is_asked_for_in_a_way_that_can_be_meant() {
    let runner = Runner::new();
    runner
        .run("run configure --only cloud --only onprem --plan")
        .ends_with(2)
        .complains(&["a run is limited to one side, not to both"]);
    runner
        .run("run configure --hand-over a.json --plan")
        .ends_with(2)
        .complains(&["--hand-over goes with one half of a playbook"]);
    runner
        .run("run configure --only onprem --hand-over a.json --plan")
        .ends_with(0)
        .shows(&["left to the other half"]);
    assert!(!runner.folder.join("a.json").exists());
}

/// The proof is for the servers, the rest for the cloud; neither half does the other's.
#[test]
fn the_shared_principal_is_cleaned_up_in_two_halves_and_not_before_the_proof() -> Outcome {
    let served = Served::start(LabOptions {
        scenarios: Scenario::find("shared-principal-leftovers")
            .into_iter()
            .collect(),
        ..LabOptions::default()
    })?;
    let computers = Computers::of(&served);
    let keys = || {
        served.lab.world().with(|world| {
            let principal = world
                .directory()
                .principal("00000002-0000-0ff1-ce00-000000000000");
            principal.map_or(0, |principal| principal.keys.len())
        })
    };
    let before = keys();
    let playbook = "clean-up-shared-principal";
    // The servers prove it, and have to be told which tenant's; nothing is removed before, whichever step is asked for.
    for asked in [playbook.to_owned(), format!("{playbook} --only clean-up")] {
        computers
            .cloud(&asked)
            .complains(&["left to the on-premises half: "]);
        assert_eq!(keys(), before);
    }
    computers.carry_back()?;
    computers
        .onprem(playbook)
        .ends_with(0)
        .complains(&["left to the cloud half: clean-up\n"]);
    assert_eq!(keys(), before);
    computers.carry_home()?;
    computers
        .cloud(playbook)
        .ends_with(0)
        .complains(&["nothing is left to the on-premises half"]);
    assert!(keys() < before);
    computers.carry_back()?;
    computers
        .onprem(playbook)
        .ends_with(0)
        .complains(&["nothing is left to the cloud half"]);
    Ok(())
}
