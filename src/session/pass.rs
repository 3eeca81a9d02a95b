//! [`Pass`]: one run through a script, from its start to what it leaves, its [`Outcome`].

use super::preflight::{self, Lack};
use crate::failure::Failure;
use crate::session::event::{Summary, Verdict};
use crate::session::plan::{Learned, Observations, Plan, Prediction};
use crate::subject::Effect;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// What a pass does with writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Predicts them; nothing is sent that writes.
    Plan,
    /// Sends them.
    Apply,
}

/// A pass of a session.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The playbook, or what stands for it, for reports and the journal.
    pub playbook: String,
    /// What is done with writes.
    pub mode: Mode,
    /// The plan that it is held to.
    pub expected: Option<Plan>,
}

/// What a pass leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The counts.
    pub summary: Summary,
    /// The changes, planned or made.
    pub plan: Plan,
    /// How many writes were sent and answered well.
    pub written: usize,
    /// How many writes were sent and their outcome is not known.
    pub unsettled: usize,
    /// What the account lacks of what the playbook needs.
    pub lacks: Vec<Lack>,
}

impl Outcome {
    /// Why what was planned would be refused, where that is known before.
    pub fn refusal(&self) -> Option<Failure> {
        let changes = self.plan.changes.iter();
        preflight::refusal(&self.lacks, changes.filter(|change| !change.same))
    }
}

/// What is known of the pass that runs.
pub(super) struct State {
    pub(super) mode: Mode,
    pub(super) expected: Option<Plan>,
    started: Instant,
    requests_before: BTreeMap<String, u64>,
    pub(super) plan: Plan,
    pub(super) prediction: Prediction,
    pub(super) observations: Observations,
    verdicts: BTreeMap<String, usize>,
    pub(super) written: usize,
    pub(super) unsettled: usize,
    pub(super) learned: Vec<Learned>,
    pub(super) lacks: Vec<Lack>,
}

impl State {
    pub(super) fn new(
        mode: Mode,
        expected: Option<Plan>,
        requests_before: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            mode,
            expected,
            started: Instant::now(),
            requests_before,
            plan: Plan::default(),
            prediction: Prediction::default(),
            observations: Observations::default(),
            verdicts: BTreeMap::new(),
            written: 0,
            unsettled: 0,
            learned: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// Counts a verdict.
    pub(super) fn count(&mut self, verdict: &Verdict) {
        let word = verdict.outcome.word().to_owned();
        *self.verdicts.entry(word).or_default() += 1;
    }

    /// What the pass leaves, with the requests that all passes have made until its end.
    pub(super) fn into_outcome(self, requests: BTreeMap<String, u64>) -> Outcome {
        let summary = Summary {
            changes: count_changes(&self.plan),
            verdicts: self.verdicts,
            requests: since(requests, &self.requests_before),
            partial: self.plan.partial,
            milliseconds: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        Outcome {
            summary,
            plan: self.plan,
            written: self.written,
            unsettled: self.unsettled,

            lacks: self.lacks,
        }
    }
}

/// The requests made since they were counted before.
fn since(now: BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    now.into_iter()
        .map(|(road, count)| {
            let before = before.get(&road).copied().unwrap_or(0);
            (road, count.saturating_sub(before))
        })
        .collect()
}

fn count_changes(plan: &Plan) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for change in &plan.changes {
        let word = match (change.same, change.effect) {
            (true, _) => "same",
            (false, Effect::Create) => "create",
            (false, Effect::Delete) => "delete",
            (false, _) => "update",
        };
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}
