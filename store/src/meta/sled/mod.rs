//! The index in sled 0.34: one tree, which holds the rows and the last applied sequence.

mod seal;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sled::{Batch, Config, Db, Mode};

use crate::disk::folder_of;
use crate::error::{Result, StoreError};
use crate::meta::index::{Index, Writes};
use crate::meta::open::IndexFolder;
use crate::meta::read::{Entry, Read};

/// Memory that sled may use for pages, in bytes.
const CACHE_BYTES: u64 = 128 * 1_024 * 1_024;

/// Rows that sled is given at once: it keeps every page that a batch replaces until its end, some KiB for each row.
const BATCH_ROWS: usize = 2_000;

/// Under this key lies the last applied sequence; no kind of row is 0.
const APPLIED_KEY: &[u8] = &[0];

/// Rows in a sled tree. Unflushed writes may be lost: the log has them.
struct SledIndex {
    // Dropped first, so that it writes nothing more when its files are synced.
    db: Db,
    files: Files,
}

impl SledIndex {
    fn guard<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        guard(&self.files.failed, call)
    }

    /// Has sled free what a batch of `rows` rows replaced in memory: a page for each. Only every 128th call frees some,
    /// and no more than 512 objects; a batch is one call. Without as many others, what batches leave piles up.
    fn release(&self, rows: usize) -> sled::Result<()> {
        for _ in 0..rows {
            self.db.get(APPLIED_KEY)?;
        }
        Ok(())
    }
}

/// sled's files, which it writes and never waits for.
struct Files {
    folder: PathBuf,
    failed: PathBuf,
    open_since: PathBuf,
    seal: PathBuf,
    is_flushed: AtomicBool,
}

impl Files {
    fn sync(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Where anything fails the note stays, and the index is built anew after a crash of the machine.
        let is_flushed = self.is_flushed.load(Ordering::Acquire);
        if is_flushed && self.sync().is_ok() && seal::set(&self.seal, &self.folder).is_ok() {
            drop(fs::remove_file(&self.open_since));
        }
    }
}

/// Where sled's files lie. Sled writes them itself, since they may be lost.
pub(crate) struct SledFolder {
    folder: PathBuf,
}

impl SledFolder {
    /// `index/` in the data folder.
    pub(crate) fn new(data: &Path) -> Self {
        Self { folder: data.join("index") }
    }

    /// Says that an index failed while it was in use: what it says can't be relied on.
    fn failed(&self) -> PathBuf {
        self.folder.with_extension("failed")
    }

    /// Says since which start of the machine the index is open. One that was open when the machine went down can't be
    /// relied on: sled 0.34 writes its pages back without a full sync.
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

    /// Durable before sled writes anything.
    fn note_open(&self) -> io::Result<()> {
        fs::write(self.open_since(), boot_id())?;
        File::open(self.open_since())?.sync_all()?;
        File::open(folder_of(&self.folder))?.sync_all()
    }
}

/// Another one after each start of the machine; empty where nobody says.
fn boot_id() -> Vec<u8> {
    fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

impl IndexFolder for SledFolder {
    fn open(&self) -> Result<Box<dyn Index>> {
        if self.failed().exists() || self.outlived_a_crash_of_the_machine() {
            tracing::warn!("the index is not relied on after a failure or a crash of the machine");
            self.clear()?;
        }
        if self.folder.exists() && !seal::take(&self.seal(), &self.folder)? {
            tracing::warn!("the index is not what it was when it was closed, and is built anew");
            self.clear()?;
        }
        self.note_open()?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let config = Config::new()
            .path(&self.folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(Mode::HighThroughput);
        let failed = self.failed();
        let db = guard(&failed, || config.open())?;
        let files = Files {
            folder: self.folder.clone(),
            failed,
            open_since: self.open_since(),
            seal: self.seal(),
            is_flushed: AtomicBool::new(false),
        };
        let index = SledIndex { db, files };
        index.applied()?;
        Ok(Box::new(index))
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

impl Read for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.guard(|| self.db.get(key))?.map(|value| value.to_vec()))
    }

    fn page(&self, from: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>> {
        if from >= end {
            return Ok(Vec::new());
        }
        self.guard(|| {
            let entries = self.db.range(from..end).take(limit);
            entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }
}

impl Index for SledIndex {
    fn apply(&self, writes: &Writes, sequence: u64) -> Result<()> {
        self.files.is_flushed.store(false, Ordering::Release);
        let mut rows = writes.iter();
        while rows.len() > 0 {
            let mut batch = Batch::default();
            let count = rows.len().min(BATCH_ROWS);
            for (key, value) in rows.by_ref().take(count) {
                match value {
                    Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                    None => batch.remove(key.as_slice()),
                }
            }
            self.guard(|| {
                self.db.apply_batch(batch)?;
                self.release(count)
            })?;
        }
        self.guard(|| self.db.insert(APPLIED_KEY, &sequence.to_be_bytes()))?;
        Ok(())
    }

    fn applied(&self) -> Result<u64> {
        match self.get(APPLIED_KEY)? {
            None => Ok(0),
            Some(bytes) => {
                let bytes = bytes.try_into();
                let bytes = bytes.map_err(|_| closed("its applied sequence has the wrong length"))?;
                Ok(u64::from_be_bytes(bytes))
            }
        }
    }

    fn flush(&self) -> Result<()> {
        self.guard(|| self.db.flush())?;
        self.files.is_flushed.store(true, Ordering::Release);
        Ok(())
    }
}

/// Calls sled; an error or a panic means that the index can't be relied on until it is rebuilt, and leaves a note that
/// says so.
fn guard<T>(failed: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    let why = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "sled panicked".to_owned(),
    };
    if let Err(error) = fs::write(failed, &why) {
        tracing::warn!(%error, "no note could be left that the index failed");
    }
    Err(closed(&why))
}

fn closed(why: &str) -> StoreError {
    StoreError::Closed(format!("the index failed: {why}"))
}
