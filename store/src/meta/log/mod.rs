//! The log: the commit point. Frames in append-only segments; the index is rebuilt from them.

pub(crate) mod frame;
pub(crate) mod replay;
pub(crate) mod segment;
#[cfg(test)]
mod tests;

use std::io;

use crate::disk::Use;
use crate::error::{Result, StoreError};

/// Largest set of writes of one frame, in bytes of keys and values.
pub(crate) const FRAME_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// Takes frames, durably.
pub(crate) trait Log: Send {
    /// Whether facts have found no room, or would find none.
    fn is_tight(&mut self) -> bool;

    /// Appends whole frames, the first of which has the sequence `first`. They are on disk when this returns.
    /// True where they begin a new segment.
    fn append(&mut self, frames: &[u8], first: u64, using: Use) -> Result<bool, LogFailure>;

    /// Ends the segment, unless it is empty: the next begins with the frame `first`.
    fn roll(&mut self, first: u64) -> Result<(), LogFailure>;

    /// Length of all segments, in bytes.
    fn bytes(&self) -> u64;

    /// Reads every frame of every segment: `Damaged` where one is not as it was written.
    fn check(&self) -> Result<()>;

    /// Takes back the ballast that a full disk made it give up, where there is room again.
    fn refill(&mut self);

    /// Removes the segments that have no frame from `before` on: a snapshot says what they said.
    fn forget(&mut self, before: u64) -> Result<()>;
}

/// Why frames were not appended.
#[derive(Debug, Clone)]
pub(crate) enum LogFailure {
    /// No space; the log is as it was.
    Full,
    /// The log is only read.
    ReadOnly,
    /// Nobody can say what is on disk: the log takes nothing more.
    Closed(String),
}

impl LogFailure {
    /// The same for whoever waited for the commit.
    pub(crate) fn error(&self) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::ReadOnly => StoreError::Io(io::ErrorKind::ReadOnlyFilesystem.into()),
            Self::Closed(why) => StoreError::Closed(why.clone()),
        }
    }
}

/// The log of the memory adapter: there is nothing to keep.
pub(crate) struct NoLog;

impl Log for NoLog {
    fn is_tight(&mut self) -> bool {
        false
    }

    fn append(&mut self, _frames: &[u8], _first: u64, _using: Use) -> Result<bool, LogFailure> {
        Ok(false)
    }

    fn roll(&mut self, _first: u64) -> Result<(), LogFailure> {
        Ok(())
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn refill(&mut self) {}

    fn forget(&mut self, _before: u64) -> Result<()> {
        Ok(())
    }
}
