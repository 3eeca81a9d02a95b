//! The lab's faults on every road, and that a write whose answer was lost is settled.

use crate::support::runner::Runner;
use crate::support::served::Served;
use exoauth::lab::fault::{Fault, Kind, When};
use exoauth::lab::{Front, LabOptions, Request};
use std::error::Error;
use std::sync::Arc;

type Outcome = Result<(), Box<dyn Error>>;

/// Runs one playbook of one write while something goes wrong with the first request of that front that holds a word;
/// gives the exit code and how many objects of a kind there are then.
fn run_with(front: Front, word: &'static str, kind: Kind) -> Result<(u8, usize), Box<dyn Error>> {
    let served = Served::start(LabOptions::default())?;
    let is_meant = move |asked: Front, request: &Request| {
        asked == front && String::from_utf8_lossy(&request.body).contains(word)
    };
    served.lab.world().with(|world| {
        world.faults().add(Fault {
            when: When::Once(Arc::new(is_meant)),
            kind,
        });
    });
    let runner: Runner = served.runner();
    let ran = runner.run("run 07-connector-online --org served.toml --apply");
    let (happened, connectors) = served.lab.world().with(|world| {
        let plane = exoauth::subject::Plane::ExchangeOnline;
        (
            world.faults().happened().len(),
            world.objects(plane, "IntraOrganizationConnector").len(),
        )
    });
    assert_eq!(happened, 1, "{kind:?}");
    Ok((ran.code, connectors))
}

#[test]
fn a_write_that_lost_its_answer_is_found_done_or_done_once_more() -> Outcome {
    for kind in [
        Kind::CutBefore,
        Kind::CutAfter,
        Kind::ErrorDone,
        Kind::ErrorNotDone,
    ] {
        let ran = run_with(
            Front::ExchangeOnline,
            "New-IntraOrganizationConnector",
            kind,
        )?;
        assert_eq!(ran, (0, 1), "{kind:?}");
    }
    Ok(())
}
