//! The index in sled 0.34: one tree, which holds the rows and the last applied sequence.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use sled::{Batch, Config, Db, Mode};

use super::place::{Guard, sequence};
use crate::error::Result;
use crate::meta::index::{Index, Writes};
use crate::meta::read::{Entry, Read};

/// Memory that sled may use for pages, in bytes as they lie on the disk: in memory they take two to three times as much. A part of the
/// file as it is when it is opened, so that rows which come in one run, whoever sends them, take little.
const CACHE_BYTES: RangeInclusive<u64> = 32 * 1_024 * 1_024..=128 * 1_024 * 1_024;
const CACHE_PART: u64 = 16;
/// Where sled keeps its pages.
const FILE: &str = "db";

/// Rows that sled is given at once: it keeps every page that a batch replaces until its end, some KiB for each row.
const BATCH_ROWS: usize = 2_000;

/// Under this key lies the last applied sequence; no kind of row is 0.
const APPLIED_KEY: &[u8] = &[0];

/// And under this one the last of which there may be a row.
const SEEN_KEY: &[u8] = &[0, 0];

/// Rows in a sled tree. Unflushed writes may be lost: the log has them.
pub(super) struct SledIndex {
    db: Db,
    guard: Guard,
}

/// Opens what lies in `folder`, or begins anew there.
pub(super) fn open(folder: &Path, guard: Guard) -> Result<SledIndex> {
    let length = fs::metadata(folder.join(FILE)).map_or(0, |file| file.len());
    let config = Config::new()
        .path(folder)
        .cache_capacity((length / CACHE_PART).clamp(*CACHE_BYTES.start(), *CACHE_BYTES.end()))
        .flush_every_ms(None)
        .mode(Mode::HighThroughput);
    let db = guard.call(|| config.open())?;
    let index = SledIndex { db, guard };
    index.applied()?;
    Ok(index)
}

impl SledIndex {
    /// Has sled free what a batch of `rows` rows replaced in memory: a page for each. Only every 128th call frees some,
    /// and no more than 512 objects; a batch is one call. Without as many others, what batches leave piles up.
    fn release(&self, rows: usize) -> sled::Result<()> {
        for _ in 0..rows {
            self.db.get(APPLIED_KEY)?;
        }
        Ok(())
    }
}

impl Read for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.guard.call(|| self.db.get(key))?.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        if from >= end {
            return Ok(Vec::new());
        }
        self.guard.call(|| {
            let entries = self.db.range(from..end).take(limit);
            entries
                .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
                .collect::<sled::Result<_>>()
        })
    }
}

impl Index for SledIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        let mut rows = writes.iter();
        while rows.len() > 0 {
            let mut batch = Batch::default();
            batch.insert(SEEN_KEY, &sequence.to_be_bytes());
            let count = rows.len().min(BATCH_ROWS);
            for (key, value) in rows.by_ref().take(count) {
                match value {
                    Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                    None => batch.remove(key.as_slice()),
                }
            }
            self.guard.call(|| {
                self.db.apply_batch(batch)?;
                self.release(count)
            })?;
        }
        self.guard.call(|| self.db.insert(APPLIED_KEY, &sequence.to_be_bytes()))?;
        Ok(())
    }

    fn applied(&self) -> Result<u64> {
        sequence(self.get(APPLIED_KEY)?)
    }

    fn seen(&self) -> Result<u64> {
        self::sequence(self.get(SEEN_KEY)?)
    }

    fn flush(&self) -> Result<()> {
        self.guard.call(|| self.db.flush()).map(drop)
    }
}
