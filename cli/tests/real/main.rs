//! The real binary: server, `put`, `get`, and clients that people write themselves.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod churn;
mod disk_full;
mod disks;
mod examples;
mod facts;
mod folders;
mod guests;
mod hand_over;
mod kill;
mod line;
mod no_space;
mod nth;
mod points;
mod power;
mod proxies;
mod proxy;
mod put_get;
mod restart;
mod same_calls;
mod server;
mod stats;
mod verify;
