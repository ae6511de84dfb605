//! What there is to see of an upload.

use cairn_shared::message::FinishResponse;
use cairn_shared::{Name, Problem, ProblemCode, RelPath};

/// The state words of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its turn.
    Waiting,
    /// The file is being read; nothing had to be sent so far.
    Reading,
    /// Chunks are on their way.
    Sending,
    /// Everything is sent; the server publishes it.
    Verifying,
    /// Published.
    Done,
    /// A person wants it to wait.
    Paused,
    /// Waits for the network or the server, and tries again by itself.
    Offline,
    /// The file is gone: it has to be chosen again.
    NeedsFile,
    /// Ended; `trouble` says why.
    Failed,
}

impl State {
    /// The word in `data-state` and in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Sending => "sending",
            Self::Verifying => "verifying",
            Self::Done => "done",
            Self::Paused => "paused",
            Self::Offline => "offline",
            Self::NeedsFile => "needs-file",
            Self::Failed => "failed",
        }
    }
}

/// Why an upload waits or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no network, or the server does not answer.
    Network,
    /// The server's disk has no room for what comes next.
    Full {
        /// Bytes that have no room yet, as far as that is known.
        needed: Option<u64>,
        /// Bytes that are free.
        free: Option<u64>,
    },
    /// The server refuses, or asks to wait.
    Problem(ProblemCode),
    /// Something between here and the server answered with this HTTP status.
    Status(u16),
    /// The file kept changing while it was read.
    KeepsChanging,
}

impl Trouble {
    /// One stable word, for programs: that of the server's problem, or one of these.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Full { .. } => ProblemCode::StorageFull.as_str(),
            Self::Problem(code) => code.as_str(),
            Self::Status(_) => "status",
            Self::KeepsChanging => "keeps_changing",
        }
    }

    /// What the server's refusal means.
    pub fn of(problem: &Problem) -> Self {
        if problem.code == ProblemCode::StorageFull {
            return Self::Full { needed: problem.needed_bytes, free: problem.free_bytes };
        }
        Self::Problem(problem.code)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The file's name.
    pub name: Name,
    /// Where it lay below the folder that was chosen.
    pub path: Option<RelPath>,
    /// In bytes.
    pub size: u64,
    /// The state word.
    pub state: State,
    /// Bytes of the file that are cut and hashed.
    pub read: u64,
    /// Bytes of the file that the server has, `reused` included.
    pub stored: u64,
    /// Bytes of the file that had not to be sent now.
    pub reused: u64,
    /// Bytes that the server acknowledged, sent in this run.
    pub sent: u64,
    /// Bytes that travel per second, smoothed; absent during the first seconds, while nothing comes, and while it rests.
    pub speed: Option<u64>,
    /// Time left, in seconds, smoothed; absent where `speed` is.
    pub left_seconds: Option<u64>,
    /// The file is not what an earlier visit, or an earlier reading, saw.
    pub changed: bool,
    /// The bandwidth limit that it is held to while it sends, in bytes per second.
    pub limit: Option<u64>,
    /// Why it waits or failed.
    pub trouble: Option<Trouble>,
    /// When it tries again by itself, on the engine's clock.
    pub retry_at: Option<u64>,
    /// The published file.
    pub finished: Option<FinishResponse>,
}

impl View {
    /// One in that state of which nothing was read or sent.
    pub fn of(name: Name, size: u64, state: State) -> Self {
        Self {
            name,
            path: None,
            size,
            state,
            read: 0,
            stored: 0,
            reused: 0,
            sent: 0,
            speed: None,
            left_seconds: None,
            changed: false,
            limit: None,
            trouble: None,
            retry_at: None,
            finished: None,
        }
    }
}
