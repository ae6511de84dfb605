//! The time by which things end: the wall clock's, but never further ahead than time has passed, until that is confirmed.
//!
//! A clock that jumps forward by days would end every unfinished upload at once. What jumped is told from what passed by the
//! clock that counts since the machine was started, and over a restart by what was last noted in the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_shared::UnixMs;
use cairn_store::model::ClockMark;

use crate::cairn::{Cairn, millis};

/// The wall clock may be set so far ahead of what has passed: what ends so much early ends in time.
const JUMP_MS: u64 = 5 * 60 * 1_000;
/// A server may have been off for so long, at least and at most, before a start takes its clock for one that jumped.
const OFF_MS: (u64, u64) = (3_600 * 1_000, 24 * 3_600 * 1_000);
/// A clock that jumped is believed once it has gone on for so long, at least.
const CONFIRM_MS: u64 = 6 * 3_600 * 1_000;
/// Pause between two looks at the clock where nobody else looks, and between two notes of what it says.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const NOTE_EVERY_MS: u64 = 3_600 * 1_000;

/// Both clocks of a machine, and what is known of them. Each node has its own machine's.
pub(crate) struct Clock {
    wall: fn() -> UnixMs,
    /// Milliseconds since some moment, those in which the machine slept among them.
    passed: fn() -> u64,
    off_ms: u64,
    confirm_ms: u64,
    known: Mutex<Known>,
}

struct Known {
    /// The time that was sure at the last look.
    sure: UnixMs,
    /// What the other clock said then.
    passed: u64,
    ahead: Option<Ahead>,
}

/// The wall clock is ahead of what is sure.
struct Ahead {
    /// For how long it has gone on so.
    waited: u64,
    /// What it said at the last look.
    wall: UnixMs,
}

impl Clock {
    /// For uploads that are kept for `session_ttl`.
    pub(crate) fn new(session_ttl: Duration, wall: fn() -> UnixMs, passed: fn() -> u64) -> Self {
        // Whatever a jump does, an unfinished upload has a third of its time, as after each chunk.
        let third = millis(session_ttl) / 3;
        let known = Known { sure: wall(), passed: passed(), ahead: None };
        let (off_ms, confirm_ms) = (third.clamp(OFF_MS.0, OFF_MS.1), third.max(CONFIRM_MS));
        Self { wall, passed, off_ms, confirm_ms, known: Mutex::new(known) }
    }

    /// The same after a restart, with what was noted before.
    pub(crate) fn after(self, mark: Option<ClockMark>) -> Self {
        let Some(mark) = mark else { return self };
        let wall = (self.wall)();
        let may_be_off = if mark.waited.is_some() { JUMP_MS } else { self.off_ms };
        if wall > mark.sure.saturating_add(may_be_off) {
            // One that has been waited for is waited for no longer, unless it jumped again meanwhile.
            let is_same = wall <= mark.wall.saturating_add(self.off_ms);
            let waited = mark.waited.filter(|_| is_same).unwrap_or(0);
            tell(
                wall - mark.sure,
                self.confirm_ms - waited.min(self.confirm_ms),
                "since the server last ran",
            );
            let mut known = self.known();
            (known.sure, known.ahead) = (mark.sure, Some(Ahead { waited, wall }));
        }
        self
    }

    /// What the wall clock says.
    pub(crate) fn wall(&self) -> UnixMs {
        (self.wall)()
    }

    /// What tells that, for whoever outlives a request.
    pub(crate) fn teller(&self) -> fn() -> UnixMs {
        self.wall
    }

    /// The time by which things end: never later than the wall clock's.
    pub(crate) fn sure(&self) -> UnixMs {
        // In this order: a machine that goes to sleep in between is found to have slept at the next look.
        let passed = (self.passed)();
        let wall = (self.wall)();
        let mut known = self.known();
        known.look(wall, passed, self.confirm_ms);
        known.sure
    }

