//! What the page shows, as signals: one per row, changed at most once per frame.

pub mod choosing;
pub mod figures;
pub mod focus;
pub mod folders;
pub mod identity;
pub mod language;
pub mod library;
pub mod limit;
pub mod notices;
pub mod page;
pub mod phrases;
pub mod place;
pub mod qr;
pub mod rows;
pub mod running;
pub mod totals;
pub mod uploads;
mod watch;
pub mod window;
pub mod words;
