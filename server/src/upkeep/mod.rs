//! The jobs behind the routes.

mod behind;
mod figures;
mod follower;
mod sweep;

pub(crate) use behind::Behind;
pub use figures::Figures;
pub(crate) use follower::{Follower, Patience, TURN_BYTES, follow};
#[cfg(test)]
pub(crate) use sweep::sweep_once;
pub(crate) use sweep::{checkpoint, sweep};
