//! A file system that is only read: a copy, a snapshot, a folder of somebody else's. Nothing is made, locked for others or changed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Disk, DiskFile, Entry, Lock, NEW, RealDisk, Space};
use crate::error::{Result, StoreError};

/// Refuses whatever would change something.
pub(crate) struct ReadingDisk;

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for ReadingDisk {
    fn make_folder(&self, _folder: &Path) -> io::Result<bool> {
        refused()
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        refused()
    }

    /// Without what a process left half-written, which the next start of a server would remove.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = RealDisk.list(folder)?;
        entries.retain(|entry| entry.path.extension().is_none_or(|extension| extension != NEW));
        Ok(entries)
    }

    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>> {
        RealDisk.identity(folder)
    }

    fn create(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(ReadingFile(File::open(path)?)))
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        RealDisk.space(folder)
    }

    /// Shared with others who read; a copy may have none.
    fn lock(&self, path: &Path) -> Result<Lock> {
        let file = match OpenOptions::new().read(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::new(())),
            Err(error) => return Err(error.into()),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => {
                Err(StoreError::Closed(format!("{} is in use by a server", path.display())))
            }
            // A file system without locks has no server that would hold one.
            Ok(()) | Err(_) => Ok(Lock::new(file)),
        }
    }
}

struct ReadingFile(File);

impl DiskFile for ReadingFile {
    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        refused()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_length(&mut self, _length: u64) -> io::Result<()> {
        refused()
    }

    fn reserve(&mut self, _end: u64) -> io::Result<()> {
        refused()
    }

    fn punch(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        refused()
    }

    fn sync(&mut self) -> io::Result<()> {
        refused()
    }
}
