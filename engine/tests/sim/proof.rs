//! What others hold is proven, not sent.

use std::collections::HashMap;

use cairn_engine::State;
use cairn_engine::cutter::Cutter;
use cairn_shared::ChunkDigest;
use sha2::{Digest, Sha256};

use crate::world::{ONE, RULE, Weather, World, noise};

/// The chunks of a file, as somebody else's upload would have brought them.
fn chunks(bytes: &[u8]) -> HashMap<ChunkDigest, Vec<u8>> {
    let mut cutter = Cutter::new(RULE);
    cutter.push(bytes);
    cutter.end();
    let mut chunks = HashMap::new();
    while let Some(chunk) = cutter.next_chunk() {
        chunks.insert(ChunkDigest::new(Sha256::digest(chunk).into()), chunk.to_vec());
    }
    chunks
}

#[test]
fn a_file_that_others_sent_takes_no_bytes() {
    let bytes = noise(1, 9_000_000);
    let mut world = World::new(1);
    world.server.others = chunks(&bytes);
    world.add_file(ONE, bytes.clone());
    world.run();
    let view = world.view(ONE);
    assert_eq!((world.server.bytes_taken, view.sent, view.reused), (0, 0, 9_000_000));
    assert_eq!(world.server.proven as usize, world.server.others.len());
    assert!(world.server.files == [bytes]);
    world.settle();
}

#[test]
fn only_what_nobody_has_is_sent_and_late_proofs_are_told_again() {
    let bytes = noise(2, 5_000_000);
    let mut world = World::new(2);
    world.server.others = chunks(&bytes);
    let missing: Vec<_> = world.server.others.keys().copied().step_by(3).collect();
    let missing = missing.iter().map(|digest| world.server.others.remove(digest).unwrap().len() as u64).sum();
    world.server.late_proofs = 40;
    world.add_file(ONE, bytes.clone());
    world.run();
    assert_eq!(world.server.bytes_taken, missing);
    assert_eq!(world.view(ONE).reused, 5_000_000 - missing);
    assert!(world.server.files == [bytes]);
    world.settle();
}

#[test]
fn a_wrong_proof_has_the_chunk_sent() {
    let bytes = noise(3, 2_000_000);
    let mut world = World::new(3);
    // The server's copies are others than their digests say: no proof fits.
    world.server.others = chunks(&bytes);
    world.server.others.values_mut().for_each(|bytes| bytes[0] ^= 1);
    world.add_file(ONE, bytes.clone());
    world.run();
    assert_eq!((world.server.proven, world.server.bytes_taken), (0, 2_000_000));
    assert!(world.server.files == [bytes]);
}

#[test]
fn chunks_that_repeat_are_proven_at_one_place_at_least() {
    let block = noise(4, 65_536);
    let bytes = block.repeat(30);
    let mut world = World::new(4);
    world.server.others = chunks(&bytes);
    world.add_file(ONE, bytes.clone());
    world.run();
    assert_eq!(world.server.bytes_taken, 0);
    assert!(world.server.files == [bytes]);
    world.settle();
}

#[test]
fn storms_breaks_and_edits_lose_nothing() {
    for seed in 50..90 {
        let bytes = noise(seed, 1_500_000);
        let mut world = World::new(seed);
        world.server.others = chunks(&bytes);
        world.server.others.retain(|digest, _| digest.as_bytes()[0] % 4 != 0);
        world.weather =
            Weather { lost_requests: 10, lost_replies: 10, doubled_replies: 20, busy: 10, delay_ms_max: 200 };
        world.add_file(ONE, bytes);
        (0..seed * 2).for_each(|_| {
            world.step();
        });
        if world.view(ONE).state != State::Done {
            if seed % 2 == 0 {
                world.come_back();
                world.edit(ONE, |bytes| bytes[700_000] ^= 1);
                world.add(ONE);
            }
            world.run();
        }
        assert!(world.server.files.last() == Some(&world.files[&ONE].bytes), "seed {seed}");
        world.weather = Weather::default();
        world.settle();
    }
}

#[test]
fn a_server_that_never_takes_a_proof_gets_the_bytes() {
    let bytes = noise(5, 1_000_000);
    let mut world = World::new(5);
    world.server.others = chunks(&bytes);
    world.server.late_proofs = u32::MAX;
    world.add_file(ONE, bytes.clone());
    world.run();
    assert_eq!(world.server.bytes_taken, 1_000_000);
    assert!(world.server.requests < 100, "{} requests", world.server.requests);
    assert!(world.server.files == [bytes]);
}
