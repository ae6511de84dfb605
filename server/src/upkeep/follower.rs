//! The follower: computes the SHA-256 of whole files behind the uploads, as a resumable job.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use cairn_shared::{BlobDigest, ChunkRule, SessionId};
use cairn_store::StoreError;
use cairn_store::model::{Follow, SessionState};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};
use tokio::sync::{broadcast, mpsc};

use crate::cairn::Stores;

/// Bytes hashed before others get their turn, and between two saved states.
const TURN_BYTES: u64 = 64 << 20;
/// Rows looked up at once.
const ROWS_PAGE: usize = 64;

/// Wakes the follower and waits for it.
#[derive(Clone)]
pub(crate) struct Follower {
    wake: mpsc::UnboundedSender<SessionId>,
    done: broadcast::Sender<SessionId>,
}

impl Follower {
    /// A follower, and the queue that its job reads.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<SessionId>) {
        let (wake, queue) = mpsc::unbounded_channel();
        (Self { wake, done: broadcast::channel(1_024).0 }, queue)
    }

    /// Tells that a chunk of the session has arrived.
    pub(crate) fn wake(&self, session: SessionId) {
        // The receiver ends only with the server.
        let _ = self.wake.send(session);
    }

    /// Tells that the session is finished, and waits for its digest, `at_most` that long.
    pub(crate) async fn finish(&self, session: SessionId, at_most: Duration) {
        let mut done = self.done.subscribe();
        self.wake(session);
        let _ = tokio::time::timeout(at_most, async {
            loop {
                match done.recv().await {
                    Ok(id) if id == session => return,
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        })
        .await;
    }
}

/// Runs the job until the follower is dropped: each session gets a turn of `TURN_BYTES`, then the next.
pub(crate) async fn follow(
    stores: Stores,
    follower: Follower,
    mut queue: mpsc::UnboundedReceiver<SessionId>,
) {
    let mut jobs = Jobs { stores, running: HashMap::new() };
    let mut turns: VecDeque<SessionId> = match jobs.stores.meta.follows().await {
        Ok(sessions) => sessions.into(),
        Err(error) => {
            tracing::error!(error = %error, "the follower can't read its jobs");
            VecDeque::new()
        }
    };
    loop {
        if turns.is_empty() {
            let Some(session) = queue.recv().await else { return };
            turns.push_back(session);
        }
        while let Ok(session) = queue.try_recv() {
            turns.push_back(session);
        }
        let Some(session) = turns.pop_front() else { continue };
        match jobs.turn(session).await {
            Ok(Turn::More) => turns.push_back(session),
            Ok(Turn::Wait) => {}
            Ok(Turn::Done) => {
                // Nobody may be waiting.
                let _ = follower.done.send(session);
            }
            Err(error) => {
                jobs.running.remove(&session);
                tracing::error!(session.id = %session, error = %error, "the follower broke off");
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
}

impl Jobs {
    async fn turn(&mut self, id: SessionId) -> Result<Turn, StoreError> {
        let session = self.stores.meta.session(id).await?;
        let Some(session) = session else { return Ok(self.drop(id)) };
        let rows = match &session.state {
            SessionState::Ended { .. } => return Ok(self.drop(id)),
            SessionState::Finished { file, .. } => match self.stores.meta.file(*file).await? {
                Some(file) if file.blob.is_none() => Some(file.rows),
                Some(_) | None => return Ok(self.drop(id)),
            },
            // Rows that a body defined may still be replaced: such a session is followed once it is finished.
            SessionState::Open if session.fields.rule != ChunkRule::FastCdc => return Ok(Turn::Wait),
            SessionState::Open => None,
        };
        let mut job = self.job(id, session.revision).await?;
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

    /// The job as it was left, in memory or in the store; from the start where the rows were revised.
    async fn job(&mut self, session: SessionId, revision: u32) -> Result<Job, StoreError> {
        let fresh = || Job {
            follow: Follow { session, next: 0, revision, state: Vec::new() },
            sha: Sha256::new(),
            unsaved_bytes: 0,
        };
        if let Some(job) = self.running.remove(&session) {
            return Ok(if job.follow.revision == revision { job } else { fresh() });
        }
        let saved = self.stores.meta.follow(session).await?.filter(|follow| follow.revision == revision);
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
                let Some(record) = meta.chunk(row.digest).await? else {
                    return Err(StoreError::Damaged(format!("chunk {} is missing", row.digest.short())));
                };
                let mut reader = self.stores.chunks.open(&record.locator, 0).await?;
                while let Some(bytes) = reader.read().await? {
                    job.sha.update(&bytes);
                }
                job.follow.next += 1;
                job.unsaved_bytes += u64::from(row.length);
                turn_bytes += u64::from(row.length);
                if turn_bytes >= TURN_BYTES {
                    return Ok(Turn::More);
                }
            }
        }
    }

    /// How many of the next rows have their chunk here, without a gap.
    async fn arrived(&self, job: &Job, rows: usize) -> Result<usize, StoreError> {
        let (received, _, _) = self.stores.meta.arrived(job.follow.session, job.follow.next, 2).await?;
        Ok(match received.pairs().first() {
            Some(&(first, end)) if first == job.follow.next => rows.min((end - first) as usize),
            Some(_) | None => 0,
        })
    }

    async fn keep(&mut self, session: SessionId, mut job: Job) -> Result<(), StoreError> {
        if job.unsaved_bytes >= TURN_BYTES {
            job.follow.state = job.sha.serialize().to_vec();
            self.stores.meta.save_follow(job.follow.clone()).await?;
            job.unsaved_bytes = 0;
        }
        self.running.insert(session, job);
        Ok(())
    }
}
