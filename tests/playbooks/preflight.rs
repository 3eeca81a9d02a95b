//! What an account may not do is said before anything is planned, with who can give it.

use crate::support::served::Served;
use exoauth::lab::seed::{CLIENT, EXCHANGE, GRAPH};
use exoauth::lab::{Front, LabOptions};
use exoauth::script::{Bundle, needs};
use exoauth::subject::Plane;
use std::collections::BTreeMap;
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

/// The requests of the plan of each playbook, with and without the looking before it.
#[test]
fn looking_before_a_plan_adds_few_requests() -> Outcome {
    let mut counts = BTreeMap::new();
    for playbook in ["02-partner-application", "07-connector-online", "configure"] {
        let served = Served::start(LabOptions::default())?;
        served
            .runner()
            .run(&format!("run {playbook} --org served.toml --plan"))
            .ends_with(0);
        let asked = served
            .lab
            .world()
            .with(|world| Front::ALL.map(|front| world.requests(front)));
        counts.insert(playbook, asked);
    }
    show(&format!("{counts:?}\n"));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the figures, seen with --nocapture")]
fn show(report: &str) {
    eprint!("{report}");
}
