//! The follower: computes the SHA-256 of whole files behind the uploads, as a resumable job.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cairn_shared::{BlobDigest, ChunkRule, SessionId};
use cairn_store::StoreError;
use cairn_store::chunk::READ_BYTES;
use cairn_store::model::{Follow, SessionState};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, broadcast};
use tokio::time::{Instant, timeout};

use crate::cairn::Stores;
use crate::content::Content;

/// Bytes hashed before others get their turn, and between two saved states.
pub(crate) const TURN_BYTES: u64 = 64 << 20;
/// Pause before a job that failed is tried again: a damaged chunk may have been healed, a disk may have room.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// Jobs kept in memory between their turns.
const RUNNING_MAX: usize = 4_096;
/// Rows looked up at once.
const ROWS_PAGE: usize = 64;

/// Wakes the follower and waits for it.
#[derive(Clone)]
pub(crate) struct Follower {
    awake: Arc<Awake>,
    turned: broadcast::Sender<Turned>,
}

/// A session had its turn.
#[derive(Debug, Clone, Copy)]
struct Turned {
    session: SessionId,
    is_done: bool,
}

/// How long somebody waits for a digest.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) at_most: Duration,
    /// Gives up where it takes more than the turn that is under way: then it may take minutes.
    pub(crate) for_a_turn: bool,
}

/// Sessions that something has happened to, each once, however many chunks arrived.
#[derive(Default)]
struct Awake {
    sessions: Mutex<HashSet<SessionId>>,
    changed: Notify,
}

impl Awake {
    fn take(&self) -> HashSet<SessionId> {
        std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Follower {
    /// A follower whose job does not run yet.
    pub(crate) fn new() -> Self {
        Self { awake: Arc::default(), turned: broadcast::channel(1_024).0 }
    }

    /// Tells that a chunk of the session has arrived.
    pub(crate) fn wake(&self, session: SessionId) {
        self.awake.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session);
        self.awake.changed.notify_one();
    }

    /// Tells that the session is finished, and waits for its digest.
    pub(crate) async fn finish(&self, session: SessionId, patience: Patience) {
        let mut turned = self.turned.subscribe();
        self.wake(session);
        let _ = timeout(patience.at_most, async {
            loop {
                match turned.recv().await {
                    Ok(turned) if turned.session != session => {}
                    Ok(turned) if !turned.is_done && !patience.for_a_turn => {}
                    Ok(_) | Err(_) => return,
                }
            }
        })
        .await;
    }
}

/// Runs the job until it is dropped: each session gets a turn of `turn_bytes`, then the next.
pub(crate) async fn follow(stores: Stores, follower: Follower, turn_bytes: u64) {
    let mut jobs = Jobs { stores, running: HashMap::new(), turn_bytes };
    let mut turns: VecDeque<SessionId> = match jobs.stores.meta.follows().await {
        Ok(sessions) => sessions.into(),
        Err(error) => {
            tracing::error!(error = %error, "the follower can't read its jobs");
            VecDeque::new()
        }
    };
    // The first is due first.
    let mut retries: VecDeque<(Instant, SessionId)> = VecDeque::new();
    loop {
        let mut awake = follower.awake.take();
        while retries.front().is_some_and(|(due, _)| *due <= Instant::now()) {
            awake.extend(retries.pop_front().map(|(_, session)| session));
        }
        turns.extend(awake.into_iter().filter(|session| !turns.contains(session)).collect::<Vec<_>>());
        let Some(session) = turns.pop_front() else {
            let due = retries.front().map_or(RETRY_AFTER, |(due, _)| due.duration_since(Instant::now()));
            // Woken, or not: both go on above.
            let _ = timeout(due, follower.awake.changed.notified()).await;
            continue;
        };
        // Nobody may be waiting.
        let tell = |is_done| drop(follower.turned.send(Turned { session, is_done }));
        match jobs.turn(session).await {
            Ok(Turn::More) => {
                turns.push_back(session);
                tell(false);
            }
            Ok(Turn::Wait) => {}
            Ok(Turn::Done) => tell(true),
            Err(error) => {
                jobs.running.remove(&session);
                tracing::error!(session.id = %session, error = %error, "the follower broke off and will try again");
                if !retries.iter().any(|(_, waiting)| *waiting == session) {
                    retries.push_back((Instant::now() + RETRY_AFTER, session));
                }
            }
        }
    }
}

/// How a turn ended.
enum Turn {
    /// There is more to hash at once.
    More,
    /// Nothing more has arrived.
    Wait,
    /// The digest is known, or nobody wants it any more.
    Done,
}

struct Job {
    follow: Follow,
    sha: Sha256,
    unsaved_bytes: u64,
}

struct Jobs {
    stores: Stores,
    running: HashMap<SessionId, Job>,
    turn_bytes: u64,
}

impl Jobs {
    async fn turn(&mut self, id: SessionId) -> Result<Turn, StoreError> {
        let session = self.stores.meta.session(id).await?;
        let revision = session.as_ref().map(|session| session.revision);
        let rows = match session.map(|session| (session.state, session.fields.rule)) {
            Some((SessionState::Ended { .. }, _)) => return Ok(self.drop(id)),
            // Rows that a body defined may still be replaced: such a session is followed once it is finished.
            Some((SessionState::Open, rule)) if rule != ChunkRule::FastCdc => return Ok(Turn::Wait),
            Some((SessionState::Open, _)) => None,
            // A file may wait longer than the record of its session stays.
            Some((SessionState::Finished { .. }, _)) | None => {
                match self.stores.meta.wanted_file(id).await? {
                    Some(file) => Some(file.rows),
                    None => return Ok(self.drop(id)),
                }
            }
        };
        let mut job = self.job(id, revision).await?;
        let turn = self.hash(&mut job, rows).await;
        let (turn, job) = match turn {
            Ok(Turn::Done) => {
                self.stores.meta.set_blob(id, BlobDigest::new(job.sha.finalize().into())).await?;
                return Ok(Turn::Done);
            }
            Ok(turn) => (turn, job),
            Err(error) => return Err(error),
        };
        self.keep(id, job).await?;
        Ok(turn)
    }

