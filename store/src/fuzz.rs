//! What must hold of the parsers of log, snapshot and rows, whatever bytes they are given.

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::chunk::zstd;
use crate::disk::DiskFile;
use crate::error::Result;
use crate::meta::codec;
use crate::meta::facts::{Dropped, SessionFact, Trim};
use crate::meta::index::{Index, Writes};
use crate::meta::log::frame::{self, HEAD_BYTES};
use crate::meta::memory::MemoryIndex;
use crate::meta::snapshot::{self, Snapshot};
use crate::model::{File, Folder, Follow, Gone, Link, Owner};

/// The name of a corpus, and what must hold of each of its files.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("log_frame", log_frame),
    ("log_record", log_record),
    ("snapshot", snapshot),
    ("row_binary", row_binary),
    ("row_json", row_json),
    ("chunk_frames", chunk_frames),
];

/// A frame that decodes is the only one with its content, and is none without its last byte.
pub fn log_frame(bytes: &[u8]) {
    let Ok(Some(found)) = frame::decode(bytes) else { return };
    assert_eq!(frame::head(bytes), Some((found.bytes - HEAD_BYTES, found.sequence)));
    let mut again = Vec::new();
    assert!(frame::encode(&mut again, found.sequence, found.batch, &found.writes).is_ok());
    assert_eq!(again, bytes[..found.bytes]);
    assert!(matches!(frame::decode(&bytes[..found.bytes - 1]), Ok(None)));
}

/// The same for a sequence and record, with the length and checksum that belong to them: chance finds no checksum.
pub fn log_record(bytes: &[u8]) {
    let mut framed = (bytes.len().saturating_sub(HEAD_BYTES - 8) as u32).to_be_bytes().to_vec();
    framed.extend_from_slice(&[0; 4]);
    framed.extend_from_slice(bytes);
    seal_frame(&mut framed);
    log_frame(&framed);
}

/// The rows of a snapshot that can be read are all in the one that is written from them. Bytes are read as they are,
/// and with the checksums that belong to them.
pub fn snapshot(bytes: &[u8]) {
    snapshot_rows(bytes);
    let mut sealed = bytes.to_vec();
    seal_snapshot(&mut sealed);
    snapshot_rows(&sealed);
}

/// A row of a fixed layout is the only one with its content.
pub fn row_binary(bytes: &[u8]) {
    encodes_back(bytes, codec::from_row, codec::row);
    encodes_back(bytes, codec::from_held, codec::held);
    encodes_back(bytes, codec::from_chunk, codec::chunk);
    encodes_back(bytes, codec::from_locator, codec::locator);
    encodes_back(bytes, codec::from_entry, codec::entry);
    encodes_back(bytes, codec::from_number, |number| codec::number(*number));
    encodes_back(bytes, codec::from_owner_facts, codec::owner_facts);
    encodes_back(bytes, codec::from_total, |total| codec::total(*total));
    encodes_back(bytes, codec::from_id, |id| codec::id(id.as_ref()));
}

/// What a row of JSON says, without its version byte in front, is said by the row that is written from it.
pub fn row_json(bytes: &[u8]) {
    let row = [&[codec::VERSION], bytes].concat();
    reads_back::<Owner>(&row);
    reads_back::<SessionFact>(&row);
    reads_back::<Dropped>(&row);
    reads_back::<Trim>(&row);
    reads_back::<File>(&row);
    reads_back::<Folder>(&row);
    reads_back::<Link>(&row);
    reads_back::<Gone>(&row);
    reads_back::<Follow>(&row);
}

/// Whatever lies where a compressed chunk should, with its length in front, gives so many bytes or is refused, 256 KiB
/// at most at once; and any bytes come back from their own frames, from any offset.
pub fn chunk_frames(bytes: &[u8]) {
    let Some((length, stored)) = bytes.split_first_chunk() else { return };
    let length = u32::from_be_bytes(*length);
    // What many small frames hold is looked at, not kept.
    let given = unpack(stored, length, 0, &mut |_| {});
    assert!(given.is_none_or(|given| given == length as usize));
    let frames: Vec<_> = stored.chunks(zstd::FRAME_BYTES).filter_map(zstd::frame).flatten().collect();
    let (whole, offset) = (stored.len() as u32, length % (stored.len() as u32 + 1));
    let mut plain = Vec::new();
    unpack(&frames, whole, offset, &mut |some| plain.extend_from_slice(some));
    assert_eq!(plain, stored[offset as usize..]);
}

