//! The HTTP side of Cairn: routes, access, and the jobs behind them.

mod access;
pub mod admin;
mod app;
mod budget;
mod cairn;
pub mod config;
mod content;
mod dedup;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod http;
mod page;
mod platform;
mod refusal;
mod space;
mod stages;
#[cfg(test)]
mod tests;
mod upkeep;
mod waiting;
mod wiring;

pub use app::{Ended, Running, Stop, start, start_again};
pub use cairn::{Cairn, Stores};
pub use config::Config;
pub use upkeep::Figures;
