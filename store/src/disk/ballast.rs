//! Space that is taken while there is plenty, and given back when a full disk would keep even deletes from being noted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, Space, facts_reserve, folder_of};

/// The file `ballast` in the data folder: it holds nothing but its space.
pub(crate) struct Ballast {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Ballast {
    /// In the folder `data`.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path) -> Self {
        Self { disk, path: data.join("ballast") }
    }

    /// Takes half as much again as facts leave free, where eight times that is there.
    pub(crate) fn take(&self) -> io::Result<()> {
        let Space { total, free } = self.disk.space(folder_of(&self.path))?;
        let bytes = facts_reserve(total) / 2 * 3;
        if free / 8 < bytes {
            return Ok(());
        }
        match self.disk.create(&self.path) {
            // A file without space would only look like some.
            Ok(mut file) => file.reserve(bytes).inspect_err(|_| drop(self.disk.remove(&self.path))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives the space back; false where there was none.
    pub(crate) fn give_back(&self) -> bool {
        let is_given = self.disk.remove(&self.path).is_ok();
        if is_given {
            tracing::warn!("the disk is full; the ballast is given back, so that facts can still be noted");
        }
        is_given
    }
}
