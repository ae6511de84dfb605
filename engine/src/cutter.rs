//! Cuts a file into chunks as its bytes come: the one cutter of browser, CLI and server.

use cairn_shared::ChunkRule;
use cairn_shared::limits::{FASTCDC_BYTES_AVERAGE, FASTCDC_BYTES_MAX, FASTCDC_BYTES_MIN};
use fastcdc::v2020::{FastCDC, Normalization};

/// Cuts under one rule. Where it cuts depends on the bytes alone, never on how they were pushed.
///
/// Holds what is pushed and not cut: at most one chunk's longest length, and what the last push brought.
#[derive(Debug)]
pub struct Cutter {
    rule: ChunkRule,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl Cutter {
    /// Begins a file.
    pub fn new(rule: ChunkRule) -> Self {
        Self { rule, buffer: Vec::new(), start: 0, ended: false }
    }

    /// Appends the file's next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // What was given out goes once it is the larger half, so each byte moves a bounded number of times.
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the file ends here: what is left is cut too.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next whole chunk; `None` until more bytes come.
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        let open = &self.buffer[self.start..];
        let whole = open.len() >= self.rule.length_max() as usize;
        if open.is_empty() || !(whole || self.ended) {
            return None;
        }
        let length = match self.rule {
            ChunkRule::Fixed(bytes) => open.len().min(bytes as usize),
            ChunkRule::FastCdc => fastcdc_length(open),
        };
        let first = self.start;
        self.start += length;
        Some(&self.buffer[first..self.start])
    }
}

/// `fastcdc` takes the end of its slice for the end of the file, so this needs the longest length or the real end.
fn fastcdc_length(open: &[u8]) -> usize {
    let open = &open[..open.len().min(FASTCDC_BYTES_MAX as usize)];
    let cutter = FastCDC::with_level(
        open,
        FASTCDC_BYTES_MIN as usize,
        FASTCDC_BYTES_AVERAGE as usize,
        FASTCDC_BYTES_MAX as usize,
        Normalization::Level1,
    );
    cutter.cut(0, open.len()).1
}
