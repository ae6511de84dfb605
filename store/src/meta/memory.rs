//! An index in memory: the whole of the memory adapter, and the reference for the others.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::index::{Index, Writes};
use super::read::{Entry, Read};
use crate::error::Result;

/// Rows in a map, gone with the process.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    rows: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
    applied: AtomicU64,
}

impl Read for MemoryIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.rows.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        if from >= end {
            return Ok(Vec::new());
        }
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let range = rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(end)));
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl Index for MemoryIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        self.applied.store(sequence, Ordering::Release);
        Ok(())
    }

    fn applied(&self) -> Result<u64> {
        Ok(self.applied.load(Ordering::Acquire))
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
