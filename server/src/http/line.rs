//! One connection, as far as its head, its answers, its rest and what its client leaves unread are concerned.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

/// Where there are too many connections, one whose client has read nothing for so long may go. Proxies that store an answer, and players that
/// pause, are like that: where there is room they stay.
const STUCK_FOR: Duration = Duration::from_secs(60);

/// The connections of one worker that have nothing to do, in the order in which they came to rest; and those whose clients read nothing.
pub(super) struct Resting {
    /// So many connections are many: from here on some have to go.
    many: usize,
    lines: RefCell<BTreeMap<u64, Rc<Line>>>,
    stuck: RefCell<BTreeMap<u64, Rc<Line>>>,
    next: Cell<u64>,
    open: Cell<usize>,
}

impl Resting {
    /// None yet.
    pub(super) fn new(many: usize) -> Self {
        Self {
            many,
            lines: RefCell::default(),
            stuck: RefCell::default(),
            next: Cell::new(0),
            open: Cell::new(0),
        }
    }

    /// Makes room for one more where there are many.
    pub(super) fn make_room(&self) {
        if self.open.get() >= self.many {
            self.end_one();
        }
    }

    /// Ends the connection that rests for the longest time; where none does, the one whose client has read nothing for the longest time.
    fn end_one(&self) {
        let first = self.lines.borrow_mut().pop_first();
        if let Some((_, line)) = first {
            return line.end();
        }
        let stuck = self.stuck.borrow().first_key_value().map(|(_, line)| line.clone());
        if let Some(line) = stuck.filter(|line| line.is_stuck_for(STUCK_FOR)) {
            line.cut();
        }
    }

    fn next_place(&self) -> u64 {
        let place = self.next.get();
        self.next.set(place + 1);
        place
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
    /// Since when its client reads nothing, and its place among those that are like that.
    stuck: Cell<Option<(u64, Instant)>>,
    is_cut: Cell<bool>,
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
            stuck: Cell::new(None),
            is_cut: Cell::new(false),
            reader: RefCell::new(None),
        });
        line.rest();
        line
    }

    /// It is closed.
    pub(super) fn close(&self) {
        self.work();
        self.moved();
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
        let place = self.resting.next_place();
        self.place.set(Some(place));
        self.resting.lines.borrow_mut().insert(place, self.clone());
    }

    /// It has something to do again.
    pub(crate) fn work(&self) {
        if let Some(place) = self.place.take() {
            self.resting.lines.borrow_mut().remove(&place);
        }
    }

    /// Its client takes nothing of what there is for it.
    pub(super) fn stuck(self: &Rc<Self>) {
        if self.stuck.get().is_none() {
            let place = self.resting.next_place();
            self.stuck.set(Some((place, Instant::now())));
            self.resting.stuck.borrow_mut().insert(place, self.clone());
        }
    }

    /// Its client took something.
    pub(super) fn moved(&self) {
        if let Some((place, _)) = self.stuck.take() {
            self.resting.stuck.borrow_mut().remove(&place);
        }
    }

    /// How long its client may read nothing from now on, up to `longest` in all; no time where that is over, or where there are many
    /// connections and others need the place.
    pub(super) fn patience(&self, longest: Duration) -> Duration {
        let stuck_for = self.stuck.get().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        if self.is_cut.get() {
            Duration::ZERO
        } else if stuck_for < STUCK_FOR {
            STUCK_FOR.min(longest).saturating_sub(stuck_for)
        } else if self.resting.open.get() >= self.resting.many {
            Duration::ZERO
        } else {
            longest.saturating_sub(stuck_for)
        }
    }

    fn is_stuck_for(&self, time: Duration) -> bool {
        self.stuck.get().is_some_and(|(_, since)| since.elapsed() >= time)
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

    fn cut(&self) {
        self.moved();
        self.is_cut.set(true);
        self.wake();
    }

    fn end(&self) {
        self.place.set(None);
        self.has_ended.set(true);
        self.wake();
    }

    fn wake(&self) {
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
        let line = Line::open(HEAD, Rc::new(Resting::new(9)));
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
        let resting = Rc::new(Resting::new(9));
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
        assert_eq!(resting.open.get(), 4);
        lines.iter().for_each(|line| line.close());
        assert_eq!((resting.open.get(), resting.lines.borrow().len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_goes_after_those_that_rest_and_not_at_once() {
        let resting = Rc::new(Resting::new(9));
        let lines: Vec<_> = (0..3).map(|_| Line::open(HEAD, resting.clone())).collect();
        let _busy: Vec<_> = lines.iter().map(Line::answer).collect();
        let cut = || lines.iter().map(|line| line.is_cut.get()).collect::<Vec<_>>();
        for line in &lines {
            line.stuck();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(STUCK_FOR - Duration::from_secs(4)).await;
        resting.end_one();
        assert_eq!(cut(), [false; 3], "a minute is for everybody");
        tokio::time::advance(Duration::from_secs(3)).await;
        lines[0].moved();
        lines[0].stuck();
        let idle = Line::open(HEAD, resting.clone());
        resting.end_one();
        assert!(idle.has_ended());
        assert_eq!(cut(), [false; 3], "one that has nothing to do goes first");
        resting.end_one();
        assert_eq!(cut(), [false, true, false], "the first one's client has read again");
        resting.end_one();
        resting.end_one();
        assert_eq!(cut(), [false, true, true]);
        lines.iter().chain([&idle]).for_each(|line| line.close());
        assert!(resting.stuck.borrow().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_has_an_hour_where_there_is_room_and_a_minute_where_there_is_none() {
        let longest = Duration::from_secs(3_600);
        let resting = Rc::new(Resting::new(2));
        let line = Line::open(HEAD, resting.clone());
        line.stuck();
        assert_eq!(line.patience(longest), STUCK_FOR);
        assert_eq!(line.patience(Duration::from_secs(2)), Duration::from_secs(2));
        tokio::time::advance(STUCK_FOR).await;
        assert_eq!(line.patience(longest), longest - STUCK_FOR);
        let other = Line::open(HEAD, resting);
        // Nobody else can be accepted where there are as many as there can be, so nobody who comes makes room.
        assert_eq!(line.patience(longest), Duration::ZERO);
        other.close();
        tokio::time::advance(longest).await;
        assert_eq!(line.patience(longest), Duration::ZERO);
    }
}
