//! A plan as the PowerShell that would do the same: [`PowerShell`] hears a plan, and [`PowerShell::scripts`] writes it.
//!
//! There are two scripts, since an administrator has two shells: one for the Exchange Management Shell, one for Exchange
//! Online PowerShell and Microsoft Graph PowerShell. Both take `-WhatIf`. What a service replaces as a whole is read and
//! merged by the script when it runs, as it is by this program.
//!
//! Every text comes from a service or from a person, so [`quoted`] is the only way of a text into code, and [`remark`]
//! the only way into a comment.

mod quote;
mod write;

pub use quote::{quoted, remark};

use crate::cloud::CloudName;
use crate::failure::Failure;
use crate::session::Request;
use crate::session::event::{Event, Level, Listener, StepOutcome};
use crate::session::plan::Change;
use crate::subject::{Plane, Subject};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Hears a plan; clones hear for the same scripts.
#[derive(Clone, Default)]
pub struct PowerShell(Arc<Mutex<Vec<Item>>>);

/// What is written into the head of the scripts, and what only others know.
pub struct About<'run> {
    /// The playbook by name.
    pub playbook: &'run str,
    /// Its title.
    pub title: &'run str,
    /// The organization by name.
    pub organization: &'run str,
    /// Its tenant.
    pub tenant: &'run str,
    /// Its cloud, if it is known.
    pub cloud: Option<CloudName>,
    /// When the plan was made.
    pub planned: Timestamp,
    /// The names of the two files, that of on-premises Exchange first.
    pub files: [&'run str; 2],
    /// What a playbook of that name is for, in its own words.
    pub purpose: &'run dyn Fn(&str) -> Option<String>,
}

/// The two scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// For the Exchange Management Shell.
    pub exchange: String,
    /// For Exchange Online PowerShell and Microsoft Graph PowerShell.
    pub cloud: String,
}

/// What was heard, as far as a script shows it.
enum Item {
    Playbook {
        name: String,
        title: String,
    },
    Step {
        id: String,
        title: String,
        outcome: Option<StepOutcome>,
    },
    Said {
        warning: bool,
        text: String,
    },
    Change(Box<Change>),
    Test {
        subject: Subject,
        request: Request,
    },
}

impl Item {
    /// Where it belongs, if it is more than words.
    fn plane(&self) -> Option<Plane> {
        match self {
            Self::Change(change) => Some(change.subject.plane),
            Self::Test { subject, .. } => Some(subject.plane),
            _ => None,
        }
    }
}

impl PowerShell {
    /// Writes the two scripts of what was heard.
    ///
    /// # Errors
    ///
    /// When the name of a cmdlet or of a parameter is none.
    pub fn scripts(&self, about: &About<'_>) -> Result<Scripts, Failure> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Scripts {
            exchange: write::script(&items, about, write::Shell::Exchange)?,
            cloud: write::script(&items, about, write::Shell::Cloud)?,
        })
    }
}

impl Listener for PowerShell {
    fn hear(&mut self, event: &Event) -> Result<(), Failure> {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(match event {
            Event::PlaybookStarted { name, title } => Item::Playbook {
                name: name.clone(),
                title: title.clone(),
            },
            Event::StepStarted { id, title } => Item::Step {
                id: id.clone(),
                title: title.clone(),
                outcome: None,
            },
            Event::StepFinished {
                id: finished,
                outcome: how,
            } => {
                let step = items.iter_mut().rev().find_map(|item| match item {
                    Item::Step { id, outcome, .. } if id == finished => Some(outcome),
                    _ => None,
                });
                if let Some(outcome) = step {
                    *outcome = Some(*how);
                }
                return Ok(());
            }
            Event::Said { level, text } => Item::Said {
                warning: *level == Level::Warning,
                text: text.clone(),
            },
            Event::Planned { change } => Item::Change(Box::new(change.clone())),
            Event::Testing {
                subject, request, ..
            } => Item::Test {
                subject: subject.clone(),
                request: request.clone(),
            },
            _ => return Ok(()),
        });
        Ok(())
    }
}
