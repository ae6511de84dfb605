//! Many clients at once that send, or read, slowly or not at all.

mod client;
mod slow;
mod stalled;

pub(crate) use self::slow::run as slow;
pub(crate) use self::stalled::run as stalled;
