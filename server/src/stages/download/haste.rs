//! How much a download reads at once, and ahead. Each way to the thread that reads costs as much as reading a good part of 256 KiB, so those
//! who take what they are given fast get more. All that is read ahead comes out of one budget; who gets nothing of it reads one small piece
//! ahead, and where little is left of it, who takes nothing gives all back that was read for him.

use std::sync::Arc;
use std::time::Duration;

use cairn_store::chunk::READ_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Read at once for those who are fast, in bytes: most chunks as a whole, or in two.
const FAST_BYTES: usize = 1_024 * 1_024;
/// Read at once by those for whom nothing is left of the budget, in bytes.
const SMALL_BYTES: usize = 64 * 1_024;
/// Downloads that may be fast at the same time. Each has two open files.
const FAST_MAX: usize = 32;
/// After so many bytes it is judged anew. The buffers between two kernels take fewer.
const JUDGED_BYTES: u64 = 16 * 1_024 * 1_024;
/// Who takes them in this time is fast: 64 MiB/s.
const JUDGED_IN: Duration = Duration::from_millis(250);
/// The budget is counted in so many bytes.
const UNIT_BYTES: usize = 64 * 1_024;
/// Two pieces that wait, and the one that is being read.
const USUAL_UNITS: u32 = (3 * READ_BYTES / UNIT_BYTES) as u32;
/// The same for those who are fast, and the chunk behind, which is opened already.
const FAST_UNITS: u32 = (5 * FAST_BYTES / UNIT_BYTES) as u32;

/// What the connection of one who is fast holds at most.
const GIVEN_UNITS: usize = READ_BYTES / UNIT_BYTES;

/// The places of those who are fast, and the memory for what is read ahead.
pub(crate) struct Lanes {
    places: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    units: usize,
}

impl Lanes {
    /// With so many bytes for all downloads.
    pub(crate) fn new(ahead_bytes: u64) -> Self {
        let units = usize::try_from(ahead_bytes).unwrap_or(usize::MAX) / UNIT_BYTES;
        let units = units.min(Semaphore::MAX_PERMITS);
        let memory = Arc::new(Semaphore::new(units));
        Self { places: Arc::new(Semaphore::new(FAST_MAX)), memory, units }
    }

    /// What is left of the budget.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.memory.available_permits()
    }

    /// For a download that begins.
    pub(super) fn begin(&self) -> Haste {
        Haste {
            places: self.places.clone(),
            memory: self.memory.clone(),
            units_max: self.units,
            place: None,
            ahead: None,
            began: Instant::now(),
            bytes: 0,
        }
    }
}

/// How fast one download is taken.
pub(super) struct Haste {
    places: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    units_max: usize,
    place: Option<OwnedSemaphorePermit>,
    ahead: Option<OwnedSemaphorePermit>,
    began: Instant,
    bytes: u64,
}

impl Haste {
    /// Whether it is given more than others.
    pub(super) fn is_fast(&self) -> bool {
        self.units() == FAST_UNITS
    }

    /// Whether it may read more than one piece ahead.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// How many bytes the next chunk is read by, of what the budget has now.
    pub(super) fn next_chunk(&mut self) -> usize {
        let wanted = if self.place.is_some() { FAST_UNITS } else { USUAL_UNITS };
        if self.units() != wanted {
            // Not both at a time: the larger one may just fit.
            self.ahead = None;
            let take = |units| self.memory.clone().try_acquire_many_owned(units).ok();
            self.ahead = take(wanted).or_else(|| take(USUAL_UNITS));
        }
        match self.units() {
            FAST_UNITS => FAST_BYTES,
            0 => SMALL_BYTES,
            _ => READ_BYTES,
        }
    }

    /// How many bytes of a piece are given on at once. The connection copies them, and holds them until they are taken.
    pub(super) fn given(piece: usize) -> usize {
        if piece > READ_BYTES { READ_BYTES } else { SMALL_BYTES }
    }