/// How much a chunk of `length` bytes gave from `offset` on; `None` where it is none.
fn unpack(mut stored: &[u8], length: u32, offset: u32, told: &mut dyn FnMut(&[u8])) -> Option<usize> {
    let (mut unpacker, mut given) = (zstd::Unpacker::new(length, offset), 0);
    while !unpacker.is_done() {
        let mut plain = Vec::new();
        stored = &stored[unpacker.take(stored, &mut plain)?..];
        assert!(plain.len() <= zstd::FRAME_BYTES);
        told(&plain);
        given += plain.len();
    }
    stored.is_empty().then_some(given)
}

fn encodes_back<T>(bytes: &[u8], from: fn(&[u8]) -> Result<T>, to: impl Fn(&T) -> Vec<u8>) {
    if let Ok(value) = from(bytes) {
        assert_eq!(to(&value), bytes);
    }
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(row: &[u8]) {
    let Ok(value) = codec::from_json::<T>(row) else { return };
    let again = codec::json(&value).and_then(|row| codec::from_json::<T>(&row));
    assert_eq!(again.ok(), Some(value));
}

fn snapshot_rows(bytes: &[u8]) {
    let after = bytes.get(12..20).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    let Some((rows, seen)) = read(bytes.to_vec(), after) else { return };
    let index = MemoryIndex::default();
    assert!(index.apply(&rows, seen).is_ok());
    let mut file = Bytes::default();
    let length = snapshot::write_to(&mut file, after, &index, &|_| Ok(())).ok();
    assert_eq!(length, Some(file.0.len() as u64));
    let kept: Writes = rows.into_iter().filter(|(key, value)| is_row(key) && value.is_some()).collect();
    assert_eq!(read(file.0, after), Some((kept, seen)));
}

/// Whether a key is one that the index is asked for when a snapshot is written: every kind of row has one.
fn is_row(key: &[u8]) -> bool {
    key.first().is_some_and(|kind| (1..u8::MAX).contains(kind))
}

fn read(bytes: Vec<u8>, after: u64) -> Option<(Writes, u64)> {
    let mut rows = Writes::new();
    let snapshot = Snapshot { after, path: PathBuf::new() };
    let seen = snapshot::read_from(Box::new(Bytes(bytes)), &snapshot, &mut |some| {
        rows.extend(some);
        Ok(())
    });
    Some((rows, seen.ok()?))
}

/// Puts the right checksums into whatever has the shape of a snapshot.
fn seal_snapshot(bytes: &mut [u8]) {
    let Some((header, mut rest)) = bytes.split_at_mut_checked(snapshot::HEADER_BYTES) else { return };
    seal_end(header);
    while let Some((length, _)) = frame::head(rest)
        && HEAD_BYTES + length <= rest.len()
    {
        let (frame, behind) = rest.split_at_mut(HEAD_BYTES + length);
        seal_frame(frame);
        rest = behind;
    }
    if let Some((footer, _)) = rest.split_at_mut_checked(snapshot::FOOTER_BYTES) {
        seal_end(footer);
    }
}

/// The CRC-32C of a frame, behind its length, covers everything else.
fn seal_frame(frame: &mut [u8]) {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
    frame[4..8].copy_from_slice(&crc.to_be_bytes());
}

/// The last four bytes are the CRC-32C of the others.
fn seal_end(bytes: &mut [u8]) {
    if let Some((rest, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = crc32c::crc32c(rest).to_be_bytes();
    }
}

/// A file in memory.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl DiskFile for Bytes {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        // Snapshots are written from the front to the back.
        self.0.resize(offset as usize, 0);
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.get(offset as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.0.resize(length as usize, 0);
        Ok(())
    }

    fn reserve(&mut self, _end: u64) -> io::Result<()> {
        Ok(())
    }

    fn punch(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../fuzz/src/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_the_corpora_passes() {
        super::replay::all(super::TARGETS);
    }
}