    fn drop(&mut self, id: SessionId) -> Turn {
        self.running.remove(&id);
        Turn::Done
    }

    /// The job as it was left, in memory or in the store; from the start where the rows were revised. Without a session
    /// they can't be any more.
    async fn job(&mut self, session: SessionId, revision: Option<u32>) -> Result<Job, StoreError> {
        let is_current = |follow: &Follow| revision.is_none_or(|revision| follow.revision == revision);
        let fresh = || Job {
            follow: Follow { session, next: 0, revision: revision.unwrap_or_default(), state: Vec::new() },
            sha: Sha256::new(),
            unsaved_bytes: 0,
        };
        if let Some(job) = self.running.remove(&session) {
            return Ok(if is_current(&job.follow) { job } else { fresh() });
        }
        let saved = self.stores.meta.follow(session).await?.filter(is_current);
        let sha = saved.as_ref().and_then(|follow| {
            let state = SerializedState::<Sha256>::try_from(follow.state.as_slice()).ok()?;
            Sha256::deserialize(&state).ok()
        });
        Ok(match (saved, sha) {
            (Some(follow), Some(sha)) => Job { follow, sha, unsaved_bytes: 0 },
            _ => fresh(),
        })
    }

    /// Hashes what has arrived in order, a turn of it; `rows` is known once the session is finished.
    async fn hash(&self, job: &mut Job, rows: Option<u32>) -> Result<Turn, StoreError> {
        let meta = &self.stores.meta;
        let mut turn_bytes = 0;
        loop {
            if rows == Some(job.follow.next) {
                return Ok(Turn::Done);
            }
            let page = meta.rows(job.follow.session, job.follow.next, ROWS_PAGE).await?;
            let arrived = match rows {
                Some(_) => page.len(),
                None => self.arrived(job, page.len()).await?,
            };
            if arrived == 0 {
                return Ok(Turn::Wait);
            }
            for row in &page[..arrived] {
                let mut content = Content::open(&self.stores, row.digest, 0, READ_BYTES).await?;
                while let Some(bytes) = content.read().await? {
                    job.sha.update(&bytes);
                }
                job.follow.next += 1;
                job.unsaved_bytes += u64::from(row.length);
                turn_bytes += u64::from(row.length);
                if turn_bytes >= self.turn_bytes && rows != Some(job.follow.next) {
                    return Ok(Turn::More);
                }
            }
        }
    }

