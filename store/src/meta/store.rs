//! `MetaStore` over any index: reads on blocking threads, changes through the committer.

mod operator;
mod upkeep;

use std::sync::Arc;

use async_trait::async_trait;
use cairn_shared::message::RowState;
use cairn_shared::{
    BlobDigest, ChunkDigest, ClientKey, FileId, FolderId, LinkId, OwnerId, Ranges, RelPath, Row, SessionId,
    UnixMs,
};

use tokio::sync::Mutex;

use super::MetaStore;
use super::budget;
use super::committer::{Committer, Shared};
use super::facts;
use super::looks;
use super::read::Read;
use super::tx::Tx;
use super::verbs::check;
use super::verbs::finish::{self, Seen};
use super::verbs::upload::{self, Arrival};
use super::verbs::{folder, follow, listing, owner, share, start, status, sweep};
use crate::chunk::ChunkCopy;
use crate::error::{Conflict, Result, StoreError};
use crate::model::{
    ChildMark, ChildPage, ChunkRecord, Declaration, Doomed, EntryPage, File, Folder, Follow, Gone,
    GuestLimits, Link, Linked, NewFolder, NewSession, Owner, Publish, Reach, Session, StoredRow, Target,
};

pub(crate) use self::upkeep::{Past, Snapshots};

/// Looks that `publish` takes at a session that keeps changing.
const PUBLISH_TRIES: u32 = 4;

/// The one implementation; adapters differ in their index and log.
pub(crate) struct Store {
    // Dropped first: it works off what it has, and writes to the index.
    committer: Committer,
    shared: Arc<Shared>,
    past: Past,
    /// The index was not closed cleanly, and was not compared with the log since. Held while it is.
    unchecked: Mutex<bool>,
}

impl Store {
    pub(crate) fn new(shared: Arc<Shared>, committer: Committer, past: Past, is_checked: bool) -> Self {
        Self { committer, shared, past, unchecked: Mutex::new(!is_checked) }
    }

    /// For looks of which most ask for what was written lately.
    async fn read_lately<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Read) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        match looks::glance(self.shared.index.as_ref(), &look) {
            Some(looked) => looked,
            None => self.read(look).await,
        }
    }

    async fn read<T, F>(&self, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Read) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        let shared = self.shared.clone();
        self.shared.judge(looks::look(move || look(shared.index.as_ref())).await)
    }

    async fn commit<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        self.committer.commit(verb).await
    }

    /// The same for one that only removes, or makes removing go on.
    async fn commit_removal<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.shared.check_open()?;
        self.committer.commit_removal(verb).await
    }
}

#[async_trait]
impl MetaStore for Store {
    fn limit_guests(&self, limits: GuestLimits) {
        self.shared.limit_guests(limits);
    }

    async fn add_guest(&self, owner: Owner) -> Result<()> {
        self.commit(move |tx| owner::add_guest(tx, &owner)).await
    }

    async fn guest_facts(&self, owner: Option<OwnerId>) -> Result<u64> {
        self.read(move |read| match owner {
            Some(owner) => Ok(budget::owner_facts(read, owner)?.map_or(0, |facts| facts.bytes)),
            None => budget::total(read),
        })
        .await
    }

    async fn start_guest(&self, session: NewSession, said: u64) -> Result<(Session, bool)> {
        self.commit(move |tx| start::start_guest(tx, session, said)).await
    }

    async fn add_owner(&self, owner: Owner) -> Result<()> {
        self.commit(move |tx| owner::add(tx, &owner)).await
    }

    async fn owner_by_key(&self, key_hash: [u8; 32]) -> Result<Option<Owner>> {
        self.read_lately(move |read| owner::by_key(read, &key_hash)).await
    }

    async fn start(&self, session: NewSession) -> Result<(Session, bool)> {
        self.commit(move |tx| start::start(tx, session)).await
    }

