//! Whether facts and chunks of a folder without ids belong together: most chunks that the facts name are there, and most that are
//! there are named.

use crate::chunk::ChunkStore;
use crate::error::Result;
use crate::meta::MetaStore;
use crate::model::ChunkState;

/// Records looked up at once.
const PAGE: usize = 1_000;
/// Copies without a record that a crash may have left, however few chunks there are.
const STRAYS: u64 = 256;
/// Copies without a record that are remembered at most: some 100 MiB.
const STRAYS_MAX: usize = 1_000_000;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Chunks that have a record.
    pub(super) records: u64,
    /// Copies that lie where a record says.
    pub(super) named: u64,
    /// Copies that no record names.
    pub(super) unnamed: u64,
    /// Where the first of those lie, as many as may be where all agree.
    pub(super) strays: Vec<(String, u64)>,
}

impl Counts {
    /// Reads every record and lists every folder.
    pub(super) async fn take(meta: &dyn MetaStore, chunks: &dyn ChunkStore) -> Result<Self> {
        let mut counts = Self::default();
        let mut after = None;
        loop {
            let page = meta.chunks(after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            let lives = page.iter().filter(|(_, record)| record.state != ChunkState::Deleting);
            counts.records += lives.count() as u64;
        }
        for folder in chunks.folders().await? {
            for copy in chunks.copies(&folder).await? {
                let record = meta.chunk(copy.digest).await?;
                let record = record.filter(|record| record.locator.is_at(&copy.locator));
                match record.map(|record| record.state) {
                    // It may be gone by now, and says nothing.
                    Some(ChunkState::Deleting) => {}
                    Some(ChunkState::Present | ChunkState::Condemned(_) | ChunkState::Damaged) => {
                        counts.named += 1;
                    }
                    None => {
                        counts.unnamed += 1;
                        if counts.strays.len() < STRAYS_MAX {
                            counts.strays.push((copy.locator.key, copy.locator.offset));
                        }
                    }
                }
            }
        }
        Ok(counts)
    }

    /// No more than a tenth is missing on either side.
    pub(super) fn agree(&self) -> bool {
        let missing = self.records.saturating_sub(self.named);
        let may_be = (self.named / 10).max(STRAYS.min(self.named)).min(STRAYS_MAX as u64);
        missing <= self.records / 10 && self.unnamed <= may_be
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_may_be_missing_on_either_side() {
        let agree = |records, named, unnamed| Counts { records, named, unnamed, strays: Vec::new() }.agree();
        assert!(agree(0, 0, 0));
        assert!(agree(1_000, 1_000, 100) && agree(1_000, 900, 90) && agree(10, 10, 10));
        assert!(!agree(1_000, 899, 0), "chunks are another store's, or not mounted");
        assert!(!agree(1, 0, 0));
        assert!(!agree(0, 0, 1), "the log began anew beside its chunks");
        assert!(!agree(10, 10, 11) && agree(10_000, 10_000, 1_000) && !agree(10_000, 10_000, 1_001));
    }
}
