//! Chunks on disk: one file each, `chunks/<2 hex>/<sha256>.<generation>`, written in `tmp/` first.

mod read;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cairn_shared::ChunkDigest;

use self::read::DiskReader;
use self::write::DiskWriter;
pub(crate) use self::write::TempFile;
use super::{ChunkReader, ChunkStore, ChunkWriter, Staged, StagedBytes, foreign, locator};
use crate::disk::{Lock, Use, create_folder, free_bytes, make_folder, sync_folder};
use crate::error::{Result, StoreError};
use crate::model::Locator;

/// Opens the chunks in the folder `data`, which is made where it is missing, and clears away what an earlier run
/// left half-written. `Closed` where another server uses them.
pub fn open(data: &Path) -> Result<Arc<dyn ChunkStore>> {
    let folders = Arc::new(Folders { chunks: data.join("chunks"), tmp: data.join("tmp") });
    make_folder(&folders.chunks)?;
    make_folder(&folders.tmp)?;
    let lock = Lock::take(&folders.chunks.join("lock"))?;
    folders.fan_out()?;
    folders.clear_tmp()?;
    Ok(Arc::new(DiskChunks { folders, next_temp: Arc::new(AtomicU64::new(0)), _lock: lock }))
}

struct DiskChunks {
    folders: Arc<Folders>,
    next_temp: Arc<AtomicU64>,
    _lock: Lock,
}

#[async_trait]
impl ChunkStore for DiskChunks {
    async fn begin(&self, length_max: u32) -> Result<Box<dyn ChunkWriter>> {
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(DiskWriter::new(self.folders.tmp.join(number.to_string()), length_max)))
    }

    async fn place(&self, staged: Staged, generation: u32) -> Result<Locator> {
        let folders = self.folders.clone();
        blocking(move || {
            let locator = locator(&staged, generation);
            let StagedBytes::Disk(temp) = staged.bytes else { return Err(foreign()) };
            temp.place(&folders.path(&locator)?)?;
            Ok(locator)
        })
        .await
    }

    async fn open(&self, locator: &Locator, offset: u32) -> Result<Box<dyn ChunkReader>> {
        let (path, locator) = (self.folders.path(locator)?, locator.clone());
        Ok(Box::new(blocking(move || DiskReader::open(&path, &locator, offset)).await?))
    }

    async fn remove(&self, locator: &Locator) -> Result<()> {
        let path = self.folders.path(locator)?;
        blocking(move || match fs::remove_file(&path) {
            Ok(()) => Ok(sync_folder(parent(&path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn free_bytes(&self) -> Result<u64> {
        let chunks = self.folders.chunks.clone();
        blocking(move || Ok(free_bytes(&chunks, Use::Chunks)?)).await
    }
}

struct Folders {
    chunks: PathBuf,
    tmp: PathBuf,
}

impl Folders {
    /// Makes the 256 folders, durably, so that placing a chunk need sync only its own.
    fn fan_out(&self) -> io::Result<()> {
        let mut made = Vec::new();
        for first in 0..=u8::MAX {
            let folder = self.chunks.join(format!("{first:02x}"));
            if create_folder(&folder)? {
                made.push(folder);
            }
        }
        // Only once all are there, so that the file system's journal may take them together.
        for folder in made {
            sync_folder(&folder)?;
        }
        sync_folder(&self.chunks)
    }

    /// Links are unlinked, never followed.
    fn clear_tmp(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.tmp)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Where a copy lies. A key that `locator` did not make names nothing.
    fn path(&self, locator: &Locator) -> Result<PathBuf> {
        let unknown = || StoreError::Damaged(format!("{:?} names no chunk on disk", locator.key));
        let (_, name) = locator.key.split_once('/').ok_or_else(unknown)?;
        let (digest, generation) = name.split_once('.').ok_or_else(unknown)?;
        let digest: ChunkDigest = digest.parse().map_err(|_| unknown())?;
        let generation: u32 = generation.parse().map_err(|_| unknown())?;
        if super::key(digest, generation) != locator.key {
            return Err(unknown());
        }
        Ok(self.chunks.join(&locator.key))
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Runs file operations where they may block. A panic there is a failure like any other.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Io(io::Error::other(error))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Codec;

    #[test]
    fn a_key_that_names_no_chunk_opens_nothing() {
        let folders = Folders { chunks: "chunks".into(), tmp: "tmp".into() };
        let hex = "ab".repeat(32);
        let path = |key: &str| {
            folders.path(&Locator {
                store: 0,
                key: key.to_owned(),
                offset: 0,
                length: 1,
                codec: Codec::Plain,
            })
        };
        assert_eq!(path(&format!("ab/{hex}.0")).unwrap(), Path::new("chunks/ab").join(format!("{hex}.0")));
        for bad in ["", "ab", "../x", &format!("../{hex}.0"), &format!("ac/{hex}.0"), &format!("ab/{hex}.+1")]
        {
            assert!(matches!(path(bad), Err(StoreError::Damaged(_))), "{bad}");
        }
    }
}
