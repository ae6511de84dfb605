//! What the chunks' adapter on disk leaves behind: nothing but whole chunks under their names.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use cairn_store::model::Locator;
use cairn_store::{ChunkStore, Described, chunk};
use tempfile::TempDir;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn write(store: &dyn ChunkStore, length: usize) -> Box<dyn cairn_store::ChunkWriter> {
    let mut writer = store.begin(length as u32).await.unwrap();
    writer.write(Bytes::from(vec![7; length])).await.unwrap();
    writer
}

#[tokio::test]
async fn whatever_is_dropped_leaves_nothing_behind() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let tmp = data.path().join("tmp");
    let writer = write(&*store, 600_000).await;
    assert_eq!(names(&tmp).len(), 1);
    drop(writer);
    assert_eq!(names(&tmp).len(), 0);
    let staged = write(&*store, 600_000).await.finish().await.unwrap();
    assert_eq!(names(&tmp).len(), 1);
    drop(staged);
    assert_eq!(names(&tmp).len(), 0);
    let staged = write(&*store, 5).await.finish().await.unwrap();
    let foreign = chunk::memory().place(staged, 0).await;
    assert!(foreign.is_err(), "another store can't place it");
    assert_eq!(names(&tmp).len(), 0);
}

#[tokio::test]
async fn a_placed_chunk_lies_under_digest_and_generation() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let staged = write(&*store, 5).await.finish().await.unwrap();
    let digest = staged.digest.to_string();
    let locator = store.place(staged, 3).await.unwrap();
    let path = data.path().join("chunks/00000001").join(format!("{digest}.3"));
    assert_eq!(fs::read(&path).unwrap(), [7; 5]);
    assert!(path.ends_with(&locator.key));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(names(&data.path().join("tmp")).len(), 0);
    drop(store);
    let store = chunk::open(data.path()).unwrap();
    let mut reader = store.open(&locator, 0).await.unwrap();
    assert_eq!(reader.read().await.unwrap().unwrap(), [7; 5][..]);
}

#[tokio::test]
async fn in_a_crowd_nobody_keeps_much_in_memory_and_nothing_stays_behind_the_chunk() {
    let data = TempDir::new().unwrap();
    let store = chunk::open_compressing(data.path()).unwrap();
    let tmp = data.path().join("tmp");
    let mut writers = Vec::new();
    for _ in 0..100 {
        writers.push(store.begin(300_000).await.unwrap());
    }
    for writer in &mut writers {
        for _ in 0..20 {
            writer.write(vec![7; 10_000].into()).await.unwrap();
        }
    }
    let aside: u64 = fs::read_dir(&tmp).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(aside >= 100 * (200_000 - 64 * 1_024 - 10_000), "{aside} bytes lie on the disk");
    let mut last = writers.pop().unwrap();
    last.write(vec![7; 100_000].into()).await.unwrap();
    let locator = store.place(last.finish().await.unwrap(), 0).await.unwrap();
    let stored = fs::metadata(data.path().join("chunks").join(&locator.key)).unwrap().len();
    assert_eq!(stored, u64::from(locator.length));
    assert!(stored < 1_000);
}

#[tokio::test]
async fn a_chunk_that_ends_too_early_is_damage_not_an_end() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let staged = write(&*store, 2_000_000).await.finish().await.unwrap();
    let locator = store.place(staged, 0).await.unwrap();
    let path = data.path().join("chunks").join(&locator.key);
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1_500_000).unwrap();
    let mut reader = store.open(&locator, 0).await.unwrap();
    let mut read = 0;
    let failed = loop {
        match reader.read().await {
            Ok(Some(bytes)) => read += bytes.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(failed && read <= 1_500_000);
    assert!(reader.read().await.is_err(), "it never looks like an end");
}

#[tokio::test]
async fn opening_clears_tmp_and_follows_no_links() {
    let data = TempDir::new().unwrap();
    let victim = data.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let tmp = data.path().join("tmp");
    fs::create_dir(&tmp).unwrap();
    fs::write(tmp.join("0"), "half a chunk").unwrap();
    std::os::unix::fs::symlink(&victim, tmp.join("1")).unwrap();
    let store = chunk::open(data.path()).unwrap();
    assert_eq!(names(&tmp).len(), 0);
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
    drop(store);
}

async fn pack(store: &dyn ChunkStore, contents: &[Vec<u8>]) -> Box<dyn cairn_store::PackWriter> {
    let mut pack = store.begin_pack().await.unwrap();
    for bytes in contents {
        pack.add(&Described::of(bytes), 0, Bytes::copy_from_slice(bytes)).await.unwrap();
    }
    pack
}

async fn read(store: &dyn ChunkStore, locator: &Locator) -> Vec<u8> {
    let mut reader = store.open(locator, 0).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(some) = reader.read().await.unwrap() {
        bytes.extend_from_slice(&some);
    }
    bytes
}

#[tokio::test]
async fn a_pack_is_one_file_and_goes_with_its_last_chunk() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let contents: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; 1 + usize::from(n) * 300]).collect();
    let locators = pack(&*store, &contents).await.place().await.unwrap();
    let folder = data.path().join("chunks/00000001");
    assert_eq!(names(&folder).len(), 1);
    assert_eq!(names(&data.path().join("tmp")).len(), 0);
    let blocks = |path: &Path| std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).unwrap());
    let path = data.path().join("chunks").join(&locators[0].key);
    let whole = blocks(&path);
    drop(store);
    let store = chunk::open(data.path()).unwrap();
    assert_eq!(store.copies("00000001").await.unwrap().len(), 200);
    for (at, locator) in locators.iter().enumerate() {
        assert_eq!(read(&*store, locator).await, contents[at]);
        // Removed twice, in any order, it takes nothing from its neighbours.
        if at % 2 == 0 {
            store.remove(locator).await.unwrap();
            store.remove(locator).await.unwrap();
        }
    }
    assert!(blocks(&path) < whole * 6 / 10, "{} of {whole} blocks", blocks(&path));
    let copies = store.copies("00000001").await.unwrap();
    assert!(copies.iter().map(|copy| &copy.locator).eq(locators.iter().skip(1).step_by(2)));
    for (locator, bytes) in locators.iter().zip(&contents).skip(1).step_by(2) {
        assert_eq!(read(&*store, locator).await, *bytes);
        store.remove(locator).await.unwrap();
    }
    assert_eq!(names(&folder).len(), 0);
    assert_eq!(store.copies("00000001").await.unwrap(), []);
    store.remove(&locators[0]).await.unwrap();
}

