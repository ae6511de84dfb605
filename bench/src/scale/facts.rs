//! Simulated uploads: facts as the server writes them, verb by verb, about chunks whose bytes were never there.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use cairn_shared::{BlobDigest, ChunkDigest, ChunkRule, FileId, OwnerId, Row, SessionId, UnixMs};
use cairn_store::MetaStore;
use cairn_store::ground::{self, Fresh, Options};
use cairn_store::meta::Library;
use cairn_store::model::{
    ChunkRecord, ChunkState, Codec, Declaration, FileFields, Locator, NewSession, Owner, Publish, Reach,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

/// Chunks of one simulated file: 1 GiB.
pub(crate) const FILE_CHUNKS: u64 = 1_000;
/// No chunk with such a number, or a higher one, is ever stored.
pub(crate) const NEVER: u64 = 1 << 60;
/// Chunks that lie in one folder.
const FOLDER_CHUNKS: u64 = 4_096;
const LENGTH: u32 = 1 << 20;
/// The year 2100, at which nothing ends because time is over.
const NOW: UnixMs = 4_102_444_800_000;
const TTL: UnixMs = 72 * 3_600 * 1_000;

/// The facts of a data folder, and who writes them.
#[derive(Clone)]
pub(crate) struct Facts {
    /// The store.
    pub(crate) meta: Arc<dyn MetaStore>,
}

/// An upload under way: its rows are declared.
pub(crate) struct Upload {
    session: SessionId,
    first: u64,
    count: u64,
}

fn id_of(digest: [u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// The library that the server's setting names.
fn index() -> anyhow::Result<Library> {
    Ok(std::env::var("CAIRN_INDEX").map_or(Ok(Library::default()), |name| name.parse())?)
}

impl Facts {
    /// Opens the facts in a data folder, and waits for what that takes.
    pub(crate) async fn open(data: &Path) -> anyhow::Result<Self> {
        let part = |name: &str| -> anyhow::Result<[u8; 32]> {
            // Another one at every look.
            let chance = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
            Ok(Sha256::digest(format!("{name} {chance}")).into())
        };
        let short = |name: &str| anyhow::Ok(id_of(part(name)?));
        let fresh = Fresh { store: short("store")?, run: short("run")?, secret: part("secret")? };
        let options = Options { index: index()?, compress: true, may_found: true, fresh };
        let meta = ground::open(data, options).await?.meta;
        meta.add_owner(Owner { id: owner(), key_hash: digest("owner", 0), created_at: NOW }).await?;
        Ok(Self { meta })
    }

    /// Uploads whole files until the chunks `from..until` are stored; the log is kept as short as a server does.
    pub(crate) async fn fill(
        &self,
        from: u64,
        until: u64,
        checkpoint_bytes: Option<u64>,
    ) -> anyhow::Result<()> {
        let firsts = (from..until).step_by(usize::try_from(FILE_CHUNKS)?);
        let mut files = stream::iter(firsts)
            .map(|first| async move {
                let upload = self.declare(first, FILE_CHUNKS.min(until - first)).await?;
                self.arrive(&upload, FILE_CHUNKS as usize).await?;
                self.finish(&upload).await
            })
            .buffer_unordered(2);
        while let Some(done) = files.next().await {
            done?;
            if let Some(bytes) = checkpoint_bytes {
                self.meta.checkpoint(bytes).await?;
            }
        }
        Ok(())
    }

    /// `start`, and `check` of all rows.
    pub(crate) async fn declare(&self, first: u64, count: u64) -> anyhow::Result<Upload> {
        let session = self.start(first).await?;
        let rows: Vec<Row> = (first..first + count).map(row).collect();
        self.check(session, rows).await?;
        Ok(self.declared(session, first, count))
    }

    /// The upload of a session whose rows are declared.
    pub(crate) fn declared(&self, session: SessionId, first: u64, count: u64) -> Upload {
        Upload { session, first, count }
    }

    /// A session; its id is of `seed`.
    pub(crate) async fn start(&self, seed: u64) -> anyhow::Result<SessionId> {
        let fields = FileFields {
            name: "simulated.bin".parse()?,
            path: None,
            folder: None,
            mtime: Some(NOW),
            media_type: None,
            meta: None,
            size: None,
            rule: ChunkRule::FastCdc,
        };
        let id = SessionId::new(id("session", seed)?);
        let session = NewSession {
            id,
            owner: owner(),
            ownerless: false,
            key: None,
            fields,
            now: NOW,
            expires_at: NOW + TTL,
        };
        self.meta.start(session).await?;
        Ok(id)
    }

    /// Declares all rows of a session that has none.
    pub(crate) async fn check(&self, session: SessionId, rows: Vec<Row>) -> anyhow::Result<()> {
        let said =
            Declaration { session, revision: 0, at: 0, rows, size: None, reach: Reach::Owner, now: NOW };
        self.meta.declare_rows(said).await?;
        Ok(())
    }

    /// What `upload` asks and says of each chunk, for so many at once.
    pub(crate) async fn arrive(&self, upload: &Upload, at_once: usize) -> anyhow::Result<()> {
        stream::iter(0..upload.count)
            .map(|at| self.arrive_one(upload, at))
            .buffer_unordered(at_once)
            .try_collect::<()>()
            .await
    }

    async fn arrive_one(&self, upload: &Upload, at: u64) -> anyhow::Result<()> {
        let number = upload.first + at;
        let row = row(number);
        let index = u32::try_from(at)?;
        let stored = self.meta.row(upload.session, index).await?.context("a declared row is there")?;
        anyhow::ensure!(stored.row == row, "another row was declared");
        let (generation, is_there) = self.meta.placement(row.digest).await?;
        anyhow::ensure!(!is_there, "chunk {number} is there already");
        let record = record(number, generation);
        Ok(self.meta.arrive(upload.session, index, row, record, NOW + TTL, NOW).await?)
    }

    /// `finish`, and the end of the follower, which would look for bytes.
    pub(crate) async fn finish(&self, upload: &Upload) -> anyhow::Result<()> {
        let publish = Publish {
            session: upload.session,
            revision: None,
            chunks: Some(u32::try_from(upload.count)?),
            size: Some(upload.count * u64::from(LENGTH)),
            manifest_digest: None,
            file: FileId::new(id("file", upload.first)?),
            link: None,
            now: NOW,
        };
        self.meta.publish(publish).await?;
        self.meta.set_blob(upload.session, BlobDigest::new(digest("blob", upload.first))).await?;
        Ok(())
    }

    /// `check` of rows that this session proves: it holds them from then on.
    pub(crate) async fn adopt(&self, session: SessionId, rows: Vec<Row>) -> anyhow::Result<()> {
        let adopted = self.meta.adopt(session, rows, NOW).await?;
        anyhow::ensure!(adopted.into_iter().all(|it| it), "a chunk that was stored is not here");
        Ok(())
    }
}

/// The row of a chunk. Its digest is as random as any.
pub(crate) fn row(number: u64) -> Row {
    Row { digest: ChunkDigest::new(digest("chunk", number)), length: LENGTH }
}

fn record(number: u64, generation: u32) -> ChunkRecord {
    let name = data_encoding::HEXLOWER.encode(&digest("chunk", number));
    let key = format!("{:08}/{name}.{generation}", number / FOLDER_CHUNKS);
    let locator = Locator { store: 0, key, offset: 0, length: LENGTH, codec: Codec::Plain };
    ChunkRecord { length: LENGTH, crc32: number as u32, state: ChunkState::Present, generation, locator }
}

fn owner() -> OwnerId {
    OwnerId::new(*b"simulated owner.")
}

fn id(what: &str, number: u64) -> anyhow::Result<[u8; 16]> {
    Ok(digest(what, number)[..16].try_into()?)
}

fn digest(what: &str, number: u64) -> [u8; 32] {
    Sha256::digest([what.as_bytes(), &number.to_be_bytes()].concat()).into()
}
