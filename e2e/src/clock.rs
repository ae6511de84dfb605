//! The only place that reads the clock.

use std::time::{Duration, Instant};

/// Measures from when it was made.
#[derive(Debug, Clone, Copy)]
pub struct Timer(Instant);

impl Timer {
    /// Begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests wait in real time, and this is where they look at the clock"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A time after which nobody waits any longer.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    timer: Timer,
    span: Duration,
}

impl Deadline {
    /// That far from now.
    pub fn after(span: Duration) -> Self {
        Self { timer: Timer::start(), span }
    }

    /// As `after`, in seconds.
    pub fn seconds(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        self.timer.elapsed() >= self.span
    }

    /// Waits a little, and fails when the time is over. `what` says what was waited for.
    pub fn pause(self, what: impl Fn() -> String) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_over(), "after {:.1} s still waiting: {}", self.span.as_secs_f64(), what());
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }

    /// Asks again and again until there is an answer.
    pub fn until<T>(
        self,
        what: impl Fn() -> String,
        mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            self.pause(&what)?;
        }
    }
}
