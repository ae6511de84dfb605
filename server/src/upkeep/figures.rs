//! How much is stored, and how much of it is shared: for whoever runs the server, in a file that nobody is given over HTTP.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cairn_shared::UnixMs;
use cairn_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::cairn::{Cairn, Stores};

/// Rows that are read at once.
const PAGE: usize = 1_000;
const FILE: &str = "figures.json";

/// Everything that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// When they were counted.
    pub at: UnixMs,
    /// Files of all owners.
    pub files: u64,
    /// The sum of their sizes, in bytes: what people see.
    pub logical_bytes: u64,
    /// Chunks, each counted once.
    pub chunks: u64,
    /// The sum of their lengths, in bytes. More than the files have while uploads are under way.
    pub chunk_bytes: u64,
    /// What they take on the disk, in bytes.
    pub stored_bytes: u64,
}

impl Figures {
    /// What the last sweep of the server with this data folder counted.
    pub fn read(data: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(data.join(FILE))?)?)
    }

    /// Counts everything.
    pub(crate) async fn count(stores: &Stores, now: UnixMs) -> Result<Self, StoreError> {
        let mut figures = Self { at: now, ..Self::default() };
        let mut after = None;
        loop {
            let files = stores.meta.all_files(after, PAGE).await?;
            figures.files += files.len() as u64;
            figures.logical_bytes += files.iter().map(|file| file.size).sum::<u64>();
            match files.last() {
                Some(last) => after = Some(last.id),
                None => break,
            }
        }
        let mut after = None;
        loop {
            let chunks = stores.meta.chunks(after, PAGE).await?;
            figures.chunks += chunks.len() as u64;
            for (_, record) in &chunks {
                figures.chunk_bytes += u64::from(record.length);
                figures.stored_bytes += u64::from(record.locator.length);
            }
            match chunks.last() {
                Some((last, _)) => after = Some(*last),
                None => return Ok(figures),
            }
        }
    }

    fn write(&self, data: &Path) -> io::Result<()> {
        let fresh = data.join("figures.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        // Figures that are lost are counted again.
        fs::rename(fresh, data.join(FILE))
    }
}

/// Counts, and writes down what was counted.
pub(super) async fn tell(cairn: &Cairn) -> Result<(), StoreError> {
    let figures = Figures::count(&cairn.stores(), cairn.now()).await?;
    let data = cairn.config.data.clone();
    let written = tokio::task::spawn_blocking(move || figures.write(&data)).await;
    Ok(written.map_err(io::Error::other)??)
}
