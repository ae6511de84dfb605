//! What a person set in this browser, kept for later visits.

use gloo_storage::{LocalStorage, Storage};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A setting; nothing where it was never kept, or can't be read.
pub fn load<T: DeserializeOwned>(name: &str) -> Option<T> {
    LocalStorage::get(name).ok()
}

/// Keeps a setting. A browser that keeps nothing forgets it with this visit.
pub fn save(name: &str, value: &impl Serialize) {
    let _ = LocalStorage::set(name, value);
}
