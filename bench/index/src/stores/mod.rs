//! The stores that are compared, behind what Cairn asks of an index.

mod redb_4;
mod sled_0_34;
mod sled_1;

use std::path::Path;

use anyhow::Context;

use crate::rows::{Entry, Writes};

/// Memory that a store may use for pages, in bytes; what Cairn gives its index.
const CACHE_BYTES: u32 = 128 * 1_024 * 1_024;

/// Rows that are applied at once while an index is built, where nothing speaks for fewer.
const BUILD_ROWS: usize = 200_000;

/// What Cairn asks of an index.
pub(crate) trait Store {
    /// Does all writes in one atomic step, which need not be on disk on return.
    fn apply(&self, writes: &Writes) -> anyhow::Result<()>;

    /// Writes to disk what was applied.
    fn flush(&self) -> anyhow::Result<()>;

    /// The value under `key`, copied as Cairn copies it.
    fn get(&self, key: &[u8]) -> anyhow::Result<Option<Vec<u8>>>;

    /// Up to `limit` entries with keys in `from..end`, ascending.
    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> anyhow::Result<Vec<Entry>>;
}

/// A store by its name.
pub(crate) struct Kind {
    /// What people type, and the head of its column.
    pub(crate) name: &'static str,
    /// Opens what lies in a folder, or makes it.
    pub(crate) open: fn(&Path) -> anyhow::Result<Box<dyn Store>>,
    /// Rows that are applied at once while an index is built.
    pub(crate) build_rows: usize,
}

/// All of them.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "sled-0.34.7", open: sled_0_34::open, build_rows: sled_0_34::BUILD_ROWS },
    Kind { name: "sled-1.0.0-alpha.124", open: sled_1::open, build_rows: BUILD_ROWS },
    Kind { name: "redb-4.4.0", open: redb_4::open, build_rows: BUILD_ROWS },
];

impl Kind {
    /// The one of this name.
    pub(crate) fn find(name: &str) -> anyhow::Result<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name).with_context(|| format!("there is no store {name}"))
    }
}
