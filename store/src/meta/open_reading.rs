//! Opening of a store that is only read: the index is made in memory, from snapshot and log, and nothing on the disk changes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::MetaStore;
use super::committer::{Committer, Notes, Shared};
use super::index::Index;
use super::log::{Log, LogFailure, replay};
use super::memory::MemoryIndex;
use super::snapshot;
use super::store::{Past, Store};
use crate::disk::{Disk, Use, reading};
use crate::error::{Result, StoreError};
use crate::format;

/// Opens the store in the folder `data` to look at it: it takes no verb that changes something. Everything that a start
/// would read is read, and takes memory, about a KiB for each chunk. `Closed` where a server uses it, `Damaged` where snapshot or log can't be
/// read. What a kill left at the log's end is passed over.
pub fn open_reading(data: &Path) -> Result<Arc<dyn MetaStore>> {
    open_because(data, LogFailure::ReadOnly)
}

/// The same; what would change something is refused with `why`.
pub(crate) fn open_because(data: &Path, why: LogFailure) -> Result<Arc<dyn MetaStore>> {
    let disk = reading();
    format::check(disk.as_ref(), data)?;
    let lock = disk.lock(&data.join("lock"))?;
    let index = read(disk.as_ref(), data)?;
    let shared = Shared::new(Box::new(index), Some(lock));
    // It never ends the log, having no frame.
    let committer = Committer::start(shared.clone(), Box::new(ReadLog(why)), 0, Notes::default());
    shared.check_open()?;
    Ok(Arc::new(Store::new(shared, committer, Past::Read(data.to_owned()), true)))
}

fn read(disk: &dyn Disk, data: &Path) -> Result<MemoryIndex> {
    let (log, snapshots) = (data.join("log"), data.join("snapshot"));
    let index = MemoryIndex::default();
    let (mut after, mut seen) = (0, 0);
    let newest = match snapshot::newest(disk, &snapshots) {
        Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        newest => newest?,
    };
    if let Some(newest) = newest {
        seen = snapshot::read(disk, &newest, &mut |rows| index.apply(&rows, 0))?;
        after = newest.after;
    }
    let walked =
        replay::walk(disk, &log, after, seen, &mut |frame| index.apply(&frame.writes, frame.sequence))?;
    // A server makes one at its first start.
    let missing = || StoreError::Damaged(format!("{} has no segment of a log", log.display()));
    walked.map(|_| index).ok_or_else(missing)
}

/// The log of a store that is only read. It was read as a whole when it was opened.
struct ReadLog(LogFailure);

impl Log for ReadLog {
    fn is_tight(&mut self) -> bool {
        false
    }

    fn append(&mut self, _frames: &[u8], _first: u64, _using: Use) -> Result<bool, LogFailure> {
        Err(self.0.clone())
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

#[cfg(test)]
mod tests {
    use cairn_shared::OwnerId;

    use super::*;
    use crate::meta::{Library, open};
    use crate::model::Owner;

    fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(self::files(&path));
            } else {
                files.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
        files.sort();
        files
    }

    #[tokio::test]
    async fn it_reads_and_changes_nothing() {
        let data = tempfile::tempdir().unwrap();
        let owner = |n: u8| Owner { id: OwnerId::new([n; 16]), key_hash: [n; 32], created_at: 7 };
        let meta = open(data.path(), Library::Sled).unwrap();
        meta.add_owner(owner(1)).await.unwrap();
        assert!(matches!(open_reading(data.path()), Err(StoreError::Closed(_))), "a server uses it");
        assert!(meta.checkpoint(0).await.unwrap());
        meta.add_owner(owner(2)).await.unwrap();
        drop(meta);
        let before = files(data.path());
        for _ in 0..2 {
            let meta = open_reading(data.path()).unwrap();
            assert_eq!(meta.owners(None, 9).await.unwrap(), [owner(1), owner(2)]);
            meta.check_log().await.unwrap();
            assert!(matches!(meta.add_owner(owner(3)).await, Err(StoreError::Io(_))));
        }
        assert!(files(data.path()) == before);
        // Without what a copy need not have.
        for part in ["index", "index.seal", "lock"] {
            let path = data.path().join(part);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        assert_eq!(open_reading(data.path()).unwrap().owners(None, 9).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_damaged_log_is_told() {
        let data = tempfile::tempdir().unwrap();
        let meta = open(data.path(), Library::Sled).unwrap();
        for n in 1..4 {
            meta.add_owner(Owner { id: OwnerId::new([n; 16]), key_hash: [n; 32], created_at: 7 })
                .await
                .unwrap();
        }
        drop(meta);
        let log = std::fs::read_dir(data.path().join("log")).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[60] ^= 1;
        std::fs::write(&log, bytes).unwrap();
        assert!(matches!(open_reading(data.path()), Err(StoreError::Damaged(_))));
    }
}
