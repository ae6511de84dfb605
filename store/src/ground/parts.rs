//! The folders of an open store: whether they still lie where they were.

use std::path::PathBuf;
use std::sync::Arc;

use super::Places;
use crate::disk::Disk;
use crate::error::{Result, StoreError};

/// What lay where when the store was opened; clones are the same.
#[derive(Clone)]
pub(crate) struct Parts(Arc<[Part]>);

struct Part {
    folder: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Parts {
    /// Looks at the folders that are there.
    pub(crate) fn new(disk: &dyn Disk, places: &Places) -> Result<Self> {
        let mut parts = Vec::new();
        for folder in [&places.data, &places.log, &places.snapshots] {
            parts.push(Part { folder: folder.clone(), identity: disk.identity(folder)? });
        }
        // A test may have facts without chunks.
        if let Ok(identity) = disk.identity(&places.chunks) {
            parts.push(Part { folder: places.chunks.clone(), identity });
        }
        Ok(Self(parts.into()))
    }

    /// `Closed` where another folder lies in the place of one, or none: what is written by name from now on would come elsewhere.
    pub(crate) fn check(&self, disk: &dyn Disk) -> Result<()> {
        for Part { folder, identity } in self.0.iter() {
            let now = disk.identity(folder);
            let folder = folder.display();
            match now {
                Ok(now) if now == *identity => {}
                Ok(_) => return Err(StoreError::Closed(format!("another folder lies at {folder} now"))),
                Err(error) => return Err(StoreError::Closed(format!("{folder} is away: {error}"))),
            }
        }
        Ok(())
    }
}
