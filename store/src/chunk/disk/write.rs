//! Taking a chunk: into a temporary file, hashed on the way, then durably into its place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_shared::ChunkDigest;
use sha2::{Digest, Sha256};

use super::blocking;
use super::folders::Folders;
use crate::chunk::{ChunkWriter, Staged, StagedBytes, too_long};
use crate::disk::{DiskFile, Use, check_space};
use crate::error::{Result, StoreError};

/// Bytes that gather before they are hashed and written on a blocking thread.
pub(super) const BUFFER_BYTES: usize = 256 * 1_024;

/// A file in `tmp/`, unlinked when it is dropped.
pub(crate) struct TempFile {
    folders: Arc<Folders>,
    file: Box<dyn DiskFile>,
    length: u64,
    path: PathBuf,
    is_placed: bool,
}

impl TempFile {
    pub(super) fn create(folders: Arc<Folders>, path: PathBuf) -> Result<Self> {
        Ok(Self { file: folders.disk.create(&path)?, folders, length: 0, path, is_placed: false })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        // Each time: many writers together would else leave nothing of the reserve.
        check_space(self.folders.disk.as_ref(), &self.folders.tmp, Use::Chunks, bytes.len() as u64)?;
        self.file.write_at(bytes, self.length)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Bytes first, then the name: nobody ever sees a name without its bytes. The sync goes through the descriptor
    /// that wrote, since a failed write-back is told to that one. `chunks` says how many it has. Gives the folder.
    pub(super) fn place(mut self, file: &str, chunks: u32) -> Result<String> {
        self.file.sync()?;
        let folder = self.folders.place(&self.path, file, chunks)?;
        self.is_placed = true;
        Ok(folder)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // A file that stays is cleared away at the next start; one that has its name, but no durable one, lies where
        // the sweep finds it.
        if !self.is_placed {
            drop(self.folders.disk.remove(&self.path));
        }
    }
}

impl fmt::Debug for TempFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Takes one chunk.
pub(super) struct DiskWriter {
    folders: Arc<Folders>,
    path: PathBuf,
    length_max: u32,
    length: u32,
    buffer: Vec<u8>,
    // `None` only after a failed write: then the writer is of no more use.
    state: Option<State>,
}

#[derive(Default)]
struct State {
    file: Option<TempFile>,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
}

impl DiskWriter {
    pub(super) fn new(folders: Arc<Folders>, path: PathBuf, length_max: u32) -> Self {
        Self { folders, path, length_max, length: 0, buffer: Vec::new(), state: Some(State::default()) }
    }

    /// Hashes and writes what has gathered. The state moves to the thread, so that a caller who goes away while it
    /// works leaves a file that is still unlinked.
    async fn flush(&mut self) -> Result<()> {
        let failed = || StoreError::Io(std::io::Error::other("an earlier write of this chunk failed"));
        let mut state = self.state.take().ok_or_else(failed)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (folders, path) = (self.folders.clone(), self.path.clone());
        let (state, buffer) = blocking(move || {
            state.write(folders, path, &buffer)?;
            buffer.clear();
            Ok((state, buffer))
        })
        .await?;
        (self.state, self.buffer) = (Some(state), buffer);
        Ok(())
    }
}

impl State {
    fn write(&mut self, folders: Arc<Folders>, path: PathBuf, bytes: &[u8]) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(TempFile::create(folders, path)?),
        };
        file.append(bytes)?;
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        Ok(())
    }
}

#[async_trait]
impl ChunkWriter for DiskWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        let length = u64::from(self.length) + bytes.len() as u64;
        self.length = u32::try_from(length)
            .ok()
            .filter(|length| *length <= self.length_max)
            .ok_or_else(|| too_long(self.length_max))?;
        while !bytes.is_empty() {
            let room = BUFFER_BYTES - self.buffer.len();
            self.buffer.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Staged> {
        self.flush().await?;
        let gone = || StoreError::Io(std::io::Error::other("the chunk has no file"));
        let state = self.state.take().ok_or_else(gone)?;
        Ok(Staged {
            digest: ChunkDigest::new(state.sha256.finalize().into()),
            length: self.length,
            crc32: state.crc32.finalize(),
            bytes: StagedBytes::Disk(state.file.ok_or_else(gone)?),
        })
    }
}
