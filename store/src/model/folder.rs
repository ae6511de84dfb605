//! Folders and what is in them.

use cairn_shared::{ClientKey, FolderId, LinkId, Name, OwnerId, RelPath, UnixMs};
use serde::{Deserialize, Serialize};

use super::File;

/// What `add_folder` asks the store to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFolder {
    /// A fresh id, used where the key is new.
    pub id: FolderId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The client's name for it.
    pub key: Option<ClientKey>,
    /// The folder's name.
    pub name: Name,
    /// Folders inside of it.
    pub folders: Vec<RelPath>,
    /// A fresh link for a new folder, where one is wanted: id and hash of its token.
    pub link: Option<(LinkId, [u8; 32])>,
    /// Now.
    pub now: UnixMs,
}

/// A tree that an owner keeps. Its entries are rows of their own; the totals are here, so that they cost no look at them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Whose it is.
    pub owner: OwnerId,
    /// The client's name for it.
    pub key: Option<ClientKey>,
    /// The folder's name.
    pub name: Name,
    /// Grows by one with every change; 0 where it began empty.
    pub revision: u64,
    /// Files in all.
    pub files: u64,
    /// Folders in all that were made as such.
    pub folders: u64,
    /// Sum of the files' sizes, in bytes.
    pub bytes: u64,
    /// The link that was made with it, alive or not.
    pub link: Option<LinkId>,
    /// When it was made.
    pub created_at: UnixMs,
}

/// What lies at one path of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: RelPath,
    /// The folder's revision since it is so.
    pub revision: u64,
    /// The file; `None`: a folder that was made as such.
    pub file: Option<File>,
}

/// One page of a folder's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPage {
    /// The folder as it was before they were read: what changes later has a higher revision.
    pub folder: Folder,
    /// In byte order of their paths.
    pub entries: Vec<Entry>,
    /// Go on behind this; `None` on the last page.
    pub next: Option<RelPath>,
}

/// What lies directly in a folder, or in a folder inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Child {
    /// A folder inside, by its name.
    Folder(Name),
    /// A file, by its name there.
    File(Name, Box<File>),
}

/// One page of what lies directly in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildPage {
    /// Folders first, then files, each in byte order of their names.
    pub children: Vec<Child>,
    /// Go on behind this; `None` on the last page.
    pub next: Option<ChildMark>,
}

/// Where a page of children begins: behind this one. Folders come first, then files, each in byte order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildMark {
    /// Behind the folder of this name.
    Folder(Name),
    /// Behind the file of this name.
    File(Name),
}
