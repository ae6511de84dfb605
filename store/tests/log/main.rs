//! What the log promises: whatever happens to process or index, every acknowledged verb is there again.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod flips;
mod folder;
mod format;
mod random;
mod reopen;
mod torn;
mod world;
