//! The jobs behind the routes.

mod figures;
mod follower;
mod sweep;

pub use figures::Figures;
pub(crate) use follower::{Follower, TURN_BYTES, follow};
#[cfg(test)]
pub(crate) use sweep::sweep_once;
pub(crate) use sweep::{checkpoint, sweep};
