//! How much a download reads at once. Each way to the thread that reads costs as much as reading a good part of 256 KiB, so those who take
//! what they are given fast get more; everybody else, and all above a certain number, as little memory as before.

use std::sync::Arc;
use std::time::Duration;

use cairn_store::chunk::READ_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Read at once for those who are fast, in bytes: most chunks as a whole, or in two.
const FAST_BYTES: usize = 1_024 * 1_024;
/// Downloads that may be fast at the same time. Each keeps up to five times `FAST_BYTES`, and two open files.
const FAST_MAX: usize = 32;
/// After so many bytes it is judged anew. The buffers between two kernels take fewer.
const JUDGED_BYTES: u64 = 16 * 1_024 * 1_024;
/// Who takes them in this time is fast: 64 MiB/s.
const JUDGED_IN: Duration = Duration::from_millis(250);

/// The places of those who are fast.
pub(crate) struct Lanes(Arc<Semaphore>);

impl Lanes {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(FAST_MAX)))
    }

    /// For a download that begins.
    pub(super) fn begin(&self) -> Haste {
        Haste { lanes: self.0.clone(), lane: None, began: Instant::now(), bytes: 0 }
    }
}

/// How fast one download is taken.
pub(super) struct Haste {
    lanes: Arc<Semaphore>,
    lane: Option<OwnedSemaphorePermit>,
    began: Instant,
    bytes: u64,
}

impl Haste {
    /// Whether it is given more than others.
    pub(super) fn is_fast(&self) -> bool {
        self.lane.is_some()
    }

    /// How many bytes the next chunk is read by.
    pub(super) fn at_once(&self) -> usize {
        if self.is_fast() { FAST_BYTES } else { READ_BYTES }
    }

    /// So many were taken.
    pub(super) fn took(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes < JUDGED_BYTES {
            return;
        }
        let is_fast = self.began.elapsed() <= JUDGED_IN;
        if !is_fast {
            self.lane = None;
        } else if self.lane.is_none() {
            self.lane = self.lanes.clone().try_acquire_owned().ok();
        }
        (self.began, self.bytes) = (Instant::now(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(haste: &mut Haste, mib: u64, ms: u64) {
        for _ in 0..mib * 4 {
            tokio::time::advance(Duration::from_micros(ms * 250)).await;
            haste.took(READ_BYTES);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_fast_reads_more_until_he_is_slow() {
        let mut haste = Lanes::new().begin();
        take(&mut haste, 15, 1).await;
        assert_eq!(haste.at_once(), READ_BYTES, "the kernel's buffers take as much at once");
        take(&mut haste, 1, 1).await;
        assert_eq!(haste.at_once(), FAST_BYTES);
        take(&mut haste, 16, 20).await;
        assert_eq!(haste.at_once(), READ_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_fast_at_once() {
        let lanes = Lanes::new();
        let mut all: Vec<_> = (0..FAST_MAX + 5).map(|_| lanes.begin()).collect();
        for haste in &mut all {
            haste.began = Instant::now();
            take(haste, 16, 1).await;
        }
        let fast = |all: &[Haste]| all.iter().filter(|haste| haste.at_once() == FAST_BYTES).count();
        assert_eq!(fast(&all), FAST_MAX);
        all.drain(..5);
        let last = all.last_mut().unwrap();
        last.began = Instant::now();
        take(last, 16, 1).await;
        assert_eq!(last.at_once(), FAST_BYTES, "a place got free");
    }
}
