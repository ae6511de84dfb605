//! What asking for dedup costs: offers to prove possession, how long they hold, and how many an owner may waste.
//!
//! All of it is kept in memory. A restart forgets offers, which are made again, and what was wasted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_shared::{ChunkDigest, OwnerId, Problem, ProblemCode, SessionId, UnixMs};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::refusal::Answer;

/// An offer holds so long, in milliseconds.
const OFFER_MS: UnixMs = 15 * 60 * 1_000;
/// What was wasted is forgotten after so long, in milliseconds.
const DAY_MS: UnixMs = 24 * 60 * 60 * 1_000;
/// Offers that an owner may have at once and leave unused in a day: an upload that is broken off leaves some dozens.
const UNUSED_MAX: u32 = 2_000;
/// Wrong proofs of an owner in a day: each had a chunk read.
const WRONG_MAX: u32 = 16;
/// Offers of all owners at once.
const OFFERS_MAX: usize = 200_000;
/// Offers that are over and still listed, beside as many as are open.
const MADE_SLACK: usize = 1_024;
/// Owners of whom something is remembered.
const OWNERS_MAX: usize = 100_000;
/// Chunks that are read for proofs at the same time.
const READS_MAX: usize = 2;
/// The longest wait for one's turn to read.
const READ_WAIT: Duration = Duration::from_secs(20);

/// Offers and budgets.
pub(crate) struct Dedup {
    ledger: Mutex<Ledger>,
    reads: Semaphore,
}

#[derive(Default)]
struct Ledger {
    offers: HashMap<(SessionId, ChunkDigest), Offer>,
    /// In the order in which they were made; those that are used or settled are here too.
    made: VecDeque<(UnixMs, SessionId, ChunkDigest)>,
    owners: HashMap<OwnerId, Spent>,
}

struct Offer {
    owner: OwnerId,
    at: UnixMs,
}

/// What an owner has wasted since the day began that his first waste began.
#[derive(Default)]
struct Spent {
    since: UnixMs,
    open: u32,
    unused: u32,
    wrong: u32,
}

impl Dedup {
    pub(crate) fn new() -> Self {
        Self { ledger: Mutex::default(), reads: Semaphore::new(READS_MAX) }
    }

    /// Offers a session to prove that it has a chunk. False where its owner has wasted too much: then he is told of nothing
    /// but his own until the day is over.
    pub(crate) fn offer(&self, session: SessionId, owner: OwnerId, digest: ChunkDigest, now: UnixMs) -> bool {
        let mut ledger = self.ledger();
        ledger.lapse(now);
        if ledger.offers.contains_key(&(session, digest)) {
            return true;
        }
        if ledger.offers.len() >= OFFERS_MAX || !ledger.trusts(owner, now) {
            return false;
        }
        ledger.spent(owner, now).open += 1;
        ledger.offers.insert((session, digest), Offer { owner, at: now });
        ledger.made.push_back((now, session, digest));
        true
    }

    /// Takes an offer up; false where it is over, or was never made.
    pub(crate) fn take(&self, session: SessionId, digest: ChunkDigest, now: UnixMs) -> bool {
        let mut ledger = self.ledger();
        ledger.lapse(now);
        ledger.close(session, digest)
    }

    /// The chunk was sent instead.
    pub(crate) fn settle(&self, session: SessionId, digest: ChunkDigest) {
        self.ledger().close(session, digest);
    }

    /// A proof was wrong.
    pub(crate) fn was_wrong(&self, owner: OwnerId, now: UnixMs) {
        self.ledger().spent(owner, now).wrong += 1;
    }

    /// Whether an owner may learn of one thing more that is not his; what he learns counts as unused.
    pub(crate) fn probe(&self, owner: OwnerId, now: UnixMs) -> bool {
        let mut ledger = self.ledger();
        ledger.lapse(now);
        let trusts = ledger.trusts(owner, now);
        if trusts {
            ledger.spent(owner, now).unused += 1;
        }
        trusts
    }

