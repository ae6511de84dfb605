//! The newest pre-release of sled 1.0.

use std::path::Path;

use sled_1::{Batch, Config, Db};

use super::{CACHE_BYTES, Store};
use crate::rows::{Entry, Writes};

/// Entries of a leaf; the library's own default.
const LEAF_FANOUT: usize = 1_024;

struct Sled(Db<LEAF_FANOUT>);

pub(super) fn open(folder: &Path) -> anyhow::Result<Box<dyn Store>> {
    let config =
        Config::new().path(folder).cache_capacity_bytes(usize::try_from(CACHE_BYTES)?).flush_every_ms(None);
    Ok(Box::new(Sled(config.open()?)))
}

impl Store for Sled {
    fn apply(&self, writes: &Writes) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        Ok(self.0.apply_batch(batch)?)
    }

    fn flush(&self) -> anyhow::Result<()> {
        self.0.flush()?;
        Ok(())
    }

    fn get(&self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.0.get(key)?.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> anyhow::Result<Vec<Entry>> {
        let entries = self.0.range(from..end).take(limit);
        entries
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(Into::into))
            .collect()
    }
}
