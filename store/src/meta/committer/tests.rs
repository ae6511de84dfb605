//! The committer alone: what shares a commit, and what a failing log or verb does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::error::Conflict;
use crate::meta::memory::MemoryIndex;
use crate::meta::read::Read;

/// Counts commits, each of which takes its time, and fails as it is told.
#[derive(Clone, Default)]
struct TestLog {
    appends: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<LogFailure>>>,
    is_full: Arc<AtomicBool>,
    /// The disk says so before anybody writes.
    is_told: Arc<AtomicBool>,
}

impl Log for TestLog {
    fn is_tight(&mut self) -> bool {
        self.is_told.load(Ordering::SeqCst)
    }

    fn append(&mut self, _frames: &[u8], _first: u64, using: Use) -> Result<bool, LogFailure> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        if using == Use::Facts && self.is_full.load(Ordering::SeqCst) {
            self.is_told.store(true, Ordering::SeqCst);
            return Err(LogFailure::Full);
        }
        thread::sleep(Duration::from_millis(5));
        self.failures.lock().unwrap().pop().map_or(Ok(false), Err)
    }

    fn roll(&mut self, _first: u64) -> Result<(), LogFailure> {
        Ok(())
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn refill(&mut self) {}

    fn forget(&mut self, _before: u64) -> Result<()> {
        Ok(())
    }
}

fn committer(log: &TestLog) -> (Arc<Shared>, Committer) {
    let shared = Shared::new(Box::new(MemoryIndex::default()), None);
    let committer = Committer::start(shared.clone(), Box::new(log.clone()), 0, Notes::default());
    (shared, committer)
}

async fn put(committer: &Committer, key: u8) -> Result<()> {
    committer
        .commit(move |tx| {
            tx.put(vec![key], vec![key]);
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_that_run_together_share_commits() {
    let log = TestLog::default();
    let (shared, committer) = committer(&log);
    let committer = Arc::new(committer);
    let verbs: Vec<_> = (0..100u8)
        .map(|key| {
            let committer = committer.clone();
            tokio::spawn(async move { put(&committer, key).await })
        })
        .collect();
    for verb in verbs {
        verb.await.unwrap().unwrap();
    }
    assert!((0..100u8).all(|key| shared.index.get(&[key]).unwrap().is_some()));
    let appends = log.appends.load(Ordering::SeqCst);
    assert!(appends <= 20, "100 verbs took {appends} commits");
}

#[tokio::test]
async fn a_verb_that_writes_nothing_or_fails_needs_no_commit() {
    let log = TestLog::default();
    let (shared, committer) = committer(&log);
    committer.commit(|_| Ok(())).await.unwrap();
    let refused = committer.commit(|tx| {
        tx.put(vec![1], vec![1]);
        Err::<(), _>(Conflict::NotFound.into())
    });
    assert!(matches!(refused.await, Err(StoreError::Conflict(Conflict::NotFound))));
    assert_eq!(shared.index.get(&[1]).unwrap(), None);
    assert_eq!(log.appends.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_full_disk_refuses_the_batch_and_leaves_the_store_open() {
    let log = TestLog::default();
    log.failures.lock().unwrap().push(LogFailure::Full);
    let (shared, committer) = committer(&log);
    assert!(matches!(put(&committer, 1).await, Err(StoreError::Full)));
    assert_eq!(shared.index.get(&[1]).unwrap(), None);
    put(&committer, 1).await.unwrap();
    assert_eq!(shared.index.get(&[1]).unwrap(), Some(vec![1]));
}

#[tokio::test]
async fn a_disk_that_is_full_for_others_takes_removals_of_the_same_batch() {
    let log = TestLog::default();
    let (shared, committer) = committer(&log);
    put(&committer, 1).await.unwrap();
    log.is_full.store(true, Ordering::SeqCst);
    // Nobody knew of it before.
    assert!(matches!(put(&committer, 2).await, Err(StoreError::Full)));
    let removal = committer.commit_removal(|tx| {
        tx.remove(vec![1]);
        Ok(())
    });
    // The first keeps the thread busy, so that the others gather.
    let (first, second, removed) = tokio::join!(put(&committer, 2), put(&committer, 3), removal);
    assert!(matches!((first, second), (Err(StoreError::Full), Err(StoreError::Full))));
    removed.unwrap();
    assert!((1..=3).all(|key| shared.index.get(&[key]).unwrap().is_none()));
    // What writes nothing needs no room.
    assert!(!committer.commit(|tx| tx.get(&[1]).map(|found| found.is_some())).await.unwrap());
    log.is_full.store(false, Ordering::SeqCst);
    put(&committer, 4).await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_closes_the_store_for_good() {
    let log = TestLog::default();
    log.failures.lock().unwrap().push(LogFailure::Closed("sync failed".to_owned()));
    let (shared, committer) = committer(&log);
    for _ in 0..2 {
        let refused = put(&committer, 1).await;
        assert!(matches!(refused, Err(StoreError::Closed(why)) if why == "sync failed"));
    }
    assert_eq!(log.appends.load(Ordering::SeqCst), 1, "nothing is tried again");
    assert_eq!(shared.index.get(&[1]).unwrap(), None);
    assert!(shared.check_open().is_err());
}

#[tokio::test]
async fn a_panic_in_a_verb_closes_the_store_and_answers_everybody() {
    let (_, committer) = committer(&TestLog::default());
    let panicked = committer.commit(|tx| {
        let found = tx.get(&[1])?;
        assert!(found.is_some(), "a bug");
        Ok(())
    });
    assert!(matches!(panicked.await, Err(StoreError::Closed(_))));
    assert!(matches!(put(&committer, 1).await, Err(StoreError::Closed(_))));
}

#[tokio::test]
async fn a_later_verb_of_a_batch_sees_an_earlier_one() {
    let log = TestLog::default();
    let (_, committer) = committer(&log);
    let count = |tx: &mut Tx<'_>| {
        let next = tx.get(&[1])?.map_or(1, |value| value[0] + 1);
        tx.put(vec![1], vec![next]);
        Ok(next)
    };
    // The first keeps the thread busy, so that the others gather.
    let (a, b, c) = tokio::join!(committer.commit(count), committer.commit(count), committer.commit(count));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (1, 2, 3));
}
