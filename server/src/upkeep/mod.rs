//! The jobs behind the routes.

mod follower;
mod sweep;

pub(crate) use follower::{Follower, TURN_BYTES, follow};
pub(crate) use sweep::{checkpoint, sweep};
