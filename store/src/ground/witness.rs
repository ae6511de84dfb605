//! The witness: a file beside the chunks that says how far the log has come, so that a log which is older than the
//! chunks, or of another copy of the same store, is noticed before anything is removed by what it says.
//!
//! Two slots of 64 bytes, at 0 and at 512: `CAIRNWIT | version u32 | store 16 | run u64 | run's id 16 | sequence u64 |
//! crc32c u32`, big-endian. The first is written with the whole file, durably, when a run begins; the second is
//! overwritten after each commit and not synced, so it survives a kill, and a power cut leaves at least the first.

use std::io;
use std::path::{Path, PathBuf};

use super::StoreId;
use crate::disk::{Disk, DiskFile, read_file, write_file};

const FILE: &str = "witness";
const MAGIC: [u8; 8] = *b"CAIRNWIT";
const VERSION: u32 = 1;
const SLOT_BYTES: usize = 64;
/// Where the second slot begins: in a sector of its own, so that tearing it leaves the first.
const SECOND: u64 = 512;

/// One opening of the store, which the log knows by number and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Counts from 1; 0 before the first.
    pub(crate) number: u64,
    /// Random.
    pub(crate) id: [u8; 16],
}

impl Run {
    /// Before the first run: every log has come as far.
    pub(crate) const NONE: Self = Self { number: 0, id: [0; 16] };
}

/// How far the log was when it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whose log.
    pub(crate) store: StoreId,
    /// In which run.
    pub(crate) run: Run,
    /// The last frame that was acknowledged.
    pub(crate) sequence: u64,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Testimony {
    /// There is no file.
    Missing,
    /// The file can't be read.
    Unreadable,
    /// What it says.
    Of(Seen),
}

/// The path of the file, beside the chunks in `chunks`.
pub(crate) fn path(chunks: &Path) -> PathBuf {
    chunks.join(FILE)
}

/// Reads it.
pub(crate) fn read(disk: &dyn Disk, chunks: &Path) -> io::Result<Testimony> {
    let bytes = match read_file(disk, &path(chunks)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Testimony::Missing),
        Err(error) => return Err(error),
    };
    let slot = |at: usize| bytes.get(at..at + SLOT_BYTES).and_then(decode);
    let (first, second) = (slot(0), slot(SECOND as usize));
    let Some(known) = first.or(second) else { return Ok(Testimony::Unreadable) };
    // The second may be of a later run, where the first could not be written anew.
    let later = second.filter(|later| {
        later.store == known.store && (later.run.number, later.sequence) > (known.run.number, known.sequence)
    });
    Ok(Testimony::Of(later.unwrap_or(known)))
}

/// Writes it anew; durable when it returns.
pub(crate) fn begin(disk: &dyn Disk, chunks: &Path, seen: Seen) -> io::Result<Witness> {
    let file = write_file(disk, &path(chunks), |file| {
        let slot = encode(seen);
        file.write_at(&slot, 0)?;
        file.write_at(&slot, SECOND)
    })?;
    Ok(Witness { file, seen, has_failed: false })
}

/// Goes on with the file that is there, where nothing new can be written.
pub(crate) fn go_on(disk: &dyn Disk, chunks: &Path, seen: Seen) -> io::Result<Witness> {
    let mut witness = Witness { file: disk.open(&path(chunks))?, seen, has_failed: false };
    witness.note(seen.sequence);
    Ok(witness)
}

/// The file while the store is open.
pub(crate) struct Witness {
    file: Box<dyn DiskFile>,
    seen: Seen,
    has_failed: bool,
}

impl Witness {
    /// Notes the last frame that was committed. A failure is told once and harms nobody: the log has the frame.
    pub(crate) fn note(&mut self, sequence: u64) {
        self.seen.sequence = sequence;
        if let Err(error) = self.file.write_at(&encode(self.seen), SECOND)
            && !std::mem::replace(&mut self.has_failed, true)
        {
            tracing::warn!(%error, "how far the log is can't be noted beside the chunks; a log that is put back in its place may be taken for it");
        }
    }

    /// Makes what was noted durable.
    pub(crate) fn sync(&mut self) {
        if let Err(error) = self.file.sync() {
            tracing::warn!(%error, "how far the log is was not synced beside the chunks");
        }
    }
}

fn encode(seen: Seen) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..12].copy_from_slice(&VERSION.to_be_bytes());
    slot[12..28].copy_from_slice(seen.store.as_bytes());
    slot[28..36].copy_from_slice(&seen.run.number.to_be_bytes());
    slot[36..52].copy_from_slice(&seen.run.id);
    slot[52..60].copy_from_slice(&seen.sequence.to_be_bytes());
    let crc = crc32c::crc32c(&slot[..60]);
    slot[60..].copy_from_slice(&crc.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Seen> {
    let (body, crc) = slot.split_at_checked(60)?;
    let is_sound = crc == crc32c::crc32c(body).to_be_bytes()
        && body.starts_with(&MAGIC)
        && body[8..12] == VERSION.to_be_bytes();
    let number = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
    let id = |at: usize| body.get(at..at + 16)?.try_into().ok();
    is_sound.then_some(())?;
    Some(Seen {
        store: StoreId::new(id(12)?),
        run: Run { number: number(28)?, id: id(36)? },
        sequence: number(52)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::real;

    fn seen(sequence: u64) -> Seen {
        Seen { store: StoreId::new([1; 16]), run: Run { number: 7, id: [2; 16] }, sequence }
    }

    #[test]
    fn says_the_latest_and_at_least_where_the_run_began() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, chunks) = (real(), folder.path());
        let said = || read(disk.as_ref(), chunks).unwrap();
        assert_eq!(said(), Testimony::Missing);
        let mut witness = begin(disk.as_ref(), chunks, seen(10)).unwrap();
        assert_eq!(said(), Testimony::Of(seen(10)));
        witness.note(12);
        witness.sync();
        assert_eq!(said(), Testimony::Of(seen(12)));
        let whole = std::fs::read(path(chunks)).unwrap();
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(path(chunks), &torn).unwrap();
            let expected = if at < 512 { seen(12) } else { seen(10) };
            assert_eq!(said(), Testimony::Of(expected), "byte {at}");
            torn[(at % 512) % SLOT_BYTES] = !whole[(at % 512) % SLOT_BYTES];
            torn[512 + (at % 512) % SLOT_BYTES] = !whole[512 + (at % 512) % SLOT_BYTES];
            std::fs::write(path(chunks), &torn).unwrap();
            assert_eq!(said(), Testimony::Unreadable, "byte {at} in both");
        }
        std::fs::write(path(chunks), &whole[..SLOT_BYTES - 1]).unwrap();
        assert_eq!(said(), Testimony::Unreadable);
        std::fs::write(path(chunks), &whole[..SLOT_BYTES]).unwrap();
        assert_eq!(said(), Testimony::Of(seen(10)));
    }
}
