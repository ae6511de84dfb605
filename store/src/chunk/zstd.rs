//! Chunks that lie compressed: zstd frames one behind the other, each of 256 KiB of plain bytes but for the last.
//!
//! Every frame stands for itself and says how much it holds. So neither side keeps more than one of them, a chunk is the
//! same bytes in however many pieces it came, a read from the middle decodes only what it gives, and `zstd -dc` gives
//! the plain bytes of a stored file.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

/// Plain bytes of a frame.
pub(crate) const FRAME_BYTES: usize = 256 * 1_024;
/// No frame of so many plain bytes is longer: zstd adds 1/256 of them at most, and little of its own.
pub(crate) const FRAME_STORED_MAX: usize = FRAME_BYTES + FRAME_BYTES / 256 + 64;
/// Nothing shorter is tried, in bytes.
const TRIED_BYTES_MIN: usize = 256;
/// What tells whether the rest is worth it, in bytes.
pub(crate) const SAMPLE_BYTES: usize = 64 * 1_024;
/// Chosen by measurement (docs/STORAGE.md).
const LEVEL: i32 = 1;

thread_local! {
    // One for each thread that codes, not for each chunk: they have some 300 KiB, and are slow to make.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Whether so many stored bytes are enough less than the plain ones: a tenth.
pub(crate) fn saves(stored: u64, plain: u64) -> bool {
    stored <= plain - plain / 10
}

/// Whether a chunk that begins with these bytes is likely to become enough shorter. Looks at the first 64 KiB.
pub(crate) fn is_worth(first: &[u8]) -> bool {
    if first.len() < TRIED_BYTES_MIN {
        return false;
    }
    let sample = &first[..first.len().min(SAMPLE_BYTES)];
    frame(sample).is_some_and(|frame| saves(frame.len() as u64, sample.len() as u64))
}

/// One frame of up to `FRAME_BYTES`. `None` where zstd fails, which has no reason but memory.
pub(crate) fn frame(plain: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::new(LEVEL).ok()?),
        };
        compressor.compress(plain).ok()
    })
}

/// The frames of a whole chunk; `None` where they don't save enough.
pub(crate) fn whole(plain: &[u8]) -> Option<Vec<u8>> {
    // What is no longer than the sample is its own sample.
    if plain.len() < TRIED_BYTES_MIN || (plain.len() > SAMPLE_BYTES && !is_worth(plain)) {
        return None;
    }
    let mut frames = Vec::new();
    for bytes in plain.chunks(FRAME_BYTES) {
        frames.extend(frame(bytes)?);
    }
    saves(frames.len() as u64, plain.len() as u64).then_some(frames)
}

/// Takes the frames of a chunk apart.
#[derive(Debug)]
pub(crate) struct Unpacker {
    /// Plain bytes that are still to come.
    left: usize,
    /// How many of them nobody wants.
    skip: usize,
}

impl Unpacker {
    /// For a chunk of `length` plain bytes, from `offset` on.
    pub(crate) fn new(length: u32, offset: u32) -> Self {
        Self { left: length as usize, skip: offset.min(length) as usize }
    }

    /// Whether every frame was taken.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Plain bytes that are still wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.left - self.skip
    }

    /// Takes the frame at the begin of `stored`, appends its plain bytes, and says how long it was. `None` where it is
    /// not all there, holds less or more than it must, or is none. Never appends more than `FRAME_BYTES`.
    pub(crate) fn take(&mut self, stored: &[u8], plain: &mut Vec<u8>) -> Option<usize> {
        let expected = self.left.min(FRAME_BYTES);
        let length = find_frame_compressed_size(stored).ok()?;
        let frame = stored.get(..length)?;
        if expected == 0 || get_frame_content_size(frame).ok()?? != expected as u64 {
            return None;
        }
        if self.skip < expected {
            let begin = plain.len();
            plain.resize(begin + expected, 0);
            if decode(frame, &mut plain[begin..]) != Some(expected) {
                plain.truncate(begin);
                return None;
            }
            plain.drain(begin..begin + self.skip);
        }
        self.skip -= self.skip.min(expected);
        self.left -= expected;
        Some(length)
    }
}

/// What doesn't fit into `plain` is refused, so memory is bounded whatever a frame says of its window.
fn decode(frame: &[u8], plain: &mut [u8]) -> Option<usize> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().ok()?),
        };
        decompressor.decompress_to_buffer(frame, plain).ok()
    })
}

#[cfg(test)]
#[path = "zstd_tests.rs"]
mod tests;
