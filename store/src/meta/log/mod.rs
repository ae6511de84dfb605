//! The log: the commit point. Frames in append-only segments; the index is rebuilt from them.

pub(crate) mod frame;
pub(crate) mod replay;
pub(crate) mod segment;
#[cfg(test)]
mod tests;

use crate::error::{Result, StoreError};

/// Largest set of writes of one frame, in bytes of keys and values.
pub(crate) const FRAME_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// Takes frames, durably.
pub(crate) trait Log: Send {
    /// Appends whole frames, the first of which has the sequence `first`. They are on disk when this returns.
    /// True where they begin a new segment.
    fn append(&mut self, frames: &[u8], first: u64) -> Result<bool, LogFailure>;
}

/// Why frames were not appended.
#[derive(Debug, Clone)]
pub(crate) enum LogFailure {
    /// No space; the log is as it was.
    Full,
    /// Nobody can say what is on disk: the log takes nothing more.
    Closed(String),
}

impl LogFailure {
    /// The same for whoever waited for the commit.
    pub(crate) fn error(&self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Closed(why) => StoreError::Closed(why.clone()),
        }
    }
}

/// The log of the memory adapter: there is nothing to keep.
pub(crate) struct NoLog;

impl Log for NoLog {
    fn append(&mut self, _frames: &[u8], _first: u64) -> Result<bool, LogFailure> {
        Ok(false)
    }
}
