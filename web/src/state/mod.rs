//! What the page shows, as signals: one per row, changed at most once per frame.

pub mod choosing;
pub mod figures;
pub mod focus;
pub mod folders;
pub mod page;
pub mod phrases;
pub mod totals;
pub mod words;
