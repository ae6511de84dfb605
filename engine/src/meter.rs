//! Speed and time left, smoothed so that people can read them.

use crate::Now;

/// Nothing is told during the first milliseconds.
const SILENCE_MS: u64 = 3_000;
/// Nothing is told when nothing came for so long, in milliseconds, or where it comes in large pieces for so many times as
/// long as the last one took.
const STILL_MS: u64 = 5_000;
const STILL_TIMES: u64 = 4;
/// Weight of the past halves about every second, in milliseconds a step.
const STEP_MS: u64 = 250;
/// Share of the newest step.
const FRESH: f64 = 0.16;
/// A limited line rests for seconds between two chunks: there the past halves about every quarter of a minute.
const PACED_FRESH: f64 = 0.011;

/// Follows a count of bytes that only grows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// When the first piece came.
    since: Option<Now>,
    last: Option<(Now, u64)>,
    /// How long the last piece took.
    took: u64,
    /// When the clock was last looked at.
    now: Now,
    speed: f64,
}

impl Meter {
    /// Bytes that came so far, on a line that a limit has rest, or not.
    pub(crate) fn update(&mut self, now: Now, bytes: u64, is_paced: bool) {
        self.now = now;
        let Some((at, before)) = self.last else {
            self.last = Some((now, bytes));
            return;
        };
        // Between two pieces of a slow line there is no other speed, and before the first one there is none.
        if bytes <= before {
            return;
        }
        if self.since.is_none() {
            self.since = Some(now);
            self.last = Some((now, bytes));
            return;
        }
        let passed = now.saturating_sub(at);
        if passed < STEP_MS {
            return;
        }
        self.took = passed;
        let fresh = (bytes - before) as f64 * 1_000.0 / passed as f64;
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
        let (first, (last, _)) = (self.since?, self.last?);
        let is_still = self.now.saturating_sub(last) >= STILL_MS.max(self.took * STILL_TIMES);
        (self.now - first >= SILENCE_MS && !is_still && self.speed >= 1.0).then_some(self.speed as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the meter every quarter of a second what came by then, from one time up to another.
    fn run(meter: &mut Meter, span: std::ops::Range<u64>, bytes: impl Fn(u64) -> u64) -> Vec<Option<u64>> {
        let times = (span.start..span.end).step_by(STEP_MS as usize);
        times
            .map(|now| {
                meter.update(now, bytes(now), false);
                meter.speed()
            })
            .collect()
    }

    #[test]
    fn nothing_is_told_at_first_and_nothing_when_nothing_comes() {
        let mut meter = Meter::default();
        let told = run(&mut meter, 0..20_000, |now| now * 1_000);
        assert!(told[..12].iter().all(Option::is_none) && told[13..].iter().all(Option::is_some), "{told:?}");
        assert!(told.iter().flatten().all(|speed| (990_000..=1_000_000).contains(speed)), "{told:?}");
        // The server is gone: what was is told for a moment, and never a speed that nobody has.
        let told = run(&mut meter, 20_000..60_000, |_| 20_000_000);
        assert!(told.iter().flatten().all(|speed| *speed >= 990_000), "{told:?}");
        assert!(told[20..].iter().all(Option::is_none), "{told:?}");
        meter.rest();
        let told = run(&mut meter, 60_000..70_000, |now| 20_000_000 + (now - 60_000) * 500);
        assert!(told[..12].iter().all(Option::is_none), "{told:?}");
        assert!(told[13..].iter().flatten().all(|speed| (495_000..=500_000).contains(speed)), "{told:?}");
    }

    #[test]
    fn a_line_that_is_slower_than_its_pieces_has_a_steady_speed() {
        let mut meter = Meter::default();
        // A MiB every 8 seconds.
        let told = run(&mut meter, 0..200_000, |now| now / 8_000 * (1 << 20));
        let told: Vec<u64> = told[120..].iter().map(|speed| speed.unwrap()).collect();
        assert!(told.iter().all(|speed| (120_000..=140_000).contains(speed)), "{told:?}");
    }
}
