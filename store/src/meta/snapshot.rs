//! Snapshots: all rows of the index in one file, which takes the place of the log in front of it.
//!
//! A snapshot is written while verbs go on, so it shows some rows as they were and others as they are a little later.
//! That does no harm: the log keeps the rows that verbs wrote, whole, and every frame behind the snapshot's beginning
//! is replayed over it, at least up to the last one that it may have seen.
//!
//! `CAIRNSNP | format u32 | after u64 | crc32c u32`, then frames as in the log, numbered from 1, each of up to 4,096 rows
//! or about 4 MiB, then `CAIRNEND | seen u64 | frames u64 | crc32c u32`. `after` is the last frame that may be missing
//! from the log, `seen` the last that the rows may come from.

use std::path::{Path, PathBuf};

use super::index::{Index, Writes};
use super::log::frame::{self, HEAD_BYTES};
use super::log::segment::number;
use super::read::{Read, scan_range};
use crate::disk::{Disk, DiskFile, Use, check_space, folder_of, write_file};
use crate::error::{Result, StoreError};
use crate::ground::mark::is_no_content;

const MAGIC: [u8; 8] = *b"CAIRNSNP";
const END_MAGIC: [u8; 8] = *b"CAIRNEND";
const FORMAT: u32 = 1;
/// What stands in front of the frames.
pub(crate) const HEADER_BYTES: usize = 24;
/// What stands behind them.
pub(crate) const FOOTER_BYTES: usize = 28;
const SUFFIX: &str = ".snap";
/// Rows of one frame.
const FRAME_ROWS: usize = 4_096;
/// Bytes of keys and values of one frame, but for its last row.
const FRAME_BYTES: usize = 4 * 1_024 * 1_024;
/// The most that is read from the file at once, in bytes.
const READ_BYTES: usize = 1_024 * 1_024;

/// A snapshot file, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Snapshot {
    /// The last frame that it takes the place of.
    pub(crate) after: u64,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// The newest snapshot in a folder, where there is one.
pub(crate) fn newest(disk: &dyn Disk, folder: &Path) -> Result<Option<Snapshot>> {
    Ok(list(disk, folder)?.pop())
}

fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Snapshot>> {
    let mut snapshots = Vec::new();
    for entry in disk.list(folder)? {
        let path = entry.path;
        if is_no_content(&path) {
            continue;
        }
        let Some(after) = number(&path, SUFFIX) else {
            return Err(StoreError::Damaged(format!("{} is no snapshot", path.display())));
        };
        snapshots.push(Snapshot { after, path });
    }
    snapshots.sort();
    Ok(snapshots)
}

/// The last frame of which a snapshot with this name takes the place.
pub(crate) fn snapshot_number(path: &Path) -> Option<u64> {
    number(path, SUFFIX)
}

/// Writes the rows of an index that has applied the frame `after`; gives the length in bytes. Durable when it returns.
/// `go_on` is asked before each frame.
pub(crate) fn write(
    disk: &dyn Disk,
    folder: &Path,
    after: u64,
    index: &dyn Index,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<u64> {
    let path = folder.join(format!("{after:020}{SUFFIX}"));
    let mut length = 0;
    write_file(disk, &path, |file| {
        // The log has everything: a snapshot must not take the space that it needs.
        let room = |bytes| {
            go_on()?;
            Ok(check_space(disk, folder, Use::Facts, bytes)?)
        };
        length = write_to(file, after, index, &room)?;
        Ok::<_, StoreError>(())
    })?;
    Ok(length)
}

/// What `write` puts into its file; `room` is asked before so many bytes are written.
pub(crate) fn write_to(
    file: &mut dyn DiskFile,
    after: u64,
    index: &dyn Index,
    room: &dyn Fn(u64) -> Result<()>,
) -> Result<u64> {
    let mut out = Out { room, file, at: 0, frames: 0 };
    out.rows(after, index)?;
    Ok(out.at)
}

/// Removes every snapshot older than `after`.
pub(crate) fn forget(disk: &dyn Disk, folder: &Path, after: u64) -> Result<()> {
    for snapshot in list(disk, folder)? {
        if snapshot.after < after {
            disk.remove(&snapshot.path)?;
            disk.sync_folder(folder_of(&snapshot.path))?;
        }
    }
    Ok(())
}

struct Out<'a> {
    room: &'a dyn Fn(u64) -> Result<()>,
    file: &'a mut dyn DiskFile,
    at: u64,
    frames: u64,
}

