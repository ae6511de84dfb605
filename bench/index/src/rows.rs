//! The rows that chunks leave in Cairn's index, made from counters, and files of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};

/// What is written at once, sorted by key as Cairn sorts it: `Some` puts a row, `None` removes it.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Kinds of rows, as in `store/src/meta/keys.rs`.
const ROW: u8 = 0x06;
const HOLD: u8 = 0x07;
const HELD: u8 = 0x08;
const CHUNK: u8 = 0x09;

/// What every chunk leaves, ascending by kind.
const KINDS: [u8; ROWS_PER_CHUNK] = [ROW, HOLD, HELD, CHUNK];

/// Rows that one chunk leaves.
pub(crate) const ROWS_PER_CHUNK: usize = 4;

/// The version that every value begins with.
const VERSION: u8 = 1;

/// One session uploads about 1 GiB.
const CHUNKS_PER_SESSION: u64 = 1_000;

/// A server with a few dozen owners.
const CHUNKS_PER_OWNER: u64 = 40_000;

/// Chunks that lie in one folder on Cairn's disk.
const CHUNKS_PER_FOLDER: u64 = 4_096;

/// Bytes of a chunk.
const CHUNK_BYTES: u32 = 1_258_291;

/// The rows of one chunk; another `generation` gives the same keys other values.
pub(crate) fn of_chunk(number: u64, generation: u32) -> [Entry; ROWS_PER_CHUNK] {
    KINDS.map(|kind| entry(kind, number, generation))
}

/// The record of a chunk, the one of its rows that is looked up most.
pub(crate) fn record(number: u64) -> Entry {
    entry(CHUNK, number, 0)
}

/// Where the records of chunks begin, and where they end.
pub(crate) fn records() -> [Vec<u8>; 2] {
    [vec![CHUNK], vec![CHUNK + 1]]
}

/// Writes the rows of `chunks` chunks in the order of their keys, as a snapshot of Cairn's has them.
pub(crate) fn write_sorted(path: &Path, chunks: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for kind in KINDS {
        let mut entries: Vec<Entry> = (0..chunks).map(|number| entry(kind, number, 0)).collect();
        entries.sort_unstable();
        for (key, value) in &entries {
            file.write_all(&[length(key)?, length(value)?])?;
            file.write_all(key)?;
            file.write_all(value)?;
        }
    }
    file.flush()?;
    Ok(())
}

/// Reads what `write_sorted` wrote, row by row.
pub(crate) fn read_sorted(
    path: &Path,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Entry>> + use<>> {
    let mut file = BufReader::new(File::open(path)?);
    Ok(std::iter::from_fn(move || next(&mut file).transpose()))
}

fn next(file: &mut impl Read) -> anyhow::Result<Option<Entry>> {
    let mut lengths = [0; 2];
    match file.read_exact(&mut lengths) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let [mut key, mut value] = lengths.map(|length| vec![0; usize::from(length)]);
    file.read_exact(&mut key)?;
    file.read_exact(&mut value)?;
    Ok(Some((key, value)))
}

fn length(bytes: &[u8]) -> anyhow::Result<u8> {
    u8::try_from(bytes.len()).context("a row is longer than its length can say")
}

fn entry(kind: u8, number: u64, generation: u32) -> Entry {
    let digest = digest("chunk", number);
    let session = id("session", number / CHUNKS_PER_SESSION);
    let index = u32::try_from(number % CHUNKS_PER_SESSION).unwrap_or_default();
    match kind {
        ROW => (joined(ROW, &[&session, &index.to_be_bytes()]), row(&digest, generation)),
        HOLD => {
            let owner = id("owner", number / CHUNKS_PER_OWNER);
            (joined(HOLD, &[&digest, &owner, &session]), Vec::new())
        }
        HELD => {
            let kept = u8::from(generation > 0);
            (joined(HELD, &[&session, &digest]), joined(VERSION, &[&CHUNK_BYTES.to_be_bytes(), &[kept]]))
        }
        _ => (joined(CHUNK, &[&digest]), chunk(&digest, number, generation)),
    }
}

/// 42 bytes: version, digest, length, declared, revision.
fn row(digest: &[u8; 32], revision: u32) -> Vec<u8> {
    joined(VERSION, &[digest, &CHUNK_BYTES.to_be_bytes(), &[1], &revision.to_be_bytes()])
}

/// 112 bytes: version, length, CRC-32, state, since, generation; store, offset, length, codec, path.
fn chunk(digest: &[u8; 32], number: u64, generation: u32) -> Vec<u8> {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = format!("{:08}/{hex}.{}", number / CHUNKS_PER_FOLDER, generation % 10);
    let (length, crc32) = (CHUNK_BYTES.to_be_bytes(), &digest[..4]);
    let record: [&[u8]; 5] = [&length, crc32, &[0], &[0; 8], &generation.to_be_bytes()];
    let locator: [&[u8]; 5] = [&[0; 2], &[0; 8], &length, &[0], path.as_bytes()];
    joined(VERSION, &[record, locator].concat())
}

fn id(kind: &str, number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&digest(kind, number)[..16]);
    id
}

fn digest(kind: &str, number: u64) -> [u8; 32] {
    Sha256::new().chain_update(kind).chain_update(number.to_be_bytes()).finalize().into()
}

fn joined(first: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![first];
    fields.iter().for_each(|field| bytes.extend_from_slice(field));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_long_as_those_of_cairn() {
        let lengths = of_chunk(7, 0).map(|(key, value)| (key.len(), value.len()));
        assert_eq!(lengths, [(21, 42), (65, 0), (49, 6), (33, 112)]);
        assert_eq!(of_chunk(7, 0)[3], record(7));
    }

    #[test]
    fn a_file_of_rows_reads_back_sorted() {
        let path = std::env::temp_dir().join(format!("cairn-bench-index-rows-{}", std::process::id()));
        write_sorted(&path, 3_000).unwrap();
        let read: Vec<Entry> = read_sorted(&path).unwrap().collect::<anyhow::Result<_>>().unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected: BTreeMap<Vec<u8>, Vec<u8>> =
            (0..3_000).flat_map(|number| of_chunk(number, 0)).collect();
        assert!(read.into_iter().eq(expected));
    }
}
