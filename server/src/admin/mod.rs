//! What the operator does on a server: `cairn admin`, through a socket in the data folder while it runs, over the files themselves
//! while it doesn't.

mod check;
mod desk;
mod door;
mod message;
mod owners;
mod remove;
mod scrub;
mod socket;
mod suspects;

pub use desk::Desk;
pub(crate) use door::Door;
pub use message::{Command, Event, Found, Kind, Outcome, OwnerItem, Progress, Share};
pub use socket::connect;
