//! Chunks on disk: one file each, `chunks/<number>/<sha256>.<generation>`, written in `tmp/` first.

mod folders;
mod frames;
mod gathered;
mod packs;
mod read;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

pub(crate) use self::folders::mark_folders;
use self::folders::{Folders, copy, file_name};
use self::packs::DiskPack;
use self::read::{DiskReader, Plan};
use self::write::DiskWriter;
pub(crate) use self::write::TempFile;
use super::{
    ChunkCopy, ChunkReader, ChunkStore, ChunkWriter, PackWriter, Staged, StagedBytes, foreign, locator, pack,
};
use crate::disk::{Disk, Use, folder_of, free_bytes, make_folders, reading, real};
use crate::error::{Result, StoreError};
use crate::format;
use crate::ground::Ground;
use crate::model::{ChunkRecord, Codec, Locator};

/// Opens the chunks in the folder `data`, which is made where it is missing, and clears away what an earlier run
/// left half-written. `Closed` where another server uses them, `Newer` where a later version wrote them.
pub fn open(data: &Path) -> Result<Arc<dyn ChunkStore>> {
    open_over(real(), data, false)
}

/// The same, and chunks that compress well are stored so from now on: the folder gets a format that says so.
pub fn open_compressing(data: &Path) -> Result<Arc<dyn ChunkStore>> {
    open_over(real(), data, true)
}

/// The same to look at what is there: nothing is made, changed or cleared away. `Closed` where a server uses them.
pub fn open_reading(data: &Path) -> Result<Arc<dyn ChunkStore>> {
    let disk = reading();
    format::check(disk.as_ref(), data)?;
    let lock = disk.lock(&data.join("chunks").join("lock"))?;
    let keeps = Some("the data folder is only read".to_owned());
    Ok(DiskChunks::over(Folders::reading(disk, data, lock), false, keeps))
}

/// Either on any disk.
pub(crate) fn open_over(disk: Arc<dyn Disk>, data: &Path, compress: bool) -> Result<Arc<dyn ChunkStore>> {
    format::check(disk.as_ref(), data)?;
    make_folders(disk.as_ref(), &data.join("chunks"))?;
    let lock = disk.lock(&data.join("chunks").join("lock"))?;
    if compress {
        // Before any record can name a compressed chunk.
        format::note_compressed(disk.as_ref(), data)?;
    }
    DiskChunks::open(Folders::open(disk, data, None, lock)?, compress, None)
}

/// Opens the chunks of a data folder that was looked at; nothing is removed where `keeps` says why.
pub(crate) fn open_on(ground: &Ground, compress: bool, keeps: Option<String>) -> Result<Arc<dyn ChunkStore>> {
    let (disk, data) = (ground.disk.clone(), &ground.places.data);
    let lock = disk.lock(&ground.places.chunks.join("lock"))?;
    if compress {
        format::note_compressed(disk.as_ref(), data)?;
    }
    let owner = ground.owner.map(|owner| owner.store);
    DiskChunks::open(Folders::open(disk, data, owner, lock)?, compress, keeps)
}

struct DiskChunks {
    folders: Arc<Folders>,
    compress: bool,
    /// Why nothing is removed.
    keeps: Option<String>,
    next_temp: AtomicU64,
    /// A clone for each chunk that is on its way.
    crowd: Arc<()>,
}

impl DiskChunks {
    fn open(folders: Folders, compress: bool, keeps: Option<String>) -> Result<Arc<dyn ChunkStore>> {
        folders.clear_tmp()?;
        Ok(Self::over(folders, compress, keeps))
    }

    fn over(folders: Folders, compress: bool, keeps: Option<String>) -> Arc<dyn ChunkStore> {
        let (folders, crowd) = (Arc::new(folders), Arc::new(()));
        Arc::new(Self { folders, compress, keeps, next_temp: AtomicU64::new(0), crowd })
    }

