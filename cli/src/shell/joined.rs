//! Several pieces of bytes, read as one.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;

/// Bytes one behind the other.
pub(super) struct Joined(pub(super) VecDeque<Bytes>);

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = self.0.front_mut() else { return Ok(0) };
        let length = first.len().min(buffer.len());
        buffer[..length].copy_from_slice(&first.split_to(length));
        if first.is_empty() {
            self.0.pop_front();
        }
        Ok(length)
    }
}
