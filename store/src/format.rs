//! The version of the data folder, in a file of its own, so that an older server leaves a newer folder alone.

use std::io;
use std::path::Path;

use crate::disk::{Disk, clear_new, read_file, write_file};
use crate::error::{Result, StoreError};

/// The latest that this server reads and writes.
const VERSION: u32 = COMPRESSED;
/// A new folder has it: every chunk is plain.
const PLAIN: u32 = 1;
/// Chunks may be compressed, which a server of the first format takes for damage.
const COMPRESSED: u32 = 2;
const FILE: &str = "format";
const WORDS: &str = "cairn data folder, format ";

fn words(version: u32) -> String {
    format!("{WORDS}{version}\n")
}

/// Refuses a folder that a later version wrote, before anything in it is touched.
pub(crate) fn check(disk: &dyn Disk, data: &Path) -> Result<()> {
    found(disk, data).map(drop)
}

/// Notes the version of a new folder; durable when this returns.
pub(crate) fn note(disk: &dyn Disk, data: &Path) -> Result<()> {
    clear_new(disk, data)?;
    match found(disk, data)? {
        Some(_) => Ok(()),
        None => write(disk, data, PLAIN),
    }
}

/// Notes that chunks may be compressed from now on; durable when this returns. It is never taken back.
pub(crate) fn note_compressed(disk: &dyn Disk, data: &Path) -> Result<()> {
    clear_new(disk, data)?;
    match found(disk, data)? {
        Some(COMPRESSED..) => Ok(()),
        Some(_) | None => write(disk, data, COMPRESSED),
    }
}

/// The version of a folder that this server can read; `None` where it is new.
fn found(disk: &dyn Disk, data: &Path) -> Result<Option<u32>> {
    let path = data.join(FILE);
    let text = match read_file(disk, &path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let version = text.trim_end().strip_prefix(WORDS).and_then(|version| version.parse::<u32>().ok());
    match version {
        Some(version @ PLAIN..=VERSION) if text == words(version) => Ok(Some(version)),
        Some(found) if found > VERSION => {
            Err(StoreError::Newer { folder: data.to_owned(), found, known: VERSION })
        }
        Some(_) | None => Err(StoreError::Damaged(format!("{} names no format", path.display()))),
    }
}

fn write(disk: &dyn Disk, data: &Path, version: u32) -> Result<()> {
    write_file(disk, &data.join(FILE), |file| file.write_at(words(version).as_bytes(), 0))?;
    Ok(())
}