impl Out<'_> {
    fn rows(&mut self, after: u64, index: &dyn Index) -> Result<()> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&FORMAT.to_be_bytes());
        header.extend_from_slice(&after.to_be_bytes());
        self.sealed(header)?;
        let read: &dyn Read = index;
        let (mut rows, mut bytes) = (Writes::new(), 0);
        for entry in scan_range(read, vec![1], vec![u8::MAX]) {
            let (key, value) = entry?;
            bytes += key.len() + value.len();
            rows.insert(key, Some(value));
            if rows.len() == FRAME_ROWS || bytes >= FRAME_BYTES {
                self.frame(&std::mem::take(&mut rows))?;
                bytes = 0;
            }
        }
        if !rows.is_empty() {
            self.frame(&rows)?;
        }
        let mut footer = Vec::with_capacity(FOOTER_BYTES);
        footer.extend_from_slice(&END_MAGIC);
        footer.extend_from_slice(&index.applied()?.to_be_bytes());
        footer.extend_from_slice(&self.frames.to_be_bytes());
        self.sealed(footer)
    }

    fn frame(&mut self, rows: &Writes) -> Result<()> {
        self.frames += 1;
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, self.frames, self.frames, rows)?;
        self.put(&bytes)
    }

    fn sealed(&mut self, mut bytes: Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        (self.room)(bytes.len() as u64)?;
        self.file.write_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// Hands on every row, and gives the last frame that any of them may come from. `Damaged` where one bit is not as it
/// was written.
pub(crate) fn read(
    disk: &dyn Disk,
    snapshot: &Snapshot,
    take: &mut dyn FnMut(Writes) -> Result<()>,
) -> Result<u64> {
    read_from(disk.open(&snapshot.path)?, snapshot, take)
}

/// Reads it to its end, and gives the last frame that any row may come from.
pub(crate) fn read_whole(disk: &dyn Disk, snapshot: &Snapshot) -> Result<u64> {
    read(disk, snapshot, &mut |_| Ok(()))
}

/// What `read` does with its file.
pub(crate) fn read_from(
    file: Box<dyn DiskFile>,
    snapshot: &Snapshot,
    take: &mut dyn FnMut(Writes) -> Result<()>,
) -> Result<u64> {
    // A small file needs no large buffer; one byte at least, or its end would never be seen.
    let read_bytes = usize::try_from(file.length()?).unwrap_or(READ_BYTES).clamp(1, READ_BYTES);
    let mut input = In { file, path: &snapshot.path, read_bytes, at: 0, bytes: Vec::new(), taken: 0 };
    let header = input.sealed(HEADER_BYTES)?;
    if header[..8] != MAGIC
        || header[8..12] != FORMAT.to_be_bytes()
        || header[12..20] != snapshot.after.to_be_bytes()
    {
        return Err(input.damaged("has a header that is not its own, or of another format"));
    }
    let mut frames = 0;
    while !input.fill(HEAD_BYTES)?.starts_with(&END_MAGIC) {
        let head = frame::head(input.fill(HEAD_BYTES)?);
        let (length, sequence) = head.ok_or_else(|| input.damaged("has a damaged record"))?;
        let frame = frame::decode(input.fill(HEAD_BYTES + length)?)?;
        let frame = frame.filter(|_| sequence == frames + 1);
        let frame = frame.ok_or_else(|| input.damaged("has a damaged record"))?;
        frames += 1;
        input.taken += frame.bytes;
        take(frame.writes)?;
    }
    let footer = input.sealed(FOOTER_BYTES)?;
    let (_, fields) = footer.split_at(END_MAGIC.len());
    let number = |at: usize| fields[at..at + 8].try_into().map(u64::from_be_bytes).unwrap_or_default();
    if number(8) != frames || !input.fill(1)?.is_empty() {
        return Err(input.damaged("is not whole"));
    }
    Ok(number(0))
}

struct In<'a> {
    file: Box<dyn DiskFile>,
    path: &'a Path,
    read_bytes: usize,
    at: u64,
    bytes: Vec<u8>,
    taken: usize,
}

