//! Damage to the log itself: a torn tail is cut off, anything else is refused.

use std::fs;

use cairn_shared::ChunkRule;
use cairn_store::{MetaStore, StoreError};

use crate::folder::Folder;
use crate::world::{NUMBERS, session, start, wait};

/// A frame without rows, in bytes: a clean end writes one.
const END_FRAME_BYTES: usize = 29;

/// A log of `count` started sessions as a kill leaves it, and its length after each.
fn log_of(count: u8) -> (Folder, Vec<usize>) {
    let folder = Folder::new();
    let store = folder.open();
    let mut ends = vec![folder.segment_bytes().len()];
    for n in 0..count {
        wait(start(&*store, n, ChunkRule::FastCdc, None)).unwrap();
        ends.push(folder.segment_bytes().len());
    }
    (folder.copy(), ends)
}

#[test]
fn after_a_clean_end_the_last_frame_is_as_sure_as_any() {
    let folder = Folder::new();
    let store = folder.open();
    let begin = folder.segment_bytes().len();
    wait(start(&*store, 0, ChunkRule::FastCdc, None)).unwrap();
    let end = folder.segment_bytes().len();
    drop(store);
    let bytes = folder.segment_bytes();
    for at in (begin..end).step_by(3) {
        let copy = folder.copy_log();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(copy.segment(), damaged).unwrap();
        assert!(matches!(copy.try_open(), Err(StoreError::Damaged(_))), "byte {at}");
    }
}

fn sessions(store: &dyn MetaStore) -> Vec<u8> {
    wait(async {
        let mut found = Vec::new();
        for n in 0..NUMBERS {
            found.extend(store.session(session(n)).await.unwrap().map(|_| n));
        }
        found
    })
}

#[test]
fn a_torn_tail_is_dropped_at_every_byte() {
    let (folder, ends) = log_of(3);
    let bytes = folder.segment_bytes();
    for end in ends[2]..ends[3] {
        let copy = folder.copy_log();
        fs::write(copy.segment(), &bytes[..end]).unwrap();
        assert_eq!(sessions(&*copy.open()), [0, 1], "cut at byte {end}");
        // The frame that says that this run ended stands where the torn one stood.
        assert_eq!(copy.segment_bytes()[..ends[2]], bytes[..ends[2]]);
        assert_eq!(copy.segment_bytes().len(), ends[2] + END_FRAME_BYTES);
    }
}

#[test]
fn a_last_frame_with_any_wrong_byte_is_dropped() {
    let (folder, ends) = log_of(3);
    let bytes = folder.segment_bytes();
    for at in (ends[2]..ends[3]).step_by(3) {
        let copy = folder.copy_log();
        let mut torn = bytes.clone();
        torn[at] ^= 0x10;
        fs::write(copy.segment(), torn).unwrap();
        assert_eq!(sessions(&*copy.open()), [0, 1], "byte {at}");
    }
}

#[test]
fn a_tail_of_zeros_or_noise_is_dropped_and_the_log_goes_on() {
    let (folder, _) = log_of(2);
    for tail in [vec![0; 5_000], vec![0xff; 5_000], (0..5_000).map(|n| (n * 7) as u8).collect()] {
        let copy = folder.copy();
        fs::write(copy.segment(), [folder.segment_bytes(), tail].concat()).unwrap();
        let store = copy.open();
        wait(start(&*store, 5, ChunkRule::FastCdc, None)).unwrap();
        drop(store);
        fs::remove_dir_all(copy.index()).unwrap();
        assert_eq!(sessions(&*copy.open()), [0, 1, 5]);
    }
}

#[test]
fn a_bad_frame_in_the_middle_is_refused() {
    let (folder, ends) = log_of(4);
    for at in (ends[1]..ends[2]).step_by(3) {
        let copy = folder.copy_log();
        let mut bytes = folder.segment_bytes();
        bytes[at] ^= 0x10;
        fs::write(copy.segment(), &bytes).unwrap();
        let refused = copy.try_open().err().unwrap();
        let names_it = |why: &str| why.contains("0001.seg") && why.contains(&format!("byte {}", ends[1]));
        assert!(matches!(&refused, StoreError::Damaged(why) if names_it(why)), "byte {at}: {refused}");
        assert_eq!(copy.segment_bytes(), bytes, "what is damaged is left as it is");
    }
}

/// A log whose last batch has several frames, and how many of its frames are in front of that batch.
fn log_with_a_batch() -> Option<(Folder, usize)> {
    let folder = Folder::new();
    let store = folder.open();
    // While the first is being synced the others gather: they share one write.
    wait(async {
        let started = (0..NUMBERS).map(|n| start(&*store, n, ChunkRule::FastCdc, None));
        let mut all: Vec<_> = started.map(Box::pin).collect();
        std::future::poll_fn(|context| {
            all.retain_mut(|one| one.as_mut().poll(context).is_pending());
            if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    });
    let bytes = folder.segment_bytes();
    let frame = (bytes.len() - 24) / usize::from(NUMBERS);
    assert_eq!(24 + frame * usize::from(NUMBERS), bytes.len(), "every frame has the same length");
    // Behind the segment's 24 bytes; 24 bytes into a frame ends its batch.
    let batches: Vec<u8> = bytes[24..].chunks(frame).map(|frame| frame[24]).collect();
    let front = batches.iter().filter(|batch| *batch != batches.last().unwrap()).count();
    (front + 1 < usize::from(NUMBERS)).then_some((folder.copy(), front))
}

#[test]
fn frames_of_one_unsynced_write_may_be_lost_in_any_order() {
    let (folder, front) = (0..50).find_map(|_| log_with_a_batch()).expect("verbs share a write");
    let mut torn = folder.segment_bytes();
    let frame = (torn.len() - 24) / usize::from(NUMBERS);
    torn[24 + frame * front + 30] ^= 1;
    let copy = folder.copy_log();
    fs::write(copy.segment(), torn).unwrap();
    assert_eq!(sessions(&*copy.open()).len(), front, "the unsynced write is gone as a whole");
}

#[test]
fn a_damaged_header_is_refused() {
    let (folder, _) = log_of(1);
    for at in 0..24 {
        let copy = folder.copy_log();
        let mut bytes = folder.segment_bytes();
        bytes[at] ^= 1;
        fs::write(copy.segment(), bytes).unwrap();
        assert!(matches!(copy.try_open(), Err(StoreError::Damaged(_))), "byte {at}");
    }
}

#[test]
fn a_segment_that_was_never_born_is_removed() {
    let (folder, _) = log_of(2);
    for bytes in [&b""[..], b"CAIRNL", &[0; 24]] {
        let copy = folder.copy();
        let unborn = copy.log().join("00000000000000000003.seg.new");
        fs::write(&unborn, bytes).unwrap();
        assert_eq!(sessions(&*copy.open()), [0, 1]);
        assert!(!unborn.exists());
        // It gets its name only when it is whole.
        fs::write(copy.log().join("00000000000000000003.seg"), bytes).unwrap();
        assert!(matches!(copy.try_open(), Err(StoreError::Damaged(_))));
    }
}

#[test]
fn a_missing_segment_and_a_foreign_file_are_refused() {
    let (folder, _) = log_of(2);
    let copy = folder.copy_log();
    fs::rename(copy.segment(), copy.log().join("00000000000000000002.seg")).unwrap();
    assert!(matches!(copy.try_open(), Err(StoreError::Damaged(_))));
    let copy = folder.copy_log();
    fs::write(copy.log().join("notes.txt"), "").unwrap();
    assert!(matches!(copy.try_open(), Err(StoreError::Damaged(_))));
}
