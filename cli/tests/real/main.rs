//! The real binary: server, `put`, `get`, and clients that people write themselves.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod disk_full;
mod examples;
mod kill;
mod put_get;
mod restart;
mod server;
