//! [`Served`]: a lab that outlives a command, so that several commands speak to the same organization.

use crate::support::runner::Runner;
use exoauth::lab::{Lab, LabOptions};
use std::error::Error;
use std::sync::mpsc;
use tokio::runtime::{Builder, Runtime};

/// A lab on a runtime of its own.
pub(crate) struct Served {
    /// The lab.
    pub(crate) lab: Lab,
    runtime: Runtime,
}

impl Served {
    /// Starts a lab.
    pub(crate) fn start(options: LabOptions) -> Result<Self, Box<dyn Error>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (ready, wait) = mpsc::channel();
        runtime.spawn(async move { ready.send(Lab::start(options).await) });
        Ok(Self {
            lab: wait.recv()??,
            runtime,
        })
    }

    /// Has the lab handle the requests that it still holds.
    pub(crate) fn let_through(&self) -> Result<(), Box<dyn Error>> {
        let (done, wait) = mpsc::channel();
        let late = self.lab.let_through();
        self.runtime.spawn(async move {
            late.await;
            done.send(())
        });
        Ok(wait.recv()?)
    }

    /// The organization file for it; its authority is in `ca.pem`.
    pub(crate) fn file(&self) -> String {
        self.lab.organization_file("ca.pem")
    }

    /// A runner with `served.toml` in its folder.
    pub(crate) fn runner(&self) -> Runner {
        self.runner_with(&self.file())
    }

    /// A runner whose `served.toml` is this text.
    pub(crate) fn runner_with(&self, file: &str) -> Runner {
        Runner::new()
            .file("served.toml", file)
            .file("ca.pem", self.lab.authority())
    }
}
