//! What every case needs: the adapters, and short ways to say what is done.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use cairn_shared::message::RowState;
use cairn_shared::{
    ChunkDigest, ChunkRule, ClientKey, FileId, LinkId, Manifest, OwnerId, Row, SessionId, UnixMs,
};
use cairn_store::meta::Library;
use cairn_store::model::{
    ChunkRecord, ChunkState, Codec, Declaration, File, FileFields, Link, Locator, NewSession, Publish, Reach,
    Session, StoredRow,
};
use cairn_store::{ChunkStore, Conflict, MetaStore, StoreError, chunk, meta};
use tempfile::TempDir;

/// When every session starts.
pub(crate) const START: UnixMs = 1_000_000;
/// When it is over time.
pub(crate) const EXPIRY: UnixMs = START + 1_000;
/// The rule of plain sessions, in bytes.
pub(crate) const FULL: u32 = 65_536;

/// The stores of one adapter.
pub(crate) struct Kit {
    pub(crate) meta: Arc<dyn MetaStore>,
    // Opened by the first case that asks: it makes 256 folders.
    chunks: OnceLock<Arc<dyn ChunkStore>>,
    folder: Option<TempDir>,
}

impl Kit {
    /// Everything in memory.
    pub(crate) fn memory() -> Self {
        Self { meta: meta::memory(), chunks: OnceLock::new(), folder: None }
    }

    /// Log, sled and files in a fresh folder.
    pub(crate) fn disk() -> Self {
        Self::disk_with(Library::Sled)
    }

    /// The same with redb.
    pub(crate) fn disk_redb() -> Self {
        Self::disk_with(Library::Redb)
    }

    fn disk_with(index: Library) -> Self {
        let folder = TempDir::new().unwrap();
        let meta = meta::open_gathering_little(folder.path(), index).unwrap();
        Self { meta, chunks: OnceLock::new(), folder: Some(folder) }
    }

    pub(crate) fn chunks(&self) -> &Arc<dyn ChunkStore> {
        self.chunks.get_or_init(|| match &self.folder {
            Some(folder) => chunk::open_compressing(folder.path()).unwrap(),
            None => chunk::memory_compressing(),
        })
    }

    /// The file that a locator names, where the adapter keeps files.
    pub(crate) fn path(&self, locator: &Locator) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.path().join("chunks").join(&locator.key))
    }

    /// Starts session `n` of `owner` under FastCDC.
    pub(crate) async fn start(&self, n: u64, owner: u64) -> SessionId {
        self.meta.start(new_session(n, owner)).await.unwrap().0.id
    }

    /// Starts session `n` of owner 1 under `fixed/65536`.
    pub(crate) async fn start_plain(&self, n: u64, size: Option<u64>) -> SessionId {
        let mut new = new_session(n, 1);
        new.fields.rule = ChunkRule::Fixed(FULL);
        new.fields.size = size;
        self.meta.start(new).await.unwrap().0.id
    }

    /// Declares rows in revision 0, at index 0.
    pub(crate) async fn declare(&self, session: SessionId, rows: &[Row]) -> Vec<RowState> {
        self.check(session, 0, 0, rows, None).await.unwrap().1
    }

    pub(crate) async fn check(
        &self,
        session: SessionId,
        revision: u32,
        at: u32,
        rows: &[Row],
        size: Option<u64>,
    ) -> Result<(Session, Vec<RowState>), StoreError> {
        self.meta
            .declare_rows(Declaration {
                session,
                revision,
                at,
                rows: rows.to_vec(),
                size,
                reach: Reach::Owner,
                now: START,
            })
            .await
    }

    /// The chunk of a row arrives under the generation that placement says.
    pub(crate) async fn arrive(&self, session: SessionId, index: u32, row: Row) -> Result<(), StoreError> {
        let (generation, _) = self.meta.placement(row.digest).await.unwrap();
        self.meta.arrive(session, index, row, record(row, generation), 0, START).await
    }

    /// Session `n` of `owner` with these rows, all arrived and published.
    pub(crate) async fn file(&self, n: u64, owner: u64, rows: &[Row]) -> File {
        let session = self.start(n, owner).await;
        self.declare(session, rows).await;
        for (row, index) in rows.iter().zip(0..) {
            self.arrive(session, index, *row).await.unwrap();
        }
        self.meta.publish(publish(n, rows)).await.unwrap().1
    }

    /// All at the same time, so that they share commits.
    pub(crate) async fn add_links(&self, links: impl Iterator<Item = Link>) {
        let add = |link: Link| {
            let meta = self.meta.clone();
            tokio::spawn(async move { meta.add_link(link).await })
        };
        for added in links.map(add).collect::<Vec<_>>() {
            added.await.unwrap().unwrap();
        }
    }

    pub(crate) async fn session(&self, id: SessionId) -> Session {
        self.meta.session(id).await.unwrap().unwrap()
    }

    pub(crate) async fn stored(&self, session: SessionId) -> Vec<Row> {
        self.meta.rows(session, 0, 1_000).await.unwrap()
    }

    pub(crate) async fn stored_row(&self, session: SessionId, index: u32) -> Option<StoredRow> {
        self.meta.row(session, index).await.unwrap()
    }

    /// Received and missing pairs.
    pub(crate) async fn status(&self, session: SessionId) -> (Vec<(u32, u32)>, Vec<(u32, u32)>) {
        let (received, missing, next) = self.meta.arrived(session, 0, u32::MAX, 1_000).await.unwrap();
        assert_eq!(next, None);
        (received.pairs().to_vec(), missing.pairs().to_vec())
    }

    pub(crate) async fn state(&self, row: Row) -> Option<ChunkState> {
        self.meta.chunk(row.digest).await.unwrap().map(|record| record.state)
    }

    /// Sweeps until nothing is left to do; gives the number of steps.
    pub(crate) async fn sweep(&self, now: UnixMs) -> usize {
        let mut steps = 0;
        while self.meta.sweep(now, 0).await.unwrap() {
            steps += 1;
            assert!(steps < 1_000, "the sweep never ends");
        }
        steps
    }
}

