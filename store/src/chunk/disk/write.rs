//! Taking a chunk: into a temporary file, hashed on the way, then durably into its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_shared::ChunkDigest;
use sha2::{Digest, Sha256};

use super::blocking;
use super::folders::Folders;
use super::frames::Frames;
use super::gathered::Gathered;
use crate::chunk::{ChunkWriter, Staged, StagedBytes, too_long, zstd};
use crate::disk::{DiskFile, Use, check_space};
use crate::error::{Result, StoreError};
use crate::model::{Codec, Locator};

/// Bytes that gather before they are hashed and written on a blocking thread.
pub(super) const BUFFER_BYTES: usize = 256 * 1_024;
// Each becomes a frame.
const _: () = assert!(BUFFER_BYTES == zstd::FRAME_BYTES);

/// Where more than so many chunks are on their way, each keeps little of it in memory: most of them are slow, or stall.
const CROWD: usize = 64;
/// What gathers of each then, before it is put aside.
const CROWDED_BYTES: usize = 64 * 1_024;

/// A file in `tmp/`, unlinked when it is dropped.
pub(crate) struct TempFile {
    folders: Arc<Folders>,
    file: Box<dyn DiskFile>,
    length: u64,
    /// Bytes behind those, which are there for now only.
    parked: u64,
    path: PathBuf,
    is_placed: bool,
}

impl TempFile {
    pub(super) fn create(folders: Arc<Folders>, path: PathBuf) -> Result<Self> {
        Ok(Self { file: folders.disk.create(&path)?, folders, length: 0, parked: 0, path, is_placed: false })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.append_all(&[bytes])
    }

    /// The file in `place`, made where there is none.
    pub(super) fn made<'a>(
        place: &'a mut Option<Self>,
        folders: &Arc<Folders>,
        path: &Path,
    ) -> Result<&'a mut Self> {
        Ok(match place {
            Some(file) => file,
            None => place.insert(Self::create(folders.clone(), path.to_owned())?),
        })
    }

    /// Keeps bytes behind the end, until `take_back`.
    fn park(&mut self, pieces: &[Bytes]) -> Result<()> {
        self.parked += self.write_all(pieces, self.length + self.parked)?;
        Ok(())
    }

    /// What was parked.
    fn take_back(&mut self) -> Result<Bytes> {
        let mut bytes = Vec::new();
        if self.file.append_at(&mut bytes, self.parked as usize, self.length)? < self.parked {
            return Err(StoreError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        // What is written in its place may be shorter.
        self.file.set_length(self.length)?;
        self.parked = 0;
        Ok(bytes.into())
    }

    /// Appends these one behind the other.
    fn append_all(&mut self, pieces: &[impl AsRef<[u8]>]) -> Result<()> {
        self.length += self.write_all(pieces, self.length)?;
        Ok(())
    }

    /// Writes these one behind the other; how many bytes they have.
    fn write_all(&mut self, pieces: &[impl AsRef<[u8]>], offset: u64) -> Result<u64> {
        let length = pieces.iter().map(|piece| piece.as_ref().len() as u64).sum();
        // Each time: many writers together would else leave nothing of the reserve.
        check_space(self.folders.disk.as_ref(), &self.folders.tmp, Use::Chunks, length)?;
        let mut at = offset;
        for piece in pieces {
            self.file.write_at(piece.as_ref(), at)?;
            at += piece.as_ref().len() as u64;
        }
        Ok(length)
    }

    /// What was written, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
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
    gathered: Gathered,
    /// Bytes that had gathered before those, and lie in the file for now.
    parked: usize,
    /// One for each chunk that is on its way, and the store's own.
    crowd: Arc<()>,
    // `None` only after a failed write: then the writer is of no more use.
    state: Option<State>,
}

struct State {
    file: Option<TempFile>,
    form: Form,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
}

/// How the bytes are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The first bytes decide.
    Open,
    Plain,
    Frames,
}

impl DiskWriter {
    pub(super) fn new(
        folders: Arc<Folders>,
        path: PathBuf,
        length_max: u32,
        compress: bool,
        crowd: Arc<()>,
    ) -> Self {
        let form = if compress { Form::Open } else { Form::Plain };
        let state = State { file: None, form, sha256: Sha256::new(), crc32: crc32fast::Hasher::new() };
        Self {
            folders,
            path,
            length_max,
            length: 0,
            gathered: Gathered::default(),
            parked: 0,
            crowd,
            state: Some(state),
        }
    }

