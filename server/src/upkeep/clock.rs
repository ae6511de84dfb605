//! The time by which things end: the wall clock's, but never further ahead than time has passed, until that is confirmed.
//!
//! A clock that jumps forward by days would end every unfinished upload at once. What jumped is told from what passed by the
//! clock that counts since the machine was started, and over a restart by what was last noted in the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_shared::UnixMs;
use cairn_store::StoreError;
use cairn_store::model::ClockMark;

use crate::cairn::{Cairn, millis};

/// The wall clock may be set so far ahead of what has passed: what ends so much early ends in time.
const JUMP_MS: u64 = 5 * 60 * 1_000;
/// A server may have been off for so long, at least and at most, before a start takes its clock for one that jumped.
const OFF_MS: (u64, u64) = (3_600 * 1_000, 24 * 3_600 * 1_000);
/// A clock that jumped is believed once the server has run for so long with it, at least.
const CONFIRM_MS: u64 = 6 * 3_600 * 1_000;
/// A clock that is set back by more than this is told of.
const BACK_MS: u64 = 24 * 3_600 * 1_000;
/// Pause between two looks at the clock where nobody else looks, and between two notes while nothing is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const NOTE_EVERY_MS: u64 = 3_600 * 1_000;

/// Both clocks of a machine, and what is known of them. Each node has its own machine's.
pub(crate) struct Clock {
    wall: fn() -> UnixMs,
    /// Milliseconds since some moment, those in which the machine slept among them.
    passed: fn() -> u64,
    spans: Spans,
    known: Mutex<Known>,
}

struct Known {
    /// The time that was sure at the last look.
    sure: UnixMs,
    /// What the other clock said then.
    passed: u64,
    ahead: Option<Ahead>,
    paused: Option<Paused>,
}

/// The wall clock is ahead of what is sure.
struct Ahead {
    /// What it said when it went ahead, and the time that the server ran since: believed in the end, however far it went ahead meanwhile.
    target: UnixMs,
    /// For how long it has said so or more while a server ran.
    waited: u64,
}

/// The machine started with a clock that can't be right, and has probably none of its own: what was waited counts on once it is set.
struct Paused {
    /// What was noted before.
    mark: ClockMark,
    /// For how long nobody has set it.
    lasted: u64,
}

/// The spans that a jump is told by.
#[derive(Clone, Copy)]
struct Spans {
    off_ms: u64,
    confirm_ms: u64,
}

impl Clock {
    /// For uploads that are kept for `session_ttl`.
    pub(crate) fn new(session_ttl: Duration, wall: fn() -> UnixMs, passed: fn() -> u64) -> Self {
        // Whatever a jump does, an unfinished upload has a third of its time, as after each chunk.
        let third = millis(session_ttl) / 3;
        let known = Known { sure: wall(), passed: passed(), ahead: None, paused: None };
        let spans = Spans { off_ms: third.clamp(OFF_MS.0, OFF_MS.1), confirm_ms: third.max(CONFIRM_MS) };
        Self { wall, passed, spans, known: Mutex::new(known) }
    }

    /// Goes on after a restart, with what was noted before.
    pub(crate) fn go_on_after(&self, mark: Option<ClockMark>) {
        if let Some(mark) = mark {
            self.known().start((self.wall)(), mark, self.spans);
        }
    }

    /// What the wall clock says.
    pub(crate) fn wall(&self) -> UnixMs {
        (self.wall)()
    }

    /// The time by which things end: never later than the wall clock's.
    pub(crate) fn sure(&self) -> UnixMs {
        // In this order: a machine that goes to sleep in between is found to have slept at the next look.
        let passed = (self.passed)();
        let wall = (self.wall)();
        let mut known = self.known();
        known.look(wall, passed, self.spans);
        known.sure
    }

