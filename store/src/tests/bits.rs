//! Bits that flip while nobody looks: each is found, none is given away, and sound data raises no alarm.
//!
//! `CAIRN_SEEDS` says how many bits (40), `CAIRN_SEED` names one.

use std::path::Path;

use super::random::Random;
use super::seeds::each_seed;
use super::world::{Facts, Flushed, World, sim_disk};
use crate::error::StoreError;
use crate::model::Codec;
use crate::verify::verify;

#[test]
fn every_flipped_bit_is_found_and_none_is_given() {
    each_seed("bits", 40, run);
}

async fn run(seed: u64) {
    let mut random = Random::new(seed);
    let (disk, indexes) = (sim_disk(), Flushed::default());
    let mut facts = Facts::default();
    let mut world = World::open(std::sync::Arc::new(disk.clone()), &indexes, 1_000, 100).unwrap();
    for _ in 0..150 {
        world.step(&mut random, &mut facts).await.unwrap();
    }
    let report = verify(world.meta.as_ref(), world.chunks.as_ref(), &mut |_| {}).await.unwrap();
    assert!(report.is_sound(), "a false alarm: {report:?}");
    let (now, next_id) = (world.now, world.next_id);
    drop(world);
    let (flipped, byte) = disk.flip_bit(&mut random).unwrap();
    let indexes = if random.chance(2) { indexes } else { Flushed::default() };
    match World::open(std::sync::Arc::new(disk), &indexes, now, next_id) {
        Err(StoreError::Damaged(_)) => {
            assert!(!is_chunk(&flipped), "{} keeps the store closed", flipped.display())
        }
        Err(StoreError::Newer { .. }) if flipped.ends_with("format") => {}
        Err(error) => panic!("{}: {error}", flipped.display()),
        Ok(world) => {
            let codec = world.names(&flipped, byte).await;
            let is_held = !is_chunk(&flipped) || codec.is_some();
            world.check_what_is_given(&facts).await;
            let report = verify(world.meta.as_ref(), world.chunks.as_ref(), &mut |_| {}).await.unwrap();
            // Some bits of a zstd frame mean nothing: with one of them flipped the content is still what it was.
            let may_be_sound = matches!(codec, Some(Codec::Zstd { .. }));
            assert!(is_held != report.is_sound() || may_be_sound, "{}: {report:?}", flipped.display());
        }
    }
}

fn is_chunk(path: &Path) -> bool {
    path.starts_with("/data/chunks")
}
