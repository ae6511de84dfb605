//! Speed and time left, smoothed so that people can read them.

use crate::Now;

/// Nothing is told during the first milliseconds.
const SILENCE_MS: u64 = 3_000;
/// Weight of the past halves about every second, in milliseconds a step.
const STEP_MS: u64 = 250;
/// Share of the newest step.
const FRESH: f64 = 0.16;
/// A limited line rests for seconds between two chunks: there the past halves about every quarter of a minute.
const PACED_FRESH: f64 = 0.011;

/// Follows a count of bytes that only grows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    since: Option<(Now, u64)>,
    last: Option<(Now, u64)>,
    speed: f64,
}

impl Meter {
    /// Bytes done so far, on a line that a limit has rest, or not.
    pub(crate) fn update(&mut self, now: Now, bytes: u64, is_paced: bool) {
        let Some((at, before)) = self.last else {
            self.since = Some((now, bytes));
            self.last = Some((now, bytes));
            return;
        };
        let passed = now.saturating_sub(at);
        if passed < STEP_MS {
            return;
        }
        let fresh = bytes.saturating_sub(before) as f64 * 1_000.0 / passed as f64;
        let share = if is_paced { PACED_FRESH } else { FRESH };
        let weight = 1.0 - (1.0 - share).powf(passed as f64 / STEP_MS as f64);
        self.speed = if self.speed == 0.0 { fresh } else { self.speed + weight * (fresh - self.speed) };
        self.last = Some((now, bytes));
    }

    /// Begins anew after a rest.
    pub(crate) fn rest(&mut self) {
        *self = Self::default();
    }

    /// Bytes per second, once there is something to tell.
    pub(crate) fn speed(&self) -> Option<u64> {
        let ((first, _), (last, _)) = (self.since?, self.last?);
        (last - first >= SILENCE_MS && self.speed >= 1.0).then_some(self.speed as u64)
    }
}
