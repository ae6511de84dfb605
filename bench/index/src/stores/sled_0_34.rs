//! sled 0.34, set up as `store/src/meta/sled` does it.

use std::path::Path;

use sled_0_34::{Batch, Config, Db, Mode};

use super::{CACHE_BYTES, Store};
use crate::rows::{Entry, Writes};
use crate::tasks::APPLIED_KEY;

/// As in `store/src/meta/open.rs`.
pub(super) const BUILD_ROWS: usize = 2_000;

struct Sled(Db);

pub(super) fn open(folder: &Path) -> anyhow::Result<Box<dyn Store>> {
    let config = Config::new()
        .path(folder)
        .cache_capacity(u64::from(CACHE_BYTES))
        .flush_every_ms(None)
        .mode(Mode::HighThroughput);
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
        self.0.apply_batch(batch)?;
        // A call per row lets it free the pages that the batch replaced.
        for _ in writes {
            self.0.get(APPLIED_KEY)?;
        }
        Ok(())
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
