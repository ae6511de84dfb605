//! The line to the server: how many chunks are on their way at once, and how long to wait after a failure.

use cairn_shared::ChunkRule;
use cairn_shared::limits::{BATCH_BYTES_MAX, BATCH_ITEMS_MAX, FIXED_BYTES_MIN, PACKED_BYTES_MAX};

use crate::Now;

/// First pause after a failure, in milliseconds; doubles with each further one.
const PAUSE_FIRST_MS: u64 = 500;
/// Longest pause, in milliseconds.
const PAUSE_MAX_MS: u64 = 30_000;

/// How many chunks may be on their way: grows by one per round of successes, halves at a failure (AIMD).
#[derive(Debug)]
pub(crate) struct Window {
    size: f64,
    max: f64,
}

impl Window {
    /// Begins with two.
    pub(crate) fn new(max: u32) -> Self {
        let max = f64::from(max.max(1));
        Self { size: max.min(2.0), max }
    }

    /// How many at once, 1 or more.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// A chunk was stored.
    pub(crate) fn grow(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(self.max);
    }

    /// A chunk was lost.
    pub(crate) fn shrink(&mut self) {
        self.size = (self.size / 2.0).max(1.0);
    }
}

/// Longest wait for an answer, apart from what its chunk takes to get there, in milliseconds.
pub(crate) const CALL_TIME_MS: u64 = 30_000;
/// Slowest line that a chunk is waited for on, in bytes a millisecond (8 KiB/s).
const SLOWEST: f64 = 8.0;
/// A chunk may take so many times as long as those before it.
const PATIENCE: f64 = 10.0;
/// Share of a faster chunk in what is expected; a slower one counts at once.
const FASTER_SHARE: f64 = 0.125;

/// How fast chunks get there: what takes far longer than those before it is lost, and a fast line need not wait for minutes to
/// say so.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Bytes a millisecond, near those of the slowest of late.
    rate: Option<f64>,
}

impl Pulse {
    /// So many bytes were acknowledged after `took` milliseconds.
    pub(crate) fn came(&mut self, bytes: u64, took: Now) {
        let fresh = bytes as f64 / took.max(1) as f64;
        self.rate = Some(match self.rate {
            Some(rate) if fresh > rate => rate + FASTER_SHARE * (fresh - rate),
            Some(_) | None => fresh,
        });
    }

    /// Something took too long: perhaps the line is slower than it was.
    pub(crate) fn was_lost(&mut self) {
        self.rate = None;
    }

    /// How long so many bytes are waited for, in milliseconds.
    pub(crate) fn time(&self, bytes: u64) -> u64 {
        let rate = self.rate.map_or(SLOWEST, |rate| (rate / PATIENCE).max(SLOWEST));
        CALL_TIME_MS + (bytes as f64 / rate) as u64
    }
}

/// Answers that come faster let a batch grow, in milliseconds.
const FAST_MS: u64 = 1_000;
/// Answers that come slower make it smaller, in milliseconds.
const SLOW_MS: u64 = 5_000;
/// The same for chunks of a large file, several of which are in one request: what is on its way with a full window shall be
/// there soon, for a line that breaks loses it, and a bar that waits for it stands still.
const RUN_FAST_MS: u64 = 250;
const RUN_SLOW_MS: u64 = 1_000;
/// The first batch, in items and bytes.
const ITEMS_FIRST: usize = 128;
const BYTES_FIRST: u64 = 1 << 20;
/// A batch never gets smaller than this, in bytes: a chunk that takes more goes alone.
const BYTES_MIN: u64 = 64 << 10;

/// How much goes in one batch: doubles while answers come fast, halves when they are slow or lost, and stays under what
/// was once too large.
#[derive(Debug)]
pub(crate) struct Group {
    items: usize,
    bytes: u64,
    bytes_max: u64,
    run_bytes: u64,
}

impl Group {
    pub(crate) fn new() -> Self {
        // Room for one more chunk than fits, since a batch ends with the one that fills it.
        let bytes_max = BATCH_BYTES_MAX as u64 - 2 * u64::from(PACKED_BYTES_MAX);
        Self { items: ITEMS_FIRST, bytes: BYTES_FIRST, bytes_max, run_bytes: BYTES_FIRST }
    }

    /// Items of the next batch at most, 2 or more.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// A batch of chunks is full with so many bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A request with chunks of a large file is full with so many bytes.
    pub(crate) fn run_bytes(&self) -> u64 {
        self.run_bytes
    }

    /// A batch of so much was answered after `took` milliseconds.
    pub(crate) fn came(&mut self, items: usize, bytes: u64, took: u64) {
        if took >= SLOW_MS {
            self.was_lost(items, bytes);
        } else if took < FAST_MS {
            if items * 2 > self.items {
                self.items = (self.items * 2).min(BATCH_ITEMS_MAX);
            }
            if bytes * 2 > self.bytes {
                self.bytes = (self.bytes * 2).min(self.bytes_max);
            }
        }
    }

