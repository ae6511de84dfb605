//! `POST /api/share/{file}`, for files and folders.

use serde::{Deserialize, Serialize};

use crate::UnixMs;
use crate::id::LinkId;

/// Asks for a link to a file or folder. The body may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareRequest {
    /// The link ends then; never, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMs>,
}

/// The link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareResponse {
    /// For `DELETE /api/share/{link}`.
    pub link: LinkId,
    /// `/d/{token}`.
    pub url: String,
    /// The link ends then; null: never.
    pub expires_at: Option<UnixMs>,
}
