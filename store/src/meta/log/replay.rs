//! Replay: reads the log at the start and hands on what an index has not seen.

use std::fs;
use std::path::Path;

use super::frame::{self, Frame, HEAD_BYTES};
use super::segment::{HEADER_BYTES, Segment, SegmentLog, header, list};
use crate::error::{Result, StoreError};

/// The log as it was found, ready to go on.
pub(crate) struct Replayed {
    /// Takes the next frames.
    pub(crate) log: SegmentLog,
    /// The last sound frame, 0 where there is none.
    pub(crate) sequence: u64,
}

/// Reads every segment that may hold a frame behind `after` and hands those frames on, in order. A torn tail of the
/// last segment is cut off: it was never acknowledged. Anything else that is not sound is `Damaged`.
pub(crate) fn replay(
    folder: &Path,
    after: u64,
    take: &mut dyn FnMut(Frame) -> Result<()>,
) -> Result<Replayed> {
    let mut segments = list(folder)?;
    drop_unborn(&mut segments)?;
    let Some(last) = segments.last().cloned() else {
        return Ok(Replayed { log: SegmentLog::create(folder, 1)?, sequence: 0 });
    };
    // A segment whose successor begins at or before the wanted frame has nothing to give.
    let skipped = segments.iter().skip(1).take_while(|next| next.first <= after + 1).count();
    let mut sequence = segments[skipped].first - 1;
    if skipped == 0 && sequence != 0 {
        return Err(StoreError::Damaged(format!("the log begins at {}, not at 1", segments[0].first)));
    }
    let mut end = 0;
    for segment in &segments[skipped..] {
        if segment.first != sequence + 1 {
            let (path, missing) = (segment.path.display(), sequence + 1);
            return Err(StoreError::Damaged(format!("the log's record {missing} is missing before {path}")));
        }
        let mut reader = Reader { segment, sequence, is_last: *segment == last };
        end = reader.read(after, take)?;
        sequence = reader.sequence;
    }
    let log = SegmentLog::reopen(folder, &last, end as u64)?;
    Ok(Replayed { log, sequence })
}

/// Removes a last segment whose header never became whole: no frame was ever appended to it.
fn drop_unborn(segments: &mut Vec<Segment>) -> Result<()> {
    let Some(last) = segments.last() else { return Ok(()) };
    let is_short = fs::metadata(&last.path)?.len() <= HEADER_BYTES as u64;
    if is_short && fs::read(&last.path)? != header(last.first) {
        fs::remove_file(&last.path)?;
        segments.pop();
    }
    Ok(())
}

struct Reader<'a> {
    segment: &'a Segment,
    sequence: u64,
    is_last: bool,
}

impl Reader<'_> {
    /// Reads the segment; gives the end of its last sound frame, in bytes.
    fn read(&mut self, after: u64, take: &mut dyn FnMut(Frame) -> Result<()>) -> Result<usize> {
        let bytes = fs::read(&self.segment.path)?;
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
        Ok(at)
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
