//! [`Clock`]: what time it is, as an argument; tests hand in a fixed one.

use jiff::Timestamp;
use std::{fmt, sync::Arc};

/// Tells the time.
///
/// ```
/// use exoauth::clock::Clock;
///
/// let clock = Clock::fixed("2026-11-23T09:00:00Z".parse().unwrap());
/// assert_eq!(clock.now().to_string(), "2026-11-23T09:00:00Z");
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that asks the system"
        )]
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that asks somebody else.
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// A clock that stands still.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Arc::new(move || at))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Clock").field(&self.now()).finish()
    }
}
