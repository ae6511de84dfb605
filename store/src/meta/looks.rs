//! Reads of an index: at once where all that they ask for lies in memory, else on blocking threads. Those that are asked for together
//! share the way there, which costs more than most of them. Every look is short: what is asked for while a thread wakes up waits
//! for what that one takes first.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::index::Index;
use super::read::{Entry, Read};
use crate::error::{Result, StoreError};

/// Looks that wait before another thread is woken.
const LOOKS_FOR_EACH: usize = 8;
/// Threads that look at the same time. A disk answers no faster for more.
const THREADS_MAX: usize = 16;

thread_local! {
    // Each thread that asks has its own: one of a low priority has its looks taken by threads of that priority.
    static LOOKS: Arc<Looks> = Arc::default();
}

type Look = Box<dyn FnOnce() + Send>;

/// What waits to be looked at.
#[derive(Default)]
struct Looks(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Look>,
    threads: usize,
}

/// What lies in memory; it ends a look that asks for anything else.
struct Glance<'a> {
    index: &'a dyn Index,
    is_over: Cell<bool>,
}

impl Glance<'_> {
    fn end<T>(&self) -> Result<T> {
        self.is_over.set(true);
        Err(StoreError::Closed("it isn't in memory".to_owned()))
    }
}

impl Read for Glance<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.index.get_at_once(key).map_or_else(|| self.end(), Ok)
    }

    fn page(&self, _from: &[u8], _end: &[u8], _limit: usize) -> Result<Vec<Entry>> {
        self.end()
    }
}

/// Looks without waiting; `None` where that can't be.
pub(crate) fn glance<T>(index: &dyn Index, look: impl FnOnce(&dyn Read) -> Result<T>) -> Option<Result<T>> {
    let glance = Glance { index, is_over: Cell::new(false) };
    let looked = look(&glance);
    (!glance.is_over.get()).then_some(looked)
}

/// Looks at something where that may block. A panic there is an error of that look.
pub(crate) async fn look<T: Send + 'static>(look: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    let look = move || {
        // Whoever asked may have gone away.
        if !answer.is_closed()
            && let Ok(looked) = catch_unwind(AssertUnwindSafe(look))
        {
            drop(answer.send(looked));
        }
    };
    if let Some(thread) = LOOKS.with(|looks| looks.add(Box::new(look))) {
        tokio::task::spawn_blocking(move || thread.work());
    }
    answered.await.unwrap_or_else(|_| Err(StoreError::Closed("a read panicked".to_owned())))
}

impl Looks {
    /// Another thread, where it needs one.
    fn add(self: &Arc<Self>, look: Look) -> Option<Thread> {
        let mut queue = self.queue();
        // Where nothing waits, those threads that there are may be at long looks, for which nobody else shall wait.
        let is_first = queue.waiting.is_empty();
        let wanted = queue.waiting.len() / LOOKS_FOR_EACH + 1;
        queue.waiting.push_back(look);
        let is_wanted = queue.threads < THREADS_MAX && (is_first || queue.threads < wanted);
        is_wanted.then(|| {
            queue.threads += 1;
            Thread { looks: self.clone(), is_over: false }
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of those that are counted.
struct Thread {
    looks: Arc<Looks>,
    is_over: bool,
}

impl Thread {
    fn work(mut self) {
        while let Some(look) = self.next() {
            look();
        }
    }

    /// In one step with its own end, or a look could come between and find nobody.
    fn next(&mut self) -> Option<Look> {
        let mut queue = self.looks.queue();
        let look = queue.waiting.pop_front();
        if look.is_none() {
            queue.threads -= 1;
            self.is_over = true;
        }
        look
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Its runtime ended before it began. Where it was the last, nobody comes for what waits.
        let mut queue = self.looks.queue();
        queue.threads -= 1;
        let left = if queue.threads == 0 { std::mem::take(&mut queue.waiting) } else { VecDeque::new() };
        drop(queue);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use crate::meta::gathered::Gathered;
    use crate::meta::index::Writes;
    use crate::meta::memory::MemoryIndex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn looks_that_come_together_share_few_threads() {
        let threads = Arc::new(Mutex::new(std::collections::HashSet::new()));
        let mut looks = JoinSet::new();
        for number in 0..10_000 {
            let threads = threads.clone();
            looks.spawn(look(move || {
                threads.lock().unwrap().insert(std::thread::current().id());
                Ok(number)
            }));
        }
        let mut found: Vec<_> = looks.join_all().await.into_iter().map(Result::unwrap).collect();
        found.sort_unstable();
        assert_eq!(found, (0..10_000).collect::<Vec<_>>());
        let threads = threads.lock().unwrap().len();
        // One that ends may be followed by another.
        assert!((1..=10 * THREADS_MAX).contains(&threads), "{threads} threads");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_long_look_that_has_begun_or_for_one_that_panics() {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let long = tokio::spawn(look(move || {
            begin.send(()).unwrap();
            Ok(wait.recv_timeout(Duration::from_secs(30)).is_ok())
        }));
        begun.await.unwrap();
        let panicked = look(|| -> Result<()> { panic!("as this test wants") }).await;
        assert!(matches!(panicked, Err(StoreError::Closed(_))));
        let looked = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let looked = looked.clone();
            look(move || Ok(looked.fetch_add(1, Ordering::SeqCst))).await.unwrap();
        }
        go_on.send(()).unwrap();
        assert!(long.await.unwrap().unwrap());
        assert_eq!(looked.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn a_glance_sees_what_is_in_memory_and_nothing_else() {
        let index = Gathered::new(Box::new(MemoryIndex::default()), 1_000).unwrap();
        index.apply(&Writes::from([(vec![1], Some(vec![1])), (vec![2], None)]), 1).unwrap();
        assert_eq!(glance(&index, |read| read.get(&[1])).unwrap().unwrap(), Some(vec![1]));
        assert_eq!(glance(&index, |read| read.get(&[2])).unwrap().unwrap(), None);
        assert!(glance(&index, |read| read.get(&[3])).is_none());
        // Whatever a look makes of what it wasn't told.
        assert!(glance(&index, |read| read.page(&[1], &[2], 1).or(Ok(Vec::new()))).is_none());
        index.flush().unwrap();
        assert!(glance(&index, |read| read.get(&[1])).is_none());
        assert_eq!(index.get(&[1]).unwrap(), Some(vec![1]));
    }

    #[test]
    fn a_runtime_that_ends_leaves_nothing_behind() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        first.block_on(async {
            let forgotten = look(|| Ok(()));
            let _ = tokio::time::timeout(Duration::ZERO, forgotten).await;
        });
        drop(first);
        runtime().block_on(look(|| Ok(()))).unwrap();
        LOOKS.with(|looks| assert!(looks.queue().waiting.is_empty()));
    }
}
