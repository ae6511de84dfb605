//! How a store fails: by a condition that did not hold, or by its disk.

use std::io;
use std::path::PathBuf;

use cairn_shared::{Ranges, RelPath};

use crate::model::Session;

/// A verb that changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition of the verb does not hold. The store is as it was.
    #[error("refused: {0}")]
    Conflict(#[from] Conflict),
    /// There is no space left. The store is as it was.
    #[error("no space left")]
    Full,
    /// The store can't write any more, or never could: a failed fsync is never retried. Opened again, it
    /// goes on from what is on disk.
    #[error("the store is closed: {0}")]
    Closed(String),
    /// An operation of the file system failed; nothing was acknowledged.
    #[error("input/output error: {0}")]
    Io(io::Error),
    /// What is on disk can't be read as what it should be.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A copy is not where its record says, and may come back: its disk or folder is away.
    #[error("not there: {0}")]
    Away(String),
    /// The parts of a data folder don't make one store; nothing in it was touched. It says what is wrong, and what to do.
    #[error("{0}")]
    Apart(String),
    /// A later version of Cairn wrote the folder; nothing in it was touched.
    #[error("{} was written by a later version of Cairn (format {found}); this one reads up to {known}", folder.display())]
    Newer {
        /// The data folder.
        folder: PathBuf,
        /// Its format.
        found: u32,
        /// The latest that is known here.
        known: u32,
    },
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full
        } else {
            Self::Io(error)
        }
    }
}

/// The condition that did not hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// The client key was used by this owner with other fields.
    #[error("the key was used with other fields")]
    KeyReused,
    /// The session takes no more rows or chunks; it says in which state it is.
    #[error("the session is closed")]
    SessionClosed(Box<Session>),
    /// A row of the same revision was declared differently.
    #[error("row {at} differs")]
    RowDiffers {
        /// The first such row.
        at: u32,
        /// The current revision.
        revision: u32,
    },
    /// The rule asks for a declared row.
    #[error("row {at} is not declared")]
    RowUndeclared {
        /// Which row.
        at: u32,
    },
    /// Older than the current revision.
    #[error("the current revision is {revision}")]
    RevisionOld {
        /// The current revision.
        revision: u32,
    },
    /// More than one above the current revision.
    #[error("the current revision is {revision}")]
    RevisionGap {
        /// The current revision.
        revision: u32,
    },
    /// Rows would begin behind the last one, or be too many.
    #[error("the session has {rows} rows")]
    IndexOutOfRange {
        /// How many rows there are.
        rows: u32,
    },
    /// More rows than a session may have.
    #[error("too many rows")]
    RowsTooMany,
    /// More links than a file or folder may have.
    #[error("too many links")]
    LinksTooMany,
    /// The chunk has not the length that its row or rule asks for.
    #[error("expected {expected} bytes")]
    ChunkLength {
        /// What the row or rule asks for, in bytes.
        expected: u32,
    },
    /// The chunk is not that of its declared row.
    #[error("the digest is not that of row {at}")]
    DigestMismatch {
        /// Which row.
        at: u32,
    },
    /// Chunks have not arrived.
    #[error("chunks are missing")]
    ChunksMissing(Ranges),
    /// The number of rows or the manifest is not what the client says.
    #[error("the manifest differs")]
    ManifestDiffers,
    /// The size is not the sum of the rows.
    #[error("the rows have {sum} bytes")]
    SizeDiffers {
        /// Sum of the rows' lengths, in bytes.
        sum: u64,
    },
    /// The size was unknown at the start and is still.
    #[error("the size is unknown")]
    SizeRequired,
    /// The chunk was placed under a generation that is being deleted: place it under this one.
    #[error("place the chunk under generation {generation}")]
    GenerationOver {
        /// The next free generation.
        generation: u32,
    },
    /// The session's folder is not there, or not its owner's.
    #[error("there is no such folder")]
    FolderGone,
    /// A path of a folder is taken: a folder lies where a file would, or a file where a folder would.
    #[error("something else lies at {at}")]
    PathTaken {
        /// Where.
        at: RelPath,
        /// Whether it is a file.
        is_file: bool,
    },
    /// This guest keeps as much as he may.
    #[error("a guest keeps {bytes} bytes at most")]
    GuestFull {
        /// As many as he may, in bytes of rows.
        bytes: u64,
        /// Whether it is little because little was sent for it.
        for_what_was_sent: bool,
    },
    /// All guests together keep as much as they may.
    #[error("guests keep as much as they may")]
    GuestsFull,
    /// More rows are declared whose chunks did not come than a guest may declare.
    #[error("more than {rows} rows are declared ahead")]
    RowsAhead {
        /// As many as there may be.
        rows: u32,
    },
    /// The session changed while it was being published: look again.
    #[error("the session changed meanwhile")]
    Changed,
}

/// What every verb returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
