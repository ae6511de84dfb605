//! The values under the keys: a version byte, then JSON for the few, a fixed binary layout for the many.

use cairn_shared::{ChunkDigest, FileId, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::budget::OwnerFacts;
use crate::error::{Result, StoreError};
use crate::ground::witness::Run;
use crate::model::{ChunkRecord, ChunkState, Codec, Locator, StoredRow};

/// First byte of every value of format 1.
pub(crate) const VERSION: u8 = 1;

/// A row, and the revision that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowFact {
    /// What was declared or defined.
    pub(crate) stored: StoredRow,
    /// The session's revision then. A later one may have dropped the row before it was removed.
    pub(crate) revision: u32,
}

/// A hold, as its session sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldFact {
    /// Length of the chunk, in bytes.
    pub(crate) length: u32,
    /// The manifest contains it, as the trimming job found.
    pub(crate) kept: bool,
}

/// What lies at one path of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryFact {
    /// The folder's revision since it is so.
    pub(crate) revision: u64,
    /// The file; `None`: a folder that was made as such.
    pub(crate) file: Option<FileId>,
}

/// Serialises a row of which there are few.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(bytes)
}

/// Reads what `json` wrote.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let body = Fields::new(bytes)?.rest();
    serde_json::from_slice(body).map_err(|error| StoreError::Damaged(format!("a row can't be read: {error}")))
}

/// 42 bytes: version, digest, length, declared, revision.
pub(crate) fn row(fact: &RowFact) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(fact.stored.row.digest.as_bytes());
    bytes.extend_from_slice(&fact.stored.row.length.to_be_bytes());
    bytes.push(u8::from(fact.stored.declared));
    bytes.extend_from_slice(&fact.revision.to_be_bytes());
    bytes
}

/// Reads what `row` wrote.
pub(crate) fn from_row(bytes: &[u8]) -> Result<RowFact> {
    let mut fields = Fields::new(bytes)?;
    let row = Row { digest: ChunkDigest::new(fields.take()?), length: fields.u32()? };
    let stored = StoredRow { row, declared: fields.flag()? };
    let fact = RowFact { stored, revision: fields.u32()? };
    fields.end()?;
    Ok(fact)
}

/// 6 bytes: version, length, kept.
pub(crate) fn held(fact: &HeldFact) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&fact.length.to_be_bytes());
    bytes.push(u8::from(fact.kept));
    bytes
}

/// Reads what `held` wrote.
pub(crate) fn from_held(bytes: &[u8]) -> Result<HeldFact> {
    let mut fields = Fields::new(bytes)?;
    let fact = HeldFact { length: fields.u32()?, kept: fields.flag()? };
    fields.end()?;
    Ok(fact)
}

/// 9 bytes (version, revision), then the file, or nothing for a folder.
pub(crate) fn entry(fact: &EntryFact) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&fact.revision.to_be_bytes());
    bytes.extend_from_slice(fact.file.as_ref().map_or(&[], |file| file.as_bytes().as_slice()));
    bytes
}

/// Reads what `entry` wrote.
pub(crate) fn from_entry(bytes: &[u8]) -> Result<EntryFact> {
    let mut fields = Fields::new(bytes)?;
    let revision = fields.u64()?;
    let file = if fields.0.is_empty() { None } else { Some(FileId::new(fields.take()?)) };
    fields.end()?;
    Ok(EntryFact { revision, file })
}

/// 22 bytes (version, length, CRC-32, state, since, generation), then the locator.
pub(crate) fn chunk(record: &ChunkRecord) -> Vec<u8> {
    let (state, since) = match record.state {
        ChunkState::Present => (0, 0),
        ChunkState::Condemned(since) => (1, since),
        ChunkState::Deleting => (2, 0),
        ChunkState::Damaged => (3, 0),
    };
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&record.length.to_be_bytes());
    bytes.extend_from_slice(&record.crc32.to_be_bytes());
    bytes.push(state);
    bytes.extend_from_slice(&since.to_be_bytes());
    bytes.extend_from_slice(&record.generation.to_be_bytes());
    push_locator(&mut bytes, &record.locator);
    bytes
}

/// Reads what `chunk` wrote.
pub(crate) fn from_chunk(bytes: &[u8]) -> Result<ChunkRecord> {
    let mut fields = Fields::new(bytes)?;
    let (length, crc32) = (fields.u32()?, fields.u32()?);
    let (state, since) = (fields.u8()?, fields.u64()?);
    let state = match (state, since) {
        (0, 0) => ChunkState::Present,
        (1, since) => ChunkState::Condemned(since),
        (2, 0) => ChunkState::Deleting,
        (3, 0) => ChunkState::Damaged,
        (other, since) => {
            return Err(StoreError::Damaged(format!("a chunk has the unknown state {other} since {since}")));
        }
    };
    let generation = fields.u32()?;
    Ok(ChunkRecord { length, crc32, state, generation, locator: take_locator(fields)? })
}

