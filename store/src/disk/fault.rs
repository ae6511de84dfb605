//! Faults at every step: an error, or the end of the process, before or after the n-th operation of a kind.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "faults")]
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Disk, DiskFile, Entry, Lock, Space};
use crate::error::Result;

/// Which side of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// It was not begun.
    Before,
    /// It succeeded, and nobody was told.
    After,
}

/// What happens instead of, or behind, an operation.
pub(crate) trait Plan: Send + Sync + 'static {
    /// Asked before and after each operation of the kind `point`, such as `log.sync`.
    fn at(&self, point: &str, when: When) -> io::Result<()>;
}

/// A disk on which things go wrong.
pub(crate) struct Faulty {
    disk: Arc<dyn Disk>,
    plan: Arc<dyn Plan>,
}

impl Faulty {
    /// `disk`, and what goes wrong on it.
    pub(crate) fn new(disk: Arc<dyn Disk>, plan: Arc<dyn Plan>) -> Self {
        Self { disk, plan }
    }

    fn point<T>(&self, path: &Path, verb: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        around(self.plan.as_ref(), &name(path, verb), work)
    }

    fn file(&self, path: &Path, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { file, plan: self.plan.clone(), path: path.to_owned() })
    }
}

fn around<T>(plan: &dyn Plan, point: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    plan.at(point, When::Before)?;
    let done = work()?;
    plan.at(point, When::After)?;
    Ok(done)
}

/// The part of the data folder that a path belongs to, and what is done there.
fn name(path: &Path, verb: &str) -> String {
    let parts: Vec<_> =
        path.components().rev().take(3).filter_map(|part| part.as_os_str().to_str()).collect();
    let in_folder =
        |names: &[&str]| parts.iter().take(2).copied().find(|part| names.contains(part)).map(str::to_owned);
    let area = in_folder(&["log", "snapshot", "chunks", "tmp"])
        .or_else(|| parts.get(2).filter(|part| **part == "chunks").map(|part| (*part).to_owned()));
    format!("{}.{verb}", area.as_deref().unwrap_or("data"))
}

impl Disk for Faulty {
    fn make_folder(&self, folder: &Path) -> io::Result<bool> {
        self.point(folder, "make_folder", || self.disk.make_folder(folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.point(folder, "sync_folder", || self.disk.sync_folder(folder))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.point(folder, "list", || self.disk.list(folder))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.point(path, "create", || self.disk.create(path))?;
        Ok(self.file(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.point(path, "open", || self.disk.open(path))?;
        Ok(self.file(path, file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.point(to, "rename", || self.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.point(path, "remove", || self.disk.remove(path))
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        self.disk.space(folder)
    }

    fn identity(&self, folder: &Path) -> io::Result<Option<(u64, u64)>> {
        self.disk.identity(folder)
    }

    fn lock(&self, path: &Path) -> Result<Lock> {
        self.disk.lock(path)
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    plan: Arc<dyn Plan>,
    path: PathBuf,
}

impl DiskFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Self { file, plan, path } = self;
        around(plan.as_ref(), &name(path, "write"), || file.write_at(bytes, offset))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        around(self.plan.as_ref(), &name(&self.path, "read"), || self.file.read_at(buffer, offset))
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        let Self { file, plan, path } = self;
        around(plan.as_ref(), &name(path, "set_length"), || file.set_length(length))
    }

    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let Self { file, plan, path } = self;
        around(plan.as_ref(), &name(path, "reserve"), || file.reserve(end))
    }

    fn punch(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let Self { file, plan, path } = self;
        around(plan.as_ref(), &name(path, "punch"), || file.punch(offset, length))
    }

    fn sync(&mut self) -> io::Result<()> {
        let Self { file, plan, path } = self;
        around(plan.as_ref(), &name(path, "sync"), || file.sync())
    }
}

/// One fault: at the n-th operation of a kind.
#[cfg(feature = "faults")]
struct Once {
    point: String,
    when: When,
    left: AtomicU64,
    outcome: Outcome,
}

#[cfg(feature = "faults")]
#[derive(Clone, Copy)]
enum Outcome {
    /// The process ends at once, as by SIGKILL.
    Kill,
    /// The operation fails with this error of the system's.
    Error(i32),
}

#[cfg(feature = "faults")]
impl Plan for Once {
    fn at(&self, point: &str, when: When) -> io::Result<()> {
        if point != self.point || when != self.when || self.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return Ok(());
        }
        match self.outcome {
            Outcome::Error(code) => Err(io::Error::from_raw_os_error(code)),
            Outcome::Kill => {
                let own = rustix::process::getpid();
                // Where a process can't even kill itself, ending without any clean-up comes closest.
                let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
                std::process::abort()
            }
        }
    }
}

/// `CAIRN_FAULT=log.sync:before:3:kill`, or an errno instead of `kill`. Anything else is no plan.
#[cfg(feature = "faults")]
pub(super) fn from_environment() -> Option<Arc<dyn Plan>> {
    let text = std::env::var("CAIRN_FAULT").ok()?;
    let mut fields = text.split(':');
    let point = fields.next()?.to_owned();
    let when = match fields.next()? {
        "before" => When::Before,
        "after" => When::After,
        _ => return None,
    };
    let left = AtomicU64::new(fields.next()?.parse().ok()?);
    let outcome = match fields.next()? {
        "kill" => Outcome::Kill,
        code => Outcome::Error(code.parse().ok()?),
    };
    Some(Arc::new(Once { point, when, left, outcome }))
}
