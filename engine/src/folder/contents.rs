//! What lies in a folder, here or on the server, as far as the two can be compared.

use std::collections::{BTreeMap, BTreeSet};

use cairn_shared::message::{EntryKind, FolderEntry};
use cairn_shared::{RelPath, UnixMs};

use crate::Source;

/// What a file is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// In bytes.
    pub size: u64,
    /// When it was last changed; what is not known is not compared.
    pub mtime: Option<UnixMs>,
}

impl Stat {
    /// Nothing that is known tells the two apart.
    pub fn agrees(self, other: Self) -> bool {
        let same_time = match (self.mtime, other.mtime) {
            (Some(one), Some(two)) => one == two,
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        self.size == other.size && same_time
    }
}

impl From<&Source> for Stat {
    fn from(source: &Source) -> Self {
        Self { size: source.size, mtime: source.mtime }
    }
}

/// Files, and folders that are there as such: empty ones of a source, all that were made on a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// By their paths.
    pub files: BTreeMap<RelPath, Stat>,
    /// Their paths.
    pub folders: BTreeSet<RelPath>,
}

impl Contents {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// Sum of the files' sizes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|stat| stat.size).sum()
    }

    /// Adds a page of what the server lists.
    pub(super) fn take_page(&mut self, items: Vec<FolderEntry>) {
        for item in items {
            match item.kind {
                EntryKind::File => {
                    let stat = Stat { size: item.size.unwrap_or_default(), mtime: item.mtime };
                    self.files.insert(item.path, stat);
                }
                EntryKind::Folder => {
                    self.folders.insert(item.path);
                }
            }
        }
    }

    /// Whether the server has the file: the same size and date. Without a date it can't be told.
    pub(super) fn has(&self, source: &Source) -> bool {
        let stat = source.path.as_ref().and_then(|path| self.files.get(path));
        stat.is_some_and(|stat| source.mtime.is_some() && *stat == Stat::from(source))
    }
}
