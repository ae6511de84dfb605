//! The ground that a store stands on: the parts of its data folder, whose each is, and whether they belong together.
//!
//! Nothing that is stored is ever removed because something else is missing: a start that does not find one whole store
//! says what it misses and touches nothing, a new store is founded in an empty folder alone, and what a sweep may remove is
//! bound to the store's id (docs/STORAGE.md, "The parts and whose they are").

mod adopt;
mod agree;
mod found;
mod id;
pub(crate) mod kept;
pub(crate) mod mark;
mod open;
mod parts;
pub(crate) mod runs;
mod secret;
mod survey;
mod verdict;
pub(crate) mod witness;

use std::path::Path;
use std::sync::Arc;

pub(crate) use self::parts::Parts;
pub(crate) use self::survey::Places;
use self::survey::Survey;
use self::verdict::{Verdict, judge};
use self::witness::Seen;
use crate::disk::{Disk, Lock, make_folders};
use crate::error::{Result, StoreError};

pub use adopt::{Adoption, adopt};
pub use id::StoreId;
pub use open::{Fresh, Opened, Options, open};
pub use secret::SECRET_BYTES;

/// A data folder whose parts make one store, or one from before stores had an id. Nobody else opens it meanwhile.
pub(crate) struct Ground {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) places: Places,
    /// `None` in a folder from before stores had an id.
    pub(crate) owner: Option<Owner>,
    /// For a run that begins now.
    pub(crate) run: [u8; 16],
    pub(crate) secret: [u8; SECRET_BYTES],
    pub(crate) lock: Lock,
}

/// Whose folder it is, and how far the log was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) store: StoreId,
    pub(crate) seen: Seen,
}

impl Ground {
    /// Looks at the folder `data`, founds a store where it is empty and that is allowed, and takes the lock. `Apart` where the
    /// parts don't make one store: nothing was touched then. `Closed` where another server uses it.
    pub(crate) fn enter(disk: Arc<dyn Disk>, data: &Path, may_found: bool, fresh: &Fresh) -> Result<Self> {
        let places = Places::new(data);
        let look = |disk: &dyn Disk| judge(&Survey::take(disk, &places)?, &places);
        // Before the lock's file is made: a folder that is no store's stays as it is.
        if let Verdict::New(_) = look(disk.as_ref())? {
            if !may_found {
                let data = data.display();
                return Err(StoreError::Apart(format!(
                    "The data folder {data} is empty, and a store was open there. Is its disk mounted?"
                )));
            }
            make_folders(disk.as_ref(), data)?;
        }
        let lock = disk.lock(&data.join("lock"))?;
        if let Verdict::New(begun) = look(disk.as_ref())? {
            if !may_found {
                return Err(StoreError::Apart(format!("The data folder {} was emptied.", data.display())));
            }
            let store = begun.unwrap_or(StoreId::new(fresh.store));
            found::found(disk.as_ref(), &places, store, &fresh.secret)?;
            tracing::info!(store = %store, "a new store was founded in {}: nothing of one lay there", data.display());
        }
        let verdict = look(disk.as_ref())?;
        let secret = match secret::read(disk.as_ref(), data)? {
            secret::Found::Secret(secret) => secret,
            secret::Found::Missing | secret::Found::WrongLength(_) => {
                return Err(StoreError::Apart(format!("{} went away.", secret::path(data).display())));
            }
        };
        let owner = match verdict {
            Verdict::Whole { store, seen } => Some(Owner { store, seen }),
            Verdict::Old(_) => None,
            Verdict::New(_) => {
                return Err(StoreError::Apart(format!("{} stays empty.", data.display())));
            }
        };
        if owner.is_some() {
            found::end(disk.as_ref(), &places)?;
        }
        Ok(Self { disk, places, owner, run: fresh.run, secret, lock })
    }
}
