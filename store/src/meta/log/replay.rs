//! Replay: reads the log at the start and hands on what an index has not seen.

use std::path::Path;
use std::sync::Arc;

use super::frame::{self, Frame, HEAD_BYTES};
use super::segment::{HEADER_BYTES, Segment, SegmentLog, header, list};
use crate::disk::{Disk, read_file};
use crate::error::{Result, StoreError};

/// The log as it was found, ready to go on.
pub(crate) struct Replayed {
    /// Takes the next frames.
    pub(crate) log: SegmentLog,
    /// The last sound frame, 0 where there is none.
    pub(crate) sequence: u64,
}

/// The first frame that the log has, or will have: 1, unless a snapshot took the place of earlier ones. `None` where
/// there is no segment.
pub(crate) fn first_frame(disk: &dyn Disk, folder: &Path) -> Result<Option<u64>> {
    Ok(list(disk, folder)?.first().map(|segment| segment.first))
}

/// The frames of a log, walked to their end.
pub(crate) struct Walked {
    segments: Vec<Segment>,
    /// The last segment, up to the end of its last sound frame.
    sound: Vec<u8>,
    /// The last sound frame.
    sequence: u64,
}

/// Reads every segment that may hold a frame behind `after` and hands those frames on, in order. A torn tail of the
/// last segment is cut off: it was never acknowledged. Anything else that is not sound is `Damaged`, and stays as it is;
/// so is a log that begins behind `after + 1`, or ends before `known`, which an index or a snapshot has seen.
pub(crate) fn replay(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    after: u64,
    known: u64,
    take: &mut dyn FnMut(Frame) -> Result<()>,
) -> Result<Replayed> {
    let Some(Walked { segments, sound, sequence }) = walk(disk.as_ref(), folder, after, known, take)? else {
        return Ok(Replayed { log: SegmentLog::create(disk.clone(), folder, 1)?, sequence: 0 });
    };
    let Some((last, closed)) = segments.split_last() else {
        return Err(StoreError::Damaged(format!("{} has no segment", folder.display())));
    };
    let mut closed_bytes = 0;
    for segment in closed {
        closed_bytes += disk.open(&segment.path)?.length()?;
    }
    let log = SegmentLog::reopen(disk.clone(), folder, last, &sound, closed_bytes)?;
    Ok(Replayed { log, sequence })
}

/// What `replay` does, but for what it writes; `None` where there is no segment.
pub(crate) fn walk(
    disk: &dyn Disk,
    folder: &Path,
    after: u64,
    known: u64,
    take: &mut dyn FnMut(Frame) -> Result<()>,
) -> Result<Option<Walked>> {
    let segments = list(disk, folder)?;
    let Some(last) = segments.last() else {
        if after > 0 {
            return Err(StoreError::Damaged(format!("{} has no segment", folder.display())));
        }
        return Ok(None);
    };
    // A segment whose successor begins at or before the wanted frame has nothing to give.
    let skipped = segments.iter().skip(1).take_while(|next| next.first <= after + 1).count();
    let mut sequence = segments[skipped].first - 1;
    if sequence > after {
        let (missing, path) = (after + 1, segments[skipped].path.display());
        return Err(StoreError::Damaged(format!("the log's record {missing} is missing before {path}")));
    }
    let mut sound = Vec::new();
    for segment in &segments[skipped..] {
        if segment.first != sequence + 1 {
            let (path, missing) = (segment.path.display(), sequence + 1);
            return Err(StoreError::Damaged(format!("the log's record {missing} is missing before {path}")));
        }
        let mut reader = Reader { segment, sequence, is_last: segment == last };
        sound = reader.read(read_file(disk, &segment.path)?, after, take)?;
        sequence = reader.sequence;
    }
    if sequence < known {
        return Err(StoreError::Damaged(format!(
            "{} ends with record {sequence}, and record {known} was acknowledged, as chunks, index or snapshot know. Bring \
             the log back, which is older than they are. Where it is lost for good, `cairn admin adopt` takes what is there",
            folder.display()
        )));
    }
    Ok(Some(Walked { segments, sound, sequence }))
}

/// Reads what a start would read of a log, and keeps nothing; `Damaged` as there.
pub(crate) fn walk_log(disk: &dyn Disk, folder: &Path, after: u64, known: u64) -> Result<()> {
    walk(disk, folder, after, known, &mut |_| Ok(())).map(drop)
}

