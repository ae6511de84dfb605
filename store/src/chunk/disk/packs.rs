//! Packs on disk: written in `tmp/` first, as chunks are; a removed chunk gives its blocks back at once, its pack goes
//! with the last.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::blocking;
use super::folders::Folders;
use super::write::{BUFFER_BYTES, TempFile};
use crate::chunk::pack::{self, Entry, TRAILER_BYTES};
use crate::chunk::{ChunkCopy, Described, PackWriter};
use crate::disk::{Disk, DiskFile, folder_of};
use crate::error::{Result, StoreError};
use crate::model::{Codec, Locator};

/// Takes the chunks of one pack.
pub(super) struct DiskPack {
    folders: Arc<Folders>,
    path: PathBuf,
    // `None` before the first bytes, and after a failed write.
    file: Option<TempFile>,
    failed: bool,
    written: u64,
    buffer: Vec<u8>,
    entries: Vec<Entry>,
}

impl DiskPack {
    pub(super) fn new(folders: Arc<Folders>, path: PathBuf) -> Self {
        Self { folders, path, file: None, failed: false, written: 0, buffer: Vec::new(), entries: Vec::new() }
    }

    fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what has gathered. The file moves to the thread, so that a caller who goes away leaves none behind.
    async fn flush(&mut self) -> Result<()> {
        if self.failed {
            return Err(StoreError::Io(io::Error::other("an earlier write of this pack failed")));
        }
        self.failed = true;
        let (file, folders, path) = (self.file.take(), self.folders.clone(), self.path.clone());
        let mut buffer = std::mem::take(&mut self.buffer);
        let (file, buffer) = blocking(move || {
            let mut file = match file {
                Some(file) => file,
                None => TempFile::create(folders, path)?,
            };
            file.append(&buffer)?;
            Ok((file, buffer.drain(..).len()))
        })
        .await?;
        self.written += buffer as u64;
        self.file = Some(file);
        self.failed = false;
        Ok(())
    }
}

#[async_trait]
impl PackWriter for DiskPack {
    async fn add(&mut self, chunk: &Described, generation: u32, bytes: Bytes) -> Result<()> {
        let offset = pack::offset_behind(self.end(), bytes.len());
        let begin = self.buffer.len() + usize::try_from(offset - self.end()).unwrap_or_default();
        self.buffer.resize(begin, 0);
        self.buffer.extend_from_slice(&bytes);
        let (digest, length) = (chunk.digest, chunk.length);
        self.entries.push(Entry { digest, generation, offset, length });
        if self.buffer.len() >= BUFFER_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn place(mut self: Box<Self>) -> Result<Vec<Locator>> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        let (tail, name) = pack::close(&self.entries);
        self.buffer.extend_from_slice(&tail);
        self.flush().await?;
        let gone = || StoreError::Io(io::Error::other("the pack has no file"));
        let (file, file_name) = (self.file.take().ok_or_else(gone)?, name.clone());
        let chunks = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let folder = blocking(move || file.place(&file_name, chunks)).await?;
        let key = format!("{folder}/{name}");
        let locators = self.entries.iter().map(|entry| locator(key.clone(), entry));
        Ok(locators.collect())
    }
}

fn locator(key: String, entry: &Entry) -> Locator {
    Locator { store: 0, key, offset: entry.offset, length: entry.length, codec: Codec::Plain }
}

/// What a pack has that was not removed. One whose directory is damaged is left alone: its chunks may still be read.
pub(super) fn copies(disk: &dyn Disk, path: &Path, key: &str) -> Result<Vec<ChunkCopy>> {
    let entries =
        match disk.open(path).map_err(StoreError::from).and_then(|file| read_tail(file.as_ref(), path)) {
            Ok((_, entries)) => entries,
            Err(StoreError::Damaged(what)) => {
                tracing::error!(what, "what nobody holds of this pack stays");
                return Ok(Vec::new());
            }
            // The last of its chunks went a moment ago.
            Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
    let here = entries.into_iter().filter(|(_, is_removed)| !is_removed);
    let copy = |(entry, _): (Entry, bool)| ChunkCopy {
        digest: entry.digest,
        generation: entry.generation,
        locator: locator(key.to_owned(), &entry),
    };
    Ok(here.map(copy).collect())
}

/// Removes the chunk at `offset`; the pack too, where it was the last. Nothing is synced: a chunk that comes back after
/// a power cut has no record, and is found by `copies`.
pub(super) fn remove(disk: &dyn Disk, path: &Path, offset: u64) -> Result<()> {
    let mut file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (begin, entries) = read_tail(file.as_ref(), path)?;
    let found = entries.iter().position(|(entry, is_removed)| entry.offset == offset && !is_removed);
    let Some(number) = found else { return Ok(()) };
    file.punch(offset, u64::from(entries[number].0.length))?;
    file.write_at(&[1], begin + pack::mark_at(entries.len(), number) as u64)?;
    // Read again: whoever removes another one at the same time sees this mark, or his is seen here.
    let (_, entries) = read_tail(file.as_ref(), path)?;
    if entries.iter().all(|(_, is_removed)| *is_removed) {
        match disk.remove(path) {
            Ok(()) => disk.sync_folder(folder_of(path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Where the chunks of a pack end, and what they are.
fn read_tail(file: &dyn DiskFile, path: &Path) -> Result<(u64, Vec<(Entry, bool)>)> {
    let damaged =
        || StoreError::Damaged(format!("the directory of the pack {} can't be read", path.display()));
    let length = file.length()?;
    let read = |bytes: usize| {
        let at = length.checked_sub(bytes as u64).ok_or_else(damaged)?;
        let mut buffer = vec![0; bytes];
        let mut filled = 0;
        while filled < bytes {
            match file.read_at(&mut buffer[filled..], at + filled as u64)? {
                0 => return Err(damaged()),
                some => filled += some,
            }
        }
        Ok(buffer)
    };
    let tail = pack::tail_length(&read(TRAILER_BYTES)?).ok_or_else(damaged)?;
    let entries = pack::entries(&read(tail)?).ok_or_else(damaged)?;
    Ok((length - tail as u64, entries))
}
