//! What an edit costs: random edit scripts on random files, cut as an upload cuts them. Only chunks that the first version
//! does not have travel, and their sum stays near what was changed.
//!
//! `CAIRN_SEEDS` says how many (60), `CAIRN_SEED` names one.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashSet;

use cairn_engine::cutter::Cutter;
use cairn_shared::ChunkRule;
use sha2::{Digest, Sha256};

const MIB: u64 = 1 << 20;
/// What one place may cost beside what was changed there, at most and on average: cuts find each other again after a few
/// chunks of up to 4 MiB.
const PLACE_MAX: u64 = 12 * MIB;
const PLACE_AVERAGE: u64 = 3 * MIB;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.roll().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// Digest and length of every chunk.
fn chunks(bytes: &[u8]) -> Vec<([u8; 32], u64)> {
    let mut cutter = Cutter::new(ChunkRule::FastCdc);
    let mut chunks = Vec::new();
    let mut take = |cutter: &mut Cutter| {
        while let Some(chunk) = cutter.next_chunk() {
            chunks.push((Sha256::digest(chunk).into(), chunk.len() as u64));
        }
    };
    for some in bytes.chunks(1 << 20) {
        cutter.push(some);
        take(&mut cutter);
    }
    cutter.end();
    take(&mut cutter);
    chunks
}

/// Changes a file at one place; how many bytes of it are new.
fn edit(bytes: &mut Vec<u8>, dice: &mut Dice) -> u64 {
    let scale = [10, 5_000, 400_000][dice.below(3)];
    let length = 1 + dice.below(scale);
    let at = dice.below(bytes.len() + 1);
    let end = (at + length).min(bytes.len());
    match dice.below(5) {
        0 => {
            let new = dice.bytes(length);
            bytes.splice(at..at, new);
            length as u64
        }
        1 => {
            bytes.drain(at..end);
            0
        }
        2 => {
            let new = dice.bytes(end - at);
            bytes[at..end].copy_from_slice(&new);
            (end - at) as u64
        }
        3 => {
            let new = dice.bytes(length);
            bytes.extend_from_slice(&new);
            length as u64
        }
        _ => {
            bytes.truncate(bytes.len() - length.min(bytes.len() / 2));
            0
        }
    }
}

/// Bytes sent beside those that changed, and at how many places.
fn run(seed: u64) -> (u64, u64) {
    let mut dice = Dice(seed);
    let length = (6 * MIB) as usize + dice.below((18 * MIB) as usize);
    let mut bytes = dice.bytes(length);
    let had: HashSet<_> = chunks(&bytes).into_iter().map(|(digest, _)| digest).collect();
    let places = 1 + dice.below(4) as u64;
    let changed: u64 = (0..places).map(|_| edit(&mut bytes, &mut dice)).sum();
    let mut sent = HashSet::new();
    let new = chunks(&bytes).into_iter().filter(|(digest, _)| !had.contains(digest) && sent.insert(*digest));
    let beside = new.map(|(_, length)| length).sum::<u64>().saturating_sub(changed);
    assert!(beside <= PLACE_MAX * places, "seed {seed}: {beside} bytes beside {changed} at {places} places");
    (beside, places)
}

#[test]
fn an_edit_costs_little_more_than_what_it_changed() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("CAIRN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAIRN_SEEDS").unwrap_or(60),
    };
    let (mut beside, mut places) = (0, 0);
    for seed in seeds {
        let (some, at) = run(seed);
        beside += some;
        places += at;
    }
    println!("{places} places, {} bytes beside the change at each", beside / places);
    assert!(beside <= PLACE_AVERAGE * places, "{} bytes a place", beside / places);
}
