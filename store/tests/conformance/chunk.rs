//! `ChunkStore`, `ChunkWriter`, `ChunkReader`.

use std::fs;

use bytes::Bytes;
use cairn_shared::{ChunkDigest, Row};
use cairn_store::model::{ChunkRecord, ChunkState, Codec, Locator};
use cairn_store::verify::verify;
use cairn_store::{ChunkStore, Described, Staged, StoreError, chunk};
use sha2::{Digest, Sha256};

use crate::support::{Kit, START};

const MIB: usize = 1_024 * 1_024;

/// Bytes that compress well.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8 ^ (n >> 12) as u8).collect()
}

/// Bytes that don't.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

async fn stage(store: &dyn ChunkStore, bytes: &[u8], step: usize) -> Staged {
    let mut writer = store.begin(bytes.len() as u32).await.unwrap();
    for bytes in bytes.chunks(step) {
        writer.write(Bytes::copy_from_slice(bytes)).await.unwrap();
    }
    writer.finish().await.unwrap()
}

async fn place(store: &dyn ChunkStore, bytes: &[u8], generation: u32) -> Locator {
    store.place(stage(store, bytes, 10_000).await, generation).await.unwrap()
}

async fn read(store: &dyn ChunkStore, locator: &Locator, offset: u32) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.open(locator, offset).await?;
    let mut all = Vec::new();
    while let Some(bytes) = reader.read().await? {
        assert!(!bytes.is_empty() && bytes.len() <= 256 * 1_024);
        all.extend_from_slice(&bytes);
    }
    assert_eq!(reader.read().await?, None, "the end stays the end");
    Ok(all)
}

fn is_damaged<T>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Damaged(_)))
}

pub(crate) async fn bytes_come_back_from_any_offset(kit: Kit) {
    for (bytes, codec) in [
        (noise(3 * MIB + 17), Codec::Plain),
        (content(3 * MIB + 17), Codec::Zstd { length: 3 * MIB as u32 + 17 }),
    ] {
        let locator = place(&**kit.chunks(), &bytes, 0).await;
        assert_eq!((locator.offset, locator.codec), (0, codec));
        check_offsets(&**kit.chunks(), &locator, &bytes).await;
    }
}

async fn check_offsets(store: &dyn ChunkStore, locator: &Locator, bytes: &[u8]) {
    for offset in [0, 1, 256 * 1_024 - 1, 256 * 1_024, MIB + 1, 3 * MIB, 3 * MIB + 16, 3 * MIB + 17, 9 * MIB]
    {
        let rest = read(store, locator, offset as u32).await.unwrap();
        assert_eq!(rest, bytes[offset.min(bytes.len())..], "offset {offset}");
    }
}

pub(crate) async fn the_digest_is_that_of_the_bytes(kit: Kit) {
    let bytes = content(MIB + 1);
    for step in [777, 256 * 1_024, bytes.len()] {
        let staged = stage(&**kit.chunks(), &bytes, step).await;
        assert_eq!(staged.digest, ChunkDigest::new(Sha256::digest(&bytes).into()));
        assert_eq!((staged.length, staged.crc32), (bytes.len() as u32, crc32fast::hash(&bytes)));
    }
}

pub(crate) async fn a_chunk_may_be_empty_or_of_one_byte(kit: Kit) {
    for length in [0, 1] {
        let bytes = content(length);
        let locator = place(&**kit.chunks(), &bytes, 0).await;
        assert_eq!(read(&**kit.chunks(), &locator, 0).await.unwrap(), bytes);
    }
}

pub(crate) async fn too_many_bytes_are_refused(kit: Kit) {
    let mut writer = kit.chunks().begin(10).await.unwrap();
    writer.write(Bytes::from_static(b"12345678")).await.unwrap();
    assert!(matches!(writer.write(Bytes::from_static(b"901")).await, Err(StoreError::Io(_))));
}

pub(crate) async fn nothing_is_visible_before_it_is_placed(kit: Kit) {
    let bytes = content(500_000);
    let locator = place(&**kit.chunks(), &bytes, 0).await;
    kit.chunks().remove(&locator).await.unwrap();
    let staged = stage(&**kit.chunks(), &bytes, 9_999).await;
    assert!(is_damaged(kit.chunks().open(&locator, 0).await));
    drop(staged);
    assert!(is_damaged(kit.chunks().open(&locator, 0).await));
    assert_eq!(place(&**kit.chunks(), &bytes, 0).await, locator, "the same chunk has the same name");
}

pub(crate) async fn placing_twice_is_idempotent(kit: Kit) {
    let bytes = content(300_000);
    let first = place(&**kit.chunks(), &bytes, 0).await;
    let mut reader = kit.chunks().open(&first, 0).await.unwrap();
    assert_eq!(place(&**kit.chunks(), &bytes, 0).await, first);
    assert_eq!(read(&**kit.chunks(), &first, 0).await.unwrap(), bytes);
    let begin = reader.read().await.unwrap().unwrap();
    assert_eq!(begin, bytes[..begin.len()], "whoever was reading goes on");
}