/// Version, then the locator.
pub(crate) fn locator(locator: &Locator) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    push_locator(&mut bytes, locator);
    bytes
}

/// Reads what `locator` wrote.
pub(crate) fn from_locator(bytes: &[u8]) -> Result<Locator> {
    take_locator(Fields::new(bytes)?)
}

/// 33 bytes: version, number, id, first frame.
pub(crate) fn run(run: Run, began: u64) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&run.number.to_be_bytes());
    bytes.extend_from_slice(&run.id);
    bytes.extend_from_slice(&began.to_be_bytes());
    bytes
}

/// Reads what `run` wrote.
pub(crate) fn from_run(bytes: &[u8]) -> Result<(Run, u64)> {
    let mut fields = Fields::new(bytes)?;
    let run = Run { number: fields.u64()?, id: fields.take()? };
    let began = fields.u64()?;
    fields.end()?;
    Ok((run, began))
}

/// 5 bytes: version, number.
pub(crate) fn number(number: u32) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

/// Reads what `number` wrote.
pub(crate) fn from_number(bytes: &[u8]) -> Result<u32> {
    let mut fields = Fields::new(bytes)?;
    let number = fields.u32()?;
    fields.end()?;
    Ok(number)
}

/// 18 bytes: version, bytes, said, whether he has held something.
pub(crate) fn owner_facts(facts: &OwnerFacts) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&facts.bytes.to_be_bytes());
    bytes.extend_from_slice(&facts.said.to_be_bytes());
    bytes.push(u8::from(facts.has_held));
    bytes
}

/// Reads what `owner_facts` wrote.
pub(crate) fn from_owner_facts(bytes: &[u8]) -> Result<OwnerFacts> {
    let mut fields = Fields::new(bytes)?;
    let facts = OwnerFacts { bytes: fields.u64()?, said: fields.u64()?, has_held: fields.flag()? };
    fields.end()?;
    Ok(facts)
}

/// 9 bytes: version, total.
pub(crate) fn total(total: u64) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&total.to_be_bytes());
    bytes
}

/// Reads what `total` wrote.
pub(crate) fn from_total(bytes: &[u8]) -> Result<u64> {
    let mut fields = Fields::new(bytes)?;
    let total = fields.u64()?;
    fields.end()?;
    Ok(total)
}

/// Version, then an id, or nothing.
pub(crate) fn id(id: Option<&[u8; 16]>) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(id.map_or(&[], |id| id.as_slice()));
    bytes
}

/// Reads what `id` wrote.
pub(crate) fn from_id(bytes: &[u8]) -> Result<Option<[u8; 16]>> {
    let mut fields = Fields::new(bytes)?;
    let id = if fields.0.is_empty() { None } else { Some(fields.take()?) };
    fields.end()?;
    Ok(id)
}