    /// Opens a copy. One that is not there is `Damaged`, where its folder is: a client may heal it. Else its disk may come back.
    async fn reader(&self, locator: &Locator, offset: u32, plan: Plan) -> Result<Box<dyn ChunkReader>> {
        let (path, locator) = (self.folders.path(&locator.key)?, locator.clone());
        let folders = self.folders.clone();
        let open = move || match DiskReader::open(folders.disk.as_ref(), &path, &locator, offset, plan) {
            Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                folders.check_own(folder_of(&path))?;
                Err(StoreError::Damaged(format!("chunk {} is not there", locator.key)))
            }
            opened => opened,
        };
        Ok(Box::new(blocking(open).await?))
    }

    fn temp_path(&self) -> PathBuf {
        self.folders.tmp.join(self.next_temp.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

#[async_trait]
impl ChunkStore for DiskChunks {
    async fn begin(&self, length_max: u32) -> Result<Box<dyn ChunkWriter>> {
        let (folders, crowd) = (self.folders.clone(), self.crowd.clone());
        Ok(Box::new(DiskWriter::new(folders, self.temp_path(), length_max, self.compress, crowd)))
    }

    async fn place(&self, staged: Staged, generation: u32) -> Result<Locator> {
        blocking(move || {
            let file = file_name(staged.digest, generation, staged.codec);
            let StagedBytes::Disk(temp) = staged.bytes else { return Err(foreign()) };
            let length = u32::try_from(temp.length()).unwrap_or(u32::MAX);
            let folder = temp.place(&file, 1)?;
            Ok(locator(format!("{folder}/{file}"), length, staged.codec))
        })
        .await
    }

    async fn begin_pack(&self) -> Result<Box<dyn PackWriter>> {
        Ok(Box::new(DiskPack::new(self.folders.clone(), self.temp_path(), self.compress)))
    }

    async fn open(&self, locator: &Locator, offset: u32) -> Result<Box<dyn ChunkReader>> {
        self.reader(locator, offset, Plan::default()).await
    }

    async fn open_verified(&self, record: &ChunkRecord, at_once: usize) -> Result<Box<dyn ChunkReader>> {
        self.reader(&record.locator, 0, Plan::verified(record, at_once)).await
    }

    async fn has(&self, locator: &Locator) -> Result<bool> {
        let (disk, path) = (self.folders.disk.clone(), self.folders.path(&locator.key)?);
        blocking(move || match disk.open(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn is_any_away(&self) -> Result<bool> {
        let folders = self.folders.clone();
        blocking(move || Ok(folders.is_any_away()?)).await
    }

    async fn remove(&self, locator: &Locator) -> Result<()> {
        let (folders, path, offset) =
            (self.folders.clone(), self.folders.path(&locator.key)?, locator.offset);
        let is_packed = locator.key.rsplit('/').next().is_some_and(pack::is_name);
        if let Some(why) = &self.keeps {
            return Err(StoreError::Away(why.clone()));
        }
        blocking(move || {
            folders.check_own(folder_of(&path))?;
            if is_packed {
                return packs::remove(folders.disk.as_ref(), &path, offset);
            }
            match folders.disk.remove(&path) {
                Ok(()) => Ok(folders.disk.sync_folder(folder_of(&path))?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn free_bytes(&self) -> Result<u64> {
        let folders = self.folders.clone();
        blocking(move || Ok(free_bytes(folders.disk.as_ref(), &folders.chunks, Use::Chunks)?)).await
    }

    async fn folders(&self) -> Result<Vec<String>> {
        let folders = self.folders.clone();
        blocking(move || Ok(folders.names()?)).await
    }

    async fn is_own(&self, folder: &str) -> Result<bool> {
        let (folders, path) = (self.folders.clone(), self.folders.chunks.join(folder));
        blocking(move || match folders.check_own(&path) {
            Ok(()) => Ok(true),
            Err(StoreError::Away(_)) => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    fn keeps(&self) -> Option<String> {
        self.keeps.clone()
    }

    async fn copies(&self, folder: &str) -> Result<Vec<ChunkCopy>> {
        let (folders, name) = (self.folders.clone(), folder.to_owned());
        blocking(move || {
            let mut copies = Vec::new();
            for entry in folders.disk.list(&folders.chunks.join(&name))? {
                let Some(file) = entry.path.file_name().and_then(|file| file.to_str()) else { continue };
                let key = format!("{name}/{file}");
                if let Some((digest, generation)) = copy(file) {
                    copies.push(ChunkCopy { digest, generation, locator: locator(key, 0, Codec::Plain) });
                } else if pack::is_name(file) {
                    copies.extend(packs::copies(folders.disk.as_ref(), &entry.path, &key)?);
                }
            }
            copies.retain(|copy| !folders.is_kept(&copy.locator));
            Ok(copies)
        })
        .await
    }
}

/// Runs file operations where they may block. A panic there is a failure like any other.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}
