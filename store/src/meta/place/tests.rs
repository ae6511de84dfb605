//! Both libraries behind their place: rows read alike, each takes over from the other, and no flipped bit in redb's file gives a wrong
//! row or hides one.

use std::collections::BTreeMap;

use super::*;
use crate::meta::index::Writes;
use crate::meta::read::{Read, scan_range};

/// Rows of two kinds: keys like digests, and keys that follow each other.
fn rows(batch: u64) -> Writes {
    let row = |n: u64| {
        let n = batch * 300 + n;
        let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let key = if n.is_multiple_of(2) {
            [&[9][..], &scattered, &[0; 24]].concat()
        } else {
            [&[6][..], &n.to_be_bytes()].concat()
        };
        (key, Some(n.to_be_bytes().repeat(6)))
    };
    (0..300).map(row).collect()
}

fn all(index: &dyn Index) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let read: &dyn Read = index;
    scan_range(read, vec![1], vec![u8::MAX]).collect()
}

#[test]
fn rows_are_kept_by_either_library() {
    for library in [Library::Sled, Library::Redb] {
        keep_rows(library);
    }
}

fn keep_rows(library: Library) {
    let data = tempfile::tempdir().unwrap();
    let folder = IndexPlace::new(data.path(), library);
    let mut expected = BTreeMap::new();
    let index = folder.open().unwrap();
    for batch in 1..=40 {
        let mut writes = rows(batch);
        // Half of an earlier batch goes.
        let gone = rows(batch.saturating_sub(7)).into_keys().step_by(2);
        writes.extend(gone.map(|key| (key, None)));
        index.apply(&writes, batch).unwrap();
        for (key, value) in writes {
            match value {
                Some(value) => expected.insert(key, value),
                None => expected.remove(&key),
            };
        }
        assert_eq!((index.applied().unwrap(), index.seen().unwrap()), (batch, batch));
        assert_eq!(all(index.as_ref()).unwrap(), expected, "after batch {batch}");
        for (key, value) in expected.iter().step_by(97) {
            assert_eq!(index.get(key).unwrap().as_ref(), Some(value));
        }
    }
    index.flush().unwrap();
    drop(index);
    assert_eq!(Library::of(data.path()), library);
    let index = folder.open().unwrap();
    assert_eq!((index.applied().unwrap(), all(index.as_ref()).unwrap()), (40, expected));
}

#[test]
fn what_another_library_left_is_forgotten() {
    let data = tempfile::tempdir().unwrap();
    for library in [Library::Sled, Library::Redb, Library::Sled] {
        let index = IndexPlace::new(data.path(), library).open().unwrap();
        assert_eq!((index.applied().unwrap(), all(index.as_ref()).unwrap().len()), (0, 0), "{library:?}");
        index.apply(&rows(1), 1).unwrap();
        index.flush().unwrap();
    }
}

/// The index with one bit flipped, opened again without a seal, gives right rows or none: how often each.
fn flip_bits(closed: bool) -> (u32, u32) {
    let data = tempfile::tempdir().unwrap();
    let folder = IndexPlace::new(data.path(), Library::Redb);
    let index = folder.open().unwrap();
    // What is right as of each frame.
    let mut states = BTreeMap::from([(0, BTreeMap::new())]);
    let mut now = BTreeMap::new();
    for batch in 1..=30 {
        let writes = rows(batch);
        index.apply(&writes, batch).unwrap();
        now.extend(writes.into_iter().map(|(key, value)| (key, value.unwrap())));
        states.insert(batch, now.clone());
    }
    // Else as a kill leaves it, with rows that were not handed over.
    if closed {
        drop(index);
    } else {
        std::mem::forget(index);
    }
    let file = fs::read(data.path().join("index").join("index.redb")).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for n in 0..200_usize {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("index")).unwrap();
        let mut bytes = file.clone();
        let at = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
        fs::write(copy.path().join("index").join("index.redb"), bytes).unwrap();
        fs::write(copy.path().join("index.open"), boot_id()).unwrap();
        let found = IndexPlace::new(copy.path(), Library::Redb).open();
        match found.and_then(|index| Ok((index.applied()?, all(index.as_ref())?, index))) {
            Err(StoreError::Closed(_)) => refused += 1,
            Err(other) => panic!("bit {at}: {other}"),
            Ok((applied, rows, index)) => {
                assert!(rows == states[&applied], "bit {at}: other rows than as of frame {applied}");
                let all_found =
                    rows.iter().all(|(key, value)| index.get(key).unwrap().as_ref() == Some(value));
                assert!(all_found, "bit {at} hides a row");
                opened += 1;
            }
        }
    }
    (opened, refused)
}

#[test]
fn a_flipped_bit_after_a_kill_gives_no_wrong_row_and_hides_none() {
    let (opened, refused) = flip_bits(false);
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
}

#[test]
fn nor_does_one_in_a_closed_index_without_a_seal() {
    let (opened, refused) = flip_bits(true);
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
}
