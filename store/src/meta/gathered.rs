//! Rows that came last gather in memory, in front of an index on disk. A thread hands them over in large sorted batches, and nobody
//! waits for it: what is written again soon after, or removed, comes there once or never.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

use super::index::{Index, Writes};
use super::read::{Entry, Read, key_after};
use crate::error::{Result, StoreError};

/// What a row takes in memory beside its key and value, in bytes.
const ROW_BYTES: usize = 96;

/// Rows that one look takes from memory, where fewer of them are asked for: many of them may be removals.
const STRETCH_ROWS: usize = 1_000;

/// An index and the rows that it does not have yet. Those may be lost: the log has them.
pub(crate) struct Gathered {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    index: Box<dyn Index>,
    bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What gathers.
    rows: Writes,
    bytes: usize,
    /// The last frame of it.
    applied: u64,
    /// What is being handed over.
    leaving: Arc<Writes>,
    /// Flushes that were asked for, and how many of them are over.
    flushes: u64,
    flushed: u64,
    failed: Option<String>,
    is_ending: bool,
}

impl Gathered {
    /// In front of `index`, which nobody else uses; `bytes` of keys and values gather, and up to twice that while as much is being handed over.
    pub(crate) fn new(index: Box<dyn Index>, bytes: usize) -> Result<Self> {
        let applied = index.applied()?;
        let state = State { applied, ..State::default() };
        let shared = Arc::new(Shared { index, bytes, state: Mutex::new(state), changed: Condvar::new() });
        let work = shared.clone();
        let thread = thread::Builder::new().name("index".to_owned()).spawn(move || work.work())?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.shared.state().is_ending = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // Its panics are caught inside.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.state();
        while !state.is_ending && state.failed.is_none() {
            let (is_asked, flushes) = (state.flushed < state.flushes, state.flushes);
            if !is_asked && state.bytes < self.bytes {
                state = self.wait(state);
                continue;
            }
            let rows = Arc::new(std::mem::take(&mut state.rows));
            state.leaving = rows.clone();
            state.bytes = 0;
            let applied = state.applied;
            drop(state);
            let done = catch_unwind(AssertUnwindSafe(|| {
                self.index.apply(&rows, applied)?;
                if is_asked { self.index.flush() } else { Ok(()) }
            }));
            state = self.state();
            match done {
                Ok(Ok(())) => {
                    state.leaving = Arc::default();
                    state.flushed = if is_asked { flushes } else { state.flushed };
                }
                Ok(Err(error)) => state.failed = Some(error.to_string()),
                Err(_) => state.failed = Some("the index panicked".to_owned()),
            }
            self.changed.notify_all();
            // Freeing them takes a while, in which nobody waits.
            drop(state);
            drop(rows);
            state = self.state();
        }
    }
}

impl State {
    fn check(&self) -> Result<()> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(StoreError::Closed(why.clone())))
    }

    fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.rows.get(key).or_else(|| self.leaving.get(key)).cloned()
    }

    fn insert(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = |value: Option<&[u8]>| ROW_BYTES + key.len() + value.map_or(0, <[u8]>::len);
        self.bytes += length(value);
        if let Some(before) = self.rows.insert(key.to_vec(), value.map(<[u8]>::to_vec)) {
            self.bytes -= length(before.as_deref());
        }
    }

    /// What is not in the index yet of `from..end`, as far as it brings up to `limit` entries or is long; and where that ends.
    fn range(&self, from: &[u8], end: &[u8], limit: usize) -> (Writes, Vec<u8>) {
        let bounds = (Bound::Included(from), Bound::Excluded(end));
        let mut found = Writes::new();
        let mut until = end.to_vec();
        // The later ones are in front.
        for rows in [&self.rows, self.leaving.as_ref()] {
            let (mut entries, mut count) = (0, 0);
            for (key, value) in rows.range::<[u8], _>(bounds) {
                if *key >= until {
                    break;
                }
                found.entry(key.clone()).or_insert_with(|| value.clone());
                entries += usize::from(value.is_some());
                count += 1;
                if entries == limit || count == STRETCH_ROWS.max(limit) {
                    until = key_after(key);
                    break;
                }
            }
        }
        found.retain(|key, _| *key < until);
        (found, until)
    }
}

impl Read for Gathered {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let state = self.shared.state();
        if let Some(gathered) = state.get(key) {
            return Ok(gathered);
        }
        state.check()?;
        drop(state);
        // What has left memory since then is in the index.
        self.shared.index.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        let mut found = BTreeMap::new();
        let mut from = from.to_vec();
        // Rows that are removed leave room in the page.
        while from.as_slice() < end && found.len() < limit {
            let state = self.shared.state();
            state.check()?;
            let (fresh, mut until) = state.range(&from, end, limit);
            drop(state);
            let wanted = limit + fresh.values().filter(|value| value.is_none()).count();
            let page = self.shared.index.page(&from, &until, wanted)?;
            if let Some((last, _)) = page.last()
                && page.len() == wanted
            {
                until = key_after(last);
            }
            found.extend(page);
            for (key, value) in fresh.into_iter().filter(|(key, _)| *key < until) {
                match value {
                    Some(value) => found.insert(key, value),
                    None => found.remove(&key),
                };
            }
            from = until;
        }
        Ok(found.into_iter().take(limit).collect())
    }
}

impl Index for Gathered {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        let mut state = self.shared.state();
        while state.bytes >= 2 * self.shared.bytes && state.failed.is_none() {
            state = self.shared.wait(state);
        }
        state.check()?;
        for (key, value) in writes {
            state.insert(key, value.as_deref());
        }
        state.applied = sequence;
        if state.bytes >= self.shared.bytes {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn applied(&self) -> Result<u64> {
        Ok(self.shared.state().applied)
    }

    fn trust(&self) {
        self.shared.index.trust();
    }

    fn distrust(&self, why: &str) {
        self.shared.index.distrust(why);
    }

    fn get_at_once(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        match self.shared.state.try_lock() {
            Ok(state) => state.get(key),
            Err(TryLockError::Poisoned(state)) => state.into_inner().get(key),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn ask_flush(&self) -> Result<()> {
        let mut state = self.shared.state();
        state.flushes += 1;
        self.shared.changed.notify_all();
        state.check()
    }

    fn flush(&self) -> Result<()> {
        self.ask_flush()?;
        let mut state = self.shared.state();
        let asked = state.flushes;
        while state.flushed < asked && state.failed.is_none() {
            state = self.shared.wait(state);
        }
        state.check()
    }
}

#[cfg(test)]
mod tests;
