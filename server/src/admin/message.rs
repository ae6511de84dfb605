//! What is asked through the socket, and what comes back: one JSON object a line.

use cairn_shared::{ChunkDigest, FileId, OwnerId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::upkeep::Figures;

/// The longest line that asks, in bytes.
pub(super) const COMMAND_BYTES_MAX: usize = 4_096;

/// What the operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Command {
    /// Are the chunks there that facts name?
    Check,
    /// Are their bytes what they were?
    Scrub {
        /// From the beginning, whatever an earlier one has read.
        #[serde(default)]
        again: bool,
        /// Reads no faster, in bytes a second.
        #[serde(default)]
        limit: Option<u64>,
    },
    /// How much is stored.
    Stats,
    /// Who has how much.
    Owners,
    /// What an id or a link stands for.
    Find {
        /// As it is printed, or the address of a link.
        what: String,
    },
    /// Removes it.
    Remove {
        /// As for `Find`.
        what: String,
    },
}

/// What is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// How far it has come.
    Progress(Progress),
    /// A scrub goes on where an earlier one stopped.
    Resumed(Progress),
    /// Log or snapshot is not what it was, or something else is wrong besides chunks.
    Wrong {
        /// What.
        what: String,
    },
    /// The bytes of a chunk are not what they were.
    Damaged {
        /// Which chunk.
        chunk: ChunkDigest,
    },
    /// A chunk is not there, or can't be read.
    Away {
        /// Which chunk.
        chunk: ChunkDigest,
        /// Why.
        why: String,
    },
    /// A folder of chunks is not there, or does not say that it is this store's.
    Folder {
        /// Which, seen from the data folder.
        folder: String,
        /// How many chunks it should have; they are told together, not one by one.
        chunks: u64,
    },
    /// A file that has such chunks.
    File {
        /// Its id.
        file: FileId,
        /// Whose it is.
        owner: OwnerId,
        /// Its name, and where it lies, fit to be shown.
        name: String,
        /// Those chunks.
        chunks: Vec<ChunkDigest>,
    },
    /// An owner.
    Owner(OwnerItem),
    /// What is of no known owner: it came without an owner key.
    Ownerless(Share),
    /// How much is stored.
    Stats(Figures),
    /// What an id stands for.
    Found(Found),
    /// It is removed.
    Removed(Found),
    /// Nothing more comes.
    Ended {
        /// How it went.
        outcome: Outcome,
    },
    /// It can't be done.
    Refused {
        /// Why.
        why: String,
    },
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything is what it was.
    Whole,
    /// Not everything is.
    Damaged,
    /// It is done.
    Done,
}

/// How far a look at all chunks has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Chunks that were looked at.
    pub chunks: u64,
    /// Their bytes, where they were read.
    pub bytes: u64,
    /// How many are damaged.
    pub damaged: u64,
    /// How many are not there.
    pub away: u64,
    /// How much of it is done, about, in thousandths.
    pub permille: u16,
}

/// What somebody has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Files, those in folders among them.
    pub files: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
    /// Uploads that are not finished.
    pub sessions: u64,
    /// When the newest of either was made.
    pub newest: Option<UnixMs>,
}

/// An owner, and what he has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerItem {
    /// Who.
    pub owner: OwnerId,
    /// Since when.
    pub created_at: UnixMs,
    /// Files, those in folders among them.
    pub files: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
    /// Uploads that are not finished.
    pub sessions: u64,
    /// When the newest of either was made.
    pub newest: Option<UnixMs>,
}

/// What an id stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: OwnerId,
    /// Its name, or that of what it gives; of an owner none.
    pub name: Option<String>,
    /// Files that go with it.
    pub files: u64,
    /// Folders that go with it.
    pub folders: u64,
    /// Unfinished uploads that go with it.
    pub sessions: u64,
}

/// What can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With all that is his.
    Owner,
    /// With its links.
    File,
    /// With its links and files.
    Folder,
    /// The link alone.
    Link,
    /// An unfinished upload.
    Session,
}

impl Kind {
    /// As it stands in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::File => "file",
            Self::Folder => "folder",
            Self::Link => "link",
            Self::Session => "session",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_documentation_shows() {
        let command: Command = serde_json::from_str(r#"{"command":"scrub","limit":50000000}"#).unwrap();
        assert_eq!(command, Command::Scrub { again: false, limit: Some(50_000_000) });
        assert!(serde_json::from_str::<Command>(r#"{"command":"scrub","x":1}"#).is_err());
        let ended = Event::Ended { outcome: Outcome::Whole };
        assert_eq!(serde_json::to_string(&ended).unwrap(), r#"{"event":"ended","outcome":"whole"}"#);
        let progress = Event::Progress(Progress { chunks: 1, ..Progress::default() });
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), progress);
    }
}