    /// A batch of so much was lost, or took too long.
    pub(crate) fn was_lost(&mut self, items: usize, bytes: u64) {
        self.items = (items / 2).clamp(2, self.items);
        if bytes > 0 {
            self.bytes = (bytes / 2).clamp(BYTES_MIN, self.bytes);
        }
    }

    /// A batch of so much was refused for its size.
    pub(crate) fn was_too_large(&mut self, items: usize, bytes: u64) {
        self.was_lost(items, bytes);
        if bytes > 0 {
            self.bytes_max = self.bytes;
        }
    }

    /// Chunks of a large file, in one request, were answered after `took` milliseconds.
    pub(crate) fn run_came(&mut self, bytes: u64, took: u64) {
        if took >= RUN_SLOW_MS {
            self.run_was_lost(bytes);
        } else if took < RUN_FAST_MS && bytes * 2 > self.run_bytes {
            self.run_bytes = (self.run_bytes * 2).min(self.bytes_max);
        }
    }

    /// They were lost.
    pub(crate) fn run_was_lost(&mut self, bytes: u64) {
        self.run_bytes = (bytes / 2).clamp(BYTES_MIN, self.run_bytes);
    }

    /// They were refused for their size.
    pub(crate) fn run_was_too_large(&mut self, bytes: u64) {
        self.run_was_lost(bytes);
        self.bytes_max = self.bytes_max.min(self.run_bytes);
        self.bytes = self.bytes.min(self.bytes_max);
    }
}

/// The longest chunks where the usual ones were too long, in bytes: half of what proxies take that are told nothing.
const NARROW_BYTES_MAX: u32 = 512 << 10;

/// The rule to try when a chunk of `length` bytes was too long: proxies take 1 MiB, or another power of two.
pub(crate) fn narrower(rule: ChunkRule, length: u32) -> Option<ChunkRule> {
    let shorter = match rule {
        ChunkRule::FastCdc => (length / 2 + 1).next_power_of_two().min(NARROW_BYTES_MAX),
        ChunkRule::Fixed(bytes) => bytes / 2,
    };
    (shorter >= FIXED_BYTES_MIN && shorter < length).then_some(ChunkRule::Fixed(shorter))
}

/// Failures in a row, and when to try again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Now>,
    pause: Option<Now>,
    /// The server wants to be left alone until then.
    asked: Option<Now>,
    /// It takes no more before then, and nothing is wrong.
    turn: Option<Now>,
}

impl Backoff {
    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// When to try again; `None` once that has come.
    pub(crate) fn until(&self) -> Option<Now> {
        self.until.max(self.pause).max(self.asked).max(self.turn)
    }

    /// Whether the server has asked for the wait.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Ends the wait where it is over.
    pub(crate) fn wake(&mut self, now: Now) {
        self.until = self.until.filter(|until| *until > now);
        self.pause = self.pause.filter(|until| *until > now);
        self.asked = self.asked.filter(|until| *until > now);
        self.turn = self.turn.filter(|until| *until > now);
    }

    /// Waits: exponentially longer, with up to half of it as jitter, at least `asked_ms`.
    pub(crate) fn fail(&mut self, now: Now, asked_ms: u64, rng: &mut Rng) {
        let pause = (PAUSE_FIRST_MS << self.failures.min(10)).min(PAUSE_MAX_MS);
        let pause = pause / 2 + rng.below(pause / 2 + 1);
        self.failures += 1;
        self.until = Some(now + pause);
        if asked_ms > 0 {
            self.asked = self.asked.max(Some(now + asked_ms));
        }
    }

    /// Waits until the server takes more of what it had too much of. That is no failure.
    pub(crate) fn take_turn(&mut self, now: Now, asked_ms: u64) {
        self.turn = self.turn.max(Some(now + asked_ms));
    }

    /// Waits whatever else succeeds meanwhile: `count` repairs were needed so far, each waits longer.
    pub(crate) fn pause(&mut self, now: Now, count: u32) {
        self.pause = Some(now + (PAUSE_FIRST_MS << count.min(10)).min(PAUSE_MAX_MS));
    }

    /// Tries again at once, unless the server has asked to wait.
    pub(crate) fn hurry(&mut self) {
        self.until = None;
        self.pause = None;
    }

    /// A person wants another try, whatever the server has asked for.
    pub(crate) fn insist(&mut self) {
        self.hurry();
        self.asked = None;
        self.turn = None;
    }

