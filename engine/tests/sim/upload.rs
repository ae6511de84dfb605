//! An upload without a break.

use cairn_engine::{Config, Input, State, UploadId};
use cairn_shared::ChunkRule;

use crate::world::{HELD_MAX, ONE, World, config, noise};

#[test]
fn the_file_arrives_once_and_whole() {
    let mut world = World::new(1);
    let bytes = noise(1, 10_000_001);
    world.add_file(ONE, bytes.clone());
    world.run();
    assert!(world.server.files == [bytes]);
    assert_eq!(world.server.bytes_taken, 10_000_001);
    assert_eq!(world.first_send_before_end, Some(true), "the first byte leaves before the file is read");
    let view = world.view(ONE);
    assert_eq!((view.sent, view.stored, view.reused, view.changed), (10_000_001, 10_000_001, 0, false));
    assert!(view.finished.is_some_and(|finished| finished.blob.is_some()));
    assert!(world.journal.is_empty());
    world.settle();
}

#[test]
fn a_fast_line_takes_several_chunks_in_one_request() {
    let mut world = World::new(1);
    let bytes = noise(1, 10_000_001);
    world.add_file(ONE, bytes.clone());
    world.run();
    assert!(world.server.files == [bytes]);
    // All of them: start, checks, chunks, finish.
    let (chunks, requests) = (10_000_001_u64.div_ceil(65_536), world.server.requests);
    assert!(requests < chunks * 2 / 3, "{requests} requests for {chunks} chunks");
}

/// One file at a time, cut by content.
fn with_memory(held_bytes_max: u64) -> World {
    World::with(Config { rule: ChunkRule::FastCdc, held_bytes_max, uploads_max: 1, ..config() }, 1)
}

/// As many bytes as `known` has of it, and as many new ones, in turns.
fn half_known(known: &[u8], seed: u64) -> Vec<u8> {
    const PART: usize = 5_000_000;
    let new = noise(seed, known.len());
    known.chunks(PART).zip(new.chunks(PART)).flat_map(|(known, new)| [known, new].concat()).collect()
}

#[test]
fn memory_for_little_more_than_a_chunk_suffices() {
    // What each of three large files has in the CLI beside small ones, and a little more.
    for held_bytes_max in [16 << 20, 18 << 20].map(|bytes: u64| bytes / 3) {
        let mut world = with_memory(held_bytes_max);
        let known = noise(1, 60_000_000);
        let half = half_known(&known, 2);
        world.add_file(ONE, known);
        world.run();
        world.add_file(UploadId(2), half.clone());
        world.run();
        assert!(world.server.files.contains(&half));
        world.settle();
    }
}

#[test]
fn empty_files_and_single_bytes_arrive() {
    for length in [0, 1, 65_535, 65_536, 65_537] {
        let mut world = World::new(2);
        world.add_file(ONE, noise(2, length));
        world.run();
        assert!(world.server.files == [noise(2, length)], "{length}");
        world.settle();
    }
}

#[test]
fn equal_chunks_are_sent_once() {
    let mut world = World::new(3);
    world.add_file(ONE, vec![7; 6_000_000]);
    world.run();
    assert!(world.server.files == [vec![7; 6_000_000]]);
    assert!(world.server.bytes_taken <= 2 * 65_536, "{}", world.server.bytes_taken);
}

#[test]
fn many_files_share_the_line() {
    let mut world = World::new(4);
    for number in 0..7 {
        world.add_file(UploadId(number), noise(u64::from(number), 900_000));
    }
    world.run();
    assert_eq!(world.server.files.len(), 7);
    world.settle();
}

#[test]
fn a_paused_upload_rests_and_goes_on() {
    let mut world = World::new(5);
    let bytes = noise(5, 6_000_000);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 2_000_000 {
        world.step();
    }
    world.handle(Input::Pause(ONE));
    world.run_until(&[State::Paused]);
    while world.step() {}
    let taken = world.server.bytes_taken;
    assert!(taken < 4_000_000 && world.engine.poll_timeout().is_none());
    world.handle(Input::Resume(ONE));
    world.run();
    assert!(world.server.files == [bytes]);
}

#[test]
fn a_cancelled_upload_leaves_nothing() {
    let mut world = World::new(6);
    world.add_file(ONE, noise(6, 6_000_000));
    world.add_file(UploadId(2), noise(7, 600_000));
    while world.server.bytes_taken < 1_000_000 {
        world.step();
    }
    world.handle(Input::Cancel(ONE));
    assert!(world.engine.view(ONE).is_none());
    world.run();
    world.settle();
    assert_eq!((world.server.open_sessions(), world.server.files.len(), world.journal.len()), (0, 1, 0));
}

#[test]
fn the_digest_of_the_whole_file_may_come_late() {
    let mut world = World::new(8);
    world.server.slow_blobs = 4;
    world.add_file(ONE, noise(8, 100_000));
    world.run();
    assert!(world.view(ONE).finished.is_some_and(|finished| finished.blob.is_none()));
    let asked_at = world.now;
    world.settle();
    assert!(world.view(ONE).finished.is_some_and(|finished| finished.blob.is_some()));
    assert!(world.now - asked_at >= 250 + 500 + 1_000 + 2_000 + 4_000, "the pauses double");
}

#[test]
fn a_lost_file_waits_for_a_person() {
    let mut world = World::new(9);
    let bytes = noise(9, 6_000_000);
    world.add_file(ONE, bytes.clone());
    while world.server.bytes_taken < 1_000_000 {
        world.step();
    }
    world.files.get_mut(&ONE).unwrap().lost = true;
    world.run_until(&[State::NeedsFile]);
    world.files.get_mut(&ONE).unwrap().lost = false;
    let source = world.source(ONE);
    world.handle(Input::Source { upload: ONE, source });
    world.run();
    assert!(world.server.files == [bytes]);
    assert!(world.server.bytes_taken <= 6_000_000 + HELD_MAX / 2 + 65_536);
}
