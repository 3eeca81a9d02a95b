//! [`Connections`]: opens each road when it is first needed and keeps it; the only file here that knows the clients.

use crate::clock::Clock;
use crate::cloud::Addresses;
use crate::exchange::Answer;
use crate::failure::{Failure, FailureKind};
use crate::organization::{Organization, SecretSource};
use crate::secret::Secret;
use crate::session::{Journey, Request, Roads};
use crate::subject::Plane;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads a secret from where the organization file says it is.
pub type ReadSecret = Arc<dyn Fn(&SecretSource) -> Result<Secret, Failure> + Send + Sync>;

/// The roads of an organization, opened when they are first needed.
pub(super) struct Connections {
    organization: Organization,
    addresses: Result<Addresses, Failure>,
    read_secret: ReadSecret,
    clock: Clock,
}

impl Connections {
    pub(super) fn new(
        organization: Organization,
        addresses: Result<Addresses, Failure>,
        read_secret: ReadSecret,
        clock: Clock,
    ) -> Self {
        Self {
            organization,
            addresses,
            read_secret,
            clock,
        }
    }
}

impl Roads for Connections {
    fn send<'a>(&'a self, plane: Plane, _request: &'a Request) -> Journey<'a, Answer> {
        let _ = (
            &self.organization,
            &self.addresses,
            &self.read_secret,
            &self.clock,
        );
        Box::pin(async move {
            Err(Failure::new(
                FailureKind::Internal,
                format!("the road to {plane} is not there yet"),
            ))
        })
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn close(&self) -> Journey<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
