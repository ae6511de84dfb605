//! The only place that reads the clock.

use std::time::Instant;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time, and this is where")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
