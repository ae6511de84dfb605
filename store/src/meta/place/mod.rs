//! Where an index lies between two runs, whichever library keeps it: its folder, and the notes beside it that say how far it is relied on.

mod seal;

use std::fmt::Display;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use self::seal::Seal;
use super::index::{Index, Writes};
use super::open::IndexFolder;
use super::read::{Entry, Read};
use crate::disk::{Disk, RealDisk, folder_of};
use crate::error::{Result, StoreError};

/// Which library keeps the index. It can be another one at every start: the index is built anew then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Library {
    /// sled 0.34.
    #[default]
    Sled,
    /// redb 4.
    Redb,
}

impl FromStr for Library {
    type Err = UnknownLibrary;

    fn from_str(name: &str) -> Result<Self, UnknownLibrary> {
        match name {
            "sled" => Ok(Self::Sled),
            "redb" => Ok(Self::Redb),
            _ => Err(UnknownLibrary),
        }
    }
}

/// A name that no library has.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the index is kept by sled or redb")]
pub struct UnknownLibrary;

impl Library {
    /// The one that kept the index in the folder `data` last.
    pub fn of(data: &Path) -> Self {
        if super::redb::is_in(&data.join("index")) { Self::Redb } else { Self::Sled }
    }
}

/// `index/` in the data folder. The libraries write there themselves, since an index may be lost.
pub(crate) struct IndexPlace {
    folder: PathBuf,
    library: Library,
}

impl IndexPlace {
    /// For the data folder `data`.
    pub(crate) fn new(data: &Path, library: Library) -> Self {
        Self { folder: data.join("index"), library }
    }

    /// Says that an index failed while it was in use: what it says can't be relied on.
    fn failed(&self) -> PathBuf {
        self.folder.with_extension("failed")
    }

    /// Says since which start of the machine the index is open. One that was open when the machine went down can't be
    /// relied on: sled 0.34 writes its pages back without a full sync, and the log is what was made for that.
    fn open_since(&self) -> PathBuf {
        self.folder.with_extension("open")
    }

    /// What the files of a closed index are.
    fn seal(&self) -> PathBuf {
        self.folder.with_extension("seal")
    }

    fn outlived_a_crash_of_the_machine(&self) -> bool {
        fs::read(self.open_since()).is_ok_and(|boot| boot.is_empty() || boot != boot_id())
    }

    fn is_of_another_library(&self) -> bool {
        self.folder.exists() && super::redb::is_in(&self.folder) != (self.library == Library::Redb)
    }

    /// Durable before the library writes anything.
    fn note_open(&self) -> io::Result<()> {
        fs::write(self.open_since(), boot_id())?;
        File::open(self.open_since())?.sync_all()?;
        RealDisk.sync_folder(folder_of(&self.folder))
    }
}

/// Another one after each start of the machine; empty where nobody says.
fn boot_id() -> Vec<u8> {
    fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

impl IndexFolder for IndexPlace {
    fn open(&self) -> Result<Box<dyn Index>> {
        if self.failed().exists() || self.outlived_a_crash_of_the_machine() {
            tracing::warn!("the index is not relied on after a failure or a crash of the machine");
            self.clear()?;
        }
        if self.is_of_another_library() {
            tracing::warn!("the index is kept by another library from now on");
            self.clear()?;
        }
        let seal = if self.folder.exists() { seal::take(&self.seal(), &self.folder)? } else { Seal::Whole };
        if seal == Seal::Broken {
            tracing::warn!("the index is not what it was when it was closed, and is built anew");
            self.clear()?;
        }
        self.note_open()?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let guard = Guard { failed: self.failed() };
        let index: Box<dyn Index> = match self.library {
            Library::Sled => Box::new(super::sled::open(&self.folder, guard)?),
            Library::Redb => Box::new(super::redb::open(&self.folder, guard, seal == Seal::Missing)?),
        };
        let files = Files {
            folder: self.folder.clone(),
            open_since: self.open_since(),
            seal: self.seal(),
            failed: self.failed(),
            is_flushed: AtomicBool::new(false),
            is_sure: AtomicBool::new(seal != Seal::Missing),
        };
        Ok(Box::new(Placed { index, files }))
    }

    fn clear(&self) -> Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        for note in [self.failed(), self.open_since(), self.seal()] {
            match fs::remove_file(note) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// An index that is open, sealed when it is dropped.
struct Placed {
    // Dropped first, so that it writes nothing more when its files are synced.
    index: Box<dyn Index>,
    files: Files,
}

impl Read for Placed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.index.get(key)
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        self.index.page(from, end, limit)
    }
}

impl Index for Placed {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        self.files.is_flushed.store(false, Ordering::Release);
        self.index.apply(writes, sequence)
    }

    fn applied(&self) -> Result<u64> {
        self.index.applied()
    }

    fn seen(&self) -> Result<u64> {
        self.index.seen()
    }

    fn is_sure(&self) -> bool {
        self.files.is_sure.load(Ordering::Acquire)
    }

    fn trust(&self) {
        self.files.is_sure.store(true, Ordering::Release);
    }

    fn distrust(&self, why: &str) {
        note_failure(&self.files.failed, why);
    }

    fn flush(&self) -> Result<()> {
        self.index.flush()?;
        self.files.is_flushed.store(true, Ordering::Release);
        Ok(())
    }
}

/// The files of an index that is open.
struct Files {
    folder: PathBuf,
    open_since: PathBuf,
    seal: PathBuf,
    failed: PathBuf,
    is_flushed: AtomicBool,
    /// A seal would make an index sure that nobody compared since a kill.
    is_sure: AtomicBool,
}

impl Files {
    fn sync(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        RealDisk.sync_folder(&self.folder)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Where anything fails the note stays, and the index is built anew after a crash of the machine.
        let is_flushed = self.is_flushed.load(Ordering::Acquire) && self.is_sure.load(Ordering::Acquire);
        if is_flushed && self.sync().is_ok() && seal::set(&self.seal, &self.folder).is_ok() {
            drop(fs::remove_file(&self.open_since));
        }
    }
}

/// Through this a library is called: after an error or a panic the index can't be relied on until it is built anew, and a note says so.
pub(super) struct Guard {
    failed: PathBuf,
}

impl Guard {
    pub(super) fn call<T, E: Display>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T> {
        let why = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its library panicked".to_owned(),
        };
        note_failure(&self.failed, &why);
        Err(closed(&why))
    }
}

fn note_failure(failed: &Path, why: &str) {
    if let Err(error) = fs::write(failed, why) {
        tracing::warn!(%error, "no note could be left that the index failed");
    }
}

/// The last applied sequence, as an index keeps it.
pub(super) fn sequence(bytes: Option<Vec<u8>>) -> Result<u64> {
    let Some(bytes) = bytes else { return Ok(0) };
    let bytes = bytes.try_into().map_err(|_| closed("its applied sequence has the wrong length"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// How the reason begins where a library failed.
pub(crate) const INDEX_FAILED: &str = "the index failed";

fn closed(why: &str) -> StoreError {
    StoreError::Closed(format!("{INDEX_FAILED}: {why}"))
}

#[cfg(test)]
mod tests;
