//! `MetaStore` over any index: reads on blocking threads, changes through the committer.

use std::sync::Arc;

use async_trait::async_trait;
use cairn_shared::message::RowState;
use cairn_shared::{BlobDigest, ChunkDigest, FileId, LinkId, OwnerId, Ranges, Row, SessionId, UnixMs};

use super::MetaStore;
use super::committer::{Committer, Shared};
use super::facts;
use super::read::Read;
use super::tx::Tx;
use super::verbs::check::{self, Declaration};
use super::verbs::finish::{self, Seen};
use super::verbs::upload::{self, Arrival};
use super::verbs::{follow, owner, share, start, status, sweep};
use crate::error::{Conflict, Result, StoreError};
use crate::model::{
    ChunkRecord, Doomed, File, Follow, Gone, Link, Linked, NewSession, Owner, Publish, Session, StoredRow,
};

/// Looks that `publish` takes at a session that keeps changing.
const PUBLISH_TRIES: u32 = 4;

/// The one implementation; adapters differ in their index and log.
pub(crate) struct Store {
    // Dropped first: it works off what it has, and writes to the index.
    committer: Committer,
    shared: Arc<Shared>,
}

impl Store {
    pub(crate) fn new(shared: Arc<Shared>, committer: Committer) -> Self {
        Self { committer, shared }
    }

    async fn read<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Read) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        let shared = self.shared.clone();
        let looked = tokio::task::spawn_blocking(move || look(shared.index.as_ref())).await;
        let looked = looked.unwrap_or_else(|_| Err(StoreError::Closed("a read panicked".to_owned())));
        if let Err(StoreError::Closed(why)) = &looked {
            self.shared.close(why);
        }
        looked
    }

    async fn commit<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        self.committer.commit(verb).await
    }
}

#[async_trait]
impl MetaStore for Store {
    async fn add_owner(&self, owner: Owner) -> Result<()> {
        self.commit(move |tx| owner::add(tx, &owner)).await
    }

    async fn owner_by_key(&self, key_hash: [u8; 32]) -> Result<Option<Owner>> {
        self.read(move |read| owner::by_key(read, &key_hash)).await
    }

