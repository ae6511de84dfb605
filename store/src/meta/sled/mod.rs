//! The index in sled 0.34: one tree, which holds the rows and the last applied sequence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sled::{Batch, Config, Db, Mode};

use crate::error::{Result, StoreError};
use crate::meta::index::{Index, Writes};
use crate::meta::read::{Entry, Read};

/// Memory that sled may use for pages, in bytes.
const CACHE_BYTES: u64 = 128 * 1_024 * 1_024;

/// Under this key lies the last applied sequence; no kind of row is 0.
const APPLIED_KEY: &[u8] = &[0];

/// Rows in a sled tree. Unflushed writes may be lost: the log has them.
pub(crate) struct SledIndex {
    db: Db,
}

impl SledIndex {
    /// Opens or makes the index in `folder`. A panic of sled's is an error like any other.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let config = Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(Mode::HighThroughput);
        let db = guard(|| config.open())?;
        let index = Self { db };
        index.applied()?;
        Ok(index)
    }
}

impl Read for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(guard(|| self.db.get(key))?.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        if from >= end {
            return Ok(Vec::new());
        }
        guard(|| {
            let entries = self.db.range(from..end).take(limit);
            entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }
}

impl Index for SledIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(APPLIED_KEY, &sequence.to_be_bytes());
        guard(|| self.db.apply_batch(batch))
    }

    fn applied(&self) -> Result<u64> {
        match self.get(APPLIED_KEY)? {
            None => Ok(0),
            Some(bytes) => {
                let bytes = bytes.try_into();
                let bytes = bytes.map_err(|_| closed("its applied sequence has the wrong length"))?;
                Ok(u64::from_be_bytes(bytes))
            }
        }
    }

    fn flush(&self) -> Result<()> {
        guard(|| self.db.flush())?;
        Ok(())
    }
}

/// Calls sled; an error or a panic means that the index can't be relied on until it is rebuilt.
fn guard<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(closed(&error.to_string())),
        Err(_) => Err(closed("sled panicked")),
    }
}

fn closed(why: &str) -> StoreError {
    StoreError::Closed(format!("the index failed: {why}"))
}
