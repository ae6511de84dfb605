//! One frame of the log: `[length u32 | crc32c u32 | sequence u64 | record]`, big-endian.
//!
//! `length` counts the record's bytes, `crc32c` covers length, sequence and record. The record is the set of writes
//! of one verb: `[version u8 = 1 | batch u64 | count u32]`, then per row `[key length u16 | key | value length u32 |
//! value]` in the order of keys, where a value length of 2^32-1 means that the row is removed. `batch` is the sequence of the first
//! frame that was appended together with this one: every frame before it was durable by then.

use std::io;

use super::FRAME_BYTES_MAX;
use crate::error::{Result, StoreError};
use crate::meta::index::Writes;

/// Bytes in front of the record.
pub(crate) const HEAD_BYTES: usize = 16;
/// A record's bytes in front of its rows.
const RECORD_HEAD_BYTES: usize = 13;
/// Room for the lengths of rows beside their keys and values.
const RECORD_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;

const VERSION: u8 = 1;
const REMOVED: u32 = u32::MAX;

/// A frame as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its place in the log, from 1 on, without gaps.
    pub(crate) sequence: u64,
    /// The first frame that was appended together with it.
    pub(crate) batch: u64,
    /// What the verb wrote.
    pub(crate) writes: Writes,
    /// Length of the whole frame, in bytes.
    pub(crate) bytes: usize,
}

/// Appends a frame to `out`; one that nobody could read again is refused.
pub(crate) fn encode(out: &mut Vec<u8>, sequence: u64, batch: u64, writes: &Writes) -> Result<()> {
    let begin = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.push(VERSION);
    out.extend_from_slice(&batch.to_be_bytes());
    out.extend_from_slice(&length32(writes.len()));
    for (key, value) in writes {
        // The longest have a path of a folder in them, see `keys`.
        out.extend_from_slice(&u16::try_from(key.len()).map_err(|_| large())?.to_be_bytes());
        out.extend_from_slice(key);
        match value {
            Some(value) => {
                out.extend_from_slice(&length32(value.len()));
                out.extend_from_slice(value);
            }
            None => out.extend_from_slice(&REMOVED.to_be_bytes()),
        }
    }
    let length = out.len() - begin - HEAD_BYTES;
    if length > RECORD_BYTES_MAX {
        return Err(large());
    }
    let length = length32(length);
    let crc = checksum(length, &out[begin + 8..]);
    out[begin..begin + 4].copy_from_slice(&length);
    out[begin + 4..begin + 8].copy_from_slice(&crc);
    Ok(())
}

fn large() -> StoreError {
    StoreError::Io(io::Error::other("a key or a frame is longer than the log can hold"))
}

/// Reads the frame at the front of `bytes`; `None` where there is no whole and sound one.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Frame>> {
    let Some((length, sequence)) = head(bytes) else { return Ok(None) };
    let end = HEAD_BYTES + length;
    if bytes.len() < end || bytes[4..8] != checksum(length32(length), &bytes[8..end]) {
        return Ok(None);
    }
    let (batch, writes) = record(&bytes[HEAD_BYTES..end])
        .ok_or_else(|| StoreError::Damaged(format!("the log's record {sequence} has an unknown form")))?;
    Ok(Some(Frame { sequence, batch, writes, bytes: end }))
}

/// Record length and sequence, where they are plausible.
pub(crate) fn head(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut fields = Fields(bytes);
    let length = usize::try_from(u32::from_be_bytes(fields.take()?)).ok()?;
    let _crc: [u8; 4] = fields.take()?;
    let sequence = u64::from_be_bytes(fields.take()?);
    (RECORD_HEAD_BYTES..=RECORD_BYTES_MAX).contains(&length).then_some((length, sequence))
}

fn record(bytes: &[u8]) -> Option<(u64, Writes)> {
    let mut fields = Fields(bytes);
    let [version] = fields.take()?;
    if version != VERSION {
        return None;
    }
    let batch = u64::from_be_bytes(fields.take()?);
    let count = u32::from_be_bytes(fields.take()?);
    let mut writes = Writes::new();
    for _ in 0..count {
        let key_length = u16::from_be_bytes(fields.take()?);
        let key = fields.slice(usize::from(key_length))?.to_vec();
        // Only the form that `encode` gives: of two writes to one key nobody could tell which one was meant.
        if writes.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return None;
        }
        let value = match u32::from_be_bytes(fields.take()?) {
            REMOVED => None,
            length => Some(fields.slice(usize::try_from(length).ok()?)?.to_vec()),
        };
        writes.insert(key, value);
    }
    fields.0.is_empty().then_some((batch, writes))
}

fn checksum(length: [u8; 4], rest: &[u8]) -> [u8; 4] {
    crc32c::crc32c_append(crc32c::crc32c(&length), rest).to_be_bytes()
}

/// The committer keeps records far below 4 GiB.
fn length32(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Writes, Vec<u8>) {
        let writes = Writes::from([(vec![1, 2], Some(vec![3])), (vec![4], None), (vec![5], Some(vec![]))]);
        let mut bytes = Vec::new();
        encode(&mut bytes, 7, 5, &writes).unwrap();
        (writes, bytes)
    }

    #[test]
    fn the_layout_of_format_1_stays_as_it_is() {
        let (_, bytes) = sample();
        let rest = b"\0\0\0\0\0\0\0\x07\x01\0\0\0\0\0\0\0\x05\0\0\0\x03\
            \0\x02\x01\x02\0\0\0\x01\x03\0\x01\x04\xff\xff\xff\xff\0\x01\x05\0\0\0\0";
        let length = (rest.len() - 8) as u32;
        assert_eq!(bytes[..4], length.to_be_bytes());
        assert_eq!(bytes[4..8], [0x40, 0xf5, 0xf5, 0xe1]);
        assert_eq!(bytes[8..], rest[..]);
    }

    #[test]
    fn what_was_encoded_decodes_and_any_flipped_bit_is_noticed() {
        let (writes, bytes) = sample();
        let expected = Frame { sequence: 7, batch: 5, writes, bytes: bytes.len() };
        assert_eq!(decode(&bytes).unwrap(), Some(expected));
        for at in 0..bytes.len() * 8 {
            let mut torn = bytes.clone();
            torn[at / 8] ^= 1 << (at % 8);
            assert_eq!(decode(&torn).unwrap(), None, "bit {at}");
        }
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]).unwrap(), None, "{end} bytes");
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let refused = |key: usize, value: usize| {
            let writes = Writes::from([(vec![1; key], Some(vec![0; value]))]);
            encode(&mut Vec::new(), 1, 1, &writes).is_err()
        };
        assert_eq!((refused(usize::from(u16::MAX), 1), refused(usize::from(u16::MAX) + 1, 1)), (false, true));
        assert!(refused(1, RECORD_BYTES_MAX));
    }
}
