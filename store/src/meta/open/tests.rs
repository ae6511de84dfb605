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

#[tokio::test]
async fn a_row_that_an_index_lost_is_noticed_before_anything_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    for library in [super::super::Library::Sled, super::super::Library::Redb] {
        let data = &folder.path().join(format!("{library:?}"));
        let place = IndexPlace::new(data, library);
        let open = || open_over(real(), data, &place, None).unwrap();
        let add = async |store: &Arc<dyn MetaStore>, n| {
            let owner = Owner { id: OwnerId::new([n; 16]), key_hash: [n; 32], created_at: 1 };
            store.add_owner(owner).await.unwrap();
        };
        let store = open();
        for n in 1..=3 {
            add(&store, n).await;
        }
        assert!(store.checkpoint(0).await.unwrap());
        add(&store, 4).await;
        drop(store);
        // The library forgets one without a word, and the server is killed then.
        let index = place.open().unwrap();
        let lost = Writes::from([(keys::owner(OwnerId::new([2; 16])), None)]);
        index.apply(&lost, index.applied().unwrap()).unwrap();
        index.flush().unwrap();
        drop(index);
        std::fs::remove_file(data.join("index.seal")).unwrap();
        // A clean end before anybody compared seals nothing.
        drop(open());
        assert!(!data.join("index.seal").exists());
        let store = open();
        // What is written meanwhile belongs to neither side.
        let (compared, ()) = tokio::join!(store.doom(1, None, 1), async { drop(add_may_fail(&store).await) });
        let Err(StoreError::Closed(why)) = compared else { panic!("not noticed: {compared:?}") };
        assert!(why.contains("kind 01: 3 rows of 4"), "{why}");
        drop(store);
        let store = open();
        store.check_index().await.unwrap();
        assert!(store.owner_by_key([2; 32]).await.unwrap().is_some());
    }
}

async fn add_may_fail(store: &Arc<dyn MetaStore>) -> Result<()> {
    store.add_owner(Owner { id: OwnerId::new([9; 16]), key_hash: [9; 32], created_at: 1 }).await
}

#[tokio::test]
async fn a_start_on_a_full_disk_does_not_make_the_next_one_doubt_its_own_log() {
    use crate::ground::{Fresh, Ground};
    use crate::tests::world::Flushed;

    let data = Path::new("/data");
    let disk = SimDisk::new(data, 1 << 40);
    let index = Flushed::default();
    let open = |run: u8| {
        let fresh = Fresh { store: [1; 16], run: [run; 16], secret: [1; 32] };
        let ground = Ground::enter(Arc::new(disk.clone()), data, true, &fresh).unwrap();
        open_on(ground, &index, Some(4_096)).unwrap()
    };
    let add = async |store: &Arc<dyn MetaStore>, n: u8| {
        store.add_owner(Owner { id: OwnerId::new([n; 16]), key_hash: [n; 32], created_at: 1 }).await
    };
    let store = open(1);
    for n in 1..=200 {
        add(&store, n).await.unwrap();
    }
    drop(store);
    // Small files find room, and facts, which leave an eighth free, don't.
    let used = (1 << 40) - disk.space(data).unwrap().free;
    disk.set_total(used + used / 8);
    let store = open(2);
    assert!(matches!(add(&store, 201).await, Err(StoreError::Full)));
    disk.set_total(1 << 40);
    // There is room again, and the server runs on.
    add(&store, 202).await.unwrap();
    assert!(store.checkpoint(0).await.unwrap());
    drop(store);
    for is_lost in [false, true] {
        if is_lost {
            index.clear().unwrap();
        }
        let store = open(5);
        assert!(store.owner_by_key([1; 32]).await.unwrap().is_some());
        assert!(store.owner_by_key([202; 32]).await.unwrap().is_some());
    }
}
