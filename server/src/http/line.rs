//! One connection, as far as its head, its answers and its rest are concerned.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

/// The connections of one worker that have nothing to do, in the order in which they came to rest.
#[derive(Default)]
pub(super) struct Resting {
    lines: RefCell<BTreeMap<u64, Rc<Line>>>,
    next: Cell<u64>,
    open: Cell<usize>,
}

impl Resting {
    /// Ends the connection that rests for the longest time.
    pub(super) fn end_one(&self) {
        let first = self.lines.borrow_mut().pop_first();
        if let Some((_, line)) = first {
            line.end();
        }
    }

    /// How many connections there are.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }
}

/// What is known of one connection. Everything happens on its worker's thread.
pub(crate) struct Line {
    head_time: Duration,
    resting: Rc<Resting>,
    /// Requests whose answer has not been given.
    answering: Cell<u32>,
    /// Its place among those that rest.
    place: Cell<Option<u64>>,
    /// Some of a head has come that is not complete.
    heard: Cell<bool>,
    /// When that has to be complete.
    deadline: Cell<Option<Instant>>,
    has_ended: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Line {
    /// A connection that has just been accepted. Its first head is timed by the library, which answers 408.
    pub(super) fn open(head_time: Duration, resting: Rc<Resting>) -> Rc<Self> {
        resting.open.set(resting.open.get() + 1);
        let line = Rc::new(Self {
            head_time,
            resting,
            answering: Cell::new(0),
            place: Cell::new(None),
            heard: Cell::new(true),
            deadline: Cell::new(None),
            has_ended: Cell::new(false),
            reader: RefCell::new(None),
        });
        line.rest();
        line
    }

    /// It is closed.
    pub(super) fn close(&self) {
        self.work();
        self.resting.open.set(self.resting.open.get() - 1);
    }

    /// A head is complete; its answer has been given when what this returns is dropped.
    pub(crate) fn answer(self: &Rc<Self>) -> Answering {
        self.answering.set(self.answering.get() + 1);
        self.deadline.set(None);
        self.work();
        Answering(self.clone())
    }

    /// From now on it is among the first to go where there are too many.
    pub(crate) fn rest(self: &Rc<Self>) {
        if self.place.get().is_some() || self.has_ended.get() {
            return;
        }
        let place = self.resting.next.get();
        self.resting.next.set(place + 1);
        self.place.set(Some(place));
        self.resting.lines.borrow_mut().insert(place, self.clone());
    }

    /// It has something to do again.
    pub(crate) fn work(&self) {
        if let Some(place) = self.place.take() {
            self.resting.lines.borrow_mut().remove(&place);
        }
    }

    /// Bytes came.
    pub(super) fn came(&self) {
        if self.answering.get() == 0 && !self.heard.replace(true) {
            self.deadline.set(Some(Instant::now() + self.head_time));
        }
    }

    /// When it ends, unless the head is complete before that has begun.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Whether there is nothing more to be read.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Whom to wake when it ends.
    pub(super) fn wait(&self, reader: &Waker) {
        let mut waits = self.reader.borrow_mut();
        if waits.as_ref().is_none_or(|waits| !waits.will_wake(reader)) {
            *waits = Some(reader.clone());
        }
    }

    fn end(&self) {
        self.place.set(None);
        self.has_ended.set(true);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// A request that is being answered.
pub(crate) struct Answering(Rc<Line>);

impl Drop for Answering {
    fn drop(&mut self) {
        let line = &self.0;
        line.answering.set(line.answering.get() - 1);
        if line.answering.get() == 0 {
            // Until more comes the library's time for a rest counts.
            line.heard.set(false);
            line.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(15);

    fn left(line: &Line) -> Option<Duration> {
        line.deadline().map(|at| at - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_has_its_time_from_its_first_byte() {
        let line = Line::open(HEAD, Rc::default());
        line.came();
        assert_eq!(left(&line), None);
        drop(line.answer());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(left(&line), None);
        line.came();
        tokio::time::advance(Duration::from_secs(5)).await;
        line.came();
        assert_eq!(left(&line), Some(Duration::from_secs(10)), "one byte after the other gains nothing");
        let (first, second) = (line.answer(), line.answer());
        line.came();
        assert_eq!(left(&line), None, "an answer may take as long as it takes");
        drop(first);
        assert_eq!(left(&line), None);
        drop(second);
        assert_eq!(left(&line), None);
        line.came();
        assert_eq!(left(&line), Some(HEAD));
    }

    #[tokio::test]
    async fn who_rests_longest_goes_first_and_who_works_stays() {
        let resting = Rc::new(Resting::default());
        let lines: Vec<_> = (0..4).map(|_| Line::open(HEAD, resting.clone())).collect();
        let busy = lines[0].answer();
        drop(lines[1].answer());
        let ended = || lines.iter().map(|line| line.has_ended()).collect::<Vec<_>>();
        resting.end_one();
        assert_eq!(ended(), [false, false, true, false]);
        resting.end_one();
        resting.end_one();
        assert_eq!(ended(), [false, true, true, true]);
        resting.end_one();
        assert!(!lines[0].has_ended());
        drop(busy);
        resting.end_one();
        assert!(lines[0].has_ended());
        assert_eq!(resting.open(), 4);
        lines.iter().for_each(|line| line.close());
        assert_eq!((resting.open(), resting.lines.borrow().len()), (0, 0));
    }
}
