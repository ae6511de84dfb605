//! Small chunks that lie together in one file, so that a thousand of them share its syncs and its name.
//!
//! `chunks, one behind the other | directory | CRC-32C of the directory u32 | marks | CAIRNPCK | format u32 | count u32`,
//! big-endian. The directory has `digest 32 B | generation u32 | offset u64 | length u32` for each chunk, the marks one
//! byte: 1 once the chunk was removed. The pack's name is the SHA-256 of its directory: a generation never comes back,
//! so a name stands for the same bytes for ever.

use cairn_shared::ChunkDigest;

const MAGIC: [u8; 8] = *b"CAIRNPCK";
const FORMAT: u32 = 1;
const ENTRY_BYTES: usize = 48;
/// What stands behind the marks.
pub(crate) const TRAILER_BYTES: usize = 16;
const SUFFIX: &str = ".pack";
/// A chunk of a block or more begins at a block, so that removing it gives the blocks back.
const BLOCK_BYTES: u64 = 4_096;

/// A chunk of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is.
    pub(crate) digest: ChunkDigest,
    /// Which copy of it.
    pub(crate) generation: u32,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
    /// In bytes, as stored.
    pub(crate) length: u32,
}

/// Where a chunk of `length` bytes goes, behind `end` bytes of others.
pub(crate) fn offset_behind(end: u64, length: usize) -> u64 {
    if length as u64 >= BLOCK_BYTES { end.next_multiple_of(BLOCK_BYTES) } else { end }
}

/// Where nobody needs anything any more once the chunk `number` is gone: up to its neighbours that were not removed, or to
/// `end`, where the chunks end. So a block that many share is given back with the last of them.
pub(crate) fn gap(entries: &[(Entry, bool)], number: usize, end: u64) -> (u64, u64) {
    let own = entries[number].0.offset;
    let kept = || entries.iter().filter(|(_, is_removed)| !is_removed).map(|(entry, _)| entry);
    let before = kept().filter(|entry| entry.offset < own);
    let from = before.map(|entry| entry.offset + u64::from(entry.length)).max().unwrap_or(0);
    let to = kept().map(|entry| entry.offset).filter(|offset| *offset > own).min().unwrap_or(end);
    (from.min(own), to.max(own))
}

/// Everything behind the chunks, and the pack's name.
pub(crate) fn close(entries: &[Entry]) -> (Vec<u8>, String) {
    let mut bytes = Vec::with_capacity(tail_bytes(entries.len()));
    for entry in entries {
        bytes.extend_from_slice(entry.digest.as_bytes());
        bytes.extend_from_slice(&entry.generation.to_be_bytes());
        bytes.extend_from_slice(&entry.offset.to_be_bytes());
        bytes.extend_from_slice(&entry.length.to_be_bytes());
    }
    let name = format!("{}{SUFFIX}", ChunkDigest::of(&bytes));
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.resize(bytes.len() + entries.len(), 0);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    (bytes, name)
}

/// Whether a file has the name of a pack.
pub(crate) fn is_name(file: &str) -> bool {
    let digest = file.strip_suffix(SUFFIX).and_then(|hex| hex.parse::<ChunkDigest>().ok());
    digest.is_some_and(|digest| format!("{digest}{SUFFIX}") == file)
}

/// Bytes behind the chunks, by the last `TRAILER_BYTES` of a pack; `None` where it is none.
pub(crate) fn tail_length(trailer: &[u8]) -> Option<usize> {
    let (magic, rest) = trailer.split_first_chunk::<8>()?;
    let (format, count) = rest.split_first_chunk::<4>()?;
    let count = u32::from_be_bytes(count.try_into().ok()?);
    let is_pack = *magic == MAGIC && *format == FORMAT.to_be_bytes();
    is_pack.then(|| tail_bytes(count as usize))
}

fn tail_bytes(count: usize) -> usize {
    count * (ENTRY_BYTES + 1) + 4 + TRAILER_BYTES
}

/// The chunks of a pack, each with whether it was removed, by everything behind them; `None` where a bit of the
/// directory is not as it was written.
pub(crate) fn entries(tail: &[u8]) -> Option<Vec<(Entry, bool)>> {
    let count = tail.len().checked_sub(4 + TRAILER_BYTES)? / (ENTRY_BYTES + 1);
    let (directory, rest) = tail.split_at_checked(count * ENTRY_BYTES)?;
    let (crc, marks) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*crc) != crc32c::crc32c(directory) {
        return None;
    }
    let entries = directory.chunks_exact(ENTRY_BYTES).zip(marks);
    entries.map(|(bytes, mark)| Some((entry(bytes)?, *mark != 0))).collect()
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let (generation, rest) = rest.split_first_chunk::<4>()?;
    let (offset, length) = rest.split_first_chunk::<8>()?;
    Some(Entry {
        digest: ChunkDigest::new(*digest),
        generation: u32::from_be_bytes(*generation),
        offset: u64::from_be_bytes(*offset),
        length: u32::from_be_bytes(length.try_into().ok()?),
    })
}

/// Where the mark of the chunk `number` stands, counted from the first byte behind the chunks.
pub(crate) fn mark_at(count: usize, number: usize) -> usize {
    count * ENTRY_BYTES + 4 + number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u32) -> Vec<Entry> {
        let entry = |n: u32| Entry {
            digest: ChunkDigest::new([n as u8; 32]),
            generation: n,
            offset: u64::from(n) * 4_096,
            length: n + 1,
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn what_is_closed_is_read_again_and_a_wrong_bit_is_found() {
        for count in [1, 3, 1_000] {
            let written = some(count);
            let (tail, name) = close(&written);
            assert!(is_name(&name));
            assert_eq!(tail_length(&tail[tail.len() - TRAILER_BYTES..]), Some(tail.len()));
            let mut marked = tail.clone();
            marked[mark_at(count as usize, 0)] = 1;
            let read = entries(&marked).unwrap();
            assert!(read.iter().map(|(entry, _)| *entry).eq(written));
            assert!(read.iter().enumerate().all(|(n, (_, removed))| *removed == (n == 0)));
            let mut damaged = tail.clone();
            damaged[17] ^= 4;
            assert_eq!(entries(&damaged), None);
        }
        assert_eq!(tail_length(&[7; TRAILER_BYTES]), None);
        for bad in ["", ".pack", "00.pack", "../a.pack"] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_gap_reaches_to_the_neighbours_that_are_kept() {
        // Each of `n + 1` bytes, at blocks 0 to 4.
        let with = |removed: &[usize]| -> Vec<_> {
            some(5).into_iter().enumerate().map(|(n, entry)| (entry, removed.contains(&n))).collect()
        };
        assert_eq!(gap(&with(&[]), 2, 20_000), (4_098, 12_288));
        assert_eq!(gap(&with(&[1, 3]), 2, 20_000), (1, 16_384));
        assert_eq!(gap(&with(&[0, 1, 2, 3, 4]), 2, 20_000), (0, 20_000));
        assert_eq!(gap(&with(&[]), 4, 20_000), (12_292, 20_000));
        assert_eq!(gap(&with(&[2]), 2, 20_000), (4_098, 12_288), "removed again");
    }

    #[test]
    fn a_chunk_of_a_block_begins_at_a_block() {
        assert_eq!(offset_behind(10, 4_095), 10);
        assert_eq!(offset_behind(10, 4_096), 4_096);
        assert_eq!(offset_behind(8_192, 5_000), 8_192);
    }
}
