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
    Entry {
        name: "resume",
        about: "Chromium killed half way through 1 GB, as a file and as 2,000 files: one click sends what was missing",
        run: bench::resume,
    },
    Entry {
        name: "zeros",
        about: "100 GiB of zeros, or as many GiB as follow, through Chromium: memory stays flat, hardly a byte is sent",
        run: bench::zeros,
    },
];
