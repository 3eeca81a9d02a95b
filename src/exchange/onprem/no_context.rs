//! [`Context`] of a build without `sspi`: there is none, and asking for one says so.

use super::problem::Problem;
use super::security::{Account, Way};
use crate::remoting::wsman::{Protection, SealedPart};
use std::time::Duration;

/// A security context that cannot exist.
pub(super) enum Context {}

impl Context {
    pub(super) async fn begin(
        account: &Account,
        _way: Way,
        _certificate: Option<&[u8]>,
        _time_limit: Duration,
    ) -> Result<(Self, Vec<u8>), Problem> {
        std::future::ready(()).await;
        Err(Problem::Unspoken {
            authentication: account.authentication,
        })
    }

    pub(super) async fn step(&mut self, _token: &[u8]) -> Result<Vec<u8>, Problem> {
        std::future::ready(()).await;
        match *self {}
    }

    pub(super) fn is_complete(&self) -> bool {
        match *self {}
    }

    pub(super) fn protection(&self) -> Protection {
        match *self {}
    }

    pub(super) fn seal(&mut self, _plain: &[u8]) -> Result<SealedPart, Problem> {
        match *self {}
    }

    pub(super) fn unseal(&mut self, _part: SealedPart) -> Result<Vec<u8>, Problem> {
        match *self {}
    }
}
