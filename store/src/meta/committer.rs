//! The committer: one thread through which every change goes, in batches that share one `fdatasync`.

mod job;
mod shared;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::index::Writes;
use super::log::{Log, LogFailure, frame};
use super::sums::{Scan, Sums};
use super::tx::Tx;
use crate::disk::Use;
use crate::error::{Result, StoreError};
use crate::ground::witness::Witness;

use self::job::{Job, Ran, Verb};
pub(crate) use self::shared::Shared;

/// Verbs that wait for one commit at most.
const BATCH_VERBS: usize = 1_024;
/// Bytes that one commit writes, and those of one verb more: a batch that has more is committed in several.
const BATCH_BYTES: usize = 4 * 1_024 * 1_024;
/// Verbs that wait in the queue behind them at most.
const QUEUE_VERBS: usize = 1_024;

/// Hands verbs to the thread. Dropped, it waits until the thread has worked off what it has.
pub(crate) struct Committer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread; the next frame gets the sequence behind `sequence`. Where there can be no thread the
    /// store is closed.
    pub(crate) fn start(shared: Arc<Shared>, log: Box<dyn Log>, sequence: u64, notes: Notes) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_VERBS);
        let mut work = Work { shared: shared.clone(), log, sequence, notes, scan: None };
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
        self.run(verb, Use::Facts).await
    }

    /// The same for one that only removes, or makes removing go on: a disk that is full for others takes it.
    pub(crate) async fn commit_removal<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.run(verb, Use::Removals).await
    }

    async fn run<T, F>(&self, verb: F, using: Use) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(Message::Verb(Box::new(Verb::new(verb, using, answer)))).await?;
        answered.await.map_err(|_| gone())?
    }

    /// Ends the log's segment, where the log has at least this many bytes: once the index is flushed, nothing but the frames behind
    /// the one that is given is needed beside a snapshot.
    pub(crate) async fn roll(&self, log_bytes: u64) -> Result<Option<u64>> {
        self.alone(move |work| {
            work.log.refill();
            if work.log.bytes() < log_bytes {
                return Ok(None);
            }
            work.log.roll(work.sequence + 1)?;
            Ok(Some(work.sequence))
        })
        .await
    }

    /// Removes the segments that end at the frame `after` or before. Where that fails they do no harm.
    pub(crate) async fn forget(&self, after: u64) -> Result<()> {
        self.alone(move |work| Ok(work.log.forget(after + 1))).await?
    }

    /// Begins to sum up the rows of the index as they are now, whatever is written meanwhile; gives the last frame of which they are.
    pub(crate) async fn begin_scan(&self) -> Result<u64> {
        self.alone(|work| {
            work.scan = Some(Scan::default());
            Ok(work.sequence)
        })
        .await
    }

    /// Goes through to the end, between batches.
    pub(crate) async fn scan(&self) -> Result<Sums> {
        loop {
            let step = self.alone(|work| {
                let Some(scan) = &mut work.scan else { return Ok(Err(gone())) };
                let ended = scan.step(work.shared.index.as_ref());
                if !matches!(ended, Ok(None)) {
                    work.scan = None;
                }
                Ok(ended)
            });
            if let Some(sums) = step.await?? {
                return Ok(sums);
            }
        }
    }

    /// Reads the whole log, between two batches; `Damaged` does not close the store.
    pub(crate) async fn check(&self) -> Result<()> {
        self.alone(|work| Ok(work.log.check())).await?
    }

    /// Runs a task between two batches.
    async fn alone<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Work) -> Result<T, LogFailure> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let task = move |work: &mut Work| {
            let done = work.check_open().and_then(|()| task(work));
            work.judge(done.as_ref().err());
            // Whoever waited may have gone away.
            drop(answer.send(done.map_err(|failure| failure.error())));
        };
        self.send(Message::Alone(Box::new(task))).await?;
        answered.await.map_err(|_| gone())?
    }

    async fn send(&self, message: Message) -> Result<()> {
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(message).await.map_err(|_| gone())
    }
}

fn gone() -> StoreError {
    StoreError::Closed("the committer stopped".to_owned())
}

enum Message {
    /// Shares a commit with others.
    Verb(Box<dyn Job>),
    /// Runs between two commits.
    Alone(Box<dyn FnOnce(&mut Work) + Send>),
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

/// What is noted beside the verbs' own rows.
#[derive(Default)]
pub(crate) struct Notes {
    /// Hears how far the log is.
    pub(crate) witness: Option<Witness>,
    /// Rows that found no room when the store was opened: they go in front of whatever is written first.
    pub(crate) owed: Writes,
}

/// What the thread owns.
struct Work {
    shared: Arc<Shared>,
    log: Box<dyn Log>,
    sequence: u64,
    notes: Notes,
    /// Sees every row before it is written.
    scan: Option<Scan>,
}

impl Work {
    fn run(&mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut next = waiting.blocking_recv();
        while let Some(message) = next.take() {
            let done = match message {
                Message::Alone(task) => catch_unwind(AssertUnwindSafe(|| task(self))),
                Message::Verb(job) => {
                    // While one batch is being synced the next gathers: nobody has to wait for company.
                    let mut batch = vec![job];
                    while batch.len() < BATCH_VERBS
                        && next.is_none()
                        && let Ok(message) = waiting.try_recv()
                    {
                        match message {
                            Message::Verb(job) => batch.push(job),
                            Message::Alone(_) => next = Some(message),
                        }
                    }
                    catch_unwind(AssertUnwindSafe(|| self.work(batch)))
                }
            };
            if done.is_err() {
                self.shared.close("a verb panicked");
            }
            next = next.or_else(|| waiting.blocking_recv());
        }
        if self.shared.closed.get().is_none()
            && let Err(error) = self.end()
        {
            tracing::warn!(%error, "the store was not closed cleanly; the next start replays more of the log");
        }
    }

