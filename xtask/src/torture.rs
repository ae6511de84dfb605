//! Rounds with changing seeds.

use crate::rounds;
use crate::table::Entry;

/// What `cargo xtask torture` knows.
pub(crate) const ENTRIES: &[Entry] = &[Entry {
    name: "resume",
    about: "tab closed and server killed at changing points, 5 rounds or as many as are given",
    run: rounds::resume,
}];
