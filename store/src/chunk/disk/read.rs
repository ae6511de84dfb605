//! Giving a chunk's bytes, so many at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::blocking;
use crate::chunk::ChunkReader;
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
    file: File,
    key: String,
    left: u64,
}

impl DiskReader {
    /// Opens the file and reads the first bytes, in one hop.
    pub(super) fn open(path: &Path, locator: &Locator, offset: u32) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                StoreError::Damaged(format!("chunk {} is not there", locator.key))
            } else {
                error.into()
            }
        })?;
        file.seek(SeekFrom::Start(locator.offset + u64::from(offset)))?;
        let left = u64::from(locator.length.saturating_sub(offset));
        let mut source = Source { file, key: locator.key.clone(), left };
        let ready = source.next()?;
        Ok(Self { source: Some(source), ready })
    }
}

impl Source {
    fn next(&mut self) -> Result<Bytes> {
        let wanted = self.left.min(HOP_BYTES);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        let read = (&mut self.file).take(wanted).read_to_end(&mut bytes)?;
        if read as u64 != wanted {
            return Err(StoreError::Damaged(format!("chunk {} ends too early", self.key)));
        }
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