    /// Something was answered well. What the server has asked for stays: the answer may be older than that.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
        self.until = None;
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): jitter and fresh keys from the shell's seed.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Begins with a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        for step in 0..12 {
            backoff.fail(0, 0, &mut rng);
            let pause = (500u64 << step.min(10)).min(30_000);
            let until = backoff.until().unwrap();
            assert!(until >= pause / 2 && until <= pause, "step {step}: {until}");
        }
        backoff.fail(0, 90_000, &mut rng);
        backoff.wake(89_999);
        assert_eq!(backoff.until(), Some(90_000));
        backoff.wake(90_000);
        assert_eq!((backoff.failures(), backoff.until()), (13, None));
        backoff.succeed();
        assert_eq!(backoff.failures(), 0);
    }

    #[test]
    fn a_fast_line_is_not_waited_for_as_long_as_a_slow_one() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.time(1_000_000), 155_000);
        (0..50).for_each(|_| pulse.came(1_000_000, 200));
        assert_eq!(pulse.time(1_000_000), 32_000);
        // One slow chunk counts at once, a very slow one as much as it may.
        pulse.came(1_000_000, 4_000);
        assert_eq!(pulse.time(1_000_000), 70_000);
        pulse.came(1_000_000, 400_000);
        assert_eq!(pulse.time(1_000_000), 155_000);
        pulse.came(1_000_000, 1);
        pulse.was_lost();
        assert_eq!(pulse.time(1_000_000), 155_000);
    }

    #[test]
    fn what_the_server_asked_for_outlives_an_earlier_answer() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        backoff.fail(0, 8_000, &mut rng);
        backoff.fail(100, 2_000, &mut rng);
        backoff.succeed();
        backoff.hurry();
        assert_eq!((backoff.is_asked(), backoff.until()), (true, Some(8_000)));
        backoff.wake(8_000);
        assert_eq!((backoff.is_asked(), backoff.until()), (false, None));
        backoff.fail(9_000, 8_000, &mut rng);
        backoff.insist();
        assert_eq!(backoff.until(), None);
    }

    #[test]
    fn who_waits_for_his_turn_has_not_failed() {
        let mut backoff = Backoff::default();
        backoff.take_turn(0, 8_000);
        backoff.take_turn(100, 2_000);
        backoff.succeed();
        backoff.hurry();
        assert_eq!((backoff.failures(), backoff.is_asked(), backoff.until()), (0, false, Some(8_000)));
        backoff.wake(8_000);
        assert_eq!(backoff.until(), None);
    }

    #[test]
    fn batches_grow_with_the_line_and_stay_under_what_was_too_large() {
        let mut group = Group::new();
        for _ in 0..10 {
            group.came(group.items(), group.bytes(), 100);
        }
        assert_eq!((group.items(), group.bytes()), (1_000, 7_864_320));
        group.was_too_large(400, 4 << 20);
        assert_eq!((group.items(), group.bytes()), (200, 2 << 20));
        for _ in 0..10 {
            group.came(group.items(), group.bytes(), 100);
        }
        assert_eq!((group.items(), group.bytes()), (1_000, 2 << 20));
        (0..20).for_each(|_| group.was_lost(group.items(), group.bytes()));
        assert_eq!((group.items(), group.bytes()), (2, 64 << 10));
        group.came(2, 64 << 10, 9_000);
        assert_eq!(group.items(), 2);
    }

    #[test]
    fn runs_grow_while_they_are_there_soon() {
        let mut group = Group::new();
        assert_eq!(group.run_bytes(), 1 << 20);
        group.run_came(1_300_000, 249);
        group.run_came(100, 1);
        assert_eq!(group.run_bytes(), 2 << 20, "what is short says nothing");
        (0..5).for_each(|_| group.run_came(group.run_bytes(), 900));
        assert_eq!(group.run_bytes(), 2 << 20);
        group.run_came(2 << 20, 1_000);
        assert_eq!(group.run_bytes(), 1 << 20);
        (0..9).for_each(|_| group.run_came(group.run_bytes(), 10));
        assert_eq!(group.run_bytes(), 7_864_320);
        group.run_was_too_large(3 << 20);
        (0..9).for_each(|_| group.run_came(group.run_bytes(), 10));
        assert_eq!((group.run_bytes(), group.items()), (3 << 19, 128), "small files lose nothing by it");
        (0..20).for_each(|_| group.run_was_lost(group.run_bytes()));
        assert_eq!(group.run_bytes(), 64 << 10);
    }

    #[test]
    fn the_window_grows_to_its_maximum_and_never_closes() {
        let mut window = Window::new(8);
        (0..100).for_each(|_| window.grow());
        assert_eq!(window.size(), 8);
        (0..100).for_each(|_| window.shrink());
        assert_eq!(window.size(), 1);
    }
}
