//! What has come of a chunk and was not written yet.

use bytes::Bytes;

/// What is shorter is copied together, in bytes: a piece takes some memory of its own, and a write.
const PIECE_BYTES_MIN: usize = 4_096;

/// Pieces as they came, without a second copy of any but the short ones.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pieces: Vec<Bytes>,
    /// Short ones, behind all pieces.
    short: Vec<u8>,
    length: usize,
}

impl Gathered {
    /// In bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Appends what came.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        if bytes.len() < PIECE_BYTES_MIN {
            self.short.extend_from_slice(&bytes);
        } else {
            self.end_short();
            self.pieces.push(bytes);
        }
    }

    /// All of it, in order, none of it empty.
    pub(super) fn into_pieces(mut self) -> Vec<Bytes> {
        self.end_short();
        self.pieces
    }

    fn end_short(&mut self) {
        if !self.short.is_empty() {
            self.pieces.push(std::mem::take(&mut self.short).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_short_the_pieces_are_there_are_few() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
        let mut gathered = Gathered::default();
        let mut at = 0;
        for length in [1, 1, 5_000, 1, 4_095, 4_096, 30_000].into_iter().chain(std::iter::repeat_n(1, 50_000))
        {
            gathered.push(Bytes::copy_from_slice(&bytes[at..at + length]));
            at += length;
        }
        assert_eq!(gathered.length(), at);
        let pieces = gathered.into_pieces();
        assert!(pieces.concat() == bytes[..at]);
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [2, 5_000, 4_096, 4_096, 30_000, 50_000]
        );
        assert!(Gathered::default().into_pieces().is_empty());
    }
}
