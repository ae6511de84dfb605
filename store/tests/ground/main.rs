//! The parts of a data folder: missing, empty, older, another store's, alone and in pairs, between runs and during one. Nothing that
//! facts name is ever removed, and a start that is refused touches nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod cells;
mod histories;
mod old;
mod world;
