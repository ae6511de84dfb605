//! The jobs behind the routes.

mod follower;
mod sweep;

pub(crate) use follower::{Follower, TURN_BYTES, follow};
#[cfg(test)]
pub(crate) use sweep::sweep_once;
pub(crate) use sweep::{checkpoint, sweep};
