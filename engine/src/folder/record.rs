//! What a client keeps of a folder under way, so that a later visit finds the same one on the server again.

use cairn_shared::message::FolderRequest;
use cairn_shared::{ClientKey, Name, RelPath, UnixMs};
use serde::{Deserialize, Serialize};

/// A folder under way. Its files have entries of their own, and go from the journal one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderRecord {
    /// Identifies it: the same key finds the same folder on the server.
    pub key: ClientKey,
    /// Its name.
    pub name: Name,
    /// Files that it had when it was walked.
    pub files: u32,
    /// Sum of their sizes, in bytes.
    pub size: u64,
    /// Folders in it without anything in them.
    pub empty: Vec<RelPath>,
    /// When the walk came to its end, by the wall clock; until then not every file has an entry.
    pub walked_at: Option<UnixMs>,
}

impl FolderRecord {
    /// One that nothing is known of but its name.
    pub fn new(key: ClientKey, name: Name) -> Self {
        Self { key, name, files: 0, size: 0, empty: Vec::new(), walked_at: None }
    }

    /// Makes it on the server, or finds it there, with these folders in it.
    pub fn request(&self, folders: Vec<RelPath>) -> FolderRequest {
        FolderRequest { name: self.name.clone(), key: Some(self.key), folders, link: None }
    }
}
