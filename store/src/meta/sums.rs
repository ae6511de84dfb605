//! Sums over sets of rows, by kind: whether an index has the rows that log and snapshot say, without putting one beside the other.
//!
//! sled 0.34 may open an index in which a bit was flipped and miss rows without a word (docs/STORAGE.md). A row's hash is added to the sum of
//! its kind, so the order of rows does not matter; what is lost or changed by chance is found, but for one case in 2^64.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::index::{Index, Writes};
use super::log::replay::read_until;
use super::read::{Read, key_after};
use super::snapshot;
use crate::disk::Disk;
use crate::error::{Result, StoreError};

/// Rows that one step reads, some milliseconds' work.
const STEP_ROWS: usize = 2_000;
/// Rows written ahead of the scan that it remembers at most: some 100 MiB.
const AHEAD_ROWS: usize = 1_000_000;
/// Bytes of the log whose rows are kept in memory in one pass over the snapshot, as hashes: some 64 MiB.
const PASS_BYTES: u64 = 128 * 1_024 * 1_024;
/// The last kind of row.
const KINDS: usize = u8::MAX as usize;

/// How many rows there are of each kind, and the sum of their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums(Vec<(u64, u64)>);

impl Default for Sums {
    fn default() -> Self {
        Self(vec![(0, 0); KINDS + 1])
    }
}

impl Sums {
    fn add(&mut self, key: &[u8], hash: u64) {
        let kind = &mut self.0[usize::from(key.first().copied().unwrap_or_default())];
        *kind = (kind.0 + 1, kind.1.wrapping_add(hash));
    }

    /// In all.
    pub(crate) fn rows(&self) -> u64 {
        self.0.iter().map(|(rows, _)| rows).sum()
    }

    /// Says which kinds `found` has otherwise.
    pub(crate) fn differs(&self, found: &Self) -> Option<String> {
        let pairs =
            self.0.iter().zip(&found.0).enumerate().filter(|(_, (expected, found))| expected != found);
        let words: Vec<_> = pairs
            .map(|(kind, ((expected, _), (found, _)))| format!("kind {kind:02x}: {found} rows of {expected}"))
            .collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// Of a row.
fn row_hash(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

/// Of a key, long enough that no two of some hundred million have the same.
fn key_hash(key: &[u8]) -> (u64, u64) {
    let one = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, key).hash(&mut hasher);
        hasher.finish()
    };
    (one(0), one(1))
}

/// Sums up an index as it was at one moment while rows are written: what is overwritten in front of the scan is added before.
#[derive(Default)]
pub(crate) struct Scan {
    sums: Sums,
    cursor: Vec<u8>,
    /// Keys behind the cursor that were written since it began.
    ahead: BTreeSet<Vec<u8>>,
}

impl Scan {
    /// Adds the next rows; gives the sums at the end.
    pub(crate) fn step(&mut self, index: &dyn Index) -> Result<Option<Sums>> {
        if self.ahead.len() > AHEAD_ROWS {
            return Err(StoreError::Io(std::io::Error::other(
                "more is written than can be compared meanwhile",
            )));
        }
        if self.cursor.is_empty() {
            self.cursor = vec![1];
        }
        let page = index.page(&self.cursor, &[u8::MAX], STEP_ROWS)?;
        for (key, value) in &page {
            if !self.ahead.remove(key) {
                self.sums.add(key, row_hash(key, value));
            }
        }
        match page.last() {
            Some((last, _)) if page.len() == STEP_ROWS => {
                self.cursor = key_after(last);
                self.ahead = self.ahead.split_off(&self.cursor);
                Ok(None)
            }
            Some(_) | None => Ok(Some(std::mem::take(&mut self.sums))),
        }
    }

