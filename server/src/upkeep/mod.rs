//! The jobs behind the routes.

mod behind;
mod clock;
mod figures;
mod follower;
mod sweep;

pub(crate) use behind::Behind;
pub(crate) use clock::{Clock, keep_time, note_time};
pub use figures::Figures;
pub(crate) use follower::{Follower, Patience, TURN_BYTES, follow};
#[cfg(test)]
pub(crate) use sweep::sweep_once;
pub(crate) use sweep::{checkpoint, sweep};
