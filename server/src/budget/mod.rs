//! What is counted and refused, so that one guest can't cost everybody.

mod looks;
mod rates;

pub(crate) use looks::LongLooks;
pub(crate) use rates::{ROWS_A_CHECK, ROWS_A_LOOK, Rated, Rates};
