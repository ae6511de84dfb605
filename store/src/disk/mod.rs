//! What a store asks of a file system: few operations, each of which a test can make fail, or lose.

pub(crate) mod ballast;
#[cfg(any(test, feature = "faults"))]
pub(crate) mod fault;
mod reading;
mod real;
#[cfg(test)]
pub(crate) mod sim;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;

pub(crate) use real::RealDisk;

/// Files and folders. Nothing is durable before the sync that is named with it.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes one folder that nobody else may enter; false where it is there. Its entry lasts once the folder above
    /// is synced.
    fn make_folder(&self, folder: &Path) -> io::Result<bool>;

    /// Makes the names inside a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Files and folders inside a folder, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Makes a file that nobody else may read; it must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file, over what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Unlinks a file; a link is unlinked, never followed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// How much there is, and how much of it is free.
    fn space(&self, folder: &Path) -> io::Result<Space>;

    /// Which folder lies at this path, where the system can tell: another one has another number.
    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>>;

    /// Takes a lock that ends with what is returned or with the process; `Closed` where somebody else has it.
    fn lock(&self, path: &Path) -> Result<Lock>;
}

/// An open file.
pub(crate) trait DiskFile: Send {
    /// Writes all bytes at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Fills as much of `buffer` as the file has from `offset` on.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Appends up to `wanted` bytes that lie at `offset` to a buffer; how many there were, fewer only where the file ends before.
    fn append_at(&self, buffer: &mut Vec<u8>, wanted: usize, offset: u64) -> io::Result<u64> {
        let begin = buffer.len();
        buffer.resize(begin + wanted, 0);
        let mut end = begin;
        while end < buffer.len() {
            match self.read_at(&mut buffer[end..], offset + (end - begin) as u64)? {
                0 => break,
                some => end += some,
            }
        }
        buffer.truncate(end);
        Ok((end - begin) as u64)
    }

    /// In bytes.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file, or fills it up with zeros.
    fn set_length(&mut self, length: u64) -> io::Result<()>;

    /// Takes space for bytes up to `end` without changing the length, so that a later write finds some. Where the file
    /// system can't, nothing happens.
    fn reserve(&mut self, end: u64) -> io::Result<()>;

    /// Gives the blocks of a range back, which reads as zeros then. Where the file system can't, nothing happens.
    fn punch(&mut self, offset: u64, length: u64) -> io::Result<()>;

    /// Makes bytes and length durable. After a failure nobody knows what is: it is never tried again.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a folder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
    /// Its number on the disk, where that is told with the name.
    pub(crate) number: Option<u64>,
}

/// Space of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// In all.
    pub(crate) total: u64,
    /// Free for us.
    pub(crate) free: u64,
}

/// Held until it is dropped.
pub(crate) struct Lock {
    _held: Box<dyn Send + Sync>,
}

impl Lock {
    pub(crate) fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// The file system of this machine.
pub(crate) fn real() -> Arc<dyn Disk> {
    let disk = Arc::new(RealDisk);
    #[cfg(feature = "faults")]
    if let Some(plan) = fault::from_environment() {
        return Arc::new(fault::Faulty::new(disk, plan));
    }
    disk
}

/// The same, only read.
pub(crate) fn reading() -> Arc<dyn Disk> {
    Arc::new(reading::ReadingDisk)
}

/// Makes a folder, where it is missing, with its parents; its entry is durable when this returns.
pub(crate) fn make_folders(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let made = match disk.make_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folders(disk, parent.ok_or(error)?)?;
            disk.make_folder(folder)?
        }
        made => made?,
    };
    if made { disk.sync_folder(parent.unwrap_or(Path::new("."))) } else { Ok(()) }
}

/// Writes a file under another name first, so that nobody ever sees half of it; durable when this returns.
pub(crate) fn write_file<E: From<io::Error>>(
    disk: &dyn Disk,
    path: &Path,
    write: impl FnOnce(&mut dyn DiskFile) -> Result<(), E>,
) -> Result<Box<dyn DiskFile>, E> {
    let new = path.with_added_extension(NEW);
    let written = disk.create(&new).map_err(E::from).and_then(|mut file| {
        write(file.as_mut())?;
        file.sync()?;
        disk.rename(&new, path)?;
        Ok(file)
    });
    match written {
        Ok(file) => {
            disk.sync_folder(folder_of(path))?;
            Ok(file)
        }
        Err(error) => {
            // One that stays is cleared away at the next start.
            drop(disk.remove(&new));
            Err(error)
        }
    }
}

/// The name of a file that is not whole yet ends so.
pub(crate) const NEW: &str = "new";

/// Removes what `write_file` left half-written when the process was killed.
pub(crate) fn clear_new(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    for entry in disk.list(folder)? {
        if !entry.is_folder && entry.path.extension().is_some_and(|extension| extension == NEW) {
            disk.remove(&entry.path)?;
        }
    }
    Ok(())
}

/// All bytes of a file. What went wrong says where.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let read = || {
        let file = disk.open(path)?;
        let mut bytes = Vec::new();
        file.append_at(&mut bytes, usize::try_from(file.length()?).map_err(io::Error::other)?, 0)?;
        Ok(bytes)
    };
    read().map_err(|error| at(path, error))
}

/// The same failure, and the path that it is about.
pub(crate) fn at(path: &Path, error: io::Error) -> io::Error {
    let shown = path.display();
    let what = if error.kind() == io::ErrorKind::IsADirectory {
        format!("{shown} is a folder, and has to be a file: move it away, and bring back what belongs there")
    } else {
        format!("{shown}: {error}")
    };
    io::Error::new(error.kind(), what)
}

/// The folder that a path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Room that a start as a whole takes at most, beside what it finds, in bytes. Where there is less the store is only read.
pub(crate) const START_BYTES: u64 = 1_024 * 1_024;
/// Space that always stays free, in bytes: an index can't go on after a write that found none. What else is left free is measured by it.
const RESERVE_BYTES: u64 = 32 * 1_024 * 1_024;

/// What asks for space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Log and index, of what only removes: a disk that is full for everything else has to take that.
    Removals,
    /// Log and index.
    Facts,
    /// Bytes of chunks.
    Chunks,
}

/// Space left for a use, in bytes.
pub(crate) fn free_bytes(disk: &dyn Disk, folder: &Path, using: Use) -> io::Result<u64> {
    let Space { total, free } = disk.space(folder)?;
    let halves = match using {
        Use::Removals => 2,
        Use::Facts => 3,
        Use::Chunks => 4,
    };
    Ok(free.saturating_sub(reserve(total) / 2 * halves))
}

/// Rows in bytes that may wait in memory for the index, on the file system of a folder. It may take three times as much meanwhile, and sled some
/// 2.4 times that on the disk: what was logged must still find the space that stays free.
pub(crate) fn gathered_bytes(disk: &dyn Disk, folder: &Path) -> io::Result<usize> {
    let bytes = reserve(disk.space(folder)?.total) / 8;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// What always stays free on a file system of `total` bytes; an eighth of a small one.
fn reserve(total: u64) -> u64 {
    RESERVE_BYTES.min(total / 8)
}

/// Refuses to write `length` bytes where there is no space for them.
pub(crate) fn check_space(disk: &dyn Disk, folder: &Path, using: Use, length: u64) -> io::Result<()> {
    if free_bytes(disk, folder, using)? < length {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}
