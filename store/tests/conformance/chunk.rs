//! `ChunkStore`, `ChunkWriter`, `ChunkReader`.

use bytes::Bytes;
use cairn_shared::ChunkDigest;
use cairn_store::model::Locator;
use cairn_store::{ChunkStore, Staged, StoreError};
use sha2::{Digest, Sha256};

use crate::support::Kit;

const MIB: usize = 1_024 * 1_024;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8 ^ (n >> 12) as u8).collect()
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
    let bytes = content(3 * MIB + 17);
    let locator = place(&**kit.chunks(), &bytes, 0).await;
    assert_eq!((locator.length, locator.offset), (bytes.len() as u32, 0));
    for offset in [0, 1, 256 * 1_024, MIB, 3 * MIB + 16, 3 * MIB + 17, 9 * MIB] {
        let rest = read(&**kit.chunks(), &locator, offset as u32).await.unwrap();
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
