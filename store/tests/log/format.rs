//! Data folders of format 1, as they were written when it was settled: every later server opens them.
//!
//! `CAIRN_BLESS=<name>` writes one of them anew; that is right only before a first release, or for a new format beside this one.

use std::fs;
use std::path::{Path, PathBuf};

use cairn_store::verify::verify;
use cairn_store::{MetaStore, chunk};

use crate::folder::{Folder, copy_folder};
use crate::world::{START, fill, fill_folders, look, look_at_folders, wait};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1").join(name)
}

/// What the folder of that name holds: a log alone; a snapshot and the log behind it; folders that owners keep.
const NAMES: [&str; 3] = ["log", "snapshot", "folders"];

async fn write(store: &dyn MetaStore, name: &str) {
    if name == "folders" {
        return fill_folders(store).await;
    }
    fill(store).await;
    if name == "snapshot" {
        assert!(store.checkpoint(0).await.unwrap());
        store.sweep(START + 1_000, 0).await.unwrap();
    }
}

async fn look_at(store: &dyn MetaStore, name: &str) -> String {
    if name == "folders" { look_at_folders(store).await } else { look(store).await }
}

fn bless(name: &str) {
    let folder = Folder::new();
    let store = folder.open();
    let seen = wait(async {
        write(&*store, name).await;
        look_at(&*store, name).await
    });
    drop(store);
    for part in ["log", "snapshot", "format"] {
        let (from, to) = (folder.root().join(part), fixture(name).join(part));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    fs::create_dir_all(fixture(name)).unwrap();
    fs::write(fixture(name).join("seen.txt"), seen).unwrap();
}

#[test]
fn folders_of_format_1_are_read() {
    for name in NAMES {
        if std::env::var("CAIRN_BLESS").is_ok_and(|wanted| wanted == name) {
            bless(name);
        }
        let folder = Folder::new();
        copy_folder(&fixture(name), folder.root());
        let store = folder.open();
        let expected = fs::read_to_string(fixture(name).join("seen.txt")).unwrap();
        assert_eq!(wait(look_at(&*store, name)), expected, "{name}");
        let chunks = chunk::open(folder.root()).unwrap();
        let report = wait(verify(&*store, &*chunks, &mut |_| {})).unwrap();
        assert_eq!(report.log, None, "{name}");
    }
}
