//! Speed and time left, smoothed so that people can read them.

use crate::Now;

/// Nothing is told during the first milliseconds.
const SILENCE_MS: u64 = 3_000;
/// Weight of the past halves about every second, in milliseconds a step.
const STEP_MS: u64 = 250;
/// Share of the newest step.
const FRESH: f64 = 0.16;

/// Follows a count of bytes that only grows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    since: Option<(Now, u64)>,
    last: Option<(Now, u64)>,
    speed: f64,
}

impl Meter {
    /// Bytes done so far.
    pub(crate) fn update(&mut self, now: Now, bytes: u64) {
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
        let weight = 1.0 - (1.0 - FRESH).powf(passed as f64 / STEP_MS as f64);
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
