//! What the operating system alone knows: the clock, random bytes, who is at the other end; everything else gets them as values.

mod peer;

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use cairn_shared::UnixMs;
use cairn_store::ground::Fresh;
use rustix::time::{ClockId, clock_gettime};

pub(crate) use peer::{Peer, User};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the platform folder reads the clock")]
pub(crate) fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

/// Milliseconds since the machine was started, those in which it slept among them. Nobody sets this clock.
pub(crate) fn passed_ms() -> u64 {
    let passed = clock_gettime(ClockId::Boottime);
    u64::try_from(passed.tv_sec).unwrap_or(0).saturating_mul(1_000)
        + passed.tv_nsec.unsigned_abs() / 1_000_000
}

/// `N` bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// What opening a data folder needs of chance.
pub(crate) fn fresh() -> io::Result<Fresh> {
    Ok(Fresh { store: random()?, run: random()?, secret: random()? })
}
