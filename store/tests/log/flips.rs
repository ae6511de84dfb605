//! Flipped bits in an index that was not closed: whatever sled makes of them, no row is missing or wrong that the comparison with
//! log and snapshot does not notice, and nothing is removed before it.
//!
//! `CAIRN_SEEDS` says how many bits (27), `CAIRN_CHUNKS` how many chunks the index has (1,500).

use std::fs;

use cairn_shared::{ChunkRule, UnixMs};
use cairn_store::model::ChunkRecord;
use cairn_store::{MetaStore, StoreError};

use crate::folder::{Folder, files};
use crate::world::{arrive_many, session, start, wait};

const BITS: u64 = 27;
const CHUNKS: u32 = 1_500;
const PAGE: usize = 1_000;
/// Later than everything.
const LATE: UnixMs = 1 << 40;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Every record of a chunk, in order.
async fn records(store: &dyn MetaStore) -> Result<Vec<ChunkRecord>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.chunks(after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = Some(*last);
        all.extend(page.into_iter().map(|(_, record)| record));
    }
}

/// What a killed server leaves, and its chunks.
fn killed() -> (Folder, Vec<ChunkRecord>) {
    let folder = Folder::new();
    let store = folder.open();
    let chunks = number("CAIRN_CHUNKS").map_or(CHUNKS, |chunks| chunks as u32);
    wait(async {
        start(&*store, 1, ChunkRule::FastCdc, None).await.unwrap();
        arrive_many(&*store, 1, 0..chunks / 3).await;
        assert!(store.checkpoint(0).await.unwrap());
        arrive_many(&*store, 1, chunks / 3..chunks).await;
        // Has the index written, and the log goes on behind.
        assert!(store.checkpoint(0).await.unwrap());
        arrive_many(&*store, 1, chunks..chunks + 20).await;
        let records = records(&*store).await.unwrap();
        assert_eq!(records.len() as u32, chunks + 20);
        (folder.copy(), records)
    })
}

#[derive(Default, Debug)]
struct Outcomes {
    whole: u64,
    rebuilt: u64,
    noticed: u64,
}

fn flip(folder: &Folder, expected: &[ChunkRecord], at: u64, outcomes: &mut Outcomes) {
    let copy = folder.copy();
    let mut files = files(&copy.index());
    files.sort();
    let length: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let mut bit = at % (length * 8);
    for file in files {
        let mut bytes = fs::read(&file).unwrap();
        if bit / 8 < bytes.len() as u64 {
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            fs::write(file, bytes).unwrap();
            break;
        }
        bit -= bytes.len() as u64 * 8;
    }
    wait(async {
        let mut store = copy.open();
        // `doom` compares first; there is nothing that it may give.
        let compared = store.doom(LATE, None, PAGE).await;
        match compared {
            Ok(doomed) => {
                assert!(doomed.is_empty(), "bit {at}: a held chunk is to be removed");
                outcomes.whole += 1;
            }
            Err(StoreError::Closed(why)) => {
                assert!(store.closed().is_some());
                if why.contains("differs from log and snapshot") {
                    outcomes.noticed += 1;
                } else {
                    outcomes.rebuilt += 1;
                }
                drop(store);
                store = copy.open();
                assert!(store.doom(LATE, None, PAGE).await.unwrap().is_empty());
            }
            Err(error) => panic!("bit {at}: {error}"),
        }
        assert!(records(&*store).await.unwrap() == expected, "bit {at}: rows are missing or wrong unnoticed");
        assert!(store.session(session(1)).await.unwrap().is_some());
    });
}

#[test]
fn a_flipped_bit_after_a_kill_hides_no_row() {
    let (folder, expected) = killed();
    let bits = number("CAIRN_SEEDS").unwrap_or(BITS);
    let mut outcomes = Outcomes::default();
    for bit in 0..bits {
        // Spread over the files, and over the bits of a byte.
        flip(&folder, &expected, bit.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8, &mut outcomes);
    }
    println!("{bits} bits: {outcomes:?}; 0 rows missing or wrong unnoticed");
}
