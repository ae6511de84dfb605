//! `MetaStore`: facts about sessions, chunks, files and links, in verbs of the domain.

pub(crate) mod budget;
pub(crate) mod codec;
mod committer;
pub(crate) mod facts;
mod gathered;
pub(crate) mod index;
mod keys;
pub(crate) mod log;
mod looks;
pub(crate) mod memory;
mod open;
mod open_reading;
mod operator;
mod place;
mod read;
mod redb;
mod sled;
pub(crate) mod snapshot;
mod store;
mod sums;
mod tx;
pub(crate) mod verbs;

use async_trait::async_trait;
use cairn_shared::message::RowState;
use cairn_shared::{
    BlobDigest, ChunkDigest, ClientKey, FileId, FolderId, LinkId, OwnerId, Ranges, RelPath, Row, SessionId,
    UnixMs,
};

use crate::chunk::ChunkCopy;
use crate::error::Result;
use crate::model::{
    ChildMark, ChildPage, ChunkRecord, Declaration, Doomed, EntryPage, File, Folder, Follow, Gone,
    GuestLimits, Link, Linked, NewFolder, NewSession, Owner, Publish, Reach, Session, StoredRow, Target,
};

#[cfg(test)]
pub(crate) use self::{
    index::{Index, Writes},
    memory::MemoryIndex,
    open::{IndexFolder, open_over},
    read::Read,
    tx::Tx,
};
pub(crate) use log::LogFailure;
pub(crate) use log::replay::{last_sequence, walk_log};
pub(crate) use log::segment::{begin_log, segment_number};
pub(crate) use open::open_on;
pub use open::{memory, open, open_gathering_little};
pub(crate) use open_reading::open_because;
pub use open_reading::open_reading;
pub use operator::OperatorStore;
pub(crate) use place::{INDEX_FAILED, IndexPlace};
pub use place::{Library, UnknownLibrary};
pub(crate) use snapshot::{newest as newest_snapshot, read_whole as read_snapshot, snapshot_number};

/// Keeps every fact. Each verb is one atomic step; a verb that changes something is durable when it returns,
/// and whoever reads next sees it. A verb that fails has changed nothing. Verbs may run at the same time.
#[async_trait]
pub trait MetaStore: OperatorStore {
    /// Says what guests may keep from now on.
    fn limit_guests(&self, limits: GuestLimits);

    // ---- owner

    /// Adds an owner. Idempotent; the same id or key with other fields: `KeyReused`.
    async fn add_owner(&self, owner: Owner) -> Result<()>;

    /// The same for a guest: what he keeps is counted and bounded (`GuestFull`, `GuestsFull`), here and in `start`, `declare_rows`, `publish`, `add_folder`
    /// and `add_link`; of others nothing is counted. He is forgotten, by `sweep`, once he never held anything for as long as the limits say.
    async fn add_guest(&self, owner: Owner) -> Result<()>;

    /// What a guest keeps, or with none all of them together, in bytes of rows; 0 of whoever is none.
    async fn guest_facts(&self, owner: Option<OwnerId>) -> Result<u64>;

    /// Finds the owner whose key has this SHA-256.
    async fn owner_by_key(&self, key_hash: [u8; 32]) -> Result<Option<Owner>>;

    // ---- start

    /// Starts a session. Idempotent by key: with the same owner (ownerless: on its own), key and fields it
    /// gives the same session and `true`, in whatever state it is. Other fields: `KeyReused`.
    /// A size that takes more rows than a session may have: `RowsTooMany`. A folder that is none of its owner's: `FolderGone`.
    async fn start(&self, session: NewSession) -> Result<(Session, bool)>;

    /// The same for a guest, whose session ends earlier while nothing of it has come, leaves no record then, and takes no more than so many rows
    /// whose chunks are not here (`RowsAhead`). An owner of its own is a guest too. He sent `said` bytes for it.
    async fn start_guest(&self, session: NewSession, said: u64) -> Result<(Session, bool)>;

    /// The session that was started with this key, by this owner or without a credential.
    async fn session_by_key(&self, owner: Option<OwnerId>, key: ClientKey) -> Result<Option<SessionId>>;

    /// The session, or its archive record.
    async fn session(&self, id: SessionId) -> Result<Option<Session>>;

    // ---- check

