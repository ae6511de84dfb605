//! Every part in every state, alone and in pairs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cairn_store::StoreError;
use tempfile::TempDir;

use crate::world::{Facts, check, content, copy, delete, open, put, remove, sweep, tree, wait};

/// What can happen to a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    Empty,
    /// As it was some uploads, deletes, a snapshot and a start ago.
    Older,
    /// Of a store that was founded by itself.
    Foreign,
    /// Of a copy of this store that went its own way.
    Twin,
}

const STATES: [State; 5] = [State::Missing, State::Empty, State::Older, State::Foreign, State::Twin];

const PARTS: [&str; 12] = [
    "format",
    "secret",
    "lock",
    "log",
    "snapshot",
    "index",
    "index.seal",
    "chunks",
    "chunks/witness",
    "chunks/00000000",
    "ballast",
    "tmp",
];

/// Parts that say nothing.
const ALONE: [&str; 4] = ["lock", "index.seal", "ballast", "tmp"];

/// A store, an older copy of it, a copy that went its own way, and another store.
struct Stores {
    root: TempDir,
    facts: Facts,
}

impl Stores {
    fn make() -> Self {
        let root = TempDir::new().unwrap();
        let at = |name: &str| root.path().join(name);
        let mut facts = Facts::new();
        wait(async {
            let same = |numbers: std::ops::Range<u64>| numbers.map(|n| (n, n)).collect::<Vec<_>>();
            fill(&at("data"), &same(1..6), &[]).await;
            copy(&at("data"), &at("older"));
            copy(&at("data"), &at("twin"));
            // A chunk that the older log takes for unheld is held again by the newer one.
            fill(&at("data"), &same(10..16), &[3, 4]).await;
            fill(&at("data"), &[(103, 3)], &[]).await;
            fill(&at("twin"), &same(20..28), &[1, 2]).await;
            fill(&at("foreign"), &same(4..9), &[]).await;
        });
        facts.extend((1..6).filter(|n| ![3, 4].contains(n)).map(|n| (n, n)));
        facts.extend((10..16).map(|n| (n, n)));
        facts.insert(100 + 3, 3);
        Self { root, facts }
    }

    /// A copy of the newest that may be spoiled.
    fn copy(&self) -> TempDir {
        let copied = TempDir::new().unwrap();
        copy(&self.root.path().join("data"), &copied.path().join("data"));
        copied
    }

    fn spoil(&self, data: &Path, part: &str, state: State) {
        let path = data.join(part);
        let is_folder = self.root.path().join("data").join(part).is_dir();
        remove(&path);
        if !path.parent().unwrap().is_dir() {
            // It lies in a part that is gone.
            return;
        }
        let from = |name: &str| copy(&self.root.path().join(name).join(part), &path);
        match state {
            State::Missing => {}
            State::Empty if is_folder => fs::create_dir(&path).unwrap(),
            State::Empty => fs::write(&path, "").unwrap(),
            State::Older => from("older"),
            State::Foreign => from("foreign"),
            State::Twin => from("twin"),
        }
    }

    fn bring_back(&self, data: &Path, part: &str) {
        let path = data.join(part);
        remove(&path);
        copy(&self.root.path().join("data").join(part), &path);
    }
}

/// Opens, uploads and deletes, writes a snapshot, uploads more, closes.
async fn fill(data: &Path, files: &[(u64, u64)], deleted: &[u64]) {
    let store = open(data, true).await.unwrap();
    for (at, (file, number)) in files.iter().enumerate() {
        if at == files.len() / 2 {
            store.meta.checkpoint(0).await.unwrap();
        }
        put(&store, *file, *number).await.unwrap();
    }
    for n in deleted {
        delete(&store, *n).await.unwrap();
    }
}

/// What came of opening.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Open,
    Refused(String),
}

/// Everything but the index, which may be lost at any time.
fn facts_and_bytes(data: &Path) -> BTreeSet<(String, Vec<u8>)> {
    tree(data).into_iter().filter(|(name, _)| !name.starts_with("index")).collect()
}

/// Opens a spoiled folder, lets it be swept where it opens, and does it again. A refusal must leave everything as it is.
fn start(data: &Path, what: &dyn std::fmt::Debug) -> Outcome {
    let before = facts_and_bytes(data);
    wait(async {
        match open(data, true).await {
            Ok(store) => {
                drop(sweep(&store).await);
                drop(store);
                if let Ok(store) = open(data, false).await {
                    drop(sweep(&store).await);
                }
                Outcome::Open
            }
            Err(StoreError::Apart(why)) => {
                assert!(before == facts_and_bytes(data), "{what:?} was refused, and something was touched");
                Outcome::Refused(why)
            }
            Err(error) => Outcome::Refused(error.to_string()),
        }
    })
}

