//! What the operating system alone knows: the clock, random bytes, who is at the other end; everything else gets them as values.

mod peer;

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use cairn_shared::UnixMs;

pub(crate) use peer::{Peer, User};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the platform folder reads the clock")]
pub(crate) fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

/// `N` bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
