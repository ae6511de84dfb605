//! The rows that a store keeps. Their serialised form is format 1 of the log.

mod folder;
mod operate;

use cairn_shared::{
    BlobDigest, ChunkDigest, ChunkRule, ClientKey, FileId, FolderId, LinkId, ManifestDigest, MediaType, Name,
    OwnerId, RelPath, Row, SessionId, UnixMs,
};
use serde::{Deserialize, Serialize};

pub use folder::{Child, ChildMark, ChildPage, Entry, EntryPage, Folder, NewFolder};
pub use operate::{ClockMark, ScrubPlace};

/// An owner, known by the SHA-256 of his key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its id.
    pub id: OwnerId,
    /// SHA-256 of the owner key.
    pub key_hash: [u8; 32],
    /// When it was made.
    pub created_at: UnixMs,
}

/// What guests may keep, and for how long without content. Nothing has a limit by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestLimits {
    /// Rows of one owner, in bytes.
    pub facts_bytes: u64,
    /// Rows of all guests together, in bytes.
    pub all_facts_bytes: u64,
    /// Rows of one session that may be declared before their chunks are here.
    pub rows_ahead: u32,
    /// An owner who never held anything, and a session of which nothing came, end after so many milliseconds.
    pub unused_ms: u64,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self { facts_bytes: u64::MAX, all_facts_bytes: u64::MAX, rows_ahead: u32::MAX, unused_ms: u64::MAX }
    }
}

/// What a client said of its file at the start. A repeated `start` must say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFields {
    /// The file's name.
    pub name: Name,
    /// Where it lay below the folder that was chosen; in a folder, where it goes.
    pub path: Option<RelPath>,
    /// The folder that it goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// When it was last changed.
    pub mtime: Option<UnixMs>,
    /// What the client believes that it contains.
    pub media_type: Option<MediaType>,
    /// Opaque text of the client's.
    pub meta: Option<String>,
    /// In bytes, as said at the start.
    pub size: Option<u64>,
    /// How it is cut.
    pub rule: ChunkRule,
}

/// What `start` asks the store to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// A fresh id, used where the key is new.
    pub id: SessionId,
    /// The owner, or a fresh one of the session's own.
    pub owner: OwnerId,
    /// True where the session was started without a credential: then the key is unique on its own.
    pub ownerless: bool,
    /// The client's name for it.
    pub key: Option<ClientKey>,
    /// The file.
    pub fields: FileFields,
    /// Now.
    pub now: UnixMs,
    /// Ends then, unless chunks arrive.
    pub expires_at: UnixMs,
}

/// An upload, under way or over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; also the holder of its chunks, before and after it is published.
    pub id: SessionId,
    /// Whose it is.
    pub owner: OwnerId,
    /// Started without a credential: its id alone governs it.
    pub ownerless: bool,
    /// The client's name for it.
    pub key: Option<ClientKey>,
    /// What the client said at the start.
    pub fields: FileFields,
    /// The size as last said, in bytes.
    pub size: Option<u64>,
    /// The current revision.
    pub revision: u32,
    /// How many rows there are: one past the highest declared or defined one. Known sizes under a fixed rule
    /// have all their rows from the start, as far as `status` is concerned.
    pub rows: u32,
    /// When it was started.
    pub created_at: UnixMs,
    /// When it ends, unless chunks arrive.
    pub expires_at: UnixMs,
    /// Where it stands.
    pub state: SessionState,
}

impl Session {
    /// How many rows the file will have, where rule and size say it.
    pub fn rows_expected(&self) -> Option<u64> {
        match self.fields.rule {
            ChunkRule::Fixed(bytes) => self.size.map(|size| size.div_ceil(u64::from(bytes))),
            ChunkRule::FastCdc => None,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Takes rows and chunks.
    Open,
    /// Became this file, with this link.
    Finished {
        /// The file.
        file: FileId,
        /// Its blob.
        manifest_digest: ManifestDigest,
        /// The link that `finish` made.
        link: Option<LinkId>,
        /// When.
        at: UnixMs,
    },
    /// Given up, or over time. Its holds end by a job.
    Ended {
        /// When.
        at: UnixMs,
        /// Whether time ended it.
        expired: bool,
    },
}

/// What is known of a row at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRow {
    /// Digest and length.
    pub row: Row,
    /// Declared by `check`; otherwise defined by the body of a PUT, and replaceable by a later one.
    pub declared: bool,
}

/// A chunk on its way into the index of chunks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// In bytes, of the plain chunk.
    pub length: u32,
    /// CRC-32 (IEEE) of the plain chunk, for zip downloads.
    pub crc32: u32,
    /// Whether it is held.
    pub state: ChunkState,
    /// Grows by one whenever a chunk comes again while its former copy is being deleted.
    pub generation: u32,
    /// Where its bytes are.
    pub locator: Locator,
}

