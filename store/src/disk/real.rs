//! The file system of this machine, through `std::fs` and never `tokio::fs` (tokio#6325).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock, statvfs};
use rustix::io::{Errno, pread, retry_on_intr};

use super::{Disk, DiskFile, Entry, Lock, Space};
use crate::error::{Result, StoreError};

/// It has no state.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn make_folder(&self, folder: &Path) -> io::Result<bool> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => Ok(true),
            Err(_) if folder.is_dir() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let entries = fs::read_dir(folder)?.map(|entry| {
            let entry = entry?;
            Ok(Entry { path: entry.path(), is_folder: entry.file_type()?.is_dir() })
        });
        entries.collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(RealFile { file, reserved: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(RealFile { file, reserved: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        let stat = statvfs(folder)?;
        let bytes = |count: u64| count.saturating_mul(stat.f_frsize);
        Ok(Space { total: bytes(stat.f_blocks), free: bytes(stat.f_bavail) })
    }

    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>> {
        let metadata = fs::metadata(folder)?;
        Ok(Some((metadata.dev(), metadata.ino())))
    }

    fn lock(&self, path: &Path) -> Result<Lock> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock::new(file)),
            Err(Errno::WOULDBLOCK) => {
                Err(StoreError::Closed(format!("{} is in use by another server", path.display())))
            }
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}

struct RealFile {
    file: File,
    reserved: u64,
}

impl DiskFile for RealFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Into memory that was not filled with zeros before: that would be one more pass over it.
    fn append_at(&self, buffer: &mut Vec<u8>, wanted: usize, offset: u64) -> io::Result<u64> {
        let begin = buffer.len();
        buffer.reserve_exact(wanted);
        loop {
            let read = buffer.len() - begin;
            if read >= wanted {
                // There may have been more room than was asked for.
                buffer.truncate(begin + wanted);
                return Ok(wanted as u64);
            }
            let at = offset + read as u64;
            if retry_on_intr(|| pread(&self.file, spare_capacity(buffer), at))? == 0 {
                return Ok(read as u64);
            }
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn reserve(&mut self, end: u64) -> io::Result<()> {
        if end <= self.reserved {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.reserved, end - self.reserved) {
            Err(error) if error != Errno::OPNOTSUPP => Err(error.into()),
            Ok(()) | Err(_) => {
                self.reserved = end;
                Ok(())
            }
        }
    }

    fn punch(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(&self.file, flags, offset, length) {
            Err(error) if error != Errno::OPNOTSUPP => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
