//! The segment files of the log: their names and headers, and appending to the last.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Log, LogFailure};
use crate::disk::ballast::Ballast;
use crate::disk::{Disk, DiskFile, Use, check_space, folder_of, write_file};
use crate::error::{Result, StoreError};
use crate::ground::mark::is_no_content;

/// Bytes in front of a segment's first frame: magic, format version, first sequence, CRC-32C of these.
pub(crate) const HEADER_BYTES: usize = 24;
/// A segment that has grown to this takes no more frames, in bytes.
const SEGMENT_BYTES: u64 = 64 * 1_024 * 1_024;
/// Space that is taken ahead of the frames, in bytes, so that a sync never has to look for some.
const RESERVE_BYTES: u64 = 1_024 * 1_024;

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
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in disk.list(folder)? {
        let path = entry.path;
        if is_no_content(&path) {
            continue;
        }
        let Some(first) = number(&path, SUFFIX) else {
            return Err(StoreError::Damaged(format!("{} is no segment of a log", path.display())));
        };
        segments.push(Segment { first, path });
    }
    segments.sort();
    Ok(segments)
}

/// The first frame of a segment with this name.
pub(crate) fn segment_number(path: &Path) -> Option<u64> {
    number(path, SUFFIX)
}

/// Begins the first segment of a log, where there is none; durable when it returns.
pub(crate) fn begin_log(disk: &dyn Disk, folder: &Path) -> Result<()> {
    if list(disk, folder)?.is_empty() {
        begin(disk, folder, 1)?;
    }
    Ok(())
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
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    file: Box<dyn DiskFile>,
    end: u64,
    segment_bytes: u64,
    closed_bytes: u64,
    ballast: Ballast,
    /// It was told that the disk is full.
    is_tight: bool,
}

impl SegmentLog {
    /// Begins the segment whose first frame will be `first`; header and name are durable when it returns.
    pub(crate) fn create(disk: Arc<dyn Disk>, folder: &Path, first: u64) -> io::Result<Self> {
        let file = begin(disk.as_ref(), folder, first)?;
        Ok(Self::over(disk, folder, file, HEADER_BYTES as u64, 0))
    }

    /// Goes on behind the sound frames of the last segment, which begins with `sound`. They are written anew, because
    /// what was read may stand in the kernel's memory alone: after a failed sync it calls pages clean that never
    /// reached the disk. Durable when this returns, before anybody is told of them. `closed_bytes` lie in the
    /// segments before.
    pub(crate) fn reopen(
        disk: Arc<dyn Disk>,
        folder: &Path,
        segment: &Segment,
        sound: &[u8],
        closed_bytes: u64,
    ) -> io::Result<Self> {
        let end = sound.len() as u64;
        let file = match write_file(disk.as_ref(), &segment.path, |file| file.write_at(sound, 0)) {
            Ok(file) => file,
            // A full disk has to start too, so that something can be deleted.
            Err(error) if is_full(&error) => {
                let mut file = disk.open(&segment.path)?;
                file.write_at(sound, 0)?;
                if file.length()? != end {
                    file.set_length(end)?;
                }
                file.sync()?;
                disk.sync_folder(folder)?;
                file
            }
            Err(error) => return Err(error),
        };
        Ok(Self::over(disk, folder, file, end, closed_bytes))
    }

    fn over(
        disk: Arc<dyn Disk>,
        folder: &Path,
        file: Box<dyn DiskFile>,
        end: u64,
        closed_bytes: u64,
    ) -> Self {
        let ballast = Ballast::new(disk.clone(), folder_of(folder));
        let mut log = Self {
            disk,
            folder: folder.to_owned(),
            file,
            end,
            segment_bytes: SEGMENT_BYTES,
            closed_bytes,
            ballast,
            is_tight: false,
        };
        log.refill();
        log
    }

    #[cfg(test)]
    pub(crate) fn set_segment_bytes(&mut self, bytes: u64) {
        self.segment_bytes = bytes;
    }

    /// Appends durably. `Full` leaves the log as it was, or with an empty segment more.
    fn put(&mut self, frames: &[u8], first: u64, using: Use) -> Result<(), LogFailure> {
        check_space(self.disk.as_ref(), &self.folder, using, frames.len() as u64)
            .map_err(|error| failure("asking for free space", error))?;
        if self.end >= self.segment_bytes {
            self.roll(first)?;
        }
        self.write(frames)?;
        // Never retried: after a failed sync the kernel may call lost pages clean (fsync(2), errseq).
        self.file.sync().map_err(|error| LogFailure::Closed(format!("syncing the log failed: {error}")))?;
        self.end += frames.len() as u64;
        Ok(())
    }

