//! `POST /api/start`.

use serde::{Deserialize, Serialize};

use crate::UnixMs;
use crate::id::{ClientKey, FolderId, SessionId};
use crate::name::{MediaType, Name, RelPath};
use crate::proof::ProofKey;
use crate::rule::ChunkRule;
use crate::secret::Bearer;

/// Starts an upload. The same `key` with the same fields finds the same session again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// The file's name.
    pub name: Name,
    /// In bytes, up to 2^53-1; absent where it is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// 128 random bits of the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ClientKey>,
    /// Where the file lay below the folder that was chosen. With `folder` it is needed: where the file goes inside of it,
    /// with `name` as the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RelPath>,
    /// The folder that the file goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// When the file was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<UnixMs>,
    /// What the file contains, as the client believes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// How the file will be cut; `fixed/1048576` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunking: Option<ChunkRule>,
    /// Opaque text of the client's, up to 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
}

/// The session, and what its client has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartResponse {
    /// Names the session in every further address.
    pub session_id: SessionId,
    /// `ses_...`: permits this session and the file it becomes, nothing else.
    pub session_key: Bearer,
    /// The session ends then unless chunks arrive.
    pub expires_at: UnixMs,
    /// How the file is cut.
    pub chunking: ChunkRule,
    /// For `fixed/<bytes>`: the length of every chunk but the last, in bytes.
    pub chunk_size: Option<u32>,
    /// For `fixed/<bytes>` with a known size: how many chunks there are.
    pub chunks: Option<u32>,
    /// What the server takes at once.
    pub limits: Limits,
    /// Seeds proofs of possession. It follows from `session_key`, so nobody has to keep it.
    pub proof_key: ProofKey,
}

/// What the server takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest chunk, in bytes.
    pub chunk_bytes: u32,
    /// Most rows in one `check`.
    pub check_rows: u32,
    /// Most rows of the session.
    pub session_rows: u32,
}
