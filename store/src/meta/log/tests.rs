//! Segments: rolling from one to the next, and replay across them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::replay::replay;
use super::segment::{SegmentLog, list};
use super::{Log, frame};
use crate::disk::{Use, real};
use crate::error::StoreError;
use crate::meta::index::Writes;

/// Ten frames, three to a segment.
fn write(folder: &Path) {
    let mut log = SegmentLog::create(real(), folder, 1).unwrap();
    log.set_segment_bytes(100);
    let mut rolled = 0;
    for sequence in 1..=10 {
        let mut bytes = Vec::new();
        let writes = Writes::from([(vec![1], Some(vec![sequence as u8]))]);
        frame::encode(&mut bytes, sequence, sequence, &writes).unwrap();
        rolled += u32::from(log.append(&bytes, sequence, Use::Facts).unwrap());
    }
    assert_eq!(rolled, 3);
}

fn replayed(folder: &Path, after: u64) -> Result<(Vec<u64>, u64), StoreError> {
    let mut seen = Vec::new();
    let replayed = replay(&real(), folder, after, 0, &mut |frame| {
        assert_eq!(frame.writes[&vec![1]], Some(vec![frame.sequence as u8]));
        seen.push(frame.sequence);
        Ok(())
    })?;
    Ok((seen, replayed.sequence))
}

#[test]
fn replay_goes_on_across_segments() {
    let folder = TempDir::new().unwrap();
    write(folder.path());
    for after in 0..=10 {
        let expected: Vec<u64> = (after + 1..=10).collect();
        assert_eq!(replayed(folder.path(), after).unwrap(), (expected, 10), "after {after}");
    }
    assert_eq!(replayed(folder.path(), 99).unwrap(), (vec![], 10));
}

#[test]
fn the_log_goes_on_in_the_last_segment() {
    let folder = TempDir::new().unwrap();
    write(folder.path());
    let mut replayed_log = replay(&real(), folder.path(), 10, 10, &mut |_| Ok(())).unwrap();
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, 11, 11, &Writes::from([(vec![1], Some(vec![11]))])).unwrap();
    assert!(!replayed_log.log.append(&bytes, 11, Use::Facts).unwrap());
    assert_eq!(replayed(folder.path(), 9).unwrap(), (vec![10, 11], 11));
}

#[test]
fn a_segment_in_the_middle_is_neither_torn_nor_missing() {
    let folder = TempDir::new().unwrap();
    write(folder.path());
    let segments = list(real().as_ref(), folder.path()).unwrap();
    assert_eq!(segments.iter().map(|segment| segment.first).collect::<Vec<_>>(), [1, 4, 7, 10]);
    let bytes = fs::read(&segments[1].path).unwrap();
    fs::write(&segments[1].path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(replayed(folder.path(), 0), Err(StoreError::Damaged(_))));
    assert_eq!(replayed(folder.path(), 6).unwrap(), (vec![7, 8, 9, 10], 10), "it is not needed any more");
    fs::remove_file(&segments[1].path).unwrap();
    assert!(matches!(replayed(folder.path(), 0), Err(StoreError::Damaged(_))));
    fs::remove_file(&segments[0].path).unwrap();
    assert!(matches!(replayed(folder.path(), 0), Err(StoreError::Damaged(_))));
}
