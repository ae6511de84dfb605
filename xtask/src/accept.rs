//! The big proofs, run once before an issue is resolved.

use crate::bench;
use crate::table::Entry;

/// What `cargo xtask accept` knows.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "memory",
        about: "20 GiB through Chromium: page at most 64 MiB of wasm memory, server at most 150 MiB",
        run: bench::memory_within_limits,
    },
    Entry {
        name: "folder",
        about: "50,000 files in 500 folders through Chromium: the tree on the server is the tree on disk",
        run: bench::folder,
    },
];
