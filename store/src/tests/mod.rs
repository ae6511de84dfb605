//! Tests over the whole store, with disks and indexes that only tests have.

mod bits;
mod power;
pub(crate) mod random;
mod seeds;
mod world;
