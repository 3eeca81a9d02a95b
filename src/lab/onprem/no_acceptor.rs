//! [`Acceptor`] of a build without `sspi`: there is none, so the lab offers Basic alone.

use super::door::Scheme;
use crate::lab::world::Shared;
use crate::remoting::wsman::SealedPart;

/// A security context that cannot exist.
pub(super) enum Acceptor {}

/// How far a sign-in came; nowhere here.
#[expect(dead_code, reason = "nothing makes one without sspi")]
pub(super) enum Step {
    Continue(Vec<u8>),
    Done { account: String, token: Vec<u8> },
}

impl Acceptor {
    pub(super) const SCHEMES: &[Scheme] = &[];

    pub(super) fn new(_scheme: Scheme, _token: &[u8], _world: &Shared) -> Result<Self, String> {
        Err("this build speaks Basic only".to_owned())
    }

    pub(super) fn step(
        &mut self,
        _token: &[u8],
        _certificate: Option<&[u8]>,
        _world: &Shared,
    ) -> Result<Step, String> {
        match *self {}
    }

    pub(super) fn unseal(&mut self, _part: SealedPart) -> Result<Vec<u8>, String> {
        match *self {}
    }

    pub(super) fn seal(&mut self, _plain: &[u8]) -> Result<SealedPart, String> {
        match *self {}
    }
}