/// Hands on the frames behind `after` up to `until`, which are on disk; more may be written behind them meanwhile.
pub(crate) fn read_until(
    disk: &dyn Disk,
    folder: &Path,
    after: u64,
    until: u64,
    take: &mut dyn FnMut(Frame) -> Result<()>,
) -> Result<()> {
    let segments = list(disk, folder)?;
    let skipped = segments.iter().skip(1).take_while(|next| next.first <= after + 1).count();
    let mut sequence = after;
    for segment in segments.iter().skip(skipped).take_while(|segment| segment.first <= until) {
        let bytes = read_file(disk, &segment.path)?;
        let mut at = HEADER_BYTES;
        while sequence < until
            && let Some(frame) = frame::decode(bytes.get(at..).unwrap_or_default())?
        {
            at += frame.bytes;
            if frame.sequence > sequence + 1 {
                let path = segment.path.display();
                return Err(StoreError::Damaged(format!(
                    "the log's record {} is missing before {path}",
                    sequence + 1
                )));
            }
            if frame.sequence > sequence {
                sequence = frame.sequence;
                take(frame)?;
            }
        }
    }
    if sequence < until {
        let folder = folder.display();
        return Err(StoreError::Damaged(format!("{folder} has no record {} any more", sequence + 1)));
    }
    Ok(())
}

/// The last sound frame of a log, 0 where there is none.
pub(crate) fn last_sequence(disk: &dyn Disk, folder: &Path) -> Result<u64> {
    let Some(segment) = list(disk, folder)?.pop() else { return Ok(0) };
    let bytes = read_file(disk, &segment.path)?;
    let (mut at, mut sequence) = (HEADER_BYTES, segment.first - 1);
    while let Some(frame) = frame::decode(bytes.get(at..).unwrap_or_default())? {
        at += frame.bytes;
        sequence = frame.sequence;
    }
    Ok(sequence)
}

/// Reads every segment as one that was closed: a torn tail is damage too.
pub(crate) fn check(disk: &dyn Disk, folder: &Path) -> Result<()> {
    let mut before = None;
    for segment in list(disk, folder)? {
        let sequence = segment.first - 1;
        if before.is_some_and(|before| before != sequence) {
            let path = segment.path.display();
            return Err(StoreError::Damaged(format!("the log has a gap in front of {path}")));
        }
        let mut reader = Reader { segment: &segment, sequence, is_last: false };
        reader.read(read_file(disk, &segment.path)?, u64::MAX, &mut |_| Ok(()))?;
        before = Some(reader.sequence);
    }
    Ok(())
}

struct Reader<'a> {
    segment: &'a Segment,
    sequence: u64,
    is_last: bool,
}

impl Reader<'_> {
    /// Reads the segment; gives its bytes up to the end of its last sound frame.
    fn read(
        &mut self,
        mut bytes: Vec<u8>,
        after: u64,
        take: &mut dyn FnMut(Frame) -> Result<()>,
    ) -> Result<Vec<u8>> {
        if !bytes.starts_with(&header(self.segment.first)) {
            return Err(self.damaged("has a header that is not its own, or of another format", 0));
        }
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let Some(frame) = frame::decode(&bytes[at..])? else {
                self.judge_tail(&bytes, at)?;
                break;
            };
            if frame.sequence != self.sequence + 1 {
                return Err(self.damaged("has a record out of order", at));
            }
            self.sequence = frame.sequence;
            at += frame.bytes;
            if frame.sequence > after {
                take(frame)?;
            }
        }
        bytes.truncate(at);
        Ok(bytes)
    }

    /// A bad frame is a torn tail only where nothing behind it was written later: the disk may keep the end of an
    /// unsynced write and lose its middle, but a frame of a later batch proves that this one had been synced.
    fn judge_tail(&self, bytes: &[u8], at: usize) -> Result<()> {
        if !self.is_last {
            return Err(self.damaged("has a damaged record, and it is not the last segment", at));
        }
        let lost = self.sequence + 1;
        let sequence_max = lost + (bytes.len() - at) as u64 / HEAD_BYTES as u64;
        for later in at + 1..bytes.len().saturating_sub(HEAD_BYTES) {
            let plausible = frame::head(&bytes[later..])
                .is_some_and(|(_, sequence)| sequence > lost && sequence <= sequence_max);
            if plausible
                && let Ok(Some(frame)) = frame::decode(&bytes[later..])
                && frame.batch > lost
            {
                return Err(self.damaged("has a damaged record in front of sound ones", at));
            }
        }
        let lost_bytes = bytes.len() - at;
        tracing::warn!(
            segment.first = self.segment.first,
            at,
            lost_bytes,
            "a torn tail of the log is cut off"
        );
        Ok(())
    }

    fn damaged(&self, what: &str, at: usize) -> StoreError {
        StoreError::Damaged(format!("{} {what}, at byte {at}", self.segment.path.display()))
    }
}
