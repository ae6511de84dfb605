//! Opening of a store: lock, index, replay; where the index is of no use, it is built anew from the log.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MetaStore;
use super::committer::{Committer, Shared};
use super::index::{Index, Writes};
use super::log::NoLog;
use super::log::replay::{Replayed, replay};
use super::log::segment;
use super::memory::MemoryIndex;
use super::sled::SledIndex;
use super::store::Store;
use crate::disk::{Lock, make_folder, sync_folder};
use crate::error::{Result, StoreError};

/// Rows that replay hands to the index at once.
const REPLAY_ROWS: usize = 200_000;

/// Opens the store in the folder `data`, which is made where it is missing. `Closed` where another server uses it,
/// `Damaged` where the log can't be read. Reads the log; takes a while where the index has to be built anew.
pub fn open(data: &Path) -> Result<Arc<dyn MetaStore>> {
    make_folder(data)?;
    let lock = Lock::take(&data.join("lock"))?;
    let place = Place { log: data.join("log"), index: data.join("index") };
    make_folder(&place.log)?;
    let (index, replayed) = place.open()?;
    let shared = Shared::new(index, Some(lock));
    let committer = Committer::start(shared.clone(), Box::new(replayed.log), replayed.sequence);
    shared.check_open()?;
    Ok(Arc::new(Store::new(shared, committer)))
}

/// Makes a store in memory, gone when it is dropped.
pub fn memory() -> Arc<dyn MetaStore> {
    let shared = Shared::new(MemoryIndex::default(), None);
    let committer = Committer::start(shared.clone(), Box::new(NoLog), 0);
    Arc::new(Store::new(shared, committer))
}

struct Place {
    log: PathBuf,
    index: PathBuf,
}

impl Place {
    fn open(&self) -> Result<(SledIndex, Replayed)> {
        match self.open_known() {
            Ok(Some(opened)) => return Ok(opened),
            Ok(None) => tracing::warn!("the index is ahead of the log; it is built anew"),
            Err(StoreError::Closed(why)) => tracing::warn!(why, "the index can't be used; it is built anew"),
            Err(error) => return Err(error),
        }
        self.rebuild()
    }

    /// Brings the index that is there up to date; `None` where it knows more than the log.
    fn open_known(&self) -> Result<Option<(SledIndex, Replayed)>> {
        make_folder(&self.index)?;
        let index = SledIndex::open(&self.index)?;
        let applied = index.applied()?;
        if applied > 0 && segment::list(&self.log)?.is_empty() {
            // Building anew from nothing would quietly forget everything.
            let (log, index) = (self.log.display(), self.index.display());
            return Err(StoreError::Damaged(format!(
                "{log} is empty and {index} is not: bring the log back, or remove both"
            )));
        }
        let replayed = self.replay(&index, applied)?;
        Ok((replayed.sequence >= applied).then_some((index, replayed)))
    }

    fn rebuild(&self) -> Result<(SledIndex, Replayed)> {
        if self.index.exists() {
            fs::remove_dir_all(&self.index)?;
            sync_folder(self.index.parent().unwrap_or(Path::new(".")))?;
        }
        make_folder(&self.index)?;
        let index = SledIndex::open(&self.index)?;
        let replayed = self.replay(&index, 0)?;
        index.flush()?;
        Ok((index, replayed))
    }

    fn replay(&self, index: &dyn Index, after: u64) -> Result<Replayed> {
        let mut written = Writes::new();
        let mut sequence = after;
        let replayed = replay(&self.log, after, &mut |frame| {
            written.extend(frame.writes);
            sequence = frame.sequence;
            if written.len() >= REPLAY_ROWS {
                index.apply(&std::mem::take(&mut written), sequence)?;
            }
            Ok(())
        })?;
        if !written.is_empty() {
            index.apply(&written, sequence)?;
        }
        Ok(replayed)
    }
}
