//! How long to wait before a request is sent again.

use std::time::Duration;

use cairn_engine::Failure;

/// The longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(120);

/// How long to wait before the same request is sent again: a second, or what the server asks for.
pub(crate) fn pause(failure: &Failure) -> Duration {
    let asked = match failure {
        Failure::Network => None,
        Failure::Status { retry_after_seconds, .. } => *retry_after_seconds,
        Failure::Problem(problem) => problem.retry_after,
    };
    Duration::from_secs(u64::from(asked.unwrap_or(1).max(1))).min(PAUSE_MAX)
}
