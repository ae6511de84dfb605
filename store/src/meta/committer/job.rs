//! A verb in the committer's hands.

use tokio::sync::oneshot;

use crate::disk::Use;
use crate::error::{Result, StoreError};
use crate::meta::log::{FRAME_BYTES_MAX, LogFailure};
use crate::meta::tx::Tx;

/// A verb that waits for its turn and then for the commit.
pub(super) trait Job: Send {
    /// What it needs space for.
    fn using(&self) -> Use;

    /// Runs the verb; says why the store must close, where the index failed.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;

    /// Answers the waiter: the verb's own outcome, or why it was not committed.
    fn answer(self: Box<Self>, failure: Option<&LogFailure>);
}

/// What came of it.
pub(super) enum Ran {
    /// What it wrote is to be committed.
    Done,
    /// It changed nothing.
    Refused,
    /// The index failed.
    Failed(String),
}

/// A verb as its callers gave it.
pub(super) struct Verb<T, F> {
    verb: Option<F>,
    using: Use,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Verb<T, F> {
    /// One that was not run yet.
    pub(super) fn new(verb: F, using: Use, answer: oneshot::Sender<Result<T>>) -> Self {
        Self { verb: Some(verb), using, outcome: None, answer }
    }
}

impl<T, F> Job for Verb<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    fn using(&self) -> Use {
        self.using
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        let Some(verb) = self.verb.take() else { return Ran::Refused };
        let outcome = verb(tx).and_then(|value| tx.settle().map(|()| value));
        let outcome =
            outcome.and_then(|value| if tx.bytes() > FRAME_BYTES_MAX { Err(large()) } else { Ok(value) });
        let ran = match &outcome {
            Ok(_) => Ran::Done,
            Err(StoreError::Closed(why)) => Ran::Failed(why.clone()),
            Err(_) => Ran::Refused,
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