    async fn start(&self, session: NewSession) -> Result<(Session, bool)> {
        self.commit(move |tx| start::start(tx, session)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.read(move |read| Ok(facts::session(read, id)?.map(|fact| fact.session))).await
    }

    async fn declare_rows(
        &self,
        session: SessionId,
        revision: u32,
        at: u32,
        rows: Vec<Row>,
        size: Option<u64>,
        now: UnixMs,
    ) -> Result<(Session, Vec<RowState>)> {
        let said = Arc::new(Declaration { session, revision, at, rows, size, now });
        loop {
            let asked = said.clone();
            match self.commit(move |tx| check::declare(tx, &asked)).await {
                Err(StoreError::Conflict(Conflict::Changed)) => {}
                declared => return declared,
            }
            while self.commit(move |tx| sweep::drop_rows(tx, session)).await? {}
        }
    }

    async fn file_by_blob(&self, owner: OwnerId, blob: BlobDigest) -> Result<Option<File>> {
        self.read(move |read| check::file_by_blob(read, owner, blob)).await
    }

    async fn row(&self, session: SessionId, index: u32) -> Result<Option<StoredRow>> {
        self.read(move |read| upload::row(read, session, index)).await
    }

    async fn chunk(&self, digest: ChunkDigest) -> Result<Option<ChunkRecord>> {
        self.read(move |read| facts::chunk(read, digest)).await
    }

    async fn placement(&self, digest: ChunkDigest) -> Result<(u32, bool)> {
        self.read(move |read| upload::placement(read, digest)).await
    }

    async fn arrive(
        &self,
        session: SessionId,
        index: u32,
        row: Row,
        record: ChunkRecord,
        expires_at: UnixMs,
        now: UnixMs,
    ) -> Result<()> {
        let arrival = Arrival { session, index, row, record, expires_at, now };
        self.commit(move |tx| upload::arrive(tx, &arrival)).await
    }

    async fn arrived(
        &self,
        session: SessionId,
        from: u32,
        pairs_max: usize,
    ) -> Result<(Ranges, Ranges, Option<u32>)> {
        self.read(move |read| status::arrived(read, session, from, pairs_max)).await
    }

    async fn rows(&self, session: SessionId, from: u32, limit: usize) -> Result<Vec<Row>> {
        self.read(move |read| status::rows(read, session, from, limit)).await
    }

    async fn publish(&self, publish: Publish) -> Result<(Session, File)> {
        for _ in 0..PUBLISH_TRIES {
            let asked = publish.clone();
            let ready = match self.read(move |read| finish::inspect(read, &asked)).await {
                Ok(Seen::Published(published)) => return Ok(*published),
                Ok(Seen::Ready(ready)) => ready,
                Err(StoreError::Conflict(Conflict::Changed)) => continue,
                Err(error) => return Err(error),
            };
            let asked = publish.clone();
            match self.commit(move |tx| finish::publish(tx, &asked, ready)).await {
                Err(StoreError::Conflict(Conflict::Changed)) => {}
                published => return published,
            }
        }
        Err(Conflict::Changed.into())
    }

    async fn end_session(&self, id: SessionId, expired: bool, now: UnixMs) -> Result<()> {
        self.commit(move |tx| finish::end_session(tx, id, expired, now)).await
    }

    async fn file(&self, id: FileId) -> Result<Option<File>> {
        self.read(move |read| facts::file(read, id)).await
    }

    async fn files(&self, owner: OwnerId, after: Option<FileId>, limit: usize) -> Result<Vec<File>> {
        self.read(move |read| share::files(read, owner, after, limit)).await
    }

    async fn add_link(&self, link: Link) -> Result<()> {
        self.commit(move |tx| share::add_link(tx, &link)).await
    }

    async fn link(&self, id: LinkId) -> Result<Option<Link>> {
        self.read(move |read| facts::link(read, id)).await
    }

    async fn links(&self, file: FileId) -> Result<Vec<Link>> {
        self.read(move |read| share::links(read, file)).await
    }

    async fn remove_link(&self, id: LinkId, now: UnixMs) -> Result<()> {
        self.commit(move |tx| share::remove_link(tx, id, now)).await
    }

    async fn gone_link(&self, id: LinkId) -> Result<Option<Gone>> {
        self.read(move |read| facts::gone(read, id.as_bytes())).await
    }

    async fn gone_file(&self, id: FileId) -> Result<Option<Gone>> {
        self.read(move |read| facts::gone(read, id.as_bytes())).await
    }

    async fn remove_file(&self, id: FileId, now: UnixMs) -> Result<()> {
        self.commit(move |tx| share::remove_file(tx, id, now)).await
    }

    async fn linked(&self, token_hash: [u8; 32]) -> Result<Option<Linked>> {
        self.read(move |read| share::linked(read, &token_hash)).await
    }

    async fn follows(&self) -> Result<Vec<SessionId>> {
        self.read(|read| follow::follows(read)).await
    }

    async fn follow(&self, session: SessionId) -> Result<Option<Follow>> {
        self.read(move |read| facts::follow(read, session)).await
    }

    async fn save_follow(&self, follow: Follow) -> Result<()> {
        self.commit(move |tx| follow::save(tx, &follow)).await
    }

    async fn set_blob(&self, session: SessionId, blob: BlobDigest) -> Result<()> {
        self.commit(move |tx| follow::set_blob(tx, session, blob)).await
    }

    async fn sweep(&self, now: UnixMs, archive_before: UnixMs) -> Result<bool> {
        self.commit(move |tx| sweep::step(tx, now, archive_before)).await
    }

    async fn doom(&self, before: UnixMs, limit: usize) -> Result<Vec<Doomed>> {
        self.commit(move |tx| sweep::doom(tx, before, limit)).await
    }

    async fn forget_chunk(&self, digest: ChunkDigest, generation: u32) -> Result<()> {
        self.commit(move |tx| sweep::forget_chunk(tx, digest, generation)).await
    }
}