    /// What the next start has to know.
    fn mark(&self) -> ClockMark {
        let sure = self.sure();
        let known = self.known();
        ClockMark {
            sure,
            wall: known.ahead.as_ref().map_or(sure, |ahead| ahead.wall),
            waited: known.ahead.as_ref().map(|ahead| ahead.waited),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn look(&mut self, wall: UnixMs, passed: u64, confirm_ms: u64) {
        let elapsed = passed.saturating_sub(self.passed);
        self.passed = passed.max(self.passed);
        let expected = self.sure.saturating_add(elapsed);
        // Set back, it is believed at once: what ends later than it might loses nobody anything.
        if wall <= expected.saturating_add(JUMP_MS) {
            if self.ahead.take().is_some() {
                tracing::info!("the clock is back where it should be");
            }
            self.sure = wall;
            return;
        }
        self.sure = expected;
        let Some(ahead) = &mut self.ahead else {
            tell(wall - expected, confirm_ms, "at once");
            self.ahead = Some(Ahead { waited: 0, wall });
            return;
        };
        ahead.waited += elapsed;
        if wall.abs_diff(ahead.wall.saturating_add(elapsed)) > JUMP_MS {
            tell(wall - expected, confirm_ms, "at once, again");
            ahead.waited = 0;
        }
        ahead.wall = wall;
        if ahead.waited >= confirm_ms {
            tracing::warn!("the clock has gone on for long enough and is believed");
            (self.ahead, self.sure) = (None, wall);
        }
    }
}

fn tell(jump_ms: u64, confirm_ms: u64, when: &str) {
    let spans = (Duration::from_millis(jump_ms), Duration::from_millis(confirm_ms));
    let seconds =
        |span: Duration| humantime::format_duration(Duration::from_secs(span.as_secs())).to_string();
    let (jumped, wait) = (seconds(spans.0), seconds(spans.1));
    tracing::warn!(
        jumped,
        "the clock went ahead {when}: no upload ends by it before it has gone on for {wait}. Set it right if it is wrong; after a long \
         time off there is nothing to do"
    );
}

/// Notes what the clock says, every hour and when that changes, until the task is dropped. `noted` is what was noted at the start.
pub(crate) async fn keep_time(cairn: Arc<Cairn>, mut noted: Option<ClockMark>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        noted = note_time(&cairn, noted).await;
    }
}

/// Notes what the clock says, unless `noted` still holds; gives what is noted then.
pub(crate) async fn note_time(cairn: &Cairn, noted: Option<ClockMark>) -> Option<ClockMark> {
    let mark = cairn.clock.mark();
    let holds = noted.is_some_and(|noted| {
        noted.waited.is_some() == mark.waited.is_some() && mark.sure.abs_diff(noted.sure) < NOTE_EVERY_MS
    });
    if holds {
        return noted;
    }
    match cairn.meta.mark_clock(mark).await {
        Ok(()) => Some(mark),
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
        // It jumps again: what was waited for is another clock.
        jump(30 * DAY as i64);
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
        assert_eq!(clock().after(Some(mark)).sure(), WALL.get());
        WALL.set(BEGIN + 9 * DAY);
        let ahead = clock().after(Some(mark));
        assert_eq!(ahead.sure(), BEGIN);
        pass(DAY / 2);
        let waiting = ahead.mark();
        assert_eq!(waiting, ClockMark { sure: BEGIN + DAY / 2, wall: WALL.get(), waited: Some(DAY / 2) });
        // Off over night again: what was waited counts.
        WALL.set(WALL.get() + DAY / 2);
        let again = clock().after(Some(waiting));
        assert_eq!(again.sure(), waiting.sure);
        pass(DAY / 2);
        assert_eq!(again.sure(), WALL.get());
        // It jumped again meanwhile.
        WALL.set(waiting.wall + 9 * DAY);
        let again = clock().after(Some(waiting));
        pass(DAY / 2);
        assert_eq!(again.sure(), waiting.sure + DAY / 2);
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
