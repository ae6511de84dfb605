//! Chunks in memory, gone with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cairn_shared::ChunkDigest;
use cairn_shared::limits::INTEGER_MAX;

use super::{
    ChunkCopy, ChunkReader, ChunkStore, ChunkWriter, Described, PackWriter, Staged, StagedBytes, broken,
    foreign, locator, too_long, zstd,
};
use crate::error::{Result, StoreError};
use crate::model::{Codec, Locator};

/// What one read gives, in bytes.
const READ_BYTES: usize = 256 * 1_024;

/// Makes a store in memory.
pub fn memory() -> Arc<dyn ChunkStore> {
    Arc::new(MemoryChunks::default())
}

/// The same, and chunks that compress well are kept so.
pub fn memory_compressing() -> Arc<dyn ChunkStore> {
    Arc::new(MemoryChunks { compress: true, ..MemoryChunks::default() })
}

#[derive(Debug, Clone, Default)]
struct MemoryChunks {
    chunks: Arc<Mutex<HashMap<String, Bytes>>>,
    compress: bool,
}

impl MemoryChunks {
    fn chunks(&self) -> MutexGuard<'_, HashMap<String, Bytes>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As they are kept.
    fn stored(&self, bytes: Bytes) -> (Bytes, Codec) {
        let frames = if self.compress { zstd::whole(&bytes) } else { None };
        match frames {
            Some(frames) => (frames.into(), Codec::Zstd { length: bytes.len() as u32 }),
            None => (bytes, Codec::Plain),
        }
    }
}

#[async_trait]
impl ChunkStore for MemoryChunks {
    async fn begin(&self, length_max: u32) -> Result<Box<dyn ChunkWriter>> {
        Ok(Box::new(MemoryWriter { store: self.clone(), length_max, bytes: BytesMut::new() }))
    }

    async fn place(&self, staged: Staged, generation: u32) -> Result<Locator> {
        let StagedBytes::Memory(bytes) = staged.bytes else { return Err(foreign()) };
        let key = format!("{}.{generation}", staged.digest);
        let locator = locator(key, bytes.len() as u32, staged.codec);
        self.chunks().insert(locator.key.clone(), bytes);
        Ok(locator)
    }

    async fn begin_pack(&self) -> Result<Box<dyn PackWriter>> {
        Ok(Box::new(MemoryPack { store: self.clone(), chunks: Vec::new() }))
    }

    async fn open(&self, locator: &Locator, offset: u32) -> Result<Box<dyn ChunkReader>> {
        let bytes = self.chunks().get(&locator.key).cloned();
        let bytes =
            bytes.ok_or_else(|| StoreError::Damaged(format!("chunk {} is not there", locator.key)))?;
        let begin = usize::try_from(locator.offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = begin.saturating_add(locator.length as usize);
        if end > bytes.len() {
            return Err(StoreError::Damaged(format!("chunk {} ends too early", locator.key)));
        }
        let mut bytes = bytes.slice(begin..end);
        let (key, frames) = (
            locator.key.clone(),
            match locator.codec {
                Codec::Plain => {
                    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.split_off(offset);
                    None
                }
                Codec::Zstd { length } => Some(zstd::Unpacker::new(length, offset)),
            },
        );
        Ok(Box::new(MemoryReader { bytes, key, frames }))
    }

    async fn remove(&self, locator: &Locator) -> Result<()> {
        self.chunks().remove(&locator.key);
        Ok(())
    }

    async fn free_bytes(&self) -> Result<u64> {
        Ok(INTEGER_MAX)
    }

    async fn folders(&self) -> Result<Vec<String>> {
        Ok(vec![String::new()])
    }

    async fn copies(&self, _folder: &str) -> Result<Vec<ChunkCopy>> {
        let copy = |key: &String| {
            let (digest, generation) = key.split_once('.')?;
            let (digest, generation) = (digest.parse().ok()?, generation.parse().ok()?);
            Some(ChunkCopy { digest, generation, locator: locator(key.clone(), 0, Codec::Plain) })
        };
        Ok(self.chunks().keys().filter_map(copy).collect())
    }
}

struct MemoryWriter {
    store: MemoryChunks,
    length_max: u32,
    bytes: BytesMut,
}

#[async_trait]
impl ChunkWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if (self.bytes.len() + bytes.len()) as u64 > u64::from(self.length_max) {
            return Err(too_long(self.length_max));
        }
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Staged> {
        let bytes = self.bytes.freeze();
        let digest = ChunkDigest::of(&bytes);
        let length = u32::try_from(bytes.len()).map_err(|_| too_long(self.length_max))?;
        let crc32 = crc32fast::hash(&bytes);
        let (bytes, codec) = self.store.stored(bytes);
        Ok(Staged { digest, length, crc32, codec, bytes: StagedBytes::Memory(bytes) })
    }
}

struct MemoryPack {
    store: MemoryChunks,
    chunks: Vec<(Locator, Bytes)>,
}

#[async_trait]
impl PackWriter for MemoryPack {
    async fn add(&mut self, chunk: &Described, generation: u32, bytes: Bytes) -> Result<()> {
        let key = format!("{}.{generation}", chunk.digest);
        let (bytes, codec) = self.store.stored(bytes);
        self.chunks.push((locator(key, bytes.len() as u32, codec), bytes));
        Ok(())
    }

    async fn place(self: Box<Self>) -> Result<Vec<Locator>> {
        let Self { store, chunks } = *self;
        let locators = chunks.iter().map(|(locator, _)| locator.clone()).collect();
        store.chunks().extend(chunks.into_iter().map(|(locator, bytes)| (locator.key, bytes)));
        Ok(locators)
    }
}

struct MemoryReader {
    bytes: Bytes,
    key: String,
    frames: Option<zstd::Unpacker>,
}

impl MemoryReader {
    /// The frames that are left are decoded up to the first that gives something.
    fn decode(&mut self) -> Result<Option<Bytes>> {
        let Some(frames) = &mut self.frames else { return Ok(None) };
        let mut plain = Vec::new();
        while plain.is_empty() && !frames.is_done() {
            let length = frames.take(&self.bytes, &mut plain).ok_or_else(|| broken(&self.key))?;
            let _ = self.bytes.split_to(length);
        }
        let is_over = frames.is_done() && !self.bytes.is_empty();
        if is_over {
            Err(broken(&self.key))
        } else {
            Ok(Some(plain.into()).filter(|plain| !Bytes::is_empty(plain)))
        }
    }
}

#[async_trait]
impl ChunkReader for MemoryReader {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        if self.frames.is_some() {
            return self.decode();
        }
        if self.bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.bytes.split_to(self.bytes.len().min(READ_BYTES))))
    }
}
