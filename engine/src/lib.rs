//! The client's side of an upload as a state machine: no I/O, no async, no clock, no randomness.
//!
//! A shell feeds [`Engine::handle`] with what happened and the time, carries out every effect that
//! [`Engine::poll_effect`] gives, and calls back with [`Input::Tick`] at [`Engine::poll_timeout`].

pub mod cutter;
mod effect;
mod engine;
pub mod folder;
pub mod identity;
mod input;
pub mod journal;
mod line;
mod meter;
mod pace;
mod view;

pub use effect::{BatchCall, BatchChunk, Call, ChunkRef, Effect};
pub use engine::{Config, Engine};
pub use input::{Failure, Input, PassFailure, Reply, Source};
pub use journal::JournalEntry;
pub use view::{State, Trouble, View};

/// Milliseconds on a clock that never goes back, counted from any moment of the shell's choice.
pub type Now = u64;

/// One upload, numbered by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(pub u32);

/// One request on its way, numbered by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// One reading of a file from its first byte, numbered by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PassId(pub u32);
