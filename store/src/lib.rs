//! Where Cairn keeps chunks and facts: two traits, their adapters, and nothing of HTTP.

pub mod chunk;
mod disk;
pub mod error;
pub mod meta;
pub mod model;

pub use chunk::{ChunkReader, ChunkStore, ChunkWriter, Staged};
pub use error::{Conflict, StoreError};
pub use meta::MetaStore;
