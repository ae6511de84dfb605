//! What holds the rows that the log wrote: an index that may be lost and rebuilt.

use std::collections::BTreeMap;

use super::read::Read;
use crate::error::Result;

/// A set of writes: `Some` puts a row, `None` removes it.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// An index over the log. One thread writes; anybody may read meanwhile.
pub(crate) trait Index: Read + Send + Sync + 'static {
    /// Applies writes, and then notes `sequence`, the last frame that they contain. Where that breaks off, some of the writes may be there.
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()>;

    /// The last frame that was applied, 0 where there is none.
    fn applied(&self) -> Result<u64>;

    /// The last frame of which there may be a row: a later one than was applied where that broke off.
    fn seen(&self) -> Result<u64> {
        self.applied()
    }

    /// The value under `key`, where that can be said without waiting for a disk or for others.
    fn get_at_once(&self, _key: &[u8]) -> Option<Option<Vec<u8>>> {
        None
    }

    /// Whether the index is known to have every row: it was closed cleanly and is what it was, or was built anew.
    fn is_sure(&self) -> bool {
        true
    }

    /// Notes that it was compared, and has them.
    fn trust(&self) {}

    /// Notes that it does not: the next start builds it anew.
    fn distrust(&self, _why: &str) {}

    /// Writes to disk what was applied. Not needed for durability: it shortens the next replay.
    fn flush(&self) -> Result<()>;

    /// The same, for those who need not wait for it.
    fn ask_flush(&self) -> Result<()> {
        self.flush()
    }
}