    /// Whether less than half of the budget is left.
    pub(super) fn is_scarce(&self) -> bool {
        self.memory.available_permits() * 2 < self.units_max
    }

    /// Gives back what is read ahead, but for what the connection of one who was fast may hold.
    pub(super) fn give_back(&mut self) {
        let was_fast = self.is_fast();
        let ahead = self.ahead.take();
        self.ahead = ahead.filter(|_| was_fast).and_then(|mut ahead| ahead.split(GIVEN_UNITS));
        self.place = None;
    }

    /// Its client takes again.
    pub(super) fn begin_again(&mut self) {
        (self.began, self.bytes) = (Instant::now(), 0);
    }

    /// So many were taken.
    pub(super) fn took(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.bytes < JUDGED_BYTES {
            return;
        }
        let is_fast = self.began.elapsed() <= JUDGED_IN;
        if !is_fast {
            self.place = None;
        } else if self.place.is_none() {
            self.place = self.places.clone().try_acquire_owned().ok();
        }
        (self.began, self.bytes) = (Instant::now(), 0);
    }

    fn units(&self) -> u32 {
        self.ahead.as_ref().map_or(0, |ahead| u32::try_from(ahead.num_permits()).unwrap_or(u32::MAX))
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
        let mut haste = Lanes::new(1 << 30).begin();
        take(&mut haste, 15, 1).await;
        assert_eq!(haste.next_chunk(), READ_BYTES, "the kernel's buffers take as much at once");
        take(&mut haste, 1, 1).await;
        assert_eq!(haste.next_chunk(), FAST_BYTES);
        take(&mut haste, 16, 20).await;
        assert_eq!(haste.next_chunk(), READ_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_fast_at_once() {
        let lanes = Lanes::new(1 << 30);
        let mut all: Vec<_> = (0..FAST_MAX + 5).map(|_| lanes.begin()).collect();
        for haste in &mut all {
            haste.began = Instant::now();
            take(haste, 16, 1).await;
        }
        let fast =
            all.iter_mut().filter_map(|haste| (haste.next_chunk() == FAST_BYTES).then_some(())).count();
        assert_eq!(fast, FAST_MAX);
        all.drain(..5);
        let last = all.last_mut().unwrap();
        last.began = Instant::now();
        take(last, 16, 1).await;
        assert_eq!(last.next_chunk(), FAST_BYTES, "a place got free");
    }

    #[tokio::test(start_paused = true)]
    async fn what_all_read_ahead_is_bounded_and_given_back() {
        let lanes = Lanes::new(8 << 20);
        let mut all: Vec<_> = (0..40).map(|_| lanes.begin()).collect();
        let ahead = |all: &mut [Haste]| {
            all.iter_mut().map(Haste::next_chunk).filter(|at_once| *at_once == READ_BYTES).count()
        };
        assert_eq!(ahead(&mut all), 10, "10 times 768 KiB are nearly 8 MiB");
        assert_eq!(all.iter().filter(|haste| haste.is_ahead()).count(), 10);
        assert_eq!(all[39].next_chunk(), SMALL_BYTES);
        // Who is fast gets more where there is more, and what there is where there is not.
        all[0].began = Instant::now();
        take(&mut all[0], 16, 1).await;
        assert_eq!((all[0].next_chunk(), all[0].is_fast()), (READ_BYTES, false));
        all.drain(1..10);
        assert_eq!((all[0].next_chunk(), all[0].is_fast()), (FAST_BYTES, true));
        assert_eq!(ahead(&mut all[1..]), 4);
        // Whose clients take nothing keep what lies in their connections alone.
        all.iter_mut().for_each(Haste::give_back);
        assert_eq!(lanes.memory.available_permits(), 124);
        assert_eq!((all[0].next_chunk(), all[1].next_chunk()), (READ_BYTES, READ_BYTES));
        drop(all);
        assert_eq!(lanes.memory.available_permits(), 128);
    }
}
