//! The engine against a simulated server, reader and line, in simulated time.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failing test panics")]

mod faults;
mod full;
mod limit;
mod proof;
mod random;
mod resume;
mod together;
mod upload;
mod world;
