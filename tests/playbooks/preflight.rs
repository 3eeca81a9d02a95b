//! What an account may not do is said before anything is planned, with who can give it.

use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::seed::{CLIENT, EXCHANGE, GRAPH};
use exoauth::lab::{Front, LabOptions, Seed};
use exoauth::script::{Bundle, needs};
use exoauth::subject::Plane;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

const CONFIGURE: &str = "run configure --org served.toml --apply";

fn needs_of(playbook: &str, only: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let bundle = Bundle::embedded();
    let playbook = bundle
        .playbook(playbook)
        .map_err(|stopped| stopped.failure.to_string())?;
    let only: Vec<String> = only.iter().map(|step| (*step).to_owned()).collect();
    let needs = needs(&bundle, &playbook, &only);
    let lines = needs.iter().map(|need| {
        let writes = if need.writes { "writes" } else { "reads" };
        format!("{} {writes} {}", need.plane, need.call)
    });
    Ok(lines.collect())
}

#[test]
fn a_playbook_knows_what_it_needs_from_its_calls() -> Outcome {
    assert_eq!(
        needs_of("07-connector-online", &[])?,
        [
            "on-premises reads Get-AcceptedDomain",
            "on-premises reads Get-AutodiscoverVirtualDirectory",
            "on-premises reads Get-WebServicesVirtualDirectory",
            "Exchange Online reads Get-AcceptedDomain",
            "Exchange Online reads Get-IntraOrganizationConnector",
            "Exchange Online writes New-IntraOrganizationConnector",
            "Exchange Online writes Set-IntraOrganizationConnector",
        ],
        "a connector of this side only, and nothing that is only attempted"
    );
    let all = needs_of("configure", &[])?;
    for part in ["07-connector-online", "04-upload-certificate"] {
        for need in needs_of(part, &[])? {
            assert!(all.contains(&need), "{need}");
        }
    }
    assert_eq!(
        needs_of("configure", &["07-connector-online"])?,
        needs_of("07-connector-online", &[])?
    );
    Ok(())
}

#[test]
fn an_account_that_may_do_everything_hears_nothing_and_costs_little() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    let ran = runner.run("run configure --org served.toml --plan");
    let ran = ran.ends_with(0);
    assert!(!ran.stderr.contains("may not"), "{}", ran.stderr);
    let asked = served
        .lab
        .world()
        .with(|world| world.faults().asked().to_vec());
    let of_modules = asked.iter().filter(|asked| asked.contains("EXOModuleFile"));
    assert_eq!(of_modules.count(), 1);
    let tokens = asked
        .iter()
        .filter(|asked| asked.ends_with("oauth2/v2.0/token"));
    assert_eq!(tokens.count(), 2, "one for each service, as without");
    Ok(())
}

#[test]
fn a_missing_cmdlet_is_said_before_the_plan_and_nothing_is_applied() -> Outcome {
    for (plane, cmdlet, words) in [
        (
            Plane::OnPremises,
            "New-AuthServer",
            "warning: on-premises: this account may not run New-AuthServer; a member of Organization Management",
        ),
        (
            Plane::ExchangeOnline,
            "New-IntraOrganizationConnector",
            "warning: Exchange Online: this account may not run New-IntraOrganizationConnector; a Global Administrator",
        ),
    ] {
        let served = Served::start(LabOptions::default())?;
        served.lab.world().with(|world| world.forbid(plane, cmdlet));
        let ran = served.runner().run(CONFIGURE).ends_with(1);
        let all = format!("{}\n{}", ran.stdout, ran.stderr);
        assert!(all.contains(words), "{all}");
        let ran =
            ran.complains(&["this plan is not applied, because this account may not do all of it"]);
        let (said, planned) = (all.find("may not run"), all.find("create "));
        assert!(said < planned, "{}", ran.stdout);
        let writes: u64 = served.lab.world().with(|world| {
            let planes = [Plane::OnPremises, Plane::ExchangeOnline, Plane::Entra];
            planes.iter().map(|plane| world.writes(*plane)).sum()
        });
        assert_eq!(writes, 0);
    }
    Ok(())
}

#[test]
fn what_a_token_says_is_missing_costs_no_request() -> Outcome {
    let reads = [
        (GRAPH, "Application.Read.All"),
        (EXCHANGE, "Exchange.ManageAsApp"),
    ];
    let no_exchange = [(GRAPH, "Application.ReadWrite.All")];
    for (roles, words, asked_exchange) in [
        (
            &reads[..],
            "Entra ID: the application exoauth does not have the permission Application.ReadWrite.All; a Global Administrator or Privileged Role Administrator",
            true,
        ),
        (
            &no_exchange[..],
            "Exchange Online: the application exoauth does not have the role Exchange.ManageAsApp; a Global Administrator",
            false,
        ),
    ] {
        let served = Served::start(LabOptions::default())?;
        served.lab.world().with(|world| {
            let directory = world.directory_mut();
            directory.assignments.clear();
            for (resource, role) in roles {
                directory.grant(CLIENT, resource, role);
            }
        });
        let ran = served
            .runner()
            .run("run configure --org served.toml --plan");
        let all = format!("{}\n{}", ran.stdout, ran.stderr);
        assert!(all.contains(words), "{all}");
        let asked = served.lab.world().with(|world| {
            let asked = world.faults().asked().iter();
            asked
                .filter(|asked| asked.contains("EXOModuleFile"))
                .count()
        });
        assert_eq!(asked, usize::from(asked_exchange));
    }
    Ok(())
}

