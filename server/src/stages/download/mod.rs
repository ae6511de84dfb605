//! `GET /d/{token}`: the share pages and the bytes.

mod conditions;
#[cfg(test)]
mod ends;
mod haste;
mod list;
mod media;
mod page;
pub(crate) mod route;
mod service;
mod shelf;
mod starts;
mod tree;
mod tree_page;

pub(crate) use haste::Lanes;
pub(crate) use starts::Starts;