    /// Hashes and writes what has gathered.
    async fn flush(&mut self, is_end: bool) -> Result<()> {
        let mut pieces = std::mem::take(&mut self.gathered).into_pieces();
        let parked = std::mem::take(&mut self.parked) > 0;
        let length = self.length;
        self.work(move |state, folders, path| {
            if parked {
                pieces.insert(0, state.file(&folders, &path)?.take_back()?);
            }
            state.write(&folders, &path, &pieces)?;
            if is_end { state.end(folders, &path, length) } else { Ok(()) }
        })
        .await
    }

    /// Puts what has gathered aside.
    async fn park(&mut self) -> Result<()> {
        self.parked += self.gathered.length();
        let pieces = std::mem::take(&mut self.gathered).into_pieces();
        self.work(move |state, folders, path| state.file(&folders, &path)?.park(&pieces)).await
    }

    /// Works on a blocking thread. The state moves there, so that a caller who goes away meanwhile leaves a file that is still
    /// unlinked.
    async fn work(
        &mut self,
        work: impl FnOnce(&mut State, Arc<Folders>, PathBuf) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let failed = || StoreError::Io(io::Error::other("an earlier write of this chunk failed"));
        let mut state = self.state.take().ok_or_else(failed)?;
        let (folders, path) = (self.folders.clone(), self.path.clone());
        self.state = Some(blocking(move || work(&mut state, folders, path).map(|()| state)).await?);
        Ok(())
    }
}

impl State {
    /// The file, made where it is not there.
    fn file(&mut self, folders: &Arc<Folders>, path: &Path) -> Result<&mut TempFile> {
        TempFile::made(&mut self.file, folders, path)
    }

    fn write(&mut self, folders: &Arc<Folders>, path: &Path, pieces: &[Bytes]) -> Result<()> {
        if self.form == Form::Open {
            self.form = if zstd::is_worth(&sample(pieces)) { Form::Frames } else { Form::Plain };
        }
        let form = self.form;
        let file = self.file(folders, path)?;
        match form {
            Form::Frames if !pieces.is_empty() => {
                let failed = || StoreError::Io(io::Error::other("zstd can't compress"));
                file.append(&zstd::frame(&pieces.concat()).ok_or_else(failed)?)?;
            }
            Form::Frames => {}
            Form::Open | Form::Plain => file.append_all(pieces)?,
        }
        for piece in pieces {
            self.sha256.update(piece);
            self.crc32.update(piece);
        }
        Ok(())
    }

    /// Where the first bytes promised more than all of them kept, the plain ones are stored.
    fn end(&mut self, folders: Arc<Folders>, path: &Path, length: u32) -> Result<()> {
        let Some(file) = self.file.take_if(|_| self.form == Form::Frames) else { return Ok(()) };
        if zstd::saves(file.length, u64::from(length)) {
            self.file = Some(file);
            return Ok(());
        }
        let mut plain = TempFile::create(folders, path.with_added_extension("plain"))?;
        let stored = u32::try_from(file.length).unwrap_or(u32::MAX);
        let codec = Codec::Zstd { length };
        let locator = Locator { store: 0, key: "in tmp".to_owned(), offset: 0, length: stored, codec };
        let mut frames = Frames::new(&locator, length, 0);
        while !frames.is_done() {
            plain.append(&frames.next(file.file.as_ref(), BUFFER_BYTES)?)?;
        }
        (self.file, self.form) = (Some(plain), Form::Plain);
        Ok(())
    }

    fn codec(&self, length: u32) -> Codec {
        match self.form {
            Form::Frames => Codec::Zstd { length },
            Form::Open | Form::Plain => Codec::Plain,
        }
    }
}

fn gone() -> StoreError {
    StoreError::Io(io::Error::other("the chunk has no file"))
}

/// What tells whether all of it is worth compressing.
fn sample(pieces: &[Bytes]) -> Vec<u8> {
    let mut first = Vec::with_capacity(zstd::SAMPLE_BYTES);
    for piece in pieces {
        let room = zstd::SAMPLE_BYTES - first.len();
        first.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    first
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
            let room = BUFFER_BYTES - self.parked - self.gathered.length();
            self.gathered.push(bytes.split_to(room.min(bytes.len())));
            if self.parked + self.gathered.length() >= BUFFER_BYTES {
                self.flush(false).await?;
            } else if self.gathered.length() >= CROWDED_BYTES && Arc::strong_count(&self.crowd) > CROWD {
                self.park().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Staged> {
        self.flush(true).await?;
        let state = self.state.take().ok_or_else(gone)?;
        Ok(Staged {
            codec: state.codec(self.length),
            digest: ChunkDigest::new(state.sha256.finalize().into()),
            length: self.length,
            crc32: state.crc32.finalize(),
            bytes: StagedBytes::Disk(state.file.ok_or_else(gone)?),
        })
    }
}
