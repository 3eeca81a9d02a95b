//! The private keys of the world, each with its certificate.

use super::{AUTH_CERTIFICATE, TOKEN_SERVICE_CERTIFICATE, days_after};
use crate::lab::Error;
use crate::lab::token::Signer;
use jiff::Timestamp;
use std::thread::ScopedJoinHandle;

/// The private keys of the world, each with its certificate.
pub(in crate::lab) struct Signers {
    /// Those of on-premises Exchange that can sign: the current one, then the next.
    pub(in crate::lab) exchange: Vec<Signer>,
    pub(in crate::lab) token_service: Signer,
    pub(in crate::lab) exchange_online: Signer,
    pub(in crate::lab) application: Signer,
}

/// The registered client's private key, as PEM.
pub(in crate::lab) const APPLICATION_KEY: &str = include_str!("../keys/application.pem");

impl Signers {
    pub(in crate::lab) fn new(now: Timestamp) -> Result<Self, Error> {
        let after = |days| days_after(now, days);
        // Reading an RSA key and signing with it takes milliseconds, so each has a thread of its own.
        let make =
            |pem, subject, from, to| move || Signer::new(pem, subject, after(from), after(to));
        std::thread::scope(|scope| {
            let current = scope.spawn(make(
                include_str!("../keys/exchange-auth.pem"),
                AUTH_CERTIFICATE,
                -400,
                1425,
            ));
            let next = scope.spawn(make(
                include_str!("../keys/exchange-auth-next.pem"),
                AUTH_CERTIFICATE,
                -10,
                1815,
            ));
            let service = scope.spawn(make(
                include_str!("../keys/token-service.pem"),
                TOKEN_SERVICE_CERTIFICATE,
                -200,
                730,
            ));
            let online = scope.spawn(make(
                include_str!("../keys/exchange-online.pem"),
                "exchange-online.example",
                -100,
                365,
            ));
            let application = scope.spawn(make(APPLICATION_KEY, "exoauth", -30, 335));
            Ok(Self {
                exchange: vec![joined(current)?, joined(next)?],
                token_service: joined(service)?,
                exchange_online: joined(online)?,
                application: joined(application)?,
            })
        })
    }
}

fn joined(thread: ScopedJoinHandle<'_, Result<Signer, Error>>) -> Result<Signer, Error> {
    thread.join().unwrap_or_else(|_| {
        Err(Error::Certificate {
            reason: "the thread that made it ended early".to_owned(),
        })
    })
}