impl In<'_> {
    /// The next `length` bytes, or what is left of the file; none of them is taken.
    fn fill(&mut self, length: usize) -> Result<&[u8]> {
        if self.bytes.len() - self.taken < length {
            self.bytes.drain(..self.taken);
            self.taken = 0;
            while self.bytes.len() < length {
                let begin = self.bytes.len();
                self.bytes.resize(begin + self.read_bytes, 0);
                let read = self.file.read_at(&mut self.bytes[begin..], self.at)?;
                self.bytes.truncate(begin + read);
                self.at += read as u64;
                if read == 0 {
                    break;
                }
            }
        }
        let end = self.bytes.len().min(self.taken + length);
        Ok(&self.bytes[self.taken..end])
    }

    /// Takes `length` bytes, of which the last four are the CRC-32C of the others.
    fn sealed(&mut self, length: usize) -> Result<Vec<u8>> {
        let bytes = self.fill(length)?.to_vec();
        let sound = bytes.len() == length
            && bytes
                .split_last_chunk::<4>()
                .is_some_and(|(rest, crc)| crc32c::crc32c(rest).to_be_bytes() == *crc);
        if !sound {
            return Err(self.damaged("has a damaged header or end"));
        }
        self.taken += length;
        Ok(bytes)
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged(format!("{} {what}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::real;
    use crate::meta::memory::MemoryIndex;

    fn index(rows: u32) -> MemoryIndex {
        let index = MemoryIndex::default();
        let rows: Writes =
            (0..rows).map(|n| ([&[7][..], &n.to_be_bytes()].concat(), Some(vec![n as u8; 20]))).collect();
        index.apply(&rows, 42).unwrap();
        index
    }

    fn read_all(snapshot: &Snapshot) -> Result<(Writes, u64)> {
        let mut rows = Writes::new();
        let seen = read(real().as_ref(), snapshot, &mut |some| {
            rows.extend(some);
            Ok(())
        })?;
        Ok((rows, seen))
    }

    #[test]
    fn every_row_comes_back() {
        for count in [0, 1, 4_095, 4_096, 4_097, 100_000] {
            let folder = tempfile::tempdir().unwrap();
            let index = index(count);
            let length = write(real().as_ref(), folder.path(), 40, &index, &|| Ok(())).unwrap();
            let snapshot = newest(real().as_ref(), folder.path()).unwrap().unwrap();
            assert_eq!((snapshot.after, std::fs::metadata(&snapshot.path).unwrap().len()), (40, length));
            let (rows, seen) = read_all(&snapshot).unwrap();
            assert_eq!((rows.len() as u32, seen), (count, 42));
            assert!(rows.iter().all(|(key, value)| index.get(key).unwrap() == *value));
        }
    }

    #[test]
    fn no_frame_is_longer_than_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let index = MemoryIndex::default();
        // Longer than the rows that verbs write: a path in the key, names, `meta` and a path in the value.
        let (key_bytes, value_bytes) = (4_500, 36_000);
        let key = |n: u32| [&[7][..], &n.to_be_bytes(), &vec![0; key_bytes]].concat();
        let rows: Writes = (0..500).map(|n| (key(n), Some(vec![n as u8; value_bytes]))).collect();
        index.apply(&rows, 42).unwrap();
        write(real().as_ref(), folder.path(), 40, &index, &|| Ok(())).unwrap();
        let snapshot = newest(real().as_ref(), folder.path()).unwrap().unwrap();
        let mut found = Writes::new();
        read(real().as_ref(), &snapshot, &mut |some| {
            let bytes: usize =
                some.iter().map(|(key, value)| key.len() + value.as_ref().unwrap().len()).sum();
            assert!(bytes < FRAME_BYTES + key_bytes + 5 + value_bytes, "{bytes} bytes");
            found.extend(some);
            Ok(())
        })
        .unwrap();
        assert!(found == rows);
    }

    #[test]
    fn one_that_may_not_go_on_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let left = std::cell::Cell::new(3);
        let go_on = || match left.replace(left.get() - 1) {
            0 => Err(StoreError::Closed("it is closed".to_owned())),
            _ => Ok(()),
        };
        let written = write(real().as_ref(), folder.path(), 40, &index(100_000), &go_on);
        assert!(matches!(written, Err(StoreError::Closed(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        write(real().as_ref(), folder.path(), 40, &index(3), &|| Ok(())).unwrap();
        let snapshot = newest(real().as_ref(), folder.path()).unwrap().unwrap();
        let sound = std::fs::read(&snapshot.path).unwrap();
        for at in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            std::fs::write(&snapshot.path, bytes).unwrap();
            assert!(matches!(read_all(&snapshot), Err(StoreError::Damaged(_))), "bit {at}");
        }
        for length in 0..sound.len() {
            std::fs::write(&snapshot.path, &sound[..length]).unwrap();
            assert!(matches!(read_all(&snapshot), Err(StoreError::Damaged(_))), "{length} bytes");
        }
        std::fs::write(&snapshot.path, [&sound[..], &[0]].concat()).unwrap();
        assert!(matches!(read_all(&snapshot), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn the_layout_of_format_1_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let index = MemoryIndex::default();
        index.apply(&Writes::from([(vec![1, 2], Some(vec![3]))]), 9).unwrap();
        write(real().as_ref(), folder.path(), 8, &index, &|| Ok(())).unwrap();
        let bytes = std::fs::read(folder.path().join("00000000000000000008.snap")).unwrap();
        assert_eq!(bytes[..20], *b"CAIRNSNP\0\0\0\x01\0\0\0\0\0\0\0\x08");
        assert_eq!(bytes[bytes.len() - 28..][..24], *b"CAIRNEND\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01");
    }
}
