//! Long looks: one at a time for each owner, few in all, on threads that give way to everybody else's.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use cairn_shared::{OwnerId, Problem, ProblemCode};
use cairn_store::StoreError;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::{Answer, Refusal};

/// A look at more rows is a long one.
const LONG_ROWS: u32 = 4_096;
/// The longest wait for a turn.
const TURN_WAIT: Duration = Duration::from_secs(20);
/// Owners of whom somebody looks, or has just looked, before those are forgotten of whom nobody does.
const OWNERS_KEPT: usize = 64;

/// Who looks, and who waits for it.
pub(crate) struct LongLooks {
    all: Arc<Semaphore>,
    owners: Mutex<HashMap<OwnerId, Arc<Semaphore>>>,
    threads: OnceLock<Handle>,
}

impl LongLooks {
    /// Half of the processors at most.
    pub(crate) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self {
            all: Arc::new(Semaphore::new((processors / 2).max(1))),
            owners: Mutex::default(),
            threads: OnceLock::new(),
        }
    }

    /// From now on looks are taken by the runtime of whoever waits here, until he does so no longer.
    pub(crate) async fn take(&self) {
        if self.threads.set(Handle::current()).is_ok() {
            std::future::pending().await
        }
    }

    /// Takes a look at so many rows of an owner's. A long one waits for its turn, behind other long ones, and goes on to its end whether or not
    /// anybody waits for it.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        owner: OwnerId,
        rows: u32,
        look: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Answer<T> {
        if rows <= LONG_ROWS {
            return Ok(look.await?);
        }
        let turn = tokio::time::timeout(TURN_WAIT, self.turn(owner)).await.map_err(|_| late())?;
        let look = async move {
            let _turn = turn;
            look.await
        };
        match self.threads.get() {
            Some(threads) => Ok(threads.spawn(look).await.map_err(|_| stopping())??),
            None => Ok(look.await?),
        }
    }

    /// First the owner's own: so each has one at most that waits for those of others.
    async fn turn(&self, owner: OwnerId) -> [Option<OwnedSemaphorePermit>; 2] {
        let own = self.owner(owner).acquire_owned().await.ok();
        // Neither is ever closed.
        [own, self.all.clone().acquire_owned().await.ok()]
    }

    fn owner(&self, owner: OwnerId) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= OWNERS_KEPT {
            owners.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        owners.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }
}

fn late() -> Refusal {
    let detail = "Too many looks at long files wait for their turn. Ask again in a moment.";
    Problem::new(ProblemCode::TooManyRequests, detail).with_retry_after(5).into()
}

fn stopping() -> Refusal {
    Problem::new(ProblemCode::Unavailable, "The server stops.").with_retry_after(10).into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn owner(number: u8) -> OwnerId {
        OwnerId::new([number; 16])
    }

    fn looks(all: usize) -> Arc<LongLooks> {
        Arc::new(LongLooks { all: Arc::new(Semaphore::new(all)), ..LongLooks::new() })
    }

    #[tokio::test(start_paused = true)]
    async fn one_owner_s_many_looks_hold_nobody_up() {
        let looks = looks(2);
        let running = Arc::new(AtomicUsize::new(0));
        let mut gates = Vec::new();
        for _ in 0..64 {
            let (open, opened) = oneshot::channel::<()>();
            gates.push(open);
            let (looks, running) = (looks.clone(), running.clone());
            tokio::spawn(async move {
                let look = async move {
                    running.fetch_add(1, Ordering::SeqCst);
                    drop(opened.await);
                    Ok(())
                };
                looks.look(owner(1), 600_000, look).await
            });
        }
        for _ in 0..200 {
            yield_now().await;
        }
        assert_eq!(running.load(Ordering::SeqCst), 1, "one at a time");
        // Another owner's comes at once, and so does a short one of the same.
        looks.look(owner(2), 600_000, async { Ok(()) }).await.unwrap();
        looks.look(owner(1), LONG_ROWS, async { Ok(()) }).await.unwrap();
        // Who waits too long is told so, and when to come again.
        let refusal = looks.look(owner(1), 600_000, async { Ok(()) }).await.unwrap_err();
        assert_eq!((refusal.0.code, refusal.0.retry_after), (ProblemCode::TooManyRequests, Some(5)));
        drop(gates);
    }

    #[tokio::test]
    async fn a_look_that_nobody_waits_for_any_more_keeps_its_turn_to_its_end() {
        let looks = looks(1);
        let taken = tokio::spawn({
            let looks = looks.clone();
            async move { looks.take().await }
        });
        yield_now().await;
        let (open, opened) = oneshot::channel::<()>();
        let look = async move {
            drop(opened.await);
            Ok(())
        };
        let waits = looks.look(owner(1), 600_000, look);
        assert!(tokio::time::timeout(Duration::from_millis(20), waits).await.is_err());
        assert_eq!(looks.all.available_permits(), 0);
        open.send(()).unwrap();
        looks.look(owner(2), 600_000, async { Ok(()) }).await.unwrap();
        taken.abort();
    }

    #[tokio::test]
    async fn owners_of_whom_nobody_looks_are_forgotten() {
        let looks = looks(1);
        for number in 0..=255 {
            looks.look(owner(number), 600_000, async { Ok(()) }).await.unwrap();
        }
        assert!(looks.owners.lock().unwrap().len() <= OWNERS_KEPT);
    }
}
