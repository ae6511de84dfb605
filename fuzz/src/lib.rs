//! Targets that need nothing but the public side of a crate. The others are in the crates that they look into.

pub mod shared;
