//! Folders of files: how large, copied, and gone afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Bytes of a block as `stat` counts them, whatever the file system's own are.
const STAT_BLOCK_BYTES: u64 = 512;

/// A folder that is removed with all that is in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one of this name.
    pub(crate) fn new(parent: &Path, name: &str) -> anyhow::Result<Self> {
        let folder = parent.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// What the file system of a folder has left, in bytes.
pub(crate) fn free_bytes(folder: &Path) -> anyhow::Result<u64> {
    let system =
        rustix::fs::statvfs(folder).with_context(|| format!("can't look at {}", folder.display()))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// What the files of a folder take of the disk, in bytes.
pub(crate) fn allocated_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for file in list(folder)? {
        bytes += fs::metadata(file)?.blocks() * STAT_BLOCK_BYTES;
    }
    Ok(bytes)
}

/// The largest file in a folder.
pub(crate) fn largest(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut files = list(folder)?;
    files.sort_by_cached_key(|file| fs::metadata(file).map_or(0, |meta| meta.len()));
    files.pop().with_context(|| format!("{} has no file", folder.display()))
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to)? } else { fs::copy(&from, &to).map(drop)? }
    }
    Ok(())
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(list(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