pub(crate) async fn generations_are_different_copies(kit: Kit) {
    let bytes = content(1_000);
    let old = place(&**kit.chunks(), &bytes, 0).await;
    let new = place(&**kit.chunks(), &bytes, 1).await;
    assert_ne!(old, new);
    kit.chunks().remove(&old).await.unwrap();
    assert!(is_damaged(kit.chunks().open(&old, 0).await));
    assert_eq!(read(&**kit.chunks(), &new, 0).await.unwrap(), bytes);
}

pub(crate) async fn removing_again_is_idempotent(kit: Kit) {
    let locator = place(&**kit.chunks(), &content(1_000), 0).await;
    for _ in 0..2 {
        kit.chunks().remove(&locator).await.unwrap();
        assert!(is_damaged(kit.chunks().open(&locator, 0).await));
    }
}

pub(crate) async fn a_chunk_that_is_not_there_is_damage(kit: Kit) {
    let mut locator = place(&**kit.chunks(), &content(1_000), 0).await;
    locator.key = locator.key.replace(".0", ".1");
    assert!(is_damaged(kit.chunks().open(&locator, 0).await));
    locator.key = "../../etc/passwd".to_owned();
    assert!(is_damaged(kit.chunks().open(&locator, 0).await));
}

pub(crate) async fn what_compresses_well_takes_less(kit: Kit) {
    let store = &**kit.chunks();
    for length in [1_000, 300_000, 2 * MIB] {
        let locator = place(store, &content(length), 0).await;
        assert!(locator.length < length as u32 / 2, "{length} bytes are stored as {}", locator.length);
        let (again, bytes) = (place(store, &content(length), 0).await, content(length));
        assert_eq!(again, locator, "the same bytes in the same place");
        for step in [777, 256 * 1_024, length] {
            let staged = stage(store, &bytes, step).await;
            assert_eq!(store.place(staged, 0).await.unwrap(), locator, "in whatever pieces they come");
        }
    }
}

pub(crate) async fn what_saves_too_little_stays_plain(kit: Kit) {
    let store = &**kit.chunks();
    let promising = [content(300_000), noise(5 * MIB)].concat();
    for bytes in [content(100), noise(1_000), noise(2 * MIB), promising] {
        let locator = place(store, &bytes, 0).await;
        assert_eq!((locator.length, locator.codec), (bytes.len() as u32, Codec::Plain));
        assert_eq!(read(store, &locator, 0).await.unwrap(), bytes);
    }
}

pub(crate) async fn a_crowd_of_writers_changes_nothing(kit: Kit) {
    let store = &**kit.chunks();
    for bytes in [content(2 * MIB), noise(MIB + 5), content(100), [content(300_000), noise(MIB)].concat()] {
        let mut others = Vec::new();
        for _ in 0..100 {
            others.push(store.begin(MIB as u32).await.unwrap());
        }
        let mut locators = Vec::new();
        for step in [bytes.len(), 300_000, 70_000, 9_000] {
            let staged = stage(store, &bytes, step).await;
            assert_eq!(staged.row().digest, Described::of(&bytes).digest);
            locators.push(store.place(staged, 0).await.unwrap());
            assert_eq!(read(store, &locators[0], 0).await.unwrap(), bytes);
        }
        drop(others);
        let alone = store.place(stage(store, &bytes, 10_000).await, 0).await.unwrap();
        assert!(locators.iter().all(|locator| *locator == alone), "the same place, and the same length");
    }
}

pub(crate) async fn small_chunks_are_compressed_one_by_one(kit: Kit) {
    let store = &**kit.chunks();
    let contents: Vec<Vec<u8>> =
        (0..200).map(|n| if n % 3 == 0 { noise(n * 50 + 1) } else { content(n * 1_300) }).collect();
    let mut pack = store.begin_pack().await.unwrap();
    for bytes in &contents {
        pack.add(&Described::of(bytes), 0, Bytes::copy_from_slice(bytes)).await.unwrap();
    }
    let locators = pack.place().await.unwrap();
    for (bytes, locator) in contents.iter().zip(&locators) {
        let is_compressed = matches!(locator.codec, Codec::Zstd { .. });
        assert_eq!(is_compressed, locator.length < bytes.len() as u32);
        assert_eq!(read(store, locator, 0).await.unwrap(), *bytes);
        assert_eq!(read(store, locator, 999).await.unwrap(), bytes[bytes.len().min(999)..]);
    }
    assert!(locators.iter().filter(|locator| matches!(locator.codec, Codec::Zstd { .. })).count() > 100);
    for locator in locators.iter().step_by(2) {
        store.remove(locator).await.unwrap();
    }
    for (bytes, locator) in contents.iter().zip(&locators).skip(1).step_by(2) {
        assert_eq!(read(store, locator, 0).await.unwrap(), *bytes, "its neighbours are gone");
    }
}

