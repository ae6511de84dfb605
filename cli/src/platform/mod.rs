//! The clock and the random source of the operating system; everything else gets time and ids as values.

use std::time::Instant;

use cairn_engine::Now;

/// A clock that never goes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Begins to count.
    #[expect(clippy::disallowed_methods, reason = "the platform folder reads the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    #[expect(clippy::disallowed_methods, reason = "the platform folder reads the clock")]
    pub(crate) fn now(self) -> Now {
        Now::try_from(Instant::now().duration_since(self.0).as_millis()).unwrap_or(Now::MAX)
    }
}

/// `N` bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the platform folder reads the clock")]
pub(crate) fn unix_now() -> cairn_shared::UnixMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
