//! The file under redb, with a checksum of every block in memory: what is read is what was written, or an error. redb itself looks at
//! its checksums only when it repairs a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::StorageBackend;

/// Bytes that have a checksum together: redb's smallest page, of which every other is a multiple.
const BLOCK_BYTES: usize = 4_096;

/// One file, used by one redb.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    /// CRC-32C of each block that was written or read since the file was opened.
    sums: RwLock<Vec<Option<u32>>>,
}

impl Pages {
    /// The file, which is made where it is missing. What it has is believed at its first reading: the seal was looked at, or redb
    /// reads all of it for its repair.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, sums: RwLock::new(Vec::new()) })
    }

    /// Whole blocks of what lies at `offset`, but for the first of the file: redb's header, which has a checksum of its own and is
    /// read while it is written.
    fn blocks(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (usize, Option<u32>)> {
        let first = usize::try_from(offset).unwrap_or(usize::MAX) / BLOCK_BYTES;
        let is_aligned = offset.is_multiple_of(BLOCK_BYTES as u64);
        let sum =
            move |block: &[u8]| (is_aligned && block.len() == BLOCK_BYTES).then(|| crc32c::crc32c(block));
        let blocks = bytes.chunks(BLOCK_BYTES).zip(first..).map(move |(block, number)| (number, sum(block)));
        blocks.filter(|(number, _)| *number > 0)
    }

    fn known(&self, number: usize) -> Option<u32> {
        let sums = self.sums.read().unwrap_or_else(PoisonError::into_inner);
        sums.get(number).copied().flatten()
    }

    /// A block that was written in part has none until it is read again.
    fn note(&self, number: usize, sum: Option<u32>) {
        let mut sums = self.sums.write().unwrap_or_else(PoisonError::into_inner);
        if sums.len() <= number {
            sums.resize(number + 1, None);
        }
        if let Some(known) = sums.get_mut(number) {
            *known = sum;
        }
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)?;
        for (number, sum) in Self::blocks(offset, out) {
            match (self.known(number), sum) {
                (Some(known), Some(sum)) if known != sum => {
                    let why = format!("block {number} of the index is not as it was written");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                (None, Some(sum)) => self.note(number, Some(sum)),
                (Some(_) | None, Some(_) | None) => {}
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        let blocks = usize::try_from(len).unwrap_or(usize::MAX) / BLOCK_BYTES;
        self.sums.write().unwrap_or_else(PoisonError::into_inner).truncate(blocks);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)?;
        for (number, sum) in Self::blocks(offset, data) {
            self.note(number, sum);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let pages = Pages::open(&path).unwrap();
        let length = 5 * BLOCK_BYTES;
        pages.set_len(length as u64).unwrap();
        let bytes: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
        pages.write(0, &bytes).unwrap();
        let disk = File::options().write(true).open(&path).unwrap();
        for at in (BLOCK_BYTES..length).step_by(97) {
            disk.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            let mut block = vec![0; BLOCK_BYTES];
            let offset = (at / BLOCK_BYTES * BLOCK_BYTES) as u64;
            assert!(pages.read(offset, &mut block).is_err(), "byte {at}");
            disk.write_all_at(&[bytes[at]], at as u64).unwrap();
            pages.read(offset, &mut block).unwrap();
        }
        // What is written over is known anew, and so is what was cut off and came back.
        pages.write(8_192, &[9; BLOCK_BYTES]).unwrap();
        pages.read(0, &mut vec![0; length]).unwrap();
        pages.set_len(4_096).unwrap();
        pages.set_len(length as u64).unwrap();
        pages.read(0, &mut vec![0; length]).unwrap();
    }
}