#[test]
fn a_missing_permission_is_said_before_the_plan_that_the_directory_would_refuse() {
    Runner::new()
        .run("run configure --apply --scenario permission-missing")
        .ends_with(1)
        .complains(&[
            "the application exoauth does not have the permission Application.ReadWrite.All",
            "the application exoauth does not have the permission AppRoleAssignment.ReadWrite.All",
            "this plan is not applied, because this account may not do all of it",
        ]);
    let add = format!("entra.add_spn(\"{EXCHANGE}\", \"https://mail.contoso.com/\")");
    Runner::new()
        .run(&format!(
            "eval '{add}' --apply --scenario permission-missing"
        ))
        .ends_with(1)
        .complains(&["Insufficient privileges to complete the operation"]);
}

/// What the guide asks for in a tenant is what `configure` needs: with it nothing is missing, without one of them something.
#[test]
fn the_permissions_of_the_guide_are_enough_and_none_is_too_many() -> Outcome {
    let guide = std::fs::read_to_string(crate::support::source::top().join("README.md"))?;
    let asked = guide
        .lines()
        .find(|line| line.starts_with("1. **Exchange Online and Entra ID.**"))
        .ok_or("the guide asks for nothing")?;
    let named = |name: &&str| asked.contains(&format!("*{name}*"));
    let permissions = [
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "Organization.Read.All",
        "Policy.Read.All",
        "Directory.Read.All",
    ];
    let all: Vec<&str> = permissions.into_iter().filter(named).collect();
    let with = |permissions: &[&str]| -> Result<u8, Box<dyn Error>> {
        // Where there are objects of other tenants, the names of one's own tell them apart.
        let served = Served::start(LabOptions {
            seed: Seed {
                neighbors: true,
                ..Seed::default()
            },
            ..LabOptions::default()
        })?;
        served.lab.world().with(|world| {
            let directory = world.directory_mut();
            directory.assignments.clear();
            directory.grant(CLIENT, EXCHANGE, "Exchange.ManageAsApp");
            for permission in permissions {
                directory.grant(CLIENT, GRAPH, permission);
            }
        });
        Ok(served.runner().run(CONFIGURE).code)
    };
    assert_eq!(with(&all)?, 0, "{all:?}");
    for left_out in &all {
        let others: Vec<&str> = all.iter().copied().filter(|one| one != left_out).collect();
        assert_ne!(with(&others)?, 0, "without {left_out}");
    }
    Ok(())
}

#[test]
fn a_plan_without_those_changes_is_applied_all_the_same() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    let runner = served.runner();
    runner.run(CONFIGURE).ends_with(0);
    served
        .lab
        .world()
        .with(|world| world.forbid(Plane::OnPremises, "New-AuthServer"));
    runner.run(CONFIGURE).ends_with(0);
    Ok(())
}

#[test]
fn a_service_that_does_not_tell_is_taken_at_its_word_later() -> Outcome {
    let served = Served::start(LabOptions::default())?;
    served.lab.world().with(|world| {
        let is_meant = |front, request: &exoauth::lab::Request| {
            front == Front::ExchangeOnline && request.path.ends_with("EXOModuleFile")
        };
        world.faults().add(exoauth::lab::fault::Fault {
            when: exoauth::lab::fault::When::Every(std::sync::Arc::new(is_meant)),
            kind: exoauth::lab::fault::Kind::Forbid,
        });
    });
    served.runner().run(CONFIGURE).ends_with(0);
    Ok(())
}

/// How many requests each front gets when a playbook is planned that looks at every service, and then does this.
fn asked_for(more: &str) -> Result<[u64; 4], Box<dyn Error>> {
    let text = format!(
        "//! Looks.\n\nconst PLAYBOOK = #{{ title: \"Looks\" }};\n\nstep(\"look\", \"Look\", || {{\n    \
         onprem.get_auth_config();\n    online.get_accepted_domain();\n    entra.get_organization();\n    {more}\n}});\n"
    );
    let served = Served::start(LabOptions::default())?;
    let mut runner = served.runner().file("look.rhai", &text);
    runner.patience.one_at_a_time = true;
    runner
        .run("run ./look.rhai --org served.toml --plan")
        .ends_with(0);
    let world = served.lab.world();
    Ok(world.with(|world| Front::ALL.map(|front| world.requests(front))))
}

#[test]
fn looking_before_a_plan_costs_one_question_to_each_exchange_and_no_sign_in() -> Outcome {
    let without = asked_for("")?;
    let cmdlet = asked_for("onprem.get_accepted_domain();")?;
    // Calls that are there, and are never come to.
    let looking = asked_for(
        "if cloud.name == \"nowhere\" { entra.add_spn(\"x\", \"https://x.example/\"); \
         onprem.remove_intraorg_connector(\"x\"); online.remove_intraorg_connector(\"x\"); }",
    )?;
    let more = |asked: [u64; 4]| [0, 1, 2, 3].map(|at| asked[at] - without[at]);
    let [_, _, _, one_cmdlet] = more(cmdlet);
    assert!(one_cmdlet > 0);
    // Sign-in, Microsoft Graph, Exchange Online, on-premises.
    assert_eq!(more(looking), [0, 0, 1, one_cmdlet]);
    Ok(())
}
