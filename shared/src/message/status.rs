//! `GET /api/status/{session}`.

use serde::{Deserialize, Serialize};

use crate::UnixMs;
use crate::message::FinishResponse;
use crate::ranges::Ranges;

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusResponse {
    /// Open or finished; an ended session answers 410 instead.
    pub state: SessionState,
    /// The current revision.
    pub revision: u32,
    /// Rows whose chunk is here, of those from `?from=` on.
    pub received: Ranges,
    /// Rows whose chunk is not here, of those from `?from=` on.
    pub missing: Ranges,
    /// In bytes, where it is known.
    pub size: Option<u64>,
    /// The session ends then unless chunks arrive.
    pub expires_at: UnixMs,
    /// Ask again with `?from=` this index; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// What `finish` answered, `blob` filled in once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<FinishResponse>,
}

/// Whether a session still takes chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Takes rows and chunks.
    Open,
    /// Published.
    Finished,
}