    /// Declares `rows` from `at` on and answers each: `Have` where the present chunk is held within `reach` (a hold
    /// of this session is taken with it), else `Need`. Follows DESIGN 4: the current revision extends or
    /// repeats (`RowDiffers` where another row is there, declared or defined by a PUT; an equal one that a PUT
    /// defined becomes declared), the next one replaces from `at` on, drops the rest and may set `size`; older
    /// `RevisionOld`, newer `RevisionGap`. `at` behind the last row: `IndexOutOfRange`, where rows that a fixed
    /// rule and a known size promise count as there. Under a fixed rule every length must fit the rule and the
    /// size (`ChunkLength`, `IndexOutOfRange`); rows that another size leaves with a wrong length are dropped too.
    /// More than `SESSION_ROWS_MAX`: `RowsTooMany`. Idempotent. Over, or over time at `now`: `SessionClosed`. With
    /// `size` in the current revision it must equal the known one, else `SizeDiffers`.
    async fn declare_rows(&self, said: Declaration) -> Result<(Session, Vec<RowState>)>;

    /// What `declare_rows` would answer for these rows, without declaring them. `NotFound` where there is no session.
    async fn row_states(&self, session: SessionId, rows: Vec<Row>, reach: Reach) -> Result<Vec<RowState>>;

    /// Which of these chunks somebody holds, and are what they were. Tells of everybody's: for those who may know.
    async fn present(&self, rows: Vec<Row>) -> Result<Vec<bool>>;

    /// The session holds these chunks from now on; false for each that is not here, damaged, or being deleted. Whoever calls
    /// it has seen that the session's client has their bytes. Idempotent. Over, or over time at `now`: `SessionClosed`.
    async fn adopt(&self, session: SessionId, rows: Vec<Row>, now: UnixMs) -> Result<Vec<bool>>;

    /// Finds a file with this whole-file digest, of this owner or, with none, of anybody.
    async fn file_by_blob(&self, owner: Option<OwnerId>, blob: BlobDigest) -> Result<Option<File>>;

    // ---- upload

    /// The row at `index`, where it is declared or defined.
    async fn row(&self, session: SessionId, index: u32) -> Result<Option<StoredRow>>;

    /// The record of a chunk, in whatever state.
    async fn chunk(&self, digest: ChunkDigest) -> Result<Option<ChunkRecord>>;

    /// The generation to place this chunk under: the record's, one more while that is being deleted; without a
    /// record one that no copy had before, 0 at first. And whether its bytes are there already, so that they need
    /// not be placed again: keep them nevertheless until `arrive`, which may say `GenerationOver`.
    async fn placement(&self, digest: ChunkDigest) -> Result<(u32, bool)>;

    /// Notes that the chunk of row `index` has arrived: its record (unless it is there; a condemned one is
    /// present again), a hold of the session, the row itself where the rule leaves it to the body, and
    /// the session's later expiry, `expires_at` where that is later. `record.locator` names durable bytes.
    /// `GenerationOver` where `record.generation` is being deleted or gone. A declared row must be equal
    /// (`DigestMismatch`, `ChunkLength`); FastCDC without a declared row: `RowUndeclared`. Under a fixed rule
    /// with a known size the index must be inside (`IndexOutOfRange`) and the length exact (`ChunkLength`);
    /// with an unknown size every row but the highest has the rule's length, so that a short row is the last
    /// (`IndexOutOfRange` behind it, until a full one replaces it). A row that a PUT defined is replaced. Over, or
    /// over time at `now`: `SessionClosed`. Idempotent.
    async fn arrive(
        &self,
        session: SessionId,
        index: u32,
        row: Row,
        record: ChunkRecord,
        expires_at: UnixMs,
        now: UnixMs,
    ) -> Result<()>;

    // ---- status

    /// Which rows `from..` have their chunk here, `received` and `missing` together of up to `pairs_max` pairs,
    /// and the index to go on from. Rows that rule and size promise count as missing; with an unknown size so do
    /// the gaps below the highest. Looks at `rows_max` rows at most. `NotFound` where there is no session.
    async fn arrived(
        &self,
        session: SessionId,
        from: u32,
        rows_max: u32,
        pairs_max: usize,
    ) -> Result<(Ranges, Ranges, Option<u32>)>;

    /// Rows `from..from+limit` in order; ends at the first gap. A published file's rows stay until it is deleted.
    async fn rows(&self, session: SessionId, from: u32, limit: usize) -> Result<Vec<Row>>;

    // ---- finish

