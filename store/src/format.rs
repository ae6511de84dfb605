//! The version of the data folder, in a file of its own, so that an older server leaves a newer folder alone.

use std::io;
use std::path::Path;

use crate::disk::{Disk, clear_new, read_file, write_file};
use crate::error::{Result, StoreError};

/// What this server reads and writes.
const VERSION: u32 = 1;
const FILE: &str = "format";
const WORDS: &str = "cairn data folder, format ";

fn words() -> String {
    format!("{WORDS}{VERSION}\n")
}

/// Refuses a folder that a later version wrote, before anything in it is touched.
pub(crate) fn check(disk: &dyn Disk, data: &Path) -> Result<()> {
    let path = data.join(FILE);
    let text = match read_file(disk, &path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if text == words() {
        return Ok(());
    }
    match text.trim_end().strip_prefix(WORDS).and_then(|version| version.parse::<u32>().ok()) {
        Some(found) if found > VERSION => {
            Err(StoreError::Newer { folder: data.to_owned(), found, known: VERSION })
        }
        Some(_) | None => Err(StoreError::Damaged(format!("{} names no format", path.display()))),
    }
}

/// Notes the version of a new folder; durable when this returns.
pub(crate) fn note(disk: &dyn Disk, data: &Path) -> Result<()> {
    clear_new(disk, data)?;
    let path = data.join(FILE);
    match disk.open(&path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_file(disk, &path, |file| file.write_at(words().as_bytes(), 0))?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