    /// Sees rows that are about to be written.
    pub(crate) fn before(&mut self, written: &Writes, index: &dyn Read) -> Result<()> {
        for key in written.keys().filter(|key| **key >= self.cursor) {
            if self.ahead.insert(key.clone())
                && let Some(old) = index.get(key)?
            {
                self.sums.add(key, row_hash(key, &old));
            }
        }
        Ok(())
    }
}

/// Sums up what the newest snapshot and the log behind it say, up to the frame `until`. `go_on` is asked now and then.
pub(crate) fn of_log(
    disk: &dyn Disk,
    log: &Path,
    snapshots: &Path,
    until: u64,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<Sums> {
    let snapshot = snapshot::newest(disk, snapshots)?;
    let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.after);
    let mut bytes = 0;
    read_until(disk, log, after, until, &mut |frame| {
        bytes += frame.bytes as u64;
        Ok(())
    })?;
    let passes = bytes.div_ceil(PASS_BYTES).max(1);
    let mut sums = Sums::default();
    for pass in 0..passes {
        let is_mine = |hash: (u64, u64)| hash.0 % passes == pass;
        // What the log says last of each key: the kind and hash of its row, or that there is none.
        let mut last: HashMap<(u64, u64), Option<(u8, u64)>> = HashMap::new();
        read_until(disk, log, after, until, &mut |frame| {
            go_on()?;
            for (key, value) in frame.writes {
                let hash = key_hash(&key);
                if is_mine(hash) {
                    let kind = key.first().copied().unwrap_or_default();
                    last.insert(hash, value.map(|value| (kind, row_hash(&key, &value))));
                }
            }
            Ok(())
        })?;
        if let Some(snapshot) = &snapshot {
            snapshot::read(disk, snapshot, &mut |rows| {
                go_on()?;
                for (key, value) in rows {
                    let hash = key_hash(&key);
                    if let Some(value) = value
                        && is_mine(hash)
                        && !last.contains_key(&hash)
                    {
                        sums.add(&key, row_hash(&key, &value));
                    }
                }
                Ok(())
            })?;
        }
        for (kind, hash) in last.into_values().flatten() {
            sums.add(&[kind], hash);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::memory::MemoryIndex;

    fn key(number: u32) -> Vec<u8> {
        [&[1 + (number % 3) as u8][..], &number.to_be_bytes()].concat()
    }

    fn rows(numbers: impl IntoIterator<Item = u32>) -> Writes {
        numbers.into_iter().map(|number| (key(number), Some(vec![number as u8; 3]))).collect()
    }

    fn scanned(index: &MemoryIndex) -> Sums {
        let mut scan = Scan::default();
        loop {
            if let Some(sums) = scan.step(index).unwrap() {
                return sums;
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_moment_when_the_scan_began() {
        let index = MemoryIndex::default();
        index.apply(&rows(0..7_000), 1).unwrap();
        let expected = scanned(&index);
        assert_eq!(expected.rows(), 7_000);
        let mut scan = Scan::default();
        let mut sequence = 1;
        let found = loop {
            // New rows, changed and removed ones, behind the cursor and in front of it, some of them twice.
            let numbers = (0..40).map(|n| (sequence as u32 * 211 + n * 173) % 9_000);
            let writes: Writes =
                numbers.map(|number| (key(number), (number % 3 > 0).then(|| vec![sequence as u8]))).collect();
            scan.before(&writes, &index).unwrap();
            sequence += 1;
            index.apply(&writes, sequence).unwrap();
            if let Some(found) = scan.step(&index).unwrap() {
                break found;
            }
        };
        assert_eq!(expected.differs(&found), None);
        assert_ne!(scanned(&index), expected);
    }

    #[test]
    fn one_row_less_or_other_is_told_by_its_kind() {
        let (one, other) = (MemoryIndex::default(), MemoryIndex::default());
        one.apply(&rows(0..100), 1).unwrap();
        other.apply(&rows((0..100).filter(|n| *n != 50)), 1).unwrap();
        let (expected, found) = (scanned(&one), scanned(&other));
        assert_eq!(expected.differs(&found).unwrap(), "kind 03: 32 rows of 33");
        other.apply(&Writes::from([(key(50), Some(vec![0]))]), 2).unwrap();
        assert_eq!(expected.differs(&scanned(&other)).unwrap(), "kind 03: 33 rows of 33");
    }
}
