//! `GET /d/{token}/list`.

use serde::{Deserialize, Serialize};

use super::EntryKind;
use crate::UnixMs;
use crate::digest::{BlobDigest, ManifestDigest};
use crate::id::{FileId, FolderId};
use crate::name::{MediaType, Name};

/// What a link gives: one page of one level of its folder, or its one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkListResponse {
    /// What the link gives.
    pub kind: EntryKind,
    /// The name of what the link gives.
    pub name: Name,
    /// The file's id, where the link gives a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileId>,
    /// The folder's id, where the link gives a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// What whoever has the link may do.
    pub rights: Vec<LinkRight>,
    /// The folder's: it grows by one with every change. 0 where the link gives a file.
    pub revision: u64,
    /// Files in all of it, whatever the level.
    pub files: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
    /// The file; or what lies directly on the level: folders first, then files, each in byte order of their names.
    pub items: Vec<LinkItem>,
    /// Ask again with `?after=` this; null on the last page. A name, with a slash behind that of a folder.
    pub next: Option<String>,
}

/// What a link permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkRight {
    /// To see and read what it gives.
    Read,
}

impl LinkItem {
    /// A folder of that name.
    pub fn folder(name: Name) -> Self {
        let kind = EntryKind::Folder;
        Self { name, kind, size: None, mtime: None, media_type: None, manifest_digest: None, blob: None }
    }
}

/// A file, or a folder on a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkItem {
    /// Its name there.
    pub name: Name,
    /// What.
    pub kind: EntryKind,
    /// Of a file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// As it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<UnixMs>,
    /// As it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The blob's identity, and the file's `ETag` without its quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<ManifestDigest>,
    /// SHA-256 of the whole file; absent until it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobDigest>,
}
