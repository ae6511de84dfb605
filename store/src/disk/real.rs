//! The file system of this machine, through `std::fs` and never `tokio::fs` (tokio#6325).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock, statvfs};
use rustix::io::{Errno, pread, retry_on_intr};

use super::{Disk, DiskFile, Entry, Lock, Space, at};
use crate::error::{Result, StoreError};

/// Taken for the size of a file system that tells none: a PiB.
const UNKNOWN_BYTES: u64 = 1 << 50;

/// It was told that folders can't be synced.
static UNSYNCED: AtomicBool = AtomicBool::new(false);

/// Some file systems (SMB, some of FUSE) have no sync of folders; an error of the disk is another.
fn is_unsupported(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS]
        .iter()
        .any(|errno| code == Some(errno.raw_os_error()))
}

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
        match File::open(folder)?.sync_all() {
            Err(error) if is_unsupported(&error) => {
                if !UNSYNCED.swap(true, Ordering::Relaxed) {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "this file system can't sync a folder: after a power cut, names of files that were made last may be gone");
                }
                Ok(())
            }
            synced => synced,
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let entries = fs::read_dir(folder)?.map(|entry| {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            Ok(Entry { path: entry.path(), is_folder, number: Some(entry.ino()) })
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
        if stat.f_blocks == 0 {
            // It does not say (ramfs, some network mounts): a write that finds no space decides.
            return Ok(Space { total: UNKNOWN_BYTES, free: UNKNOWN_BYTES });
        }
        Ok(Space { total: bytes(stat.f_blocks), free: bytes(stat.f_bavail) })
    }

    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>> {
        let metadata = fs::metadata(folder)?;
        Ok(Some((metadata.dev(), metadata.ino())))
    }

    fn lock(&self, path: &Path) -> Result<Lock> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(|error| at(path, error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_a_sync_of_folders_is_no_broken_disk() {
        for errno in [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS] {
            assert!(is_unsupported(&errno.into()), "{errno}");
        }
        assert!(!is_unsupported(&Errno::IO.into()) && !is_unsupported(&Errno::ROFS.into()));
        assert!(!is_unsupported(&io::ErrorKind::NotFound.into()));
    }

    #[test]
    fn a_file_system_that_tells_no_size_has_room() {
        // procfs has no blocks, as ramfs and some network mounts have none.
        let space = RealDisk.space(Path::new("/proc")).unwrap();
        assert_eq!(space, Space { total: UNKNOWN_BYTES, free: UNKNOWN_BYTES });
        assert!(RealDisk.space(Path::new("/")).unwrap().total < UNKNOWN_BYTES);
    }
}