    /// Ends the log with a frame that changes nothing. A damaged frame in front of it was never a torn tail, so that
    /// the next start can tell one from the other.
    fn end(&mut self) -> Result<()> {
        if self.sequence > 0 {
            let sequence = self.sequence + 1;
            let mut bytes = Vec::new();
            frame::encode(&mut bytes, sequence, sequence, &Writes::new())?;
            self.log.append(&bytes, sequence, Use::Removals).map_err(|failure| failure.error())?;
            if let Some(witness) = &mut self.notes.witness {
                witness.note(sequence);
                witness.sync();
            }
            self.shared.index.apply(&Writes::new(), sequence)?;
        }
        self.shared.index.flush()
    }

    fn work(&mut self, batch: Vec<Box<dyn Job>>) {
        let mut waiting = VecDeque::from(batch);
        while !waiting.is_empty() {
            let mut done = Vec::new();
            let failure = match self.check_open() {
                Ok(()) => self.commit(&mut waiting, &mut done).err(),
                Err(closed) => {
                    done.extend(waiting.drain(..));
                    Some(closed)
                }
            };
            self.judge(failure.as_ref());
            for job in done {
                job.answer(failure.as_ref());
            }
        }
    }

    fn check_open(&self) -> Result<(), LogFailure> {
        self.shared.closed.get().map_or(Ok(()), |why| Err(LogFailure::Closed(why.clone())))
    }

    fn judge(&self, failure: Option<&LogFailure>) {
        if let Some(LogFailure::Closed(why)) = failure {
            self.shared.close(why);
        }
    }

    /// How many of those that wait go into one commit, and what for. Others that find no room must not keep removals from theirs.
    fn choose(&mut self, waiting: &mut VecDeque<Box<dyn Job>>) -> (Use, usize) {
        let removals = waiting.iter().filter(|job| job.using() == Use::Removals).count();
        if removals == waiting.len() {
            (Use::Removals, removals)
        } else if removals > 0 && self.log.is_tight() {
            waiting.make_contiguous().sort_by_key(|job| job.using() != Use::Removals);
            (Use::Removals, removals)
        } else {
            (Use::Facts, waiting.len())
        }
    }

    /// Commits the first jobs that wait, as many as fit, which are `done` then, whatever came of it.
    fn commit(
        &mut self,
        waiting: &mut VecDeque<Box<dyn Job>>,
        done: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), LogFailure> {
        let first = self.sequence + 1;
        let mut sequence = self.sequence;
        let mut written = self.notes.owed.clone();
        let mut frames = Vec::new();
        if !written.is_empty() {
            sequence += 1;
            frame::encode(&mut frames, sequence, first, &written)
                .map_err(|error| LogFailure::Closed(error.to_string()))?;
        }
        let limits = self.shared.guest_limits();
        let (using, mut count) = self.choose(waiting);
        while frames.len() < BATCH_BYTES
            && count > 0
            && let Some(mut job) = waiting.pop_front()
        {
            count -= 1;
            let mut tx = Tx::new(self.shared.index.as_ref(), &written).with_limits(limits);
            let ran = job.run(&mut tx);
            let own = tx.into_writes();
            done.push(job);
            match ran {
                Ran::Refused => continue,
                Ran::Failed(why) => return Err(LogFailure::Closed(why)),
                Ran::Done => {}
            }
            if !own.is_empty() {
                sequence += 1;
                // No verb comes here with more than a frame takes: it was refused above.
                frame::encode(&mut frames, sequence, first, &own)
                    .map_err(|error| LogFailure::Closed(error.to_string()))?;
                written.extend(own);
            }
        }
        if written.is_empty() {
            return Ok(());
        }
        let rolled = self.log.append(&frames, first, using)?;
        self.sequence = sequence;
        self.notes.owed.clear();
        // Behind the log's sync, so that it never says more than the log has; before anybody is told.
        if let Some(witness) = &mut self.notes.witness {
            witness.note(sequence);
        }
        let seen = match &mut self.scan {
            Some(scan) => scan.before(&written, self.shared.index.as_ref()),
            None => Ok(()),
        };
        let applied = seen.and_then(|()| self.shared.index.apply(&written, sequence));
        let flushed = applied.and_then(|()| if rolled { self.shared.index.ask_flush() } else { Ok(()) });
        flushed.map_err(|error| LogFailure::Closed(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
