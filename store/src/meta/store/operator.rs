//! `OperatorStore` over any index.

use async_trait::async_trait;
use cairn_shared::{ChunkDigest, FileId, OwnerId, SessionId, UnixMs};

use super::Store;
use crate::error::Result;
use crate::meta::OperatorStore;
use crate::meta::facts;
use crate::meta::verbs::{ahead, operate};
use crate::model::{ChunkRecord, ClockMark, File, Owner, ScrubPlace, Session};

#[async_trait]
impl OperatorStore for Store {
    async fn holders(&self, digest: ChunkDigest, limit: usize) -> Result<Vec<SessionId>> {
        self.read(move |read| operate::holders(read, digest, limit)).await
    }

    async fn clock_mark(&self) -> Result<Option<ClockMark>> {
        self.read(|read| operate::clock_mark(read)).await
    }

    async fn mark_clock(&self, mark: ClockMark) -> Result<()> {
        self.commit(move |tx| operate::mark_clock(tx, &mark)).await
    }

    async fn bring_back(&self, now: UnixMs, latest: UnixMs) -> Result<bool> {
        self.commit_removal(move |tx| ahead::bring_back(tx, now, latest)).await
    }

    async fn scrub_place(&self) -> Result<Option<ScrubPlace>> {
        self.read(|read| operate::scrub_place(read)).await
    }

    async fn keep_scrub_place(&self, place: Option<ScrubPlace>) -> Result<()> {
        self.commit(move |tx| operate::keep_scrub_place(tx, place.as_ref())).await
    }

    async fn owners(&self, after: Option<OwnerId>, limit: usize) -> Result<Vec<Owner>> {
        self.read(move |read| operate::owners(read, after, limit)).await
    }

    async fn owner(&self, id: OwnerId) -> Result<Option<Owner>> {
        self.read(move |read| facts::owner(read, id)).await
    }

    async fn sessions(&self, after: Option<SessionId>, limit: usize) -> Result<Vec<Session>> {
        self.read(move |read| operate::sessions(read, after, limit)).await
    }

    async fn lock_owner(&self, id: OwnerId) -> Result<()> {
        self.commit_removal(move |tx| operate::lock_owner(tx, id)).await
    }

    async fn forget_owner(&self, id: OwnerId) -> Result<()> {
        self.commit_removal(move |tx| operate::forget_owner(tx, id)).await
    }

    async fn chunks(
        &self,
        after: Option<ChunkDigest>,
        limit: usize,
    ) -> Result<Vec<(ChunkDigest, ChunkRecord)>> {
        self.read(move |read| facts::chunks(read, after, limit)).await
    }

    async fn all_files(&self, after: Option<FileId>, limit: usize) -> Result<Vec<File>> {
        self.read(move |read| facts::files(read, after, limit)).await
    }
}