    /// One's turn to read a chunk.
    pub(crate) async fn turn(&self) -> Answer<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(READ_WAIT, self.reads.acquire()).await;
        match turn {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                let detail = "Too many proofs are being looked at. Nothing is lost; ask again.";
                Err(Problem::new(ProblemCode::Unavailable, detail).with_retry_after(5).into())
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Ends offers that nobody took up in time.
    fn lapse(&mut self, now: UnixMs) {
        while let Some((at, session, digest)) = self.made.front().copied()
            && at.saturating_add(OFFER_MS) <= now
        {
            self.made.pop_front();
            if self.offers.get(&(session, digest)).is_some_and(|offer| offer.at == at)
                && let Some(Offer { owner, .. }) = self.offers.remove(&(session, digest))
            {
                let spent = self.spent(owner, now);
                spent.open = spent.open.saturating_sub(1);
                spent.unused += 1;
            }
        }
    }

    fn close(&mut self, session: SessionId, digest: ChunkDigest) -> bool {
        let Some(offer) = self.offers.remove(&(session, digest)) else { return false };
        if let Some(spent) = self.owners.get_mut(&offer.owner) {
            spent.open = spent.open.saturating_sub(1);
        }
        // Whoever takes up all that he is offered would else leave a long list of what is over.
        if self.made.len() > 2 * self.offers.len() + MADE_SLACK {
            let offers = &self.offers;
            self.made.retain(|(at, session, digest)| {
                offers.get(&(*session, *digest)).is_some_and(|offer| offer.at == *at)
            });
        }
        true
    }

    fn trusts(&mut self, owner: OwnerId, now: UnixMs) -> bool {
        let spent = self.spent(owner, now);
        spent.open + spent.unused < UNUSED_MAX && spent.wrong < WRONG_MAX
    }

    fn spent(&mut self, owner: OwnerId, now: UnixMs) -> &mut Spent {
        if self.owners.len() >= OWNERS_MAX {
            self.owners.retain(|_, spent| spent.open > 0 || now < spent.since.saturating_add(DAY_MS));
        }
        let spent = self.owners.entry(owner).or_insert_with(|| Spent { since: now, ..Spent::default() });
        if now >= spent.since.saturating_add(DAY_MS) {
            *spent = Spent { since: now, open: spent.open, ..Spent::default() };
        }
        spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: OwnerId = OwnerId::new([1; 16]);
    const SESSION: SessionId = SessionId::new([2; 16]);

    fn digest(number: u32) -> ChunkDigest {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ChunkDigest::new(bytes)
    }

    #[test]
    fn an_offer_is_taken_up_once_and_not_too_late() {
        let dedup = Dedup::new();
        assert!(!dedup.take(SESSION, digest(1), 0), "nothing was offered");
        assert!(dedup.offer(SESSION, OWNER, digest(1), 0) && dedup.offer(SESSION, OWNER, digest(1), 5));
        assert!(!dedup.take(SessionId::new([3; 16]), digest(1), 5), "it is another session's");
        assert!(dedup.take(SESSION, digest(1), OFFER_MS - 1));
        assert!(!dedup.take(SESSION, digest(1), OFFER_MS - 1));
        assert!(dedup.offer(SESSION, OWNER, digest(1), 10));
        assert!(!dedup.take(SESSION, digest(1), OFFER_MS + 10));
    }

    #[test]
    fn whoever_leaves_offers_unused_gets_no_more_of_them_that_day() {
        let dedup = Dedup::new();
        let offered = (0..UNUSED_MAX + 50).filter(|n| dedup.offer(SESSION, OWNER, digest(*n), 0)).count();
        assert_eq!(offered, UNUSED_MAX as usize);
        assert!(!dedup.probe(OWNER, 0));
        // What is sent or proven instead costs nothing.
        (0..100).for_each(|n| dedup.settle(SESSION, digest(n)));
        assert!(dedup.offer(SESSION, OWNER, digest(5_000), 0));
        // All others lapse, and stay counted until the next day.
        let later = (0..500).filter(|n| dedup.offer(SESSION, OWNER, digest(9_000 + n), OFFER_MS)).count();
        assert_eq!(later, 99);
        assert!(dedup.offer(SESSION, OwnerId::new([9; 16]), digest(1), OFFER_MS), "others are not concerned");
        assert!(dedup.offer(SESSION, OWNER, digest(20_000), DAY_MS + 1));
    }

    #[test]
    fn what_is_taken_up_leaves_nothing_behind() {
        let dedup = Dedup::new();
        for number in 0..50_000 {
            assert!(dedup.offer(SESSION, OWNER, digest(number), 0) && dedup.take(SESSION, digest(number), 0));
        }
        let ledger = dedup.ledger();
        assert!(ledger.offers.is_empty() && ledger.made.len() <= MADE_SLACK + 1, "{}", ledger.made.len());
        assert_eq!(ledger.owners[&OWNER].open, 0);
    }

    #[test]
    fn wrong_proofs_end_the_trust() {
        let dedup = Dedup::new();
        (0..WRONG_MAX).for_each(|_| dedup.was_wrong(OWNER, 0));
        assert!(!dedup.offer(SESSION, OWNER, digest(1), 0) && !dedup.probe(OWNER, DAY_MS - 1));
        assert!(dedup.offer(SESSION, OWNER, digest(1), DAY_MS));
    }
}