    /// How many of the next rows have their chunk here, without a gap.
    async fn arrived(&self, job: &Job, rows: usize) -> Result<usize, StoreError> {
        let (session, next) = (job.follow.session, job.follow.next);
        let looked = u32::try_from(rows).unwrap_or(u32::MAX);
        let (received, _, _) = self.stores.meta.arrived(session, next, looked, 2).await?;
        Ok(match received.pairs().first() {
            Some(&(first, end)) if first == next => rows.min((end - first) as usize),
            Some(_) | None => 0,
        })
    }

    async fn keep(&mut self, session: SessionId, mut job: Job) -> Result<(), StoreError> {
        if job.unsaved_bytes >= self.turn_bytes {
            job.follow.state = job.sha.serialize().to_vec();
            self.stores.meta.save_follow(job.follow.clone()).await?;
            job.unsaved_bytes = 0;
        }
        if self.running.len() >= RUNNING_MAX {
            // Sessions that lapsed are never heard of again. Whoever is not is read from what was saved.
            self.running.clear();
        }
        self.running.insert(session, job);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cairn_shared::{FileId, OwnerId, Row};
    use cairn_store::model::{ChunkRecord, ChunkState, FileFields, NewSession, Publish};
    use cairn_store::model::{Declaration, Reach};

    const CHUNK_BYTES: usize = 1_000;
    const FAR: u64 = 1_000_000;

    fn memory() -> Stores {
        Stores { meta: cairn_store::meta::memory(), chunks: cairn_store::chunk::memory() }
    }

    fn chunk(index: u32) -> Bytes {
        Bytes::from(vec![index as u8; CHUNK_BYTES])
    }

    fn row(index: u32) -> Row {
        Row {
            digest: cairn_shared::ChunkDigest::new(Sha256::digest(chunk(index)).into()),
            length: CHUNK_BYTES as u32,
        }
    }

    /// A session of `rows` declared chunks, which are all here; what each chunk's bytes lie under.
    async fn uploaded(stores: &Stores, rows: u32) -> (SessionId, Vec<ChunkRecord>) {
        let id = SessionId::new([7; 16]);
        let fields = FileFields {
            name: "a".parse().unwrap(),
            path: None,
            folder: None,
            mtime: None,
            media_type: None,
            meta: None,
            size: Some(u64::from(rows) * CHUNK_BYTES as u64),
            rule: ChunkRule::FastCdc,
        };
        let new = NewSession {
            id,
            owner: OwnerId::new([1; 16]),
            ownerless: true,
            key: None,
            fields,
            now: 1,
            expires_at: FAR,
        };
        stores.meta.start(new).await.unwrap();
        stores
            .meta
            .declare_rows(Declaration {
                session: id,
                revision: 0,
                at: 0,
                rows: (0..rows).map(row).collect(),
                size: None,
                reach: Reach::Owner,
                now: 1,
            })
            .await
            .unwrap();
        let mut records = Vec::new();
        for index in 0..rows {
            let mut writer = stores.chunks.begin(CHUNK_BYTES as u32).await.unwrap();
            writer.write(chunk(index)).await.unwrap();
            let staged = writer.finish().await.unwrap();
            let crc32 = staged.crc32;
            let locator = stores.chunks.place(staged, 0).await.unwrap();
            let record = ChunkRecord {
                length: CHUNK_BYTES as u32,
                crc32,
                state: ChunkState::Present,
                generation: 0,
                locator,
            };
            records.push(record.clone());
            stores.meta.arrive(id, index, row(index), record, FAR, 1).await.unwrap();
        }
        (id, records)
    }

    async fn publish(stores: &Stores, session: SessionId) -> FileId {
        let file = FileId::new([9; 16]);
        let publish = Publish {
            session,
            revision: None,
            chunks: None,
            size: None,
            manifest_digest: None,
            file,
            link: None,
            now: 2,
        };
        stores.meta.publish(publish).await.unwrap();
        file
    }

    #[tokio::test]
    async fn a_file_is_followed_without_the_record_of_its_session() {
        let stores = memory();
        let (id, _) = uploaded(&stores, 4).await;
        let file = publish(&stores, id).await;
        let turn_bytes = 2 * CHUNK_BYTES as u64;
        let mut jobs = Jobs { stores: stores.clone(), running: HashMap::new(), turn_bytes };
        assert!(matches!(jobs.turn(id).await, Ok(Turn::More)));
        while stores.meta.sweep(FAR, FAR).await.unwrap() {}
        assert!(stores.meta.session(id).await.unwrap().is_none());
        // What was saved before is gone on with, by the same server and by the next.
        jobs.running.clear();
        assert_eq!(stores.meta.follow(id).await.unwrap().unwrap().next, 2);
        while !matches!(jobs.turn(id).await, Ok(Turn::Done)) {}
        assert!(stores.meta.file(file).await.unwrap().unwrap().blob.is_some());
        assert!(matches!(jobs.turn(id).await, Ok(Turn::Done)), "nobody wants it any more");
    }

    #[tokio::test]
    async fn a_restart_goes_on_where_the_saved_state_ends() {
        let stores = memory();
        let (id, records) = uploaded(&stores, 6).await;
        let turn_bytes = 2 * CHUNK_BYTES as u64;
        let mut jobs = Jobs { stores: stores.clone(), running: HashMap::new(), turn_bytes };
        for _ in 0..2 {
            assert!(matches!(jobs.turn(id).await, Ok(Turn::More)));
        }
        assert_eq!(stores.meta.follow(id).await.unwrap().unwrap().next, 4);
        drop(jobs);
        // Whoever begins anew finds nothing to read.
        for record in &records[..4] {
            stores.chunks.remove(&record.locator).await.unwrap();
        }
        let file = publish(&stores, id).await;
        let follower = Follower::new();
        let job = tokio::spawn(follow(stores.clone(), follower, turn_bytes));
        let digest = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                if let Some(blob) = stores.meta.file(file).await.unwrap().unwrap().blob {
                    return blob;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let digest = digest.await.unwrap();
        job.abort();
        let whole: Vec<u8> = (0..6).flat_map(|index| chunk(index).to_vec()).collect();
        assert_eq!(digest, BlobDigest::new(Sha256::digest(whole).into()));
    }

    #[tokio::test]
    async fn each_turn_is_told_and_the_last_one_as_such() {
        let stores = memory();
        let (id, _) = uploaded(&stores, 4).await;
        publish(&stores, id).await;
        let follower = Follower::new();
        let mut turned = follower.turned.subscribe();
        let job = tokio::spawn(follow(stores, follower, 2 * CHUNK_BYTES as u64));
        for is_done in [false, true] {
            let turned = tokio::time::timeout(Duration::from_secs(10), turned.recv()).await.unwrap().unwrap();
            assert_eq!((turned.session, turned.is_done), (id, is_done));
        }
        job.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_turn_gives_up_after_one_that_does_not_end_it() {
        let (session, other) = (SessionId::new([7; 16]), SessionId::new([8; 16]));
        let at_most = Duration::from_secs(60);
        let follower = Follower::new();
        let wait = |for_a_turn| {
            let follower = follower.clone();
            async move { follower.finish(session, Patience { at_most, for_a_turn }).await }
        };
        let began = Instant::now();
        let (turn, all) = (tokio::spawn(wait(true)), tokio::spawn(wait(false)));
        let steps = [(other, true), (other, false), (session, false), (session, true)];
        let ended = [[false, false], [false, false], [true, false], [true, true]];
        for ((session, is_done), ended) in steps.into_iter().zip(ended) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            follower.turned.send(Turned { session, is_done }).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!([turn.is_finished(), all.is_finished()], ended);
        }
        wait(true).await;
        assert_eq!(began.elapsed(), Duration::from_secs(8) + at_most, "nobody takes its turn");
    }

    #[tokio::test]
    async fn many_chunks_are_one_wake() {
        let follower = Follower::new();
        for _ in 0..1_000 {
            follower.wake(SessionId::new([7; 16]));
        }
        assert_eq!(follower.awake.take().len(), 1);
    }
}
