//! Giving a chunk's bytes, so many at a time.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::blocking;
use super::frames::Frames;
use crate::chunk::verify::Check;
use crate::chunk::{ChunkReader, READ_BYTES};
use crate::disk::{Disk, DiskFile};
use crate::error::{Result, StoreError};
use crate::model::{ChunkRecord, Codec, Locator};

/// Gives one chunk.
pub(super) struct DiskReader {
    // `None` only after a failed read: what is left then never comes.
    source: Option<Source>,
    ready: Bytes,
    at_once: usize,
}

struct Source {
    file: Box<dyn DiskFile>,
    form: Form,
    check: Option<Check>,
}

/// How a chunk is read.
pub(super) struct Plan {
    check: Option<Check>,
    /// What one read gives, and one hop to a blocking thread reads, in bytes.
    at_once: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { check: None, at_once: READ_BYTES }
    }
}

impl Plan {
    /// All of it is looked at.
    pub(super) fn verified(record: &ChunkRecord, at_once: usize) -> Self {
        Self { check: Some(Check::new(record)), at_once }
    }
}

enum Form {
    Plain(Stretch),
    Frames(Frames),
}

/// Bytes of a file that are read one after another.
pub(super) struct Stretch {
    pub(super) key: String,
    at: u64,
    left: u64,
}

impl DiskReader {
    /// Opens the file and reads the first bytes, in one hop.
    pub(super) fn open(
        disk: &dyn Disk,
        path: &Path,
        locator: &Locator,
        offset: u32,
        plan: Plan,
    ) -> Result<Self> {
        let file = disk.open(path)?;
        let form = match locator.codec {
            Codec::Plain => Form::Plain(Stretch::new(locator, offset)),
            Codec::Zstd { length } => Form::Frames(Frames::new(locator, length, offset)),
        };
        let Plan { check, at_once } = plan;
        let mut source = Source { file, form, check };
        let ready = source.next(at_once)?;
        Ok(Self { source: Some(source), ready, at_once })
    }
}

impl Source {
    fn is_done(&self) -> bool {
        match &self.form {
            Form::Plain(bytes) => bytes.left == 0,
            Form::Frames(frames) => frames.is_done(),
        }
    }

    fn next(&mut self, at_once: usize) -> Result<Bytes> {
        let read = match &mut self.form {
            Form::Plain(bytes) => {
                let mut read = Vec::new();
                bytes.read(self.file.as_ref(), at_once, &mut read)?;
                read
            }
            Form::Frames(frames) => frames.next(self.file.as_ref(), at_once)?,
        };
        let is_done = self.is_done();
        if let Some(check) = &mut self.check {
            check.take(&read)?;
            if is_done {
                check.end()?;
            }
        }
        Ok(read.into())
    }
}

impl Stretch {
    /// What lies at a locator, from `offset` on, as stored.
    pub(super) fn new(locator: &Locator, offset: u32) -> Self {
        let at = locator.offset + u64::from(offset);
        Self { key: locator.key.clone(), at, left: u64::from(locator.length.saturating_sub(offset)) }
    }

    /// Whether everything was read.
    pub(super) fn is_read(&self) -> bool {
        self.left == 0
    }

    /// Appends the next bytes, so many where there are as many.
    pub(super) fn read(&mut self, file: &dyn DiskFile, wanted: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let wanted = self.left.min(wanted as u64);
        if file.append_at(bytes, usize::try_from(wanted).unwrap_or_default(), self.at)? < wanted {
            return Err(StoreError::Damaged(format!("chunk {} ends too early", self.key)));
        }
        (self.at, self.left) = (self.at + wanted, self.left - wanted);
        Ok(())
    }
}

#[async_trait]
impl ChunkReader for DiskReader {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        if self.ready.is_empty() {
            let failed = || StoreError::Io(io::Error::other("an earlier read of this chunk failed"));
            let mut source = self.source.take().ok_or_else(failed)?;
            if !source.is_done() {
                let at_once = self.at_once;
                (source, self.ready) =
                    blocking(move || source.next(at_once).map(|ready| (source, ready))).await?;
            }
            self.source = Some(source);
        }
        if self.ready.is_empty() {
            return Ok(None);
        }
        // Whole frames may be more.
        Ok(Some(self.ready.split_to(self.ready.len().min(self.at_once))))
    }
}