    /// Publishes: checks revision (`RevisionOld`, `RevisionGap`), chunks and manifest (`ManifestDiffers`), size
    /// (`SizeRequired`, `SizeDiffers`), and that every row's chunk is present and held (`ChunksMissing`); then
    /// the session becomes a file with a link; one of a chunk, or of none, has its blob at once. Without `size` the session's is meant. Repeated: the same file,
    /// `NotFound` once that is deleted. With a folder the file lies in it from then on, one revision later, where its path says
    /// (its name where it has none); a file that lay there is deleted as by `remove_file`. A folder there, or a file above:
    /// `PathTaken`. No such folder any more: `FolderGone`. Given up or over time: `SessionClosed`. `Changed` where the session changed
    /// again and again meanwhile.
    async fn publish(&self, publish: Publish) -> Result<(Session, File)>;

    /// Gives a session up; repeated: nothing happens. Finished: `SessionClosed`. Unknown: `NotFound`.
    async fn end_session(&self, session: SessionId, expired: bool, now: UnixMs) -> Result<()>;

    // ---- folder

    /// Makes a folder with folders in it. Idempotent by owner and key: with the same name it gives the folder that the key made,
    /// and `true`; folders that are not in it yet are added, all in one revision. Other name: `KeyReused`. A path that is a
    /// file's, or goes through one: `PathTaken`.
    async fn add_folder(&self, folder: NewFolder) -> Result<(Folder, bool)>;

    /// The folder.
    async fn folder(&self, id: FolderId) -> Result<Option<Folder>>;

    /// The owner's folders behind `after`, in the order of their ids.
    async fn folders(&self, owner: OwnerId, after: Option<FolderId>, limit: usize) -> Result<Vec<Folder>>;

    /// Up to `limit` entries behind `after` that are so since a later revision than `since`, in byte order of their paths. One
    /// call looks at a bounded number, so with `since` a page may be short, or empty, with `next`. Entries that are gone leave
    /// nothing here: the totals tell. `NotFound` where there is no folder.
    async fn entries(
        &self,
        folder: FolderId,
        since: Option<u64>,
        after: Option<RelPath>,
        limit: usize,
    ) -> Result<EntryPage>;

    /// Up to `limit` of what lies directly in the folder, or in the one at `parent`: folders first, then files. `None` where no
    /// folder lies there.
    async fn children(
        &self,
        folder: FolderId,
        parent: Option<RelPath>,
        after: Option<ChildMark>,
        limit: usize,
    ) -> Result<Option<ChildPage>>;

    /// The file at a path of a folder.
    async fn file_at(&self, folder: FolderId, path: RelPath) -> Result<Option<File>>;

    /// Deletes a folder with its links; its files are not to be found from then on, and are deleted by a job. Repeated: nothing
    /// happens.
    async fn remove_folder(&self, id: FolderId, now: UnixMs) -> Result<()>;

    /// What is remembered of a folder that was deleted, until the archive's time is over.
    async fn gone_folder(&self, id: FolderId) -> Result<Option<Gone>>;

    // ---- share

    /// The file.
    async fn file(&self, id: FileId) -> Result<Option<File>>;

    /// The owner's files behind `after` that lie in no folder, in the order of their ids.
    async fn files(&self, owner: OwnerId, after: Option<FileId>, limit: usize) -> Result<Vec<File>>;

    /// Adds a link to a file or folder; `NotFound` where there is none. Idempotent; the same id with other fields:
    /// `KeyReused`. One that has `LINKS_MAX`: `LinksTooMany`.
    async fn add_link(&self, link: Link) -> Result<()>;

    /// The link.
    async fn link(&self, id: LinkId) -> Result<Option<Link>>;

    /// Every link to a file or folder.
    async fn links(&self, target: Target) -> Result<Vec<Link>>;

    /// Ends a link and remembers that it was; repeated: nothing happens.
    async fn remove_link(&self, id: LinkId, now: UnixMs) -> Result<()>;

    /// What is remembered of a link that was ended, until the archive's time is over.
    async fn gone_link(&self, id: LinkId) -> Result<Option<Gone>>;

    /// What is remembered of a file that was deleted, until the archive's time is over.
    async fn gone_file(&self, id: FileId) -> Result<Option<Gone>>;

    /// Deletes a file and its links at once, and its entry in a folder (one revision later); its holds end by a job. Repeated: nothing happens.
    async fn remove_file(&self, id: FileId, now: UnixMs) -> Result<()>;

    // ---- download

