//! Opening again: after a clean end, after a kill, and with an index that is gone or of no use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cairn_store::meta::Library;
use cairn_store::{StoreError, chunk};

use crate::folder::{Folder, files};
use crate::world::{START, add_folder, fill, fill_folders, folder as world_folder, look, row, wait};

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
fn everything_is_there_whichever_library_keeps_the_index() {
    let (folder, before) = filled();
    for library in [Library::Redb, Library::Redb, Library::Sled] {
        let store = folder.open_with(library);
        assert_eq!(wait(look(&*store)), before, "{library:?}");
    }
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
fn one_wrong_bit_in_a_closed_index_is_found() {
    let (folder, before) = filled();
    for step in 0..25 {
        let copy = folder.copy();
        for file in files(&copy.index()) {
            let mut bytes = fs::read(&file).unwrap();
            let at = bytes.len() * step / 25;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (step % 8);
                fs::write(&file, bytes).unwrap();
            }
        }
        assert_eq!(seen(&copy), before, "{step} of 25");
    }
}

#[test]
fn a_log_that_ends_before_what_the_index_knows_is_refused_until_the_index_is_removed() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    let (before, length) = (wait(look(&*store)), folder.segment_bytes().len());
    wait(async { store.sweep(START + 1_000, 0).await.unwrap() });
    drop(store);
    fs::write(folder.segment(), &folder.segment_bytes()[..length]).unwrap();
    // Facts that were acknowledged are not in the log: nobody forgets them quietly.
    let Err(StoreError::Damaged(why)) = folder.try_open() else { panic!("opened") };
    assert!(why.contains("record 34 was acknowledged"), "{why}");
    fs::remove_dir_all(folder.index()).unwrap();
    assert_eq!(seen(&folder), before);
}

#[test]
fn a_snapshot_takes_the_place_of_the_log() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    assert!(!wait(async { store.checkpoint(1 << 40).await.unwrap() }), "the log is short");
    assert!(wait(async { store.checkpoint(1).await.unwrap() }));
    assert!(!folder.segment().exists(), "the first segment is not needed any more");
    let before = wait(look(&*store));
    drop(store);
    assert_eq!(seen(&folder), before);
    for lose in [Lose::Index, Lose::Nothing, Lose::Index] {
        if lose == Lose::Index {
            fs::remove_dir_all(folder.index()).unwrap();
        }
        let store = folder.open();
        assert_eq!(wait(look(&*store)), before);
        // And once more, with a snapshot that follows another.
        wait(async { store.sweep(START, 0).await.unwrap() });
        assert!(wait(async { store.checkpoint(0).await.unwrap() }));
        assert_eq!(wait(look(&*store)), before);
    }
    assert_eq!(files(&folder.snapshots()).len(), 1, "older ones go");
}

#[derive(PartialEq)]
enum Lose {
    Index,
    Nothing,
}

#[test]
fn a_damaged_snapshot_is_refused_where_it_is_needed() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    wait(async { store.checkpoint(0).await.unwrap() });
    let before = wait(look(&*store));
    drop(store);
    let snapshot = files(&folder.snapshots()).remove(0);
    let mut bytes = fs::read(&snapshot).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    fs::write(&snapshot, bytes).unwrap();
    assert_eq!(seen(&folder), before, "the index has everything");
    fs::remove_dir_all(folder.index()).unwrap();
    assert!(matches!(folder.try_open(), Err(StoreError::Damaged(why)) if why.contains(".snap")));
    fs::remove_file(&snapshot).unwrap();
    assert!(matches!(folder.try_open(), Err(StoreError::Damaged(_))), "nothing is forgotten quietly");
}

#[test]
fn an_index_that_was_damaged_while_nobody_looked_is_built_anew() {
    let folder = Folder::new();
    let store = folder.open();
    wait(fill(&*store));
    wait(async { store.checkpoint(0).await.unwrap() });
    let before = wait(look(&*store));
    drop(store);
    let mut flips = 0;
    for file in files(&folder.index()) {
        let bytes = fs::read(&file).unwrap();
        let kept = file.strip_prefix(folder.index()).unwrap().to_owned();
        for step in 0..12 {
            let copy = folder.copy();
            let file = copy.index().join(&kept);
            let mut bytes = bytes.clone();
            match step {
                0 => bytes.clear(),
                1 => bytes.truncate(bytes.len() / 2),
                _ if bytes.is_empty() => continue,
                _ => {
                    let at = bytes.len() * (step - 2) / 10;
                    bytes[at] ^= 1 << (step % 8);
                }
            }
            fs::write(&file, bytes).unwrap();
            assert_eq!(seen_in_spite_of_the_index(&copy), before, "{} step {step}", kept.display());
            flips += 1;
        }
    }
    assert!(flips >= 12, "{flips}");
}

/// What a server sees that is started again when its index fails while it is in use.
fn seen_in_spite_of_the_index(folder: &Folder) -> String {
    for _ in 0..2 {
        let store = folder.open();
        let look = AssertUnwindSafe(|| wait(look(&*store)));
        if let Ok(seen) = catch_unwind(look) {
            return seen;
        }
        assert!(store.closed().is_some());
    }
    panic!("the index failed again after it was built anew")
}

#[test]
fn a_folder_of_a_later_version_is_refused_untouched() {
    let (folder, _) = filled();
    fs::write(folder.root().join("format"), "cairn data folder, format 4\n").unwrap();
    let before: Vec<_> =
        files(folder.root()).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    let refused = folder.try_open().err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 4, known: 3, .. }), "{refused}");
    let refused = cairn_store::chunk::open(folder.root()).err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 4, known: 3, .. }), "{refused}");
    let after: Vec<_> =
        files(folder.root()).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    assert!(before == after);
    fs::write(folder.root().join("format"), "nonsense").unwrap();
    assert!(matches!(folder.try_open(), Err(StoreError::Damaged(_))));
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

#[test]
fn a_folder_is_deleted_to_its_end_though_the_server_is_killed_between() {
    let folder = Folder::new();
    let store = folder.open();
    let files: Vec<_> = (0..4).map(|n| format!("empty/{n}")).collect();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let paths: Vec<_> = (0..350).map(|n| format!("{n}/deep")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let mut killed = wait(async {
        fill_folders(&*store).await;
        add_folder(&*store, 1, &paths).await;
        add_folder(&*store, 1, &files).await;
        store.remove_folder(world_folder(1), START).await.unwrap();
        folder.copy()
    });
    drop(store);
    let mut steps = 0;
    loop {
        let store = killed.open();
        let has_more = wait(store.sweep(START, 0)).unwrap();
        if !has_more {
            break;
        }
        // The next step finds what the files are at this moment.
        let copy = killed.copy();
        drop(store);
        killed = copy;
        steps += 1;
    }
    assert!(steps >= 5, "{steps} steps");
    let store = killed.open();
    wait(async {
        // Chunks 1 (folder 1), 2 (replaced) and 3 (folder 3) are free, 4 lies in folder 2.
        let mut doomed: Vec<_> =
            store.doom(START + 1_000, None, 100).await.unwrap().into_iter().map(|copy| copy.digest).collect();
        doomed.sort_unstable();
        assert_eq!(doomed, [1, 2, 3].map(|n| row(n).digest));
        assert!(store.file_at(world_folder(2), "a/b".parse().unwrap()).await.unwrap().is_some());
        add_folder(&*store, 1, &[]).await;
        assert!(store.entries(world_folder(1), None, None, 10).await.unwrap().entries.is_empty());
        assert!(store.children(world_folder(1), None, None, 10).await.unwrap().unwrap().children.is_empty());
    });
}
