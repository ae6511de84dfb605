//! What page and worker say to each other, as JSON text; a file travels beside its message.

use cairn_engine::{ChunkRef, Failure, PassId};
use cairn_shared::{Bearer, ChunkDigest, ChunkRule, Problem, Proof, SessionId, UnixMs};
use serde::{Deserialize, Serialize};

/// From the page to its worker. Numbers are those of the engine's ids.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// Takes the file that comes beside as the upload's, in place of an earlier one.
    Open {
        /// Which upload.
        upload: u32,
    },
    /// Reads further bytes; as `Effect::Read`.
    Read {
        /// Which upload.
        upload: u32,
        /// Which reading.
        pass: u32,
        /// How to cut it.
        rule: ChunkRule,
        /// How many more, in bytes.
        bytes: u64,
    },
    /// Sends chunks; as `Effect::Send`.
    Send {
        /// Comes back with the reply.
        request: u64,
        /// Which upload.
        upload: u32,
        /// Where to.
        session: SessionId,
        /// Which row; of several chunks, the first one's.
        index: u32,
        /// Which bytes: one chunk, or several that lie one behind the other.
        chunks: Vec<Held>,
        /// The credential.
        bearer: Option<Bearer>,
    },
    /// Proves a chunk; as `Effect::Prove`.
    Prove {
        /// Which upload.
        upload: u32,
        /// Which row.
        index: u32,
        /// Which bytes.
        chunk: Held,
        /// What to prove it with.
        key: [u8; 32],
    },
    /// Sends small chunks in one request; as `Effect::SendBatch`.
    SendBatch {
        /// Comes back with the replies.
        request: u64,
        /// Which chunks, and where to.
        chunks: Vec<Framed>,
        /// The credential.
        bearer: Bearer,
    },
    /// Forgets chunks; as `Effect::Release`.
    Release {
        /// Which upload.
        upload: u32,
        /// Which bytes.
        chunks: Vec<Held>,
    },
    /// Ends a reading; as `Effect::EndPass`.
    EndPass {
        /// Which upload.
        upload: u32,
        /// Which reading.
        pass: u32,
    },
    /// Breaks a request off.
    Abort {
        /// Which.
        request: u64,
    },
    /// Forgets the upload and its file.
    Close {
        /// Which upload.
        upload: u32,
    },
}

/// From the worker to its page.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// The worker runs and takes messages.
    Ready,
    /// It could not be loaded, or has stopped; `static/worker.js` tells it.
    Failed,
    /// As `Input::Chunks`.
    Chunks {
        /// Which upload.
        upload: u32,
        /// Which reading.
        pass: u32,
        /// In the order of the file.
        chunks: Vec<(Held, ChunkDigest)>,
        /// The worker's wasm memory, in bytes.
        wasm_bytes: u64,
    },
    /// As `Input::Proven`.
    Proven {
        /// Which upload.
        upload: u32,
        /// Which row.
        index: u32,
        /// Which bytes.
        chunk: Held,
        /// Their proof.
        proof: Proof,
    },
    /// As `Input::PassEnd`.
    PassEnd {
        /// Which upload.
        upload: u32,
        /// Which reading.
        pass: u32,
        /// After the last byte.
        size: u64,
        /// After the last byte.
        mtime: Option<UnixMs>,
    },
    /// The file is gone, changed, or may no longer be read. The page looks at it afresh where it has a handle; else
    /// somebody has to choose it again.
    PassLost {
        /// Which upload.
        upload: u32,
        /// Which reading.
        pass: u32,
    },
    /// As `Input::Reply` to a batch.
    Replies {
        /// Which request.
        request: u64,
        /// What came of each chunk, or of all of them.
        result: Result<Vec<Result<(), Refusal>>, Refusal>,
    },
    /// As `Input::Reply`.
    Reply {
        /// Which request.
        request: u64,
        /// Stored, or why not.
        result: Result<(), Refusal>,
    },
}

/// A chunk of a batch: upload, session, row, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framed(pub u32, pub SessionId, pub u32, pub Held);

/// The bytes of one chunk that the worker holds: reading, offset, length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held(pub u32, pub u64, pub u32);

impl From<ChunkRef> for Held {
    fn from(chunk: ChunkRef) -> Self {
        Self(chunk.pass.0, chunk.offset, chunk.length)
    }
}

impl From<Held> for ChunkRef {
    fn from(held: Held) -> Self {
        Self { pass: PassId(held.0), offset: held.1, length: held.2 }
    }
}

/// A `Failure` that can travel.
#[derive(Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// As `Failure::Network`.
    Network,
    /// As `Failure::Status`.
    Status(u16, Option<u32>),
    /// As `Failure::Problem`.
    Problem(Box<Problem>),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Network => Self::Network,
            Failure::Status { status, retry_after_seconds } => Self::Status(status, retry_after_seconds),
            Failure::Problem(problem) => Self::Problem(problem),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Network => Self::Network,
            Refusal::Status(status, retry_after_seconds) => Self::Status { status, retry_after_seconds },
            Refusal::Problem(problem) => Self::Problem(problem),
        }
    }
}
