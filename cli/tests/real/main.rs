//! The real binary: server, `put`, `get`, and clients that people write themselves.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod admin;
mod churn;
mod disk_full;
mod disks;
mod examples;
mod facts;
mod folders;
mod full;
#[expect(dead_code, unreachable_pub, reason = "a browser needs more of it, and it is another crate's")]
#[path = "../../../e2e/src/gate.rs"]
mod gate;
mod get;
mod ground;
mod guests;
mod hand_over;
mod held;
mod kill;
mod line;
mod no_space;
mod nth;
mod odd;
mod points;
mod power;
mod proxies;
mod proxy;
mod put_get;
mod restart;
mod same_calls;
mod server;
mod stats;
mod stream;
mod verify;
#[expect(dead_code, reason = "a browser needs more of it")]
#[path = "../../../e2e/src/way.rs"]
mod way;
