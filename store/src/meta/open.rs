//! Opening of a store: lock, index, replay; where the index is of no use, it is built anew from snapshot and log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MetaStore;
use super::committer::{Committer, Shared};
use super::gathered::Gathered;
use super::index::{Index, Writes};
use super::log::NoLog;
use super::log::replay::{Replayed, first_frame, replay};
use super::memory::MemoryIndex;
use super::place::{IndexPlace, Library};
use super::snapshot::{self, Snapshot};
use super::store::{Snapshots, Store};
use crate::disk::{Disk, clear_new, gathered_bytes, make_folders, real};
use crate::error::{Result, StoreError};
use crate::format;

/// Rows that replay hands to the index at once, in bytes, sorted: those that the log has several times are written once.
const REPLAY_BYTES: usize = 16 * 1_024 * 1_024;

/// Opens the store in the folder `data`, which is made where it is missing. `Closed` where another server uses it,
/// `Damaged` where the log can't be read, `Newer` where a later version wrote it. Reads the log; takes a while where
/// the index has to be built anew, which it is where another library kept it before.
pub fn open(data: &Path, index: Library) -> Result<Arc<dyn MetaStore>> {
    open_over(real(), data, &IndexPlace::new(data, index), None)
}

/// The same with so few rows in front of the index that most of them soon lie in it.
#[doc(hidden)]
pub fn open_gathering_little(data: &Path, index: Library) -> Result<Arc<dyn MetaStore>> {
    open_over(real(), data, &IndexPlace::new(data, index), Some(512))
}

/// The same on any disk and with any kind of index, in front of which `gathered` bytes of rows gather, or as many as the disk has room for.
pub(crate) fn open_over(
    disk: Arc<dyn Disk>,
    data: &Path,
    indexes: &dyn IndexFolder,
    gathered: Option<usize>,
) -> Result<Arc<dyn MetaStore>> {
    format::check(disk.as_ref(), data)?;
    make_folders(disk.as_ref(), data)?;
    let lock = disk.lock(&data.join("lock"))?;
    let place = Place { log: data.join("log"), snapshots: data.join("snapshot"), disk, indexes };
    for folder in [&place.log, &place.snapshots] {
        make_folders(place.disk.as_ref(), folder)?;
    }
    format::note(place.disk.as_ref(), data)?;
    let (index, replayed) = place.open()?;
    let gathered = gathered.map_or_else(|| gathered_bytes(place.disk.as_ref(), data), Ok)?;
    let shared = Shared::new(Box::new(Gathered::new(index, gathered)?), Some(lock));
    let committer = Committer::start(shared.clone(), Box::new(replayed.log), replayed.sequence);
    shared.check_open()?;
    let snapshots = Snapshots::new(place.disk, place.snapshots)?;
    Ok(Arc::new(Store::new(shared, committer, Some(snapshots))))
}

/// Makes a store in memory, gone when it is dropped.
pub fn memory() -> Arc<dyn MetaStore> {
    let shared = Shared::new(Box::new(MemoryIndex::default()), None);
    let committer = Committer::start(shared.clone(), Box::new(NoLog), 0);
    Arc::new(Store::new(shared, committer, None))
}

/// Where an index lies between two runs. It may be lost at any time.
pub(crate) trait IndexFolder {
    /// The index that is there, or a new one without rows. `Closed` where what is there can't be used.
    fn open(&self) -> Result<Box<dyn Index>>;

    /// Removes what is there.
    fn clear(&self) -> Result<()>;
}

struct Place<'a> {
    disk: Arc<dyn Disk>,
    log: PathBuf,
    snapshots: PathBuf,
    indexes: &'a dyn IndexFolder,
}

impl Place<'_> {
    fn open(&self) -> Result<(Box<dyn Index>, Replayed)> {
        for folder in [&self.log, &self.snapshots] {
            clear_new(self.disk.as_ref(), folder)?;
        }
        let why = match self.open_known() {
            Ok(Some(opened)) => return Ok(opened),
            Ok(None) => "it is older than the log".to_owned(),
            Err(StoreError::Closed(why)) => why,
            Err(error) => return Err(error),
        };
        tracing::warn!(why, "the index can't be used; it is built anew from snapshot and log");
        self.rebuild()
    }

    /// Brings the index that is there up to date; `None` where the log begins behind what it knows.
    fn open_known(&self) -> Result<Option<(Box<dyn Index>, Replayed)>> {
        let index = self.indexes.open()?;
        let applied = index.applied()?;
        let snapshot = self.snapshot()?;
        if snapshot.as_ref().is_some_and(|snapshot| snapshot.after > applied) {
            // What lies between them may be gone from the log.
            return Ok(None);
        }
        match first_frame(self.disk.as_ref(), &self.log)? {
            None if applied > 0 || snapshot.is_some() => {
                // Beginning anew would quietly forget everything.
                let log = self.log.display();
                return Err(StoreError::Damaged(format!(
                    "{log} is empty, and index or snapshot are not: bring the log back, or remove them too"
                )));
            }
            Some(first) if first > applied + 1 => return Ok(None),
            Some(_) | None => {}
        }
        let replayed = self.replay(index.as_ref(), applied, index.seen()?.max(applied))?;
        Ok(Some((index, replayed)))
    }

    fn rebuild(&self) -> Result<(Box<dyn Index>, Replayed)> {
        self.indexes.clear()?;
        let index = self.indexes.open()?;
        let (mut after, mut seen) = (0, 0);
        if let Some(snapshot) = self.snapshot()? {
            let mut written = Batch::default();
            seen = snapshot::read(self.disk.as_ref(), &snapshot, &mut |rows| {
                written.extend(rows);
                // Not applied up to anything before all rows are there.
                if written.is_full() { index.apply(&written.take(), 0) } else { Ok(()) }
            })?;
            index.apply(&written.take(), snapshot.after)?;
            after = snapshot.after;
        }
        let replayed = self.replay(index.as_ref(), after, seen)?;
        index.flush()?;
        Ok((index, replayed))
    }

    fn snapshot(&self) -> Result<Option<Snapshot>> {
        snapshot::newest(self.disk.as_ref(), &self.snapshots)
    }

    fn replay(&self, index: &dyn Index, after: u64, known: u64) -> Result<Replayed> {
        let mut written = Batch::default();
        let mut sequence = after;
        let replayed = replay(&self.disk, &self.log, after, known, &mut |frame| {
            written.extend(frame.writes);
            sequence = frame.sequence;
            if written.is_full() { index.apply(&written.take(), sequence) } else { Ok(()) }
        })?;
        if sequence > after {
            index.apply(&written.take(), sequence)?;
        }
        Ok(replayed)
    }
}

/// Rows for the index, until there are enough.
#[derive(Default)]
struct Batch {
    rows: Writes,
    bytes: usize,
}

impl Batch {
    fn extend(&mut self, rows: Writes) {
        self.bytes +=
            rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum::<usize>();
        self.rows.extend(rows);
    }

    fn is_full(&self) -> bool {
        self.bytes >= REPLAY_BYTES
    }

    fn take(&mut self) -> Writes {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

#[cfg(test)]
mod tests;
