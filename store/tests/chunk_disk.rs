//! What the chunks' adapter on disk leaves behind: nothing but whole chunks under their names.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use cairn_store::{ChunkStore, chunk};
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
