//! The HTTP side of Cairn: routes, access, and the jobs behind them.

mod access;
mod app;
mod cairn;
pub mod config;
mod http;
mod page;
mod platform;
mod refusal;
mod stages;
mod upkeep;

pub use app::{Running, start};
pub use cairn::{Cairn, Stores};
pub use config::Config;