    /// Finds a link and its file or folder by the SHA-256 of the link's token, whether or not it is over time.
    async fn linked(&self, token_hash: [u8; 32]) -> Result<Option<Linked>>;

    /// The link, where it and this file are still there: one cheap look, for whoever is giving the file's bytes through it.
    async fn still_linked(&self, link: LinkId, file: FileId) -> Result<Option<Link>>;

    // ---- follower

    /// Sessions whose whole-file digest is wanted: open ones with rows, all of them declared (what a PUT defined
    /// may be replaced without a new revision, so such sessions follow once they are published), and those of files
    /// without a blob.
    async fn follows(&self) -> Result<Vec<SessionId>>;

    /// The file that this session became, where its digest is wanted. It outlives the session's record.
    async fn wanted_file(&self, session: SessionId) -> Result<Option<File>>;

    /// How far the job has come.
    async fn follow(&self, session: SessionId) -> Result<Option<Follow>>;

    /// Keeps how far the job has come. Nothing happens where the session's revision is another meanwhile, or its
    /// digest is not wanted. A revision that drops a row below `next` forgets the job's state; another keeps it.
    async fn save_follow(&self, follow: Follow) -> Result<()>;

    /// Ends the job: the session's file has this digest, and the hash-to-blob index knows it. Nothing happens
    /// where the file is gone, or not there yet. The caller has hashed the rows as they are since publication.
    async fn set_blob(&self, session: SessionId, blob: BlobDigest) -> Result<()>;

    // ---- sweep

    /// One bounded step of clean-up: ends sessions over time, forgets archive records that ended or finished
    /// before `archive_before`, removes some holds and rows of what has ended (a chunk that loses its last
    /// hold is condemned), deletes some files of a folder that was deleted, removes some rows that a revision dropped. True where it did something, so that there may
    /// be more to do.
    async fn sweep(&self, now: UnixMs, archive_before: UnixMs) -> Result<bool>;

    /// Gives up to `limit` copies that are being deleted, those behind `after` in the order of digest and generation, and
    /// then, where that leaves room, marks chunks so that were condemned before `before` and still have no hold. Without
    /// `after` everything that an earlier run left is given again; with it, what could not be removed is walked past.
    async fn doom(
        &self,
        before: UnixMs,
        after: Option<(ChunkDigest, u32)>,
        limit: usize,
    ) -> Result<Vec<Doomed>>;

    /// Drops the record of a doomed chunk whose bytes are gone. Nothing happens to a later generation that came.
    async fn forget_chunk(&self, digest: ChunkDigest, generation: u32) -> Result<()>;

    /// Lists a copy for `doom` that no record names; false where one does, or where it is listed. An `arrive` that
    /// comes with it afterwards is told `GenerationOver`.
    async fn doom_stray(&self, copy: ChunkCopy) -> Result<bool>;

    /// Takes a copy out of use whose bytes are damaged; false where this generation is not in use. From then on the
    /// chunk is missing for `declare_rows` and `publish`, and the next `arrive` brings a new generation.
    async fn quarantine(&self, digest: ChunkDigest, generation: u32) -> Result<bool>;

    /// Takes a copy back into use that was quarantined, and whose bytes were read and are right; false where this generation is not
    /// quarantined.
    async fn restore(&self, digest: ChunkDigest, generation: u32) -> Result<bool>;

    /// Compares the index with log and snapshot, where it was not closed cleanly and nobody did since. Verbs go on meanwhile; the store closes, and
    /// has the index built anew at the next start, where a row is missing or wrong. `doom` and `doom_stray` do it first, so that nothing
    /// is removed by what an index says that nobody checked.
    async fn check_index(&self) -> Result<()>;

    /// How many chunks are condemned since a moment before `before`, up to `limit`.
    async fn condemned(&self, before: UnixMs, limit: usize) -> Result<usize>;

    // ---- check

    /// Reads log and snapshot: `Damaged` where a bit is not as it was written. Verbs wait meanwhile.
    async fn check_log(&self) -> Result<()>;

    /// Why the store takes nothing more, where it is closed: opened again, it goes on from what is on disk.
    fn closed(&self) -> Option<String>;

    // ---- checkpoint

    /// Where the log has grown to `log_bytes`, and to the length of the last snapshot (0: in any case): writes a snapshot
    /// of all rows and removes the log in front of it, while other verbs go on. True where it did. What is acknowledged stays durable
    /// at every step of it; whatever fails, the log has everything.
    async fn checkpoint(&self, log_bytes: u64) -> Result<bool>;
}