    /// What the next start has to know.
    fn mark(&self) -> ClockMark {
        let sure = self.sure();
        let known = self.known();
        match (&known.ahead, &known.paused) {
            (Some(ahead), _) => ClockMark { sure, wall: ahead.target, waited: Some(ahead.waited) },
            (None, Some(paused)) => paused.mark,
            (None, None) => ClockMark { sure, wall: sure, waited: None },
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Goes on from what was noted.
    fn start(&mut self, wall: UnixMs, mark: ClockMark, spans: Spans) {
        let may_be_off = if mark.waited.is_some() { JUMP_MS } else { spans.off_ms };
        if wall > mark.sure.saturating_add(may_be_off) {
            let ahead = Ahead::on_from(mark, wall);
            let rest = spans.confirm_ms.saturating_sub(ahead.waited);
            tell(wall - mark.sure, rest, "since the server last ran");
            (self.sure, self.ahead) = (mark.sure, Some(ahead));
            return;
        }
        tell_back(mark.sure, wall);
        // Behind what has passed even without the time off: that says nothing of what it said before.
        if mark.waited.is_some() && wall < mark.sure {
            self.paused = Some(Paused { mark, lasted: 0 });
        }
    }

    fn look(&mut self, wall: UnixMs, passed: u64, spans: Spans) {
        let elapsed = passed.saturating_sub(self.passed);
        self.passed = passed.max(self.passed);
        let expected = self.sure.saturating_add(elapsed);
        // Set back, it is believed at once: what ends later than it might loses nobody anything.
        if wall <= expected.saturating_add(JUMP_MS) {
            tell_back(expected, wall);
            self.go_on(elapsed, spans);
            self.sure = wall;
            return;
        }
        self.sure = expected;
        match &mut self.ahead {
            Some(ahead) => ahead.go_on(wall, elapsed),
            None => {
                let ahead = self.paused.take().map(|paused| Ahead::on_from(paused.mark, wall));
                let ahead = ahead.unwrap_or(Ahead { target: wall, waited: 0 });
                tell(wall - expected, spans.confirm_ms.saturating_sub(ahead.waited), "at once");
                self.ahead = Some(ahead);
            }
        }
        self.believe(wall, spans);
    }

    /// The clock goes on as time passes.
    fn go_on(&mut self, elapsed: u64, spans: Spans) {
        if self.ahead.take().is_some() {
            tracing::info!("the clock is back where it should be");
        }
        let Some(paused) = &mut self.paused else { return };
        paused.lasted += elapsed;
        if paused.lasted >= spans.confirm_ms {
            tracing::warn!("the clock that was set back has gone on for long enough and is believed");
            self.paused = None;
        }
    }

    /// Believes what has been said for long enough, and waits for what the clock went ahead further meanwhile.
    fn believe(&mut self, wall: UnixMs, spans: Spans) {
        let Some(ahead) = self.ahead.take_if(|ahead| ahead.waited >= spans.confirm_ms) else { return };
        tracing::warn!("the clock has gone on for long enough and is believed");
        self.sure = wall;
        // The time that the server was off is part of it, as at a start.
        if wall > ahead.target.saturating_add(spans.off_ms) {
            tell(wall - ahead.target, spans.confirm_ms, "meanwhile");
            self.sure = ahead.target;
            self.ahead = Some(Ahead { target: wall, waited: 0 });
        }
    }
}

impl Ahead {
    /// A clock that says what it said before, or more, is waited for no longer.
    fn on_from(mark: ClockMark, wall: UnixMs) -> Self {
        match mark.waited {
            Some(waited) if wall.saturating_add(JUMP_MS) >= mark.wall => Self { target: mark.wall, waited },
            _ => Self { target: wall, waited: 0 },
        }
    }

    fn go_on(&mut self, wall: UnixMs, elapsed: u64) {
        self.target = self.target.saturating_add(elapsed);
        self.waited = self.waited.saturating_add(elapsed);
        if wall.saturating_add(JUMP_MS) < self.target {
            tracing::warn!(
                "the clock contradicts what it said before, and is still ahead: it is waited for anew"
            );
            *self = Self { target: wall, waited: 0 };
        }
    }
}

fn tell(jump_ms: u64, confirm_ms: u64, when: &str) {
    let (jumped, wait) = (seconds(jump_ms), seconds(confirm_ms));
    tracing::warn!(
        jumped,
        "the clock went ahead {when}: no upload ends by it before the server has run for {wait} with it. Set it right if it is wrong; after a long \
         time off there is nothing to do"
    );
}

/// Where the clock was set back by much.
fn tell_back(expected: UnixMs, wall: UnixMs) {
    let set_back = expected.saturating_sub(wall);
    if set_back > BACK_MS {
        let by = seconds(set_back);
        tracing::warn!(by, "the clock was set back and is gone by from now on. Set it right if it is wrong");
    }
}

fn seconds(ms: u64) -> String {
    humantime::format_duration(Duration::from_secs(ms / 1_000)).to_string()
}

/// Notes what the clock says, every hour, when that changes, and at each look while a jump is waited out, until the task is dropped. `noted` is what was noted at the start.
pub(crate) async fn keep_time(cairn: Arc<Cairn>, mut noted: Option<ClockMark>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        noted = note_time(&cairn, noted).await;
    }
}

/// Notes what the clock says, unless `noted` still holds, as it does for an hour where nothing is waited for; gives what is noted then.
pub(crate) async fn note_time(cairn: &Cairn, noted: Option<ClockMark>) -> Option<ClockMark> {
    let mark = cairn.clock.mark();
    let holds = noted.is_some_and(|noted| {
        noted == mark
            || noted.waited.is_none()
                && mark.waited.is_none()
                && mark.sure.abs_diff(noted.sure) < NOTE_EVERY_MS
    });
    if holds {
        return noted;
    }
    match cairn.meta.mark_clock(mark).await {
        Ok(()) => Some(mark),
        // The log of a full disk says that, once.
        Err(StoreError::Full) => noted,
        Err(error) => {
            tracing::warn!(%error, "what the clock says was not noted and will be again");
            noted
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use actix_web::http::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::tests::site::{self, Body};
    use crate::upkeep::sweep_once;

    const HOUR: u64 = 3_600 * 1_000;
    const DAY: u64 = 24 * HOUR;
    const BEGIN: u64 = 1_000 * DAY;
    const TTL: Duration = Duration::from_secs(72 * 3_600);

    thread_local! {
        static WALL: Cell<u64> = const { Cell::new(BEGIN) };
        static PASSED: Cell<u64> = const { Cell::new(7) };
    }

    fn clock() -> Clock {
        Clock::new(TTL, || WALL.get(), || PASSED.get())
    }

    fn after(clock: Clock, mark: Option<ClockMark>) -> Clock {
        clock.go_on_after(mark);
        clock
    }

    /// Time passes, for both clocks.
    fn pass(ms: u64) {
        WALL.set(WALL.get() + ms);
        PASSED.set(PASSED.get() + ms);
    }

    /// The wall clock alone is set.
    fn jump(ms: i64) {
        WALL.set(WALL.get().saturating_add_signed(ms));
    }

    #[test]
    fn time_that_passes_is_believed() {
        let clock = clock();
        for ms in [1, HOUR, 9 * DAY, JUMP_MS] {
            pass(ms);
            assert_eq!(clock.sure(), WALL.get());
        }
        jump(JUMP_MS as i64);
        assert_eq!(clock.sure(), WALL.get());
        jump(-5 * DAY as i64);
        assert_eq!(clock.sure(), WALL.get());
    }

    #[test]
    fn a_jump_is_believed_once_time_has_passed() {
        let clock = clock();
        jump(9 * DAY as i64);
        assert_eq!(clock.sure(), BEGIN);
        pass(DAY - 1);
        assert_eq!(clock.sure(), BEGIN + DAY - 1);
        // It jumps again: the first jump is believed in time, the other a day later.
        jump(30 * DAY as i64);
        assert_eq!(clock.sure(), BEGIN + DAY - 1);
        pass(1);
        assert_eq!(clock.sure(), BEGIN + 10 * DAY);
        pass(DAY - 1);
        assert_eq!(clock.sure(), BEGIN + 11 * DAY - 1);
        pass(1);
        assert_eq!(clock.sure(), WALL.get());
    }

    #[test]
    fn a_clock_that_contradicts_itself_is_waited_for_anew() {
        let clock = clock();
        jump(90 * DAY as i64);
        clock.sure();
        pass(DAY - 1);
        jump(-30 * DAY as i64);
        assert_eq!(clock.sure(), BEGIN + DAY - 1);
        pass(DAY - 1);
        assert_eq!(clock.sure(), BEGIN + 2 * DAY - 2);
        pass(1);
        assert_eq!(clock.sure(), WALL.get());
    }

    #[test]
    fn a_clock_that_is_set_right_again_ends_nothing() {
        let clock = clock();
        jump(9 * DAY as i64);
        pass(HOUR);
        assert_eq!(clock.sure(), BEGIN + HOUR);
        jump(-9 * DAY as i64);
        assert_eq!((clock.sure(), clock.mark().waited), (BEGIN + HOUR, None));
    }

    #[test]
    fn a_restart_knows_what_was_noted() {
        let mark = clock().mark();
        assert_eq!(mark, ClockMark { sure: BEGIN, wall: BEGIN, waited: None });
        // Off over night.
        WALL.set(BEGIN + DAY);
        assert_eq!(after(clock(), Some(mark)).sure(), WALL.get());
        WALL.set(BEGIN + 9 * DAY);
        let ahead = after(clock(), Some(mark));
        assert_eq!(ahead.sure(), BEGIN);
        pass(DAY / 2);
        let waiting = ahead.mark();
        assert_eq!(waiting, ClockMark { sure: BEGIN + DAY / 2, wall: WALL.get(), waited: Some(DAY / 2) });
        // Off over night again: what was waited counts.
        WALL.set(WALL.get() + DAY / 2);
        let again = after(clock(), Some(waiting));
        assert_eq!(again.sure(), waiting.sure);
        pass(DAY / 2);
        assert_eq!(again.sure(), WALL.get());
        // It jumped again meanwhile: what it said first is believed, and no more.
        WALL.set(waiting.wall + 9 * DAY);
        let again = after(clock(), Some(waiting));
        pass(DAY / 2);
        assert_eq!(again.sure(), waiting.wall + DAY / 2);
        // It says less than before, but more than it should.
        WALL.set(waiting.wall - DAY);
        let again = after(clock(), Some(waiting));
        pass(DAY / 2);
        assert_eq!((again.sure(), again.mark().waited), (waiting.sure + DAY / 2, Some(DAY / 2)));
    }

    /// One run: what was noted before, what is noted at its end.
    fn run(mark: ClockMark, work: impl FnOnce()) -> ClockMark {
        let clock = after(clock(), Some(mark));
        clock.sure();
        work();
        clock.mark()
    }

    #[test]
    fn a_machine_that_is_mostly_off_believes_in_the_end() {
        let mut mark = clock().mark();
        let mut believed = Vec::new();
        for start in 1..=100 {
            WALL.set(BEGIN + 2 * start * DAY);
            mark = run(mark, || pass(HOUR * 3 / 4));
            if mark.waited == Some(0) {
                believed.push(start);
            }
        }
        // A day of running each: what the clock said when it went ahead, which was when the last was believed, and what ran since.
        assert_eq!(believed, [32, 64, 96]);
        assert_eq!(mark.sure, BEGIN + 2 * 64 * DAY + (1 + 32 + 4) * HOUR * 3 / 4);
    }

    #[test]
    fn a_machine_without_a_clock_believes_in_the_end() {
        let mut mark = clock().mark();
        let mut real = BEGIN;
        for start in 1..=5 {
            // Off over night, and its clock begins anew. A run that ends before it is set takes nothing, nor one that ends at once then.
            real += HOUR;
            WALL.set(HOUR);
            mark = run(mark, || pass(1_000));
            WALL.set(HOUR + 100);
            mark = run(mark, || {
                pass(1_000);
                WALL.set(real);
            });
            WALL.set(HOUR + 200);
            let clock = after(clock(), Some(mark));
            pass(1_000);
            assert_eq!(clock.sure(), WALL.get());
            WALL.set(real);
            clock.sure();
            pass(10 * HOUR);
            real = WALL.get();
            let is_believed = clock.sure() == real;
            assert_eq!(is_believed, start == 3, "start {start}");
            mark = clock.mark();
        }
    }

    #[test]
    fn a_clock_that_only_seemed_to_begin_anew_is_believed_in_time() {
        let waiting = ClockMark { sure: BEGIN, wall: BEGIN + 9_000 * DAY, waited: Some(DAY - 1) };
        WALL.set(BEGIN - 2 * DAY);
        let clock = after(clock(), Some(waiting));
        pass(DAY - 1);
        assert_eq!((clock.sure(), clock.mark()), (WALL.get(), waiting));
        pass(1);
        let sure = WALL.get();
        assert_eq!((clock.sure(), clock.mark()), (sure, ClockMark { sure, wall: sure, waited: None }));
        // What it said before counts for nothing then.
        jump(9_002 * DAY as i64);
        clock.sure();
        pass(HOUR);
        assert_eq!(clock.sure(), sure + HOUR);
    }

    #[test]
    fn a_wrong_time_that_was_believed_is_gone_back_from() {
        let clock = clock();
        jump(5_000 * DAY as i64);
        clock.sure();
        pass(DAY);
        assert_eq!(clock.sure(), WALL.get());
        let mark = clock.mark();
        jump(-5_000 * DAY as i64);
        assert_eq!(clock.sure(), BEGIN + DAY);
        let again = super::tests::after(super::tests::clock(), Some(mark));
        pass(HOUR);
        assert_eq!((again.sure(), again.mark().waited), (BEGIN + DAY + HOUR, None));
    }

    #[actix_web::test]
    async fn what_is_waited_is_noted_at_each_look() {
        let data = tempfile::tempdir().unwrap();
        site::set_now(BEGIN);
        let cairn = site::cairn_with(data.path(), cairn_store::chunk::memory());
        let mut noted = note_time(&cairn, None).await;
        let mut look_at = async |now| {
            site::set_now(now);
            noted = note_time(&cairn, noted).await;
            let row = cairn.meta.clock_mark().await.unwrap().unwrap();
            (row.sure - BEGIN, row.waited)
        };
        assert_eq!(look_at(BEGIN + HOUR - 1).await, (0, None));
        assert_eq!(look_at(BEGIN + HOUR).await, (HOUR, None));
        site::jump(9 * DAY);
        assert_eq!(look_at(BEGIN + HOUR).await, (HOUR, Some(0)));
        assert_eq!(look_at(BEGIN + HOUR + 60_000).await, (HOUR + 60_000, Some(60_000)));
    }

    #[actix_web::test]
    async fn an_upload_outlives_a_jump_and_ends_in_time() {
        let data = tempfile::tempdir().unwrap();
        site::set_now(BEGIN);
        let cairn = site::cairn_with(data.path(), cairn_store::chunk::memory());
        let routes = site::routes(&cairn).await;
        let owner = site::owner(&routes).await;
        let ask =
            async |method: Method, path: &str, body| site::ask(&routes, &owner, method, path, body).await;
        let mut sessions = Vec::new();
        for name in ["a", "b"] {
            let fields = site::json(&json!({"name": name, "size": 131_072, "chunking": "fixed/65536"}));
            let answer = ask(Method::POST, "/api/start", fields).await.unwrap();
            let started: Value = serde_json::from_slice(&answer).unwrap();
            sessions.push(started["session_id"].as_str().unwrap().to_owned());
        }
        let put = async |number: usize, index: u8| {
            let path = format!("/api/upload/{}/{index}", sessions[number]);
            ask(Method::PUT, &path, Body::Bytes(vec![index + 1; 65_536])).await
        };
        put(0, 0).await.unwrap();
        put(1, 0).await.unwrap();
        site::jump(9 * DAY);
        sweep_once(&cairn, Duration::from_secs(3_600), 0).await.unwrap();
        put(0, 1).await.unwrap();
        ask(Method::GET, &format!("/api/status/{}", sessions[1]), Body::None).await.unwrap();
        let finished = ask(Method::POST, &format!("/api/finish/{}", sessions[0]), Body::None).await.unwrap();
        let finished: Value = serde_json::from_slice(&finished).unwrap();
        // What nobody holds stays as long as ever.
        let second = cairn_shared::ChunkDigest::of(&[2; 65_536]);
        let file = format!("/api/file/{}", finished["file"].as_str().unwrap());
        ask(Method::DELETE, &file, Body::None).await.unwrap();
        let sweep_at = async |now| {
            site::set_now(now);
            sweep_once(&cairn, Duration::from_secs(3_600), 0).await.unwrap();
            cairn.meta.chunk(second).await.unwrap().is_some()
        };
        assert!(sweep_at(BEGIN).await && sweep_at(BEGIN + HOUR - 1).await);
        assert!(!sweep_at(BEGIN + HOUR + 1).await);
        // Ten minutes have passed for the other one.
        put(1, 1).await.unwrap_err();
    }
}
