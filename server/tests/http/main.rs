//! Every route over real sockets, against memory stores.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod access;
mod body;
mod declared;
mod download;
mod matrix;
mod owner_files;
mod page;
mod plain;
mod site;
mod start;
mod upkeep;
