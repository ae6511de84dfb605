//! Folders from before stores had an id, and those that the operator adopts.

use std::fs;
use std::path::Path;

use cairn_store::ground::{self, Opened};
use cairn_store::meta::Library;
use cairn_store::{StoreError, chunk, meta};
use tempfile::TempDir;

use crate::world::{Facts, check, copy, open, put, remove, sweep, wait};

/// As a server of format 2 left it.
async fn old(data: &Path, numbers: std::ops::Range<u64>) {
    fs::create_dir_all(data).unwrap();
    fs::write(data.join("secret"), [7; 32]).unwrap();
    let store = Opened {
        meta: meta::open(data, Library::Sled).unwrap(),
        chunks: chunk::open_compressing(data).unwrap(),
        secret: [7; 32],
    };
    for n in numbers {
        put(&store, n, n).await.unwrap();
    }
}

fn words(data: &Path) -> String {
    fs::read_to_string(data.join("format")).unwrap()
}

#[test]
fn a_folder_whose_parts_agree_gets_an_id() {
    let root = TempDir::new().unwrap();
    let (data, facts) = (root.path().join("data"), Facts::from([(1, 1), (2, 2), (3, 3)]));
    wait(async {
        old(&data, 1..4).await;
        assert_eq!(words(&data), "cairn data folder, format 2\n");
        let marked = root.path().join("marked");
        for is_broken_off in [false, true] {
            if is_broken_off {
                // The marks are set, and the format is still the old one.
                remove(&data);
                copy(&marked, &data);
                fs::write(data.join("format"), "cairn data folder, format 2\n").unwrap();
            }
            let store = open(&data, false).await.unwrap();
            assert!(store.chunks.keeps().is_none());
            assert_eq!(store.secret, [7; 32]);
            sweep(&store).await.unwrap();
            check(&store, &facts).await.unwrap();
            drop(store);
            let mark = fs::read_to_string(data.join("log/store")).unwrap();
            for part in ["snapshot", "chunks", "chunks/00000001"] {
                assert_eq!(fs::read_to_string(data.join(part).join("store")).unwrap(), mark, "{part}");
            }
            assert!(words(&data).starts_with("cairn data folder, format 3\nstore "));
            copy(&data, &marked);
        }
    });
}

#[test]
fn in_a_folder_whose_parts_do_not_agree_nothing_is_removed() {
    let root = TempDir::new().unwrap();
    let (data, away) = (root.path().join("data"), root.path().join("away"));
    let facts: Facts = (1..400).map(|n| (n, n)).collect();
    wait(async {
        old(&data, 1..400).await;
        // Its log was not mounted, and a server of that format began anew without a word.
        fs::rename(data.join("log"), &away).unwrap();
        for part in ["index", "index.seal", "snapshot"] {
            remove(&data.join(part));
        }
        old(&data, 500..501).await;
        for _ in 0..2 {
            let store = open(&data, false).await.unwrap();
            assert!(store.chunks.keeps().unwrap().contains("399 more are there that no fact names"));
            sweep(&store).await.unwrap();
            put(&store, 501, 501).await.ok();
            check(&store, &Facts::from([(500, 500)])).await.unwrap();
        }
        remove(&data.join("log"));
        for part in ["index", "index.seal", "snapshot"] {
            remove(&data.join(part));
        }
        fs::rename(&away, data.join("log")).unwrap();
        let store = open(&data, false).await.unwrap();
        assert!(store.chunks.keeps().is_none());
        sweep(&store).await.unwrap();
        check(&store, &facts).await.unwrap();
    });
}

#[test]
fn what_is_lost_for_good_is_given_up_by_the_operator_alone() {
    let root = TempDir::new().unwrap();
    let (data, older) = (root.path().join("data"), root.path().join("older"));
    wait(async {
        let store = open(&data, true).await.unwrap();
        put(&store, 1, 1).await.unwrap();
        drop(store);
        copy(&data, &older);
        let store = open(&data, true).await.unwrap();
        put(&store, 2, 2).await.unwrap();
        drop(store);
        let newer = root.path().join("newer");
        fs::rename(data.join("log"), &newer).unwrap();
        assert!(
            ground::adopt(&data, [9; 16], false).await.unwrap_err().to_string().contains("has no segment")
        );
        copy(&older.join("log"), &data.join("log"));
        assert!(matches!(open(&data, true).await, Err(StoreError::Apart(_))));
        let before = crate::world::tree(&data);
        assert!(ground::adopt(&data, [9; 16], true).await.unwrap().told.len() > 2);
        assert!(crate::world::tree(&data) == before, "it was to tell only");
        ground::adopt(&data, [9; 16], false).await.unwrap();
        for _ in 0..2 {
            let store = open(&data, false).await.unwrap();
            check(&store, &Facts::from([(1, 1)])).await.unwrap();
            assert!(check(&store, &Facts::from([(2, 2)])).await.is_err());
        }
        remove(&data.join("log"));
        fs::rename(&newer, data.join("log")).unwrap();
        assert!(matches!(open(&data, false).await, Err(StoreError::Apart(_))), "given up is given up");
    });
}

#[test]
fn what_no_record_names_when_a_folder_gets_its_id_is_kept_for_good() {
    let root = TempDir::new().unwrap();
    let (data, newer) = (root.path().join("data"), root.path().join("newer"));
    wait(async {
        old(&data, 1..21).await;
        let older = root.path().join("older");
        copy(&data.join("log"), &older);
        old(&data, 21..31).await;
        fs::rename(data.join("log"), &newer).unwrap();
        copy(&older, &data.join("log"));
        for part in ["index", "index.seal"] {
            remove(&data.join(part));
        }
        // No more than explains itself by a crash: the folder is taken, and what is not explained stays.
        let store = open(&data, false).await.unwrap();
        assert!(store.chunks.keeps().is_none());
        sweep(&store).await.unwrap();
        drop(store);
        remove(&data.join("log"));
        fs::rename(&newer, data.join("log")).unwrap();
        assert!(matches!(open(&data, false).await, Err(StoreError::Apart(_))));
        ground::adopt(&data, [9; 16], false).await.unwrap();
        let store = open(&data, false).await.unwrap();
        check(&store, &(1..31).map(|n| (n, n)).collect()).await.unwrap();
    });
}

#[test]
fn facts_of_different_times_are_not_adopted() {
    let root = TempDir::new().unwrap();
    let (data, older) = (root.path().join("data"), root.path().join("older"));
    wait(async {
        let store = open(&data, true).await.unwrap();
        put(&store, 1, 1).await.unwrap();
        copy(&data.join("log"), &older);
        put(&store, 2, 2).await.unwrap();
        assert!(store.meta.checkpoint(0).await.unwrap());
        drop(store);
        remove(&data.join("log"));
        copy(&older, &data.join("log"));
        let before = crate::world::tree(&data);
        let why = ground::adopt(&data, [9; 16], false).await.unwrap_err().to_string();
        assert!(why.contains("of different times"), "{why}");
        assert!(crate::world::tree(&data) == before);
    });
}
