//! The segment files of the log: their names and headers, and appending to the last.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Log, LogFailure};
use crate::disk::{Use, check_space, create_file, sync_folder};
use crate::error::{Result, StoreError};

/// Bytes in front of a segment's first frame: magic, format version, first sequence, CRC-32C of these.
pub(crate) const HEADER_BYTES: usize = 24;
/// A segment that has grown to this takes no more frames, in bytes.
const SEGMENT_BYTES: u64 = 64 * 1_024 * 1_024;

const MAGIC: [u8; 8] = *b"CAIRNLOG";
const FORMAT: u32 = 1;
const SUFFIX: &str = ".seg";

/// A segment file, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// The sequence of its first frame.
    pub(crate) first: u64,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// Every segment of the log, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let first =
            name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20).and_then(|d| d.parse().ok());
        let Some(first) = first else {
            return Err(StoreError::Damaged(format!("{} is no segment of a log", path.display())));
        };
        segments.push(Segment { first, path });
    }
    segments.sort();
    Ok(segments)
}

/// The header of the segment that begins with `first`.
pub(crate) fn header(first: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    header[12..20].copy_from_slice(&first.to_be_bytes());
    let crc = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&crc.to_be_bytes());
    header
}

/// The log on disk.
pub(crate) struct SegmentLog {
    folder: PathBuf,
    file: File,
    end: u64,
    segment_bytes: u64,
}

impl SegmentLog {
    /// Begins the segment whose first frame will be `first`; header and name are durable when it returns.
    pub(crate) fn create(folder: &Path, first: u64) -> io::Result<Self> {
        let path = path(folder, first);
        let file = create_file(&path)?;
        let made = file.write_all_at(&header(first), 0).and_then(|()| file.sync_all());
        if let Err(error) = made.and_then(|()| sync_folder(folder)) {
            // Left behind it would be taken for a torn segment at the next start, which is harmless too.
            drop(fs::remove_file(&path));
            return Err(error);
        }
        let end = HEADER_BYTES as u64;
        Ok(Self { folder: folder.to_owned(), file, end, segment_bytes: SEGMENT_BYTES })
    }

    /// Goes on behind the sound frames of a segment, `end` bytes; what lies behind them is cut off. Frames that a
    /// killed server wrote and never synced are durable when this returns, before anybody is told of them.
    pub(crate) fn reopen(folder: &Path, segment: &Segment, end: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&segment.path)?;
        if file.metadata()?.len() != end {
            file.set_len(end)?;
        }
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), file, end, segment_bytes: SEGMENT_BYTES })
    }

    #[cfg(test)]
    pub(crate) fn set_segment_bytes(&mut self, bytes: u64) {
        self.segment_bytes = bytes;
    }

    fn roll(&mut self, first: u64) -> Result<(), LogFailure> {
        let next =
            Self::create(&self.folder, first).map_err(|error| failure("beginning a segment", error))?;
        *self = Self { segment_bytes: self.segment_bytes, ..next };
        Ok(())
    }

    fn write(&self, frames: &[u8]) -> Result<(), LogFailure> {
        let Err(error) = self.file.write_all_at(frames, self.end) else { return Ok(()) };
        // What was half-written must not stay behind the last sound frame.
        self.file.set_len(self.end).map_err(|error| failure("cutting the log", error))?;
        Err(failure("writing the log", error))
    }
}

/// A full disk leaves the log as it was; after anything else nobody can say how it is.
fn failure(what: &str, error: io::Error) -> LogFailure {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        LogFailure::Full
    } else {
        LogFailure::Closed(format!("{what} failed: {error}"))
    }
}

impl Log for SegmentLog {
    fn append(&mut self, frames: &[u8], first: u64) -> Result<bool, LogFailure> {
        let space = check_space(&self.folder, Use::Facts, frames.len() as u64);
        space.map_err(|error| failure("asking for free space", error))?;
        let rolls = self.end >= self.segment_bytes;
        if rolls {
            self.roll(first)?;
        }
        self.write(frames)?;
        // Never retried: after a failed sync the kernel may call lost pages clean (fsync(2), errseq).
        self.file
            .sync_data()
            .map_err(|error| LogFailure::Closed(format!("syncing the log failed: {error}")))?;
        self.end += frames.len() as u64;
        Ok(rolls)
    }
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}{SUFFIX}"))
}
