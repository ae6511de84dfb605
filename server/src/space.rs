//! Space on the disk: what is promised to uploads until it arrives, and the chunk that can't fit is refused.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_shared::{ChunkDigest, OwnerId, ProblemCode, Row, SessionId};
use cairn_store::ChunkStore;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::refusal::{Answer, Refusal};

/// A promise is over when nothing has come for so long.
const LAPSE: Duration = Duration::from_secs(15 * 60);
/// How often somebody looks which are over.
const LAPSE_EVERY: Duration = Duration::from_secs(1);
/// No owner is promised more than this part of the free space.
const OWNER_PART: u64 = 4;
/// All promises together are no more than this part of it: the other may be taken by whoever sends at once.
const ALL_PART: u64 = 2;

/// No session is promised more chunks than this, however small they are.
const SESSION_CHUNKS: usize = 65_536;

/// The space for chunks.
pub(crate) struct Space {
    chunks: Arc<dyn ChunkStore>,
    ledger: Mutex<Ledger>,
    is_tight: AtomicBool,
    tightened: Notify,
}

#[derive(Default)]
struct Ledger {
    sessions: HashMap<SessionId, Promise>,
    /// The sums of their promises.
    bytes: u64,
    owners: HashMap<OwnerId, u64>,
    /// When they were last looked through.
    lapsed: Option<Instant>,
}

/// What one session was told to send.
struct Promise {
    owner: OwnerId,
    chunks: HashMap<ChunkDigest, u32>,
    bytes: u64,
    touched: Instant,
}

impl Space {
    /// The space that `chunks` have.
    pub(crate) fn new(chunks: Arc<dyn ChunkStore>) -> Self {
        Self { chunks, ledger: Mutex::default(), is_tight: AtomicBool::new(false), tightened: Notify::new() }
    }

    /// Bytes that nobody has used and nobody else than this session was promised.
    pub(crate) async fn free(&self, session: Option<SessionId>) -> Answer<u64> {
        let free = self.chunks.free_bytes().await?;
        let mut ledger = self.ledger();
        ledger.lapse(Instant::now());
        let own =
            session.and_then(|session| ledger.sessions.get(&session)).map_or(0, |promise| promise.bytes);
        Ok(free.saturating_sub(ledger.bytes - own))
    }

    /// Refuses what can't fit.
    pub(crate) async fn require(&self, session: Option<SessionId>, needed: u64) -> Answer<()> {
        let free = self.free(session).await?;
        if needed <= free {
            return Ok(());
        }
        self.tighten();
        Err(Refusal::no_space(needed, free))
    }

    /// Refuses the first of these rows, with its index, whose chunk finds no room beside those before it. A chunk takes room once,
    /// in however many rows it stands, and what the session was promised has its room.
    pub(crate) async fn require_rows(&self, session: SessionId, rows: &[(u32, Row)]) -> Answer<()> {
        let free = self.chunks.free_bytes().await?;
        let (first, needed, free) = {
            let mut ledger = self.ledger();
            ledger.lapse(Instant::now());
            let free = free.saturating_sub(ledger.bytes);
            let (first, needed) = ledger.too_many(session, rows, free);
            (first, needed, free)
        };
        let Some(first) = first else { return Ok(()) };
        self.tighten();
        let Refusal(problem) = Refusal::no_space(needed, free);
        Err(problem.with_at(first).into())
    }

    /// Where there was no room for what a session sent, the refusal says how much there is, and what was promised is over.
    pub(crate) async fn explain<T>(
        &self,
        session: Option<SessionId>,
        needed: u64,
        answer: Answer<T>,
    ) -> Answer<T> {
        let Err(refusal) = answer else { return answer };
        if refusal.0.code != ProblemCode::StorageFull || refusal.0.free_bytes.is_some() {
            return Err(refusal);
        }
        if let Some(session) = session {
            self.forget(session);
        }
        match self.free(None).await {
            Ok(free) if free < needed => Err(Refusal::no_space(needed, free)),
            Ok(_) | Err(_) => Err(refusal),
        }
    }

