//! [`Time`]: time that passes when somebody waits, and not otherwise.

use exoauth::clock::Clock;
use exoauth::session::Patience;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time of a test: the system's, and what was waited for.
#[derive(Clone, Default)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    /// How much was waited for.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// A clock of this time.
    pub(crate) fn clock(&self) -> Clock {
        let (time, system) = (self.clone(), Clock::system());
        Clock::told_by(move || {
            let waited = SignedDuration::try_from(time.waited()).unwrap_or_default();
            system.now() + waited
        })
    }

    /// A patience that lets this time pass in place of waiting.
    pub(crate) fn patience(&self) -> Patience {
        let time = self.clone();
        Patience {
            sleep: Arc::new(move |pause| {
                let milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                time.0.fetch_add(milliseconds, Ordering::SeqCst);
                Box::pin(async {})
            }),
            ..Patience::default()
        }
    }
}
