//! The committer: one thread through which every change goes, in batches that share one `fdatasync`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::index::{Index, Writes};
use super::log::{FRAME_BYTES_MAX, Log, LogFailure, frame};
use super::tx::Tx;
use crate::disk::Lock;
use crate::error::{Result, StoreError};

/// Verbs that wait for one commit at most.
const BATCH_VERBS: usize = 64;
/// Verbs that wait in the queue behind them at most.
const QUEUE_VERBS: usize = 256;

/// What the committer shares with those who read.
pub(crate) struct Shared {
    /// The rows.
    pub(crate) index: Box<dyn Index>,
    /// Why the store is closed, once it is.
    pub(crate) closed: OnceLock<String>,
    // Dropped last, so that nobody opens an index that is still in use.
    _lock: Option<Lock>,
}

impl Shared {
    /// An open store over `index`, which nobody else opens while `lock` is held.
    pub(crate) fn new(index: impl Index, lock: Option<Lock>) -> Arc<Self> {
        Arc::new(Self { index: Box::new(index), closed: OnceLock::new(), _lock: lock })
    }

    /// Refuses every verb of a closed store.
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.get() {
            Some(why) => Err(StoreError::Closed(why.clone())),
            None => Ok(()),
        }
    }

    /// Closes the store for good; the first reason stays.
    pub(crate) fn close(&self, why: &str) {
        if self.closed.set(why.to_owned()).is_ok() {
            tracing::error!(why, "the store closes; restart the server");
        }
    }
}

/// Hands verbs to the thread. Dropped, it waits until the thread has worked off what it has.
pub(crate) struct Committer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread; the next frame gets the sequence behind `sequence`. Where there can be no thread the
    /// store is closed.
    pub(crate) fn start(shared: Arc<Shared>, log: Box<dyn Log>, sequence: u64) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_VERBS);
        let mut work = Work { shared: shared.clone(), log, sequence };
        let thread = thread::Builder::new().name("committer".to_owned()).spawn(move || work.run(waiting));
        if let Err(error) = &thread {
            shared.close(&format!("no thread for the committer: {error}"));
        }
        Self { queue: Some(queue), thread: thread.ok() }
    }

    /// Runs a verb as one atomic step; what it changed is durable when this returns.
    pub(crate) async fn commit<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Verb { verb: Some(verb), outcome: None, answer };
        let gone = || StoreError::Closed("the committer stopped".to_owned());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Box::new(job)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Its panics are caught inside and close the store; there is nothing to add here.
            drop(thread.join());
        }
    }
}

/// A verb that waits for its turn and then for the commit.
trait Job: Send {
    /// Runs the verb; says why the store must close, where the index failed.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;

    /// Answers the waiter: the verb's own outcome, or why it was not committed.
    fn answer(self: Box<Self>, failure: Option<&LogFailure>);
}

enum Ran {
    /// What it wrote is to be committed.
    Done,
    /// It changed nothing.
    Refused,
    /// The index failed.
    Failed(String),
}

struct Verb<T, F> {
    verb: Option<F>,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Verb<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        let Some(verb) = self.verb.take() else { return Ran::Refused };
        let outcome =
            verb(tx).and_then(|value| if tx.bytes() > FRAME_BYTES_MAX { Err(large()) } else { Ok(value) });
        let ran = match &outcome {
            Ok(_) => Ran::Done,
            Err(StoreError::Closed(why)) => Ran::Failed(why.clone()),
            Err(StoreError::Conflict(_) | StoreError::Full | StoreError::Io(_) | StoreError::Damaged(_)) => {
                Ran::Refused
            }
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, failure: Option<&LogFailure>) {
        let outcome = match (failure, self.outcome) {
            (Some(failure), _) => Err(failure.error()),
            (None, Some(outcome)) => outcome,
            (None, None) => return,
        };
        // Whoever waited may have gone away; the verb holds nevertheless.
        drop(self.answer.send(outcome));
    }
}

fn large() -> StoreError {
    StoreError::Io(std::io::Error::other("a verb changes more rows than one frame of the log takes"))
}

/// What the thread owns.
struct Work {
    shared: Arc<Shared>,
    log: Box<dyn Log>,
    sequence: u64,
}

impl Work {
    fn run(&mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(job) = waiting.blocking_recv() {
            // While one batch is being synced the next gathers: nobody has to wait for company.
            let mut batch = vec![job];
            while batch.len() < BATCH_VERBS
                && let Ok(job) = waiting.try_recv()
            {
                batch.push(job);
            }
            if catch_unwind(AssertUnwindSafe(|| self.work(batch))).is_err() {
                self.shared.close("a verb panicked");
            }
        }
        if self.shared.closed.get().is_none()
            && let Err(error) = self.shared.index.flush()
        {
            tracing::warn!(%error, "the index was not flushed; the next start replays more of the log");
        }
    }

    fn work(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let failure = match self.shared.closed.get() {
            Some(why) => Some(LogFailure::Closed(why.clone())),
            None => self.commit(&mut batch).err(),
        };
        if let Some(LogFailure::Closed(why)) = &failure {
            self.shared.close(why);
        }
        for job in batch {
            job.answer(failure.as_ref());
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), LogFailure> {
        let first = self.sequence + 1;
        let mut sequence = self.sequence;
        let mut written = Writes::new();
        let mut frames = Vec::new();
        for job in batch {
            let mut tx = Tx::new(self.shared.index.as_ref(), &written);
            match job.run(&mut tx) {
                Ran::Refused => continue,
                Ran::Failed(why) => return Err(LogFailure::Closed(why)),
                Ran::Done => {}
            }
            let own = tx.into_writes();
            if !own.is_empty() {
                sequence += 1;
                frame::encode(&mut frames, sequence, first, &own);
                written.extend(own);
            }
        }
        if written.is_empty() {
            return Ok(());
        }
        let rolled = self.log.append(&frames, first)?;
        self.sequence = sequence;
        let applied = self.shared.index.apply(&written, sequence);
        let flushed = applied.and_then(|()| if rolled { self.shared.index.flush() } else { Ok(()) });
        flushed.map_err(|error| LogFailure::Closed(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
