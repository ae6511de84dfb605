//! What the engine asks a shell to do.

use cairn_shared::message::{BatchCheck, BatchFinish, CheckRequest, FinishRequest, StartRequest};
use cairn_shared::proof::RowKey;
use cairn_shared::{ChunkRule, SessionId};

use crate::{JournalEntry, PassId, RequestId, UploadId};

/// Something to do, in the order given. None of them waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a JSON request and tell its `Reply`.
    Request {
        /// Comes back with the reply.
        request: RequestId,
        /// For whom.
        upload: UploadId,
        /// What to ask.
        call: Call,
    },
    /// Read `bytes` further bytes of the file (the first of a pass: from its start), cut and hash them, and
    /// tell the chunks. The grants of a pass add up. The end of the file is told by `PassEnd`.
    Read {
        /// Which upload.
        upload: UploadId,
        /// Which reading; a new number begins at byte 0.
        pass: PassId,
        /// How to cut it; the same for all of a pass.
        rule: ChunkRule,
        /// How many more, in bytes.
        bytes: u64,
    },
    /// PUT the bytes of a chunk that the reader holds, or in one request those of several that lie one behind the other, and
    /// tell the `Reply`.
    Send {
        /// Comes back with the reply.
        request: RequestId,
        /// Which upload.
        upload: UploadId,
        /// Where to.
        session: SessionId,
        /// Which row; of several chunks, the first one's.
        index: u32,
        /// Which bytes: one chunk or more.
        chunks: Vec<ChunkRef>,
    },
    /// Prove a chunk that the reader holds, and tell `Input::Proven`.
    Prove {
        /// Which upload.
        upload: UploadId,
        /// Which row.
        index: u32,
        /// Which bytes.
        chunk: ChunkRef,
        /// What to prove it with.
        key: RowKey,
    },
    /// Send a batch of JSON requests and tell its `Reply::Batch`.
    Batch {
        /// Comes back with the reply.
        request: RequestId,
        /// What to ask.
        call: BatchCall,
    },
    /// Send small chunks in one request (`POST /api/batch/upload`) and tell its `Reply::Batch`, with a failure for
    /// each whose bytes are gone.
    SendBatch {
        /// Comes back with the reply.
        request: RequestId,
        /// What to send, in this order.
        chunks: Vec<BatchChunk>,
    },
    /// The reader may forget the bytes of these chunks.
    Release {
        /// Which upload.
        upload: UploadId,
        /// Which bytes.
        chunks: Vec<ChunkRef>,
    },
    /// Stop reading, and forget all bytes of the pass.
    EndPass {
        /// Which upload.
        upload: UploadId,
        /// Which reading.
        pass: PassId,
    },
    /// Break a request off; its reply is ignored from now on.
    Abort(RequestId),
    /// Keep the entry in the journal, in place of the upload's earlier one.
    Save {
        /// Which upload.
        upload: UploadId,
        /// What to keep.
        entry: JournalEntry,
    },
    /// Drop the upload's journal entry.
    Forget(UploadId),
}

/// A JSON request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `POST /api/start`.
    Start(StartRequest),
    /// `POST /api/check/{session}`.
    Check(SessionId, CheckRequest),
    /// `GET /api/status/{session}?from=`.
    Status(SessionId, u32),
    /// `POST /api/finish/{session}`.
    Finish(SessionId, FinishRequest),
    /// `DELETE /api/session/{session}`.
    Delete(SessionId),
}

/// Many JSON requests in one, up to `BATCH_ITEMS_MAX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchCall {
    /// `POST /api/batch/start`.
    Start(Vec<StartRequest>),
    /// `POST /api/batch/check`.
    Check(Vec<BatchCheck>),
    /// `POST /api/batch/finish`.
    Finish(Vec<BatchFinish>),
}

/// A chunk of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchChunk {
    /// Which upload.
    pub upload: UploadId,
    /// Where to.
    pub session: SessionId,
    /// Which row.
    pub index: u32,
    /// Which bytes.
    pub chunk: ChunkRef,
}

/// The bytes of one chunk in the reader's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkRef {
    /// The reading that cut it.
    pub pass: PassId,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// In bytes.
    pub length: u32,
}
