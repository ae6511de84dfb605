//! Reading a whole chunk, and giving its end only where all of it is what it was.

use async_trait::async_trait;
use bytes::Bytes;

use super::ChunkReader;
use crate::error::{Result, StoreError};
use crate::model::ChunkRecord;

/// Looks at all bytes of a chunk on their way. The CRC-32 finds every change of up to 32 bits in a row, and any other but for one in 2^32.
pub(crate) struct Check {
    crc32: crc32fast::Hasher,
    expected: u32,
    left: u32,
    key: String,
}

impl Check {
    /// Against what its record says.
    pub(crate) fn new(record: &ChunkRecord) -> Self {
        let (expected, left) = (record.crc32, record.length);
        Self { crc32: crc32fast::Hasher::new(), expected, left, key: record.locator.key.clone() }
    }

    /// Takes the next bytes. `Damaged` where there are too many, or the last of them are here and something was wrong.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.crc32.update(bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.left = self.left.checked_sub(length).ok_or_else(|| self.damaged())?;
        if self.left == 0 && self.crc32.clone().finalize() != self.expected {
            return Err(self.damaged());
        }
        Ok(())
    }

    /// After the last bytes. `Damaged` where some are missing.
    pub(crate) fn end(&self) -> Result<()> {
        if self.left == 0 { Ok(()) } else { Err(self.damaged()) }
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged(format!("chunk {} is not what it was", self.key))
    }
}

/// Looks at what another reader gives.
pub(super) struct Verified {
    reader: Box<dyn ChunkReader>,
    check: Check,
}

impl Verified {
    pub(super) fn new(reader: Box<dyn ChunkReader>, check: Check) -> Self {
        Self { reader, check }
    }
}

#[async_trait]
impl ChunkReader for Verified {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        let read = self.reader.read().await?;
        match &read {
            Some(bytes) => self.check.take(bytes)?,
            None => self.check.end()?,
        }
        Ok(read)
    }
}