fn is_whole(data: &Path, facts: &Facts) -> Result<(), String> {
    wait(async {
        let store = open(data, false).await.map_err(|error| error.to_string())?;
        sweep(&store).await.map_err(|error| error.to_string())?;
        check(&store, facts).await
    })
}

#[test]
fn each_part_in_each_state() {
    let stores = Stores::make();
    is_whole(&stores.copy().path().join("data"), &stores.facts).unwrap();
    let mut lines = Vec::new();
    for part in PARTS {
        for state in STATES {
            let copied = stores.copy();
            let data = copied.path().join("data");
            stores.spoil(&data, part, state);
            let outcome = start(&data, &(part, state));
            let word = match &outcome {
                Outcome::Open => "opens",
                Outcome::Refused(why) => {
                    let file = PathBuf::from(part);
                    let name = file.file_name().unwrap().to_str().unwrap();
                    assert!(why.contains(name), "{part} {state:?}: the reason names the part: {why}");
                    "is refused"
                }
            };
            lines.push(format!("{part} {state:?} {word}"));
            stores.bring_back(&data, part);
            if let Err(why) = is_whole(&data, &stores.facts) {
                panic!("{part} {state:?} ({outcome:?}), brought back: {why}");
            }
        }
    }
    let expected = include_str!("cells.txt");
    assert_eq!(lines.join("\n"), expected.trim_end(), "docs/STORAGE.md has the same table");
}

#[test]
fn each_pair_of_parts() {
    let stores = Stores::make();
    let parts = PARTS.into_iter().filter(|part| !ALONE.contains(part));
    let cells: Vec<_> = parts.flat_map(|part| STATES.map(|state| (part, state))).collect();
    // Each with a seventh of the others in turn: all pairs of parts, and of states.
    for (at, (one, first)) in cells.iter().enumerate() {
        for (other, second) in cells[at + 1..].iter().skip(at % 7).step_by(7) {
            if one == other {
                continue;
            }
            let copied = stores.copy();
            let data = copied.path().join("data");
            stores.spoil(&data, one, *first);
            stores.spoil(&data, other, *second);
            let what = ((one, first), (other, second));
            let outcome = start(&data, &what);
            // The part that holds the other comes first.
            stores.bring_back(&data, one);
            stores.bring_back(&data, other);
            if let Err(why) = is_whole(&data, &stores.facts) {
                panic!("{what:?} ({outcome:?}), brought back: {why}");
            }
        }
    }
}

#[test]
fn an_empty_folder_is_founded_only_where_that_is_allowed() {
    let root = TempDir::new().unwrap();
    let data = root.path().join("deep/data");
    wait(async {
        assert!(matches!(open(&data, false).await, Err(StoreError::Apart(_))));
        assert!(!root.path().join("deep").exists());
        let store = open(&data, true).await.unwrap();
        put(&store, 1, 1).await.unwrap();
        drop(store);
        remove(&data.join("log"));
        let refused = open(&data, true).await.err().unwrap().to_string();
        assert!(refused.contains("log is missing. Is its disk mounted?"), "{refused}");
        // Folders for disks that are to be mounted there may lie ready.
        let ready = root.path().join("ready");
        for part in ["log", "chunks", "log/lost+found"] {
            fs::create_dir_all(ready.join(part)).unwrap();
        }
        put(&open(&ready, true).await.unwrap(), 1, 1).await.unwrap();
        check(&open(&ready, false).await.unwrap(), &Facts::from([(1, 1)])).await.unwrap();
    });
}

#[test]
fn the_folder_that_is_filled_may_go_away_while_it_is_and_before_a_start() {
    let root = TempDir::new().unwrap();
    let data = root.path().join("data");
    wait(async {
        let mut store = open(&data, true).await.unwrap();
        let mut facts = Facts::new();
        for n in 0..6 {
            put(&store, n, n).await.unwrap();
            facts.insert(n, n);
            let record = store.meta.chunk(cairn_shared::ChunkDigest::of(&content(n))).await.unwrap().unwrap();
            let folder = data.join("chunks").join(record.locator.key.split('/').next().unwrap());
            let away = root.path().join("away");
            fs::rename(&folder, &away).unwrap();
            if n % 2 == 1 {
                drop(store);
                store = open(&data, false).await.unwrap();
            }
            put(&store, 100 + n, 100 + n).await.unwrap();
            facts.insert(100 + n, 100 + n);
            assert!(check(&store, &Facts::from([(n, n)])).await.unwrap_err().contains("Away"), "{n}");
            fs::rename(&away, &folder).unwrap();
            sweep(&store).await.unwrap();
            check(&store, &facts).await.unwrap();
        }
    });
}
