//! What an operation, a change or a failure is about: a [`Subject`] on a [`Plane`], and the [`Effect`] on it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the three systems that a playbook speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// The Exchange organization on the customer's own servers.
    OnPremises,
    /// The Exchange Online organization of the tenant.
    ExchangeOnline,
    /// The directory of the tenant, reached by Microsoft Graph.
    Entra,
}

impl fmt::Display for Plane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OnPremises => "on-premises",
            Self::ExchangeOnline => "Exchange Online",
            Self::Entra => "Entra ID",
        })
    }
}

/// What an operation does to its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Reads and changes nothing.
    Read,
    /// Makes an object.
    Create,
    /// Changes properties of an object that exists.
    Update,
    /// Removes an object.
    Delete,
    /// Asks a service to try something out, such as `Test-OAuthConnectivity`; skipped while planning.
    Test,
    /// Has a service read again what it was told; changes nothing that it holds, and is skipped while planning.
    Refresh,
}

impl Effect {
    /// Says whether this effect changes what a service holds.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// One object, or all objects of a noun, on one plane.
///
/// `name` is what identifies the object to its service: the `Identity` of a cmdlet, the id of a directory object.
/// A subject without a name stands for all objects of the noun.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Where the object is.
    pub plane: Plane,
    /// The noun of the cmdlet, such as `AuthServer`, or of the directory object, such as `ServicePrincipal`.
    pub noun: String,
    /// The identity of one object; absent for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Subject {
    /// Names one object.
    pub fn one(plane: Plane, noun: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            plane,
            noun: noun.into(),
            name: Some(name.into()),
        }
    }

    /// Stands for all objects of a noun.
    pub fn all(plane: Plane, noun: impl Into<String>) -> Self {
        Self {
            plane,
            noun: noun.into(),
            name: None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{} {} \"{name}\"", self.plane, self.noun),
            None => write!(formatter, "{} {}", self.plane, self.noun),
        }
    }
}
