//! Cuts a file into chunks as its bytes come: the one cutter of browser, CLI and server.

mod gear;

use cairn_shared::ChunkRule;

/// Cuts under one rule. Where it cuts depends on the bytes alone, never on how they were pushed.
///
/// Holds what is pushed and not cut: at most one chunk's longest length, and what the last push brought.
#[derive(Debug)]
pub struct Cutter {
    rule: ChunkRule,
    /// As long as it ever had to be: what is open lies at `start..end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl Cutter {
    /// Begins a file.
    pub fn new(rule: ChunkRule) -> Self {
        Self { rule, buffer: Vec::new(), start: 0, end: 0, ended: false }
    }

    /// Appends the file's next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.fill(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            bytes.len()
        });
    }

    /// Appends the file's next bytes where they are to lie, without a copy between: `read` gets room for `length` and
    /// says how many it wrote. Gives that number.
    pub fn fill(&mut self, length: usize, read: impl FnOnce(&mut [u8]) -> usize) -> usize {
        // What was given out goes once it is the larger half, so each byte moves a bounded number of times.
        if self.start > self.end / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room_end = self.end + length;
        if self.buffer.len() < room_end {
            self.buffer.resize(room_end, 0);
        }
        let written = read(&mut self.buffer[self.end..room_end]).min(length);
        self.end += written;
        written
    }

    /// Says that the file ends here: what is left is cut too.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next whole chunk; `None` until more bytes come.
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        let open = &self.buffer[self.start..self.end];
        let whole = open.len() >= self.rule.length_max() as usize;
        if open.is_empty() || !(whole || self.ended) {
            return None;
        }
        let length = match self.rule {
            ChunkRule::Fixed(bytes) => open.len().min(bytes as usize),
            ChunkRule::FastCdc => gear::chunk_length(open),
        };
        let first = self.start;
        self.start += length;
        Some(&self.buffer[first..self.start])
    }
}
