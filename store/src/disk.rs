//! Folders and locks on disk, made so that they outlast a power cut.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::Errno;

use crate::error::{Result, StoreError};

/// Makes a folder, where it is missing, with its parents; its entry is durable when this returns.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    create_folder(folder)?;
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Makes one folder that nobody else may enter; false where it is there. Its entry is not durable yet.
pub(crate) fn create_folder(folder: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(true),
        Err(_) if folder.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the names inside a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Space that facts leave free, in bytes: sled can't go on after a write that found none.
const FACTS_RESERVE_BYTES: u64 = 32 * 1_024 * 1_024;
/// Space that chunks leave free, in bytes: a disk full of chunks still takes the facts that remove some.
const CHUNKS_RESERVE_BYTES: u64 = 2 * FACTS_RESERVE_BYTES;

/// What asks for space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Log and index.
    Facts,
    /// Bytes of chunks.
    Chunks,
}

/// Space left for a use, in bytes. On a small disk the reserve is an eighth or a quarter of it.
pub(crate) fn free_bytes(folder: &Path, using: Use) -> io::Result<u64> {
    let stat = statvfs(folder)?;
    let bytes = |count: u64| count.saturating_mul(stat.f_frsize);
    let reserve = match using {
        Use::Facts => FACTS_RESERVE_BYTES.min(bytes(stat.f_blocks) / 8),
        Use::Chunks => CHUNKS_RESERVE_BYTES.min(bytes(stat.f_blocks) / 4),
    };
    Ok(bytes(stat.f_bavail).saturating_sub(reserve))
}

/// Refuses to write `length` bytes where there is no space for them.
pub(crate) fn check_space(folder: &Path, using: Use, length: u64) -> io::Result<()> {
    if free_bytes(folder, using)? < length {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// Makes a file that nobody else may read; it must not be there yet.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// An exclusive lock on a file, held until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `Closed` where another server has it.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => {
                Err(StoreError::Closed(format!("{} is in use by another server", path.display())))
            }
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}