/// Reads by a record, as downloads do; `Damaged` may come with any piece.
async fn read_verified(store: &dyn ChunkStore, record: &ChunkRecord) -> Result<Vec<u8>, StoreError> {
    let (little, much) = (read_by(store, record, chunk::READ_BYTES), read_by(store, record, MIB));
    let (little, much) = (little.await, much.await);
    assert_eq!(little.as_ref().ok(), much.as_ref().ok(), "it depends on how much is read at once");
    much.and(little)
}

async fn read_by(
    store: &dyn ChunkStore,
    record: &ChunkRecord,
    at_once: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.open_verified(record, at_once).await?;
    let mut all = Vec::new();
    while let Some(bytes) = reader.read().await? {
        assert!(!bytes.is_empty() && bytes.len() <= at_once);
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

pub(crate) async fn frames_that_are_not_those_of_the_chunk_are_damage(kit: Kit) {
    let (store, bytes) = (&**kit.chunks(), content(3 * MIB));
    let right = place(store, &bytes, 0).await;
    let changed = |change: fn(&mut Locator)| {
        let mut locator = right.clone();
        change(&mut locator);
        locator
    };
    for wrong in [
        changed(|locator| locator.codec = Codec::Zstd { length: 3 * MIB as u32 - 1 }),
        changed(|locator| locator.codec = Codec::Zstd { length: 3 * MIB as u32 + 1 }),
        changed(|locator| locator.codec = Codec::Zstd { length: MIB as u32 }),
        changed(|locator| locator.codec = Codec::Zstd { length: 0 }),
        changed(|locator| locator.codec = Codec::Zstd { length: u32::MAX }),
        changed(|locator| locator.length -= 1),
        changed(|locator| locator.length = 0),
        changed(|locator| locator.offset += 1),
    ] {
        assert!(is_damaged(read(store, &wrong, 0).await), "{wrong:?}");
    }
    let described = Described::of(&bytes);
    let (length, crc32, state) = (described.length, described.crc32, ChunkState::Present);
    let record = ChunkRecord { length, crc32, state, generation: 0, locator: right };
    assert_eq!(read_verified(store, &record).await.unwrap(), bytes);
    // A record that says another length than what is stored gives no more than it says, and no end that looks clean.
    for length in [length - 1, length + 1] {
        assert!(is_damaged(read_verified(store, &ChunkRecord { length, ..record.clone() }).await));
    }
}

pub(crate) async fn a_damaged_compressed_chunk_is_found_and_healed(kit: Kit) {
    let (store, bytes) = (&**kit.chunks(), content(3 * MIB));
    let described = Described::of(&bytes);
    let row = Row { digest: described.digest, length: described.length };
    let session = kit.start(1, 1).await;
    kit.declare(session, &[row]).await;
    let damages: [fn(&mut Vec<u8>); 4] = [
        |stored| stored.truncate(stored.len() - 1),
        |stored| stored.push(0),
        |stored| stored[0] ^= 1,
        |stored| {
            let middle = stored.len() / 2;
            stored[middle] ^= 0x10;
        },
    ];
    for (damage, expected) in damages.into_iter().zip(0..) {
        let (generation, present) = kit.meta.placement(row.digest).await.unwrap();
        assert_eq!((generation, present), (expected, false));
        let locator = place(store, &bytes, generation).await;
        let (length, crc32, state) = (row.length, described.crc32, ChunkState::Present);
        let record = ChunkRecord { length, crc32, state, generation, locator };
        kit.meta.arrive(session, 0, row, record.clone(), 0, START).await.unwrap();
        assert!(verify(&*kit.meta, store, &mut |_| {}).await.unwrap().is_sound(), "it is healed");
        assert_eq!(read_verified(store, &record).await.unwrap(), bytes);
        let Some(path) = kit.path(&record.locator) else { return };
        let mut stored = fs::read(&path).unwrap();
        damage(&mut stored);
        fs::write(&path, stored).unwrap();
        // Bytes behind those that the locator names are nobody's.
        if expected == 1 {
            assert_eq!(read_verified(store, &record).await.unwrap(), bytes);
            assert!(kit.meta.quarantine(row.digest, generation).await.unwrap());
            continue;
        }
        assert!(is_damaged(read_verified(store, &record).await), "damage {expected}");
        assert_eq!(verify(&*kit.meta, store, &mut |_| {}).await.unwrap().damaged, [row.digest]);
        assert_eq!(kit.meta.chunk(row.digest).await.unwrap().unwrap().state, ChunkState::Damaged);
    }
}

pub(crate) async fn there_is_space_left(kit: Kit) {
    assert!(kit.chunks().free_bytes().await.unwrap() > 0);
}

pub(crate) async fn many_writers_work_at_the_same_time(kit: Kit) {
    let chunks = kit.chunks().clone();
    let tasks: Vec<_> = (0..16usize)
        .map(|n| {
            let chunks = chunks.clone();
            tokio::spawn(async move {
                let bytes = content(100_000 + n);
                let locator = place(&*chunks, &bytes, 0).await;
                assert_eq!(read(&*chunks, &locator, 0).await.unwrap(), bytes);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