    async fn session_by_key(&self, owner: Option<OwnerId>, key: ClientKey) -> Result<Option<SessionId>> {
        self.read_lately(move |read| start::by_key(read, owner, key)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.read_lately(move |read| Ok(facts::session(read, id)?.map(|fact| fact.session))).await
    }

    async fn declare_rows(&self, said: Declaration) -> Result<(Session, Vec<RowState>)> {
        let (session, said) = (said.session, Arc::new(said));
        loop {
            let asked = said.clone();
            match self.commit(move |tx| check::declare(tx, &asked)).await {
                Err(StoreError::Conflict(Conflict::Changed)) => {}
                declared => return declared,
            }
            while self.commit_removal(move |tx| sweep::drop_rows(tx, session)).await? {}
        }
    }

    async fn row_states(&self, session: SessionId, rows: Vec<Row>, reach: Reach) -> Result<Vec<RowState>> {
        self.read(move |read| check::states(read, session, &rows, reach)).await
    }

    async fn present(&self, rows: Vec<Row>) -> Result<Vec<bool>> {
        self.read(move |read| check::present(read, &rows)).await
    }

    async fn adopt(&self, session: SessionId, rows: Vec<Row>, now: UnixMs) -> Result<Vec<bool>> {
        self.commit(move |tx| check::adopt(tx, session, &rows, now)).await
    }

    async fn file_by_blob(&self, owner: Option<OwnerId>, blob: BlobDigest) -> Result<Option<File>> {
        self.read(move |read| check::file_by_blob(read, owner, blob)).await
    }

    async fn row(&self, session: SessionId, index: u32) -> Result<Option<StoredRow>> {
        self.read_lately(move |read| upload::row(read, session, index)).await
    }

    async fn chunk(&self, digest: ChunkDigest) -> Result<Option<ChunkRecord>> {
        self.read_lately(move |read| facts::chunk(read, digest)).await
    }

    async fn placement(&self, digest: ChunkDigest) -> Result<(u32, bool)> {
        self.read_lately(move |read| upload::placement(read, digest)).await
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
        rows_max: u32,
        pairs_max: usize,
    ) -> Result<(Ranges, Ranges, Option<u32>)> {
        self.read(move |read| status::arrived(read, session, from, rows_max, pairs_max)).await
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
        self.commit_removal(move |tx| finish::end_session(tx, id, expired, now)).await
    }

    async fn add_folder(&self, folder: NewFolder) -> Result<(Folder, bool)> {
        self.commit(move |tx| folder::add(tx, folder)).await
    }

    async fn folder(&self, id: FolderId) -> Result<Option<Folder>> {
        self.read_lately(move |read| facts::folder(read, id)).await
    }

    async fn folders(&self, owner: OwnerId, after: Option<FolderId>, limit: usize) -> Result<Vec<Folder>> {
        self.read(move |read| folder::folders(read, owner, after, limit)).await
    }

    async fn entries(
        &self,
        folder: FolderId,
        since: Option<u64>,
        after: Option<RelPath>,
        limit: usize,
    ) -> Result<EntryPage> {
        self.read(move |read| listing::entries(read, folder, since, after.as_ref(), limit)).await
    }

    async fn children(
        &self,
        folder: FolderId,
        parent: Option<RelPath>,
        after: Option<ChildMark>,
        limit: usize,
    ) -> Result<Option<ChildPage>> {
        self.read(move |read| listing::children(read, folder, parent.as_ref(), after.as_ref(), limit)).await
    }

    async fn file_at(&self, folder: FolderId, path: RelPath) -> Result<Option<File>> {
        self.read(move |read| folder::file_at(read, folder, &path)).await
    }

    async fn remove_folder(&self, id: FolderId, now: UnixMs) -> Result<()> {
        self.commit_removal(move |tx| folder::remove(tx, id, now)).await
    }

    async fn gone_folder(&self, id: FolderId) -> Result<Option<Gone>> {
        self.read(move |read| facts::gone(read, id.as_bytes())).await
    }

    async fn file(&self, id: FileId) -> Result<Option<File>> {
        self.read_lately(move |read| facts::live_file(read, id)).await
    }

    async fn files(&self, owner: OwnerId, after: Option<FileId>, limit: usize) -> Result<Vec<File>> {
        self.read(move |read| share::files(read, owner, after, limit)).await
    }

    async fn add_link(&self, link: Link) -> Result<()> {
        self.commit(move |tx| share::add_link(tx, &link)).await
    }

    async fn link(&self, id: LinkId) -> Result<Option<Link>> {
        self.read_lately(move |read| facts::link(read, id)).await
    }

    async fn links(&self, target: Target) -> Result<Vec<Link>> {
        self.read(move |read| share::links(read, target)).await
    }

    async fn remove_link(&self, id: LinkId, now: UnixMs) -> Result<()> {
        self.commit_removal(move |tx| share::remove_link(tx, id, now)).await
    }

    async fn gone_link(&self, id: LinkId) -> Result<Option<Gone>> {
        self.read(move |read| facts::gone(read, id.as_bytes())).await
    }

    async fn gone_file(&self, id: FileId) -> Result<Option<Gone>> {
        self.read(move |read| facts::gone_file(read, id)).await
    }

    async fn remove_file(&self, id: FileId, now: UnixMs) -> Result<()> {
        self.commit_removal(move |tx| share::remove_file(tx, id, now)).await
    }

    async fn linked(&self, token_hash: [u8; 32]) -> Result<Option<Linked>> {
        self.read_lately(move |read| share::linked(read, &token_hash)).await
    }

    async fn still_linked(&self, link: LinkId, file: FileId) -> Result<Option<Link>> {
        self.read_lately(move |read| share::still_linked(read, link, file)).await
    }

    async fn follows(&self) -> Result<Vec<SessionId>> {
        self.read(|read| follow::follows(read)).await
    }

    async fn wanted_file(&self, session: SessionId) -> Result<Option<File>> {
        self.read(move |read| follow::wanted_file(read, session)).await
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
        self.commit_removal(move |tx| sweep::step(tx, now, archive_before)).await
    }

    async fn doom(
        &self,
        before: UnixMs,
        after: Option<(ChunkDigest, u32)>,
        limit: usize,
    ) -> Result<Vec<Doomed>> {
        self.check_index().await?;
        self.commit_removal(move |tx| sweep::doom(tx, before, after, limit)).await
    }

    async fn forget_chunk(&self, digest: ChunkDigest, generation: u32) -> Result<()> {
        self.commit_removal(move |tx| sweep::forget_chunk(tx, digest, generation)).await
    }

    async fn doom_stray(&self, copy: ChunkCopy) -> Result<bool> {
        self.check_index().await?;
        self.commit_removal(move |tx| sweep::doom_stray(tx, &copy)).await
    }

    async fn quarantine(&self, digest: ChunkDigest, generation: u32) -> Result<bool> {
        self.commit_removal(move |tx| sweep::quarantine(tx, digest, generation)).await
    }

    async fn restore(&self, digest: ChunkDigest, generation: u32) -> Result<bool> {
        self.commit(move |tx| sweep::restore(tx, digest, generation)).await
    }

    async fn check_index(&self) -> Result<()> {
        let mut unchecked = self.unchecked.lock().await;
        if *unchecked {
            self.compare_index().await?;
            *unchecked = false;
        }
        Ok(())
    }

    async fn condemned(&self, before: UnixMs, limit: usize) -> Result<usize> {
        self.read(move |read| sweep::condemned(read, before, limit)).await
    }

    async fn check_log(&self) -> Result<()> {
        self.read_log().await
    }

    fn closed(&self) -> Option<String> {
        self.shared.closed.get().cloned()
    }

    async fn checkpoint(&self, log_bytes: u64) -> Result<bool> {
        self.take_snapshot(log_bytes).await
    }
}
