//! `POST` and `GET /api/folder`.

use serde::{Deserialize, Serialize};

use crate::UnixMs;
use crate::digest::{BlobDigest, ManifestDigest};
use crate::id::{ClientKey, FileId, FolderId};
use crate::message::ShareResponse;
use crate::name::{MediaType, Name, RelPath};

/// Makes a folder. The same `key` with the same name finds the same folder again, and adds what `folders` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderRequest {
    /// The folder's name.
    pub name: Name,
    /// 128 random bits of the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ClientKey>,
    /// Folders inside of it that are to be there without a file in them, `FOLDER_PATHS_MAX` at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<RelPath>,
    /// Whether a link is made together with the folder; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<bool>,
}

/// The folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderResponse {
    /// The folder's id.
    pub folder: FolderId,
    /// Grows by one with every change.
    pub revision: u64,
    /// `/d/{token}`, where a link was made with the folder and still lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// One page of what is in a folder, and its totals: the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderListResponse {
    /// The folder's id.
    pub folder: FolderId,
    /// As it was sent.
    pub name: Name,
    /// What changed later is told again with `?since=` this.
    pub revision: u64,
    /// `/d/{token}`, where a link was made with the folder and still lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Files in all.
    pub files: u64,
    /// Folders in all that were made as such.
    pub folders: u64,
    /// Sum of the files' sizes, in bytes.
    pub bytes: u64,
    /// In byte order of their paths.
    pub items: Vec<FolderEntry>,
    /// Ask again with `?after=` this; null on the last page.
    pub next: Option<RelPath>,
}

/// What lies at one path of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderEntry {
    /// Where, below the folder.
    pub path: RelPath,
    /// What.
    pub kind: EntryKind,
    /// The folder's revision since it is so.
    pub revision: u64,
    /// The file's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileId>,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// As it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<UnixMs>,
    /// As it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The blob's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_digest: Option<ManifestDigest>,
    /// SHA-256 of the whole file; absent until it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobDigest>,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder that was made as such, with or without something in it.
    Folder,
}

/// A folder, as its owner sees it in `GET /api/folder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderItem {
    /// The folder's id.
    pub folder: FolderId,
    /// As it was sent.
    pub name: Name,
    /// Grows by one with every change.
    pub revision: u64,
    /// Files in all.
    pub files: u64,
    /// Folders in all that were made as such.
    pub folders: u64,
    /// Sum of the files' sizes, in bytes.
    pub bytes: u64,
    /// When it was made.
    pub created_at: UnixMs,
    /// Every live link to it.
    pub links: Vec<ShareResponse>,
}
