//! Copies that lay there without a record when a store of an earlier format got its id: its log may have been an older one. They stay for
//! good: nobody lists them, so no sweep takes them for strays.
//!
//! `chunks/kept` has a line for each: the key, and where in its pack it lies.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::disk::{Disk, read_file, write_file};
use crate::error::Result;

const FILE: &str = "kept";

/// Writes the list, or removes it where it is empty; durable when it returns.
pub(super) fn write(disk: &dyn Disk, chunks: &Path, kept: &[(String, u64)]) -> io::Result<()> {
    let path = chunks.join(FILE);
    if kept.is_empty() {
        return match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => disk.sync_folder(chunks),
        };
    }
    let lines: String = kept.iter().map(|(key, offset)| format!("{key} {offset}\n")).collect();
    write_file(disk, &path, |file| file.write_at(lines.as_bytes(), 0)).map(drop)
}

/// Reads it; empty where there is none.
pub(crate) fn read(disk: &dyn Disk, chunks: &Path) -> Result<HashSet<(String, u64)>> {
    let bytes = match read_file(disk, &chunks.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(error) => return Err(error.into()),
    };
    let line = |line: &str| {
        let (key, offset) = line.split_once(' ')?;
        Some((key.to_owned(), offset.parse().ok()?))
    };
    Ok(String::from_utf8_lossy(&bytes).lines().filter_map(line).collect())
}
