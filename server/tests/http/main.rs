//! Every route over real sockets, against memory stores; against a folder where what is on disk is the question.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod access;
mod batch;
mod behind;
mod body;
mod channel;
mod damage;
mod declared;
mod dedup;
mod download;
mod folder;
mod folder_link;
mod guests;
mod heads;
mod matrix;
mod owner_files;
mod page;
mod plain;
mod refusals;
mod run;
mod site;
mod space;
mod start;
mod upkeep;
