//! Waiting for a future in a test.

use std::{error::Error, future::Future};

/// Runs a future to its end on a runtime of its own.
#[expect(clippy::disallowed_methods, reason = "the one place where tests block")]
pub(crate) fn wait_for<T>(
    future: impl Future<Output = Result<T, Box<dyn Error>>>,
) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future)
}