#[tokio::test]
async fn a_pack_that_is_dropped_or_empty_leaves_nothing_behind() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let many: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 20_000]).collect();
    let writer = pack(&*store, &many).await;
    assert_eq!(names(&data.path().join("tmp")).len(), 1);
    drop(writer);
    assert_eq!(names(&data.path().join("tmp")).len(), 0);
    assert_eq!(pack(&*store, &[]).await.place().await.unwrap(), []);
    assert_eq!(store.folders().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pack_with_a_damaged_directory_keeps_its_chunks() {
    let data = TempDir::new().unwrap();
    let store = chunk::open(data.path()).unwrap();
    let contents = [vec![1; 5_000], vec![2; 10]];
    let locators = pack(&*store, &contents).await.place().await.unwrap();
    let path = data.path().join("chunks").join(&locators[0].key);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 60;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(store.copies("00000001").await.unwrap(), []);
    assert!(store.remove(&locators[0]).await.is_err());
    assert_eq!(read(&*store, &locators[1]).await, contents[1]);
}

#[tokio::test]
async fn small_chunks_that_share_a_block_give_it_back_with_the_last() {
    let data = TempDir::new().unwrap();
    let store = chunk::open_compressing(data.path()).unwrap();
    let contents: Vec<Vec<u8>> = (0..600_u32)
        .map(|n| {
            (0..4_000_u32).map(|at| b"abcd"[(at ^ n).wrapping_mul(2_654_435_761) as usize >> 30]).collect()
        })
        .collect();
    let locators = pack(&*store, &contents).await.place().await.unwrap();
    let path = data.path().join("chunks").join(&locators[0].key);
    let blocks = || std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().len() < 600 * 2_000, "they lie close together");
    let whole = blocks();
    for locator in &locators[1..599] {
        store.remove(locator).await.unwrap();
    }
    // What is left: a block at each end, and the directory.
    assert!(blocks() < whole / 4, "{} of {whole} blocks", blocks());
    for at in [0, 599] {
        assert_eq!(read(&*store, &locators[at]).await, contents[at]);
    }
}

#[tokio::test]
async fn a_folder_says_that_chunks_may_be_compressed_before_one_is() {
    let data = TempDir::new().unwrap();
    let format = || fs::read_to_string(data.path().join("format")).unwrap_or_default();
    let bytes = b"again and again ".repeat(10_000);
    let place = async |store: &dyn ChunkStore, generation| {
        let mut writer = store.begin(bytes.len() as u32).await.unwrap();
        writer.write(Bytes::from(bytes.clone())).await.unwrap();
        store.place(writer.finish().await.unwrap(), generation).await.unwrap()
    };
    let store = chunk::open(data.path()).unwrap();
    let plain = place(&*store, 0).await;
    assert_eq!((plain.length, format().as_str()), (160_000, ""), "without, nothing is noted");
    drop(store);
    fs::write(data.path().join("format"), "cairn data folder, format 1\n").unwrap();
    let store = chunk::open_compressing(data.path()).unwrap();
    assert_eq!(format(), "cairn data folder, format 2\n");
    let compressed = place(&*store, 0).await;
    assert!(compressed.length < 1_000 && compressed.key.ends_with(".0.zst"));
    assert!(!plain.is_at(&compressed), "never in the place of what a record says is plain");
    drop(store);
    let store = chunk::open(data.path()).unwrap();
    assert_eq!(format(), "cairn data folder, format 2\n", "it is never taken back");
    assert_eq!(
        (read(&*store, &plain).await, read(&*store, &compressed).await),
        (bytes.clone(), bytes.clone())
    );
    let mut copies: Vec<_> = store.copies("00000001").await.unwrap();
    copies.sort_by_key(|copy| copy.locator.key.clone());
    assert!(copies[0].locator.is_at(&plain) && copies[1].locator.is_at(&compressed));
}
