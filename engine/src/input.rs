//! What a shell tells the engine.

use std::num::NonZeroU64;

use cairn_shared::message::{
    BatchResponse, CheckResponse, FinishResponse, Outcome, StartResponse, StatusResponse,
};
use cairn_shared::problem::Retry;
use cairn_shared::{
    ChunkDigest, ClientKey, FolderId, MediaType, Name, Problem, ProblemCode, Proof, RelPath, UnixMs,
};

use crate::{ChunkRef, JournalEntry, PassId, RequestId, UploadId};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file was chosen. `key` is 128 random bits, used where there is no journal entry to go on from.
    Add {
        /// A number never used before.
        upload: UploadId,
        /// The file as it is now.
        source: Source,
        /// Names the session towards the server.
        key: ClientKey,
        /// What an earlier visit left unfinished of this file.
        entry: Option<JournalEntry>,
    },
    /// The file was chosen again, after `needs-file`.
    Source {
        /// Which upload.
        upload: UploadId,
        /// The file as it is now.
        source: Source,
    },
    /// A person wants it to wait.
    Pause(UploadId),
    /// A person wants it to go on; also a retry after `failed`.
    Resume(UploadId),
    /// A person gives it up: the session is deleted, the journal entry forgotten.
    Cancel(UploadId),
    /// Nobody wants to see it any more; only what is done goes.
    Dismiss(UploadId),
    /// The reader cut and hashed chunks; it holds their bytes until they are released.
    Chunks {
        /// Which upload.
        upload: UploadId,
        /// Which reading; others are ignored.
        pass: PassId,
        /// In the order of the file, without gaps.
        chunks: Vec<(ChunkRef, ChunkDigest)>,
    },
    /// The answer to `Effect::Prove`.
    Proven {
        /// Which upload.
        upload: UploadId,
        /// Which row.
        index: u32,
        /// Which bytes; others than those that were asked for are ignored.
        chunk: ChunkRef,
        /// Its proof.
        proof: Proof,
    },
    /// The reader reached the end of the file; every chunk has been told.
    PassEnd {
        /// Which upload.
        upload: UploadId,
        /// Which reading; others are ignored.
        pass: PassId,
        /// Size and mtime after the last byte.
        size: u64,
        /// As the platform tells it.
        mtime: Option<UnixMs>,
    },
    /// The reader can't go on.
    PassFailed {
        /// Which upload.
        upload: UploadId,
        /// Which reading; others are ignored.
        pass: PassId,
        /// Why.
        failure: PassFailure,
    },
    /// A request was answered, or not.
    Reply {
        /// Which request; an aborted or doubled one is ignored.
        request: RequestId,
        /// The answer.
        reply: Result<Reply, Failure>,
    },
    /// The platform believes that there is a network, or none.
    Online(bool),
    /// Chunks of all uploads together take at most so many bytes a second from now on; `None`: as many as the line takes.
    Limit(Option<NonZeroU64>),
    /// The time of `poll_timeout` has come.
    Tick,
}

/// A chosen file, as its platform describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file's name.
    pub name: Name,
    /// Where it lay below the folder that was chosen.
    pub path: Option<RelPath>,
    /// The folder on the server that it goes into, at `path`; it gets no link of its own then.
    pub folder: Option<FolderId>,
    /// In bytes.
    pub size: u64,
    /// When it was last changed.
    pub mtime: Option<UnixMs>,
    /// What the platform believes that it contains.
    pub media_type: Option<MediaType>,
}

/// Why a reading ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassFailure {
    /// The file is gone or may no longer be read: somebody has to choose it again.
    Lost,
    /// Fewer bytes came than the size promised, or the platform says that it changed: read it again.
    Changed,
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `Call::Start`.
    Start(StartResponse),
    /// To `Call::Check`.
    Check(CheckResponse),
    /// To `Call::Status`.
    Status(StatusResponse),
    /// To `Call::Finish`.
    Finish(FinishResponse),
    /// To `Call::Delete`.
    Deleted,
    /// To `Effect::Send`: the chunk is durable.
    Stored,
    /// To `Effect::Batch` and `Effect::SendBatch`: what came of each item, in their order.
    Batch(Vec<Result<Reply, Failure>>),
}

/// A request that got no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No answer came: broken or refused connection, time over, an answer that is not ours.
    Network,
    /// The server, or a proxy before it, answered with an error that carries no problem body; below 400 it is no answer of Cairn's
    /// at all, as of a login page.
    Status {
        /// The HTTP status.
        status: u16,
        /// Of the header `Retry-After`.
        retry_after_seconds: Option<u32>,
    },
    /// The server says what is wrong.
    Problem(Box<Problem>),
}

impl Reply {
    /// What came of each item of a batch, each as `reply` understands it.
    pub fn batch<T>(response: BatchResponse<T>, reply: impl Fn(T) -> Self) -> Self {
        let item = |outcome| match outcome {
            Outcome::Ok(value) => Ok(reply(value)),
            Outcome::Problem(problem) => Err(Failure::Problem(problem)),
        };
        Self::Batch(response.items.into_iter().map(item).collect())
    }
}

impl Failure {
    /// The same request may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Network => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            Self::Problem(problem) => problem.code.retry() == Retry::Later,
        }
    }

    /// How long the server asks to wait, in seconds.
    pub fn asked_seconds(&self) -> Option<u32> {
        match self {
            Self::Network => None,
            Self::Status { retry_after_seconds, .. } => *retry_after_seconds,
            Self::Problem(problem) => problem.retry_after,
        }
    }

    /// The request came too often, and is to come again later.
    pub(crate) fn is_too_often(&self) -> bool {
        match self {
            Self::Network => false,
            Self::Status { status, .. } => *status == 429,
            Self::Problem(problem) => problem.code == ProblemCode::TooManyRequests,
        }
    }

    /// The request was larger than the server, or a proxy before it, takes.
    pub(crate) fn is_too_large(&self) -> bool {
        match self {
            Self::Network => false,
            Self::Status { status, .. } => *status == 413,
            Self::Problem(problem) => problem.code == ProblemCode::BodyLarge,
        }
    }
}
