//! Opening of a store: lock, index, replay; where the index is of no use, it is built anew from snapshot and log.

use std::path::Path;
use std::sync::Arc;

use super::MetaStore;
use super::committer::{Committer, Notes, Shared};
use super::gathered::Gathered;
use super::index::{Index, Writes};
use super::log::replay::{Replayed, first_frame, last_sequence, replay, walk};
use super::log::segment::is_full;
use super::log::{Log, LogFailure, NoLog, frame};
use super::memory::MemoryIndex;
use super::place::{IndexPlace, Library};
use super::snapshot::{self, Snapshot};
use super::store::{Past, Snapshots, Store};
use super::{codec, keys};
use crate::disk::{Disk, Lock, Use, clear_new, gathered_bytes, make_folders, real};
use crate::error::{Result, StoreError};
use crate::format;
use crate::ground::mark::{self, Mark};
use crate::ground::runs::{Moment, Runs};
use crate::ground::witness::{self, Run, Seen, Witness};
use crate::ground::{Ground, Owner, Places, StoreId};

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
    let places = Places::new(data);
    for folder in [&places.log, &places.snapshots] {
        make_folders(disk.as_ref(), folder)?;
    }
    format::note(disk.as_ref(), data)?;
    let place = Place { places, disk, indexes, owner: None };
    place.start([0; 16], lock, gathered)
}

/// Opens the facts of a data folder that was looked at. `Apart` where its log is older than its chunks, or another copy's.
pub(crate) fn open_on(
    ground: Ground,
    indexes: &dyn IndexFolder,
    gathered: Option<usize>,
) -> Result<Arc<dyn MetaStore>> {
    let Ground { disk, places, owner, run, lock, .. } = ground;
    Place { places, disk, indexes, owner }.start(run, lock, gathered)
}

/// Makes a store in memory, gone when it is dropped.
pub fn memory() -> Arc<dyn MetaStore> {
    let shared = Shared::new(Box::new(MemoryIndex::default()), None);
    let committer = Committer::start(shared.clone(), Box::new(NoLog), 0, Notes::default());
    Arc::new(Store::new(shared, committer, Past::None, true))
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
    places: Places,
    indexes: &'a dyn IndexFolder,
    /// `None` where the store has no id.
    owner: Option<Owner>,
}

/// The run that the rows come from, and its first frame.
fn run_of(index: &dyn Index) -> Result<Option<(Run, u64)>> {
    index.get(&keys::run())?.map(|value| codec::from_run(&value)).transpose()
}

/// In an index lies under this key whose it is; no kind of row is 0.
const OWNER_KEY: &[u8] = &[0, 1];

