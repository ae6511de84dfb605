//! Reading a whole chunk, and giving its end only where all of it is what it was.

use async_trait::async_trait;
use bytes::Bytes;

use super::{ChunkReader, ChunkStore};
use crate::error::{Result, StoreError};
use crate::model::ChunkRecord;

/// Opens a whole chunk. The last bytes are given once the CRC-32 of all is that of the record: it finds every change
/// of up to 32 bits in a row, and any other but for one in 2^32. Else the reader ends with `Damaged`.
pub async fn open_verified(chunks: &dyn ChunkStore, record: &ChunkRecord) -> Result<Box<dyn ChunkReader>> {
    let reader = chunks.open(&record.locator, 0).await?;
    let crc32 = crc32fast::Hasher::new();
    let left = record.length;
    Ok(Box::new(Verified { reader, crc32, expected: record.crc32, left, key: record.locator.key.clone() }))
}

struct Verified {
    reader: Box<dyn ChunkReader>,
    crc32: crc32fast::Hasher,
    expected: u32,
    left: u32,
    key: String,
}

#[async_trait]
impl ChunkReader for Verified {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        let damaged = || StoreError::Damaged(format!("chunk {} is not what it was", self.key));
        let Some(bytes) = self.reader.read().await? else {
            return if self.left == 0 { Ok(None) } else { Err(damaged()) };
        };
        self.crc32.update(&bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.left = self.left.checked_sub(length).ok_or_else(damaged)?;
        if self.left == 0 && self.crc32.clone().finalize() != self.expected {
            return Err(damaged());
        }
        Ok(Some(bytes))
    }
}
