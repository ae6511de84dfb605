//! What holds the rows that the log wrote: an index that may be lost and rebuilt.

use std::collections::BTreeMap;

use super::read::Read;
use crate::error::Result;

/// A set of writes: `Some` puts a row, `None` removes it.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// An index over the log. Only the committer writes; anybody may read meanwhile.
pub(crate) trait Index: Read + Send + Sync + 'static {
    /// Applies writes and notes `sequence`, the last frame that they contain, in one atomic step.
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()>;

    /// The last frame that was applied, 0 where there is none.
    fn applied(&self) -> Result<u64>;

    /// Writes to disk what was applied. Not needed for durability: it shortens the next replay.
    fn flush(&self) -> Result<()>;
}
