//! `ChunkStore`: the bytes of chunks.

mod disk;
mod memory;
mod pack;
mod verify;
pub(crate) mod zstd;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_shared::{ChunkDigest, Row};

use self::verify::{Check, Verified};
use crate::error::{Result, StoreError};
use crate::model::{ChunkRecord, Codec, Locator};

#[cfg(test)]
pub(crate) use disk::open_over;
pub(crate) use disk::{mark_folders, open_on};
pub use disk::{open, open_compressing, open_reading};
pub use memory::{memory, memory_compressing};

/// What one read gives where nobody asks for more, in bytes.
pub const READ_BYTES: usize = 256 * 1_024;

/// Keeps chunks under their digest and generation. Nothing half-written is ever visible under a digest.
#[async_trait]
pub trait ChunkStore: Send + Sync + 'static {
    /// Begins to take a chunk of up to `length_max` bytes, out of sight.
    async fn begin(&self, length_max: u32) -> Result<Box<dyn ChunkWriter>>;

    /// Puts staged bytes in their place, durably: bytes, name and folder are on disk when it returns. Done twice, it
    /// gives the same place or another; a copy that no record names is found by `copies`.
    async fn place(&self, staged: Staged, generation: u32) -> Result<Locator>;

    /// Begins a pack of small chunks, out of sight.
    async fn begin_pack(&self) -> Result<Box<dyn PackWriter>>;

    /// Opens a chunk for reading, from `offset` on, in plain bytes; at or behind its end there is nothing to read.
    /// `Damaged` where the chunk is not there though the part that it lies in is, `Away` where that is not, or is another store's.
    async fn open(&self, locator: &Locator, offset: u32) -> Result<Box<dyn ChunkReader>>;

    /// Opens a whole chunk. The last bytes are given once the CRC-32 of all is that of the record; else the reader ends with `Damaged`.
    /// One read gives up to `at_once` bytes, where the store has them together: fewer reads cost less, and more memory.
    async fn open_verified(&self, record: &ChunkRecord, _at_once: usize) -> Result<Box<dyn ChunkReader>> {
        let reader = self.open(&record.locator, 0).await?;
        Ok(Box::new(Verified::new(reader, Check::new(record))))
    }

    /// Whether something lies where a locator says, whatever it is.
    async fn has(&self, locator: &Locator) -> Result<bool> {
        match self.open(locator, 0).await {
            Ok(_) => Ok(true),
            Err(StoreError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether some part that copies lie in may be away with its disk.
    async fn is_any_away(&self) -> Result<bool> {
        Ok(false)
    }

    /// Removes a chunk's bytes; repeated: nothing happens. `Away`, and nothing is forgotten, where the part that it lies in is not
    /// there, or is another store's.
    async fn remove(&self, locator: &Locator) -> Result<()>;

    /// Space left for chunks, in bytes.
    async fn free_bytes(&self) -> Result<u64>;

    /// The parts that the copies lie in, so that nobody has to list all at once.
    async fn folders(&self) -> Result<Vec<String>>;

    /// Whether such a part is this store's own, so that copies in it which no record names may be removed.
    async fn is_own(&self, _folder: &str) -> Result<bool> {
        Ok(true)
    }

    /// Why nothing may be removed, where it may not.
    fn keeps(&self) -> Option<String> {
        None
    }

    /// Every copy in such a part, whether or not a record names it. The locators say where.
    async fn copies(&self, folder: &str) -> Result<Vec<ChunkCopy>>;
}

/// A copy of a chunk, as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkCopy {
    /// What its name says.
    pub digest: ChunkDigest,
    /// What its name says.
    pub generation: u32,
    /// Where it is; how it is stored is not looked up, nor how long it is, unless it lies in a pack.
    pub locator: Locator,
}

/// Takes the bytes of one chunk, in order. Dropped before `finish`, it leaves nothing behind.
#[async_trait]
pub trait ChunkWriter: Send {
    /// Appends bytes; more than `length_max` is an error of the caller's.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Ends the chunk: hashed on the way, and not yet durable.
    async fn finish(self: Box<Self>) -> Result<Staged>;
}

/// Takes small chunks that lie together and share their syncs. Dropped before `place`, it leaves nothing behind.
#[async_trait]
pub trait PackWriter: Send {
    /// Adds a chunk of up to `PACKED_BYTES_MAX`, which `chunk` describes, under a generation.
    async fn add(&mut self, chunk: &Described, generation: u32, bytes: Bytes) -> Result<()>;

    /// Puts them all in their place, durably, and says where, in the order in which they were added. Copies that no
    /// record names are found by `copies`.
    async fn place(self: Box<Self>) -> Result<Vec<Locator>>;
}

/// What some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Their SHA-256.
    pub digest: ChunkDigest,
    /// How many there are.
    pub length: u32,
    /// Their CRC-32 (IEEE).
    pub crc32: u32,
}

impl Described {
    /// Looks at the bytes of a chunk.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: ChunkDigest::of(bytes),
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            crc32: crc32fast::hash(bytes),
        }
    }
}

/// A chunk that was taken, out of sight until it is placed. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Staged {
    /// SHA-256 of the bytes.
    pub digest: ChunkDigest,
    /// In bytes.
    pub length: u32,
    /// CRC-32 (IEEE) of the bytes.
    pub crc32: u32,
    /// How the store keeps them.
    pub(crate) codec: Codec,
    /// Where the store keeps them until then.
    pub(crate) bytes: StagedBytes,
}

impl Staged {
    /// What it is, as rows name it.
    pub fn row(&self) -> Row {
        Row { digest: self.digest, length: self.length }
    }
}

/// Gives a chunk's bytes, in order.
#[async_trait]
pub trait ChunkReader: Send {
    /// Plain bytes, up to 256 KiB or as many as it was opened for; `None` at the end. `Damaged` where the bytes end too early, or can't be decoded.
    async fn read(&mut self) -> Result<Option<Bytes>>;
}

/// What an adapter keeps of a staged chunk.
#[derive(Debug)]
pub(crate) enum StagedBytes {
    /// A file that is unlinked when it is dropped.
    Disk(disk::TempFile),
    /// The bytes themselves, as stored.
    Memory(Bytes),
}

/// A chunk came from another adapter than the one that is to place it.
fn foreign() -> StoreError {
    StoreError::Io(std::io::Error::other("the chunk was staged by another store"))
}

/// The caller wrote more than it had asked for.
fn too_long(length_max: u32) -> StoreError {
    StoreError::Io(std::io::Error::other(format!("the chunk has more than {length_max} bytes")))
}

/// One whole copy, of so many bytes as stored.
fn locator(key: String, length: u32, codec: Codec) -> Locator {
    Locator { store: 0, key, offset: 0, length, codec }
}

/// The frames are not those of the chunk.
fn broken(key: &str) -> StoreError {
    StoreError::Damaged(format!("chunk {key} can't be decoded"))
}
