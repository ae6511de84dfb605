//! Packs on disk: written in `tmp/` first, as chunks are; a removed chunk gives its blocks back at once, its pack goes
//! with the last.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_shared::ChunkDigest;

use super::blocking;
use super::folders::Folders;
use super::write::{BUFFER_BYTES, TempFile};
use crate::chunk::pack::{self, Entry, TRAILER_BYTES};
use crate::chunk::{ChunkCopy, Described, PackWriter, zstd};
use crate::disk::{Disk, DiskFile, folder_of};
use crate::error::{Result, StoreError};
use crate::model::{Codec, Locator};

/// Takes the chunks of one pack.
pub(super) struct DiskPack {
    folders: Arc<Folders>,
    path: PathBuf,
    compress: bool,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    // `None` only after a failed write: then the writer is of no more use.
    state: Option<State>,
}

struct Waiting {
    digest: ChunkDigest,
    generation: u32,
    bytes: Bytes,
}

#[derive(Default)]
struct State {
    file: Option<TempFile>,
    written: u64,
    entries: Vec<(Entry, Codec)>,
}

impl DiskPack {
    pub(super) fn new(folders: Arc<Folders>, path: PathBuf, compress: bool) -> Self {
        let state = Some(State::default());
        Self { folders, path, compress, waiting: Vec::new(), waiting_bytes: 0, state }
    }

    /// Compresses and writes what has gathered. The file moves to the thread, so that a caller who goes away leaves none
    /// behind. At the end the directory follows, and the entries come back with the name.
    async fn flush(&mut self, is_end: bool) -> Result<Option<String>> {
        let failed = || StoreError::Io(io::Error::other("an earlier write of this pack failed"));
        let mut state = self.state.take().ok_or_else(failed)?;
        let (folders, path, compress) = (self.folders.clone(), self.path.clone(), self.compress);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let (state, name) = blocking(move || {
            let mut buffer = state.gather(&waiting, compress);
            let name = is_end.then(|| state.close(&mut buffer));
            state.write(&folders, &path, &buffer)?;
            Ok((state, name))
        })
        .await?;
        self.state = Some(state);
        Ok(name)
    }
}

impl State {
    /// Chunks as they are stored, and where.
    fn gather(&mut self, waiting: &[Waiting], compress: bool) -> Vec<u8> {
        let mut buffer = Vec::new();
        for Waiting { digest, generation, bytes } in waiting {
            let frames = if compress { zstd::whole(bytes) } else { None };
            let codec = match frames {
                Some(_) => Codec::Zstd { length: bytes.len() as u32 },
                None => Codec::Plain,
            };
            let stored = frames.as_deref().unwrap_or(bytes);
            let end = self.written + buffer.len() as u64;
            let offset = pack::offset_behind(end, stored.len());
            buffer.resize(buffer.len() + usize::try_from(offset - end).unwrap_or_default(), 0);
            buffer.extend_from_slice(stored);
            let length = stored.len() as u32;
            self.entries.push((Entry { digest: *digest, generation: *generation, offset, length }, codec));
        }
        buffer
    }

    /// Everything behind the chunks; the pack's name.
    fn close(&self, buffer: &mut Vec<u8>) -> String {
        let entries: Vec<_> = self.entries.iter().map(|(entry, _)| *entry).collect();
        let (tail, name) = pack::close(&entries);
        buffer.extend_from_slice(&tail);
        name
    }

    fn write(&mut self, folders: &Arc<Folders>, path: &Path, bytes: &[u8]) -> Result<()> {
        TempFile::made(&mut self.file, folders, path)?.append(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

#[async_trait]
impl PackWriter for DiskPack {
    async fn add(&mut self, chunk: &Described, generation: u32, bytes: Bytes) -> Result<()> {
        self.waiting_bytes += bytes.len();
        self.waiting.push(Waiting { digest: chunk.digest, generation, bytes });
        if self.waiting_bytes >= BUFFER_BYTES { self.flush(false).await.map(drop) } else { Ok(()) }
    }

    async fn place(mut self: Box<Self>) -> Result<Vec<Locator>> {
        if self.waiting.is_empty() && self.state.as_ref().is_some_and(|state| state.entries.is_empty()) {
            return Ok(Vec::new());
        }
        let name = self.flush(true).await?;
        let gone = || StoreError::Io(io::Error::other("the pack has no file"));
        let (name, State { file, entries, .. }) = name.zip(self.state.take()).ok_or_else(gone)?;
        let (file, file_name) = (file.ok_or_else(gone)?, name.clone());
        let chunks = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let folder = blocking(move || file.place(&file_name, chunks)).await?;
        let key = format!("{folder}/{name}");
        Ok(entries.iter().map(|(entry, codec)| locator(key.clone(), entry, *codec)).collect())
    }
}

fn locator(key: String, entry: &Entry, codec: Codec) -> Locator {
    Locator { store: 0, key, offset: entry.offset, length: entry.length, codec }
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
        // The directory doesn't say; nobody reads by it.
        locator: locator(key.to_owned(), &entry, Codec::Plain),
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
    let (from, to) = pack::gap(&entries, number, begin);
    file.punch(from, to - from)?;
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
        let mut buffer = Vec::new();
        let read = file.append_at(&mut buffer, bytes, at)?;
        if read < bytes as u64 { Err(damaged()) } else { Ok(buffer) }
    };
    let tail = pack::tail_length(&read(TRAILER_BYTES)?).ok_or_else(damaged)?;
    let entries = pack::entries(&read(tail)?).ok_or_else(damaged)?;
    Ok((length - tail as u64, entries))
}
