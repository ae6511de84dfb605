//! What the server notes of itself.

use cairn_shared::{ChunkDigest, UnixMs};
use serde::{Deserialize, Serialize};

/// What was last known of the time, for the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// The time that was sure: things end by it.
    pub sure: UnixMs,
    /// What the clock said; while it is ahead of what is sure: when it went ahead, and the time that a server ran since.
    pub wall: UnixMs,
    /// While the clock is ahead of what is sure: for how long it has said so or more while a server ran, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<u64>,
}

/// How far the reading of all chunks has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubPlace {
    /// When it began.
    pub began_at: UnixMs,
    /// The last chunk that was read.
    pub after: Option<ChunkDigest>,
    /// Chunks that were read.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them are damaged.
    pub damaged: u64,
    /// How many were not there.
    pub away: u64,
}
