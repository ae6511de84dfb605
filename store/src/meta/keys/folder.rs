//! The keys of folders, of what is in them, and of the job that deletes it.

use cairn_shared::{ClientKey, FolderId, OwnerId, RelPath};

use super::key;

const FOLDER: u8 = 0x1c;
const FOLDER_BY_OWNER: u8 = 0x1d;
const FOLDER_BY_KEY: u8 = 0x1e;
const ENTRY: u8 = 0x1f;
const CHILD: u8 = 0x20;
const FOLDER_ENDING: u8 = 0x21;

/// Folders come before files among the children of a folder.
const CHILD_FOLDER: u8 = 0;
const CHILD_FILE: u8 = 1;

/// A folder.
pub(crate) fn folder(id: FolderId) -> Vec<u8> {
    key(FOLDER, &[id.as_bytes()])
}

/// A folder, found from its owner.
pub(crate) fn folder_by_owner(owner: OwnerId, folder: FolderId) -> Vec<u8> {
    key(FOLDER_BY_OWNER, &[owner.as_bytes(), folder.as_bytes()])
}

/// Every folder of an owner.
pub(crate) fn folders_of_owner(owner: OwnerId) -> Vec<u8> {
    key(FOLDER_BY_OWNER, &[owner.as_bytes()])
}

/// The folder that a client key of an owner names.
pub(crate) fn folder_by_key(owner: OwnerId, client: ClientKey) -> Vec<u8> {
    key(FOLDER_BY_KEY, &[owner.as_bytes(), client.as_bytes()])
}

/// What lies at a path of a folder.
pub(crate) fn entry(folder: FolderId, path: &RelPath) -> Vec<u8> {
    key(ENTRY, &[folder.as_bytes(), path.as_str().as_bytes()])
}

/// Every entry of a folder, in byte order of the paths.
pub(crate) fn entries(folder: FolderId) -> Vec<u8> {
    key(ENTRY, &[folder.as_bytes()])
}

/// Every entry below a path.
pub(crate) fn entries_below(folder: FolderId, path: &RelPath) -> Vec<u8> {
    key(ENTRY, &[folder.as_bytes(), path.as_str().as_bytes(), b"/"])
}

/// A folder that lies directly in the one at `parent`. No path has a NUL, so no other parent's children come between.
pub(crate) fn child_folder(folder: FolderId, parent: Option<&RelPath>, name: &str) -> Vec<u8> {
    key(CHILD, &[folder.as_bytes(), path_bytes(parent), &[0, CHILD_FOLDER], name.as_bytes()])
}

/// A file that lies directly in the folder at `parent`.
pub(crate) fn child_file(folder: FolderId, parent: Option<&RelPath>, name: &str) -> Vec<u8> {
    key(CHILD, &[folder.as_bytes(), path_bytes(parent), &[0, CHILD_FILE], name.as_bytes()])
}

/// Everything that lies directly in the folder at `parent`.
pub(crate) fn children(folder: FolderId, parent: Option<&RelPath>) -> Vec<u8> {
    key(CHILD, &[folder.as_bytes(), path_bytes(parent), &[0]])
}

/// Everything that lies directly in any folder of this one.
pub(crate) fn children_all(folder: FolderId) -> Vec<u8> {
    key(CHILD, &[folder.as_bytes()])
}

/// The job that deletes what was in a folder.
pub(crate) fn folder_ending(folder: FolderId) -> Vec<u8> {
    key(FOLDER_ENDING, &[folder.as_bytes()])
}

/// Every such job.
pub(crate) fn folder_ending_all() -> Vec<u8> {
    key(FOLDER_ENDING, &[])
}

fn path_bytes(path: Option<&RelPath>) -> &[u8] {
    path.map_or(&[], |path| path.as_str().as_bytes())
}