    /// Promises space for these rows, up to what one owner and all together may be promised.
    pub(crate) async fn promise(&self, session: SessionId, owner: OwnerId, rows: &[Row]) -> Answer<()> {
        let free = self.chunks.free_bytes().await?;
        self.ledger().promise(session, owner, rows, free, Instant::now());
        Ok(())
    }

    /// A chunk has come, or need not be sent.
    pub(crate) fn settle(&self, session: SessionId, digest: ChunkDigest) {
        self.ledger().settle(session, digest, Instant::now());
    }

    /// Nothing more will come.
    pub(crate) fn forget(&self, session: SessionId) {
        self.ledger().forget(session);
    }

    /// There was no room for something: unheld chunks needn't wait for their time.
    pub(crate) fn tighten(&self) {
        self.is_tight.store(true, Ordering::Relaxed);
        self.tightened.notify_one();
    }

    /// Waits until there was no room for something.
    pub(crate) async fn tightened(&self) {
        self.tightened.notified().await;
    }

    /// Whether there was no room since the last time somebody asked.
    pub(crate) fn take_tight(&self) -> bool {
        self.is_tight.swap(false, Ordering::Relaxed)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn lapse(&mut self, now: Instant) {
        if self.lapsed.is_some_and(|lapsed| now.duration_since(lapsed) < LAPSE_EVERY) {
            return;
        }
        self.lapsed = Some(now);
        let is_over = |promise: &Promise| now.duration_since(promise.touched) >= LAPSE;
        let over = self.sessions.iter().filter(|(_, promise)| is_over(promise)).map(|(session, _)| *session);
        let over: Vec<_> = over.collect();
        over.into_iter().for_each(|session| self.forget(session));
    }

    /// The first row whose chunk finds no room, and what all need that have none yet, in bytes.
    fn too_many(&self, session: SessionId, rows: &[(u32, Row)], free: u64) -> (Option<u32>, u64) {
        let promised = self.sessions.get(&session).map(|promise| &promise.chunks);
        let (mut first, mut needed, mut met) = (None, 0, HashSet::new());
        for (at, row) in rows {
            if promised.is_some_and(|chunks| chunks.contains_key(&row.digest)) || !met.insert(row.digest) {
                continue;
            }
            needed += u64::from(row.length);
            if needed > free && first.is_none() {
                first = Some(*at);
            }
        }
        (first, needed)
    }

    fn promise(&mut self, session: SessionId, owner: OwnerId, rows: &[Row], free: u64, now: Instant) {
        let left = |part: u64, promised: u64| (free / part).saturating_sub(promised);
        let owned = self.owners.entry(owner).or_default();
        let mut room = left(OWNER_PART, *owned).min(left(ALL_PART, self.bytes));
        let promise = self.sessions.entry(session).or_insert_with(|| Promise {
            owner,
            chunks: HashMap::new(),
            bytes: 0,
            touched: now,
        });
        for row in rows {
            let length = u64::from(row.length);
            let is_new = !promise.chunks.contains_key(&row.digest);
            if length <= room && is_new && promise.chunks.len() < SESSION_CHUNKS {
                promise.touched = now;
                promise.chunks.insert(row.digest, row.length);
                promise.bytes += length;
                *owned += length;
                self.bytes += length;
                room -= length;
            }
        }
    }

    fn settle(&mut self, session: SessionId, digest: ChunkDigest, now: Instant) {
        let Some(promise) = self.sessions.get_mut(&session) else { return };
        promise.touched = now;
        let length = promise.chunks.remove(&digest).map_or(0, u64::from);
        promise.bytes -= length;
        let (owner, is_kept) = (promise.owner, !promise.chunks.is_empty());
        self.give_back(owner, length);
        if !is_kept {
            self.sessions.remove(&session);
        }
    }

    fn forget(&mut self, session: SessionId) {
        if let Some(promise) = self.sessions.remove(&session) {
            self.give_back(promise.owner, promise.bytes);
        }
    }

    fn give_back(&mut self, owner: OwnerId, bytes: u64) {
        self.bytes -= bytes;
        if let Some(owned) = self.owners.get_mut(&owner) {
            *owned -= bytes;
            if *owned == 0 {
                self.owners.remove(&owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8, length: u32) -> Row {
        Row { digest: ChunkDigest::new([number; 32]), length }
    }

    fn bytes(ledger: &Ledger) -> u64 {
        let of_chunks =
            |promise: &Promise| promise.chunks.values().map(|length| u64::from(*length)).sum::<u64>();
        let bytes = ledger.sessions.values().map(of_chunks).sum();
        assert_eq!((bytes, bytes), (ledger.bytes, ledger.owners.values().sum()), "the sums are not theirs");
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_ends_when_the_chunk_comes_and_when_nothing_does() {
        let (session, owner) = (SessionId::new([1; 16]), OwnerId::new([2; 16]));
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            ledger.promise(session, owner, &[row(1, 100), row(2, 50)], 4_000, Instant::now());
        }
        assert_eq!(bytes(&ledger), 150);
        tokio::time::advance(Duration::from_secs(14 * 60)).await;
        ledger.settle(session, row(1, 100).digest, Instant::now());
        ledger.lapse(Instant::now());
        assert_eq!(bytes(&ledger), 50);
        tokio::time::advance(Duration::from_secs(15 * 60)).await;
        ledger.lapse(Instant::now());
        assert_eq!((bytes(&ledger), ledger.sessions.len(), ledger.owners.len()), (0, 0, 0));
        ledger.promise(session, owner, &[row(1, 100), row(2, 50)], 4_000, Instant::now());
        ledger.forget(session);
        assert_eq!((bytes(&ledger), ledger.sessions.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_chunk_takes_room_once_and_what_was_promised_has_it() {
        let (session, owner) = (SessionId::new([1; 16]), OwnerId::new([2; 16]));
        let mut ledger = Ledger::default();
        ledger.promise(session, owner, &[row(1, 100)], 4_000, Instant::now());
        let hole: Vec<_> = (7..300).map(|at| (at, row(2, 60))).collect();
        assert_eq!(ledger.too_many(session, &hole, 60), (None, 60));
        assert_eq!(ledger.too_many(session, &hole, 59), (Some(7), 60));
        let rows = [(3, row(1, 100)), (4, row(2, 60)), (5, row(3, 10)), (6, row(2, 60)), (7, row(4, 5))];
        assert_eq!(ledger.too_many(session, &rows, 65), (Some(5), 75));
        assert_eq!(ledger.too_many(SessionId::new([9; 16]), &rows, 165), (Some(5), 175), "nobody else's");
    }

    #[tokio::test(start_paused = true)]
    async fn no_owner_and_not_all_together_are_promised_more_than_their_part() {
        let owner = OwnerId::new([2; 16]);
        let mut ledger = Ledger::default();
        for number in 0..20 {
            ledger.promise(SessionId::new([number; 16]), owner, &[row(number, 100)], 4_000, Instant::now());
        }
        assert_eq!(bytes(&ledger), 1_000);
        // Another owner has a part of his own, a third finds nothing left of the half that may be promised.
        for number in 100..140 {
            let other = OwnerId::new([number / 20; 16]);
            ledger.promise(SessionId::new([number; 16]), other, &[row(number, 100)], 4_000, Instant::now());
        }
        assert_eq!(bytes(&ledger), 2_000);
        let owners =
            |owner: u8| ledger.sessions.values().filter(move |p| p.owner == OwnerId::new([owner; 16]));
        let of = |owner: u8| owners(owner).map(|promise| promise.bytes).sum::<u64>();
        assert_eq!((of(5), of(6)), (1_000, 0));
    }
}
