//! The version of the data folder, in a file of its own, so that an older server leaves a newer folder alone; and whose folder it is.

use std::io;
use std::path::Path;

use crate::disk::{Disk, clear_new, read_file, write_file};
use crate::error::{Result, StoreError};
use crate::ground::StoreId;

/// The latest that this server reads and writes.
const VERSION: u32 = OWNED;
/// Every chunk is plain.
const PLAIN: u32 = 1;
/// Chunks may be compressed, which a server of the first format takes for damage.
const COMPRESSED: u32 = 2;
/// The store has an id, which every part carries.
const OWNED: u32 = 3;
const FILE: &str = "format";
const WORDS: &str = "cairn data folder, format ";
const STORE: &str = "store ";
const SECRET: &str = "secret ";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// From before stores had an id.
    Old(u32),
    /// Whose folder it is, and what is known of its secret.
    Owned {
        /// The store's id.
        store: StoreId,
        /// Of the secret; absent where another one may take its place.
        print: Option<String>,
    },
}

impl Format {
    /// The file's content.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Old(version) => format!("{WORDS}{version}\n"),
            Self::Owned { store, print } => {
                let print = print.as_ref().map(|print| format!("{SECRET}{print}\n")).unwrap_or_default();
                format!("{WORDS}{OWNED}\n{STORE}{store}\n{print}")
            }
        }
    }

    fn parse(text: &str) -> Option<Result<Self, u32>> {
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix(WORDS)?.parse().ok()?;
        let format = match version {
            PLAIN | COMPRESSED => Self::Old(version),
            OWNED => {
                let store = lines.next()?.strip_prefix(STORE)?.parse().ok()?;
                let print = match lines.next() {
                    Some(line) => Some(line.strip_prefix(SECRET)?.to_owned()),
                    None => None,
                };
                Self::Owned { store, print }
            }
            later if later > VERSION => return Some(Err(later)),
            _ => return None,
        };
        (format.words() == text).then_some(Ok(format))
    }
}

/// Refuses a folder that a later version wrote, before anything in it is touched.
pub(crate) fn check(disk: &dyn Disk, data: &Path) -> Result<()> {
    read(disk, data).map(drop)
}

/// Notes the version of a new folder that has no id; durable when this returns.
pub(crate) fn note(disk: &dyn Disk, data: &Path) -> Result<()> {
    clear_new(disk, data)?;
    match read(disk, data)? {
        Some(_) => Ok(()),
        None => write(disk, data, &Format::Old(PLAIN)),
    }
}

/// Notes that chunks may be compressed from now on; durable when this returns. It is never taken back.
pub(crate) fn note_compressed(disk: &dyn Disk, data: &Path) -> Result<()> {
    clear_new(disk, data)?;
    match read(disk, data)? {
        Some(Format::Owned { .. } | Format::Old(COMPRESSED..)) => Ok(()),
        Some(Format::Old(_)) | None => write(disk, data, &Format::Old(COMPRESSED)),
    }
}

/// What the file says; `None` where there is none. `Newer` where a later version wrote it, `Damaged` where it says nothing.
pub(crate) fn read(disk: &dyn Disk, data: &Path) -> Result<Option<Format>> {
    let path = data.join(FILE);
    let text = match read_file(disk, &path) {
        // What says nothing is as good as missing.
        Ok(bytes) if bytes.is_empty() => return Ok(None),
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match Format::parse(&text) {
        Some(Ok(format)) => Ok(Some(format)),
        Some(Err(found)) => Err(StoreError::Newer { folder: data.to_owned(), found, known: VERSION }),
        None => Err(StoreError::Damaged(format!("{} names no format", path.display()))),
    }
}

/// Writes the file; durable when this returns.
pub(crate) fn write(disk: &dyn Disk, data: &Path, format: &Format) -> Result<()> {
    write_file(disk, &data.join(FILE), |file| file.write_at(format.words().as_bytes(), 0))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_was_told() {
        let store = StoreId::new([7; 16]);
        for format in [
            Format::Old(1),
            Format::Old(2),
            Format::Owned { store, print: None },
            Format::Owned { store, print: Some("0123456789abcdef".to_owned()) },
        ] {
            assert_eq!(Format::parse(&format.words()), Some(Ok(format)));
        }
        assert_eq!(Format::parse("cairn data folder, format 4\n"), Some(Err(4)));
        let id = store.to_string();
        for bad in [
            String::new(),
            "cairn data folder, format 0\n".to_owned(),
            "cairn data folder, format 2".to_owned(),
            "cairn data folder, format 3\n".to_owned(),
            format!("cairn data folder, format 3\nstore {id}"),
            format!("cairn data folder, format 3\nstore {id}\nsecret a\nmore\n"),
        ] {
            assert_eq!(Format::parse(&bad), None, "{bad:?}");
        }
    }
}
