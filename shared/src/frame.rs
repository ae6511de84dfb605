//! Frames of `POST /api/batch/upload`: `session 16 B | index u32 | length u32 | bytes`, big-endian, one behind the other.

use crate::id::SessionId;

/// What stands in front of a frame's bytes.
pub const FRAME_HEAD_BYTES: usize = 24;

/// Whose the bytes behind it are, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// Which session.
    pub session: SessionId,
    /// Which of its rows.
    pub index: u32,
    /// In bytes.
    pub length: u32,
}

impl FrameHead {
    /// As it stands on the wire.
    pub fn to_bytes(self) -> [u8; FRAME_HEAD_BYTES] {
        let mut bytes = [0; FRAME_HEAD_BYTES];
        bytes[..16].copy_from_slice(self.session.as_bytes());
        bytes[16..20].copy_from_slice(&self.index.to_be_bytes());
        bytes[20..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    /// Reads what `to_bytes` wrote; any bytes are some head.
    pub fn from_bytes(bytes: [u8; FRAME_HEAD_BYTES]) -> Self {
        let (mut session, mut index, mut length) = ([0; 16], [0; 4], [0; 4]);
        session.copy_from_slice(&bytes[..16]);
        index.copy_from_slice(&bytes[16..20]);
        length.copy_from_slice(&bytes[20..]);
        Self {
            session: SessionId::new(session),
            index: u32::from_be_bytes(index),
            length: u32::from_be_bytes(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = FrameHead { session: SessionId::new([7; 16]), index: 258, length: 0x0102_0304 };
        let bytes = head.to_bytes();
        assert_eq!(bytes[14..], [7, 7, 0, 0, 1, 2, 1, 2, 3, 4]);
        assert_eq!(FrameHead::from_bytes(bytes), head);
    }
}
