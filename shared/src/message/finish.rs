//! `POST /api/finish/{session}`.

use serde::{Deserialize, Serialize};

use crate::digest::{BlobDigest, ManifestDigest};
use crate::id::FileId;

/// Publishes the session's rows as a file. A plain client may send nothing at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    /// The revision that the client means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// How many rows there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u32>,
    /// Sum of the rows' lengths, in bytes; needed where the size was unknown at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The client's own computation: the end-to-end proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<ManifestDigest>,
    /// Whether a link is made; where absent, true for a file of its own, false for one in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<bool>,
}

/// The file that the session became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishResponse {
    /// The file's id.
    pub file: FileId,
    /// The blob's identity.
    pub manifest_digest: ManifestDigest,
    /// SHA-256 of the whole file as `sha256sum` prints it; null until it is computed.
    pub blob: Option<BlobDigest>,
    /// `/d/{token}`, where a link was made.
    pub url: Option<String>,
}
