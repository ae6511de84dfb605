//! Where Cairn keeps chunks and facts: two traits, their adapters, and nothing of HTTP.

pub mod chunk;
mod disk;
pub mod error;
mod format;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod ground;
pub mod meta;
pub mod model;
#[cfg(test)]
mod tests;
pub mod verify;

pub use chunk::{ChunkCopy, ChunkReader, ChunkStore, ChunkWriter, Described, PackWriter, Staged};
pub use error::{Conflict, StoreError};
pub use meta::MetaStore;
