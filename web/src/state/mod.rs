//! What the page shows, as signals: one per row, changed at most once per frame.

pub mod choosing;
pub mod figures;
pub mod focus;
pub mod folders;
pub mod handing;
pub mod limit;
pub mod page;
pub mod phrases;
pub mod qr;
pub mod totals;
pub mod words;
