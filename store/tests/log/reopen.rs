//! Opening again: after a clean end, after a kill, and with an index that is gone or of no use.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cairn_store::{StoreError, chunk};

use crate::folder::{Folder, files};
use crate::world::{START, fill, look, wait};

/// A filled folder, closed, and what was in it.
fn filled() -> (Folder, String) {
    let folder = Folder::new();
    let store = folder.open();
    let seen = wait(async {
        fill(&*store).await;
        look(&*store).await
    });
    (folder, seen)
}

fn seen(folder: &Folder) -> String {
    let store = folder.open();
    wait(look(&*store))
}

#[test]
fn everything_is_there_after_a_clean_end() {
    let (folder, before) = filled();
    assert_eq!(seen(&folder), before);
    assert_eq!(seen(&folder), before);
}

#[test]
fn everything_is_there_after_a_kill() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    let killed = folder.copy();
    let before = wait(look(&*store));
    assert_eq!(seen(&killed), before);
}

#[test]
fn what_is_written_after_a_rebuild_is_there_too() {
    let (folder, _) = filled();
    fs::remove_dir_all(folder.index()).unwrap();
    let store = folder.open();
    wait(async { store.sweep(START + 1_000, 0).await.unwrap() });
    let before = wait(look(&*store));
    drop(store);
    assert_eq!(seen(&folder), before);
    fs::remove_dir_all(folder.index()).unwrap();
    assert_eq!(seen(&folder), before);
}

#[test]
fn a_lost_index_is_built_anew() {
    let (folder, before) = filled();
    fs::remove_dir_all(folder.index()).unwrap();
    assert_eq!(seen(&folder), before);
}

#[test]
fn a_truncated_index_is_built_anew() {
    let (folder, before) = filled();
    for keep in [0, 1, 100, 1_000, 10_000] {
        let copy = folder.copy();
        for file in files(&copy.index()) {
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..bytes.len().min(keep)]).unwrap();
        }
        assert_eq!(seen(&copy), before, "{keep} bytes of each file");
    }
}

#[test]
fn a_garbled_index_is_built_anew() {
    let (folder, before) = filled();
    for (round, step) in [7, 64, 512, 4_096].into_iter().enumerate() {
        let copy = folder.copy();
        for file in files(&copy.index()) {
            let mut bytes = fs::read(&file).unwrap();
            for at in (round..bytes.len()).step_by(step) {
                bytes[at] ^= 0x55;
            }
            fs::write(&file, bytes).unwrap();
        }
        assert_eq!(seen(&copy), before, "every {step}th byte");
    }
}

#[test]
fn an_index_ahead_of_the_log_is_built_anew() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    let (before, length) = (wait(look(&*store)), folder.segment_bytes().len());
    wait(async { store.sweep(START + 1_000, 0).await.unwrap() });
    drop(store);
    fs::write(folder.segment(), &folder.segment_bytes()[..length]).unwrap();
    assert_eq!(seen(&folder), before);
}

#[test]
fn an_index_without_its_log_is_refused() {
    let (folder, _) = filled();
    fs::remove_file(folder.segment()).unwrap();
    assert!(matches!(folder.try_open(), Err(StoreError::Damaged(_))));
    fs::remove_dir_all(folder.index()).unwrap();
    folder.open();
}

#[test]
fn a_second_server_is_refused() {
    let folder = Folder::new();
    let first = folder.open();
    let refused = folder.try_open().err().unwrap();
    assert!(matches!(&refused, StoreError::Closed(why) if why.contains("in use by another server")));
    wait(fill(&*first));
    drop(first);
    folder.open();
    let data = folder.log().join("..");
    let chunks = chunk::open(&data).unwrap();
    assert!(matches!(chunk::open(&data), Err(StoreError::Closed(_))));
    drop(chunks);
    chunk::open(&data).unwrap();
}

#[test]
fn nobody_else_may_read_what_is_stored() {
    let (folder, _) = filled();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.log()), mode(&folder.segment())), (0o700, 0o600));
    assert_eq!(mode(&folder.index()), 0o700);
}