/// Runs a case in a runtime of its own.
pub(crate) fn run<F: Future<Output = ()>>(make: fn() -> Kit, case: fn(Kit) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async { case(make()).await });
}

pub(crate) fn id(n: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    id
}

pub(crate) fn owner(n: u64) -> OwnerId {
    OwnerId::new(id(n))
}

/// A row whose digest is made from `n`.
pub(crate) fn row(n: u64, length: u32) -> Row {
    let mut digest = [0xcc; 32];
    digest[..8].copy_from_slice(&n.to_be_bytes());
    Row { digest: ChunkDigest::new(digest), length }
}

/// Rows of full length with digests `from..`.
pub(crate) fn rows(from: u64, count: u64) -> Vec<Row> {
    (from..from + count).map(|n| row(n, FULL)).collect()
}

pub(crate) fn record(row: Row, generation: u32) -> ChunkRecord {
    let key = format!("{}.{generation}", row.digest);
    let locator = Locator { store: 0, key, offset: 0, length: row.length, codec: Codec::Plain };
    ChunkRecord { length: row.length, crc32: 7, state: ChunkState::Present, generation, locator }
}

pub(crate) fn fields(name: &str) -> FileFields {
    FileFields {
        name: name.parse().unwrap(),
        path: None,
        folder: None,
        mtime: Some(5),
        media_type: None,
        meta: Some("{}".to_owned()),
        size: None,
        rule: ChunkRule::FastCdc,
    }
}

pub(crate) fn new_session(n: u64, owner_n: u64) -> NewSession {
    NewSession {
        id: SessionId::new(id(n)),
        owner: owner(owner_n),
        ownerless: false,
        key: Some(ClientKey::new(id(n + 1_000_000))),
        fields: fields("cairn.txt"),
        now: START,
        expires_at: EXPIRY,
    }
}

/// Publishes session `n`, whose rows are these, as file `n` with link `n`.
pub(crate) fn publish(n: u64, rows: &[Row]) -> Publish {
    let manifest = Manifest { rule: ChunkRule::FastCdc, rows: rows.to_vec() };
    Publish {
        session: SessionId::new(id(n)),
        revision: Some(0),
        chunks: Some(rows.len() as u32),
        size: Some(manifest.size()),
        manifest_digest: Some(manifest.digest()),
        file: FileId::new(id(n)),
        link: Some((LinkId::new(id(n)), token(n))),
        now: START,
    }
}

/// Publishes session `n` and says nothing of it.
pub(crate) fn publish_plain(n: u64) -> Publish {
    Publish { revision: None, chunks: None, size: None, manifest_digest: None, link: None, ..publish(n, &[]) }
}

pub(crate) fn token(n: u64) -> [u8; 32] {
    let mut token = [0xee; 32];
    token[..8].copy_from_slice(&n.to_be_bytes());
    token
}

/// The condition that a verb named.
pub(crate) fn conflict<T>(outcome: Result<T, StoreError>) -> Conflict {
    match outcome {
        Err(StoreError::Conflict(conflict)) => conflict,
        Err(error) => panic!("no conflict but {error}"),
        Ok(_) => panic!("no conflict"),
    }
}

/// The session that a closed one told of itself.
pub(crate) fn closed<T>(outcome: Result<T, StoreError>) -> Session {
    let Conflict::SessionClosed(session) = conflict(outcome) else { panic!("another conflict") };
    *session
}