/// 15 bytes (store, offset, length, codec), 4 more where the codec has a length of its own, then the key.
fn push_locator(bytes: &mut Vec<u8>, locator: &Locator) {
    bytes.extend_from_slice(&locator.store.to_be_bytes());
    bytes.extend_from_slice(&locator.offset.to_be_bytes());
    bytes.extend_from_slice(&locator.length.to_be_bytes());
    match locator.codec {
        Codec::Plain => bytes.push(0),
        Codec::Zstd { length } => {
            bytes.push(1);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(locator.key.as_bytes());
}

fn take_locator(mut fields: Fields<'_>) -> Result<Locator> {
    let store = u16::from_be_bytes(fields.take()?);
    let (offset, length) = (fields.u64()?, fields.u32()?);
    let codec = match fields.u8()? {
        0 => Codec::Plain,
        1 => Codec::Zstd { length: fields.u32()? },
        other => return Err(StoreError::Damaged(format!("a chunk has the unknown codec {other}"))),
    };
    let key = String::from_utf8(fields.rest().to_vec());
    let key = key.map_err(|_| StoreError::Damaged("a locator's key is no text".to_owned()))?;
    Ok(Locator { store, key, offset, length, codec })
}

/// Takes fixed-width fields off the front of a value.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some((version, _)) => {
                Err(StoreError::Damaged(format!("a row has format {version}; this server knows {VERSION}")))
            }
            None => Err(StoreError::Damaged("a row is empty".to_owned())),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (field, rest) =
            self.0.split_first_chunk().ok_or_else(|| StoreError::Damaged("a row is too short".to_owned()))?;
        self.0 = rest;
        Ok(*field)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.take()?))
    }

    fn flag(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StoreError::Damaged(format!("a row has the flag {other}"))),
        }
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    fn rest(self) -> &'a [u8] {
        self.0
    }

    fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(StoreError::Damaged("a row is too long".to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: ChunkState) -> ChunkRecord {
        let locator = Locator {
            store: 7,
            key: "ab/abc.3".to_owned(),
            offset: 1 << 40,
            length: 1_000,
            codec: Codec::Plain,
        };
        ChunkRecord { length: 1_000, crc32: 0xdead_beef, state, generation: 3, locator }
    }

    #[test]
    fn the_layouts_of_rows_stay_as_they_are() {
        let stored =
            StoredRow { row: Row { digest: ChunkDigest::new([0xab; 32]), length: 258 }, declared: true };
        let row_bytes = row(&RowFact { stored, revision: 5 });
        let expected = [&[1][..], &[0xab; 32], &[0, 0, 1, 2], &[1], &[0, 0, 0, 5]].concat();
        assert_eq!(row_bytes, expected);
        assert_eq!(held(&HeldFact { length: 258, kept: false }), [1, 0, 0, 1, 2, 0]);
        let bytes = chunk(&record(ChunkState::Condemned(9)));
        let head = [1, 0, 0, 3, 0xe8, 0xde, 0xad, 0xbe, 0xef, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 3, 0, 7];
        assert_eq!(bytes[..24], head);
        assert_eq!(bytes[24..], *b"\0\0\x01\0\0\0\0\0\0\0\x03\xe8\0ab/abc.3");
        let (store, key, offset) = (7, "ab".to_owned(), 1 << 40);
        let zstd = Locator { store, key, offset, length: 258, codec: Codec::Zstd { length: 772 } };
        assert_eq!(locator(&zstd), *b"\x01\0\x07\0\0\x01\0\0\0\0\0\0\0\x01\x02\x01\0\0\x03\x04ab");
        assert_eq!(from_locator(&locator(&zstd)).unwrap(), zstd);
        assert_eq!(number(258), [1, 0, 0, 1, 2]);
        let file = entry(&EntryFact { revision: 258, file: Some(FileId::new([0xab; 16])) });
        assert_eq!(file, [&[1, 0, 0, 0, 0, 0, 0, 1, 2][..], &[0xab; 16]].concat());
        assert_eq!(entry(&EntryFact { revision: 258, file: None }), file[..9]);
        let facts = OwnerFacts { bytes: 258, said: 3, has_held: true };
        assert_eq!(owner_facts(&facts), *b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03\x01");
        assert_eq!(from_owner_facts(&owner_facts(&facts)).unwrap(), facts);
        assert_eq!(total(258), *b"\x01\0\0\0\0\0\0\x01\x02");
        assert_eq!(from_total(&total(258)).unwrap(), 258);
    }

    #[test]
    fn rows_from_before_folders_are_written_as_they_were() {
        let rewritten = |bytes: &[u8], again: fn(&[u8]) -> Vec<u8>| {
            assert_eq!(again(&[&[VERSION], bytes].concat())[1..], *bytes);
        };
        rewritten(include_bytes!("../../../fuzz/corpus/row_json/file"), |row| {
            json(&from_json::<crate::model::File>(row).unwrap()).unwrap()
        });
        rewritten(include_bytes!("../../../fuzz/corpus/row_json/link"), |row| {
            json(&from_json::<crate::model::Link>(row).unwrap()).unwrap()
        });
        rewritten(include_bytes!("../../../fuzz/corpus/row_json/session-open"), |row| {
            json(&from_json::<crate::meta::facts::SessionFact>(row).unwrap()).unwrap()
        });
    }

    #[test]
    fn what_was_written_reads_back() {
        for state in
            [ChunkState::Present, ChunkState::Condemned(77), ChunkState::Deleting, ChunkState::Damaged]
        {
            assert_eq!(from_chunk(&chunk(&record(state))).unwrap(), record(state));
        }
        let held_fact = HeldFact { length: 5, kept: true };
        assert_eq!(from_held(&held(&held_fact)).unwrap(), held_fact);
        for file in [None, Some(FileId::new([4; 16]))] {
            let fact = EntryFact { revision: 1 << 40, file };
            assert_eq!(from_entry(&entry(&fact)).unwrap(), fact);
        }
        assert_eq!(from_id(&id(None)).unwrap(), None);
        assert_eq!(from_id(&id(Some(&[4; 16]))).unwrap(), Some([4; 16]));
    }

    #[test]
    fn an_unknown_format_or_another_length_is_damage() {
        assert!(from_row(&[1; 42]).is_ok());
        assert!(matches!(from_row(&[2; 42]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_row(&[1; 41]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_row(&[1; 43]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_held(&[]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_held(&[1; 7]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_number(&[1; 6]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_entry(&[1; 24]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_entry(&[1; 26]), Err(StoreError::Damaged(_))));
        assert!(matches!(from_id(&[1; 18]), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn a_value_that_is_never_written_is_damage() {
        assert!(matches!(from_held(&[1, 0, 0, 0, 9, 2]), Err(StoreError::Damaged(_))));
        for state in [ChunkState::Present, ChunkState::Deleting, ChunkState::Damaged] {
            let mut bytes = chunk(&record(state));
            bytes[17] = 1;
            assert!(matches!(from_chunk(&bytes), Err(StoreError::Damaged(_))), "{state:?} since a moment");
        }
    }
}
