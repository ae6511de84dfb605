//! What an index says of itself at a start.

use cairn_shared::OwnerId;

use super::*;
use crate::disk::sim::SimDisk;
use crate::meta::read::{Entry, Read};
use crate::model::Owner;

/// Empty indexes that may have rows of frames up to this one.
struct Ahead(u64);

struct AheadIndex {
    rows: MemoryIndex,
    seen: u64,
}

impl Read for AheadIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.rows.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        self.rows.page(from, end, limit)
    }
}

impl Index for AheadIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        self.rows.apply(writes, sequence)
    }

    fn applied(&self) -> Result<u64> {
        self.rows.applied()
    }

    fn seen(&self) -> Result<u64> {
        Ok(self.seen)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

impl IndexFolder for Ahead {
    fn open(&self) -> Result<Box<dyn Index>> {
        Ok(Box::new(AheadIndex { rows: MemoryIndex::default(), seen: self.0 }))
    }

    fn clear(&self) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_ends_before_rows_that_an_index_took_in_part_is_damaged() {
    let data = Path::new("/data");
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(data, 1 << 40));
    let open = |seen| open_over(disk.clone(), data, &Ahead(seen), Some(4_096));
    let store = open(0).unwrap();
    for n in 1..=3 {
        let owner = Owner { id: OwnerId::new([n; 16]), key_hash: [n; 32], created_at: 1 };
        store.add_owner(owner).await.unwrap();
    }
    drop(store);
    // Three frames, and the one that ends the log.
    assert!(open(4).is_ok());
    assert!(matches!(open(9), Err(StoreError::Damaged(_))));
}
