//! Reading a chunk that lies compressed.

use super::read::Stretch;
use crate::chunk::{broken, zstd};
use crate::disk::DiskFile;
use crate::error::Result;
use crate::model::Locator;

/// Decodes the frames of one chunk. Keeps no more of the file than one frame can have.
pub(super) struct Frames {
    stored: Stretch,
    held: Vec<u8>,
    /// What of `held` was decoded.
    used: usize,
    unpacker: zstd::Unpacker,
}

impl Frames {
    /// For a chunk of `length` plain bytes, from `offset` on.
    pub(super) fn new(locator: &Locator, length: u32, offset: u32) -> Self {
        let unpacker = zstd::Unpacker::new(length, offset);
        Self { stored: Stretch::new(locator, 0), held: Vec::new(), used: 0, unpacker }
    }

    /// Whether everything was given.
    pub(super) fn is_done(&self) -> bool {
        self.unpacker.is_done()
    }

    /// The next plain bytes: whole frames, until there are as many as wanted, or no more.
    pub(super) fn next(&mut self, file: &dyn DiskFile, wanted: usize) -> Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(wanted.min(self.unpacker.wanted()));
        while plain.len() < wanted && !self.is_done() {
            self.frame(file, &mut plain)?;
        }
        let is_over = self.is_done() && !(self.stored.is_read() && self.used == self.held.len());
        if is_over { Err(broken(&self.stored.key)) } else { Ok(plain) }
    }

    fn frame(&mut self, file: &dyn DiskFile, plain: &mut Vec<u8>) -> Result<()> {
        let mut taken = self.unpacker.take(&self.held[self.used..], plain);
        if taken.is_none() {
            self.held.drain(..self.used);
            self.used = 0;
            let room = zstd::FRAME_STORED_MAX - self.held.len();
            self.stored.read(file, room, &mut self.held)?;
            taken = self.unpacker.take(&self.held, plain);
        }
        self.used += taken.ok_or_else(|| broken(&self.stored.key))?;
        Ok(())
    }
}
