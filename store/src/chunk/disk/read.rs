//! Giving a chunk's bytes, so many at a time.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::blocking;
use crate::chunk::ChunkReader;
use crate::disk::{Disk, DiskFile};
use crate::error::{Result, StoreError};
use crate::model::Locator;

/// What one read gives, in bytes.
const READ_BYTES: usize = 256 * 1_024;
/// What one hop to a blocking thread reads, in bytes.
const HOP_BYTES: u64 = 1_024 * 1_024;

/// Gives one chunk.
pub(super) struct DiskReader {
    // `None` only after a failed read: what is left then never comes.
    source: Option<Source>,
    ready: Bytes,
}

struct Source {
    file: Box<dyn DiskFile>,
    key: String,
    at: u64,
    left: u64,
}

impl DiskReader {
    /// Opens the file and reads the first bytes, in one hop.
    pub(super) fn open(disk: &dyn Disk, path: &Path, locator: &Locator, offset: u32) -> Result<Self> {
        let file = disk.open(path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                StoreError::Damaged(format!("chunk {} is not there", locator.key))
            } else {
                error.into()
            }
        })?;
        let at = locator.offset + u64::from(offset);
        let left = u64::from(locator.length.saturating_sub(offset));
        let mut source = Source { file, key: locator.key.clone(), at, left };
        let ready = source.next()?;
        Ok(Self { source: Some(source), ready })
    }
}

impl Source {
    fn next(&mut self) -> Result<Bytes> {
        let wanted = self.left.min(HOP_BYTES);
        let mut bytes = vec![0; usize::try_from(wanted).unwrap_or_default()];
        let mut read = 0;
        while read < bytes.len() {
            match self.file.read_at(&mut bytes[read..], self.at + read as u64)? {
                0 => return Err(StoreError::Damaged(format!("chunk {} ends too early", self.key))),
                some => read += some,
            }
        }
        self.at += wanted;
        self.left -= wanted;
        Ok(bytes.into())
    }
}

#[async_trait]
impl ChunkReader for DiskReader {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        if self.ready.is_empty() {
            let failed = || StoreError::Io(io::Error::other("an earlier read of this chunk failed"));
            let mut source = self.source.take().ok_or_else(failed)?;
            if source.left > 0 {
                (source, self.ready) = blocking(move || source.next().map(|ready| (source, ready))).await?;
            }
            self.source = Some(source);
        }
        if self.ready.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.ready.split_to(self.ready.len().min(READ_BYTES))))
    }
}
