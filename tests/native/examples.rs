//! Every example of every function, native and of the library, runs on a lab that no other example has written to.
#![expect(clippy::disallowed_methods, reason = "the test macro of tokio blocks")]

use crate::support::scripts::Scripts;
use exoauth::clock::Clock;
use exoauth::lab::{Lab, LabOptions, Rules};
use exoauth::script::{Bundle, Catalog};
use std::error::Error;
use tokio::runtime::Handle;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_runs_on_the_lab() -> Result<(), Box<dyn Error>> {
    let mut wrong = Vec::new();
    let mut fresh = lab().await?;
    for function in Catalog::of(&Bundle::embedded()).functions {
        for example in &function.examples {
            let scripts = Scripts::on(fresh.organization(), Handle::current());
            if let Err(error) = scripts.eval(&[example]) {
                wrong.push(format!("{}, {}: {error}", function.chapter, function.name));
            }
            if scripts.heard.wrote() {
                fresh = lab().await?;
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

async fn lab() -> Result<Lab, Box<dyn Error>> {
    let options = LabOptions {
        clock: Clock::fixed("2026-11-23T09:00:00Z".parse()?),
        rules: Rules::BeforeBlock,
        ..LabOptions::default()
    };
    Ok(Lab::start(options).await?)
}
