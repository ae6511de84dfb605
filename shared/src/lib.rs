//! The words both sides of Cairn speak. No I/O, no async, no clock, no randomness.

pub mod digest;
pub mod frame;
pub mod hand_over;
pub mod id;
pub mod limits;
pub mod manifest;
pub mod message;
pub mod name;
pub mod problem;
pub mod proof;
pub mod ranges;
pub mod route;
pub mod rule;
pub mod secret;
mod text;
mod visible;

pub use digest::{BlobDigest, ChunkDigest, ManifestDigest};
pub use hand_over::HandOver;
pub use id::{ClientKey, FileId, FolderId, LinkId, OwnerId, SessionId};
pub use manifest::{Manifest, Row};
pub use name::{MediaType, Name, RelPath};
pub use problem::{Problem, ProblemCode};
pub use proof::{Proof, ProofKey};
pub use ranges::Ranges;
pub use rule::ChunkRule;
pub use secret::{Bearer, LinkToken};

/// Milliseconds since 1970-01-01T00:00:00Z, the one form of time on the wire and in the store.
pub type UnixMs = u64;
