//! Random histories of a folder whose parts are removed, returned, exchanged, emptied and cut, between runs and during them, with
//! sweeps at once. At the end every part is back, and every file that was acknowledged and not deleted is there.
//!
//! `CAIRN_SEEDS` says how many histories (40), `CAIRN_SEED` which one alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cairn_store::ground::Opened;
use tempfile::TempDir;

use crate::world::{Facts, check, copy, delete, open, put, remove, sweep, wait};

const HISTORIES: u64 = 40;
const STEPS: u64 = 14;

/// Parts that go and come back; what lies in another part comes behind it.
const PARTS: [&str; 10] = [
    "format",
    "secret",
    "log",
    "snapshot",
    "index",
    "index.seal",
    "chunks/witness",
    "chunks/00000000",
    "chunks/00000001",
    "chunks",
];

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = usize::try_from(self.below(from.len().max(1) as u64)).unwrap();
        from.get(at).cloned()
    }
}

/// Two stores, what is known of them, and the true parts that were taken away from the first.
struct History {
    root: TempDir,
    facts: Facts,
    others: Facts,
    next: u64,
    away: BTreeMap<&'static str, Taken>,
    /// What went before, for whoever looks at a failure.
    story: Vec<String>,
}

/// A true part that lies elsewhere.
struct Taken {
    at: PathBuf,
    /// The store was open without it since, so that what lies in its place may have come to count.
    was_used: bool,
}

impl History {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let (facts, others) = (Facts::from([(1, 1), (2, 2)]), Facts::from([(1, 1), (3, 3)]));
        wait(async {
            for (name, facts) in [("data", &facts), ("other", &others)] {
                let store = open(&root.path().join(name), true).await.unwrap();
                for (file, number) in facts {
                    put(&store, *file, *number).await.unwrap();
                }
            }
        });
        Self { root, facts, others, next: 10, away: BTreeMap::new(), story: Vec::new() }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn fresh(&mut self, what: &str) -> PathBuf {
        self.next += 1;
        self.root.path().join(format!("{what}-{}", self.next))
    }

    async fn step(&mut self, random: &mut Random) {
        match random.below(8) {
            0..=2 => self.run(random).await,
            3..=5 => self.disturb(random),
            _ => self.bring_back(random),
        }
    }

    /// Opens where that goes, and does this and that; ends cleanly or killed.
    async fn run(&mut self, random: &mut Random) {
        let data = self.data();
        let store = match open(&data, true).await {
            Ok(store) => store,
            Err(error) => return self.story.push(format!("refused: {error}")),
        };
        self.story.push("open".to_owned());
        self.away.values_mut().for_each(|taken| taken.was_used = true);
        for _ in 0..random.below(6) {
            self.deed(&store, random).await;
        }
        let killed = self.fresh("killed");
        let is_killed = random.below(2) == 0;
        if is_killed {
            self.story.push("killed".to_owned());
            copy(&data, &killed);
        }
        drop(store);
        if is_killed {
            remove(&data);
            fs::rename(&killed, &data).unwrap();
        }
    }

    async fn deed(&mut self, store: &Opened, random: &mut Random) {
        match random.below(8) {
            0..=2 => {
                self.next += 1;
                let (file, number) = (self.next, random.below(9));
                // One that is refused may be there nevertheless; nobody counts on it.
                if put(store, file, number).await.is_ok() {
                    self.story.push(format!("put {file}: {number}"));
                    self.facts.insert(file, number);
                }
            }
            3 => {
                let files: Vec<_> = self.facts.keys().copied().collect();
                let Some(file) = random.pick(&files) else { return };
                self.story.push(format!("delete {file}"));
                self.facts.remove(&file);
                drop(delete(store, file).await);
            }
            4 => drop(store.meta.checkpoint(0).await),
            5 => self.while_away(store, random).await,
            _ => drop(sweep(store).await),
        }
    }

    /// Something goes while the store is open, is missed by whatever happens then, and comes back.
    async fn while_away(&mut self, store: &Opened, random: &mut Random) {
        let data = self.data();
        let part = random.pick(&["", "log", "chunks", "chunks/00000000", "chunks/00000001"]).unwrap();
        let path = if part.is_empty() { data.clone() } else { data.join(part) };
        if !path.is_dir() {
            return;
        }
        let aside = self.fresh("aside");
        fs::rename(&path, &aside).unwrap();
        let has_other = random.below(2) == 0;
        if has_other {
            fs::create_dir(&path).unwrap();
        }
        self.story.push(format!("without {part:?} meanwhile"));
        drop(sweep(store).await);
        self.next += 1;
        let number = random.below(9);
        if put(store, self.next, number).await.is_ok() {
            // Acknowledged, so it is on the disk that went away, or had nothing to do with it.
            self.story.push(format!("put {}: {number}", self.next));
            self.facts.insert(self.next, number);
        }
        drop(store.meta.checkpoint(u64::MAX).await);
        if part.is_empty() && has_other {
            for name in ["format", "secret", "log/00000000000000000001.seg", "founding"] {
                assert!(!path.join(name).exists(), "a store was founded in the place of one that is away");
            }
        }
        remove(&path);
        fs::rename(&aside, &path).unwrap();
    }

