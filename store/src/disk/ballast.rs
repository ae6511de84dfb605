//! Space that is taken while there is plenty, and given back when a full disk would keep even deletes from being noted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, Space, folder_of, reserve};

/// The file `ballast` in the data folder: it holds nothing but its space.
pub(crate) struct Ballast {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    /// It is there with all of its space. One that was found may have been left by a kill before it had any.
    is_whole: bool,
}

impl Ballast {
    /// In the folder `data`.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path) -> Self {
        Self { disk, path: data.join("ballast"), is_whole: false }
    }

    /// Takes half as much again as always stays free, so that removals have that half where others took all of the rest. Only
    /// where three times that is there: a disk that was full must not come to be so again by this.
    pub(crate) fn take(&mut self) -> io::Result<()> {
        let Space { total, free } = self.disk.space(folder_of(&self.path))?;
        let bytes = reserve(total) / 2 * 3;
        if self.is_whole || free / 3 < bytes {
            return Ok(());
        }
        let file = match self.disk.create(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.disk.open(&self.path),
            made => made,
        };
        // A file without space would only look like some.
        file?.reserve(bytes).inspect_err(|_| drop(self.disk.remove(&self.path)))?;
        self.is_whole = true;
        Ok(())
    }

    /// Gives the space back; false where there was none.
    pub(crate) fn give_back(&mut self) -> bool {
        self.is_whole = false;
        let is_given = self.disk.remove(&self.path).is_ok();
        if is_given {
            let path = self.path.display();
            tracing::warn!("{path} is given back, so that a full disk still takes deletes");
        }
        is_given
    }
}
