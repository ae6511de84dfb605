//! redb: one table, commits that don't wait for the disk, and one that does for a flush.

use std::fs;
use std::path::Path;

use redb_4_4::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{CACHE_BYTES, Store};
use crate::rows::{Entry, Writes};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

struct Redb(Database);

pub(super) fn open(folder: &Path) -> anyhow::Result<Box<dyn Store>> {
    fs::create_dir_all(folder)?;
    let database = Database::builder()
        .set_cache_size(usize::try_from(CACHE_BYTES)?)
        .create(folder.join("index.redb"))?;
    Ok(Box::new(Redb(database)))
}

impl Store for Redb {
    fn apply(&self, writes: &Writes) -> anyhow::Result<()> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::None)?;
        {
            let mut table = write.open_table(TABLE)?;
            for (key, value) in writes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                    None => table.remove(key.as_slice())?,
                };
            }
        }
        Ok(write.commit()?)
    }

    fn flush(&self) -> anyhow::Result<()> {
        let mut write = self.0.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        Ok(write.commit()?)
    }

    fn get(&self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        // Each read is a transaction of its own, as Cairn's trait for reading would make it.
        let table = self.0.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> anyhow::Result<Vec<Entry>> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        let entries = table.range(from..end)?.take(limit);
        entries
            .map(|entry| {
                let (key, value) = entry?;
                Ok((key.value().to_vec(), value.value().to_vec()))
            })
            .collect()
    }
}
