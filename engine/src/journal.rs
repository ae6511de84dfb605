//! What a client keeps of an unfinished upload, so that a later visit can go on.
//!
//! Rows are not kept: the server knows them, and a file is read again anyway before anything is believed of
//! it. Declaring the same rows again is harmless, and the first one that differs opens a new revision.

use cairn_shared::{
    Bearer, ChunkRule, ClientKey, FolderId, HandOver, MediaType, Name, RelPath, SessionId, UnixMs,
};
use serde::{Deserialize, Serialize};

use crate::Source;

/// One unfinished upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The client's name for the session; identifies the entry.
    pub key: ClientKey,
    /// The file's name when it was chosen.
    pub name: Name,
    /// Where it lay below the folder that was chosen.
    pub path: Option<RelPath>,
    /// The folder on the server that it goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
    /// How it is cut; where it is absent, as the engine cuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<ChunkRule>,
    /// Its size as last seen, in bytes. A hint.
    pub size: u64,
    /// Its mtime as last seen. A hint.
    pub mtime: Option<UnixMs>,
    /// What the platform believed that it contains.
    pub media_type: Option<MediaType>,
    /// The fields that `start` was first sent with, so that a repetition is equal to it.
    pub start_size: u64,
    /// As in `start`.
    pub start_mtime: Option<UnixMs>,
    /// The session, once the server has named it.
    pub session: Option<SessionHandle>,
    /// How many bytes the server had when the entry was saved; for display.
    pub stored: u64,
}

impl JournalEntry {
    /// What the engine would keep of a file that has not begun.
    pub fn fresh(key: ClientKey, source: &Source) -> Self {
        Self {
            key,
            name: source.name.clone(),
            path: source.path.clone(),
            folder: source.folder,
            rule: None,
            size: source.size,
            mtime: source.mtime,
            media_type: source.media_type.clone(),
            start_size: source.size,
            start_mtime: source.mtime,
            session: None,
            stored: 0,
        }
    }

    /// What another device handed over, under a fresh key.
    pub fn handed(key: ClientKey, handed: HandOver) -> Self {
        Self {
            key,
            name: handed.name,
            path: None,
            folder: None,
            rule: Some(handed.rule),
            size: handed.size,
            mtime: handed.mtime,
            media_type: None,
            start_size: handed.size,
            start_mtime: handed.mtime,
            session: Some(SessionHandle { id: handed.session, key: handed.key }),
            stored: handed.stored,
        }
    }

    /// What another device needs to go on with it; nothing before the server has named a session, nor for a file in a
    /// folder, whose folder is the owner's.
    pub fn hand_over(&self) -> Option<HandOver> {
        let session = self.session.as_ref().filter(|_| self.folder.is_none())?;
        Some(HandOver {
            session: session.id,
            key: session.key,
            rule: self.rule.unwrap_or(ChunkRule::FastCdc),
            name: self.name.clone(),
            size: self.size,
            mtime: self.mtime,
            stored: self.stored,
        })
    }
}

/// A session on the server, and the key to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHandle {
    /// Its id.
    pub id: SessionId,
    /// Permits this session, even when the owner's credential is gone.
    pub key: Bearer,
}
