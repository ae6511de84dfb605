//! What the committer shares with those who read.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::disk::Lock;
use crate::error::{Result, StoreError};
use crate::meta::index::Index;
use crate::model::GuestLimits;

/// The rows, and whether the store is open.
pub(crate) struct Shared {
    /// The rows.
    pub(crate) index: Box<dyn Index>,
    /// Why the store is closed, once it is.
    pub(crate) closed: OnceLock<String>,
    guests: RwLock<GuestLimits>,
    // Dropped last, so that nobody opens an index that is still in use.
    _lock: Option<Lock>,
}

impl Shared {
    /// An open store over `index`, which nobody else opens while `lock` is held.
    pub(crate) fn new(index: Box<dyn Index>, lock: Option<Lock>) -> Arc<Self> {
        Arc::new(Self { index, closed: OnceLock::new(), guests: RwLock::default(), _lock: lock })
    }

    /// What guests may keep from now on.
    pub(crate) fn limit_guests(&self, limits: GuestLimits) {
        *self.guests.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    pub(super) fn guest_limits(&self) -> GuestLimits {
        *self.guests.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses every verb of a closed store.
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.get() {
            Some(why) => Err(StoreError::Closed(why.clone())),
            None => Ok(()),
        }
    }

    /// Closes the store where the index says that it failed.
    pub(crate) fn judge<T>(&self, done: Result<T>) -> Result<T> {
        if let Err(StoreError::Closed(why)) = &done {
            self.close(why);
        }
        done
    }

    /// Closes the store: it never goes on by itself. The first reason stays.
    pub(crate) fn close(&self, why: &str) {
        if self.closed.set(why.to_owned()).is_ok() {
            tracing::error!(why, "the store closes until it is opened again");
        }
    }
}