    /// Says once that the disk is full, and once that it has room again.
    fn tell(&mut self, is_tight: bool) {
        if self.is_tight == is_tight {
            return;
        }
        self.is_tight = is_tight;
        let folder = folder_of(&self.folder).display();
        if is_tight {
            tracing::warn!(
                "the disk of {folder} is full: uploads wait, downloads and deletes go on. Make room there, or delete something in Cairn"
            );
        } else {
            tracing::info!("the disk of {folder} has room again");
        }
    }

    fn write(&mut self, frames: &[u8]) -> Result<(), LogFailure> {
        let end = self.end + frames.len() as u64;
        let ahead = end.next_multiple_of(RESERVE_BYTES);
        // Near the end of the space what is needed has to do.
        let reserved = self.file.reserve(ahead).or_else(|_| self.file.reserve(end));
        reserved.map_err(|error| failure("taking space for the log", error))?;
        let Err(error) = self.file.write_at(frames, self.end) else { return Ok(()) };
        // What was half-written must not stay behind the last sound frame.
        self.file.set_length(self.end).map_err(|error| failure("cutting the log", error))?;
        Err(failure("writing the log", error))
    }
}

/// Makes the file of a segment, with its header, durably.
fn begin(disk: &dyn Disk, folder: &Path, first: u64) -> io::Result<Box<dyn DiskFile>> {
    write_file(disk, &path(folder, first), |file| file.write_at(&header(first), 0))
}

/// Whether an operation found no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A full disk leaves the log as it was; after anything else nobody can say how it is.
fn failure(what: &str, error: io::Error) -> LogFailure {
    if is_full(&error) { LogFailure::Full } else { LogFailure::Closed(format!("{what} failed: {error}")) }
}

impl Log for SegmentLog {
    fn is_tight(&mut self) -> bool {
        let asked = || check_space(self.disk.as_ref(), &self.folder, Use::Facts, 1);
        if !self.is_tight && asked().is_err_and(|error| is_full(&error)) {
            self.tell(true);
        }
        self.is_tight
    }

    fn append(&mut self, frames: &[u8], first: u64, using: Use) -> Result<bool, LogFailure> {
        let rolls = self.end >= self.segment_bytes;
        let put = match self.put(frames, first, using) {
            Err(LogFailure::Full) if using == Use::Removals && self.ballast.give_back() => {
                self.put(frames, first, using)
            }
            put => put,
        };
        match put {
            Err(LogFailure::Full) => self.tell(true),
            // A quota may leave no room where the file system has some: only what was written says that there is.
            Ok(()) if using == Use::Facts => self.tell(false),
            Ok(()) | Err(_) => {}
        }
        put.map(|()| rolls)
    }

    fn roll(&mut self, first: u64) -> Result<(), LogFailure> {
        if self.end == HEADER_BYTES as u64 {
            return Ok(());
        }
        let begun = begin(self.disk.as_ref(), &self.folder, first);
        self.file = begun.map_err(|error| match self.disk.open(&path(&self.folder, first)) {
            // It has its name, and nobody knows whether that lasts: frames must not go on in the one before.
            Ok(_) => LogFailure::Closed(format!("beginning a segment failed half-way: {error}")),
            Err(_) => failure("beginning a segment", error),
        })?;
        self.closed_bytes += self.end;
        self.end = HEADER_BYTES as u64;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        super::replay::check(self.disk.as_ref(), &self.folder)
    }

    fn refill(&mut self) {
        if let Err(error) = self.ballast.take() {
            tracing::debug!(%error, "no ballast was taken");
        }
    }

    fn bytes(&self) -> u64 {
        self.closed_bytes + self.end
    }

    fn forget(&mut self, before: u64) -> Result<()> {
        self.closed_bytes = forget(self.disk.as_ref(), &self.folder, before)?;
        Ok(())
    }
}

/// Removes the segments that end before the frame `before`, the oldest first, so that what is left has no gap; gives
/// the length of those left in front of the last, in bytes.
fn forget(disk: &dyn Disk, folder: &Path, before: u64) -> Result<u64> {
    let segments = list(disk, folder)?;
    let over = segments.iter().skip(1).take_while(|next| next.first <= before).count();
    for segment in &segments[..over] {
        disk.remove(&segment.path)?;
    }
    if over > 0 {
        disk.sync_folder(folder)?;
    }
    let mut bytes = 0;
    for segment in &segments[over..segments.len().saturating_sub(1).max(over)] {
        bytes += disk.open(&segment.path)?.length()?;
    }
    Ok(bytes)
}

/// The 20 digits in front of a suffix: how files of log and snapshots are named.
pub(crate) fn number(path: &Path, suffix: &str) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(suffix)?;
    (digits.len() == 20).then_some(())?;
    digits.parse().ok()
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}{SUFFIX}"))
}
