//! The mark of a part: a small file `store` inside it that says whose it is.

use std::io;
use std::path::Path;

use super::{StoreId, runs};
use crate::disk::{Disk, NEW, read_file, write_file};

/// Name of the file.
const FILE: &str = "store";
const WORDS: &str = "cairn store ";

/// What a part says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing: it is not there, or it is older than marks.
    Missing,
    /// It is this store's.
    Of(StoreId),
    /// The file is there and says something else.
    Unreadable,
}

fn words(id: StoreId) -> String {
    format!("{WORDS}{id}\n")
}

/// Reads the mark of the part in `folder`.
pub(crate) fn read(disk: &dyn Disk, folder: &Path) -> io::Result<Mark> {
    read_at(disk, &folder.join(FILE))
}

/// Reads a mark that lies elsewhere.
pub(crate) fn read_at(disk: &dyn Disk, path: &Path) -> io::Result<Mark> {
    let bytes = match read_file(disk, path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Mark::Missing);
        }
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&bytes);
    let id = text.strip_prefix(WORDS).and_then(|rest| rest.trim_end().parse().ok());
    Ok(id.map_or(Mark::Unreadable, Mark::Of))
}

/// Marks the part in `folder`; durable when it returns.
pub(crate) fn write(disk: &dyn Disk, folder: &Path, id: StoreId) -> io::Result<()> {
    write_at(disk, &folder.join(FILE), id)
}

/// Writes a mark elsewhere; durable when it returns.
pub(crate) fn write_at(disk: &dyn Disk, path: &Path, id: StoreId) -> io::Result<()> {
    write_file(disk, path, |file| file.write_at(words(id).as_bytes(), 0)).map(drop)
}

/// Whether this lies in a part beside its content: its mark, the list of runs, files that are not whole yet, and what a mount point brings along.
pub(crate) fn is_no_content(path: &Path) -> bool {
    let is_unfinished = path.extension().is_some_and(|extension| extension == NEW);
    is_unfinished
        || path.file_name().is_some_and(|name| name == FILE || name == runs::FILE || name == "lost+found")
}
