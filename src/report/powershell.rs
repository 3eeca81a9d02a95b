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
    Refresh {
        subject: Subject,
        request: Request,
    },
}

impl Item {
    /// Where it belongs, if it is more than words.
    fn plane(&self) -> Option<Plane> {
        match self {
            Self::Change(change) => Some(change.subject.plane),
            Self::Test { subject, .. } | Self::Refresh { subject, .. } => Some(subject.plane),
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
            Event::Refreshing {
                subject, request, ..
            } => Item::Refresh {
                subject: subject.clone(),
                request: request.clone(),
            },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Origin;
    use crate::subject::Effect;
    use crate::value::{Object, Value};

    fn change(effect: Effect, cmdlet: &str, parameters: &[(&str, Value)]) -> Change {
        let parameters: Object = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        Change {
            subject: Subject::one(Plane::OnPremises, "AuthServer", "evoSTS"),
            effect,
            same: false,
            uncertain: false,
            before: None,
            after: None,
            call: String::new(),
            request: Request::cmdlet(cmdlet, parameters),
            observe: None,
            present: None,
            origin: Origin::default(),
        }
    }

    fn written(changes: Vec<Change>) -> Result<Scripts, Failure> {
        let mut heard = PowerShell::default();
        for change in changes {
            heard.hear(&Event::Planned { change })?;
        }
        heard.scripts(&About {
            playbook: "mine",
            title: "Mine",
            organization: "contoso",
            tenant: "contoso.example",
            cloud: None,
            planned: Timestamp::UNIX_EPOCH,
            files: ["a.ps1", "b.ps1"],
            purpose: &|_| None,
        })
    }

    #[test]
    fn what_only_the_service_will_know_is_read_when_the_script_runs() -> Result<(), Failure> {
        let unknown = |what: &str| Value::Unknown(what.to_owned());
        let scripts = written(vec![
            change(
                Effect::Create,
                "New-AuthServer",
                &[("Name", "evoSTS".into())],
            ),
            change(
                Effect::Update,
                "Set-AuthServer",
                &[
                    (
                        "Realm",
                        unknown("Realm of on-premises AuthServer \"evoSTS\""),
                    ),
                    ("Other", unknown("the id")),
                ],
            ),
        ])?;
        let expected = "\
# Realm of on-premises AuthServer \"evoSTS\": known only when this runs.
$known1 = $null
if (-not $WhatIfPreference) { $known1 = ((Get-AuthServer -Identity 'evoSTS' -ErrorAction Stop).'Realm') }
# the id: known only when this runs.
$known2 = $null
if ($null -eq $known2 -and -not $WhatIfPreference) { throw 'Set $known2 in this script first: the id' }
Set-AuthServer -Realm $known1 -Other $known2 @common";
        assert!(scripts.exchange.contains(expected), "{}", scripts.exchange);
        assert!(!scripts.cloud.contains("Connect-"), "{}", scripts.cloud);
        Ok(())
    }

    #[test]
    fn a_removal_is_asked_for_as_it_is_by_hand() -> Result<(), Failure> {
        let parameters = [("Identity", "it's".into()), ("Confirm", false.into())];
        let scripts = written(vec![change(
            Effect::Delete,
            "Remove-AuthServer",
            &parameters,
        )])?;
        let expected = "\nRemove-AuthServer -Identity 'it''s' @common\n";
        assert!(scripts.exchange.contains(expected), "{}", scripts.exchange);
        Ok(())
    }

    #[test]
    fn a_name_that_is_code_is_not_written() {
        let parameters = [("a; b", Value::Null)];
        assert!(written(vec![change(Effect::Update, "Set-AuthServer", &parameters)]).is_err());
        assert!(written(vec![change(Effect::Update, "Set-AuthServer; b", &[])]).is_err());
    }
}
