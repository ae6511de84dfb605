//! Many clients and one server in simulated time: every route in this process, every engine real, and a line that loses,
//! delays, doubles and reorders.

mod client;
mod random;
pub(crate) mod site;
mod world;
