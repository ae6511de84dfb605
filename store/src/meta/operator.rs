//! `OperatorStore`: what a server notes of itself, and what its operator asks for and removes.

use async_trait::async_trait;
use cairn_shared::{ChunkDigest, FileId, OwnerId, SessionId, UnixMs};

use crate::error::Result;
use crate::model::{ChunkRecord, ClockMark, File, Owner, ScrubPlace, Session};

/// A part of `MetaStore`, with the same promises.
#[async_trait]
pub trait OperatorStore: Send + Sync + 'static {
    /// What was last noted of the clock.
    async fn clock_mark(&self) -> Result<Option<ClockMark>>;

    /// Notes what the clock says.
    async fn mark_clock(&self, mark: ClockMark) -> Result<()>;

    /// One step of filing anew what was filed under a time an hour or more ahead: what is said to be over at `now`, open sessions that
    /// end later than `latest` there. False where there is nothing left to do.
    async fn bring_back(&self, now: UnixMs, latest: UnixMs) -> Result<bool>;

    /// How far the reading of all chunks has come; `None` where none is under way.
    async fn scrub_place(&self) -> Result<Option<ScrubPlace>>;

    /// Notes how far it has come, or that it is over.
    async fn keep_scrub_place(&self, place: Option<ScrubPlace>) -> Result<()>;

    /// The owners behind `after`, in the order of their ids.
    async fn owners(&self, after: Option<OwnerId>, limit: usize) -> Result<Vec<Owner>>;

    /// The owner, whether or not he is locked.
    async fn owner(&self, id: OwnerId) -> Result<Option<Owner>>;

    /// The sessions of all owners behind `after`, in whatever state, in the order of their ids.
    async fn sessions(&self, after: Option<SessionId>, limit: usize) -> Result<Vec<Session>>;

    /// The owner's key opens nothing any more; what is his stays. Repeated: nothing happens.
    async fn lock_owner(&self, id: OwnerId) -> Result<()>;

    /// Forgets an owner and his key; what is his stays. Repeated: nothing happens.
    async fn forget_owner(&self, id: OwnerId) -> Result<()>;

    /// Sessions that hold a chunk, open or published: up to `limit`.
    async fn holders(&self, digest: ChunkDigest, limit: usize) -> Result<Vec<SessionId>>;

    /// The records of all chunks behind `after`, in the order of their digests.
    async fn chunks(
        &self,
        after: Option<ChunkDigest>,
        limit: usize,
    ) -> Result<Vec<(ChunkDigest, ChunkRecord)>>;

    /// The files of all owners behind `after`, in the order of their ids.
    async fn all_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>>;
}
