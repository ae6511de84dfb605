//! `GET /api/files`, and the form of every listing.

use serde::{Deserialize, Serialize};

use crate::UnixMs;
use crate::digest::{BlobDigest, ManifestDigest};
use crate::id::FileId;
use crate::message::ShareResponse;
use crate::name::{MediaType, Name, RelPath};

/// One page of a listing: `?after=&limit=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListResponse<T> {
    /// The items, in the order of their ids.
    pub items: Vec<T>,
    /// Ask again with `?after=` this; null on the last page.
    pub next: Option<String>,
}

/// A file, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileItem {
    /// The file's id.
    pub file: FileId,
    /// As it was sent.
    pub name: Name,
    /// Where it lay below the folder that was chosen.
    pub path: Option<RelPath>,
    /// In bytes.
    pub size: u64,
    /// As it was sent.
    pub media_type: Option<MediaType>,
    /// As it was sent.
    pub mtime: Option<UnixMs>,
    /// When it was published.
    pub created_at: UnixMs,
    /// The blob's identity.
    pub manifest_digest: ManifestDigest,
    /// SHA-256 of the whole file; null until it is computed.
    pub blob: Option<BlobDigest>,
    /// Every live link to it.
    pub links: Vec<ShareResponse>,
}
