//! [`Interrupt`]: how Ctrl-C reaches a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// A flag that is raised, and that a blocked read waits for beside its answer.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises it, until it is lowered; only a conversation does that, between two lines.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// Lowers it: what comes next was not meant.
    pub fn lower(&self) {
        self.0.raised.store(false, Ordering::SeqCst);
    }

    /// Whether it is up.
    pub fn raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// Waits until it is up.
    pub(super) async fn wait(&self) {
        let notified = self.0.notify.notified();
        if !self.raised() {
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[test]
    fn what_was_lowered_can_be_waited_for_again() {
        let interrupt = Interrupt::new();
        let context = &mut Context::from_waker(Waker::noop());
        interrupt.raise();
        assert!(pin!(interrupt.wait()).poll(context).is_ready());
        interrupt.lower();
        assert!(!interrupt.raised());
        let mut waiting = pin!(interrupt.wait());
        assert!(waiting.as_mut().poll(context).is_pending());
        interrupt.raise();
        assert!(waiting.as_mut().poll(context).is_ready());
    }
}