impl Place<'_> {
    /// Opens index and log, notes the run that begins, and lets the committer go.
    fn start(self, run: [u8; 16], lock: Lock, gathered: Option<usize>) -> Result<Arc<dyn MetaStore>> {
        let runs = match self.owner {
            Some(owner) => {
                let runs = self.look(owner)?;
                for folder in [&self.places.log, &self.places.chunks] {
                    clear_new(self.disk.as_ref(), folder)?;
                }
                // It may be missing where no snapshot was ever written.
                make_folders(self.disk.as_ref(), &self.places.snapshots)?;
                clear_new(self.disk.as_ref(), &self.places.snapshots)?;
                if mark::read(self.disk.as_ref(), &self.places.snapshots)? == Mark::Missing {
                    mark::write(self.disk.as_ref(), &self.places.snapshots, owner.store)?;
                }
                runs
            }
            None => {
                make_folders(self.disk.as_ref(), &self.places.snapshots)?;
                None
            }
        };
        let (index, mut replayed) = self.open(runs.as_ref())?;
        let is_sure = index.is_sure();
        let (witness, owed) = match self.owner {
            Some(owner) => {
                let runs = match runs {
                    Some(runs) => runs,
                    None => self.lost_runs(index.as_ref(), owner)?,
                };
                let begun = self.begin_run(index.as_ref(), &mut replayed, owner, runs, run)?;
                self.own(index.as_ref(), owner.store, replayed.sequence)?;
                begun
            }
            None => (None, Writes::new()),
        };
        let gathered = gathered.map_or_else(|| gathered_bytes(self.disk.as_ref(), &self.places.data), Ok)?;
        let shared = Shared::new(Box::new(Gathered::new(index, gathered)?), Some(lock));
        let committer = Committer::start(
            shared.clone(),
            Box::new(replayed.log),
            replayed.sequence,
            Notes { witness, owed },
        );
        shared.check_open()?;
        let snapshots = Snapshots::new(self.disk, self.places)?;
        Ok(Arc::new(Store::new(shared, committer, Past::Kept(snapshots), is_sure)))
    }

    /// The log's history, before anything is touched; `None` where the list of it is lost. `Apart` where what the chunks have seen is no part
    /// of it, or lies behind its end.
    fn look(&self, owner: Owner) -> Result<Option<Runs>> {
        let (disk, log) = (self.disk.as_ref(), &self.places.log);
        let (seen, ends) = (owner.seen.sequence, last_sequence(disk, log)?);
        if ends < seen {
            // A damaged record in the middle looks like an end, and is something else.
            walk(disk, log, ends, 0, &mut |_| Ok(()))?;
            return Err(self.apart(
                "chunks/ (chunks/witness)",
                &format!(" It ends with record {ends}, and the chunks have seen record {seen}."),
            ));
        }
        let runs = Runs::read(disk, log, owner.store)?;
        match &runs {
            Some(runs) if !runs.knows(Moment { run: owner.seen.run, sequence: seen }) => {
                Err(self.apart("chunks/ (chunks/witness)", ""))
            }
            Some(_) | None => Ok(runs),
        }
    }

    /// The list of runs is lost: what the log's own rows say takes its place.
    fn lost_runs(&self, index: &dyn Index, owner: Owner) -> Result<Runs> {
        let mut runs = Runs::new(owner.store, 0);
        if let Some((run, began)) = run_of(index)? {
            runs.add(run, began);
        }
        let seen = Moment { run: owner.seen.run, sequence: owner.seen.sequence };
        if runs.knows(seen) { Ok(runs) } else { Err(self.apart("chunks/ (chunks/witness)", "")) }
    }

    fn apart(&self, part: &str, why: &str) -> StoreError {
        let (log, data) = (self.places.log.display(), self.places.data.display());
        StoreError::Apart(format!(
            "{log} is not of the same history as {part}: one of them is older, or comes from another copy of this store.{why} \
             Nothing was removed. Bring back those that belong together. Only where they are lost for good, `cairn admin adopt \
             --data {data}` takes what is there as one store: what was acknowledged later than this log says is lost then, and \
             chunks that it does not name are removed. It counts them and asks first."
        ))
    }

    /// Notes in the log that the server was started, and beside the chunks that they have seen it. A full disk must not keep it from
    /// starting: where the list takes nothing more the last run goes on, and a row that found no room comes back, to be written in front of
    /// whatever is written first.
    fn begin_run(
        &self,
        index: &dyn Index,
        replayed: &mut Replayed,
        owner: Owner,
        mut runs: Runs,
        id: [u8; 16],
    ) -> Result<(Option<Witness>, Writes)> {
        let (disk, chunks) = (self.disk.as_ref(), &self.places.chunks);
        let (before, sequence) = (runs.clone(), replayed.sequence + 1);
        runs.begin(id, sequence);
        // The list first: a row of a run that it lacks would be another history's.
        let (run, began) = match runs.write(disk, &self.places.log) {
            Ok(()) => runs.last(),
            Err(error) if is_full(&error) => before.last(),
            Err(error) => return Err(error.into()),
        };
        let mut owed = Writes::new();
        if run != Run::NONE && run_of(index)? != Some((run, began)) {
            owed.insert(keys::run(), Some(codec::run(run, began)));
            let mut frame = Vec::new();
            frame::encode(&mut frame, sequence, sequence, &owed)?;
            match replayed.log.append(&frame, sequence, Use::Facts) {
                Ok(_) => {
                    replayed.sequence = sequence;
                    index.apply(&std::mem::take(&mut owed), sequence)?;
                }
                Err(LogFailure::Full | LogFailure::ReadOnly) => {}
                Err(failure) => return Err(failure.error()),
            }
        }
        let seen = Seen { store: owner.store, run, sequence: replayed.sequence };
        let witness = match witness::begin(disk, chunks, seen) {
            Err(error) if is_full(&error) => witness::go_on(disk, chunks, seen)?,
            begun => begun?,
        };
        Ok((Some(witness), owed))
    }

    fn open(&self, runs: Option<&Runs>) -> Result<(Box<dyn Index>, Replayed)> {
        for folder in [&self.places.log, &self.places.snapshots] {
            clear_new(self.disk.as_ref(), folder)?;
        }
        let why = match self.open_known(runs) {
            Ok(Some(opened)) => return Ok(opened),
            Ok(None) => {
                "it is older than the log, of another history, or does not say whose it is".to_owned()
            }
            Err(StoreError::Closed(why)) => why,
            Err(error) => return Err(error),
        };
        tracing::warn!(why, "the index can't be used; it is built anew from snapshot and log");
        self.rebuild(runs)
    }

    /// Brings the index that is there up to date; `None` where the log begins behind what it knows.
    fn open_known(&self, runs: Option<&Runs>) -> Result<Option<(Box<dyn Index>, Replayed)>> {
        let index = self.indexes.open()?;
        let applied = index.applied()?;
        if applied > 0 && !self.is_ours(index.as_ref(), runs, applied)? {
            return Ok(None);
        }
        let snapshot = self.snapshot()?;
        if snapshot.as_ref().is_some_and(|snapshot| snapshot.after > applied) {
            // What lies between them may be gone from the log.
            return Ok(None);
        }
        match first_frame(self.disk.as_ref(), &self.places.log)? {
            None if applied > 0 || snapshot.is_some() => {
                // Beginning anew would quietly forget everything.
                let log = self.places.log.display();
                return Err(StoreError::Damaged(format!(
                    "{log} is empty, and index or snapshot are not. Is its disk mounted? Bring the log back"
                )));
            }
            Some(first) if first > applied + 1 => return Ok(None),
            Some(_) | None => {}
        }
        let replayed = self.replay(index.as_ref(), applied, index.seen()?.max(applied))?;
        Ok(Some((index, replayed)))
    }

    /// Whether the index is this store's, and went through the log's history. One of an earlier format says nothing, and is taken where the
    /// store has no id.
    fn is_ours(&self, index: &dyn Index, runs: Option<&Runs>, applied: u64) -> Result<bool> {
        let said = index.get(OWNER_KEY)?;
        let Some(owner) = self.owner else { return Ok(said.is_none()) };
        let (Some(runs), Some((run, _))) = (runs, run_of(index)?) else { return Ok(false) };
        Ok(said.is_some_and(|said| said == owner.store.as_bytes())
            && runs.knows(Moment { run, sequence: applied }))
    }

    /// Notes in the index whose it is.
    fn own(&self, index: &dyn Index, store: StoreId, applied: u64) -> Result<()> {
        if index.get(OWNER_KEY)?.is_some_and(|said| said == store.as_bytes()) {
            return Ok(());
        }
        let store = Writes::from([(OWNER_KEY.to_vec(), Some(store.as_bytes().to_vec()))]);
        index.apply(&store, applied)
    }

    fn rebuild(&self, runs: Option<&Runs>) -> Result<(Box<dyn Index>, Replayed)> {
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
        if let (Some(runs), Some((run, _))) = (runs, run_of(index.as_ref())?)
            && !runs.knows(Moment { run, sequence: after })
        {
            return Err(self.apart("snapshot/", ""));
        }
        let replayed = self.replay(index.as_ref(), after, seen)?;
        index.flush()?;
        Ok((index, replayed))
    }

    fn snapshot(&self) -> Result<Option<Snapshot>> {
        snapshot::newest(self.disk.as_ref(), &self.places.snapshots)
    }

    fn replay(&self, index: &dyn Index, after: u64, known: u64) -> Result<Replayed> {
        let mut written = Batch::default();
        let mut sequence = after;
        // What the chunks have seen was acknowledged.
        let known = known.max(self.owner.map_or(0, |owner| owner.seen.sequence));
        let replayed = replay(&self.disk, &self.places.log, after, known, &mut |frame| {
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