    /// Takes a part away, and puts something else in its place, or nothing.
    fn disturb(&mut self, random: &mut Random) {
        let part = random.pick(&PARTS).unwrap();
        let path = self.data().join(part);
        let is_inside = self.away.keys().any(|taken| taken.starts_with(part) || part.starts_with(taken));
        if is_inside || !path.exists() {
            return;
        }
        let at = self.fresh("taken");
        fs::rename(&path, &at).unwrap();
        let how = random.pick(&["gone", "empty", "cut", "other", "old"]).unwrap();
        match how {
            "gone" => {}
            "empty" if at.is_dir() => fs::create_dir(&path).unwrap(),
            "empty" => fs::write(&path, "").unwrap(),
            "cut" => {
                copy(&at, &path);
                let file = cut(&path, random);
                self.story.push(format!("{file:?} is cut"));
            }
            "other" => copy(&self.root.path().join("other").join(part), &path),
            _ => copy(&self.root.path().join("old").join(part), &path),
        }
        self.story.push(format!("{part} {how}"));
        self.away.insert(part, Taken { at, was_used: false });
    }

    fn bring_back(&mut self, random: &mut Random) {
        let parts: Vec<_> = self.away.keys().copied().collect();
        match random.pick(&parts) {
            Some(part) => self.return_part(part),
            // Where everything is in its place, this is what is old later on.
            None => {
                let old = self.root.path().join("old");
                remove(&old);
                copy(&self.data(), &old);
                self.story.push("this is old from now on".to_owned());
            }
        }
    }

    fn return_part(&mut self, part: &'static str) {
        let Some(Taken { at, was_used }) = self.away.remove(part) else { return };
        let path = self.data().join(part);
        // The store went on with what lay in their place: that counts from then on.
        let is_replaced =
            was_used && ["log", "snapshot", "index", "index.seal", "chunks/witness"].contains(&part);
        self.story.push(format!("{part} back{}", if is_replaced { " no more" } else { "" }));
        if is_replaced {
            return remove(&at);
        }
        // Chunks that came meanwhile lie beside those that come back.
        let meanwhile = self.fresh("meanwhile");
        if path.exists() {
            fs::rename(&path, &meanwhile).unwrap();
        }
        fs::rename(&at, &path).unwrap();
        if was_used && part.starts_with("chunks") {
            merge(&meanwhile, &path);
        }
        remove(&meanwhile);
    }

    async fn end(&mut self) -> Result<(), String> {
        for part in PARTS.into_iter().rev() {
            self.return_part(part);
        }
        for (name, facts) in [("data", &self.facts), ("other", &self.others)] {
            for _ in 0..2 {
                let store = open(&self.root.path().join(name), false).await;
                let store = store.map_err(|error| format!("{name}: {error}"))?;
                sweep(&store).await.map_err(|error| format!("{name}: {error}"))?;
                check(&store, facts).await.map_err(|error| format!("{name}: {error}"))?;
            }
        }
        Ok(())
    }
}

/// Cuts one file of a part.
fn cut(path: &Path, random: &mut Random) -> Option<(PathBuf, u64, u64)> {
    let mut files = Vec::new();
    collect(path, &mut files);
    files.sort();
    let file = random.pick(&files)?;
    let (length, left) =
        (fs::metadata(&file).unwrap().len(), random.below(fs::metadata(&file).unwrap().len() + 1));
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(left).unwrap();
    Some((file, length, left))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}

/// Copies what `to` lacks.
fn merge(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            merge(&path, &to.join(path.file_name().unwrap()));
        }
    } else if from.exists() && !to.exists() {
        fs::copy(from, to).unwrap();
    }
}

fn history(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut history = History::new();
    wait(async {
        history.bring_back(&mut random);
        for _ in 0..STEPS {
            history.step(&mut random).await;
        }
        if let Err(why) = history.end().await {
            panic!("CAIRN_SEED={seed}: {why}\n{}", history.story.join("\n"));
        }
    });
}

#[test]
fn nothing_is_lost_whatever_happens_to_the_parts() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seeds = match number("CAIRN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAIRN_SEEDS").unwrap_or(HISTORIES),
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..2)
            .map(|lane| {
                let seeds = seeds.clone();
                scope.spawn(move || seeds.filter(|seed| seed % 2 == lane).for_each(history))
            })
            .collect();
        for lane in lanes {
            lane.join().unwrap();
        }
    });
    println!("{} histories, nothing lost", seeds.end - seeds.start);
}
