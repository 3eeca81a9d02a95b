//! Every playbook planned on every cloud: it plans, or it names the unknown cell and the key that fills it.
//!
//! Both lists are the program's own, so a playbook or cloud that is added is planned here without a word.

use crate::support::contoso::Contoso;
use crate::support::served::Served;
use exoauth::cloud::{CLOUDS, Cell, Cloud};
use exoauth::lab::LabOptions;
use exoauth::script::Bundle;
use std::error::Error;

/// Playbooks that need another one first, and how they say so.
const FIRST: [(&str, &str); 3] = [
    (
        "clean-up-shared-principal",
        "run dedicated-app for all servers first",
    ),
    ("dedicated-app", "run 06-connector-on-premises first"),
    ("ews-allow-list", "run dedicated-app, or name applications"),
];

#[test]
fn every_playbook_plans_on_every_cloud_or_names_the_unknown_cell() {
    let playbooks = Bundle::embedded().playbooks().unwrap();
    assert!(playbooks.len() >= 10);
    for cloud in &CLOUDS {
        let contoso = Contoso::in_cloud(cloud.name);
        for playbook in &playbooks {
            let Some(failed) = contoso.plan(&playbook.name).failed() else {
                continue;
            };
            // One that begins where another ends says which one, in every cloud.
            if FIRST
                .iter()
                .any(|(name, first)| *name == playbook.name && failed.contains(first))
            {
                continue;
            }
            let named = Cell::ALL.into_iter().find(|cell| {
                cloud.cell(*cell).is_none()
                    && failed.contains(&format!("nobody documents \"{}\"", cell.key()))
                    && failed.contains(&format!("set \"{}\" under [endpoints]", cell.key()))
            });
            assert!(
                named.is_some(),
                "{} on {}: {failed}",
                playbook.name,
                cloud.word
            );
        }
    }
}

/// What `exoauth lab --cloud` writes is all that a run needs, also where nobody documents it.
#[test]
fn the_file_of_a_lab_is_enough_to_configure_it() -> Result<(), Box<dyn Error>> {
    let is_unknown = |cloud: &&Cloud| cloud.cell(Cell::AcsMetadata).is_none();
    for cloud in CLOUDS.iter().filter(is_unknown) {
        let served = Served::start(LabOptions {
            cloud: cloud.name,
            ..LabOptions::default()
        })?;
        let runner = served.runner();
        runner
            .run("run configure --org served.toml --apply")
            .ends_with(0);
        runner.run("verify --org served.toml").ends_with(0);
    }
    Ok(())
}

#[test]
fn a_cloud_whose_cells_are_filled_is_configured_like_any_other() {
    for cloud in &CLOUDS {
        let mut contoso = Contoso::in_cloud(cloud.name);
        let names = contoso.world(|world| world.names().clone());
        contoso.endpoints.insert(
            Cell::AcsMetadata,
            format!("https://{}/{{tenant}}/metadata/json/1", names.acs_host),
        );
        contoso.endpoints.insert(
            Cell::StsMetadata,
            format!(
                "https://{}/{{tenant}}/federationmetadata/2007-06/federationmetadata.xml",
                names.sts_host
            ),
        );
        let run = contoso.apply("configure");
        assert_eq!(
            run.outcome.summary.verdicts.get("failed"),
            None,
            "{}: {:?}",
            cloud.word,
            run.verdicts()
        );
        let writes = contoso.writes();
        assert_eq!(contoso.apply("configure").changes(), Vec::<String>::new());
        assert_eq!(contoso.writes(), writes);
    }
}