/// Whether a chunk is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChunkState {
    /// Held, or was until a moment ago.
    Present,
    /// Nobody holds it since then; deletable after the delay.
    Condemned(UnixMs),
    /// Its bytes are being removed; this generation never comes back.
    Deleting,
    /// Its bytes are not what they were. Held, never given, and replaced when the same content comes again.
    Damaged,
}

/// Where a chunk's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locator {
    /// Which store, of those that are open together.
    pub store: u16,
    /// The store's own name for what holds the bytes.
    pub key: String,
    /// Where they begin inside it, in bytes.
    pub offset: u64,
    /// In bytes, as stored.
    pub length: u32,
    /// How they are stored.
    pub codec: Codec,
}

impl Locator {
    /// Whether both name the same place, however long what lies there is said to be.
    pub fn is_at(&self, other: &Self) -> bool {
        (self.store, &self.key, self.offset) == (other.store, &other.key, other.offset)
    }
}

/// How a chunk's bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// As they are.
    Plain,
    /// As zstd frames (`store/src/chunk/zstd.rs`).
    Zstd {
        /// How many plain bytes they hold.
        length: u32,
    },
}

/// A named entry that an owner keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The session that it was: holder of its chunks, and where its rows are.
    pub session: SessionId,
    /// What the client said.
    pub fields: FileFields,
    /// In bytes.
    pub size: u64,
    /// How many rows there are.
    pub rows: u32,
    /// Its blob.
    pub manifest_digest: ManifestDigest,
    /// SHA-256 of the whole file, once the follower is through.
    pub blob: Option<BlobDigest>,
    /// When it was published.
    pub created_at: UnixMs,
}

/// What a link gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// One file.
    File(FileId),
    /// A folder with everything in it.
    Folder(FolderId),
}

impl Target {
    /// The id of either.
    pub fn as_bytes(&self) -> &[u8; 16] {
        match self {
            Self::File(file) => file.as_bytes(),
            Self::Folder(folder) => folder.as_bytes(),
        }
    }
}

/// A token that gives others one file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it gives: the field `file` or `folder` of the row.
    #[serde(flatten)]
    pub target: Target,
    /// Whose it is.
    pub owner: OwnerId,
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// When it was made.
    pub created_at: UnixMs,
    /// When it ends; `None`: never.
    pub expires_at: Option<UnixMs>,
}

impl Link {
    /// Whether it is not over time.
    pub fn is_live(&self, now: UnixMs) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

/// What is kept of a file, folder or link that its owner ended, so that a repeated delete is known for what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Whose it was.
    pub owner: OwnerId,
    /// The session that the file was; none for a folder or link.
    pub session: Option<SessionId>,
    /// When it ended.
    pub at: UnixMs,
}

/// What `publish` needs besides the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The session.
    pub session: SessionId,
    /// The revision that the client means, where it says one.
    pub revision: Option<u32>,
    /// How many rows the client means, where it says so.
    pub chunks: Option<u32>,
    /// The size that the client means, where it says one, in bytes.
    pub size: Option<u64>,
    /// The manifest that the client means, where it says one.
    pub manifest_digest: Option<ManifestDigest>,
    /// A fresh id.
    pub file: FileId,
    /// A fresh link, where one is wanted: id and hash of its token.
    pub link: Option<(LinkId, [u8; 32])>,
    /// Now.
    pub now: UnixMs,
}

/// How far the whole-file SHA-256 of a session or file has come: a resumable job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The session.
    pub session: SessionId,
    /// Rows `..next` are hashed.
    pub next: u32,
    /// The manifest hash state or row digests need not be kept: a revision that replaces a row below `next`
    /// resets the job. The revision that `next` belongs to.
    pub revision: u32,
    /// The serialised SHA-256 state after row `next - 1`.
    pub state: Vec<u8>,
}

/// Whose holds make a chunk count as here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The session's own.
    Session,
    /// All of its owner's.
    Owner,
}

/// What a `check` declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Of which session.
    pub session: SessionId,
    /// The revision that it extends, or begins.
    pub revision: u32,
    /// Index of the first row.
    pub at: u32,
    /// The rows.
    pub rows: Vec<Row>,
    /// The size, where it is said, in bytes.
    pub size: Option<u64>,
    /// Whose holds count.
    pub reach: Reach,
    /// Now.
    pub now: UnixMs,
}

/// A condemned chunk whose bytes may go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// Which chunk.
    pub digest: ChunkDigest,
    /// Which copy of it.
    pub generation: u32,
    /// Where its bytes are.
    pub locator: Locator,
}

/// A link, found by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The link.
    pub link: Link,
    /// What it gives.
    pub given: Given,
}

/// What a link gives, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// One file.
    File(File),
    /// A folder with everything in it.
    Folder(Folder),
}
