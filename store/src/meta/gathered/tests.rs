//! Rows in three places against one map.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::meta::memory::MemoryIndex;
use crate::tests::random::Random;

/// An index that counts, takes its time, and fails as it is told.
#[derive(Default)]
struct Slow {
    rows: MemoryIndex,
    written: AtomicUsize,
    pages: AtomicUsize,
    flushes: AtomicUsize,
    fails: AtomicBool,
}

impl Read for Arc<Slow> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.rows.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        self.rows.page(from, end, limit)
    }
}

impl Index for Arc<Slow> {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Closed("told to".to_owned()));
        }
        self.written.fetch_add(writes.len(), Ordering::SeqCst);
        for (key, value) in writes {
            // One after the other, so that those who read meanwhile find half of them.
            self.rows.apply(&Writes::from([(key.clone(), value.clone())]), sequence)?;
            thread::yield_now();
        }
        self.rows.apply(&Writes::new(), sequence)
    }

    fn applied(&self) -> Result<u64> {
        self.rows.applied()
    }

    fn flush(&self) -> Result<()> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn gathered(bytes: usize) -> (Arc<Slow>, Gathered) {
    let slow = Arc::new(Slow::default());
    (slow.clone(), Gathered::new(Box::new(slow), bytes).unwrap())
}

fn key(random: &mut Random) -> Vec<u8> {
    vec![1, random.below(4) as u8, random.below(8) as u8]
}

#[test]
fn rows_read_alike_wherever_they_are() {
    for seed in 0..40 {
        let (slow, rows) = gathered(1_000);
        let (mut random, mut model) = (Random::new(seed), BTreeMap::new());
        for sequence in 1..200u64 {
            let mut writes = Writes::new();
            for _ in 0..random.below(6) {
                let value = (random.below(3) > 0).then(|| sequence.to_be_bytes().to_vec());
                writes.insert(key(&mut random), value);
            }
            for (key, value) in &writes {
                match value {
                    Some(value) => model.insert(key.clone(), value.clone()),
                    None => model.remove(key),
                };
            }
            rows.apply(&writes, sequence).unwrap();
            let (from, end, limit) = (key(&mut random), key(&mut random), 1 + random.below(6) as usize);
            assert_eq!(rows.get(&from).unwrap(), model.get(&from).cloned(), "seed {seed}");
            let expected: Vec<Entry> = if from < end {
                let range = model.range::<Vec<u8>, _>(&from..&end).take(limit);
                range.map(|(key, value)| (key.clone(), value.clone())).collect()
            } else {
                Vec::new()
            };
            assert_eq!(rows.page(&from, &end, limit).unwrap(), expected, "seed {seed}");
            assert_eq!(rows.applied().unwrap(), sequence);
        }
        assert!(slow.applied().unwrap() > 0, "nothing was handed over");
        rows.flush().unwrap();
        assert_eq!(slow.applied().unwrap(), 199);
        let stored: BTreeMap<_, _> = slow.page(&[0], &[9], usize::MAX).unwrap().into_iter().collect();
        assert_eq!(stored, model);
    }
}

/// What one batch wrote is seen as a whole by whoever begins with its last row.
#[test]
fn a_batch_is_there_in_one_step_for_those_who_read_meanwhile() {
    let (_slow, rows) = gathered(2_000);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut looks, mut before) = (0, 0);
            while !is_over.load(Ordering::SeqCst) || looks < 100 {
                let number = |key| rows.get(&[1, key]).unwrap().map_or(0, |value: Vec<u8>| value[0]);
                let (last, first) = (number(9), number(0));
                assert!(first >= last && last >= before, "{first} and {last} behind {before}");
                (looks, before) = (looks + 1, last);
            }
        });
        for sequence in 1..=250u8 {
            let writes = (0..10).map(|key| (vec![1, key], Some(vec![sequence]))).collect();
            rows.apply(&writes, u64::from(sequence)).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
}

#[test]
fn what_is_written_over_or_removed_in_time_never_comes_to_the_index() {
    let (slow, rows) = gathered(100_000);
    for sequence in 1..=500u64 {
        let gone = vec![2, (sequence / 2) as u8];
        let value = (sequence % 2 == 0).then(|| vec![0; 10]);
        let writes = Writes::from([(vec![1], Some(sequence.to_be_bytes().to_vec())), (gone, value)]);
        rows.apply(&writes, sequence).unwrap();
    }
    assert_eq!(slow.written.load(Ordering::SeqCst), 0);
    rows.flush().unwrap();
    assert_eq!(slow.written.load(Ordering::SeqCst), 1 + 251);
    assert_eq!(slow.flushes.load(Ordering::SeqCst), 1);
}

#[test]
fn many_removed_rows_are_passed_over_in_few_steps() {
    let (slow, rows) = gathered(1_000_000);
    let key = |n: u32| [&[1][..], &n.to_be_bytes()].concat();
    rows.apply(&(0..5_000).map(|n| (key(n), Some(vec![7]))).collect(), 1).unwrap();
    rows.flush().unwrap();
    rows.apply(&(0..4_999).map(|n| (key(n), None)).collect(), 2).unwrap();
    assert_eq!(rows.page(&[1], &[2], 1).unwrap(), vec![(key(4_999), vec![7])]);
    let pages = slow.pages.load(Ordering::SeqCst);
    assert!(pages <= 6, "{pages} pages");
}

#[test]
fn an_index_that_failed_is_told_to_the_next_who_writes() {
    let (slow, rows) = gathered(200);
    slow.fails.store(true, Ordering::SeqCst);
    let write = |n: u8| rows.apply(&Writes::from([(vec![n], Some(vec![0; 50]))]), u64::from(n));
    let failed = (1..=255).find_map(|n| write(n).err());
    assert!(matches!(failed, Some(StoreError::Closed(why)) if why.contains("told to")));
    assert!(rows.flush().is_err());
    // What gathered is still there for those who read; what the index says counts no more.
    assert!(rows.get(&[1]).unwrap().is_some());
    assert!(rows.get(&[0]).is_err() && rows.page(&[0], &[9], 1).is_err());
}
