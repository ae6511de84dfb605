//! The index in redb: one file with one table, which holds the rows and the last applied sequence.

mod pages;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use self::pages::Pages;
use super::place::{Guard, sequence};
use crate::error::Result;
use crate::meta::index::{Index, Writes};
use crate::meta::read::{Entry, Read};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

/// Memory that redb may use for pages, in bytes: a part of its file, so that what lies above the leaves stays there however many
/// chunks there are.
const CACHE_PART: u64 = 16;
const CACHE_BYTES: std::ops::RangeInclusive<u64> = 128 * 1_024 * 1_024..=256 * 1_024 * 1_024;

/// Rows of one commit at most. Each may be on a page of its own, of which a commit writes a copy: this keeps the copies of one
/// commit well below the space that facts leave free.
const COMMIT_ROWS: usize = 4_000;

/// Under this key lies the last applied sequence; no kind of row is 0.
const APPLIED_KEY: &[u8] = &[0];

/// And under this one the last of which there may be a row.
const SEEN_KEY: &[u8] = &[0, 0];

/// redb's file, in its folder.
const FILE: &str = "index.redb";

/// Whether an index of redb lies in `folder`.
pub(super) fn is_in(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// Rows in redb's file. What was not flushed may be lost: the log has it.
pub(super) struct RedbIndex {
    db: Database,
    guard: Guard,
}

/// Opens what lies in `folder`, or begins anew there. With `check` all of it is looked at, unless redb does so for a repair.
pub(super) fn open(folder: &Path, guard: Guard, check: bool) -> Result<RedbIndex> {
    let db = guard.call(|| open_file(&folder.join(FILE), check))?;
    let index = RedbIndex { db, guard };
    // Makes the table where there is none.
    index.write(&mut Writes::new().iter(), &[])?;
    index.applied()?;
    Ok(index)
}

fn open_file(path: &Path, check: bool) -> Result<Database, redb::Error> {
    let is_repaired = Arc::new(AtomicBool::new(false));
    let noted = is_repaired.clone();
    let length = fs::metadata(path).map_or(0, |file| file.len());
    let cache = (length / CACHE_PART).clamp(*CACHE_BYTES.start(), *CACHE_BYTES.end());
    let mut db = Database::builder()
        .set_cache_size(usize::try_from(cache).unwrap_or(usize::MAX))
        .set_repair_callback(move |_| noted.store(true, Ordering::Release))
        .create_with_backend(Pages::open(path)?)?;
    if check && !is_repaired.load(Ordering::Acquire) && !db.check_integrity()? {
        return Err(redb::Error::Corrupted("a page is not as it was written".to_owned()));
    }
    Ok(db)
}

impl RedbIndex {
    fn table(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, redb::Error> {
        Ok(self.db.begin_read()?.open_table(TABLE)?)
    }

    /// One commit, durable when it returns.
    fn write<'a>(
        &self,
        rows: &mut dyn Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
        notes: &[(&[u8], u64)],
    ) -> Result<()> {
        self.guard.call(|| {
            let write = self.db.begin_write()?;
            let mut table = write.open_table(TABLE)?;
            for (key, value) in rows {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                    None => table.remove(key.as_slice())?,
                };
            }
            for (key, sequence) in notes {
                table.insert(*key, sequence.to_be_bytes().as_slice())?;
            }
            drop(table);
            write.commit()?;
            Ok::<_, redb::Error>(())
        })
    }
}

impl Read for RedbIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.guard.call(|| {
            let value = self.table()?.get(key)?.map(|value| value.value().to_vec());
            Ok::<_, redb::Error>(value)
        })
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        if from >= end {
            return Ok(Vec::new());
        }
        self.guard.call(|| {
            let mut entries = Vec::new();
            for entry in self.table()?.range(from..end)?.take(limit) {
                let (key, value) = entry?;
                entries.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok::<_, redb::Error>(entries)
        })
    }
}

impl Index for RedbIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        let mut rows = writes.iter();
        while rows.len() > COMMIT_ROWS {
            self.write(&mut rows.by_ref().take(COMMIT_ROWS), &[(SEEN_KEY, sequence)])?;
        }
        self.write(&mut rows, &[(SEEN_KEY, sequence), (APPLIED_KEY, sequence)])
    }

    fn applied(&self) -> Result<u64> {
        sequence(self.get(APPLIED_KEY)?)
    }

    fn seen(&self) -> Result<u64> {
        sequence(self.get(SEEN_KEY)?)
    }

    /// Every commit was.
    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
