//! Tests over the whole store, with disks and indexes that only tests have.

mod bits;
mod faults;
mod power;
pub(crate) mod random;
mod schedules;
mod seeds;
mod tree;
pub(crate) mod world;
