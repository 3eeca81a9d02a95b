//! [`Change`] and [`Plan`]: before and after of each subject, and what reads see while planning.

use crate::session::Origin;
use crate::subject::{Effect, Subject};
use crate::value::Object;
use serde::Serialize;

/// Before and after of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// The object.
    pub subject: Subject,
    /// What happens to it; `Read` never occurs here.
    pub effect: Effect,
    /// Whether nothing differs, so that nothing is sent.
    pub same: bool,
    /// The properties asked for, as they are; absent when the object does not exist or could not be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Object>,
    /// The properties asked for, as they will be; absent for a removal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Object>,
    /// The cmdlet or REST call as a person writes it.
    pub call: String,
    /// The line that asked.
    pub origin: Origin,
}
